package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/cmd/exitcode"
)

// historyShare makes a share with four backups of a volume: the second is as the first where files
// are, in the third /etc/one has changed and there is /two, in the last /etc/one is gone.
func historyShare(t *testing.T) (share string, ids []string) {
	t.Helper()
	need(t, "mke2fs", "debugfs")
	dir, image := t.TempDir(), filepath.Join(t.TempDir(), "image")
	for name, text := range map[string]string{"etc/one": "1\n", "etc/same": "same\n",
		"larger": strings.Repeat("larger", 40000)} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, time.Unix(1.7e9, 0), time.Unix(1.7e9, 0)); err != nil {
			t.Fatal(err)
		}
	}
	run(t, "mke2fs", "-q", "-t", "ext4", "-b", "1024", "-d", dir, image, "6M")
	share = t.TempDir()
	backUp := func(day int) {
		data, err := os.ReadFile(image)
		if err != nil {
			t.Fatal(err)
		}
		id := storetest.ID(fmt.Sprint("history ", day))
		storetest.MustWrite(t, share, storetest.Spec{ID: id, VolumeID: storetest.ID("volume"),
			Created: time.Date(2026, 3, day, 12, 0, 0, 0, time.UTC),
			Content: storetest.Bytes(data)})
		ids = append(ids, id)
	}
	change := func(requests ...string) {
		script := filepath.Join(t.TempDir(), "requests")
		if err := os.WriteFile(script, []byte(strings.Join(requests, "\n")+"\n"),
			0o600); err != nil {
			t.Fatal(err)
		}
		run(t, "debugfs", "-w", "-f", script, image)
	}
	backUp(1)
	free, err := os.OpenFile(image, os.O_RDWR, 0) // a block that belongs to nothing
	if err != nil {
		t.Fatal(err)
	}
	defer free.Close()
	if _, err := free.WriteAt([]byte("deleted long ago"), 5<<20); err != nil {
		t.Fatal(err)
	}
	backUp(2)
	if err := os.WriteFile(dir+"/new", []byte("changed\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	change("rm etc/one", "write "+dir+"/new etc/one", "write "+dir+"/new two", "sif larger uid 7")
	backUp(3)
	change("rm etc/one")
	backUp(4)
	return share, ids
}

func TestAFileIsFoundInAllBackupsOfAVolume(t *testing.T) {
	share, ids := historyShare(t)
	volume := storetest.ID("volume")
	out, told, code := restorefs(t, "find", "--share", share, volume[:8], "--all", "--name", "one")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if code != 0 || len(lines) != 3 || !strings.Contains(told,
		"found in 3 of 4 backups; 3 of them had to be read") {
		t.Fatalf("exit %d: %s\n%s", code, out, told)
	}
	for i, size := range []string{" 2 ", " 2 ", " 8 "} {
		begin := fmt.Sprintf("2026-03-0%d 12:00:00 %s ", i+1, ids[i])
		if l := lines[i]; !strings.HasPrefix(l, begin) || !strings.Contains(l, size) ||
			!strings.HasSuffix(l, " /etc/one") {
			t.Errorf("line %d: %s", i, l)
		}
	}
	out, told, code = restorefs(t, "find", "--json", "--share", share, ids[3], "*", "--all",
		"--below", "/etc", "--type", "f")
	var list struct {
		Volume string
		Found  []struct {
			Backup, Path string
			Size         int
			CreatedAt    time.Time `json:"created_at"`
		}
		Failed []any
	}
	if err := json.Unmarshal([]byte(out), &list); err != nil || code != 0 ||
		list.Volume != volume ||
		len(list.Found) != 7 || list.Failed == nil || list.Found[6].Backup != ids[3] ||
		list.Found[6].Path != "/etc/same" {
		t.Errorf("exit %d, %v: %s\n%s", code, err, out, told)
	}
	for _, wrong := range [][]string{{"--print0"}, {"--long"}, {"--overlay", t.TempDir()},
		{"--name", "a", "b"}} {
		if _, told, code := restorefs(t, append([]string{"find", "--share", share, "--all", volume},
			wrong...)...); code != 2 {
			t.Errorf("%q: exit %d: %s", wrong, code, told)
		}
	}
}

func TestTheFilesThatDifferBetweenTwoBackups(t *testing.T) {
	share, ids := historyShare(t)
	for _, c := range []struct {
		a, b int
		want string
	}{
		{0, 1, ""},
		{0, 2, "changed   /etc/one\nmetadata  /larger\nadded     /two\n"},
		{2, 3, "removed   /etc/one\n"},
		{3, 0, "added     /etc/one\nmetadata  /larger\nremoved   /two\n"},
	} {
		out, told, code := restorefs(t, "diff", "--files", "--share", share, ids[c.a], ids[c.b])
		if code != 0 || out != c.want {
			t.Errorf("%d and %d: exit %d: %s\n%s", c.a, c.b, code, out, told)
		}
	}
	out, told, code := restorefs(t, "diff", "--files", "--json", "--share", share, ids[0], ids[2])
	var list struct {
		A, B  string
		Files []struct {
			Change, Part, Path, Type string
			SizeA                    *int64 `json:"size_a"`
			SizeB                    *int64 `json:"size_b"`
		}
		Failed []any
	}
	if err := json.Unmarshal([]byte(out), &list); err != nil || code != 0 || len(list.Files) != 3 ||
		list.Failed == nil ||
		list.A != ids[0] || list.B != ids[2] || *list.Files[0].SizeA != 2 ||
		*list.Files[0].SizeB != 8 ||
		list.Files[2].SizeA != nil || list.Files[2].Change != "added" {
		t.Errorf("exit %d, %v: %s\n%s", code, err, out, told)
	}
}

func TestAPartOfWhichTheBackupIsDamagedIsToldByFind(t *testing.T) {
	share, b, _ := filesShare(t)
	f, err := os.OpenFile(b.Path("-00001"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(make([]byte, 4<<20), 5<<20); err != nil { // the second partition
		t.Fatal(err)
	}
	for _, words := range [][]string{{"find", b.ID, "both"}, {"find", "--all", b.ID, "both"}} {
		out, told, code := restorefs(t, append([]string{words[0], "--share", share}, words[1:]...)...)
		if code != exitcode.Damaged || !strings.Contains(out, "/both") ||
			!strings.Contains(told, "look what p2 holds") {
			t.Errorf("%q: exit %d: %s%s", words, code, out, told)
		}
	}
}
