package console

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"

	"github.com/restorefs/restorefs/cmd/wording"
)

// sentences writes what is logged as people read it: a line each, with what went wrong behind a
// colon and what it is about in parentheses. It has no times: who watches knows them, and a journal
// adds them.
type sentences struct {
	mu    *sync.Mutex
	w     io.Writer
	level slog.Level
	about []slog.Attr
	group string // before the names of what is added
}

// Enabled implements slog.Handler.
func (s *sentences) Enabled(_ context.Context, level slog.Level) bool { return level >= s.level }

// WithAttrs implements slog.Handler.
func (s *sentences) WithAttrs(attrs []slog.Attr) slog.Handler {
	more := *s
	more.about = append([]slog.Attr(nil), s.about...)
	for _, a := range attrs {
		a.Key = s.group + a.Key
		more.about = append(more.about, a)
	}
	return &more
}

// WithGroup implements slog.Handler.
func (s *sentences) WithGroup(name string) slog.Handler {
	more := *s
	if name != "" {
		more.group += name + "."
	}
	return &more
}

// causes are the attributes that say what went wrong.
var causes = map[string]bool{"err": true, "reason": true, "error": true}

// Handle implements slog.Handler.
func (s *sentences) Handle(_ context.Context, r slog.Record) error {
	text, about := inOneLine(r.Message), []string{}
	add := func(a slog.Attr) bool {
		switch value := inOneLine(a.Value.Resolve().String()); {
		case a.Key == "" || value == "":
		case causes[a.Key[strings.LastIndexByte(a.Key, '.')+1:]]:
			text += ": " + value
		default:
			about = append(about, a.Key+" "+value)
		}
		return true
	}
	for _, a := range s.about {
		add(a)
	}
	r.Attrs(func(a slog.Attr) bool {
		a.Key = s.group + a.Key
		return add(a)
	})
	if len(about) > 0 {
		text += " (" + strings.Join(about, ", ") + ")"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := fmt.Fprintf(s.w, "%s: %s\n", levelWord(r.Level), wording.Printable(text))
	return err
}

// inOneLine returns text without ends of lines: several errors that are joined, or the frames of a
// stack, are parts of one sentence. It is cut where it is very long, so that what else is to be
// said has its place.
func inOneLine(text string) string {
	if strings.Contains(text, "\n") {
		var one strings.Builder
		between := ""
		for line := range strings.SplitSeq(text, "\n") {
			if line = strings.TrimSpace(line); line == "" {
				continue
			}
			one.WriteString(between + line)
			if between = "; "; strings.HasSuffix(line, ":") {
				between = " "
			}
		}
		text = one.String()
	}
	return wording.Cut(text, wording.MaxLine)
}

func levelWord(l slog.Level) string {
	switch {
	case l >= slog.LevelError:
		return "error"
	case l >= slog.LevelWarn:
		return "warning"
	case l >= slog.LevelInfo:
		return "info"
	}
	return "debug"
}
