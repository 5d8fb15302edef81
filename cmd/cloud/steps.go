package cloud

import "context"

// Written is how far a Writer got.
type Written struct {
	Begun    bool // something may have been written
	Restored bool // all data is on the volume, on stable storage
	Lossy    bool // except for ranges that could not be read
}

// undoing is a step that undoes an earlier one.
type undoing struct {
	message string // for the operator, empty for quick steps
	step    func(context.Context) error
	// onlyIfBegun is for a state that the run did not bring about itself. It is undone only if
	// something was written, because otherwise another run may rely on it.
	onlyIfBegun bool
}
