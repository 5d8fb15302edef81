// Package attended is a restore that a person or a script watches: materialize, behind its flags.
//
// It owns which of the ways of a restore Options ask for, and whether they go together; the
// questions; the plan of --dry-run; what is printed of a restore, in words and as JSON, whose
// fields are contracts and only grow; and the advice that ends an error: the command that
// continues, proves or removes what is left. It leaves to others the steps of a restore
// (cmd/restore) and of one to a cloud (cmd/cloud), which it joins: a cloud's volume is the Guard of
// a restore, and a restore is what a Delivery writes.
//
// It reads no flags, but names them in its errors, and repeats those that were given
// (Options.Given) in the commands that it advises.
//
//	Restore ──> toTarget        TARGET is named: a device or file, a qcow2, - for stdout; with
//	        │                   --volume it is proven to be that volume's
//	        ──> toFoundDevice   --new-volume, --attach, --device-path: the device is found
//	        ──> metadataOnly    a volume's metadata, no data
//
// Invariants:
//
//   - What options exclude is refused before anything is written to a target or changed in a cloud.
//   - With --dry-run no target is written, and nothing is created, reserved or attached.
//   - Results go to Options.Out; messages, questions and progress to Options.Err. With JSON nothing
//     but one JSON value, at most, goes to Options.Out.
//
// Hazard: Restore changes the process: the runtime's memory limit (Options.Memory), its priority
// (Options.NiceIO), for a qcow2 the number of its threads.
package attended
