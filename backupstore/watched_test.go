//go:build race

package backupstore_test

const watched = true // by the race detector
