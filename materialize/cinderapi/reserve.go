package cinderapi

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// Reserve keeps others from attaching an available volume, whose status becomes
// attaching. held says whether it did: a cloud may not let this user, in which
// case err is nil and why says so. An error means that somebody else has the
// volume, or that it is not known.
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
	case v.Status == "attaching" && (Lost(call) || ctx.Err() != nil || StatusOf(call) >= http.StatusInternalServerError):
		// It was available a moment ago: this is ours, only the answer is lost.
		return true, "", interrupted(ctx, id)
	case ctx.Err() != nil:
		return false, "", interrupted(ctx, id)
	case v.Status == "available" && StatusOf(call) != 0:
		return false, call.Error(), nil
	}
	return false, "", fmt.Errorf("volume %s is %s now, so somebody else uses it: %w", id, v.Status, call)
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
