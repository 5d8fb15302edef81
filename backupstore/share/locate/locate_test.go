package locate_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/share/cinderconf"
	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/backupstore/share/nfsmount"
	"github.com/restorefs/restorefs/backupstore/storetest/ganesha"
)

// The share of the posix driver is a directory that Cinder's configuration
// names.
func ExampleOpen() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	conf := filepath.Join(dir, "cinder.conf")
	text := "[DEFAULT]\nbackup_driver = cinder.backup.drivers.posix.PosixBackupDriver\nbackup_posix_path = " + dir + "\n"
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	s, err := locate.Open(context.Background(), locate.Options{Config: conf})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Root.Close()
	fmt.Println(s.Given == dir, s.Dir == dir, s.Source == dir)
	// Output: true true true
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "cinder.conf")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestADirectoryIsFoundByTheNameThatWasGiven(t *testing.T) {
	base := t.TempDir()
	t.Chdir(base)
	// written like an export, or the start of a URL
	for _, name := range []string{"share", "host:", "s3:"} {
		if err := os.Mkdir(name, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir("host:/dir", 0o700); err != nil {
		t.Fatal(err)
	}
	for _, given := range []string{"share", "./share", filepath.Join(base, "share"), "host:/dir", "s3://"} {
		s, err := locate.Open(t.Context(), locate.Options{Share: given, Config: "/none", NeedConfig: false})
		if err != nil {
			t.Errorf("%s: %v", given, err)
			continue
		}
		if source := filepath.Join(base, given); s.Given != given || s.Dir != given || s.Place() != given || s.Source != source && s.Source != given {
			t.Errorf("%s: %+v", given, s)
		}
		if err := s.Root.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestWhatCannotBeAShareIsToldFromOneThatIsAway(t *testing.T) {
	for given, says := range map[string]string{
		"s3://": "there is no bucket", "rbd://x": "Ceph, are not read", "nfs://h/../e": "there is a .. in it", "file:///srv/b": "its path, /srv/b",
		"host:export": "no NFS export such as", "h:/a/../b": "no NFS export such as",
	} {
		_, err := locate.Open(t.Context(), locate.Options{Share: given})
		if _, is := errors.AsType[*locate.SpecError](err); !is || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", given, err)
		}
	}
	_, err := locate.Open(t.Context(), locate.Options{Share: filepath.Join(t.TempDir(), "none")})
	if _, is := errors.AsType[*locate.SpecError](err); is || !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestAConfigurationCountsWhereItIsNeededOrWasNamed(t *testing.T) {
	other := write(t, "[DEFAULT]\nbackup_driver = cinder.backup.drivers.ceph.CephBackupDriver\n")
	broken := write(t, "[DEFAULT\n")
	dir := t.TempDir()
	for name, test := range map[string]struct {
		o     locate.Options
		named bool
		is    error
	}{
		"nothing is given":                         {locate.Options{}, false, locate.ErrNoConfig},
		"no share, and another driver":             {locate.Options{Config: other, NeedConfig: true}, false, cinderconf.ErrNoBackups},
		"no share, and no such file":               {locate.Options{Config: dir + "/none"}, false, os.ErrNotExist},
		"no share, and no such file that is named": {locate.Options{Config: dir + "/none", NeedConfig: true}, true, os.ErrNotExist},
		"an export, and a broken file that is named": {locate.Options{Share: "host.invalid:/e", Config: broken, NeedConfig: true}, true,
			cinderconf.ErrSyntax},
	} {
		_, err := locate.Open(t.Context(), test.o)
		conf, is := errors.AsType[*locate.ConfigError](err)
		if !is || conf.Named != test.named || !errors.Is(err, test.is) {
			t.Errorf("%s: %#v", name, err)
		}
	}
	s, err := locate.Open(t.Context(), locate.Options{Share: dir, Config: broken, NeedConfig: true})
	if err != nil {
		t.Fatalf("a directory needs no configuration: %v", err)
	}
	s.Root.Close()
}

func TestAnExportThatCannotBeMountedIsReadWithoutTheKernel(t *testing.T) {
	if os.Geteuid() == 0 {
		known, err := os.ReadFile("/proc/filesystems")
		if err != nil || strings.Contains(string(known), "\tnfs\n") {
			t.Skip("not in this run: root can mount an export here")
		}
	}
	server := ganesha.New(t, ganesha.Options{})
	server.Write("file", []byte("123"), 0o644)
	for options, works := range map[string]bool{
		fmt.Sprintf("vers=4,minorversion=1,port=%d,rsize=4096", server.Port()): true,
		fmt.Sprintf("port=%d,sec=krb5", server.Port()):                         false,
		"nfsvers=2":   false,
		"xprtsec=tls": false,
		"port=1,ro":   false, // nobody is there
	} {
		var said strings.Builder
		s, err := locate.Open(t.Context(), locate.Options{
			Share: "127.0.0.1:/export", MountOptions: options, Logger: slog.New(slog.NewTextHandler(&said, nil)),
		})
		if !works {
			if !errors.Is(err, nfsmount.ErrMount) {
				t.Errorf("%s: %v", options, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", options, err)
		}
		entries, _, err := s.Root.ReadDir(t.Context(), ".", func(string) bool { return true })
		if err != nil || len(entries) != 1 || s.Dir != "" || s.Source != "127.0.0.1:/export" {
			t.Errorf("%v %v %+v", entries, err, s)
		}
		if strings.Count(said.String(), "level=WARN") != 1 || !strings.Contains(said.String(), "own NFS client") {
			t.Errorf("it says %s", said.String())
		}
		s.Root.Close()
	}
}
