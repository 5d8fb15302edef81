package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest"
	testneed "github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
)

const luksKey = "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf"

// luksShare makes a share with backups of an encrypted volume and of a plain one, the disk with
// partitions of filesShare. It returns files with the key, as Cinder uses it and as Barbican has
// it, and the plain disk.
func luksShare(t *testing.T) (share string, locked, open storetest.Backup, hexed, raw, disk string) {
	t.Helper()
	testneed.Program(t, "qemu-img")
	share, b, _ := filesShare(t)
	dir := t.TempDir()
	hexed, raw, disk = filepath.Join(dir, "hex"), filepath.Join(dir, "raw"), filepath.Join(dir, "disk")
	key := make([]byte, 32)
	for i := range key {
		key[i] = 0xa0 + byte(i)
	}
	plain, err := os.ReadFile(b.Path("-00001"))
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{hexed: []byte(luksKey), raw: key, disk: plain} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	encrypted, err := os.ReadFile(encryptedDisk(t, disk, hexed))
	if err != nil {
		t.Fatal(err)
	}
	locked = storetest.MustWrite(t, share, storetest.Spec{ID: storetest.ID("locked"),
		VolumeID: storetest.ID("encrypted"), Content: storetest.Bytes(encrypted), VolumeMeta: "null"})
	open = storetest.MustWrite(t, share, storetest.Spec{ID: storetest.ID("open"),
		VolumeID: storetest.ID("plain"), Content: storetest.Bytes(plain), VolumeMeta: "null"})
	return share, locked, open, hexed, raw, disk
}

// encryptedDisk makes a disk encrypted by LUKS1, of a plain one and a file with the passphrase.
func encryptedDisk(t *testing.T, plain, key string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "luks")
	// Where the kernel counts processor time in ticks, it now and then measures none and gives up.
	run(t, "sh", "-c", `for i in 1 2 3 4 5 6 7 8; do qemu-img convert -f raw -O luks --object \
		"secret,id=k,file=$0" -o key-secret=k,iter-time=10 "$1" "$2" && exit; done; exit 1`, key, plain, path)
	return path
}

func TestAnEncryptedVolumeIsReadWithItsKey(t *testing.T) {
	share, b, open, hexed, raw, disk := luksShare(t)
	on := func(command string, words ...string) []string { // flags before arguments
		return append([]string{command, "--share", share}, words...)
	}
	for _, key := range []string{hexed, raw} {
		out, errs, code := restorefs(t, on("cat", "--luks-key-file", key, b.ID, "p1:/etc/fstab")...)
		if out != "the table\n" || code != 0 {
			t.Errorf("cat with %s: %q %q %d", filepath.Base(key), out, errs, code)
		}
	}
	cmd := program(t, on("find", "--luks-passphrase-fd", "0", b.ID, "hosts")...)
	cmd.Stdin = strings.NewReader(luksKey + "\n")
	if out, err := cmd.CombinedOutput(); err != nil || string(out) != "p1:/etc/hosts\n" {
		t.Errorf("find with a descriptor: %q %v", out, err)
	}
	if out, errs, code := restorefs(t, on("cat", "--luks-key-file", hexed, open.ID, "p1:/etc/fstab")...); out !=
		"the table\n" || code != 0 {
		t.Errorf("a disk that is not encrypted: %q %q %d", out, errs, code)
	}
	target := filepath.Join(t.TempDir(), "target")
	for _, flags := range [][]string{{"--dry-run"}, nil, {"--delta", "--force", "--yes", "--verify-after"}} {
		words := append(append([]string{"--decrypt", "--luks-key-file", raw}, flags...), b.ID, target)
		if _, errs, code := restorefs(t, on("materialize", words...)...); code != 0 ||
			!strings.Contains(errs, "is decrypted (LUKS1, aes-xts-plain64)") {
			t.Errorf("materialize %v: %s %d", flags, errs, code)
		}
	}
	sameFile(t, disk, target)
	if text, err := os.ReadFile(target + ".metadata.json"); !strings.Contains(string(text),
		`"cipher": "aes-xts-plain64"`) {
		t.Errorf("its record does not say that it is decrypted: %s %v", text, err)
	}
	if out, errs, code := restorefs(t, on("show", "--json", b.ID)...); code != 0 ||
		!strings.Contains(out, `"cipher": "aes-xts-plain64"`) {
		t.Errorf("show: %s %s %d", out, errs, code)
	}
}

