// Package storetest provides backups for tests and benchmarks: those that
// Cinder itself made (Fixtures, from ../testdata) and synthetic ones of any
// size in exactly Cinder's layout (Write).
//
// Only tests and benchmarks import it. It imports the standard library and
// klauspost/compress, and nothing of the project: what it says about a backup
// is a second opinion, not an echo of the code under test. Image reads a whole
// backup into memory in the simplest way.
//
// Words are those of backupstore. A Content is the bytes of a volume;
// generators compute it from a seed, so that a volume of 1 TiB needs no disk.
//
// Invariants of Write: the files are those that Cinder 21.3.1 writes for the
// same volume and settings, byte for byte except for the compressed streams
// (the compressors differ) and modes, which depend on umask; Cinder restores
// them. Memory grows with the number of objects, not with their sizes.
//
// Hazard: a Content must give the same bytes at every read. Write does not
// clean up after an error; give it a directory of the test's own.
package storetest
