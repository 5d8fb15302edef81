package luks

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

// open unlocks what a program made.
func open(t testing.TB, luks []byte, pass string) (*Key, error) {
	t.Helper()
	r := bytes.NewReader(luks)
	h, err := Read(r, r.Size())
	if err != nil {
		return nil, err
	}
	return h.Unlock(t.Context(), r, secrets(t, "not "+pass, pass), Options{})
}

// TestPlainVolumesEqualWhatWasEncrypted also has wrong keys and broken headers, so that each volume
// is made once.
func TestPlainVolumesEqualWhatWasEncrypted(t *testing.T) {
	for _, m := range volumes(t) {
		t.Run(m.name, func(t *testing.T) {
			k, err := open(t, m.luks, passphrase)
			if err != nil {
				t.Fatal(err)
			}
			defer k.Close()
			plain := k.On(m.reader())
			if k.Size() != int64(len(m.plain)) {
				t.Fatalf("it has %d bytes, want %d", k.Size(), len(m.plain))
			}
			for range 200 {
				from := rand.IntN(len(m.plain))
				want := m.plain[from : from+rand.IntN(min(20_000, len(m.plain)-from)+1)]
				got := make([]byte, len(want))
				if n, err := plain.ReadAt(got, int64(from)); n != len(got) || err != nil {
					t.Fatalf("read %d bytes at %d: %d, %v", len(got), from, n, err)
				}
				if !bytes.Equal(got, want) {
					t.Fatalf("%d bytes at %d differ", len(want), from)
				}
			}
			got := make([]byte, 100)
			if n, err := plain.ReadAt(got, k.Size()-7); n != 7 || err != io.EOF {
				t.Errorf("read behind the end: %d, %v", n, err)
			}
			if _, err := open(t, m.luks, passphrase+"\n"); !errors.Is(err, ErrKey) {
				t.Errorf("a wrong key: %v", err)
			}
			if k.Header().Version == 2 {
				copies(t, m)
			}
		})
	}
}

// copies has the headers of LUKS2 damaged.
func copies(t *testing.T, m made) {
	image := bytes.Clone(m.luks)
	image[5000] ^= 1
	h, err := Read(bytes.NewReader(image), int64(len(image)))
	if err != nil || !strings.Contains(strings.Join(h.Notes, " "), "the second one is used") {
		t.Errorf("a damaged first header: %+v, %v", h, err)
	}
	clear(image[:4096])
	if k, err := open(t, image, passphrase); err != nil {
		t.Errorf("no first header: %v", err)
	} else {
		k.Close()
	}
	image[0x4000+5000] ^= 1
	var wrong *BrokenError
	if _, err := Read(bytes.NewReader(image), int64(len(image))); !errors.As(err, &wrong) ||
		!strings.Contains(err.Error(), "checksum") {
		t.Errorf("both headers damaged: %v", err)
	}
	image = bytes.Clone(m.luks)
	image[0x4000+5000] ^= 1
	h, err = Read(bytes.NewReader(image), int64(len(image)))
	if err != nil || len(h.Notes) != 1 {
		t.Errorf("a damaged second header: %+v, %v", h, err)
	}
}

func TestAHeaderIsRefusedWithWords(t *testing.T) {
	m := converted(t, "", "hash-alg=sha256")
	for _, c := range []struct {
		name   string
		change func(b []byte)
		says   string
	}{
		{"another cipher", func(b []byte) { copy(b[8:], "serpent\x00") }, `"serpent-xts-plain64"`},
		{"another hash", func(b []byte) { copy(b[72:], "whirlpool\x00") }, `"whirlpool"`},
		{"data elsewhere", func(b []byte) { clear(b[104:108]) }, "detached"},
		{"data behind the end", func(b []byte) { b[104] = 1 }, "its data begins at byte"},
		{"a key of no size", func(b []byte) { b[111] = 7 }, "a key of 7 bytes"},
		{"too many stripes", func(b []byte) { b[208+44] = 1 }, "stripes"},
		{"material behind the end", func(b []byte) { b[208+40] = 1 }, "key slot 0 lies at byte"},
		{"endless work", func(b []byte) { b[208+4] = 0xff }, "iterations"},
		{"no iterations", func(b []byte) { clear(b[212:216]) }, "0 iterations"},
		{"no slot", func(b []byte) { binary.BigEndian.PutUint32(b[208:], slotDisabled) },
			"no key slot"},
		{"a later version", func(b []byte) { b[7] = 3 }, "version 3"},
	} {
		image := bytes.Clone(m.luks)
		c.change(image)
		_, err := Read(bytes.NewReader(image), int64(len(image)))
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", c.name, err, c.says)
		}
	}
	if _, err := Read(bytes.NewReader(m.plain), plainBytes); !errors.Is(err, ErrNone) {
		t.Errorf("a plain volume: %v", err)
	}
	if _, err := Read(bytes.NewReader(m.luks[:300]), 300); err == nil {
		t.Error("a header that is cut off is read")
	}
}

