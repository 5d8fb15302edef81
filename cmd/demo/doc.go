// Package demo shows a newcomer what restorefs does, by running it on a sample: it lists, mounts
// and restores, and proves that the mounted disk and the restored one are equal.
//
// It uses the program as any reader would, and links nothing of it.
package demo
