//go:build race

package main

const watched = true // by the race detector
