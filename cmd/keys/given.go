package keys

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/fusefs/inside/luks"
)

// Options are what the flags about encrypted volumes ask for.
type Options struct {
	File string // with the key, "" for none
	FD   string // the number of a descriptor that the key is read from, "" for none
	// FromCloud has the key of each volume asked of Barbican, in the cloud Cloud: an entry of
	// clouds.yaml, "" for that of the environment.
	FromCloud bool
	Cloud     string
}

// Given says whether there are keys.
func (o Options) Given() bool { return o.File != "" || o.FD != "" || o.FromCloud }

// maxKey bounds what is read of a key: cryptsetup takes as much of a passphrase.
const maxKey = 64 << 10

// FDEnv is the environment variable by which a server in the background is told of the descriptor
// that it got for that of the flag.
const FDEnv = "RESTOREFS_LUKS_FD"

// Descriptor returns the open file of the flag's descriptor, to be handed to a server in the
// background; nil if the key does not come from one. It is to be called once.
func (o Options) Descriptor() (*os.File, error) {
	if o.FD == "" {
		return nil, nil
	}
	number, err := strconv.Atoi(o.FD)
	if err != nil || number < 0 {
		return nil, cmdline.Usagef("--luks-passphrase-fd %s is no number of a descriptor", o.FD)
	}
	if told, err := strconv.Atoi(os.Getenv(FDEnv)); err == nil {
		number = told
		os.Unsetenv(FDEnv)
	}
	if _, err := unix.FcntlInt(uintptr(number), unix.F_GETFD, 0); err != nil {
		return nil, cmdline.Usagef("--luks-passphrase-fd %s: no such descriptor is open (with a "+
			"shell: %s<FILE)", o.FD, o.FD)
	}
	if number <= 2 {
		if number, err = moveAway(number); err != nil {
			return nil, fmt.Errorf("--luks-passphrase-fd %s: %w", o.FD, err)
		}
	}
	unix.CloseOnExec(number)
	return os.NewFile(uintptr(number), "descriptor "+o.FD), nil
}

// moveAway moves what is open as a standard descriptor to another one. A standard one that is
// closed would be that of the next file that is opened, and whatever asks, prints or is started
// would read or write that. So the standard input is empty from now on, but for a terminal, where
// questions can still be answered; the standard outputs stay.
func moveAway(number int) (moved int, err error) {
	moved, err = unix.FcntlInt(uintptr(number), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil || number > 0 || term.IsTerminal(number) {
		return moved, err
	}
	null, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err == nil {
		err = unix.Dup3(null, number, 0)
		unix.Close(null)
	}
	if err != nil {
		unix.Close(moved)
		return 0, err
	}
	return moved, nil
}

// read returns what the file or the descriptor holds. It waits for that no longer than for ctx: a
// terminal or a pipe may never give it.
func (o Options) read(ctx context.Context, log *slog.Logger) (*luks.Secret, error) {
	f, err := o.Descriptor()
	if err != nil {
		return nil, err
	}
	type result struct {
		key *luks.Secret
		err error
	}
	done := make(chan result)
	go func() { // a read of a terminal cannot be interrupted
		key, err := o.readFrom(f, log)
		select {
		case done <- result{key, err}:
		case <-ctx.Done():
			key.Close()
		}
	}()
	select {
	case r := <-done:
		return r.key, r.err
	case <-ctx.Done():
		return nil, fmt.Errorf("read the key of encrypted volumes: %w", ctx.Err())
	}
}

// readFrom reads f, or the file for nil, and closes it.
func (o Options) readFrom(f *os.File, log *slog.Logger) (*luks.Secret, error) {
	if f == nil {
		var err error
		if f, err = os.Open(o.File); err != nil {
			return nil, fmt.Errorf("--luks-key-file: %w", err)
		}
		info, err := f.Stat()
		if err == nil && info.Mode().IsRegular() && info.Mode()&0o077 != 0 {
			log.Warn("others may read the key of encrypted volumes", "file", o.File,
				"mode", fmt.Sprintf("%04o", info.Mode().Perm()))
		}
	}
	defer f.Close()
	return readSecret(f)
}

// readSecret reads all of f, into no other memory than that of secrets.
func readSecret(f *os.File) (*luks.Secret, error) {
	s, err := luks.NewSecret(maxKey + 1)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	n, err := io.ReadFull(f, s.Bytes())
	switch {
	case err == nil:
		return nil, fmt.Errorf("the key in %s has more than %d bytes", f.Name(), maxKey)
	case n == 0 && err == io.EOF:
		return nil, fmt.Errorf("there is no key in %s: it is empty", f.Name())
	case err != io.EOF && err != io.ErrUnexpectedEOF:
		return nil, fmt.Errorf("read the key: %w", err)
	}
	return luks.SecretOf(s.Bytes()[:n])
}

// passphrases returns what a key may mean, the likeliest first.
func passphrases(key []byte) (list []*luks.Secret, err error) {
	short := bytes.TrimRight(key, "\r\n")
	var texts [][]byte
	if isText(key) {
		texts = [][]byte{short, key, inHex(short), inHex(key)}
	} else {
		texts = [][]byte{inHex(key), key}
	}
	defer func() {
		for _, text := range texts {
			if len(text) > 0 && &text[0] != &key[0] {
				clear(text)
			}
		}
	}()
	for i, text := range texts {
		same := len(text) == 0
		for _, before := range texts[:i] {
			same = same || bytes.Equal(before, text)
		}
		if same {
			continue
		}
		s, err := luks.NewSecret(len(text))
		if err != nil {
			closeAll(list)
			return nil, err
		}
		copy(s.Bytes(), text)
		list = append(list, s)
	}
	return list, nil
}

// isText says whether people can have written a key.
func isText(key []byte) bool {
	for _, b := range bytes.TrimRight(key, "\r\n") {
		if b < ' ' || b == 0x7f {
			return false
		}
	}
	return true
}

func inHex(key []byte) []byte { return hex.AppendEncode(nil, key) }

func closeAll(list []*luks.Secret) {
	for _, s := range list {
		s.Close()
	}
}
