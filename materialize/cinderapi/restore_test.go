package cinderapi

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"
)

// fakeVolume answers as Cinder 21.3.1 does, with its limits; with roomy it has
// the limits of 22.0.0 and later for image metadata.
type fakeVolume struct {
	mu       sync.Mutex
	name     *string
	desc     *string
	metadata map[string]string
	image    map[string]string
	bootable bool
	calls    []string
	// fault is called before each call with the call's number, from 1 on, and
	// returns true if it has answered.
	fault  func(w http.ResponseWriter, r *http.Request, n int) bool
	strict bool // refuses keys with a space, which no real Cinder does
	roomy  bool // accepts image metadata values of 65,535 bytes
}

var schemaKey = regexp.MustCompile(`^[a-zA-Z0-9-_:. /]{1,255}$`)

// refusal returns what Cinder's schemas (cinder/api/validation) say against
// pairs, or "".
func (f *fakeVolume) refusal(pairs map[string]string, image bool) string {
	for _, k := range slices.Sorted(maps.Keys(pairs)) {
		v := pairs[k]
		if !schemaKey.MatchString(k) || f.strict && strings.Contains(k, " ") {
			return fmt.Sprintf("Invalid input for field/attribute metadata. Value: %v. Additional properties are not allowed ('%s' was unexpected)", pairs, k)
		}
		switch {
		case f.roomy && image && len(v) > 65535:
			return fmt.Sprintf("Invalid input for field/attribute %s. Value: %s. '%s' is not a 'mysql_text'", k, v, v)
		case !(f.roomy && image) && utf8.RuneCountInString(v) > 255:
			return fmt.Sprintf("Invalid input for field/attribute %s. Value: %s. '%s' is too long", k, v, v)
		}
	}
	return ""
}

func (f *fakeVolume) serve(t *testing.T, c *cloud) {
	reply := func(w http.ResponseWriter, v any) { json.NewEncoder(w).Encode(v) }
	bad := func(w http.ResponseWriter, message string) {
		w.WriteHeader(400)
		reply(w, map[string]any{"badRequest": map[string]any{"code": 400, "message": message}})
	}
	handle := func(pattern string, do func(w http.ResponseWriter, body map[string]json.RawMessage)) {
		c.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			f.mu.Lock()
			defer f.mu.Unlock()
			var body map[string]json.RawMessage
			json.NewDecoder(r.Body).Decode(&body)
			call := r.Method + strings.TrimPrefix(r.URL.Path, "/v3/"+project+"/volumes/"+volumeID)
			for action := range body {
				call += " " + action
			}
			f.calls = append(f.calls, call)
			if f.fault == nil || !f.fault(w, r, len(f.calls)) {
				do(w, body)
			}
		})
	}
	handle("GET "+volumePattern, func(w http.ResponseWriter, _ map[string]json.RawMessage) {
		metadata := maps.Clone(f.metadata)
		metadata["readonly"] = "False" // as for admins
		v := map[string]any{"id": volumeID, "status": "available", "size": 1, "name": f.name, "description": f.desc, "metadata": metadata, "bootable": fmt.Sprint(f.bootable)}
		if len(f.image) > 0 {
			v["volume_image_metadata"] = f.image
		}
		reply(w, map[string]any{"volume": v})
	})
	handle("PUT "+volumePattern, func(w http.ResponseWriter, body map[string]json.RawMessage) {
		change := map[string]*string{}
		json.Unmarshal(body["volume"], &change)
		for k, v := range change {
			if v != nil && utf8.RuneCountInString(strings.TrimSpace(*v)) > 255 {
				bad(w, fmt.Sprintf("%s%s has %d characters, more than 255.", strings.ToUpper(k[:1]), k[1:], utf8.RuneCountInString(strings.TrimSpace(*v))))
				return
			}
		}
		for k, v := range change {
			if v != nil {
				v = p(strings.TrimSpace(*v))
			}
			if k == "name" {
				f.name = v
			} else {
				f.desc = v
			}
		}
		reply(w, map[string]any{"volume": map[string]any{"id": volumeID}})
	})
	metadata := func(replace bool) func(http.ResponseWriter, map[string]json.RawMessage) {
		return func(w http.ResponseWriter, body map[string]json.RawMessage) {
			pairs := map[string]string{}
			if err := json.Unmarshal(body["metadata"], &pairs); err != nil {
				t.Error(err)
			}
			if why := f.refusal(pairs, false); why != "" {
				bad(w, why)
				return
			}
			if replace {
				clear(f.metadata)
			}
			maps.Copy(f.metadata, pairs)
			reply(w, map[string]any{"metadata": f.metadata})
		}
	}
	handle("PUT "+volumePattern+"/metadata", metadata(true))
	handle("POST "+volumePattern+"/metadata", metadata(false))
	handle("POST "+volumePattern+"/action", func(w http.ResponseWriter, body map[string]json.RawMessage) {
		var args struct {
			Metadata map[string]string
			Key      string
			Bootable *bool
		}
		for _, b := range body {
			json.Unmarshal(b, &args)
		}
		why := "Malformed request body."
		if body["os-set_image_metadata"] != nil {
			why = f.refusal(args.Metadata, true)
		}
		switch {
		case body["os-set_image_metadata"] != nil && why == "":
			maps.Copy(f.image, args.Metadata)
		case body["os-unset_image_metadata"] != nil && f.image[args.Key] != "":
			delete(f.image, args.Key)
		case body["os-set_bootable"] != nil && args.Bootable != nil:
			f.bootable = *args.Bootable
		default:
			bad(w, why)
		}
	})
}

