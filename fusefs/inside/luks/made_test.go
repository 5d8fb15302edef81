package luks

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
)

const passphrase = "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf"

const plainBytes = 1 << 20

// noise returns bytes that look like none.
func noise(size int) []byte {
	r := rand.NewChaCha8([32]byte{1})
	b := make([]byte, size)
	r.Read(b)
	return b
}

// made is a volume that another program encrypted.
type made struct {
	name  string
	luks  []byte
	plain []byte
}

// run runs a program that reads the passphrase from its stdin.
func run(t testing.TB, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stdin = strings.NewReader(passphrase)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
}

// keyFile is a file with the passphrase.
func keyFile(t testing.TB) string {
	name := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(name, []byte(passphrase), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// formatted is a volume of LUKS1 that cryptsetup made, and qemu-img reads.
func formatted(t testing.TB, name string, args ...string) made {
	need.Program(t, "cryptsetup", "qemu-img")
	file := filepath.Join(t.TempDir(), "volume")
	image := make([]byte, 2<<20+plainBytes)
	copy(image[2<<20:], noise(plainBytes))
	if err := os.WriteFile(file, image, 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "cryptsetup", append([]string{"luksFormat", "--batch-mode", "--type", "luks1",
		"--key-file=-", "--pbkdf-force-iterations", "1000", "--use-urandom", file}, args...)...)
	plain := file + ".plain"
	run(t, "qemu-img", "convert", "--object", "secret,id=k,file="+keyFile(t), "--image-opts",
		"driver=luks,key-secret=k,file.filename="+file, "-O", "raw", plain)
	return read(t, name, file, plain)
}

func read(t testing.TB, name, file, plain string) made {
	m := made{name: name}
	var errs [2]error
	m.luks, errs[0] = os.ReadFile(file)
	m.plain, errs[1] = os.ReadFile(plain)
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	return m
}

// converted is a volume of LUKS1 that qemu-img made.
func converted(t testing.TB, name, options string) made {
	need.Program(t, "qemu-img")
	dir := t.TempDir()
	plain, file := filepath.Join(dir, "plain"), filepath.Join(dir, "luks")
	if err := os.WriteFile(plain, noise(plainBytes), 0o600); err != nil {
		t.Fatal(err)
	}
	// Where the kernel counts processor time in ticks, it now and then measures none and gives up.
	run(t, "sh", "-c", `for i in 1 2 3 4 5 6 7 8; do qemu-img convert -f raw -O luks --object \
		"secret,id=k,file=$0" -o "$1" "$2" "$3" && exit; done; exit 1`, keyFile(t),
		"key-secret=k,iter-time=10,"+options, plain, file)
	return read(t, name, file, plain)
}

// encrypted is a volume of LUKS2 that cryptsetup made of a plain one.
func encrypted(t testing.TB, name string, args ...string) made {
	need.Program(t, "cryptsetup")
	file := filepath.Join(t.TempDir(), "volume")
	image := make([]byte, 33<<20)
	copy(image, noise(plainBytes))
	if err := os.WriteFile(file, image, 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "cryptsetup", append([]string{"reencrypt", "--encrypt", "--batch-mode", "--type",
		"luks2", "--reduce-device-size", "32M", "--key-file=-", file}, args...)...)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return made{name, b[:16<<20+plainBytes], image[:plainBytes]}
}

// volumes are the kinds that are read.
func volumes(t testing.TB) []made {
	argon := []string{"--pbkdf-memory", "64", "--pbkdf-parallel", "2",
		"--pbkdf-force-iterations", "4"}
	return []made{
		formatted(t, "LUKS1 with a short key", "--cipher", "aes-xts-plain64", "--key-size", "256"),
		formatted(t, "LUKS1 with a long key", "--cipher", "aes-xts-plain64", "--key-size", "512",
			"--hash", "sha512"),
		formatted(t, "LUKS1 by CBC with ESSIV", "--cipher", "aes-cbc-essiv:sha256",
			"--key-size", "256"),
		formatted(t, "LUKS1 by CBC with SHA-1", "--cipher", "aes-cbc-plain", "--key-size", "128",
			"--hash", "sha1"),
		converted(t, "LUKS1 by QEMU", "cipher-alg=aes-256,cipher-mode=xts,ivgen-alg=plain64"),
		encrypted(t, "LUKS2 with Argon2id", append(argon, "--key-size", "256",
			"--pbkdf", "argon2id", "--sector-size", "512")...),
		encrypted(t, "LUKS2 with Argon2i and ESSIV", append(argon, "--pbkdf", "argon2i",
			"--cipher", "aes-cbc-essiv:sha256", "--key-size", "256", "--sector-size", "512")...),
		encrypted(t, "LUKS2 with PBKDF2 and large sectors", "--pbkdf", "pbkdf2",
			"--pbkdf-force-iterations", "1000", "--key-size", "512", "--sector-size", "4096"),
	}
}

func secrets(t testing.TB, texts ...string) (out []*Secret) {
	for _, text := range texts {
		s, err := SecretOf([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		out = append(out, s)
	}
	return out
}

func (m made) reader() *bytes.Reader { return bytes.NewReader(m.luks) }
