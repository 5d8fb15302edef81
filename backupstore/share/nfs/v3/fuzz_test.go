package v3

import (
	"bytes"
	"testing"

	"github.com/restorefs/restorefs/backupstore/share/nfs/proto"
	"github.com/restorefs/restorefs/backupstore/share/nfs/xdr"
)

// FuzzAnswers decodes what a hostile server may answer.
func FuzzAnswers(f *testing.F) {
	f.Add(byte(0), []byte{0, 0, 0, 2, 0, 0, 0, 0})
	var e xdr.Encoder
	e.Uint32(0, 0) // a page with one name
	e.Uint64(0)
	e.Uint32(1)
	e.Uint64(1)
	e.String("name")
	e.Uint64(3)
	e.Uint32(0, 1)
	e.String("handle")
	e.Uint32(0, 1)
	f.Add(byte(2), e.B)
	f.Fuzz(func(t *testing.T, which byte, answer []byte) {
		d := xdr.NewDecoder(bytes.NewReader(answer))
		switch which % 5 {
		case 0:
			n, _, err := decodeLookup(d)
			if err == nil && d.Err() == nil && (n.Handle == "" || len(n.Handle) > maxHandle) {
				t.Errorf("a handle of %d bytes", len(n.Handle))
			}
		case 1:
			p := make([]byte, 100)
			chunk, err := decodeRead(d, p[:50])
			if chunk.N > 50 || err != nil && chunk.N != 0 || !bytes.Equal(p[50:], make([]byte, 50)) {
				t.Errorf("%d bytes were read, %v", chunk.N, err)
			}
		case 2, 3:
			page, _ := decodeReadDir(d, which%5 == 2)
			for _, entry := range page.Entries {
				if len(entry.Name) > proto.MaxName || len(entry.Node.Handle) > maxHandle {
					t.Errorf("%+v", entry)
				}
			}
		case 4:
			h, err := decodeMount(d)
			if err == nil && d.Err() == nil && h == "" {
				t.Error("no handle")
			}
		}
	})
}