func newFakeVolume(t *testing.T, f *fakeVolume) *Client {
	t.Helper()
	c := newCloud(t)
	client := c.client(t, Options{pause: time.Millisecond, Patience: 30 * time.Second})
	f.metadata, f.image = maps.Clone(f.metadata), maps.Clone(f.image)
	if f.metadata == nil {
		f.metadata = m{}
	}
	if f.image == nil {
		f.image = m{}
	}
	f.serve(t, c)
	return client
}

func TestRestoresMetadataInCindersOrder(t *testing.T) {
	f := &fakeVolume{desc: p("keep?"), metadata: m{"own": "x"}, image: m{"own_img": "y", "same": "z"}}
	client := newFakeVolume(t, f)
	wanted := State{Name: p("näme"), Metadata: m{"a": "ü", "b": ""}, Image: m{"os": "debian", "same": "z"}, Bootable: true}
	left, err := client.RestoreMetadata(t.Context(), volumeID, wanted)
	if err != nil || len(left) > 0 {
		t.Fatal(left, err)
	}
	want := []string{"GET", "PUT/metadata metadata", "POST/action os-unset_image_metadata", "POST/action os-set_image_metadata", "POST/action os-set_bootable", "PUT volume", "GET"}
	if !reflect.DeepEqual(f.calls, want) {
		t.Errorf("%v", f.calls)
	}
	if *f.name != "näme" || f.desc != nil || !maps.Equal(f.metadata, m{"a": "ü", "b": ""}) || !maps.Equal(f.image, m{"os": "debian", "same": "z"}) || !f.bootable {
		t.Errorf("%+v", f)
	}
	f.calls = nil
	if left, err := client.RestoreMetadata(t.Context(), volumeID, wanted); err != nil || len(left) > 0 || !reflect.DeepEqual(f.calls, []string{"GET", "GET"}) {
		t.Errorf("a second time: %v %v %v", f.calls, left, err)
	}
}

func TestOneRefusedPairDoesNotKeepTheOthersOut(t *testing.T) {
	long := strings.Repeat("x", 256)
	f := &fakeVolume{metadata: m{"stale": "x"}}
	client := newFakeVolume(t, f)
	left, err := client.RestoreMetadata(t.Context(), volumeID, State{
		Name: p(long), Description: p(" d "), Metadata: m{"good": "1", "ünï": "2"}, Image: m{"good": "1", "long": long, "a=b": "c"}, EncryptionKeyID: p("k"),
	})
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{}
	for _, d := range left {
		names[d.String()] = d.Why
		if !d.Permanent {
			t.Errorf("%s can be tried again", d)
		}
	}
	for want, why := range map[string]string{
		"name":                  "this cloud does not take it (256 characters): 400 Bad Request: Name has 256 characters, more than 255.",
		"description":           "strips the white space",
		`metadata "ünï"`:        "Additional properties are not allowed ('ünï' was unexpected)",
		`image_metadata "long"`: "this cloud does not take it (key of 4 characters, value of 256): 400 Bad Request: Invalid input for field/attribute long. Value: xxx",
		`image_metadata "a=b"`:  "Additional properties are not allowed ('a=b' was unexpected)",
		"encryption_key_id":     "the API cannot",
	} {
		if got, ok := names[want]; !ok || !strings.Contains(got, why) {
			t.Errorf("%s: %q, want %q", want, got, why)
		}
	}
	if len(left) != 6 || *f.desc != "d" || !maps.Equal(f.metadata, m{"good": "1"}) || !maps.Equal(f.image, m{"good": "1"}) {
		t.Errorf("%v; %+v", left, f)
	}
}

