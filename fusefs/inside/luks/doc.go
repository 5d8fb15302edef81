// Package luks reads volumes that are encrypted by LUKS: it understands their headers, finds the
// key with a passphrase, and decrypts.
//
// It owns the headers of LUKS1 and LUKS2, what becomes of a passphrase, and the ciphers. It leaves
// to others where the bytes and the passphrases come from, which volumes are looked at, and what
// the plain volume holds. Nothing is ever written.
//
// # Sources
//
// "LUKS1 On-Disk Format Specification" 1.2.3 and "LUKS2 On-Disk Format Specification" 1.1.4, both
// in docs/ of cryptsetup, and its lib/luks1/keymanage.c, lib/luks2/luks2_json_metadata.c and
// lib/luks1/af.c where these leave something open; drivers/md/dm-crypt.c of Linux for the ciphers.
//
// # What is read
//
// Volumes that are encrypted as they lie, and qcow2 images with LUKS1 inside that have no backing
// file. AES by XTS and CBC, with the vectors plain, plain64 and, of CBC, ESSIV by SHA-256; key
// slots of PBKDF2 and Argon2. The rest is an [UnsupportedError]: other ciphers, integrity, a header
// apart from its volume, a re-encryption under way.
//
// # Invariants
//
//   - The volume is not trusted. Each number from it is checked before it is used; time and memory
//     are bounded by limits.go and [Options], whatever it says.
//   - A volume key is believed only if its digest in the header is right. What is decrypted with it
//     is as good as the ciphertext: LUKS has no digests of data.
//   - Keys and passphrases lie in memory of [Secret], apart from copies that libraries make.
//
// # Concurrency
//
// A [Header] and a [Key] never change. A Key may be used by many goroutines until it is
// closed, which is for the last of them.
package luks
