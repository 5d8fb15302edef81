//go:build purego

package parttable

// make test runs all tests twice, the second time with -tags purego.
const secondPass = true