func TestARefusedValueThatIsSetAlreadyStays(t *testing.T) {
	f := &fakeVolume{metadata: m{"ü": "1"}, image: m{"ü": "1"}}
	client := newFakeVolume(t, f)
	left, err := client.RestoreMetadata(t.Context(), volumeID, State{Metadata: m{"ü": "1", "a": "2"}, Image: m{"ü": "1", "a": "2"}})
	if err != nil || len(left) > 0 {
		t.Error(left, err)
	}
}

func TestACinderWithStricterLimitsGetsWhatItAccepts(t *testing.T) {
	for _, stale := range []map[string]string{nil, {"stale": "x"}} {
		f := &fakeVolume{metadata: stale, strict: true}
		client := newFakeVolume(t, f)
		pairs := m{"a": "1", "b c": "2", "d": "3"}
		left, err := client.RestoreMetadata(t.Context(), volumeID, State{Metadata: pairs, Image: pairs})
		if err != nil || len(left) != 2 || !strings.Contains(left[0].Why, "400 Bad Request") || !maps.Equal(f.metadata, m{"a": "1", "d": "3"}) || !maps.Equal(f.image, m{"a": "1", "d": "3"}) {
			t.Errorf("%v %v %+v", left, err, f)
		}
	}
}

// Whatever fails at whichever call, the error names the call and the volume,
// the remaining differences are known, and the next run removes them.
func TestTheNextRunRepairsEveryFaultAtEveryCall(t *testing.T) {
	status := func(code int) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			fmt.Fprintf(w, `{"fault": {"code": %d, "message": "oh"}}`, code)
		}
	}
	lost := func(w http.ResponseWriter, _ *http.Request) {
		if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
			conn.Close()
		}
	}
	for name, fault := range map[string]func(http.ResponseWriter, *http.Request){
		"400": status(400), "401": status(401), "403": status(403), "404": status(404), "409": status(409), "413": status(413), "500": status(500), "lost": lost,
		"no JSON": func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "{") },
	} {
		t.Run(name, func(t *testing.T) {
			for n := 1; n <= 7; n++ {
				f := &fakeVolume{metadata: m{"own": "x"}, image: m{"own_img": "y"}}
				broken := true
				f.fault = func(w http.ResponseWriter, r *http.Request, i int) bool {
					if broken && i >= n {
						fault(w, r)
					}
					return broken && i >= n
				}
				client := newFakeVolume(t, f)
				client.options.Patience = 3 * time.Millisecond
				wanted := State{Name: p("n"), Metadata: m{"a": "1"}, Image: m{"os": "debian"}, Bootable: true}
				left, err := client.RestoreMetadata(t.Context(), volumeID, wanted)
				if err == nil && name != "no JSON" { // only GET looks at the JSON
					t.Fatalf("call %d: no error, %v", n, left)
				}
				if err != nil && (!strings.Contains(err.Error(), " of volume "+volumeID+": ") || Lost(err) != (name == "lost")) {
					t.Errorf("call %d: %v", n, err)
				}
				f.mu.Lock()
				broken = false
				f.mu.Unlock()
				if left, err := client.RestoreMetadata(t.Context(), volumeID, wanted); err != nil || len(left) > 0 {
					t.Errorf("call %d, again: %v %v", n, left, err)
				}
				if !slices.Equal([]string{*f.name, f.metadata["a"], f.image["os"]}, []string{"n", "1", "debian"}) || len(f.metadata)+len(f.image) != 2 {
					t.Errorf("%+v", f)
				}
			}
		})
	}
}

func TestTheLastReadFindsChangesThatWereNotMade(t *testing.T) {
	f := &fakeVolume{}
	client := newFakeVolume(t, f)
	// reported as done, and not done
	f.fault = func(w http.ResponseWriter, r *http.Request, n int) bool {
		if r.Method == "POST" {
			io.WriteString(w, "{}")
		}
		return r.Method == "POST"
	}
	left, err := client.RestoreMetadata(t.Context(), volumeID, State{Metadata: m{"a": "1"}})
	if err != nil || len(left) != 1 || left[0].String() != `metadata "a"` {
		t.Error(left, err)
	}
}
