package main

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/cmd/filereport"
)

// filesShare makes a share with a backup of a disk of two ext4 in partitions, which are made of
// directories without root. It returns the share, the backup, and the first directory.
func filesShare(t *testing.T) (share string, b storetest.Backup, dir string) {
	t.Helper()
	need(t, "mke2fs")
	one, two := t.TempDir(), t.TempDir()
	for name, text := range map[string]string{
		one + "/etc/fstab": "the table\n", one + "/etc/hosts": "127.0.0.1\n", one + "/both": "1",
		two + "/both":            "2",
		one + "/odd/bad\xffname": "x", one + "/odd/\x1b[31mred": "y", one +
			"/etc/large": strings.Repeat("DAMAGE IT. ", 20000),
	} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755),
			os.WriteFile(name, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Symlink("/etc/fstab", one+"/odd/link"),
		os.Symlink("etc", one+"/conf")); err != nil {
		t.Fatal(err)
	}
	var images []string
	for _, from := range []string{one, two} {
		image := filepath.Join(t.TempDir(), "image")
		run(t, "mke2fs", "-q", "-t", "ext4", "-L", "file system", "-d", from, image, "4M")
		images = append(images, image)
	}
	share, b = partitionedShare(t, images...)
	return share, b, one
}

// partitionedShare makes a share with a backup of a disk whose partitions hold images.
func partitionedShare(t *testing.T, images ...string) (share string, b storetest.Backup) {
	t.Helper()
	disk := make([]byte, 1<<20)
	for i, image := range images {
		data, err := os.ReadFile(image)
		if err != nil {
			t.Fatal(err)
		}
		entry := disk[446+16*i:]
		entry[4] = 0x83
		for b := range 4 {
			entry[8+b], entry[12+b] = byte(len(disk)/512>>(8*b)), byte(len(data)/512>>(8*b))
		}
		disk = append(disk, data...)
	}
	disk[510], disk[511] = 0x55, 0xaa
	share = t.TempDir()
	b = storetest.MustWrite(
		t,
		share,
		storetest.Spec{ID: storetest.ID("files"), VolumeID: storetest.ID("volume"),
			Content: storetest.Bytes(disk), Compression: "none"},
	)
	return share, b
}

func TestFilesInsideABackup(t *testing.T) {
	share, b, dir := filesShare(t)
	do := func(code int, args ...string) (stdout, stderr string) {
		t.Helper()
		stdout, stderr, got := restorefs(t, append([]string{"--share", share}, args...)...)
		if got != code {
			t.Errorf("%q: exit %d, not %d: %s", args, got, code, stderr)
		}
		return stdout, stderr
	}
	has := func(text string, words ...string) {
		t.Helper()
		for _, w := range words {
			if !strings.Contains(text, w) {
				t.Errorf("there is no %q in\n%s", w, text)
			}
		}
	}
	id := b.ID[:8]
	out, told := do(0, "ls", id)
	has(out, "p1         4 MiB  ext4 \"file system\"\n", "p2 ")
	has(told, "restorefs ls "+b.ID+" p1:/")
	out, _ = do(0, "ls", id, "/etc")
	has(out, "-rw-r--r--   1", " fstab\n", " hosts\n")
	out, _ = do(0, "ls", id, "/conf") // a link to a directory
	has(out, " fstab\n")
	out, _ = do(0, "ls", "-R", id, "p1:/odd")
	has(out, `$'p1:/odd/bad\377name'`, `p1:/odd/\033[31mred'`, "p1:/odd/link -> /etc/fstab")
	out, _ = do(0, "cat", id, "/etc/fstab", "/odd/link")
	if out != "the table\nthe table\n" {
		t.Errorf("cat: %q", out)
	}
	out, _ = do(0, "find", id, "both")
	if out != "p1:/both\np2:/both\n" {
		t.Errorf("find: %q", out)
	}
	out, _ = do(0, "find", id, "--below", "/odd", "--print0", "bad*")
	if out != "p1:/odd/bad\xffname\x00" {
		t.Errorf("find: %q", out)
	}
	_, told = do(1, "cat", id, "/none")
	has(told, "/none: no such file on p1 and p2")
	_, told = do(1, "cat", id, "/both")
	has(told, "p1:/both")
	do(1, "cat", id, "/etc")
	do(2, "cat", id, "p7:/etc")
	do(2, "cat", id)
	do(2, "find", id, "a", "b")
	do(2, "find", id, "[a")
	do(2, "find", id, "--newer", "someday")
	do(2, "find", id, "--type", "x")
	do(2, "cp", id, "/etc", "-")
	do(2, "cp", id, "/etc", share)
	do(2, "ls", "--overlay", t.TempDir(), id, "/")
	do(2, "ls", "ffffffff", "/")

	dest := t.TempDir()
	out, _ = do(0, "cp", "-a", id, "/etc", "/odd", dest)
	has(out, "copied to "+dest+": 5 files")
	if got, want := readTree(t, dest+"/etc"), readTree(t, dir+"/etc"); got != want || want == "" {
		t.Errorf("copied:\n%s\nnot\n%s", got, want)
	}
	_, told = do(1, "cp", id, "/etc/fstab", dest+"/etc")
	has(told, "--force replaces it")
	do(0, "cp", "--force", id, "/etc/fstab", dest+"/etc")

	names := tarNames(t, share, id, "/odd", "p2:/both")
	if want := []string{"p1/odd/", "p1/odd/\x1b[31mred", "p1/odd/bad\xffname", "p1/odd/link", "p2/both"}; !slices.Equal(
		names,
		want,
	) {
		t.Errorf("the tar has %q, not %q", names, want)
	}
}

