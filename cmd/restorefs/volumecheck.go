package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/materialize"
	"github.com/restorefs/restorefs/materialize/cinderapi"
)

// check says why the backup must not be written to the volume, before anything
// is. The error is a *materialize.RefusedError then.
func (v *cloudVolume) check(b *backupstore.Backup) error {
	var reasons []materialize.Reason
	refuse := func(kind materialize.ReasonKind, format string, args ...any) {
		reasons = append(reasons, materialize.Reason{Kind: kind, Text: fmt.Sprintf(format, args...)})
	}
	if size := v.volume.SizeGiB << 30; size < b.Size && !v.c.Bool("metadata-only") {
		refuse(materialize.ReasonTooSmall, "it has %s, the backup's volume %s: extend it or make a larger one", formatSize(size), formatSize(b.Size))
	}
	if why, err := v.taken(); err != nil {
		return err
	} else if why != "" {
		refuse(materialize.ReasonHeld, "%s", why)
	}
	if why, err := v.encryption(b); err != nil {
		return err
	} else if why != "" && !v.c.Bool("metadata-only") {
		refuse(materialize.ReasonNotATarget, "%s", why)
	}
	if len(reasons) > 0 {
		return &materialize.RefusedError{Target: v.String(), Reasons: reasons}
	}
	return nil
}

// encryption says why the backup's data would be of no use on the volume. As
// cinder/backup/driver.py, _restore_vol_encryption_meta, but before the data.
func (v *cloudVolume) encryption(b *backupstore.Backup) (string, error) {
	m := b.VolumeMeta
	switch {
	case m == nil:
		return "", nil
	case m.Base.EncryptionKeyID == nil && v.volume.Encrypted:
		return "it is encrypted, the backup is not: what is written as it is could not be read through its encryption", nil
	case m.Base.EncryptionKeyID == nil:
		return "", nil
	case !v.volume.Encrypted:
		return "the backup is of an encrypted volume (its data is encrypted), this one is not: make a volume of the same volume type" + typeHint(m.Base.VolumeTypeID), nil
	case m.Base.VolumeTypeID == nil:
		return "", nil
	}
	have := ""
	if v.volume.VolumeTypeID != nil { // since 3.63
		have = *v.volume.VolumeTypeID
	} else if v.volume.VolumeType != nil {
		t, err := v.client.FindVolumeType(v.c.Context, *v.volume.VolumeType)
		if err != nil {
			return "", err
		}
		have = t.ID
	}
	if have != *m.Base.VolumeTypeID {
		return fmt.Sprintf("the backup is encrypted and can only be read on a volume of the same volume type%s; this one's is %s", typeHint(m.Base.VolumeTypeID), have), nil
	}
	return "", nil
}

func typeHint(id *string) string {
	if id == nil {
		return ""
	}
	return ", id " + printable(*id)
}

// takenBy says why a volume of this status is not to be written, or, where
// metadataOnly, its metadata not changed; "" for nothing. Who has an in-use one
// is another question (elsewhere). The statuses are those of
// cinder/objects/fields.py, VolumeStatus, and cinder/volume/manager.py; one that
// is not known is a reason.
func takenBy(status string, metadataOnly bool) string {
	switch status {
	case "available", "in-use":
		return ""
	case "error", "error_restoring", "error_extending", "error_backing-up":
		return "" // nobody uses it; after a restore of Cinder's that failed this is what helps
	case "attaching", "reserved":
		if metadataOnly {
			return ""
		}
		return "somebody is about to attach it: wait, or, if nobody uses it, have an administrator free it: openstack volume set --state available"
	case "detaching":
		if metadataOnly {
			return ""
		}
		return "wait until it is detached"
	case "awaiting-transfer":
		return "it is offered to another project: openstack volume transfer request list"
	case "deleting", "error_deleting", "unmanaging", "error_managing", "error_managing_deleting":
		return "it is going away, or is not whole: take another volume"
	}
	return "wait until Cinder is done with it"
}

// ownReservation reports whether a volume is reserved by a run that ended early.
func (v *cloudVolume) ownReservation() bool {
	m := v.volume.Metadata
	return v.volume.Status == "attaching" && (m[cinderapi.RunKey] != "" || m[cinderapi.ReservedKey] != "")
}

// taken says who else uses the volume, "" for nobody. The error is ctx's.
func (v *cloudVolume) taken() (string, error) {
	status, metadataOnly := v.volume.Status, v.c.Bool("metadata-only")
	if why := takenBy(status, metadataOnly); why != "" && !v.ownReservation() {
		return fmt.Sprintf("its status is %s: %s", printable(status), why), nil
	}
	if metadataOnly {
		return "", nil
	}
	switch v.volume.Migration {
	case "migrating", "starting", "completing":
		return fmt.Sprintf("Cinder is migrating it (%s), and what is written meanwhile may be lost: wait until that is done", v.volume.Migration), nil
	}
	return v.elsewhere()
}

