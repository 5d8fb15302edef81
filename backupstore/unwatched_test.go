//go:build !race

package backupstore_test

const watched = false
