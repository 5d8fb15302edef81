package cinderapi

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Volume is what Cinder shows of a volume.
type Volume struct {
	ID               string  `json:"id"`
	Name             *string `json:"name"` // nil: none
	Description      *string `json:"description"`
	Status           string  `json:"status"` // available, in-use, creating, error, ...
	SizeGiB          int64   `json:"size"`
	Bootable         string  `json:"bootable"` // "true" or "false"
	Encrypted        bool    `json:"encrypted"`
	Multiattach      bool    `json:"multiattach"`
	AvailabilityZone string  `json:"availability_zone"`
	CreatedAt        string  `json:"created_at"`        // UTC, ISO 8601 without a zone
	VolumeType       *string `json:"volume_type"`       // its name
	VolumeTypeID     *string `json:"volume_type_id"`    // since 3.63
	EncryptionKeyID  *string `json:"encryption_key_id"` // since 3.64
	// for an admin with readonly and attached_mode
	Metadata      map[string]string `json:"metadata"`
	ImageMetadata map[string]string `json:"volume_image_metadata"`
	ProjectID     string            `json:"os-vol-tenant-attr:tenant_id"`
	Host          string            `json:"os-vol-host-attr:host"` // for admins
	// for admins; "" for none
	Migration   string       `json:"os-vol-mig-status-attr:migstat"`
	Attachments []Attachment `json:"attachments"`
}

// Attachment is where a volume is attached.
type Attachment struct {
	ServerID string `json:"server_id"`
	HostName string `json:"host_name"`
	Device   string `json:"device"` // the cloud's guess, not the server's own name for it
}

// volumePath returns the path of a volume, and its name in messages.
func volumePath(id string) (path, on string) {
	return "volumes/" + url.PathEscape(id), "volume " + id
}

// GetVolume gets a volume by its id.
func (c *Client) GetVolume(ctx context.Context, id string) (*Volume, error) {
	path, on := volumePath(id)
	var answer struct {
		Volume *Volume `json:"volume"`
	}
	call := Call{Op: "get the record", On: on, Method: http.MethodGet, Path: path, Into: &answer}
	if err := c.Do(ctx, call); err != nil {
		return nil, err
	}
	if answer.Volume == nil || !strings.EqualFold(answer.Volume.ID, id) {
		return nil, &Error{Op: call.Op, On: on,
			Err: errAnswer{fmt.Errorf("the answer is not about that volume")}}
	}
	return answer.Volume, nil
}

// WaitVolume gets a volume repeatedly until done returns true or an error, or
// ctx ends; every is the interval, 0 meaning half a second.
func (c *Client) WaitVolume(ctx context.Context, id string, every time.Duration,
	done func(*Volume) (bool, error)) (*Volume, error) {
	every = cmp.Or(every, c.poll, 500*time.Millisecond)
	var last *Volume
	for {
		v, err := c.GetVolume(ctx, id)
		if err != nil && ctx.Err() != nil && last != nil {
			return last, fmt.Errorf("wait for volume %s, which is %s: %w", id,
				last.Status, ctx.Err())
		}
		if err != nil {
			return nil, err
		}
		last = v
		ok, err := done(v)
		if ok || err != nil {
			return v, err
		}
		select {
		case <-ctx.Done():
			return v, fmt.Errorf("wait for volume %s, which is %s: %w", id, v.Status, ctx.Err())
		case <-time.After(every):
		}
	}
}

// Action posts one of Cinder's actions on a volume, such as os-reserve.
// harmless says that it may be repeated without harm.
func (c *Client) Action(ctx context.Context, id, op, action string, arguments any,
	harmless bool) error {
	path, on := volumePath(id)
	return c.Do(ctx, Call{Op: op, On: on, Method: http.MethodPost, Path: path + "/action",
		Body: map[string]any{action: arguments}, Harmless: harmless})
}

// VolumeType is a type of volumes.
type VolumeType struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// FindVolumeType finds a type by its id or its name. The error is an *Error with
// status 404 when this project has no such type.
func (c *Client) FindVolumeType(ctx context.Context, idOrName string) (*VolumeType, error) {
	var answer struct {
		Types []VolumeType `json:"volume_types"`
	}
	call := Call{Op: "find the record", On: "volume type " + idOrName, Method: http.MethodGet,
		Path: "types", Into: &answer}
	if err := c.Do(ctx, call); err != nil {
		return nil, err
	}
	for _, t := range answer.Types {
		if t.ID == idOrName || t.Name == idOrName {
			return &t, nil
		}
	}
	return nil, &Error{Op: call.Op, On: call.On, Status: http.StatusNotFound}
}
