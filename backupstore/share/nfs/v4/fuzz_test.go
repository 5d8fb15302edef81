package v4

import (
	"bytes"
	"testing"

	"github.com/restorefs/restorefs/backupstore/share/nfs/proto"
	"github.com/restorefs/restorefs/backupstore/share/nfs/xdr"
)

// FuzzAnswers decodes what a hostile server may answer to each COMPOUND.
func FuzzAnswers(f *testing.F) {
	var e xdr.Encoder
	e.Uint32(0)
	e.String("")
	e.Uint32(2, opPutFH, 0, opReadDir, 0)
	e.Uint64(0)
	e.Uint32(1)
	e.Uint64(3)
	e.String("name")
	e.Uint32(1, 1<<attrType, 4, 2, 0, 1)
	f.Add(byte(2), e.B)
	f.Add(byte(0), []byte{0, 0, 0, 70, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 22, 0, 0, 0, 70})
	f.Fuzz(func(t *testing.T, which byte, answer []byte) {
		d := xdr.NewDecoder(bytes.NewReader(answer))
		var n proto.Node
		var known bool
		switch which % 6 {
		case 0:
			err := decode(d, []op{putFH("h"), lookup("n"), getFH(&n.Handle), stat(&n.Attr, &known)})
			if err == nil && (n.Handle == "" || len(n.Handle) > maxHandle) {
				t.Errorf("a handle of %d bytes", len(n.Handle))
			}
		case 1:
			p := make([]byte, 100)
			got := 0
			decode(d, []op{putFH("h"), {code: opRead, result: func(d *xdr.Decoder) {
				d.Bool()
				got = d.Into(p[:50], "what was read")
			}}})
			if got > 50 || !bytes.Equal(p[50:], make([]byte, 50)) {
				t.Errorf("%d bytes", got)
			}
		case 2:
			var page proto.Page
			decode(d, []op{putFH("h"), {code: opReadDir, result: func(d *xdr.Decoder) { page = decodePage(d) }}})
			for _, entry := range page.Entries {
				if len(entry.Name) > proto.MaxName || len(entry.Node.Handle) > maxHandle {
					t.Errorf("%+v", entry)
				}
			}
		case 3:
			decodeExchangeID(d)
		case 4:
			var id [sessionIDBytes]byte
			slots, most := decodeCreateSession(d, &id)
			if slots < 0 || slots > maxSlots || most < 0 || most > proto.MaxRead+answerBytes {
				t.Errorf("%d slots, %d bytes", slots, most)
			}
		case 5:
			seen := false
			sl := slot{of: &session{slots: 1}, next: 1}
			err := decode(d, []op{sl.sequence(&seen)})
			if err == nil && !seen {
				t.Error("a success that counts nothing")
			}
		}
	})
}