// TestTextIsRefusedWithWords has what the text of LUKS2 can say.
func TestTextIsRefusedWithWords(t *testing.T) {
	const good = `{"keyslots":{"0":{"type":"luks2","key_size":64,"af":{"type":"luks1",
		"stripes":4000,"hash":"sha256"},"area":{"type":"raw","offset":"32768","size":"258048",
		"encryption":"aes-xts-plain64","key_size":64},"kdf":{"type":"argon2id","time":4,
		"memory":1048576,"cpus":4,"salt":"AAAA"}}},
		"segments":{"0":{"type":"crypt","offset":"16777216","size":"dynamic","iv_tweak":"0",
		"encryption":"aes-xts-plain64","sector_size":512}},
		"digests":{"0":{"type":"pbkdf2","keyslots":["0"],"segments":["0"],"hash":"sha256",
		"iterations":1000,"salt":"AAAA","digest":"AAAAAAAAAAAAAAAAAAAAAAAAAAA="}},
		"config":{"json_size":"12288","keyslots_size":"16744448","requirements":{}}}`
	for _, c := range []struct{ name, from, to, says string }{
		{"nothing changed", "", "", ""},
		{"no JSON", `"config"`, `config`, "cannot be read"},
		{"a negative place", `"32768"`, `"-1"`, "cannot be read"},
		{"re-encryption", `"requirements":{}`,
			`"requirements":{"mandatory":["online-reencrypt-v2"]}`, "re-encryption"},
		{"a slot of re-encryption", `"type":"luks2"`, `"type":"reencrypt"`, "re-encryption"},
		{"something new", `"requirements":{}`, `"requirements":{"mandatory":["new"]}`, `"new"`},
		{"integrity", `"sector_size":512`, `"sector_size":512,"integrity":{"type":"hmac(sha256)"}`,
			"integrity"},
		{"odd sectors", `"sector_size":512`, `"sector_size":513`, "513"},
		{"another cipher", `"aes-xts-plain64","sector_size"`,
			`"twofish-xts-plain64","sector_size"`, "twofish"},
		{"data elsewhere", `"16777216"`, `"0"`, "detached"},
		{"a slot that is not there", `"keyslots":["0"]`, `"keyslots":["1"]`, `"1"`},
		{"a slot named twice", `"keyslots":["0"]`, `"keyslots":["0","0"]`, "twice"},
		{"slots without end", `"keyslots":["0"]`,
			`"keyslots":["0"` + strings.Repeat(`,"0"`, 100_000) + `]`, "names 100001 key slots"},
		{"a slot outside", `"32768"`, `"99999999"`, "key slot 0 lies"},
		{"a linear segment", `"type":"crypt"`, `"type":"linear"`, `"linear"`},
		{"two segments", `"segments":{"0"`, `"segments":{"1":{"type":"crypt","offset":"1",
			"size":"1","iv_tweak":"0"},"0"`, "2 segments"},
		{"no threads", `"cpus":4`, `"cpus":0`, "0 threads"},
		{"endless passes", `"time":4`, `"time":999`, "very long"},
	} {
		text := strings.Replace(good, c.from, c.to, 1)
		if c.from != "" && text == good {
			t.Fatalf("%s: %q is not there", c.name, c.from)
		}
		h, err := (&copy2{text: []byte(text)}).parse(17 << 20)
		switch {
		case c.says == "" && err != nil, c.says != "" &&
			(err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), "\n", " "), c.says)):
			t.Errorf("%s: %v, want %q", c.name, err, c.says)
		case c.says == "":
			_, err := h.Unlock(t.Context(), bytes.NewReader(nil), nil, Options{})
			var lacking *MemoryError
			if !errors.As(err, &lacking) || lacking.Need != 1<<30 {
				t.Errorf("a slot that needs a GiB: %v", err)
			}
		}
	}
}

func TestUnlockEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := derivePBKDF2(ctx, "sha256", nil, nil, maxIterations, 64)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestASecretIsNotPrinted(t *testing.T) {
	s := secrets(t, "abc")[0]
	if s.String() != "(secret)" || s.GoString() != "(secret)" {
		t.Error("it is")
	}
}
