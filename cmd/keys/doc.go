// Package keys has the keys of encrypted volumes: from a file, a descriptor or a cloud, as Cinder,
// Barbican and people write them.
//
// It owns which passphrases a key may mean, that they are in no core dump, and which volumes were
// unlocked with them. It leaves to others how a volume is encrypted (fusefs/inside/luks), what is
// read of it, and flags, though its errors name them.
//
// # What a key may mean
//
// Cinder has cryptsetup open a volume with the key of Barbican in lower-case hexadecimal, without a
// newline (os-brick, encryptors/cryptsetup.py). What is given is tried as it is, without a newline
// at its end, and in hexadecimal: os-brick 6 takes that of a secret of the type "passphrase" too,
// and os-brick 7 the secret as it is.
//
// # Concurrency
//
// [Keys] may be used by many goroutines until Close.
package keys
