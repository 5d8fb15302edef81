// Package private owns the rules for the directories and files that restorefs
// keeps for itself: caches, indexes, overlays and notes. A directory is used
// only if nobody else can put anything into it, and a file only if it is a
// regular one that nobody else could have made: nothing that others could have
// written is believed, and nobody else can read what is written.
//
// Its callers decide which directories those are and what the files hold. They
// check each directory once (Dir, Sub) and a file each time they open it
// (Check, Mine).
package private
