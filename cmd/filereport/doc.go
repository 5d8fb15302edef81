// Package filereport is what ls, find and cp say of files inside a disk: their JSON, whose fields
// are contracts and only grow, and the same for people.
//
// It is made of functions of values and an io.Writer. It opens nothing and reads no flags. What a
// guest wrote is printed so that it steers no terminal, and loses nothing.
package filereport
