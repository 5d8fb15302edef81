package restore

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/safetext"
)

func TestAFileIsKnownByItsChecksum(t *testing.T) {
	var text bytes.Buffer
	plain, err := safetext.JSON(map[string]any{"a": 1, "checksum of": "x"}, true)
	if err != nil {
		t.Fatal(err)
	}
	record := sealed(plain)
	if err := backupstore.WriteMap(&text, 1<<20, []backupstore.Range{{Off: 0, Len: 512}},
		"c"); err != nil {
		t.Fatal(err)
	}
	damage := sealed(text.Bytes())
	for what, data := range map[string][]byte{"a record": record, "a map": damage} {
		if !isSealed(data) {
			t.Errorf("%s: not known again: %s", what, data)
		}
		for i := range data {
			changed := bytes.Clone(data)
			changed[i] ^= 1
			if isSealed(changed) {
				t.Errorf("%s: known with byte %d changed", what, i)
			}
			if isSealed(data[:i]) {
				t.Errorf("%s: known when cut to %d bytes", what, i)
			}
		}
		if isSealed(append(bytes.Clone(data), '\n')) || isSealed(append([]byte(" "), data...)) {
			t.Errorf("%s: known with something added", what)
		}
	}
	var decoded struct {
		A        int
		Checksum string
	}
	if err := json.Unmarshal(record, &decoded); err != nil || decoded.A != 1 ||
		!strings.HasPrefix(decoded.Checksum, "sha256:") {
		t.Errorf("%+v %v", decoded, err)
	}
	for _, other := range []string{"", "\n", "{}\n", "{\n}\n",
		"# Mapfile. Created by restorefs\n# c\n", "{\n  \"checksum\": \"sha256:\"\n}\n"} {
		if isSealed([]byte(other)) {
			t.Errorf("%q is known", other)
		}
	}
}