// TestAnEncryptedQcow2ImageIsReadWithItsKey: a backup of what Cinder's NFS driver makes.
func TestAnEncryptedQcow2ImageIsReadWithItsKey(t *testing.T) {
	firstPass(t)
	share, _, _, hexed, _, disk := luksShare(t)
	image := filepath.Join(t.TempDir(), "image")
	run(t, "sh", "-c", `for i in 1 2 3 4 5 6 7 8; do qemu-img convert -f raw -O qcow2 --object "secret,id=k,file=$0" \
		-o encrypt.format=luks,encrypt.key-secret=k,encrypt.iter-time=10 "$1" "$2" && exit; done; exit 1`, hexed, disk, image)
	text, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	b := storetest.MustWrite(t, share, storetest.Spec{ID: storetest.ID("image"), VolumeID: storetest.ID("nfs"),
		Content: storetest.Bytes(text), VolumeMeta: "null"})
	out, errs, code := restorefs(t, "show", "--share", share, b.ID)
	if code != 0 || !strings.Contains(out, "encrypted by LUKS1") || !strings.Contains(out, "within a qcow2 image") {
		t.Errorf("show: %s %s %d", out, errs, code)
	}
	out, errs, code = restorefs(t, "cat", "--share", share, "--luks-key-file", hexed, b.ID, "p1:/etc/fstab")
	if out != "the table\n" || code != 0 {
		t.Errorf("cat: %q %q %d", out, errs, code)
	}
	target := filepath.Join(t.TempDir(), "target")
	if _, errs, code := restorefs(t, "materialize", "--share", share, "--decrypt", "--luks-key-file", hexed, "--yes", b.ID,
		target); code != 0 {
		t.Errorf("materialize: %s %d", errs, code)
	}
	sameFile(t, disk, target)
}

// TestTheKeyOfAnEncryptedVolumeComesFromTheCloud has a server that answers as Cinder and Barbican do,
// by their documentation; no real Barbican was asked.
func TestTheKeyOfAnEncryptedVolumeComesFromTheCloud(t *testing.T) {
	firstPass(t)
	share, b, open, _, raw, _ := luksShare(t)
	key, err := os.ReadFile(raw)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var asked []string
	knows := true
	cloud := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, r.URL.Path)
		switch {
		case !knows:
			w.WriteHeader(http.StatusNotFound)
		case r.URL.Path == "/v3/":
			fmt.Fprint(w, `{"versions":[{"id":"v3.0","version":"3.70"}]}`)
		case strings.HasSuffix(r.URL.Path, "/backups/"+b.ID):
			fmt.Fprintf(w, `{"backup":{"id":%q,"encryption_key_id":"own"}}`, b.ID)
		case r.URL.Path == "/barbican/v1/secrets/own/payload" && r.Header.Get("Accept") != "text/plain":
			w.WriteHeader(http.StatusNotAcceptable)
		case r.URL.Path == "/barbican/v1/secrets/own/payload":
			w.Write(key)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer cloud.Close()
	ask := func(id string) (string, error) {
		cmd := program(t, "cat", "--share", share, "--luks-from-cloud", id, "p1:/etc/fstab")
		cmd.Env = append(cmd.Env, "OS_AUTH_TYPE=noauth", "OS_PROJECT_ID=p", "OS_VOLUME_ENDPOINT="+
			cloud.URL+"/v3", "OS_KEY_MANAGER_ENDPOINT="+cloud.URL+"/barbican")
		out, err := cmd.CombinedOutput()
		mu.Lock()
		defer mu.Unlock()
		return string(out), err
	}
	if out, err := ask(b.ID); err != nil || out != "the table\n" {
		t.Errorf("%q %v, asked %q", out, err, asked)
	}
	mu.Lock()
	asked = nil
	mu.Unlock()
	if out, err := ask(open.ID); err != nil || out != "the table\n" || len(asked) > 0 {
		t.Errorf("a disk that is not encrypted: %q %v, asked %q", out, err, asked)
	}
	mu.Lock()
	key = []byte("another")
	mu.Unlock()
	if out, err := ask(b.ID); err == nil || !strings.Contains(out, "none of its key slots opens") ||
		strings.Contains(out, "another") {
		t.Errorf("another key: %q %v", out, err)
	}
	mu.Lock()
	knows = false // one that is gone is waited for
	mu.Unlock()
	if out, err := ask(b.ID); err == nil || !strings.Contains(out, "encrypted, and could not be unlocked") {
		t.Errorf("a cloud that knows nothing: %q %v", out, err)
	}
}

