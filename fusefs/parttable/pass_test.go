//go:build !purego

package parttable

const secondPass = false
