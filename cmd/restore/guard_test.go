package restore_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/cmd/restore"
	"github.com/restorefs/restorefs/materialize"
)

func TestAGuardEndsARestoreAtEachStep(t *testing.T) {
	for name, c := range map[string]struct {
		fails           string
		asked           []string
		begun, restored bool
	}{
		"nothing fails": {"", []string{"opened", "confirm", "before", "after"}, true, true},
		"the open target is refused, nobody asked": {"opened", []string{"opened"}, false, false},
		"the operator says no": {"confirm", []string{"opened", "confirm"},
			false, false},
		"it was taken while the operator thought": {"before",
			[]string{"opened", "confirm", "before"}, false, false},
		"it was taken while the data was written": {"after",
			[]string{"opened", "confirm", "before", "after"}, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			no := errors.New("no")
			var asked []string
			ask := func(step string) error {
				if asked = append(asked, step); step == c.fails {
					return no
				}
				return nil
			}
			r := openSample(t, restore.Options{Confirm: func(context.Context,
				*materialize.Target) error {
				return ask("confirm")
			}})
			target := filepath.Join(t.TempDir(), "disk")
			result, err := r.To(t.Context(), target, restore.Guard{
				Opened: func(*materialize.Target) error { return ask("opened") },
				Before: func(context.Context) error { return ask("before") },
				After:  func(context.Context) error { return ask("after") },
			})
			if errors.Is(err, no) != (c.fails != "") || !slices.Equal(asked, c.asked) ||
				result.Begun != c.begun || result.Restored != c.restored {
				t.Errorf("%v, asked %v: %+v", err, asked, result)
			}
			if _, err := os.Stat(target); (err == nil) != c.begun {
				t.Errorf("the target: %v", err)
			}
			if _, err := os.Stat(target + ".metadata.json"); c.restored && err != nil {
				t.Errorf("the record: %v", err)
			}
		})
	}
}

func TestWhatIsOpenedForPlansIsNotCopied(t *testing.T) {
	r := openSample(t, restore.Options{PlanOnly: true})
	target := filepath.Join(t.TempDir(), "disk")
	plan, err := r.Plan(t.Context(), target)
	if err != nil || plan.WriteBytes == 0 || plan.Objects == 0 || !plan.Fits() {
		t.Errorf("%+v, %v", plan, err)
	}
	if result, err := r.To(t.Context(), target, restore.Guard{}); err == nil || result.Begun {
		t.Errorf("%+v", result)
	}
}

func TestARecordThatIsNotWrittenIsNotSaidToBeThere(t *testing.T) {
	target := filepath.Join(t.TempDir(), "disk")
	path := target + ".metadata.json"
	r := openSample(t, restore.Options{})
	planted := func(context.Context) error { return os.WriteFile(path, []byte("mine"), 0o600) }
	result, err := r.To(t.Context(), target, restore.Guard{Before: planted})
	if err != nil || !result.Restored || result.Record != "" || result.RecordErr == nil {
		t.Errorf("%+v, %v", result, err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "mine" {
		t.Errorf("%q, %v", text, err)
	}
}

func TestAnOverlayOfNothingIsToldFromABackupThatIsGone(t *testing.T) {
	_, catalog, backup := sample(t)
	o := restore.Options{Overlay: t.TempDir()}
	if _, err := restore.Open(t.Context(), catalog, backup, o); !errors.Is(err,
		restore.ErrNothingWritten) {
		t.Error(err)
	}
	dir, catalog, backup := sample(t) // of which nothing is remembered
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := restore.Open(t.Context(), catalog, backup, o); !errors.Is(err,
		backupstore.ErrDamaged) || errors.Is(err, restore.ErrNothingWritten) {
		t.Error(err)
	}
}

func openSample(t *testing.T, o restore.Options) *restore.Restore {
	t.Helper()
	_, catalog, backup := sample(t)
	r, err := restore.Open(t.Context(), catalog, backup, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// sample is a share of one backup.
func sample(t *testing.T) (dir string, catalog *backupstore.Catalog, backup *backupstore.Backup) {
	t.Helper()
	dir = t.TempDir()
	b := storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID("one"),
		VolumeID: storetest.ID("volume"), Content: storetest.Text(2<<20, 1)})
	root, err := share.OpenDir(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	catalog = backupstore.NewCatalog(root, backupstore.Options{NoIndexBuild: true})
	t.Cleanup(func() { catalog.Close() })
	if err := catalog.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if backup, err = catalog.Find(b.ID); err != nil {
		t.Fatal(err)
	}
	return dir, catalog, backup
}