// readTree returns the names and the texts of a directory's files.
func readTree(t *testing.T, dir string) (text string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	for _, e := range list {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Error(err)
		}
		text += e.Name() + ": " + string(data) + "\n"
	}
	if err != nil {
		t.Error(err)
	}
	return text
}

func tarNames(t *testing.T, share string, args ...string) (names []string) {
	t.Helper()
	out, told, code := restorefs(t, append([]string{"tar", "--share", share}, args...)...)
	if code != 0 {
		t.Errorf("tar: exit %d: %s", code, told)
	}
	for r := tar.NewReader(strings.NewReader(out)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
	}
}

func TestFilesInJSON(t *testing.T) {
	share, b, _ := filesShare(t)
	out, told, code := restorefs(t, "ls", "--json", "--share", share, b.ID, "p1:/odd", "/conf")
	if code != 0 {
		t.Fatal(told)
	}
	var list struct {
		Backup string
		Parts  []map[string]any
		Files  []map[string]any
		Failed []map[string]any
	}
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if list.Backup != b.ID || len(list.Parts) != 2 || list.Parts[0]["kind"] != "ext4" ||
		list.Parts[0]["journal"] != "clean" ||
		list.Failed == nil {
		t.Errorf("%+v", list)
	}
	names := map[any]map[string]any{}
	for _, f := range list.Files {
		names[f["path"]] = f
		for _, field := range []string{"part", "type", "mode", "uid", "gid", "size", "links",
			"inode", "mtime", "atime", "ctime"} {
			if f[field] == nil {
				t.Errorf("%v has no %s", f["path"], field)
			}
		}
	}
	if f := names["/odd/bad\ufffdname"]; f["path_bytes"] != "L29kZC9iYWT/bmFtZQ==" {
		t.Errorf("%v", f)
	}
	if f := names["/odd/link"]; f["type"] != "symlink" || f["target"] != "/etc/fstab" ||
		f["size"] != 10.0 {
		t.Errorf("%v", f)
	}
	if f := names["/etc/fstab"]; f["type"] != "file" || f["mode"] != "0644" || f["size"] != 10.0 {
		t.Errorf("%v", f)
	}
	if strings.ContainsRune(out, 0x1b) {
		t.Error("JSON can steer a terminal")
	}
}

func TestADamagedFileInsideABackup(t *testing.T) {
	share, b, _ := filesShare(t)
	object, err := os.OpenFile(b.Path("-00001"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer object.Close()
	data, err := io.ReadAll(object)
	if err != nil {
		t.Fatal(err)
	}
	where := strings.Index(string(data), "DAMAGE IT. ") + 100<<10
	if _, err := object.WriteAt([]byte("!"), int64(where)); err != nil {
		t.Fatal(err)
	}
	dest := t.TempDir()
	out, told, code := restorefs(t, "cp", "--json", "--share", share, b.ID, "/etc", dest)
	var done filereport.Copied
	if err := json.Unmarshal([]byte(out), &done); err != nil || code != 3 || done.Files != 2 ||
		len(done.Failed) != 1 ||
		done.Failed[0].Path != "/etc/large" {
		t.Errorf("exit %d, %v: %s\n%s", code, err, out, told)
	}
	if _, told, code := restorefs(t, "cat", "--share", share, b.ID, "/etc/large"); code != 3 ||
		!strings.Contains(told, "/etc/large: ") {
		t.Errorf("exit %d: %s", code, told)
	}
	out, told, code = restorefs(t, "cat", "--share", share, b.ID, "/etc/large", "/none",
		"/etc/fstab")
	if code != 3 || !strings.HasSuffix(out, "the table\n") ||
		!strings.Contains(told, "but for 2 files") {
		t.Errorf("exit %d: %q: %s", code, out, told)
	}
	out, _, code = restorefs(t, "cp", "--json", "--share", share, b.ID, "/etc", "/odd",
		dest+"/none")
	if err := json.Unmarshal([]byte(out), &done); err != nil || code != 1 || done.Error == "" {
		t.Errorf("exit %d, %v: %s", code, err, out)
	}
	if out, told, code := restorefs(t, "tar", "--share", share, b.ID, "/etc"); code != 3 ||
		!strings.Contains(told, "zeros stand in the tar") ||
		len(out) < 200<<10 {
		t.Errorf("exit %d: %s", code, told)
	}
}
