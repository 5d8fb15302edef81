package luks

import (
	"bytes"
	"crypto/pbkdf2"
	"crypto/sha256"
	"testing"
)

// FuzzXTSEqualsTheLibrary has the assembly decrypt what the library does.
func FuzzXTSEqualsTheLibrary(f *testing.F) {
	f.Add([]byte("0123456789abcdef0123456789abcdeF"), noise(4096), uint64(1)<<32-2, uint8(0))
	f.Add(noise(48), noise(8192), uint64(7), uint8(3))
	f.Add(noise(64), noise(8192), uint64(1)<<63, uint8(1))
	f.Fuzz(func(t *testing.T, key, data []byte, first uint64, kind uint8) {
		if !hasAES {
			t.Skip("not in this run: the processor has no AES")
		}
		if len(key) != 32 && len(key) != 48 && len(key) != 64 {
			return
		}
		iv, size := plain64, sector<<(kind>>1&3)
		if kind&1 != 0 {
			iv = plain32
		}
		fast, err := newFastXTS(key, iv)
		if err != nil {
			t.Fatal(err)
		}
		defer fast.close()
		library, err := newLibraryXTS(key, iv)
		if err != nil {
			t.Fatal(err)
		}
		data = data[:len(data)/size*size]
		want, got := bytes.Clone(data), bytes.Clone(data)
		library.decrypt(want, size, first)
		fast.decrypt(got, size, first)
		if !bytes.Equal(got, want) {
			t.Errorf("they differ")
		}
	})
}

func FuzzPBKDF2EqualsTheLibrary(f *testing.F) {
	f.Add("password", []byte("salt"), uint16(1000), uint8(64))
	f.Fuzz(func(t *testing.T, pass string, salt []byte, iterations uint16, size uint8) {
		count, bytesOut := int(iterations)%2000+1, int(size)%100+1
		want, err := pbkdf2.Key(sha256.New, pass, salt, count, bytesOut)
		if err != nil {
			t.Skip("not in this run: " + err.Error())
		}
		got, err := derivePBKDF2(t.Context(), "sha256", []byte(pass), salt, int64(count), bytesOut)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("they differ: %v", err)
		}
	})
}

// FuzzHeader reads headers: any bytes give a header within bounds, or an error.
func FuzzHeader(f *testing.F) {
	f.Add([]byte(magic1+"\x00\x01aes"), []byte{})
	f.Add([]byte(magic1+"\x00\x02\x00\x00\x00\x00\x00\x00\x40"),
		[]byte(`{"keyslots":{"0":{"type":"luks2"}}}`))
	f.Fuzz(func(t *testing.T, head, text []byte) {
		size := int64(len(head)) + 1<<20
		image := make([]byte, size)
		copy(image, head)
		for _, read := range []func() (*Header, error){
			func() (*Header, error) { return Read(bytes.NewReader(image), size) },
			func() (*Header, error) { return (&copy2{text: text}).parse(size) },
		} {
			h, err := read()
			if err != nil {
				continue
			}
			if h.Start < 1 || h.Size < 0 || h.Start+h.Size > size || len(h.Slots) == 0 {
				t.Errorf("%+v", h)
			}
			for _, s := range h.Slots {
				if s.offset < 0 || s.offset+s.areaBytes() > size {
					t.Errorf("%+v", s)
				}
			}
		}
	})
}

func BenchmarkXTS(b *testing.B) {
	data := noise(1 << 20)
	for _, c := range []struct {
		name string
		make func([]byte, vector) (decrypter, error)
	}{
		{"assembly", newFastXTS},
		{"library", func(k []byte, v vector) (decrypter, error) { return newLibraryXTS(k, v) }},
	} {
		x, err := c.make(noise(64), plain64)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for range b.N {
				x.decrypt(data, sector, 0)
			}
		})
		x.close()
	}
}

func BenchmarkPBKDF2(b *testing.B) {
	for range b.N {
		_, err := derivePBKDF2(b.Context(), "sha256", []byte("x"), nil, 1_000_000, 32)
		if err != nil {
			b.Fatal(err)
		}
	}
}
