package attended

import (
	"cmp"
	"os"

	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/places"
	"github.com/restorefs/restorefs/cmd/process"
)

// prepare refuses flags that do not go together, before anything is opened, and completes the
// options of the engine but for what needs an open share, which is newRestoring's.
func (o *Options) prepare() (err error) {
	if o.qcow2, err = o.wantsQcow2(); err != nil {
		return err
	}
	if o.Cloud.Volume != "" && (o.qcow2 || o.Target == "-") {
		return cmdline.Usagef("--volume goes with a TARGET that is the volume: its device or file")
	}
	err = cmp.Or(o.CheckProgress(), o.checkReflink(), o.checkDecrypt(), o.checkAsked())
	if err != nil {
		return err
	}
	to := &o.Engine.Copy
	if to.MemoryBytes, err = o.Memory.Bound(); err != nil {
		return err
	}
	if o.NiceIO {
		if err := process.GiveWay(); err != nil {
			return err
		}
	}
	to.MemoryFor, o.Engine.MemoryFor = o.Memory.EnoughFor(), o.Memory.EnoughFor()
	to.Logger = o.Source.Logger
	o.Engine.PlanOnly = o.DryRun
	o.Engine.Foreign = o.Cloud.Volume != "" || o.Cloud.NewVolume
	o.Engine.Avoid = places.NotEmpty(o.Source.Cache.Dir, o.Engine.Overlay)
	o.Engine.Record = o.MetadataOut
	if o.MetadataOut == "-" {
		o.Engine.Record, o.Engine.NoRecord = "", true
	}
	if o.Rate != "" {
		if to.BytesPerSecond, err = cmdline.ParseRate(o.Rate); err != nil {
			return err
		}
	}
	if o.Engine.Overlay != "" {
		return places.CheckOverlays(o.Source.Cache.Group, o.Engine.Overlay)
	}
	return nil
}

// checkAsked refuses early what would be asked for certain, where nobody can be: a device that is
// to be overwritten. Of a file it is known only when it has been looked at.
func (o *Options) checkAsked() error {
	if !o.Force || o.DryRun {
		return nil
	}
	info, err := os.Stat(o.Target)
	if err != nil || info.Mode()&(os.ModeDevice|os.ModeCharDevice) != os.ModeDevice {
		return nil
	}
	return o.CanAsk("nothing was written", "to write to "+o.Target)
}
