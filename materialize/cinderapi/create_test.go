package cinderapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

const serverID = "7ac8686c-de71-4acb-9600-ec18b1a1ed6d"

// stand is a volume of the cloud that goes through states, one at each GET; the
// last one stays.
type stand struct {
	mu       sync.Mutex
	states   []string // "in-use" is attached to serverID, "taken" to another
	metadata map[string]string
	gone     bool
	calls    []string
	slow     func() // called before an attachment is begun
}

func (c *cloud) volume(metadata map[string]string, states ...string) *stand {
	s := &stand{states: states, metadata: metadata}
	c.mux.HandleFunc("GET "+volumePattern, func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.gone {
			w.WriteHeader(404)
			io.WriteString(w, `{"itemNotFound": {"code": 404, "message": "Volume could not be found."}}`)
			return
		}
		json.NewEncoder(w).Encode(map[string]any{"volume": s.show()})
		if len(s.states) > 1 {
			s.states = s.states[1:]
		}
	})
	c.mux.HandleFunc("POST "+volumePattern+"/action", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.note("action " + string(body))
		w.WriteHeader(202)
	})
	return s
}

// quick returns a client that never waits long, with a Nova in one region.
func (c *cloud) quick(t *testing.T) *Client {
	t.Helper()
	t.Setenv("OS_REGION_NAME", "one")
	client := c.client(t, Options{Patience: time.Second})
	client.poll = 5 * time.Millisecond
	return client
}

func (s *stand) show() map[string]any {
	v := map[string]any{"id": volumeID, "size": 1, "status": s.states[0], "metadata": s.metadata}
	switch s.states[0] {
	case "taken":
		v["status"], v["attachments"] = "in-use", []any{map[string]string{"server_id": "another"}}
	case "in-use", "detaching":
		v["attachments"] = []any{map[string]string{"server_id": serverID, "device": "/dev/vdb"}}
	}
	return v
}

func (s *stand) note(call string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, call)
}

func (s *stand) become(states ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.states = states
}

func (s *stand) called() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.calls, "; ")
}

// hangUp closes the connection without an answer.
func hangUp(w http.ResponseWriter) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		conn.Close()
	}
}

func (c *cloud) answers(pattern string, status int, body string) {
	c.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, body)
	})
}

const volumesPattern = "/v3/" + project + "/volumes"

func TestAVolumeIsAskedForOnce(t *testing.T) {
	for name, test := range map[string]struct {
		status int  // of the answer; 0: the connection is lost
		made   bool // the volume is created nevertheless
		blind  bool // the search for it fails
		want   string
	}{
		"answered":                           {202, true, false, ""},
		"the answer is lost":                 {0, true, false, ""},
		"the answer is a proxy's, too late":  {504, true, false, ""},
		"lost before anything was done":      {0, false, false, "no such volume is there now; look once more, before it is asked for again, with: openstack volume list --property restorefs_run=run-1"},
		"lost, and the search fails":         {0, true, true, "whether the volume was created is not known: look for it with: openstack volume list --property restorefs_run=run-1"},
		"refused: a quota":                   {413, false, false, "413 Request Entity Too Large: exceeds allowed gigabytes quota"},
		"refused: no such type":              {404, false, false, "404 Not Found: exceeds"},
		"refused: not a role that may do it": {403, false, false, "403 Forbidden"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCloud(t)
			client := c.quick(t)
			var got string
			c.mux.HandleFunc("POST "+volumesPattern, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				got += string(body)
				switch {
				case test.status == 0:
					hangUp(w)
				case test.status >= 400:
					w.WriteHeader(test.status)
					io.WriteString(w, `{"overLimit": {"code": 1, "message": "exceeds allowed gigabytes quota"}}`)
				default:
					w.WriteHeader(test.status)
					io.WriteString(w, strings.ReplaceAll(cinderVolume, "available", "creating"))
				}
			})
			c.mux.HandleFunc("GET "+volumesPattern+"/detail", func(w http.ResponseWriter, r *http.Request) {
				if filter := r.URL.Query().Get("metadata"); filter != "{'restorefs_run':'run-1'}" {
					t.Errorf("looked for %s", filter)
				}
				other := `{"id": "other", "metadata": {"restorefs_run": "run-0"}}`
				switch {
				case test.blind:
					w.WriteHeader(500)
				case test.made:
					fmt.Fprintf(w, `{"volumes": [%s, {"id": %q, "metadata": {"restorefs_run": "run-1"}}]}`, other, volumeID)
				default:
					fmt.Fprintf(w, `{"volumes": [%s]}`, other)
				}
			})
			v, err := client.CreateVolume(t.Context(), NewVolume{SizeGiB: 3, Type: "gold", Zone: "nova", Run: "run-1"})
			if want := `{"volume":{"availability_zone":"nova","metadata":{"restorefs_run":"run-1"},"size":3,"volume_type":"gold"}}`; strings.TrimSpace(got) != want {
				t.Errorf("asked for %s, want %s", got, want)
			}
			if test.want == "" {
				if err != nil || v.ID != volumeID {
					t.Error(v, err)
				}
				return
			}
			if v != nil || err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}

func TestAVolumeIsKnownWhenItsCreationIsInterrupted(t *testing.T) {
	c := newCloud(t)
	client := c.quick(t)
	ctx, cancel := context.WithCancel(t.Context())
	c.mux.HandleFunc("POST "+volumesPattern, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // so that the server notices the end of the connection
		cancel()
		<-r.Context().Done()
	})
	c.answers("GET "+volumesPattern+"/detail", 200, `{"volumes": [{"id": "`+volumeID+`", "metadata": {"restorefs_run": "run-1"}}]}`)
	v, err := client.CreateVolume(ctx, NewVolume{SizeGiB: 1, Run: "run-1"})
	if v == nil || v.ID != volumeID || !errors.Is(err, context.Canceled) {
		t.Error(v, err)
	}
}

