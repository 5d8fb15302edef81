package locate

import (
	"cmp"
	"path/filepath"

	"github.com/restorefs/restorefs/backupstore/share/nfsmount"
)

// Places returns where the share may be that Open would open, the likeliest first: what is, in
// full, its Share.Place. Nothing is asked of the share or its server: of an export it says where it
// is mounted by the kernel's table, and what it is called. It is empty where no share is named.
func Places(o Options) (places []string) {
	given, conf := o.Share, cinders{}
	if given == "" || nfsmount.IsExport(given) {
		conf, _ = o.config(false) // without it there are fewer places
		given = cmp.Or(given, place(conf.Config))
	}
	if given == "" {
		return nil
	}
	if export, err := nfsmount.ParseExport(given); err == nil && nfsmount.IsExport(given) {
		own := ""
		if isCinders(export, conf) {
			own = conf.MountPoint
		}
		places = append(nfsmount.Places(export, own), given)
	}
	if isBucket(given) {
		return append(places, given)
	}
	if abs, err := filepath.Abs(given); err == nil {
		places = append(places, abs)
	}
	return append(places, given)
}
