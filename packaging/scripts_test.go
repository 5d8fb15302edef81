package packaging

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// script runs a script of the packages where /proc/mounts is another file and there is no systemd.
func script(t *testing.T, mounts, name string, args ...string) string {
	t.Helper()
	dir := t.TempDir()
	text, err := os.ReadFile(filepath.Join("scripts", name))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "/proc/mounts") {
		t.Fatal("it reads no /proc/mounts")
	}
	table, made := filepath.Join(dir, "mounts"), filepath.Join(dir, name)
	for path, data := range map[string]string{
		table: mounts,
		made: strings.NewReplacer("/proc/mounts", table,
			"/run/systemd/system", filepath.Join(dir, "none")).Replace(string(text)),
	} {
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return run(t, []string{"LC_ALL=C.UTF-8"}, "sh", append([]string{made}, args...)...)
}

func mountAt(dir string) string { return "restorefs " + dir + " fuse.restorefs ro 0 0\n" }

// telling are the runs of scripts that tell which mounts there are.
var telling = [][]string{
	{"postinstall.sh", "configure", "1.0"}, {"postinstall.sh", "2"},
	{"preremove.sh", "remove"},
}

func TestScriptsOfPackagesTellTheMounts(t *testing.T) {
	for _, args := range telling {
		said := script(t, "none /tmp tmpfs rw 0 0\n"+mountAt("/mnt/a")+mountAt("/mnt/b"), args[0], args[1:]...)
		if !strings.HasSuffix(said, ": /mnt/a /mnt/b\n") {
			t.Errorf("%q: %q", args, said)
		}
		if said := script(t, "none /tmp tmpfs rw 0 0\n", args[0], args[1:]...); said != "" {
			t.Errorf("%q says of no mount: %q", args, said)
		}
	}
}

func TestANameOfAMountSteersNoTerminal(t *testing.T) {
	// As /proc/mounts has an escape sequence, a C1 control (as UTF-8 and as a byte), a change of
	// direction, and escapes of a newline and a backslash; some shells' echo undoes the last.
	names := []string{"\x1b[2J", "\u009b2J", "\x9b2J", "\u202egnp", "\x7f", `\012forged`, `\134033[2J`}
	for _, args := range telling {
		var mounts strings.Builder
		for _, name := range names {
			mounts.WriteString(mountAt("/mnt/" + name))
		}
		said := script(t, mounts.String(), args[0], args[1:]...)
		line, more := strings.CutSuffix(said, "\n")
		if !more || strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("%q: %q", args, said)
		}
		if !strings.Contains(line, `/mnt/??2J /mnt/?2J /mnt/???gnp /mnt/? /mnt/\012forged`) {
			t.Errorf("%q: %q", args, said)
		}
	}
}

func TestManyMountsAreToldInFew(t *testing.T) {
	var mounts strings.Builder
	for i := range 1000 {
		mounts.WriteString(mountAt(fmt.Sprintf("/mnt/%d/%s", i, strings.Repeat("n", 3000))))
	}
	for _, args := range telling {
		said := script(t, mounts.String(), args[0], args[1:]...)
		if len(said) > 5000 || !strings.HasSuffix(said, " and 980 more\n") {
			t.Errorf("%q: %d bytes: ...%q", args, len(said), said[max(0, len(said)-80):])
		}
	}
}
