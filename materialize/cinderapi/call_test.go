package cinderapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const volumeID = "16cc6e5f-3ed7-43a6-8d37-6125fb65d94d"

// As Cinder answers (21.3.1).
const cinderVolume = `{"volume": {"id": "` + volumeID + `", "status": "available", "size": 1, "availability_zone": "nova",
	"created_at": "2026-11-22T23:57:50.000000", "updated_at": "2026-11-22T23:57:50.000000", "name": "x", "description": null, "volume_type": "__DEFAULT__",
	"snapshot_id": null, "source_volid": null, "metadata": {}, "links": [], "user_id": "admin", "bootable": "false", "encrypted": false,
	"replication_status": null, "consistencygroup_id": null, "multiattach": false, "attachments": [], "migration_status": null,
	"os-vol-tenant-attr:tenant_id": "` + project + `", "volume_type_id": "6fdc0d8b-acc9-411a-b9f7-70577c13ca9d", "encryption_key_id": null}}`

const volumePattern = "/v3/" + project + "/volumes/{id}"

func TestCallsThatFailSayWhichAndWhatToDo(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		header string // Retry-After
		body   string
		want   string
	}{
		"not the owner":         {403, "", `{"forbidden": {"code": 403, "message": "Policy doesn't allow volume:get to be performed."}}`, "403 Forbidden: Policy doesn't allow volume:get to be performed. (req-1); this user may not do that in this project: it takes the role member"},
		"gone":                  {404, "", `{"itemNotFound": {"code": 404, "message": "Volume ` + volumeID + ` could not be found."}}`, "404 Not Found: Volume " + volumeID + " could not be found. (req-1); there is no such thing in this project"},
		"a state":               {409, "", `{"conflictingRequest": {"code": 409, "message": "busy"}}`, "409 Conflict: busy (req-1); the cloud does not take it as it is now"},
		"a bad request":         {400, "", `{"badRequest": {"code": 400, "message": "Invalid input for field/attribute metadata."}}`, "400 Bad Request: Invalid input"},
		"a quota":               {413, "0", `{"overLimit": {"code": 413, "message": "VolumeSizeExceedsAvailableQuota", "retryAfter": "0"}}`, "413 Request Entity Too Large: VolumeSizeExceedsAvailableQuota (req-1); a quota"},
		"a fault":               {500, "", `{"computeFault": {"code": 500, "message": "The server has either erred or is incapable of performing the requested operation."}}`, "500 Internal Server Error: The server has either erred or is incapable of performing the requested operation. (req-1); the fault is the cloud's"},
		"a proxy's page":        {500, "", `<html><body>oops</body></html>`, "500 Internal Server Error (req-1); the fault"},
		"text for a terminal":   {500, "", "\x1b[2Jno\nway", "500 Internal Server Error: [2Jno way (req-1)"},
		"a redirect":            {301, "", "", "301 Moved Permanently (req-1); redirects are not followed"},
		"no JSON":               {200, "", "hello", "invalid character 'h' looking for beginning of value; is that the address of the API?"},
		"JSON of other types":   {200, "", `{"volume": []}`, "cannot unmarshal array"},
		"another volume":        {200, "", strings.ReplaceAll(cinderVolume, volumeID, "other"), "the answer is not about that volume"},
		"an answer cut short":   {200, "", `{"volume": {`, "unexpected end of JSON input"},
		"nothing":               {200, "", "", "unexpected end of JSON input"},
		"null":                  {200, "", "null", "the answer is not about that volume"},
		"limited, for too long": {429, "3600", `{"overLimit": {"code": 429, "message": "slow down"}}`, "429 Too Many Requests: slow down (req-1); the cloud limits how many calls"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCloud(t)
			client := c.client(t, Options{})
			c.mux.HandleFunc("GET "+volumePattern, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Retry-After", test.header)
				w.Header().Set("Location", "http://127.0.0.1:1/")
				w.WriteHeader(test.status)
				io.WriteString(w, test.body)
			})
			_, err := client.GetVolume(t.Context(), volumeID)
			if err == nil || !strings.HasPrefix(err.Error(), "get the record of volume "+volumeID+": ") || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %s", err, test.want)
			}
			if got := StatusOf(err); test.status != 200 && got != test.status {
				t.Errorf("status %d", got)
			}
		})
	}
}

