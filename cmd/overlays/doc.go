// Package overlays lists and discards what was written onto mounted backups: overlay, behind its
// flags.
//
// It owns which overlays are meant, the question before they are discarded, and what is told. It
// leaves to others what an overlay is, and keeping those in use (fusefs/overlay). It reads no
// flags.
package overlays
