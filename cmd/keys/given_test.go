package keys

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestReadingAPassphraseEndsWithItsContext(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := unix.Dup(int(r.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	for name, o := range map[string]Options{
		"a pipe that nobody writes to": {FD: strconv.Itoa(theirs)},
		"a fifo that nobody opens":     {File: fifo},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		_, err := o.read(ctx, slog.New(slog.DiscardHandler))
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.Close()                                   // ends the one read
	f, err := os.OpenFile(fifo, os.O_WRONLY, 0) // and the other
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}

func TestAKeyOnTheStandardInputLeavesNoneFree(t *testing.T) {
	saved, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		unix.Dup3(saved, 0, 0)
		unix.Close(saved)
	}()
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if err := unix.Dup3(int(in.Fd()), 0, 0); err != nil {
		t.Fatal(err)
	}
	key, err := Options{FD: "0"}.read(t.Context(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer key.Close()
	if string(key.Bytes()) != "secret" {
		t.Errorf("the key is %q", key.Bytes())
	}
	var got, null unix.Stat_t
	if err := errors.Join(unix.Fstat(0, &got), unix.Stat(os.DevNull, &null)); err != nil {
		t.Fatal(err)
	}
	if got.Rdev != null.Rdev || got.Mode != null.Mode {
		t.Errorf("the standard input is %+v", got)
	}
}
