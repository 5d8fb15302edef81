// Package completion tells a shell how a word of a command line can go on: commands, flags, values,
// and the names of backups and volumes.
//
// The shells' own parts are a few lines each (scripts/): they give the command line to the program
// and take what it answers. All that is decided here: what is wanted at the cursor (wanted.go),
// what there is (candidates.go), and how a shell must be told a name that others chose (bash.go).
//
// Names come from what was last seen of the share and kept in the cache directory (package
// scanned). The share is never touched, as its server may not answer, so that a share that was not
// looked at has no names, and new backups appear once a command has looked.
//
// Invariants: a candidate is one line without anything that steers a terminal, and does not begin
// with a dash unless it is a flag; for bash it is quoted, so that no name is ever more than a word.
// Nothing is an error: who cannot be helped gets no candidates.
package completion
