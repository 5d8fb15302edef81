package format

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
)

func (m memSource) Size() int64 { return int64(len(m)) }
func (m memSource) ReadAt(_ context.Context, p []byte, off int64) (int, error) {
	return bytes.NewReader(m).ReadAt(p, off)
}

func digestJSON(rows []Digest, indent, rowSep string) memSource {
	var b bytes.Buffer
	fmt.Fprintf(&b, `{%s"backup_description": "a \"sha256s\": [ trap ] x", %s"backup_id": %q, "chunk_size": 32768, "sha256s": [`, indent, indent, backID)
	for i, r := range rows {
		if i > 0 {
			b.WriteString("," + rowSep)
		} else {
			b.WriteString(rowSep)
		}
		fmt.Fprintf(&b, `"%x"`, r)
	}
	fmt.Fprintf(&b, `%s], "version": "1.0.0", "volume_id": %q, "zz": "]"}`, indent, volID)
	return memSource(b.Bytes())
}

func someRows(n int) []Digest {
	rows := make([]Digest, n)
	for i := range rows {
		rows[i] = sha256.Sum256([]byte{byte(i), byte(i >> 8)})
	}
	return rows
}

func TestRowsAreFoundInEveryLayout(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 1000, 10000} {
		rows := someRows(n)
		uneven := digestJSON(rows, "\n  ", "\n    ")
		if n > 2 { // with another blank there is no constant stride
			i := bytes.LastIndex(uneven, []byte(",\n    \""))
			uneven = memSource(append(append(bytes.Clone(uneven[:i]), ",\n     \""...), uneven[i+7:]...))
		}
		for name, src := range map[string]memSource{
			"Cinder's":  digestJSON(rows, "\n  ", "\n    "),
			"one line":  digestJSON(rows, " ", " "),
			"no blanks": digestJSON(rows, "", ""),
			"uneven":    uneven,
		} {
			d, err := OpenDigests(context.Background(), src)
			if err != nil || d.Rows() != int64(n) || d.BlockBytes() != 32768 || d.BackupID != backID || d.VolumeID != volID {
				t.Fatalf("%s, %d rows: %+v %v", name, n, d, err)
			}
			if fast := n > 1 && (name != "uneven" || n == 2); fast != (d.stride != 0) {
				t.Errorf("%s, %d rows: stride %d", name, n, d.stride)
			}
			for range 20 {
				first := rand.IntN(n + 1)
				got := make([]Digest, rand.IntN(n+1-first))
				if err := d.Read(context.Background(), int64(first), got); err != nil {
					t.Fatalf("%s, rows %d+%d of %d: %v", name, first, len(got), n, err)
				}
				for i := range got {
					if got[i] != rows[first+i] {
						t.Fatalf("%s, %d rows: row %d differs", name, n, first+i)
					}
				}
			}
		}
	}
}

func TestDamagedDigestFilesAreNoticed(t *testing.T) {
	good := digestJSON(someRows(100), "\n  ", "\n    ")
	rows := make([]Digest, 100)
	for i := range good { // cut at every byte
		d, err := OpenDigests(context.Background(), good[:i])
		if err == nil {
			t.Fatalf("cut at %d was not noticed: %d rows", i, d.Rows())
		}
	}
	middle := bytes.Index(good, []byte("sha256s\": [\n")) + 40*72
	bad := memSource(bytes.Clone(good))
	bad[middle] = 'x'
	d, err := OpenDigests(context.Background(), bad)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Read(context.Background(), 0, rows); !errors.Is(err, ErrDigests) {
		t.Fatalf("got %v", err)
	}
	if err := d.Read(context.Background(), 60, rows[:40]); err != nil {
		t.Fatalf("rows behind the damage: %v", err)
	}
	if err := d.Read(context.Background(), 99, rows[:2]); err == nil {
		t.Fatal("rows beyond the end")
	}
}

func FuzzDigests(f *testing.F) {
	f.Add([]byte(digestJSON(someRows(3), "\n  ", "\n    ")))
	f.Add([]byte(digestJSON(someRows(3), "", "")))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := OpenDigests(context.Background(), memSource(b))
		if err != nil {
			return
		}
		if d.Rows()*rowBytes > int64(len(b)) {
			t.Fatalf("%d rows in %d bytes", d.Rows(), len(b))
		}
		d.Read(context.Background(), 0, make([]Digest, d.Rows()))
	})
}
