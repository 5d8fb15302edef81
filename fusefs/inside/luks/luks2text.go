package luks

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// metadata is the text of a header of LUKS2, chapter "LUKS2 JSON Metadata Format" of its
// specification. Numbers of 64 bits are texts there.
type metadata struct {
	Keyslots map[string]keyslot `json:"keyslots"`
	Segments map[string]segment `json:"segments"`
	Digests  map[string]digest2 `json:"digests"`
	Config   struct {
		Requirements struct {
			Mandatory []string `json:"mandatory"`
		} `json:"requirements"`
	} `json:"config"`
}

type keyslot struct {
	Type     string `json:"type"`
	KeySize  int    `json:"key_size"`
	Priority *int   `json:"priority"`
	AF       struct {
		Type    string `json:"type"`
		Stripes int    `json:"stripes"`
		Hash    string `json:"hash"`
	} `json:"af"`
	Area struct {
		Type       string `json:"type"`
		Offset     number `json:"offset"`
		Encryption string `json:"encryption"`
		KeySize    int    `json:"key_size"`
	} `json:"area"`
	KDF struct {
		Type       string      `json:"type"`
		Salt       base64Bytes `json:"salt"`
		Hash       string      `json:"hash"`
		Iterations int64       `json:"iterations"`
		Time       int64       `json:"time"`
		Memory     int64       `json:"memory"` // KiB
		CPUs       int         `json:"cpus"`
	} `json:"kdf"`
}

type segment struct {
	Type       string          `json:"type"`
	Offset     number          `json:"offset"`
	Size       length          `json:"size"`
	Tweak      number          `json:"iv_tweak"`
	Encryption string          `json:"encryption"`
	SectorSize int             `json:"sector_size"`
	Integrity  json.RawMessage `json:"integrity"`
	Flags      []string        `json:"flags"`
}

type digest2 struct {
	Type       string      `json:"type"`
	Keyslots   []string    `json:"keyslots"`
	Segments   []string    `json:"segments"`
	Salt       base64Bytes `json:"salt"`
	Digest     base64Bytes `json:"digest"`
	Hash       string      `json:"hash"`
	Iterations int64       `json:"iterations"`
}

// number is a number of bytes or sectors, as text.
type number int64

// UnmarshalJSON implements json.Unmarshaler.
func (n *number) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	v, err := strconv.ParseInt(s, 10, 64)
	if err == nil && v < 0 {
		err = strconv.ErrRange
	}
	*n = number(v)
	return err
}

// length is a number, or "dynamic" for all up to the end of the volume.
type length struct {
	bytes   int64
	dynamic bool
}

// UnmarshalJSON implements json.Unmarshaler.
func (l *length) UnmarshalJSON(b []byte) error {
	if l.dynamic = string(b) == `"dynamic"`; l.dynamic {
		return nil
	}
	return (*number)(&l.bytes).UnmarshalJSON(b)
}

// base64Bytes is bytes that the text has in base64.
type base64Bytes []byte

// UnmarshalJSON implements json.Unmarshaler.
func (b *base64Bytes) UnmarshalJSON(text []byte) (err error) {
	var s string
	if err = json.Unmarshal(text, &s); err == nil {
		*b, err = base64.StdEncoding.DecodeString(s)
	}
	return err
}

func parseText(text []byte) (*metadata, error) {
	if len(text) > maxJSON {
		return nil, broken("its text has %d bytes", len(text))
	}
	m := &metadata{}
	if err := json.Unmarshal(text, m); err != nil {
		return nil, broken("its text cannot be read: %v", err)
	}
	if len(m.Keyslots) > maxSlots || len(m.Digests) > maxDigests {
		return nil, broken("it has %d key slots and %d digests", len(m.Keyslots), len(m.Digests))
	}
	return m, nil
}

const reencrypting = "its re-encryption was begun and not finished when it was backed up: " +
	"restore it, and let cryptsetup finish that (cryptsetup reencrypt)"

