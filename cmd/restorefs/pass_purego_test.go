//go:build purego

package main

const secondPass = true // of "make test", with one processor and pure Go
