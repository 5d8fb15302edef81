package v4

import (
	"context"
	"time"

	"github.com/restorefs/restorefs/backupstore/share/nfs/proto"
)

// wait is how long an operation waits, for a session, a slot and answers together.
type wait struct {
	until time.Time
	over  *time.Timer // fires then; the first who sees it ends the operation
}

func (c *Client) patience() *wait {
	limit := c.policy.Limit()
	return &wait{time.Now().Add(limit), time.NewTimer(limit)}
}

// again waits before a call that the server put off is made again. When the wait is over it returns
// an error.
func (c *Client) again(ctx context.Context, try int, w *wait) error {
	select {
	case <-w.over.C:
		return proto.Jukebox
	default:
		return c.policy.Pause(ctx, try)
	}
}
