package ntfs

import (
	"errors"
	"fmt"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// upcase is the capital letters of a volume, by which the names of a directory are in order.
type upcase struct {
	table  [1 << 16]uint16
	stored bool      // the volume has it; else it is what most volumes have
	until  time.Time // it counts, if it could not be read; zero: for ever
}

// upcaseWait is how long capital letters that could not be read are not read again: each look-up of
// a name asks for them.
const upcaseWait = 10 * time.Second

const recordUpcase = 10

// upcase returns the capital letters of the volume. They are read when they are needed first.
func (f *FS) upcase() *upcase {
	if u := f.capitals.Load(); u != nil && (u.until.IsZero() || time.Now().Before(u.until)) {
		return u
	}
	u := &upcase{}
	err := f.readUpcase(u)
	if u.stored = err == nil; !u.stored {
		for c := range u.table {
			u.table[c] = uint16(c)
			if r := unicode.ToUpper(rune(c)); r <= 0xffff {
				u.table[c] = uint16(r)
			}
		}
	}
	if _, damaged := errors.AsType[*CorruptError](err); !u.stored && !damaged {
		u.until = time.Now().Add(upcaseWait) // it may be read then
	}
	f.capitals.Store(u)
	return u
}

func (f *FS) readUpcase(u *upcase) error {
	n, err := f.inode(recordUpcase)
	if err != nil {
		return err
	}
	s, err := n.open(attrData, "")
	if err != nil {
		return err
	}
	p := make([]byte, 2*len(u.table))
	if s.first.resident || s.first.initialized != int64(len(p)) {
		return corrupt(recordName(recordUpcase), "capital letters of %d bytes", s.first.size)
	}
	if err := s.readAt(p, 0, f.dev.Read); err != nil {
		return fmt.Errorf("read the capital letters: %w", err)
	}
	for c := range u.table {
		u.table[c] = le.Uint16(p[2*c:])
		if c < utf8.RuneSelf && u.table[c] != uint16(unicode.ToUpper(rune(c))) {
			return corrupt(recordName(recordUpcase), "the capital letter of %q is %q",
				rune(c), rune(u.table[c]))
		}
	}
	return nil
}

// compare compares a name that is in capital letters with one of a directory, in UTF-16, by their
// order there (COLLATION_FILE_NAME) as far as that is without regard to case.
func (u *upcase) compare(capitals []uint16, name []byte) int {
	for i, c := range capitals {
		if 2*i == len(name) {
			return 1
		}
		if other := u.table[le.Uint16(name[2*i:])]; c != other {
			return int(c) - int(other)
		}
	}
	if len(name) > 2*len(capitals) {
		return -1
	}
	return 0
}

// capitals returns a name in UTF-16 and in capital letters: the reverse of [wideName]. ok says that
// it can be one of NTFS.
func (u *upcase) capitals(name string) (out []uint16, ok bool) {
	for i := 0; i < len(name); {
		r, n := utf8.DecodeRuneInString(name[i:])
		if r == utf8.RuneError && n == 1 {
			// Half of a pair.
			if len(name)-i < 3 || name[i] != 0xed || name[i+1]>>5 != 5 || name[i+2]>>6 != 2 {
				return nil, false
			}
			out, i = append(out, 0xd000|uint16(name[i+1]&63)<<6|uint16(name[i+2]&63)), i+3
			continue
		}
		out, i = utf16.AppendRune(out, r), i+n
	}
	for i, c := range out {
		out[i] = u.table[c]
	}
	return out, len(out) <= maxNameUnits
}
