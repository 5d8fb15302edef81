package cinderapi

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// ReservedKey is the metadata key that marks an existing volume as reserved by a run, even after
// that was killed: Cinder does not tell who reserved a volume. The value identifies the run. Unlike
// RunKey it does not mean that the run created the volume.
const ReservedKey = "restorefs_reserved"

// Mark sets one of these keys on a volume, with the run as its value.
func (c *Client) Mark(ctx context.Context, id, key, run string) error {
	path, on := volumePath(id)
	body := map[string]any{"metadata": map[string]string{key: run}}
	return c.Do(ctx, Call{Op: "the mark", On: on, Method: http.MethodPost, Path: path + "/metadata",
		Body: body, Harmless: true})
}

// Forget removes one of these keys from a volume's metadata, if it is set.
func (c *Client) Forget(ctx context.Context, id, key string) error {
	path, on := volumePath(id)
	err := c.Do(ctx, Call{Op: "the removal of the mark", On: on, Method: http.MethodDelete,
		Path: path + "/metadata/" + key})
	if StatusOf(err) == http.StatusNotFound {
		return nil
	}
	return err
}

// Reserve keeps others from attaching an available volume, whose status becomes attaching. held
// says whether it did so: a cloud may not let this user reserve, in which case err is nil and why
// says so. An error means that somebody else uses the volume, or that this is not known.
func (c *Client) Reserve(ctx context.Context, id string) (held bool, why string, err error) {
	call := c.Action(ctx, id, "the reservation", "os-reserve", nil, false)
	if call == nil {
		return true, "", nil
	}
	look, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	v, err := c.GetVolume(look, id)
	switch {
	case err != nil:
		return false, "", fmt.Errorf("%w; then %w", call, err)
	case v.Status == "attaching" && (Lost(call) || ctx.Err() != nil ||
		StatusOf(call) >= http.StatusInternalServerError):
		// It was available a moment ago: this reservation is the run's, and only the answer is
		// lost.
		return true, "", interrupted(ctx, id)
	case ctx.Err() != nil:
		return false, "", interrupted(ctx, id)
	case v.Status == "available" && StatusOf(call) != 0:
		return false, call.Error(), nil
	}
	return false, "", fmt.Errorf("volume %s is %s now, so somebody else uses it: %w", id,
		v.Status, call)
}

func interrupted(ctx context.Context, id string) error {
	if ctx.Err() == nil {
		return nil
	}
	return fmt.Errorf("the reservation of volume %s: %w", id, ctx.Err())
}

// Unreserve ends a reservation: the status becomes available again.
func (c *Client) Unreserve(ctx context.Context, id string) error {
	return c.Action(ctx, id, "the end of the reservation", "os-unreserve", nil, true)
}
