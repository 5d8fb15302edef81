package objects

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"

	"github.com/restorefs/restorefs/backupstore/share"
)

// Error is an answer of a store that refuses what it was asked for.
type Error struct {
	Op     string // "list", "read", "look at", ...
	Name   string // of the object, the prefix or the bucket
	Status int    // of HTTP, 0 if there was no answer
	Says   string // what the store says, in its own words
	Help   string // what to do next; "": nothing is known
	Err    error  // the cause, may be nil
}

// Error implements error.
func (e *Error) Error() string {
	text := fmt.Sprintf("%s %s: ", e.Op, e.Name)
	switch {
	case e.Status == 0 && e.Err != nil:
		text += e.Err.Error()
	case e.Says == "":
		text += fmt.Sprintf("the store answers %d %s", e.Status, http.StatusText(e.Status))
	default:
		text += fmt.Sprintf("the store answers %d: %s", e.Status, e.Says)
	}
	if e.Help != "" {
		text += " (" + e.Help + ")"
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether the answer means one of the errors of package fs, or share.ErrStale.
func (e *Error) Is(target error) bool {
	switch e.Status {
	case http.StatusNotFound:
		return target == fs.ErrNotExist
	case http.StatusUnauthorized, http.StatusForbidden:
		return target == fs.ErrPermission
	case http.StatusPreconditionFailed:
		return target == share.ErrStale
	}
	return false
}

// Advice implements what backupstore asks an error for: Error says already what to do.
func (e *Error) Advice() string {
	if e.Help == "" {
		return "see the message"
	}
	return e.Help
}

// answerError says that an answer is not what was asked for.
type answerError struct {
	what  string
	stale bool // the object is another one now
}

func (e *answerError) Error() string { return e.what }

func (e *answerError) Is(target error) bool { return e.stale && target == share.ErrStale }

// Advice is as that of Error.
func (e *answerError) Advice() string { return e.what }

// errChanged says that the object is not the one that was opened.
func errChanged(how string) error {
	return &answerError{"the object was written anew since it was opened: " + how, true}
}

// Errors of answers.
var (
	errIgnoresRange = &answerError{what: "the server, or a proxy before it, answers a range of " +
		"an object by something else: nothing can be read through it (it must support HTTP " +
		"range requests)"}
	errMalformed = &answerError{what: "the server's answer is none of HTTP that makes sense"}
)

// errTooLarge says that an answer has more bytes, or more of something, than is taken.
var errTooLarge = errors.New("the server's answer is larger than any sound one")
