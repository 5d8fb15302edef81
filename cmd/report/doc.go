// Package report is what list, show, verify, diff, index and overlay say: their JSON, whose fields
// are contracts and only grow, and the same for people.
//
// It is made of functions of values and an io.Writer. It opens nothing, reads no flags, and decides
// nothing about data. What comes from a share or a disk is printed so that it steers no terminal.
package report
