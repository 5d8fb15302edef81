package cloud

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/safetext"
	"github.com/restorefs/restorefs/materialize"
	"github.com/restorefs/restorefs/materialize/cinderapi"
)

// Check refuses to have the backup written to the volume, with a *materialize.RefusedError. Other
// errors mean that it could not be checked.
func (d *Destination) Check(ctx context.Context, b *backupstore.Backup) error {
	var reasons []materialize.Reason
	refuse := func(kind materialize.ReasonKind, text string) {
		if text != "" {
			reasons = append(reasons, materialize.Reason{Kind: kind, Text: text})
		}
	}
	if !d.o.NoData {
		refuse(materialize.ReasonTooSmall, d.tooSmall(b))
	}
	why, err := d.taken(ctx)
	if err != nil {
		return err
	}
	refuse(materialize.ReasonHeld, why)
	if !d.o.NoData {
		if why, err = d.encryption(ctx, b); err != nil {
			return err
		}
		refuse(materialize.ReasonNotATarget, why)
	}
	if len(reasons) > 0 {
		return &materialize.RefusedError{Target: d.String(), Reasons: reasons}
	}
	return nil
}

// CheckAgain is Check with the current state of the volume. It is for the moment right before the
// first write, because the operator may have thought for long.
func (d *Destination) CheckAgain(ctx context.Context, b *backupstore.Backup) error {
	now, err := d.client.GetVolume(ctx, d.Volume.ID)
	if err != nil {
		return err
	}
	d.Volume = now
	return d.Check(ctx, b)
}

// TakenError says that the volume was taken while it was written, so that it may no longer hold the
// backup.
type TakenError struct {
	Volume string // id
	Why    string
}

// Error implements error.
func (e *TakenError) Error() string {
	return fmt.Sprintf("the data is written, but volume %s was taken meanwhile: %s. "+
		"What is on it now need not be the backup", e.Volume, e.Why)
}

// Undisturbed checks, after the data is written, whether the volume was taken meanwhile, because
// nothing is reserved if the operator named the device. The error is a *TakenError. A cloud that
// does not answer is no error.
func (d *Destination) Undisturbed(ctx context.Context) error {
	// The time is short because restoring the metadata needs the same cloud next.
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	now, err := d.client.GetVolume(ctx, d.Volume.ID)
	if err != nil {
		d.o.Logger.Warn("whether somebody took the volume while it was written is not known",
			"volume", d.Volume.ID, "err", err)
		return nil
	}
	after := *d
	after.Volume = now
	why, _ := after.taken(ctx) // if this is interrupted, so is the next step
	if why == "" {
		return nil
	}
	return &TakenError{now.ID, why}
}

func (d *Destination) tooSmall(b *backupstore.Backup) string {
	if d.Volume.SizeGiB<<30 >= b.Size {
		return ""
	}
	return fmt.Sprintf("it has %d GiB, the backup's volume %d GiB: extend it or make a larger one",
		d.Volume.SizeGiB, wholeGiB(b.Size))
}

// wholeGiB returns a size in GiB, rounded up.
func wholeGiB(bytes int64) int64 { return (bytes + 1<<30 - 1) >> 30 }

// taken returns why the volume is not free to be written, "" if it is. The error is that of ctx.
func (d *Destination) taken(ctx context.Context) (string, error) {
	v := d.Volume
	rule := statusRuleOf(v.Status)
	if rule.why != "" && !(d.o.NoData && rule.metadata) && !d.ownReservation() {
		return fmt.Sprintf("its status is %s: %s", safetext.Printable(v.Status), rule.why), nil
	}
	if d.o.NoData {
		return "", nil
	}
	if migrating[v.Migration] {
		return fmt.Sprintf("Cinder is migrating it (%s), and what is written meanwhile may be "+
			"lost: wait until that is done", v.Migration), nil
	}
	return d.elsewhere(ctx)
}

// elsewhere returns where else a volume in use is attached: the kernel here cannot know that a
// server on another machine has it open.
func (d *Destination) elsewhere(ctx context.Context) (string, error) {
	if d.Volume.Status != "in-use" {
		return "", nil
	}
	const inUse, advice = "its status is in-use, not available", "detach it first, " +
		"or run this where it is attached"
	if len(d.Volume.Attachments) == 0 {
		return inUse + ": " + advice, nil
	}
	host, _ := os.Hostname()
	server, hint := d.o.Server, ""
	if server == "" {
		var err error
		if server, err = (cinderapi.Here{}).ServerID(ctx); ctx.Err() != nil {
			return "", err
		} else if err != nil && d.o.Advice.ThisServer != "" {
			hint = "; if that is this machine, which cannot be told, " + d.o.Advice.ThisServer
		}
	}
	for _, a := range d.Volume.Attachments {
		switch {
		case a.ServerID != "" && !strings.EqualFold(a.ServerID, server):
			return fmt.Sprintf("%s: it is attached to server %s: %s%s", inUse,
				safetext.Printable(a.ServerID), advice, hint), nil
		case a.ServerID == "" && a.HostName == "":
			return inUse + ", and Cinder does not tell where it is attached: " + advice, nil
		case a.ServerID == "" && !strings.EqualFold(a.HostName, host):
			return fmt.Sprintf("%s: it is attached to host %s: %s", inUse,
				safetext.Printable(a.HostName), advice), nil
		}
	}
	return "", nil
}

// Notes returns what the operator should know about the volume before its data is written. The
// error is why its metadata will not be restored.
func (d *Destination) Notes(ctx context.Context, b *backupstore.Backup) (notes []string,
	err error) {
	v := d.Volume
	switch {
	case d.ownReservation():
		notes = append(notes,
			"the volume is still reserved by an earlier run; if that one is not at an end, say no")
	case strings.HasPrefix(v.Status, "error"):
		notes = append(notes,
			fmt.Sprintf("its status is %s, and stays so until an administrator changes it: "+
				"openstack volume set --state available %s", v.Status, v.ID))
	}
	changes, err := d.Changes(ctx, b)
	for _, c := range changes {
		if c.Field == "encryption_key_id" {
			notes = append(notes,
				fmt.Sprintf("the data is encrypted with the key %s, which the volume does not "+
					"have and the API cannot give it: "+
					"an administrator of the cloud must, before it can be read", *c.Wanted))
		}
	}
	return notes, err
}