// requirements refuses what a program must understand to read the volume.
func (m *metadata) requirements() error {
	mandatory := m.Config.Requirements.Mandatory
	switch {
	case len(mandatory) == 0:
		return nil
	case strings.Contains(strings.Join(mandatory, " "), "reencrypt"):
		return unsupported(reencrypting)
	}
	return unsupported("it needs %.40q, which is not done here", mandatory[0])
}

// segment returns the one segment of data and its name.
func (m *metadata) segment() (string, *segment, error) {
	for _, s := range m.Keyslots {
		if s.Type == "reencrypt" {
			return "", nil, unsupported(reencrypting)
		}
	}
	if len(m.Segments) != 1 {
		if err := m.requirements(); err != nil {
			return "", nil, err
		}
		return "", nil, unsupported("its data has %d segments, and one is read here",
			len(m.Segments))
	}
	for id, s := range m.Segments {
		switch {
		case s.Type != "crypt":
			return "", nil, unsupported("its data is of the kind %.40q, which is not known here",
				s.Type)
		case len(s.Integrity) > 0 && string(s.Integrity) != "null":
			return "", nil, unsupported("its sectors have tags of integrity, which are not read " +
				"here")
		case s.SectorSize != 512 && s.SectorSize != 1024 && s.SectorSize != 2048 &&
			s.SectorSize != 4096:
			return "", nil, broken("its sectors have %d bytes", s.SectorSize)
		}
		return id, &s, nil
	}
	return "", nil, broken("it has no segment")
}

// digestsOf returns the digests of the keys of a segment.
func (m *metadata) digestsOf(segment string) ([]digest2, error) {
	var out []digest2
	for _, d := range m.Digests {
		for _, of := range d.Segments {
			if of != segment {
				continue
			}
			if d.Type != "pbkdf2" {
				return nil, unsupported("its key is proven by %.40q, which is not known here",
					d.Type)
			}
			out = append(out, d)
			break
		}
	}
	if len(out) != 1 {
		return nil, broken("%d digests prove its key, and there has to be one", len(out))
	}
	return out, out[0].checkNames()
}

// checkNames refuses more key slots than there can be, which all would be tried.
func (d *digest2) checkNames() error {
	if len(d.Keyslots) > maxSlots {
		return broken("the digest of its key names %d key slots", len(d.Keyslots))
	}
	for i, name := range d.Keyslots {
		if slices.Contains(d.Keyslots[:i], name) {
			return broken("the digest of its key names the key slot %.40q twice", name)
		}
	}
	return nil
}

func (d *digest2) digest() digest {
	return digest{hash: d.Hash, iterations: d.Iterations, salt: d.Salt, sum: d.Digest}
}

// slot returns a key slot, unchecked but for its kind.
func (m *metadata) slot(name string) (Slot, error) {
	k, ok := m.Keyslots[name]
	at, err := strconv.Atoi(name)
	if !ok || err != nil || at < 0 || at >= maxSlots {
		return Slot{}, broken("it names the key slot %.40q, which it does not have", name)
	}
	if k.Type != "luks2" || k.AF.Type != "luks1" || k.Area.Type != "raw" {
		return Slot{}, unsupported("key slot %d is of a kind that is not known here (%.20q, "+
			"%.20q, %.20q)", at, k.Type, k.AF.Type, k.Area.Type)
	}
	s := Slot{Number: at, KDF: k.KDF.Type, Hash: k.KDF.Hash, Iterations: k.KDF.Iterations,
		Threads: k.KDF.CPUs, salt: k.KDF.Salt, keyBytes: k.KeySize, stripes: k.AF.Stripes,
		afHash: k.AF.Hash, offset: int64(k.Area.Offset), cipher: k.Area.Encryption,
		areaKey: k.Area.KeySize, priority: 1}
	if k.KDF.Memory < 0 || k.KDF.Memory > 1<<32 {
		return Slot{}, broken("key slot %d has %d KiB for Argon2", at, k.KDF.Memory)
	}
	s.Memory = k.KDF.Memory << 10
	if s.KDF != "pbkdf2" {
		s.Hash, s.Iterations = "", k.KDF.Time
	}
	if k.Priority != nil {
		s.priority = min(max(*k.Priority, 0), 2)
	}
	return s, nil
}
