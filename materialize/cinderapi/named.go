package cinderapi

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
)

// maxPages of volumes are looked through: a cloud that ignores the filter may have so many.
const maxPages = 200

// IsID says whether a text is the id of a volume, and so never taken for a name.
func IsID(text string) bool { return isUUID(text) }

// link is one of an answer that is a page of several.
type link struct {
	Rel string `json:"rel"`
}

// VolumesNamed returns the volumes of the project that have exactly this name, which is not unique
// in Cinder: none, one or several.
func (c *Client) VolumesNamed(ctx context.Context, name string) ([]Volume, error) {
	query := url.Values{"name": {name}}
	var found []Volume
	for range maxPages {
		var answer struct {
			Volumes []Volume `json:"volumes"`
			Links   []link   `json:"volumes_links"`
		}
		call := Call{Op: "a search", On: fmt.Sprintf("volumes that are called %q", name),
			Method: http.MethodGet, Path: "volumes/detail?" + query.Encode(), Into: &answer}
		if err := c.Do(ctx, call); err != nil {
			return nil, err
		}
		for _, v := range answer.Volumes {
			if v.Name != nil && *v.Name == name && isUUID(v.ID) {
				found = append(found, v)
			}
		}
		more := slices.ContainsFunc(answer.Links, func(l link) bool { return l.Rel == "next" })
		if !more || len(answer.Volumes) == 0 {
			return found, nil
		}
		// The link itself may lead to where only the cloud's own programs reach it.
		query.Set("marker", answer.Volumes[len(answer.Volumes)-1].ID)
	}
	return nil, fmt.Errorf("the project has too many volumes to find the one that is called %q: "+
		"name it by its id", name)
}
