// Package cloud restores backups to a cloud: onto a volume that is there or that it
// creates, with the volume's metadata, and the records of backups into Cinder's
// database.
//
// It owns the order of the steps and what makes them safe: which volume may be
// written, and when it is looked at again; what is reserved, attached and mapped,
// and that it is undone however a restore ends; what is left when one fails. It
// leaves to others the calls and the rules of the metadata (materialize/cinderapi),
// where a device is (materialize/device), and the copying of data.
//
// It reads no flags, prints nothing and asks nothing: results are returned, progress
// goes to functions that the caller gives, and whether to go on is the caller's
// question between the steps.
package cloud
