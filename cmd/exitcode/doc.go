// Package exitcode decides from the error of a command alone with which code the program ends and
// what the operator reads.
package exitcode
