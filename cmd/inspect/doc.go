// Package inspect is what looks at backups and restores none: list, show, map, verify, diff,
// index and report, behind their flags.
//
// It owns which backups are meant, what of them is read, and what is told beside the results. It
// leaves to others opening the share (cmd/source), finding out (backupstore, materialize) and what
// is printed (cmd/report). It reads no flags, though its errors name them.
//
// A command that goes by the whole share ends with the error of [source.WholeShare] where that
// could not be seen: silence about a part must not look like success.
package inspect
