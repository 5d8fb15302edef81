package luks

// Bounds of what a header may say. What cryptsetup and qemu-img write is far below.
const (
	maxKeyBytes = 64        // of volume keys and key slots: AES-256 by XTS
	maxStripes  = 1 << 14   // of a key slot; all programs write 4000
	maxJSON     = 4<<20 - 1 // bytes of the text of LUKS2, which its format bounds as well
	maxSlots    = 32        // of LUKS2; LUKS1 has 8
	maxDigests  = 32

	// maxIterations bounds PBKDF2: a slot that took cryptsetup two seconds has some five millions.
	maxIterations = 400_000_000
	// maxPasses bounds Argon2: cryptsetup takes four to some tens.
	maxPasses = 1000
	// maxArgonMiB bounds passes times memory of Argon2, in MiB: some minutes of a processor.
	maxArgonMiB = 256 << 10
	// maxWork bounds what trying one passphrase on all slots takes, in slots at the bounds above,
	// each with a digest at its own.
	maxWork = 2

	maxSaltBytes   = 256
	maxDigestBytes = 64
	sector         = 512 // the unit of offsets in LUKS1, and of vectors
)
