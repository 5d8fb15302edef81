// Package storetest gives tests and benchmarks backups to read: those that
// Cinder itself made (Fixtures, from ../testdata) and synthetic ones of any
// size in exactly Cinder's layout (Write).
//
// Only tests and benchmarks import it. It imports the standard library and
// klauspost/compress, and nothing of the project: what it says about a backup
// is a second opinion, never an echo of the code under test. Image reads a
// whole backup the plainest way, into memory.
//
// Words are those of backupstore. A Content is what a volume held, by offset;
// the generators compute it from a seed, so that a 1 TiB volume needs no disk.
//
// Invariants of Write: the files are those that Cinder 21.3.1 writes for the
// same volume and settings, byte for byte but for the compressed streams (the
// compressors differ) and the modes that umask decides; Cinder restores them.
// Memory does not grow with objects' sizes, only with their number.
//
// Hazard: a Content must give the same bytes at every read. Write does not
// clean up after an error; give it a directory of the test's own.
package storetest