func TestAnEncryptedVolumeWithoutItsKeySaysSo(t *testing.T) {
	unwatched(t)
	share, b, open, hexed, _, _ := luksShare(t)
	wrong := filepath.Join(t.TempDir(), "wrong")
	if err := os.WriteFile(wrong, []byte("wrong\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	target := filepath.Join(t.TempDir(), "target")
	for _, c := range []struct {
		words string
		code  int
		says  string
	}{
		{"ls --luks-key-file " + wrong + " " + b.ID, 1, "none of its key slots opens"},
		{"ls --luks-key-file " + wrong + " " + b.ID, 1, "others may read the key"},
		{"ls " + b.ID + " /", 1, "--luks-key-file"},
		{"ls --luks-key-file /dev/null " + b.ID, 1, "there is no key in"},
		{"ls --luks-passphrase-fd 77 " + b.ID, 2, "no such descriptor"},
		{"ls --luks-passphrase-fd 0 --luks-key-file " + hexed + " " + b.ID, 2, "exclude each other"},
		{"materialize --decrypt " + b.ID + " " + target, 2, "--decrypt needs the key"},
		{"materialize --luks-key-file " + hexed + " " + b.ID + " " + target, 2, "with --decrypt"},
		{"materialize --decrypt --luks-key-file " + hexed + " " + open.ID + " " + target, 1,
			"it is not encrypted by LUKS: leave --decrypt out"},
		{"materialize --decrypt --format qcow2 --luks-key-file " + hexed + " " + b.ID + " " + target, 2,
			"does not go with --format qcow2"},
		{"materialize --decrypt --salvage --luks-key-file " + hexed + " " + b.ID + " " + target, 2,
			"does not go with --salvage"},
		{"mount --overlay " + t.TempDir() + " --luks-key-file " + hexed + " " + t.TempDir(), 2,
			"does not go with --overlay"},
	} {
		words := strings.Fields(c.words)
		words = append([]string{words[0], "--share", share}, words[1:]...)
		_, errs, code := restorefs(t, words...)
		if code != c.code || !strings.Contains(errs, c.says) || strings.Contains(errs, luksKey) {
			t.Errorf("%s: %s %d, want %q %d", c.words, errs, code, c.says, c.code)
		}
	}
	if _, err := os.Stat(target); err == nil {
		t.Error("a refused restore wrote its target")
	}
}

func TestAnEncryptedVolumeInAMount(t *testing.T) {
	firstPass(t)
	needMount(t)
	share, b, open, _, raw, disk := luksShare(t)
	mountpoint, _ := mountShare(t, share, "--files", "--luks-key-file", raw)
	dir := filepath.Join(mountpoint, "backups", b.ID)
	eventually(t, "the plain disk is listed", func() bool {
		names, err := filepath.Glob(dir + "/*.raw")
		return err == nil && len(names) == 2
	})
	sameFile(t, disk, filepath.Join(dir, "volume.plain.raw"))
	plain, err := os.ReadFile(disk)
	if err != nil {
		t.Fatal(err)
	}
	one, err := os.ReadFile(filepath.Join(dir, "partitions", "1.raw"))
	if err != nil || !bytes.Equal(one, plain[1<<20:5<<20]) {
		t.Errorf("its partition: %d bytes, %v", len(one), err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "files/1/etc/fstab")); string(text) != "the table\n" {
		t.Errorf("a file of it: %q, %v", text, err)
	}
	if head, err := os.ReadFile(filepath.Join(dir, "volume.raw")); err != nil ||
		!bytes.HasPrefix(head, []byte("LUKS")) {
		t.Errorf("the encrypted volume: %v", err)
	}
	other := filepath.Join(mountpoint, "backups", open.ID)
	sameFile(t, disk, filepath.Join(other, "volume.raw"))
	if _, err := os.Stat(filepath.Join(other, "volume.plain.raw")); !os.IsNotExist(err) {
		t.Errorf("a disk that is not encrypted has a plain one: %v", err)
	}
	if text, err := os.ReadFile(filepath.Join(other, "files/2/both")); string(text) != "2" {
		t.Errorf("a file of a disk that is not encrypted: %q, %v", text, err)
	}
}

func sameFile(t *testing.T, want, got string) {
	t.Helper()
	a, err := os.ReadFile(want)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(got)
	if err != nil || !bytes.Equal(a, b) {
		t.Errorf("%s differs: %d and %d bytes, %v", got, len(a), len(b), err)
	}
}
