package cinderapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Difference is one property of a volume that is not as wanted. Wanted and
// Found are text; nil means absent.
type Difference struct {
	// name, description, metadata, image_metadata, bootable, encryption_key_id
	Field  string  `json:"field"`
	Key    string  `json:"key,omitempty"`
	Wanted *string `json:"wanted"`
	Found  *string `json:"found"`
	Why    string  `json:"why,omitempty"` // why it could not be changed, in words
	// Permanent says that the API can never change it, so that another run is
	// of no use.
	Permanent bool `json:"permanent"`
}

// String names the property: `metadata "owner"`.
func (d Difference) String() string {
	if d.Key == "" {
		return d.Field
	}
	return d.Field + " " + strconv.Quote(d.Key)
}

// Differences lists the properties in which found differs from wanted, in a
// fixed order.
func Differences(wanted, found State) []Difference {
	var all []Difference
	text := func(field string, w, f *string) {
		if str(w) != str(f) {
			all = append(all, Difference{Field: field, Wanted: w, Found: f})
		}
	}
	pairs := func(field string, w, f map[string]string) {
		keys := maps.Clone(w)
		if keys == nil {
			keys = map[string]string{}
		}
		maps.Copy(keys, f)
		for _, k := range slices.Sorted(maps.Keys(keys)) {
			wv, inW := w[k]
			fv, inF := f[k]
			if inW == inF && wv == fv || field == "metadata" && adminMetadata(k, "") {
				continue
			}
			d := Difference{Field: field, Key: k}
			if inW {
				d.Wanted = &wv
			}
			if inF {
				d.Found = &fv
			}
			all = append(all, d)
		}
	}
	text("name", wanted.Name, found.Name)
	text("description", wanted.Description, found.Description)
	pairs("metadata", wanted.Metadata, found.Metadata)
	pairs("image_metadata", wanted.Image, found.Image)
	if wanted.Bootable != found.Bootable {
		w, f := strconv.FormatBool(wanted.Bootable), strconv.FormatBool(found.Bootable)
		all = append(all, Difference{Field: "bootable", Wanted: &w, Found: &f})
	}
	if w := wanted.EncryptionKeyID; w != nil && str(w) != str(found.EncryptionKeyID) &&
		*w != fixedKeyID {
		all = append(all, Difference{Field: "encryption_key_id", Wanted: w,
			Found: found.EncryptionKeyID, Why: "the API cannot change it", Permanent: true})
	}
	return all
}

// fixedKeyID is FIXED_KEY_ID of cinder/common/constants.py: the key of
// ConfKeyManager, the same for all volumes. GET does not show it.
const fixedKeyID = "00000000-0000-0000-0000-000000000000"

