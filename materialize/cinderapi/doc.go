// Package cinderapi talks to a cloud: it logs in as the OpenStack clients do,
// reads volumes of Cinder (Block Storage API v3) and changes their metadata. It
// creates, reserves and deletes volumes, and has Nova (Compute API v2.1) attach
// them to this machine.
//
// It owns credentials (openrc, clouds.yaml, tokens, application credentials,
// TLS, noauth), how calls are made (time limits, repetitions, errors), and the
// rules by which a volume's metadata is restored from a backup (rules.go). It
// knows nothing of backups, data or devices, and leaves to others what people
// get to read. It imports nothing of the project.
//
// Invariants:
//   - Every call ends: with its context, with its own time limit, and after a
//     bounded number of repetitions.
//   - Only a volume that carries the mark of this run (RunKey) is ever deleted.
//   - A call that may have been carried out is repeated only if that does no
//     harm. A volume is never created twice because an answer was lost.
//   - Answers are bounded in size and not trusted: a volume that is not the one
//     asked for is an error.
//   - Passwords and tokens appear in no error and no log. Redirects are not
//     followed: they would send the token elsewhere.
//
// A Client may be used by many goroutines.
package cinderapi
