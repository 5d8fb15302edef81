// Package cloud restores backups to a cloud: onto a volume that is there or that it
// creates, with the volume's metadata, and the records of backups into Cinder's
// database.
//
// NewVolume or ToVolume plans a restore to a volume whose device is found, Deliver does
// it: create, reserve or attach, find the device, have it written, and undo all that
// must not stay. Where the operator says what the device is, Find gives the volume, and
// the caller asks in this order: CheckNames, Check and Prove before anything is written,
// CheckAgain right before it, Undisturbed and RestoreMetadata after it. ImportRecords is
// by itself.
//
// It owns the order of the steps and what makes them safe: which volume may be
// written, and when it is looked at again; what is reserved, attached and mapped,
// and that it is undone however a restore ends; what is left when one fails. It
// leaves to others the calls and the rules of the metadata (materialize/cinderapi),
// where a device is (materialize/device), and the copying of data.
//
// It reads no flags, prints nothing and asks nothing: results and typed errors are
// returned, progress goes to functions that the caller gives, and whether to go on is the
// caller's question between the steps. What an operator can do is in the caller's words
// (Advice).
//
// Invariants:
//   - Nothing is written, and no volume created, before every check has passed.
//   - A volume whose status is not known is somebody's.
//   - What a run reserved, attached or mapped is undone also when its context has ended.
//     What was found so is left so where nothing was written: another run may count on it.
//   - Only a volume that this run created is ever deleted, only when asked for
//     (Options.Cleanup), and not while it is attached or mapped.
//
// Hazard: Cinder does not know what is written. A volume that is not reserved, as none is
// where the operator names the device, can be attached elsewhere meanwhile; Undisturbed
// tells of it afterwards.
package cloud
