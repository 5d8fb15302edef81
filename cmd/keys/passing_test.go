package keys

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/fusefs/inside/luks"
)

func TestOnlyWhatTheHeaderTheKeyAndTheMemoryAreStaysLocked(t *testing.T) {
	for _, c := range []struct {
		err  error
		want bool
	}{
		{luks.ErrKey, true},
		{fmt.Errorf("%w of it", errNoKey), true},
		{&luks.MemoryError{}, true},
		{&luks.UnsupportedError{}, true},
		{&luks.BrokenError{}, true},
		{unix.EIO, false},
		{os.ErrDeadlineExceeded, false},
		{context.Canceled, false},
		{backupstore.ErrDamaged, false},
	} {
		if got := (&LockedError{"", fmt.Errorf("read: %w", c.err)}).Locked(); got != c.want {
			t.Errorf("%v: %v, want %v", c.err, got, c.want)
		}
	}
}

// cloudOf has a cloud be what the environment's clouds.yaml says, in a file of the working
// directory. It knows what answer says of the record of a backup and of a secret; 0 is 200.
func cloudOf(t *testing.T, answer func(asked string) (status int, body string)) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v3/" {
			fmt.Fprint(w, `{"versions":[{"id":"v3.0","version":"3.70"}]}`)
			return
		}
		status, body := answer(r.URL.Path)
		if status != 0 {
			w.WriteHeader(status)
		}
		io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "OS_") {
			t.Setenv(name, "")
		}
	}
	dir := t.TempDir()
	text := fmt.Sprintf("clouds: {mine: {auth_type: noauth, project_id: p, volume_endpoint: "+
		"%q, key_manager_endpoint: %q}}\n", server.URL+"/v3", server.URL)
	if err := os.WriteFile(filepath.Join(dir, "clouds.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
}

// backupOf is a backup on a share whose volume has the key of that id; "": none that is known.
func backupOf(t *testing.T, key string) (*backupstore.Backup, storetest.Backup) {
	t.Helper()
	meta := `{"version": 2, "volume-base-metadata": {"encryption_key_id": "` + key + `"}}`
	if key == "" {
		meta = "null"
	}
	dir := t.TempDir()
	made := storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID("locked" + key),
		VolumeID: storetest.ID("encrypted"), Content: storetest.Bytes([]byte("LUKS")),
		VolumeMeta: meta})
	s, err := share.OpenDir(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	catalog := backupstore.NewCatalog(s, backupstore.Options{})
	t.Cleanup(func() { catalog.Close() })
	if err := catalog.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	b, err := catalog.Find(made.ID)
	if err != nil {
		t.Fatal(err)
	}
	return b, made
}

// fromCloud are the keys of the cloud of cloudOf.
func fromCloud(t *testing.T) *Keys {
	t.Helper()
	k, err := Open(t.Context(), Options{FromCloud: true, Cloud: "mine"}, 64<<20,
		slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	t.Cleanup(func() { unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0) })
	return k
}

func TestAVolumeWhoseKeyCouldNotBeHadOpensLater(t *testing.T) {
	volume := encrypted(t)
	var status atomic.Int64
	cloudOf(t, func(asked string) (int, string) {
		if asked != "/v1/secrets/k/payload" {
			return http.StatusNotFound, ""
		}
		return int(status.Load()), "secret"
	})
	b, made := backupOf(t, "k")
	k := fromCloud(t)
	fails := func(ctx context.Context, why string) {
		t.Helper()
		_, err := k.Unlock(ctx, b, volume, volume.Size())
		if _, locked := errors.AsType[*LockedError](err); err == nil || locked {
			t.Errorf("%s: %v", why, err)
		}
	}
	t.Chdir(t.TempDir()) // as a mount in the background does

	name := made.Path("_metadata")
	if err := os.Rename(name, name+"~"); err != nil {
		t.Fatal(err)
	}
	fails(t.Context(), "a share that does not answer")
	if err := os.Rename(name+"~", name); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	fails(ended, "an interrupted call")
	status.Store(http.StatusForbidden)
	fails(t.Context(), "a cloud that refuses")
	status.Store(0)
	if _, err := k.Unlock(t.Context(), b, failing{volume}, volume.Size()); !errors.Is(err,
		unix.EIO) || errors.As(err, new(*LockedError)) {
		t.Errorf("a key slot that cannot be read: %v", err)
	}
	if _, err := k.Unlock(t.Context(), b, volume, volume.Size()); err != nil {
		t.Error(err)
	}
}

// failing is a volume of which only the header can be read.
type failing struct{ *bytes.Reader }

func (f failing) ReadAt(p []byte, off int64) (int, error) {
	if off >= 4096 {
		return 0, unix.EIO
	}
	return f.Reader.ReadAt(p, off)
}

func TestAVolumeOfWhichNoKeyIsKnownIsLocked(t *testing.T) {
	volume := encrypted(t)
	cloudOf(t, func(asked string) (int, string) {
		return 0, fmt.Sprintf(`{"backup": {"id": %q}}`, path.Base(asked))
	})
	b, _ := backupOf(t, "")
	k := fromCloud(t)
	_, err := k.Unlock(t.Context(), b, volume, volume.Size())
	if locked, ok := errors.AsType[*LockedError](err); !ok || !locked.Locked() {
		t.Fatal(err)
	}
	if len(k.known) > 0 {
		t.Error("it is said of all volumes with this header, which other backups may have")
	}
}

func TestAWrongSecretOfOneBackupSaysNothingOfAnother(t *testing.T) {
	volume := encrypted(t)
	var asked atomic.Int64
	cloudOf(t, func(path string) (int, string) {
		asked.Add(1)
		if strings.Contains(path, "wrong") {
			return 0, "another"
		}
		return 0, "secret"
	})
	wrong, _ := backupOf(t, "wrong")
	right, _ := backupOf(t, "right")
	k := fromCloud(t)
	for range 2 {
		_, err := k.Unlock(t.Context(), wrong, volume, volume.Size())
		if locked, ok := errors.AsType[*LockedError](err); !ok || !locked.Locked() || asked.Load() != 1 {
			t.Fatal(err, asked.Load())
		}
	}
	if _, err := k.Unlock(t.Context(), right, volume, volume.Size()); err != nil {
		t.Error(err)
	}
}

func TestAPassphraseOfTheCloudIsWipedOnceItWasTried(t *testing.T) {
	volume := encrypted(t)
	cloudOf(t, func(string) (int, string) { return 0, "another" })
	b, _ := backupOf(t, "k")
	k := fromCloud(t)
	before := locked(t)
	if _, err := k.Unlock(t.Context(), b, volume, volume.Size()); !errors.Is(err, luks.ErrKey) {
		t.Fatal(err)
	}
	if after := locked(t); after != before {
		t.Errorf("%s of the process are locked in memory, before it were %s", after, before)
	}
}

// locked is how much of the process is locked in memory.
func locked(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "VmLck:")
	line, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(line)
}
