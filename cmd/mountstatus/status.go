package mountstatus

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/restorefs/restorefs/cmd/serve"
	"github.com/restorefs/restorefs/cmd/wording"
	"github.com/restorefs/restorefs/fusefs"
)

// Mount is a mount in the JSON of the status command; its fields are a contract.
type Mount struct {
	Mountpoint string        `json:"mountpoint"`
	State      string        `json:"state"` // Serving, Silent or Dead
	Servers    []int         `json:"servers"`
	Uptime     float64       `json:"uptime_seconds"`
	Advice     string        `json:"advice,omitempty"`
	Server     *serve.Status `json:"server,omitempty"` // its own report
}

// States of a mount.
const (
	Serving = "serving"
	Silent  = "not answering"
	Dead    = "dead"
)

// Look looks at mounts: those on the directories, all of this machine if none is named. It takes as
// long as the slowest of them, answerTime at most.
func Look(dirs []string) ([]Mount, error) {
	mounts, err := fusefs.Mounts()
	if err != nil {
		return nil, err
	}
	if len(dirs) > 0 {
		if mounts, err = chosen(mounts, dirs); err != nil {
			return nil, err
		}
	}
	list := make([]Mount, len(mounts))
	done := make(chan struct{})
	for i, m := range mounts {
		go func() { list[i] = lookAt(m); done <- struct{}{} }()
	}
	for range mounts {
		<-done
	}
	return list, nil
}

// answerTime is how long a mount may take to answer.
const answerTime = 3 * time.Second

// chosen returns the mounts on the directories, without looking into them.
func chosen(mounts []fusefs.MountInfo, dirs []string) (chosen []fusefs.MountInfo, err error) {
	for _, dir := range dirs {
		abs, err := filepath.Abs(dir)
		if err != nil {
			return nil, err
		}
		// The last part is not resolved, because the server of a mount there may hang.
		if parent, err := filepath.EvalSymlinks(filepath.Dir(abs)); err == nil {
			abs = filepath.Join(parent, filepath.Base(abs))
		}
		i := slices.IndexFunc(mounts, func(m fusefs.MountInfo) bool { return m.Mountpoint == abs })
		if i < 0 {
			return nil, fmt.Errorf("%s: %w: \"restorefs status\" lists those there are", dir,
				fusefs.ErrNotMounted)
		}
		chosen = append(chosen, mounts[i])
	}
	return chosen, nil
}

func lookAt(m fusefs.MountInfo) Mount {
	s := Mount{Mountpoint: m.Mountpoint, Servers: m.Servers()}
	if s.Servers == nil {
		s.Servers = []int{}
	}
	type answer struct {
		text []byte
		err  error
	}
	answers := make(chan answer, 1) // buffered: the reader of a mount that hangs is left behind
	go func() {
		text, err := readAnswer(filepath.Join(m.Mountpoint, fusefs.StatusFile))
		answers <- answer{text, err}
	}()
	select {
	case a := <-answers:
		var f serve.Status
		switch {
		case a.err == nil && json.Unmarshal(a.text, &f) == nil:
			s.State, s.Server = Serving, &f
			s.Uptime = time.Since(f.Started).Truncate(time.Second).Seconds()
		case errors.Is(a.err, syscall.ENOTCONN), errors.Is(a.err, syscall.ECONNABORTED):
			s.State = Dead
			s.Advice = fmt.Sprintf("its server is gone; \"restorefs unmount %s\" clears it away, "+
				"and so does mounting there again",
				m.Mountpoint)
		case errors.Is(a.err, fs.ErrPermission):
			s.State, s.Advice = Serving, "only the user who mounted it may look into it"
		default:
			s.State, s.Advice = Serving, "it does not tell about itself"
		}
	case <-time.After(answerTime):
		s.State = Silent
		s.Advice = fmt.Sprintf(
			"its server hangs, or the share does; see the server's log, or end it: "+
				"\"restorefs unmount --lazy %s\" and kill its process",
			m.Mountpoint)
	}
	return s
}

// readAnswer reads the report of a mount. It is bounded, because a mount may belong to any user and
// give any answer, even an endless one.
func readAnswer(path string) ([]byte, error) {
	const most = 1 << 20
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, most))
}

// countWords says how many backups there are and which of them have a problem.
func countWords(f *serve.Status) string {
	text := fmt.Sprintf("%s, %d with a problem", wording.Count(f.Backups, "backup"), f.Problems)
	if len(f.Problem) > 0 {
		ids := strings.Join(f.Problem, ", ")
		if f.Problems > len(f.Problem) {
			ids += ", ..."
		}
		text += " (" + ids + ")"
	}
	if f.Incomplete > 0 {
		text += fmt.Sprintf(", %d not complete", f.Incomplete)
	}
	return text
}

// String is a line for people, which steers no terminal.
func (s Mount) String() string {
	parts := []string{s.State}
	if f := s.Server; f != nil {
		parts[0] += fmt.Sprintf(" for %s", time.Duration(s.Uptime)*time.Second)
		parts = append(parts, fmt.Sprintf("process %d", f.PID), "share "+f.Share, countWords(f),
			wording.Count(f.OpenVolumes, "disk")+" open")
		parts = append(parts, Words(&f.Figures)...)
		if f.Overlay != "" {
			parts = append(parts, "writes go to "+f.Overlay)
		}
		if f.LookError != "" {
			parts = append(parts, fmt.Sprintf("the share cannot be looked at since %s: %s",
				f.Looked.Format(time.DateTime), f.LookError))
		}
	} else if len(s.Servers) > 0 {
		parts = append(parts, "process "+strings.Trim(fmt.Sprint(s.Servers), "[]"))
	}
	if s.Advice != "" {
		parts = append(parts, s.Advice)
	}
	return wording.Printable(s.Mountpoint + "  " + strings.Join(parts, "; "))
}
