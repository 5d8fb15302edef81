package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/restorefs/restorefs/materialize"
	"github.com/restorefs/restorefs/materialize/device"
)

// isAt refuses a target that says of itself that it is another volume.
func (v *cloudVolume) isAt(target string) error {
	other := device.OtherVolume(target, v.volume.ID)
	if other == nil {
		return nil
	}
	return &materialize.RefusedError{Target: target, Reasons: []materialize.Reason{{Kind: materialize.ReasonNotATarget,
		Text: fmt.Sprintf("it is volume %s by the name %s, and --volume says %s; if Cinder migrated the volume, so that its device has another id, "+
			"restore without --volume, then the metadata with --metadata-only", other.Volume, printable(other.Name), v.volume.ID)}}}
}

// isTheVolume refuses a TARGET that is not there, or whose size or format say
// that it is not the volume.
func (r *restore) isTheVolume(ctx context.Context, target string) error {
	wanted, err := r.wanted(ctx, false)
	if err != nil {
		return err
	}
	r.found, err = device.Prove(ctx, target, wanted)
	if errors.Is(err, fs.ErrNotExist) {
		return &materialize.RefusedError{Target: target, Reasons: []materialize.Reason{{Kind: materialize.ReasonNotATarget,
			Text: "it is not there, and a volume's device or file is: is this the machine that has it? To restore to a new file, leave --volume out"}}}
	}
	if wrong, ok := errors.AsType[*device.WrongError](err); ok && wrong.TooLarge {
		wrong.Reason += "; if it is the volume all the same, because its storage rounds sizes up, restore without --volume, then the metadata with --metadata-only"
	}
	return err
}

// wanted is what the device of the volume must be; fresh says that the volume was
// created just now.
func (r *restore) wanted(ctx context.Context, fresh bool) (device.Volume, error) {
	v := r.cloud.volume
	w := device.Volume{ID: v.ID, SizeGiB: v.SizeGiB, Encrypted: v.Encrypted, MayBeCut: !fresh}
	if v.Encrypted {
		var head [4]byte
		if err := r.volume.ReadAt(ctx, head[:], 0); err != nil {
			return w, err
		}
		w.Qcow2 = string(head[:]) == "QFI\xfb"
	}
	return w, nil
}
