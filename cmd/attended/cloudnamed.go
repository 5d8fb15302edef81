package attended

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/wording"
	"github.com/restorefs/restorefs/materialize/cinderapi"
)

// named returns the id of the cloud's volume that --volume names, by its id or its name, and tells
// which one a name means. Several of one name are an error that lists them: whoever may create
// volumes in the project must not decide which one is overwritten.
func (v *cloudVolume) named(ctx context.Context, ref string) (id string, err error) {
	name, byName := strings.CutPrefix(ref, "name=")
	if id, byID := strings.CutPrefix(ref, "id="); byID || !byName && cinderapi.IsID(ref) {
		return id, nil
	}
	found, err := v.client.VolumesNamed(ctx, name)
	switch {
	case err != nil:
		return "", err
	case len(found) == 0:
		return "", cmdline.Usagef("no volume of the project is called %s; "+
			"\"openstack volume list\" shows what there is, and --volume takes the name or the id",
			wording.Printable(wording.Cut(name, wording.MaxName)))
	case len(found) > 1:
		return "", cmdline.WrongUsage(severalNamed(name, found))
	}
	fmt.Fprintf(v.Err, "note    volume%s of the cloud is %s\n", wording.Quoted(name), found[0].ID)
	return found[0].ID, nil
}

// maxNamed volumes of one name are listed.
const maxNamed = 10

// severalNamed is the error for a name that several volumes have, with a line for each.
func severalNamed(name string, found []cinderapi.Volume) error {
	slices.SortFunc(found, func(a, b cinderapi.Volume) int {
		return strings.Compare(b.CreatedAt, a.CreatedAt)
	})
	text := fmt.Sprintf("ambiguous:%s could be %s of the cloud; say which by its id:",
		wording.Quoted(name), wording.Count(len(found), "volume"))
	for i, v := range found {
		if i == maxNamed {
			text += fmt.Sprintf("\n  and %d more", len(found)-i)
			break
		}
		line := fmt.Sprintf("%s  %d GiB  %s  made %s", v.ID, v.SizeGiB, v.Status,
			strings.Replace(strings.TrimSuffix(v.CreatedAt, ".000000"), "T", " ", 1))
		for _, a := range v.Attachments {
			line += "  attached to server " + a.ServerID
		}
		text += "\n  " + wording.Printable(wording.Cut(line, wording.MaxValue))
	}
	return fmt.Errorf("%s", text)
}
