//go:build purego || !amd64

package luks

const hasAES = false

// newFastXTS is not called where hasAES is false.
func newFastXTS(key []byte, iv vector) (decrypter, error) { return newLibraryXTS(key, iv) }
