// Package cloud restores backups to a cloud: onto an existing volume or one that it creates, with
// the volume's metadata, and the records of backups into Cinder's database.
//
// NewVolume or ToVolume plans a restore to a volume whose device is found, and Deliver does it:
// create, reserve or attach the volume, find the device, have it written, and undo all that must
// not stay. If the operator says what the device is, Find gives the volume, and the caller asks in
// this order: CheckNames, Check and Prove before anything is written, CheckAgain right before it,
// Undisturbed and RestoreMetadata after it. ImportRecords is independent of these.
//
// It owns the order of the steps and what makes them safe: which volume may be written, and when it
// is looked at again; what is reserved, attached and mapped, and that this is undone however a
// restore ends; and what a failed restore leaves behind. It leaves to others the calls and the
// rules of the metadata (materialize/cinderapi), where a device is (materialize/device), and the
// copying of data.
//
// It reads no flags, prints nothing and asks nothing: results and typed errors are returned,
// progress goes to functions of the caller, and between the steps the caller decides whether to go
// on. What an operator can do is said in the caller's words (Advice).
//
// Invariants:
//
//   - Nothing is written, and no volume created, before every check has passed.
//   - A volume with an unknown status is treated as in use.
//   - What a run reserved, attached or mapped is undone even after its context has ended. What was
//     so before stays so if nothing was written, because another run may rely on it.
//   - Only a volume that this run created is ever deleted, only if asked for (Options.Cleanup), and
//     not while it is attached or mapped.
//
// Hazard: Cinder does not know that a volume is written. A volume that is not reserved, which is
// always so if the operator names the device, can be attached elsewhere meanwhile; Undisturbed
// finds that out only afterwards.
//
// # Stability
//
// The Go names may change until the first release.
package cloud
