package format

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
)

// metadataWith returns a _metadata with another volume_meta and more names.
func metadataWith(volumeMeta, more string) string {
	quoted, _ := json.Marshal(volumeMeta)
	text := metadataJSON(object(prefix+"-00001", goodFields))
	text = strings.Replace(text, `"volume_meta": "{\"version\": 2}"`, `"volume_meta": `+string(quoted), 1)
	return strings.Replace(text, "{", "{"+more, 1)
}

func longMeta(items int) string {
	var b strings.Builder
	b.WriteString(`{"version": 2, "volume-base-metadata": {"size": 3, "display_name": "n\u00fc\"\\", "project_id": "p"}, "volume-metadata": {`)
	for i := range items {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, `"k%d": "\ud83d\ude00\\"`, i)
	}
	b.WriteString(`}, "volume-glance-metadata": {"os": "x"}}`)
	return b.String()
}

func TestALongVolumeMetaIsKnownByWhatListNeedsAndReadAgainWhole(t *testing.T) {
	for _, items := range []int{1, 100_000} {
		text := metadataWith(longMeta(items), "")
		m, err := ParseMetadata(strings.NewReader(text), prefix, func(Object) error { return nil })
		if err != nil || m.VolumeErr != nil || m.Volume.SizeBytes() != 3<<30 || *m.Volume.Base.Name != `nü"\` || !m.Volume.FromImage {
			t.Fatalf("%d items: %+v %v", items, m, err)
		}
		all, err := ReadVolumeMeta(strings.NewReader(text[m.VolumeMeta.Off:][:m.VolumeMeta.Len]))
		if err != nil || len(all.Metadata) != items || all.Metadata["k0"] != `😀\` || all.Image["os"] != "x" || *all.Base.ProjectID != "p" {
			t.Fatalf("%d items: %d, %v", items, len(all.Metadata), err)
		}
	}
}

// allocated returns how many bytes f allocates in all.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestWhatIsLongInMetadataTakesNoMemory(t *testing.T) {
	var names strings.Builder
	for i := range 8 {
		fmt.Fprintf(&names, `"%s%d": 1, `, strings.Repeat("x", 2<<20), i)
	}
	for name, text := range map[string]string{
		"many long names":               metadataWith(`{"version": 2}`, names.String()),
		"a volume_meta of megabytes":    metadataWith(longMeta(150_000), ""),
		"a long value of another name":  metadataWith(`{"version": 2}`, `"other": ["`+strings.Repeat("x", 3<<20)+`"], `),
		"a long name of the backup":     strings.Replace(metadataWith(`{"version": 2}`, ""), `"nü"`, `"`+strings.Repeat("x", 3<<20)+`"`, 1),
		"a long name inside an object":  metadataWith(strings.Replace(longMeta(1), `"k0"`, `"`+strings.Repeat("x", 3<<20)+`"`, 1), ""),
		"a long name that is the last ": metadataWith(longMeta(1), `"`+strings.Repeat("\\u00fc", 1<<20)+`": "", `),
	} {
		var m Metadata
		var err error
		n := allocated(func() { m, err = ParseMetadata(strings.NewReader(text), prefix, func(Object) error { return nil }) })
		if err != nil || m.BackupName == nil || len(*m.BackupName) > 2*maxNameBytes || m.Volume == nil {
			t.Errorf("%s: %v", name, err)
		}
		if n > 3<<20 {
			t.Errorf("%s: %d bytes were allocated for %d", name, n, len(text))
		}
	}
	twice := `"` + strings.Repeat("x", 3<<20) + `": 1, `
	if _, err := ParseMetadata(strings.NewReader(metadataWith("{}", twice+twice)), prefix, func(Object) error { return nil }); err == nil || len(err.Error()) > 1000 {
		t.Errorf("a long name that is there twice: %.200v", err)
	}
}

func TestATextReadsAsEncodingJSONReadsIt(t *testing.T) {
	for _, text := range []string{
		`""`, `"a"`, `"\"\\\/\b\f\n\r\t"`, `"\u00fc\u20AC\ud83d\ude00"`, `"\ud83dx"`, `"\ud83d\u0041"`, `"\ude00"`, `"\ud83d\ud83d\ude00"`, `"ü€😀"`, `"\u0000"`,
		`"\x"`, "\"\x01\"", `"\u12g4"`, `"abc`, `"\`, `"\u12`,
	} {
		var want string
		wrong := json.Unmarshal([]byte(text), &want)
		for range 20 {
			tx, err := newValues(&pieces{text, rand.New(rand.NewPCG(1, 2))}).text(1 << 20)
			var got bytes.Buffer
			if err == nil {
				p := make([]byte, 1+rand.IntN(5))
				_, err = io.CopyBuffer(&got, struct{ io.Reader }{tx}, p)
			}
			if (err == nil) != (wrong == nil) || err == nil && got.String() != want && !strings.Contains(text, `\ud83d\ud83d`) {
				t.Fatalf("%s: %q %v, want %q %v", text, got.String(), err, want, wrong)
			}
		}
	}
}
