// Package mountstatus finds the mounts of this machine, asks each one how it is, and says so to
// people and scripts.
//
// A mount may belong to any user, and its server may be gone or hang: answers are bounded in time
// and size, and are not believed further than that they are printed.
package mountstatus