func TestTheErrorSaysWhyAVolumeWasNotCreated(t *testing.T) {
	for name, test := range map[string]struct {
		states   []string
		messages string
		want     string // part of the error; "": it becomes available
	}{
		"after a while":     {[]string{"creating", "creating", "available"}, "", ""},
		"no room":           {[]string{"creating", "error"}, `{"messages": [{"resource_uuid": "` + volumeID + `", "user_message": "schedule allocate volume:Could not find any available weighted backend."}]}`, "its status is error: schedule allocate volume:Could not find any available weighted backend."},
		"nobody says why":   {[]string{"error"}, `{"messages": []}`, "its status is error; why, Cinder tells an admin"},
		"others' messages":  {[]string{"error"}, `{"messages": [{"resource_uuid": "x", "user_message": "y"}]}`, "its status is error; why, Cinder tells an admin"},
		"messages fail":     {[]string{"error"}, "no JSON", "its status is error; why, Cinder tells an admin"},
		"somebody takes it": {[]string{"creating", "in-use"}, "", "became in-use where it should become available: somebody else uses it"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCloud(t)
			client := c.quick(t)
			c.volume(nil, test.states...)
			c.answers("GET /v3/"+project+"/messages", 200, test.messages)
			v, err := client.WaitCreated(t.Context(), volumeID)
			if test.want == "" {
				if err != nil || v.Status != "available" {
					t.Error(v, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), volumeID) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}

func TestOnlyAVolumeOfThisRunIsDeleted(t *testing.T) {
	for name, test := range map[string]struct {
		mark string
		end  string // the status after the deletion; "": it is gone
		want string
	}{
		"ours":                       {"run-1", "", ""},
		"another run's":              {"run-2", "", "does not carry the mark of this run"},
		"nobody's":                   {"", "", "does not carry the mark of this run"},
		"ours, but the storage does": {"run-1", "error_deleting", "could not be deleted, its status is error_deleting"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCloud(t)
			client := c.quick(t)
			s := c.volume(map[string]string{RunKey: test.mark}, "available")
			c.mux.HandleFunc("DELETE "+volumePattern, func(w http.ResponseWriter, r *http.Request) {
				s.note("delete")
				s.mu.Lock()
				defer s.mu.Unlock()
				s.gone, s.states = test.end == "", []string{"deleting", test.end}
				w.WriteHeader(202)
			})
			c.answers("GET /v3/"+project+"/messages", 200, `{"messages": []}`)
			err := client.DeleteCreated(t.Context(), volumeID, "run-1")
			switch {
			case test.want == "" && err != nil:
				t.Error(err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("%v, want %q", err, test.want)
			}
			if deleted := s.called() == "delete"; deleted != (test.mark == "run-1") {
				t.Error("deleted:", deleted)
			}
		})
	}
}

func TestAReservationIsKnownEvenIfItsAnswerIsLost(t *testing.T) {
	for name, test := range map[string]struct {
		answer int // 0: the connection is lost
		status string
		held   bool
		why    string
		want   string
	}{
		"it is ours":                {202, "attaching", true, "", ""},
		"the answer is lost":        {0, "attaching", true, "", ""},
		"lost before it was done":   {0, "available", false, "", "no answer"},
		"a role that may not":       {403, "available", false, "403 Forbidden", ""},
		"no such action here":       {400, "available", false, "400 Bad Request", ""},
		"somebody was quicker":      {400, "in-use", false, "", "is in-use now, so somebody else uses it"},
		"somebody reserved it too":  {400, "attaching", false, "", "is attaching now, so somebody else uses it"},
		"somebody began to restore": {400, "restoring-backup", false, "", "is restoring-backup now"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCloud(t)
			client := c.quick(t)
			c.mux.HandleFunc("GET "+volumePattern, func(w http.ResponseWriter, r *http.Request) {
				fmt.Fprintf(w, `{"volume": {"id": %q, "status": %q}}`, volumeID, test.status)
			})
			c.mux.HandleFunc("POST "+volumePattern+"/action", func(w http.ResponseWriter, r *http.Request) {
				if test.answer == 0 {
					hangUp(w)
					return
				}
				w.WriteHeader(test.answer)
			})
			held, why, err := client.Reserve(t.Context(), volumeID)
			if held != test.held || !strings.Contains(why, test.why) || test.why == "" && why != "" {
				t.Error(held, why, err)
			}
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}

func TestWaitingForAVolumeThatIsNeverMadeEnds(t *testing.T) {
	c := newCloud(t)
	client := c.quick(t)
	c.volume(nil, "creating")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := client.WaitCreated(ctx, volumeID); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), volumeID) {
		t.Error(err)
	}
}
