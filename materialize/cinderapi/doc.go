// Package cinderapi talks to a cloud: it logs in as the OpenStack clients do,
// reads volumes of Cinder (Block Storage API v3) and changes their metadata. It
// creates, reserves and deletes volumes, and has Nova (Compute API v2.1) attach
// them to this machine.
//
// It owns credentials (openrc, clouds.yaml, tokens, application credentials,
// TLS, noauth), the way a call is made (how long, how often, which errors), and
// the rules by which a volume's metadata is restored from a backup (rules.go).
// It leaves to others what a backup is, the volume's data, devices, and what
// people get to read. It imports nothing of the project.
//
// Invariants:
//   - Every call ends: with its context, with its own time limit, and after a
//     bounded number of repetitions.
//   - Only a volume that carries the mark of this run (RunKey) is ever deleted.
//   - A call that may have been carried out is repeated only where a second time
//     does no harm. A volume is never created twice by a lost answer.
//   - Answers are bounded in size and not believed: a volume that is not the one
//     asked for is an error.
//   - Passwords and tokens are in no error and no log. Redirects are not
//     followed: they would take the token elsewhere.
//
// A Client may be used by many goroutines.
package cinderapi
