// Package private owns the rules for what restorefs keeps for itself: the
// directories of caches, indexes, overlays and notes, and the files in them. A
// directory is used only when nobody else can put anything into it, and a file
// only when it is a regular one that nobody else could have made: what others
// could have written is never believed, and what is written there is for nobody
// else to read.
//
// It leaves to its callers which directories those are and what is in the files.
// Directories are checked once, by who knows them (Dir, Sub); their files each
// time that one is opened (Check, Mine).
package private
