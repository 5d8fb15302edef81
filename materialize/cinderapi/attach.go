package cinderapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// attachWait bounds the time that Nova and Cinder may take to attach or detach a volume.
const attachWait = 5 * time.Minute

// attachGrace is how long Attach still waits for Nova's answer after its context has ended.
const attachGrace = 30 * time.Second

// Server is what Nova shows of a server.
type Server struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Status string `json:"status"` // ACTIVE, ...
}

// Attacher attaches volumes to one server, through Nova.
type Attacher struct {
	Server Server

	cinder *Client
	nova   *Service
	wait   time.Duration
}

// NewAttacher finds Nova and the server, which must be running: it should be this machine, where
// the device is to appear.
func (c *Client) NewAttacher(ctx context.Context, serverID string) (*Attacher, error) {
	nova, err := c.Compute()
	if err != nil {
		return nil, err
	}
	a := &Attacher{cinder: c, nova: nova, wait: attachWait}
	var answer struct{ Server Server }
	err = nova.Do(ctx, Call{Op: "get the record", On: "server " + serverID, Method: http.MethodGet,
		Path: "servers/" + url.PathEscape(serverID), Into: &answer})
	if err != nil {
		return nil, err
	}
	a.Server = answer.Server
	if !strings.EqualFold(a.Server.ID, serverID) {
		return nil, fmt.Errorf("get the record of server %s: the answer is not about that server",
			serverID)
	}
	if a.Server.Status != "ACTIVE" {
		return nil, fmt.Errorf("server %s (%s) is %s, not ACTIVE: is it this machine?", serverID,
			oneLine(a.Server.Name, 100), oneLine(a.Server.Status, 40))
	}
	return a, nil
}

func (a *Attacher) path() string {
	return "servers/" + url.PathEscape(a.Server.ID) + "/os-volume_attachments"
}

// Attached reports whether a volume is attached to the server.
func (a *Attacher) Attached(ctx context.Context, id string) (bool, error) {
	v, err := a.cinder.GetVolume(ctx, id)
	return err == nil && v.Status == "in-use" && a.has(v), err
}

// Attach attaches a volume that is not attached and waits until Cinder says that it is. If it
// fails, the volume may be attached or still be attaching; Detach undoes both.
func (a *Attacher) Attach(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, a.wait)
	defer cancel()
	op := "the attachment to server " + a.Server.ID
	// Nova completes what it has begun. Wait somewhat longer for its answer, or Detach would find
	// nothing to undo yet.
	post, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(attachGrace, stop) })()
	err := a.nova.Do(post, Call{
		Op: op, On: "volume " + id, Method: http.MethodPost, Path: a.path(),
		Body: map[string]any{"volumeAttachment": map[string]string{"volumeId": id}},
	})
	if err != nil && !Lost(err) {
		return err
	}
	begun := time.Now()
	started := false
	_, werr := a.cinder.WaitVolume(ctx, id, 0, func(v *Volume) (bool, error) {
		switch {
		case v.Status == "in-use" && a.has(v):
			return true, nil
		case v.Status == "in-use" || strings.HasPrefix(v.Status, "error"):
			return false, fmt.Errorf("%s of volume %s failed: the volume is %s", op, id, v.Status)
		case v.Status == "available" && (started || time.Since(begun) > 10*time.Second):
			// Nova reserves the volume before it answers, and gives it back if its compute service
			// cannot attach it.
			return false, fmt.Errorf("%s of volume %s failed, Nova gave the volume back: "+
				"see openstack server event list %s, or nova-compute's log", op, id, a.Server.ID)
		}
		started = started || v.Status != "available"
		return false, nil
	})
	if werr != nil && err != nil {
		return fmt.Errorf("%w; then %w", err, werr)
	}
	return werr
}

func (a *Attacher) has(v *Volume) bool {
	return slices.ContainsFunc(v.Attachments,
		func(t Attachment) bool { return strings.EqualFold(t.ServerID, a.Server.ID) })
}

// Detach detaches a volume and waits until it is available. It is no error if the volume is not
// attached.
func (a *Attacher) Detach(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, a.wait)
	defer cancel()
	left := func(err error) error {
		return fmt.Errorf("volume %s may still be attached to server %s, detach it with: "+
			"openstack server remove volume %s %s: %w", id, a.Server.ID, a.Server.ID, id, err)
	}
	// A volume that is still attaching can be detached only once it is attached.
	v, err := a.cinder.WaitVolume(ctx, id, 0, func(v *Volume) (bool, error) {
		return v.Status != "attaching" && v.Status != "reserved", nil
	})
	if err != nil {
		return left(err)
	}
	if v.Status == "available" {
		return nil
	}
	if !a.has(v) {
		return fmt.Errorf("volume %s is %s and not attached to server %s, so it was left as it is",
			id, v.Status, a.Server.ID)
	}
	err = a.nova.Do(ctx, Call{
		Op: "the detachment from server " + a.Server.ID, On: "volume " + id,
		Method: http.MethodDelete, Path: a.path() + "/" + url.PathEscape(id),
	})
	if err != nil && StatusOf(err) != http.StatusNotFound {
		return left(err)
	}
	begun := time.Now()
	started := false
	_, err = a.cinder.WaitVolume(ctx, id, 0, func(v *Volume) (bool, error) {
		switch {
		case v.Status == "available":
			return true, nil
		case strings.HasPrefix(v.Status, "error"):
			return false, fmt.Errorf("it is %s now", v.Status)
		case v.Status == "in-use" && (started || time.Since(begun) > a.wait/2):
			return false, errors.New(
				"the server did not release it: is something using the device?")
		}
		started = started || v.Status == "detaching"
		return false, nil
	})
	if err != nil {
		return left(err)
	}
	return nil
}
