package cinderapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// nova adds a Nova to the cloud, which answers as at microversion 2.1, and
// returns an Attacher that does not wait long.
func (c *cloud) nova(t *testing.T, client *Client, s *stand, attached, detached []string) *Attacher {
	t.Helper()
	c.answers("GET /nova/servers/"+serverID, 200, `{"server": {"id": "`+serverID+`", "name": "rescue", "status": "ACTIVE", "links": []}}`)
	c.mux.HandleFunc("POST /nova/servers/"+serverID+"/os-volume_attachments", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.note("attach " + strings.TrimSpace(string(body)))
		if attached == nil {
			w.WriteHeader(403)
			io.WriteString(w, `{"forbidden": {"code": 403, "message": "Maximum number of attachments exceeded"}}`)
			return
		}
		if s.slow != nil {
			s.slow()
		}
		s.become(attached...)
		fmt.Fprintf(w, `{"volumeAttachment": {"id": %q, "volumeId": %q, "serverId": %q, "device": "/dev/vdb"}}`, volumeID, volumeID, serverID)
	})
	c.mux.HandleFunc("DELETE /nova/servers/"+serverID+"/os-volume_attachments/"+volumeID, func(w http.ResponseWriter, r *http.Request) {
		s.note("detach")
		if detached == nil {
			w.WriteHeader(409)
			io.WriteString(w, `{"conflictingRequest": {"code": 409, "message": "Instance is locked"}}`)
			return
		}
		s.become(detached...)
		w.WriteHeader(202)
	})
	a, err := client.NewAttacher(t.Context(), serverID)
	if err != nil {
		t.Fatal(err)
	}
	a.wait = 500 * time.Millisecond
	return a
}

func TestAttachWaitsForTheVolumeOrSaysWhyItIsNotAttached(t *testing.T) {
	for name, test := range map[string]struct {
		after []string // the volume's states after the call; nil: it is refused
		want  string
	}{
		"it works":                   {[]string{"reserved", "attaching", "in-use"}, ""},
		"Nova refuses":               {nil, "the attachment to server " + serverID + " of volume " + volumeID + ": 403 Forbidden: Maximum number of attachments exceeded"},
		"the compute service cannot": {[]string{"reserved", "attaching", "available"}, "Nova gave the volume back: see openstack server event list " + serverID},
		"the volume breaks":          {[]string{"attaching", "error_attaching"}, "the volume is error_attaching"},
		"another server has it":      {[]string{"taken"}, "the volume is in-use"},
		"it never ends":              {[]string{"attaching"}, "wait for volume " + volumeID + ", which is attaching"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCloud(t)
			client := c.quick(t)
			s := c.volume(nil, "available")
			a := c.nova(t, client, s, test.after, nil)
			err := a.Attach(t.Context(), volumeID)
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
			if got := s.called(); got != `attach {"volumeAttachment":{"volumeId":"`+volumeID+`"}}` {
				t.Error(got)
			}
		})
	}
}

// Nova does not notice that its client has gone.
func TestAnAttachmentThatIsInterruptedIsUndone(t *testing.T) {
	c := newCloud(t)
	client := c.quick(t)
	s := c.volume(nil, "available")
	a := c.nova(t, client, s, []string{"reserved", "attaching", "in-use"}, []string{"detaching", "available"})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s.slow = func() {
		cancel()
		time.Sleep(200 * time.Millisecond)
	}
	if err := a.Attach(ctx, volumeID); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := a.Detach(t.Context(), volumeID); err != nil || !strings.HasSuffix(s.called(), "detach") {
		t.Errorf("%v; %s", err, s.called())
	}
}

func TestDetachWaitsForTheVolumeOrSaysThatItMayBeAttached(t *testing.T) {
	const left = "may still be attached to server " + serverID + ", detach it with: openstack server remove volume " + serverID + " " + volumeID
	for name, test := range map[string]struct {
		before []string
		after  []string // the volume's states after the call; nil: it is refused
		want   string
		calls  string
	}{
		"it works":                     {[]string{"in-use"}, []string{"detaching", "available"}, "", "detach"},
		"the attachment is on its way": {[]string{"attaching", "in-use"}, []string{"available"}, "", "detach"},
		"it never was attached":        {[]string{"available"}, nil, "", ""},
		"it is another's":              {[]string{"taken"}, nil, "not attached to server", ""},
		"Nova refuses":                 {[]string{"in-use"}, nil, left, "detach"},
		"the server keeps it":          {[]string{"in-use"}, []string{"detaching", "in-use"}, "is something using the device?", "detach"},
		"the volume breaks":            {[]string{"in-use"}, []string{"detaching", "error_detaching"}, left, "detach"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCloud(t)
			client := c.quick(t)
			s := c.volume(nil, test.before...)
			a := c.nova(t, client, s, nil, test.after)
			err := a.Detach(t.Context(), volumeID)
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
			if got := s.called(); got != test.calls {
				t.Error(got)
			}
		})
	}
}

func TestTheServerMustBeThereAndRunning(t *testing.T) {
	for answer, want := range map[string]string{
		`{"server": {"id": "` + serverID + `", "status": "SHUTOFF", "name": "x"}}`: "is SHUTOFF, not ACTIVE",
		`{"server": {"id": "another", "status": "ACTIVE"}}`:                        "not about that server",
		`{}`: "not about that server",
	} {
		c := newCloud(t)
		c.answers("GET /nova/servers/"+serverID, 200, answer)
		if _, err := c.quick(t).NewAttacher(t.Context(), serverID); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestThisServerIsFoundByTheMetadataServiceOrTheMachinesUUID(t *testing.T) {
	status, body := 200, ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, body)
	}))
	defer server.Close()
	dmi := filepath.Join(t.TempDir(), "product_uuid")
	if err := os.WriteFile(dmi, []byte("11C2F0AA-1B2C-4D3E-8F90-A1B2C3D4E5F6\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const fromDMI = "11c2f0aa-1b2c-4d3e-8f90-a1b2c3d4e5f6"
	for _, c := range []struct {
		name   string
		status int
		body   string
		dmi    string
		want   string
	}{
		{"the service knows", 200, `{"uuid": "` + serverID + `", "name": "rescue"}`, dmi, serverID},
		{"the service has no such page", 404, "", dmi, fromDMI},
		{"the page is another cloud's", 200, "<html>", dmi, fromDMI},
		{"the page names no server", 200, `{"uuid": "../x"}`, dmi, fromDMI},
		{"neither knows", 404, "", filepath.Join(t.TempDir(), "none"), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, body = c.status, c.body
			id, err := Here{MetadataURL: server.URL, ProductUUID: c.dmi}.ServerID(t.Context())
			if id != c.want || (err == nil) != (c.want != "") {
				t.Error(id, err)
			}
		})
	}
}