// str makes nil the same as an empty text, as Cinder does.
func str(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// restoring is one run of RestoreMetadata.
type restoring struct {
	client *Client
	id     string
	wanted State
	found  State             // the volume as far as it is known
	why    map[string]string // by Difference.String: why it could not be changed
	never  map[string]bool   // by Difference.String: it can never be changed
}

// RestoreMetadata changes a volume to wanted, as far as the API can, in the
// order in which Cinder does it: metadata, image metadata, bootable, name. Then
// it reads the volume again and returns the remaining differences. Another call
// changes only what still differs.
//
// If the cloud refuses a change (a status of 4xx), the others are still made;
// the differences say why. Nothing is held back because some release has a
// limit. Any other error ends the call; the differences are then those known so
// far.
func (c *Client) RestoreMetadata(ctx context.Context, id string,
	wanted State) ([]Difference, error) {
	v, err := c.GetVolume(ctx, id)
	if err != nil {
		return nil, err
	}
	r := &restoring{client: c, id: id, wanted: wanted, found: v.State(), why: map[string]string{},
		never: map[string]bool{}}
	for _, step := range []func(context.Context) error{r.metadata, r.imageMetadata,
		r.bootable, r.names} {
		if err = step(ctx); err != nil {
			return r.differences(), err
		}
	}
	if v, err = c.GetVolume(ctx, id); err != nil {
		return r.differences(), err
	}
	r.found = v.State()
	return r.differences(), nil
}

func (r *restoring) differences() []Difference {
	all := Differences(r.wanted, r.found)
	for i := range all {
		name := all[i].String()
		all[i].Why, all[i].Permanent = cmp.Or(r.why[name], all[i].Why), all[i].Permanent ||
			r.never[name]
	}
	return all
}

// open lists the remaining differences of one field.
func (r *restoring) open(field string) []Difference {
	all := Differences(r.wanted, r.found)
	return slices.DeleteFunc(all, func(d Difference) bool { return d.Field != field })
}

// refused notes that the cloud refused changes. It returns err if the remaining
// calls would fail too.
func (r *restoring) refused(err error, all ...Difference) error {
	if err == nil {
		return nil
	}
	var e *Error
	if !errors.As(err, &e) || e.Status < 400 || e.Status >= 500 ||
		e.Status == http.StatusUnauthorized || e.Status == http.StatusTooManyRequests {
		return err
	}
	for _, d := range all {
		r.why[d.String()] = err.Error()
	}
	return nil
}

// impossible notes that the API can never make a change.
func (r *restoring) impossible(d Difference, why string) {
	r.why[d.String()], r.never[d.String()] = why, true
}

func (r *restoring) do(ctx context.Context, op, method, path string, body any) error {
	p, on := volumePath(r.id)
	return r.client.Do(ctx, Call{Op: op, On: on, Method: method, Path: p + path, Body: body,
		Harmless: true})
}

func (r *restoring) action(ctx context.Context, op, action string, arguments any) error {
	return r.do(ctx, op, http.MethodPost, "/action", map[string]any{action: arguments})
}

// metadata adds what is missing. If something must be removed it replaces all
// metadata in one call, as Cinder does.
func (r *restoring) metadata(ctx context.Context) error {
	differing := r.open("metadata")
	add := func(pairs map[string]string) error {
		return r.do(ctx, "set the metadata", http.MethodPost,
			"/metadata", map[string]any{"metadata": pairs})
	}
	if !slices.ContainsFunc(differing, func(d Difference) bool { return d.Wanted == nil }) {
		return r.set("metadata", pick(r.wanted.Metadata, differing), &r.found.Metadata, add)
	}
	// If the cloud refuses to set everything at once, set what every Cinder
	// accepts, or else nothing, and add the rest.
	sure := maps.Clone(r.wanted.Metadata)
	maps.DeleteFunc(sure, func(k, v string) bool { return DoubtfulPair(k, v) != "" })
	sent := -1
	var err error
	for _, pairs := range []map[string]string{r.wanted.Metadata, sure, nil} {
		if len(pairs) == sent {
			continue
		}
		sent = len(pairs)
		replacement := maps.Clone(pairs)
		if replacement == nil {
			replacement = map[string]string{}
		}
		err = r.do(ctx, "replace the metadata", http.MethodPut,
			"/metadata", map[string]any{"metadata": replacement})
		if err == nil {
			r.found.Metadata = replacement
			return r.set("metadata", pick(r.wanted.Metadata, r.open("metadata")),
				&r.found.Metadata, add)
		}
		if !refusesBody(err) {
			break
		}
	}
	return r.refused(err, differing...)
}

// imageMetadata removes what is not wanted, and sets what differs.
func (r *restoring) imageMetadata(ctx context.Context) error {
	differing := r.open("image_metadata")
	for _, d := range differing {
		if d.Wanted != nil {
			continue
		}
		err := r.action(ctx, "remove image metadata",
			"os-unset_image_metadata", map[string]string{"key": d.Key})
		if err == nil || StatusOf(err) == http.StatusNotFound {
			delete(r.found.Image, d.Key)
		} else if err := r.refused(err, d); err != nil {
			return err
		}
	}
	return r.set("image_metadata", pick(r.wanted.Image, differing), &r.found.Image,
		func(pairs map[string]string) error {
			return r.action(ctx, "set the image metadata",
				"os-set_image_metadata", map[string]any{"metadata": pairs})
		})
}

// pick returns those of the pairs that differ.
func pick(pairs map[string]string, differing []Difference) map[string]string {
	some := map[string]string{}
	for _, d := range differing {
		if v, ok := pairs[d.Key]; ok {
			some[d.Key] = v
		}
	}
	return some
}

func (r *restoring) bootable(ctx context.Context) error {
	differing := r.open("bootable")
	if len(differing) == 0 {
		return nil
	}
	if err := r.action(ctx, "set the bootable flag",
		"os-set_bootable", map[string]bool{"bootable": r.wanted.Bootable}); err != nil {
		return r.refused(err, differing...)
	}
	r.found.Bootable = r.wanted.Bootable
	return nil
}

// names comes last, so that a volume with the right name is complete. If the
// cloud refuses name and description together, each is sent alone.
func (r *restoring) names(ctx context.Context) error {
	differing := append(r.open("name"), r.open("description")...)
	err := r.rename(ctx, differing...)
	if len(differing) < 2 || !refusesBody(err) {
		return r.refusedText(err, differing...)
	}
	for _, d := range differing {
		if err := r.refusedText(r.rename(ctx, d), d); err != nil {
			return err
		}
	}
	return nil
}

func (r *restoring) rename(ctx context.Context, differing ...Difference) error {
	change := map[string]*string{}
	for _, d := range differing {
		if strings.TrimSpace(str(d.Wanted)) != str(d.Wanted) {
			r.impossible(d, "Cinder's API strips the white space around it")
		}
		change[d.Field] = d.Wanted
	}
	if len(change) == 0 {
		return nil
	}
	if err := r.do(ctx, "set the name and description", http.MethodPut,
		"", map[string]any{"volume": change}); err != nil {
		return err
	}
	for _, d := range differing {
		if d.Field == "name" {
			r.found.Name = d.Wanted
		} else {
			r.found.Description = d.Wanted
		}
	}
	return nil
}

// refusedText is like refused, for a name or a description.
func (r *restoring) refusedText(err error, differing ...Difference) error {
	if len(differing) != 1 || !refusesBody(err) {
		return r.refused(err, differing...)
	}
	d := differing[0]
	e, _ := asError(err)
	named := strings.Contains(strings.ToLower(e.Message), d.Field)
	r.refusedContent(d, fmt.Sprintf("%d characters", utf8.RuneCountInString(str(d.Wanted))), named,
		e)
	return nil
}
