// Package scanned remembers what was seen on a share: its directories, what the _metadata of each
// backup says, and by which stamps all of that is recognised as unchanged. It keeps it in one file
// off the share, so that the next process looks at directories and reads no _metadata again.
//
// It owns that file and the table of what is remembered. Who compares stamps, reads _metadata and
// judges backups is package backupstore. A Tree is only a memory: what it says counts where the
// share has the same stamps today. A file that is damaged, too old, too new, too large or somebody
// else's is as good as none, and only costs the time to look again.
//
// Invariants: of a backup that is not perfect, or that was written so shortly before it was looked
// at that another write could have left the same stamp, nothing is remembered. A Tree and what it
// holds are never changed once they are shared.
package scanned
