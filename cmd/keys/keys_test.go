package keys

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
)

var backup = &backupstore.Backup{Scanned: backupstore.Scanned{Facts: &backupstore.Facts{}}}

// encrypted is a volume that the passphrase "secret" opens.
func encrypted(t *testing.T) *bytes.Reader {
	need.Program(t, "cryptsetup")
	name := filepath.Join(t.TempDir(), "volume")
	if err := os.WriteFile(name, make([]byte, 4<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("cryptsetup", "luksFormat", "--batch-mode", "--type", "luks1",
		"--key-file=-", "--pbkdf-force-iterations", "1000", "--use-urandom", name)
	cmd.Stdin = strings.NewReader("secret")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(b)
}

func some(t *testing.T) *Keys {
	list, err := passphrases([]byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	return &Keys{passphrases: list, log: slog.New(slog.DiscardHandler),
		deriving: make(chan struct{}, 1), known: map[[sha256.Size]byte]unlocked{}}
}

func TestAKeyIsDerivedOnlyWhileNoOtherIs(t *testing.T) {
	volume, k := encrypted(t), some(t)
	defer k.Close()
	k.deriving <- struct{}{}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()

	_, err := k.Unlock(ctx, backup, volume, volume.Size())
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("beside another one: %v", err)
	}
	<-k.deriving
	if _, err := k.Unlock(t.Context(), backup, volume, volume.Size()); err != nil {
		t.Fatal(err)
	}
	k.deriving <- struct{}{}
	if _, err := k.Unlock(t.Context(), backup, volume, volume.Size()); err != nil {
		t.Errorf("what is known: %v", err)
	}
}

func TestTheEndDoesNotWaitForADerivationNorTakesItsKeys(t *testing.T) {
	k := some(t)
	k.use.RLock() // as a derivation does that is under way
	k.Close()
	if got := string(k.passphrases[0].Bytes()); got != "secret" {
		t.Errorf("the passphrase is %q", got)
	}
	k.use.RUnlock()
	if _, err := k.Unlock(t.Context(), nil, nil, 0); !errors.Is(err, os.ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
	k.Close()
}

func TestAHeaderThatCannotBeReadMayBeReadLater(t *testing.T) {
	k := some(t)
	defer k.Close()
	_, err := k.Unlock(t.Context(), backup, unread{}, 1<<20)
	if !errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, new(*LockedError)) {
		t.Errorf("got %v", err)
	}
}

// unread is a volume that cannot be read.
type unread struct{}

func (unread) ReadAt([]byte, int64) (int, error) { return 0, os.ErrDeadlineExceeded }
