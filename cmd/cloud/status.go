package cloud

import "github.com/restorefs/restorefs/materialize/cinderapi"

// statusRule is what a status of a volume means for a restore.
type statusRule struct {
	why string // why the volume must not be written; "" if it may be
	// metadata says that its metadata may be restored nevertheless.
	metadata bool
}

const (
	leaving = "it is going away, or is not whole: take another volume"
	working = "wait until Cinder is done with it"
)

// statuses are those of cinder/objects/fields.py, VolumeStatus, and cinder/volume/manager.py. A
// status that is not listed means that Cinder is at work, or is newer than this table, and is
// refused by statusRuleOf.
var statuses = map[string]statusRule{
	"available": {},
	"in-use":    {}, // elsewhere finds out where

	// These volumes are not in use. Restoring is what helps after a failed restore of Cinder.
	"error":            {},
	"error_restoring":  {},
	"error_extending":  {},
	"error_backing-up": {},
	"attaching": {"somebody is about to attach it: wait, or, if nobody uses it, " +
		"have an administrator free it: openstack volume set --state available", true},
	"reserved": {"somebody is about to attach it: wait, or, if nobody uses it, " +
		"have an administrator free it: openstack volume set --state available", true},
	"detaching": {"wait until it is detached", true},
	"awaiting-transfer": {
		"it is offered to another project: openstack volume transfer request list", false},

	"deleting":                {leaving, false},
	"error_deleting":          {leaving, false},
	"unmanaging":              {leaving, false},
	"error_managing":          {leaving, false},
	"error_managing_deleting": {leaving, false},
}

func statusRuleOf(status string) statusRule {
	if rule, ok := statuses[status]; ok {
		return rule
	}
	return statusRule{why: working}
}

// migrating are the migration statuses in which written data may be lost.
var migrating = map[string]bool{"migrating": true, "starting": true, "completing": true}

// ownReservation reports whether the volume was reserved by a run that did not end the reservation.
func (d *Destination) ownReservation() bool {
	m := d.Volume.Metadata
	return d.Volume.Status == "attaching" && (m[cinderapi.RunKey] != "" ||
		m[cinderapi.ReservedKey] != "")
}
