// Package several makes one share of several, so that a chain of backups may lie in more than one
// bucket or export.
//
// It owns what their paths are called together: each share is a directory below the root, called
// share1, share2 and so on in the order given. What is in a share, and how it is reached, is left
// to the share. Hazard: of the directory that a share is nobody tells a stamp, so the root is
// listed at each look; that asks no server anything.
package several
