package luks

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

var errUnread = errors.New("the share does not answer")

// holed cannot be read behind some first bytes.
type holed struct {
	io.ReaderAt
	from int64
}

func (h holed) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > h.from {
		return 0, errUnread
	}
	return h.ReaderAt.ReadAt(p, off)
}

func TestAPlainDiskWithDamageIsNotCalledEncrypted(t *testing.T) {
	disk := make([]byte, 1<<20)
	_, err := Read(holed{bytes.NewReader(disk), 0x4000}, int64(len(disk)))
	if !errors.Is(err, ErrNone) {
		t.Errorf("a plain disk: %v", err)
	}
	copy(disk, magic1+"\x00\x02")
	_, err = Read(holed{bytes.NewReader(disk), 592}, int64(len(disk)))
	if !errors.Is(err, errUnread) || errors.As(err, new(*BrokenError)) {
		t.Errorf("one that begins as LUKS does: %v", err)
	}
}