// elsewhere says where else a volume that is in use is attached: the kernel here
// cannot know that a server on another machine has it open.
func (v *cloudVolume) elsewhere() (string, error) {
	if v.volume.Status != "in-use" {
		return "", nil
	}
	const advice = "detach it first, or run this where it is attached"
	if len(v.volume.Attachments) == 0 {
		return "its status is in-use, not available: " + advice, nil
	}
	host, _ := os.Hostname()
	server, hint := v.c.String("server"), ""
	if server == "" {
		var err error
		if server, err = (cinderapi.Here{}).ServerID(v.c.Context); v.c.Context.Err() != nil {
			return "", err
		} else if err != nil {
			hint = "; if that is this machine, which cannot be told, say --server with its id"
		}
	}
	for _, a := range v.volume.Attachments {
		switch {
		case a.ServerID != "" && !strings.EqualFold(a.ServerID, server):
			return fmt.Sprintf("its status is in-use, not available: it is attached to server %s: %s%s", printable(a.ServerID), advice, hint), nil
		case a.ServerID == "" && a.HostName == "":
			return "its status is in-use, not available, and Cinder does not tell where it is attached: " + advice, nil
		case a.ServerID == "" && !strings.EqualFold(a.HostName, host):
			return fmt.Sprintf("its status is in-use, not available: it is attached to host %s: %s", printable(a.HostName), advice), nil
		}
	}
	return "", nil
}

// lookAgain checks the volume once more, right before it is written: the operator
// may have thought for long.
func (r *restore) lookAgain(ctx context.Context) error {
	now, err := r.cloud.client.GetVolume(ctx, r.cloud.volume.ID)
	if err != nil {
		return err
	}
	r.cloud.volume = now
	return r.cloud.check(r.backup)
}

// undisturbed is an error if somebody took the volume while it was written.
// Nothing is reserved where the operator says what TARGET is.
func (r *restore) undisturbed(ctx context.Context) error {
	// Not for long: the metadata is asked of the same cloud next.
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	now, err := r.cloud.client.GetVolume(ctx, r.cloud.volume.ID)
	if err != nil {
		r.options.Logger.Warn("whether somebody took the volume while it was written is not known", "volume", r.cloud.volume.ID, "err", err)
		return nil
	}
	after := *r.cloud
	after.volume = now
	why, _ := after.taken() // if that is interrupted, so is what comes next
	if why == "" {
		return nil
	}
	return fmt.Errorf("the data is written, but volume %s was taken meanwhile: %s. What is on it now need not be the backup: "+
		"when nobody else uses it, run the same command again with --delta --force", now.ID, why)
}

// statusNotes are what the operator should know of the volume's status before it
// is written.
func (v *cloudVolume) statusNotes() []string {
	switch {
	case v.ownReservation():
		return []string{"the volume is still reserved by an earlier run; if that one is not at an end, say no"}
	case strings.HasPrefix(v.volume.Status, "error"):
		return []string{fmt.Sprintf("its status is %s, and stays so until an administrator changes it: openstack volume set --state available %s", v.volume.Status, v.volume.ID)}
	}
	return nil
}

// endReservation lets others attach the volume again.
func (v *cloudVolume) endReservation(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	id := v.volume.ID
	if err := v.client.Unreserve(ctx, id); err != nil {
		return fmt.Errorf("%w; volume %s stays reserved (attaching) until an administrator does: openstack volume set --state available %s", err, id, id)
	}
	return v.unmark(ctx)
}

// unmark takes from the volume's metadata that it is reserved.
func (v *cloudVolume) unmark(ctx context.Context) error {
	if !v.marked && v.volume.Metadata[cinderapi.ReservedKey] == "" {
		return nil
	}
	if err := v.client.Forget(ctx, v.volume.ID, cinderapi.ReservedKey); err != nil {
		return fmt.Errorf("%w; remove it with: openstack volume unset --property %s %s", err, cinderapi.ReservedKey, v.volume.ID)
	}
	return nil
}

// free ends the reservation of a run that ended early, when its volume is
// restored.
func (r *restore) free(ctx context.Context) error {
	if !r.restored || r.cloud == nil || !r.cloud.ownReservation() {
		return nil
	}
	return r.cloud.endReservation(context.WithoutCancel(ctx))
}
