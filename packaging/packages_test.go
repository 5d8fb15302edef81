// Package packaging has the tests of the packages that make packages makes.
package packaging

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest/leaktest"
	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }

// Versions of packages that are made here, as git describe gives them, and as packages have them.
const (
	oldVersion, oldPackage = "v1.2.0-rc.1", "1.2.0~rc.1"
	newVersion, newPackage = "v1.2.0-5-g0a1b2c3", "1.2.0+5.g0a1b2c3"
)

// run runs a program and fails the test if it fails.
func run(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func TestVersionsOfPackagesSortAsTheCommitsDo(t *testing.T) {
	need.Program(t, "dpkg")
	last := "0~"
	for _, described := range []string{
		"0a1b2c3", "v0.9.0", "v1.0.0-rc.1", "v1.0.0-rc.1-3-gfffffff", "v1.0.0-rc.2", "v1.0.0", "v1.0.0-dirty", "v1.0.0-2-gfffffff",
		"v1.0.0-10-g0000000", "v1.0.0-10-g0000000-dirty", "v1.0.1-rc.1", "v1.0.1", "v1.0.10",
	} {
		version := strings.TrimSpace(run(t, []string{"SOURCE_DATE_EPOCH=1796000000"}, "./package-version.sh", described))
		if strings.ContainsAny(version, "-_ ") {
			t.Errorf("%s: %s is no version that both dpkg and rpm take", described, version)
		}
		if err := exec.Command("dpkg", "--compare-versions", last, "lt", version).Run(); err != nil {
			t.Errorf("%s, of %s, is not after %s", version, described, last)
		}
		last = version
	}
}

// makePackages makes the packages of a tree and returns the directory that they are in.
func makePackages(t *testing.T, tree, version string, env ...string) string {
	t.Helper()
	dir := t.TempDir()
	run(t, append(env, "VERSION="+version, "SOURCE_DATE_EPOCH=1796000000"), tree+"/packaging/packages.sh", dir)
	return dir
}

// arches are the processors for which packages are made, as deb and rpm call them. ARCHES leaves
// out arm64: to compile all for it takes a minute.
func arches() (list []struct{ deb, rpm string }) {
	for _, a := range []struct{ deb, rpm string }{{"amd64", "x86_64"}, {"arm64", "aarch64"}} {
		if wanted := os.Getenv("ARCHES"); wanted == "" || slices.Contains(strings.Fields(wanted), a.deb) {
			list = append(list, a)
		}
	}
	return list
}

func needPackages(t *testing.T) {
	t.Helper()
	if os.Getenv("RESTOREFS_TEST_PACKAGES") == "" {
		t.Skip(need.NotInThisRun + "make test-packages runs it")
	}
	need.Root(t)
	need.Program(t, "make", "git", "tar", "dpkg-deb", "rpm", "rpm2cpio", "cpio", "unshare", "chroot")
}

func TestPackages(t *testing.T) {
	needPackages(t)
	made := makePackages(t, "..", newVersion)
	t.Run("the same source gives the same bytes", func(t *testing.T) { sameBytes(t, made) })
	t.Run("all of them are there, with their sums", func(t *testing.T) { complete(t, made) })
	t.Run("deb and rpm have the same files", func(t *testing.T) { sameFiles(t, made) })
	t.Run("rpm takes the package", func(t *testing.T) { rpmTakes(t, made) })
	t.Run("the tarball is laid over a prefix", func(t *testing.T) { tarball(t, made) })
	t.Run("the SBOM says what the program is made of", func(t *testing.T) { sbom(t, made) })
	if runtime.GOARCH != "amd64" {
		return // the machine's own is what is installed
	}
	old := makePackages(t, "..", oldVersion, "ARCHES=amd64", "FORMATS=deb")
	for _, root := range []string{"bookworm", "trixie"} {
		t.Run("an operator of Debian "+root, func(t *testing.T) { inRoot(t, root, old, made) })
	}
}

// sameBytes makes the packages again of a copy of the tree, with other surroundings.
func sameBytes(t *testing.T, made string) {
	tree := t.TempDir()
	run(t, nil, "sh", "-c", `cd .. && git -c safe.directory='*' ls-files -z --cached --others --exclude-standard | tar --null --files-from=- --ignore-failed-read -c | tar -x -m -C `+tree)
	written := filepath.Join(t.TempDir(), "env") // as go env -w does
	settings := "GOPROXY=" + strings.TrimSpace(run(t, nil, "go", "env", "GOPROXY")) + "\nGOEXPERIMENT=fieldtrack\nGOFIPS140=latest\n"
	if err := os.WriteFile(written, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	again := makePackages(t, tree, newVersion, "ARCHES=amd64", "TZ=Asia/Tokyo", "LC_ALL=C.UTF-8", "GOFLAGS=-ldflags=-s", "GOAMD64=v2", "GOENV="+written, "HOME="+os.Getenv("HOME"))
	entries, err := os.ReadDir(again)
	if err != nil || len(entries) != 5 {
		t.Fatal(entries, err)
	}
	for _, e := range entries {
		if e.Name() == "SHA256SUMS" { // of fewer
			continue
		}
		a, err := os.ReadFile(filepath.Join(made, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(again, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a, b) {
			t.Errorf("%s has other bytes", e.Name())
		}
	}
}

func complete(t *testing.T, made string) {
	want := []string{"SHA256SUMS"}
	for _, arch := range arches() {
		want = append(want, "restorefs_"+newPackage+"_"+arch.deb+".deb", "restorefs-"+newPackage+"-1."+arch.rpm+".rpm",
			"restorefs-"+newPackage+"-linux-"+arch.deb+".tar.gz", "restorefs-"+newPackage+"-linux-"+arch.deb+".cdx.json")
	}
	slices.Sort(want)
	var got []string
	entries, err := os.ReadDir(made)
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v: %q, not %q", err, got, want)
	}
	run(t, nil, "sh", "-c", "cd "+made+" && sha256sum --quiet --strict -c SHA256SUMS && [ $(wc -l <SHA256SUMS) = "+strconv.Itoa(len(want)-1)+" ]")
}

// debFiles returns the mode, owner and path of each file and link of a deb.
func debFiles(t *testing.T, path string) (files []string) {
	t.Helper()
	for line := range strings.Lines(run(t, nil, "dpkg-deb", "-c", path)) {
		fields := strings.Fields(line)
		if fields[0][0] == 'l' { // whose modes mean nothing
			fields[0] = "link"
		}
		if fields[0][0] != 'd' {
			files = append(files, fields[0]+" "+fields[1]+" "+strings.TrimPrefix(fields[5], "."))
		} else if fields[0] != "drwxr-xr-x" {
			t.Errorf("a directory that is not like any other: %s", line)
		}
	}
	slices.Sort(files)
	return files
}

func sameFiles(t *testing.T, made string) {
	first := made + "/restorefs_" + newPackage + "_amd64.deb"
	if got := strings.TrimSpace(run(t, nil, "dpkg-deb", "-f", first, "Maintainer")); got != maintainer {
		t.Errorf("the deb's maintainer is %s", got)
	}
	deb := debFiles(t, made+"/restorefs_"+newPackage+"_amd64.deb")
	for _, arch := range arches() {
		if files := debFiles(t, made+"/restorefs_"+newPackage+"_"+arch.deb+".deb"); !slices.Equal(files, deb) {
			t.Errorf("%s has other files: %q, not %q", arch.deb, files, deb)
		}
	}
	for _, file := range []string{
		"-rwxr-xr-x root/root /usr/bin/restorefs", "link root/root /usr/sbin/mount.fuse.restorefs",
		"-rw-r--r-- root/root /usr/lib/systemd/system/restorefs@.service", "-rw-r--r-- root/root /usr/lib/systemd/system/restorefs-verify.timer",
		"-rw-r--r-- root/root /usr/share/doc/restorefs/copyright", "-rw-r--r-- root/root /usr/share/doc/restorefs/THIRD-PARTY-NOTICES",
		"-rw-r--r-- root/root /usr/share/doc/restorefs/LICENSE", "-rw-r--r-- root/root /usr/share/doc/restorefs/docs/guide-restore.md",
		"-rw-r--r-- root/root /usr/share/man/man1/restorefs.1.gz", "-rw-r--r-- root/root /usr/share/man/man8/mount.fuse.restorefs.8.gz",
		"-rw-r--r-- root/root /usr/share/bash-completion/completions/restorefs", "-rw-r--r-- root/root /usr/share/zsh/vendor-completions/_restorefs",
		"-rw-r--r-- root/root /usr/share/fish/vendor_completions.d/restorefs.fish",
		"-rw-r--r-- root/root /usr/share/doc/restorefs/mnt-restore.mount", "-rw-r--r-- root/root /usr/share/doc/restorefs/restorefs.cdx.json",
	} {
		if !slices.Contains(deb, file) {
			t.Errorf("the deb has no %s", file)
		}
	}
	for _, file := range deb {
		if mode := strings.Fields(file)[0]; !slices.Contains([]string{"-rw-r--r--", "link"}, mode) && !strings.HasSuffix(file, " /usr/bin/restorefs") {
			t.Errorf("that mode is for the program alone: %s", file)
		}
	}
	var rpm []string
	for line := range strings.Lines(run(t, nil, "rpm", "-qp", "--nosignature", "--qf", `[%{FILEMODES:perms} %{FILEUSERNAME}/%{FILEGROUPNAME} %{FILENAMES}\n]`,
		made+"/restorefs-"+newPackage+"-1.x86_64.rpm")) {
		mode, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch mode[0] {
		case 'd':
		case 'l':
			rpm = append(rpm, "link "+rest)
		default:
			rpm = append(rpm, mode+" "+rest)
		}
	}
	own := func(file string) bool {
		return strings.HasSuffix(file, "/copyright") || strings.Contains(file, "/usr/share/licenses/") || strings.HasSuffix(file, "/_restorefs")
	}
	slices.Sort(rpm)
	if a, b := slices.DeleteFunc(slices.Clone(deb), own), slices.DeleteFunc(slices.Clone(rpm), own); !slices.Equal(a, b) {
		t.Errorf("the rpm has %q, the deb %q", b, a)
	}
}

func rpmTakes(t *testing.T, made string) {
	for _, arch := range arches() {
		arch := arch.rpm
		path := made + "/restorefs-" + newPackage + "-1." + arch + ".rpm"
		run(t, nil, "rpm", "-K", "--nosignature", path)
		about := run(t, nil, "rpm", "-qp", "--nosignature", "--qf", "%{NAME} %{VERSION} %{ARCH} %{LICENSE} %{BUILDTIME} %{BUILDHOST} %{PACKAGER}", path)
		if want := "restorefs " + newPackage + " " + arch + " Apache-2.0 1796000000 restorefs " + maintainer; about != want {
			t.Errorf("%s, not %s", about, want)
		}
		if requires := run(t, nil, "rpm", "-qp", "--nosignature", "--requires", path); strings.Contains(requires, "lib") {
			t.Errorf("%s: a static program needs no library: %s", arch, requires)
		}
		// The names in the archive begin with a slash: cpio would write below the machine's root.
		dir := t.TempDir()
		run(t, nil, "sh", "-c", "rpm2cpio "+path+" | (cd "+dir+" && cpio -idm --quiet --no-absolute-filenames)")
		root := t.TempDir()
		run(t, nil, "rpm", "--root", root, "--nosignature", "--ignorearch", "--nodeps", "--noscripts", "-i", path)
		run(t, nil, "cmp", dir+"/usr/bin/restorefs", root+"/usr/bin/restorefs")
		run(t, nil, "rpm", "--root", root, "--nodeps", "--noscripts", "-e", "restorefs")
		if _, err := os.Lstat(root + "/usr/share/doc/restorefs"); err == nil {
			t.Errorf("%s: rpm -e leaves something", arch)
		}
		header := run(t, nil, "readelf", "-h", dir+"/usr/bin/restorefs")
		if want := map[string]string{"x86_64": "X86-64", "aarch64": "AArch64"}[arch]; !strings.Contains(header, want) {
			t.Errorf("%s: the program is for another processor: %s", arch, header)
		}
	}
	// rpm sorts as dpkg does.
	out := run(t, nil, "rpm", "--eval", `%{lua: print(rpm.vercmp("`+oldPackage+`", "`+newPackage+`"), rpm.vercmp("`+newPackage+`", "1.2.1"), rpm.vercmp("`+oldPackage+`", "1.2.0"))}`)
	if strings.Join(strings.Fields(out), " ") != "-1 -1 -1" {
		t.Errorf("rpm sorts otherwise: %s", out)
	}
}

func tarball(t *testing.T, made string) {
	prefix := t.TempDir()
	run(t, nil, "tar", "-xzf", made+"/restorefs-"+newPackage+"-linux-amd64.tar.gz", "--strip-components=1", "-C", prefix)
	if runtime.GOARCH == "amd64" {
		if out := run(t, nil, prefix+"/bin/restorefs", "--version"); !strings.Contains(out, newVersion) {
			t.Error(out)
		}
	}
	for _, file := range []string{"lib/systemd/system/restorefs@.service", "share/doc/restorefs/README.md", "share/doc/restorefs/LICENSE", "share/doc/restorefs/THIRD-PARTY-NOTICES"} {
		text, err := os.ReadFile(filepath.Join(prefix, file))
		if err != nil || strings.Contains(string(text), "ExecStart=/usr/bin") {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// sbom compares the SBOM with what go version -m says.
func sbom(t *testing.T, made string) {
	var doc struct {
		BomFormat  string
		Metadata   struct{ Component struct{ Version string } }
		Components []struct {
			Name, Version string
			Licenses      []struct{ Expression string }
		}
	}
	text, err := os.ReadFile(made + "/restorefs-" + newPackage + "-linux-amd64.cdx.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &doc); err != nil || doc.BomFormat != "CycloneDX" || doc.Metadata.Component.Version != newVersion {
		t.Errorf("%v: %+v", err, doc)
	}
	prefix := t.TempDir()
	run(t, nil, "tar", "-xzf", made+"/restorefs-"+newPackage+"-linux-amd64.tar.gz", "--strip-components=1", "-C", prefix)
	var want, got []string
	for line := range strings.Lines(run(t, nil, "go", "version", "-m", prefix+"/bin/restorefs")) {
		if fields := strings.Fields(line); len(fields) > 2 && fields[0] == "dep" {
			want = append(want, fields[1]+"@"+fields[2])
		}
	}
	notices, err := os.ReadFile(prefix + "/share/doc/restorefs/THIRD-PARTY-NOTICES")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range doc.Components {
		if c.Name != "std" {
			got = append(got, c.Name+"@"+c.Version)
		}
		if len(c.Licenses) != 1 || c.Licenses[0].Expression == "" || !strings.Contains(string(notices), "\n"+c.Name+" "+c.Version+": "+c.Licenses[0].Expression+"\n") {
			t.Errorf("%s: licences %v, and these in the notices?", c.Name, c.Licenses)
		}
	}
	if !slices.Equal(got, want) || len(want) < 8 {
		t.Errorf("it has %q, the program %q", got, want)
	}
}

// inRoot installs, uses, upgrades and removes the deb in a root file system that make setup made.
func inRoot(t *testing.T, name, old, made string) {
	tarball, err := filepath.Abs("../build/test-roots/" + name + ".tar")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(tarball); err != nil {
		need.Missing(t, "needs the root of a Debian, which make test-packages makes: %v", err)
	}
	script, err := os.ReadFile("testdata/inroot.sh")
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	run(t, nil, "tar", "-xf", tarball, "-C", root)
	run(t, nil, "cp", "-r", "../cmd/restorefs/sample", root+"/share")
	run(t, nil, "cp", old+"/restorefs_"+oldPackage+"_amd64.deb", made+"/restorefs_"+newPackage+"_amd64.deb", root+"/root")
	if err := os.WriteFile(root+"/inroot.sh", script, 0o755); err != nil {
		t.Fatal(err)
	}
	// Everything that is mounted or started there goes with the namespaces.
	begin := `set -e
		mount -t proc proc ` + root + `/proc
		mount --rbind /dev ` + root + `/dev
		mount -t tmpfs tmpfs ` + root + `/run
		exec chroot ` + root + ` /inroot.sh`
	out := run(t, []string{
		"SHARE=/share", "OLD=/root/restorefs_" + oldPackage + "_amd64.deb", "NEW=/root/restorefs_" + newPackage + "_amd64.deb",
		"OLD_VERSION=" + oldVersion, "NEW_VERSION=" + newVersion, "OLD_PACKAGE=" + oldPackage, "TMPDIR=/tmp",
		"XDG_CACHE_HOME=", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	}, "unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "/bin/sh", "-c", begin)
	cases := 0
	for line := range strings.Lines(out) {
		switch result, what, _ := strings.Cut(strings.TrimSpace(line), " "); result {
		case "PASS":
			cases++
		case "FAIL":
			t.Error(what)
		}
	}
	if wanted := strings.Count(string(script), "\ncheck '"); cases != wanted && !t.Failed() || !strings.HasSuffix(out, "END\n") {
		t.Errorf("%d cases of %d passed:\n%s", cases, wanted, out)
	}
}
