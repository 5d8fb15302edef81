package browse

import (
	"io"
	"time"

	"github.com/restorefs/restorefs/cmd/console"
)

const (
	linesBytes = 32 << 10
	// linesWait is for how long lines are gathered while others follow them: what is found now and
	// then is seen at once.
	linesWait = 100 * time.Millisecond
)

// lines gathers the lines of a listing: a write for each of 10,000 takes longer than finding them.
type lines struct {
	w     io.Writer
	wait  time.Duration
	text  []byte
	begun time.Time // when what was written last was
}

// gather has what a listing prints gathered until the function that it returns is called. A
// terminal gets each line as it comes.
func (b *browser) gather() (end func() error) {
	if console.OutIsTerminal() {
		return func() error { return nil }
	}
	to := b.out
	b.lines = &lines{w: to, wait: linesWait}
	b.out = b.lines
	return func() error {
		err := b.lines.flush()
		b.out, b.lines = to, nil
		return err
	}
}

// Write implements io.Writer. Its error can be that of what was written before.
func (l *lines) Write(p []byte) (int, error) {
	l.text = append(l.text, p...)
	if len(l.text) < linesBytes && time.Since(l.begun) < l.wait {
		return len(p), nil
	}
	return len(p), l.flush()
}

// flush writes what was gathered. l may be nil.
func (l *lines) flush() error {
	if l == nil || len(l.text) == 0 {
		return nil
	}
	l.begun = time.Now()
	_, err := l.w.Write(l.text)
	l.text = l.text[:0]
	return err
}
