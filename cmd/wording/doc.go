// Package wording says for people what programs count in: sizes and numbers of things, names from a
// share that must not steer a terminal, words that a shell reads back as they are.
//
// It is pure: it prints nothing, and knows no flags and no backups.
package wording
