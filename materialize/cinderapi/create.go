package cinderapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// RunKey is the metadata key that marks the volume a run created, so that it
// can be found even if the answer to its creation was lost. The value
// identifies the run.
const RunKey = "restorefs_run"

// NewVolume says what volume to create. The cloud chooses what is "".
type NewVolume struct {
	SizeGiB     int64
	Type        string // name or id
	Zone        string
	Name        string
	Description string
	Run         string // the value of RunKey; unique
}

// CreateVolume asks for a blank volume. It returns the volume whenever one is
// known to exist, even with an error (ctx has ended). If the answer is lost it
// searches for the volume by RunKey; it never asks for a volume twice.
func (c *Client) CreateVolume(ctx context.Context, n NewVolume) (*Volume, error) {
	body := map[string]any{"size": n.SizeGiB, "metadata": map[string]string{RunKey: n.Run}}
	for key, value := range map[string]string{"volume_type": n.Type, "availability_zone": n.Zone,
		"name": n.Name, "description": n.Description} {
		if value != "" {
			body[key] = value
		}
	}
	var answer struct {
		Volume *Volume `json:"volume"`
	}
	err := c.Do(ctx, Call{
		Op: "the creation", On: fmt.Sprintf("a volume of %d GiB", n.SizeGiB),
		Method: http.MethodPost, Path: "volumes",
		Body: map[string]any{"volume": body}, Into: &answer,
	})
	if err == nil && (answer.Volume == nil || !isUUID(answer.Volume.ID)) {
		err = errors.New("the creation of a volume was answered without its id")
	}
	if err == nil {
		return answer.Volume, nil
	}
	if s := StatusOf(err); s >= 400 && s < 500 {
		return nil, err // refused: there is no volume
	}
	v, lookErr := c.findRun(context.WithoutCancel(ctx), n.Run)
	switch {
	case v != nil && ctx.Err() != nil:
		return v, fmt.Errorf("the creation of volume %s: %w", v.ID, ctx.Err())
	case v != nil:
		c.options.Logger.Warn("the answer to the creation of the volume was lost, "+
			"but the volume was created", "volume", v.ID, "err", err)
		return v, nil
	case lookErr != nil:
		return nil, fmt.Errorf("%w; whether the volume was created is not known: look for it "+
			"with: openstack volume list --property %s=%s", err, RunKey, n.Run)
	}
	return nil, fmt.Errorf("%w; no such volume is there now; look once more, before it is asked "+
		"for again, with: openstack volume list --property %s=%s", err, RunKey, n.Run)
}

// findRun searches for the volume of a run, up to three times, as Cinder may
// not have made its record yet.
func (c *Client) findRun(ctx context.Context, run string) (*Volume, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	query := url.Values{"metadata": {fmt.Sprintf("{'%s':'%s'}", RunKey, run)}}
	for i := range 3 {
		if i > 0 {
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(time.Duration(2*i) * cmp.Or(c.poll, 500*time.Millisecond)):
			}
		}
		var answer struct {
			Volumes []Volume `json:"volumes"`
		}
		err := c.Do(ctx, Call{
			Op: "a search", On: "the volume just asked for", Method: http.MethodGet,
			Path: "volumes/detail?" + query.Encode(), Into: &answer,
		})
		if err != nil {
			return nil, err
		}
		for _, v := range answer.Volumes {
			if v.Metadata[RunKey] == run && isUUID(v.ID) { // a cloud may ignore the filter
				return &v, nil
			}
		}
	}
	return nil, nil
}

// createWait bounds the creation of a blank volume. Slow storage takes minutes.
const createWait = 15 * time.Minute

// WaitCreated waits until a volume that was just created is available. If it
// does not become available, the error says why, with Cinder's messages for
// users.
func (c *Client) WaitCreated(ctx context.Context, id string) (*Volume, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, createWait,
		fmt.Errorf("it did not become available in %s: is a cinder-volume service up? (openstack "+
			"volume service list)", createWait))
	defer cancel()
	v, err := c.WaitVolume(ctx, id, 0, func(v *Volume) (bool, error) {
		switch {
		case v.Status == "available":
			return true, nil
		case v.Status == "creating":
			return false, nil
		case strings.HasPrefix(v.Status, "error"):
			return false, fmt.Errorf("volume %s could not be created, its status is %s%s", id,
				v.Status, c.why(ctx, id))
		}
		return false, fmt.Errorf("volume %s became %s where it should become available: "+
			"somebody else uses it", id, v.Status)
	})
	if err != nil && ctx.Err() != nil && !errors.Is(context.Cause(ctx), ctx.Err()) {
		err = fmt.Errorf("volume %s: %w", id, context.Cause(ctx))
	}
	return v, err
}

// why returns Cinder's user messages about a volume (since 3.3, with this
// filter since 3.5), newest first.
func (c *Client) why(ctx context.Context, id string) string {
	const nothing = "; why, Cinder tells an admin, in the logs of cinder-scheduler and " +
		"cinder-volume"
	if c.Microversion() < 5 {
		return nothing
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	var answer struct {
		Messages []struct {
			Volume string `json:"resource_uuid"`
			Text   string `json:"user_message"`
		} `json:"messages"`
	}
	err := c.Do(ctx, Call{
		Op: "the messages", On: "volume " + id, Method: http.MethodGet,
		Path: "messages?" + url.Values{"resource_uuid": {id}}.Encode(), Into: &answer,
	})
	if err != nil {
		c.options.Logger.Info("Cinder's messages about the volume could not be read",
			"volume", id, "err", err)
		return nothing
	}
	var texts []string
	for _, m := range answer.Messages {
		if m.Volume == id && m.Text != "" {
			texts = append(texts, oneLine(m.Text, 300))
		}
	}
	if len(texts) == 0 {
		return nothing
	}
	return ": " + strings.Join(texts, "; ")
}

// deleteWait bounds the deletion of a volume; storage may overwrite thick
// volumes.
const deleteWait = 5 * time.Minute

// DeleteCreated deletes the volume that this run created, and waits until it is
// gone. It does not delete a volume without this run's mark.
func (c *Client) DeleteCreated(ctx context.Context, id, run string) error {
	ctx, cancel := context.WithTimeout(ctx, deleteWait)
	defer cancel()
	v, err := c.GetVolume(ctx, id)
	if StatusOf(err) == http.StatusNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	if run == "" || v.Metadata[RunKey] != run {
		return fmt.Errorf("volume %s does not carry the mark of this run, so it is not deleted", id)
	}
	path, on := volumePath(id)
	if err := c.Do(ctx, Call{Op: "the deletion", On: on, Method: http.MethodDelete,
		Path: path}); err != nil && StatusOf(err) != http.StatusNotFound {
		return err
	}
	_, err = c.WaitVolume(ctx, id, 0, func(v *Volume) (bool, error) {
		if strings.HasPrefix(v.Status, "error") {
			return false, fmt.Errorf("volume %s could not be deleted, its status is %s%s", id,
				v.Status, c.why(ctx, id))
		}
		return false, nil
	})
	if StatusOf(err) == http.StatusNotFound {
		return nil
	}
	return err
}
