package cloudtest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
)

// Records answers the calls of an import of records like Cinder 21.3.1, as was observed with a real
// one. Its rules are those of import_record in cinder/backup/api.py and manager.py.
type Records struct {
	*httptest.Server

	// Use Change to change these.
	Backups map[string]*Backup                                        // by id
	Fault   func(w http.ResponseWriter, call string) (faultDone bool) // nil: none
	Fails   func(id, service string) (reason string)                  // in the manager; nil: none

	mu    sync.Mutex
	calls []string // "import ID", "delete ID"
}

// Backup is a record that Cinder has.
type Backup struct {
	ID         string  `json:"id"`
	Status     string  `json:"status"`
	VolumeID   string  `json:"volume_id"`
	Container  *string `json:"container"`
	FailReason *string `json:"fail_reason"`
	polls      int
}

// NewRecords starts a server without backups. The caller closes it.
func NewRecords() *Records {
	c := &Records{Backups: map[string]*Backup{}}
	mux := http.NewServeMux()
	p := "/v3/" + Project + "/backups/"
	mux.HandleFunc("GET /v3/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w,
			`{"versions":[{"id":"v3.0","status":"CURRENT","version":"3.70","min_version":"3.0"}]}`)
	})
	mux.HandleFunc("GET "+p+"{id}", c.get)
	mux.HandleFunc("DELETE "+p+"{id}", c.remove)
	mux.HandleFunc("POST "+p+"import_record", c.importRecord)
	c.Server = httptest.NewServer(mux)
	return c
}

// Env returns the variables of an openrc with which programs find the server.
func (c *Records) Env() []string {
	return []string{"OS_AUTH_TYPE=noauth", "OS_PROJECT_ID=" + Project,
		"CINDER_ENDPOINT=" + c.URL + "/v3"}
}

// Change changes what the server holds or does.
func (c *Records) Change(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

func (c *Records) say(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}

func (c *Records) get(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.Backups[r.PathValue("id")]
	if b == nil {
		c.say(w, 404, map[string]any{"itemNotFound": map[string]any{"code": 404,
			"message": "Backup could not be found."}})
		return
	}
	if b.polls++; b.polls > 2 && b.Status == "deleting" {
		delete(c.Backups, b.ID)
	}
	c.say(w, 200, map[string]any{"backup": b})
	if b.polls > 1 && b.Status == "creating" {
		b.Status = "available"
	}
}

func (c *Records) remove(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	id := r.PathValue("id")
	c.calls = append(c.calls, "delete "+id)
	c.Backups[id].Status, c.Backups[id].polls = "deleting", 0
	w.WriteHeader(202)
}

func (c *Records) importRecord(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var body struct {
		Record struct {
			Service string `json:"backup_service"`
			URL     string `json:"backup_url"`
		} `json:"backup-record"`
	}
	json.NewDecoder(r.Body).Decode(&body)
	text, _ := base64.StdEncoding.DecodeString(body.Record.URL)
	var record Backup
	json.Unmarshal(text, &record)
	c.calls = append(c.calls, "import "+record.ID)
	if c.Fault != nil && c.Fault(w, "import "+record.ID) {
		return
	}
	if c.Backups[record.ID] != nil {
		c.say(w, 400, map[string]any{"badRequest": map[string]any{"code": 400,
			"message": "Invalid backup: Backup already exists in database."}})
		return
	}
	b := &Backup{ID: record.ID, Status: "creating",
		VolumeID: "00000000-0000-0000-0000-000000000000"}
	if c.Fails != nil {
		if reason := c.Fails(record.ID, body.Record.Service); reason != "" {
			b.Status, b.FailReason = "error", &reason
		}
	}
	if b.Status == "creating" {
		b.VolumeID, b.Container = record.VolumeID, record.Container
	}
	c.Backups[record.ID] = b
	c.say(w, 200, map[string]any{"backup": map[string]string{"id": record.ID}})
}

// Called lists the calls that changed something since Called was last called.
func (c *Records) Called() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer func() { c.calls = nil }()
	return c.calls
}