func TestCallsAreRepeatedWhereThatHelps(t *testing.T) {
	lose := func(w http.ResponseWriter) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			conn.Close()
		}
	}
	status := func(code int, after string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", after)
			w.WriteHeader(code)
			fmt.Fprintf(w, `{"overLimit": {"code": %d, "message": "later"}}`, code)
		}
	}
	half := func(w http.ResponseWriter) {
		w.Header().Set("Content-Length", "1000")
		io.WriteString(w, cinderVolume[:100])
	}
	for name, test := range map[string]struct {
		fault    func(http.ResponseWriter)
		get      bool // a GET, which may be repeated
		harmless bool
		create   bool
	}{
		"limited":                   {status(429, "0"), true, true, true},
		"limited as of old":         {status(413, "1"), true, true, true},
		"a quota is used up":        {status(413, "0"), false, false, false},
		"unavailable":               {status(503, "0"), true, true, false},
		"a proxy without a server":  {status(502, ""), true, true, false},
		"a fault":                   {status(500, ""), false, false, false},
		"the connection is lost":    {lose, true, true, false},
		"the answer ends too early": {half, true, true, false},
		"something is in the way":   {status(409, ""), false, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCloud(t)
			var log bytes.Buffer
			client := c.client(t, Options{pause: time.Millisecond, Logger: slog.New(slog.NewTextHandler(&log, nil))})
			var calls atomic.Int32
			answer := func(w http.ResponseWriter, r *http.Request) {
				if calls.Add(1) == 1 {
					test.fault(w)
					return
				}
				io.WriteString(w, cinderVolume)
			}
			c.mux.HandleFunc("GET "+volumePattern, answer)
			c.mux.HandleFunc("POST "+volumePattern+"/action", answer)
			check := func(what string, err error, again bool) {
				t.Helper()
				if want := map[bool]int32{true: 2, false: 1}[again]; calls.Load() != want || (err == nil) != again {
					t.Errorf("%s: %d calls, %v", what, calls.Load(), err)
				}
				calls.Store(0)
			}
			_, err := client.GetVolume(t.Context(), volumeID)
			check("get", err, test.get)
			check("harmless post", client.Action(t.Context(), volumeID, "set bootable", "os-set_bootable", nil, true), test.harmless)
			err = client.Action(t.Context(), volumeID, "reserve", "os-reserve", nil, false)
			check("post", err, test.create)
			if name == "the connection is lost" && !Lost(err) {
				t.Errorf("%v is not known as lost", err)
			}
			if test.get && !strings.Contains(log.String(), "trying again") {
				t.Errorf("log: %s", log.String())
			}
		})
	}
}

func TestATokenThatExpiresIsRenewed(t *testing.T) {
	c := newCloud(t)
	client := c.client(t, Options{})
	c.mux.HandleFunc("GET "+volumePattern, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, cinderVolume) })
	expire := func() {
		c.mu.Lock()
		c.tokens++
		c.mu.Unlock()
	}
	expire()
	if _, err := client.GetVolume(t.Context(), volumeID); err != nil {
		t.Fatal(err)
	}
	if len(c.logins) != 2 {
		t.Errorf("%d logins", len(c.logins))
	}
	expire()
	t.Run("but not without an end", func(t *testing.T) {
		c.mux.HandleFunc("GET "+volumePattern+"/never", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(401) })
		err := client.Do(t.Context(), Call{Op: "try", On: "volume v", Method: "GET", Path: "volumes/v/never"})
		if StatusOf(err) != 401 || !strings.Contains(err.Error(), "try of volume v: 401") {
			t.Error(err)
		}
	})
	t.Run("and a given token cannot be", func(t *testing.T) {
		c := newCloud(t)
		client, err := connect(t, map[string]string{"OS_AUTH_URL": c.URL + "/identity", "OS_AUTH_TYPE": "token", "OS_TOKEN": "token0"}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		c.tokens = 1
		if _, err := client.GetVolume(t.Context(), volumeID); StatusOf(err) != 401 || !strings.Contains(err.Error(), "or no longer") {
			t.Error(err)
		}
	})
}

func TestAnswersAreBounded(t *testing.T) {
	c := newCloud(t)
	client := c.client(t, Options{})
	for _, status := range []int{200, 500} {
		c.mux.HandleFunc(fmt.Sprintf("GET /v3/%s/huge%d", project, status), func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			chunk := bytes.Repeat([]byte(" "), 1<<20)
			for range 40 {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		})
		err := client.Do(t.Context(), Call{Op: "read", On: "it", Method: "GET", Path: fmt.Sprintf("huge%d", status), Into: new(any)})
		if err == nil || status == 200 && !errors.Is(err, errHuge) {
			t.Error(err)
		}
	}
}

func TestACloudThatIsAwayIsWaitedForWhilePatienceLasts(t *testing.T) {
	c := newCloud(t)
	client := c.client(t, Options{pause: time.Millisecond, Patience: 300 * time.Millisecond})
	c.Close()
	start := time.Now()
	err := client.Action(t.Context(), volumeID, "set bootable", "os-set_bootable", nil, true)
	if err == nil || !strings.Contains(err.Error(), "connection refused; check the address and the network, and run it again: what is done already stays done") || time.Since(start) > time.Minute {
		t.Error(err)
	}
}
