package cinderapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
)

// Releases differ in what they accept, so the cloud decides.
func TestTheCloudDecidesHowLongAValueMayBe(t *testing.T) {
	notes := strings.Repeat("größe ", 81) + "end"
	image := m{"os_distro": "debian", "hw_notes": notes, "min_disk": "1", "most": strings.Repeat("x", 65535)}
	for name, test := range map[string]struct {
		roomy bool
		left  []string
		calls int // of os-set_image_metadata
	}{
		"one with 255 characters for each value": {false, []string{`image_metadata "hw_notes"`, `image_metadata "most"`}, 5},
		"one with 65,535 bytes":                  {true, nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeVolume{roomy: test.roomy}
			client := newFakeVolume(t, f)
			left, err := client.RestoreMetadata(t.Context(), volumeID, State{Image: image})
			if err != nil || fmt.Sprint(left) != fmt.Sprint(test.left) {
				t.Fatalf("%v %v, want %v", left, err, test.left)
			}
			want := maps.Clone(image)
			for _, d := range left {
				delete(want, d.Key)
				if !d.Permanent || !strings.Contains(d.Why, "this cloud does not take it") || !strings.HasSuffix(d.Why, "' is too long (req-1)") || len(d.Why) > 600 {
					t.Errorf("%s: %v %s", d, d.Permanent, d.Why)
				}
			}
			calls := strings.Count(strings.Join(f.calls, "\n"), "os-set_image_metadata")
			if !maps.Equal(f.image, want) || calls != test.calls {
				t.Errorf("%d calls, %d pairs are there, should be %d", calls, len(f.image), len(want))
			}
		})
	}
}

// A key that must be removed means one call that replaces all metadata.
func TestALongValueIsSentEvenIfAKeyMustBeRemoved(t *testing.T) {
	f := &fakeVolume{metadata: m{"stale": "x"}}
	client := newFakeVolume(t, f)
	long := strings.Repeat("ü", 256)
	left, err := client.RestoreMetadata(t.Context(), volumeID, State{Metadata: m{"a": "1", "b": "2", "long": long}})
	if err != nil || len(left) != 1 || left[0].String() != `metadata "long"` || !left[0].Permanent || !maps.Equal(f.metadata, m{"a": "1", "b": "2"}) {
		t.Errorf("%v %v %v", left, err, f.metadata)
	}
	want := []string{"GET", "PUT/metadata metadata", "PUT/metadata metadata", "POST/metadata metadata", "GET"}
	if fmt.Sprint(f.calls) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", f.calls, want)
	}
}

// If a refusal is not about the content that was sent, nothing is silently lost
// or called impossible, and the number of calls is bounded.
func TestARefusalForAnotherReasonLosesNothing(t *testing.T) {
	image := m{}
	for i := range 500 {
		image[fmt.Sprintf("key %03d", i)] = "v"
	}
	for name, answer := range map[string]struct {
		status  int
		message string
	}{
		"the status of the volume": {400, "Invalid volume: The volume cannot be updated during maintenance."},
		"a proxy's limit":          {400, ""},
		"about another field":      {400, "Invalid input for field/attribute id. Value: x. 'x' is too long"},
	} {
		t.Run(name, func(t *testing.T) {
			f, broken := &fakeVolume{}, true
			f.fault = func(w http.ResponseWriter, r *http.Request, _ int) bool {
				if broken && r.Method == "POST" {
					w.WriteHeader(answer.status)
					json.NewEncoder(w).Encode(m2{"badRequest": m2{"message": answer.message}})
				}
				return broken && r.Method == "POST"
			}
			client := newFakeVolume(t, f)
			left, err := client.RestoreMetadata(t.Context(), volumeID, State{Image: image})
			if err != nil || len(left) != len(image) || len(f.calls) > maxRefused+2 {
				t.Fatalf("%d left of %d, %d calls: %v", len(left), len(image), len(f.calls), err)
			}
			for _, d := range left {
				if d.Permanent || d.Why == "" {
					t.Errorf("%s: %v %q", d, d.Permanent, d.Why)
				}
			}
			broken = false
			if left, err := client.RestoreMetadata(t.Context(), volumeID, State{Image: image}); err != nil || len(left) > 0 || !maps.Equal(f.image, image) {
				t.Errorf("again: %v %v", left, err)
			}
		})
	}
}

type m2 = map[string]any

// Cinder accepts bodies of up to 112 KiB (max_request_body_size): pairs that
// are too long together may be accepted in parts.
func TestABodyThatIsTooLongIsSentInParts(t *testing.T) {
	f := &fakeVolume{roomy: true}
	f.fault = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if r.ContentLength <= 114688 {
			return false
		}
		w.WriteHeader(413)
		fmt.Fprint(w, "<html>Request is too large. Larger than max_request_body_size (114688).</html>")
		return true
	}
	client := newFakeVolume(t, f)
	image := m{"a": strings.Repeat("a", 60000), "b": strings.Repeat("b", 60000), "c": "short"}
	left, err := client.RestoreMetadata(t.Context(), volumeID, State{Image: image})
	if err != nil || len(left) > 0 || !maps.Equal(f.image, image) {
		t.Errorf("%v %v %d", left, err, len(f.image))
	}
}

// A refused name does not keep the description from being set.
func TestNameAndDescriptionAreSentApartWhereTheyAreRefused(t *testing.T) {
	f := &fakeVolume{}
	client := newFakeVolume(t, f)
	left, err := client.RestoreMetadata(t.Context(), volumeID, State{Name: p(strings.Repeat("n", 256)), Description: p("d")})
	if err != nil || len(left) != 1 || left[0].Field != "name" || !left[0].Permanent || f.desc == nil || *f.desc != "d" || f.name != nil {
		t.Errorf("%v %v %+v", left, err, f)
	}
}
