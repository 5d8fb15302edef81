//go:build !purego

package main

const secondPass = false
