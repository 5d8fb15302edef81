package materialize

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
)

// RefusedError says why a target must not be written. It was not written.
type RefusedError struct {
	Target  string   // the target's name, and its path if that differs
	Reasons []Reason // at least one
}

// Reason is one reason against a target.
type Reason struct {
	Kind      ReasonKind
	Text      string // in words, naming the device, file or process
	Forceable bool   // whether OpenOptions.Force overrides it
}

// ReasonKind classifies reasons for programs.
type ReasonKind string

// The kinds of reasons. Force overrides ReasonContent alone.
const (
	ReasonNotATarget ReasonKind = "not-a-target" // directory, character device, ...
	ReasonMounted    ReasonKind = "mounted"
	ReasonSwap       ReasonKind = "swap"
	ReasonHeld       ReasonKind = "held" // LVM, md, dm or a loop device stands on it
	// another process writes it, has it open exclusively or holds a lock
	ReasonOpen     ReasonKind = "open"
	ReasonSystem   ReasonKind = "system-disk"
	ReasonTooSmall ReasonKind = "too-small"
	ReasonReadOnly ReasonKind = "read-only"
	ReasonContent  ReasonKind = "content" // it holds something
)

// Error implements error. It has one line for each reason, and what to do next.
func (e *RefusedError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s refused, nothing was written:", e.Target)
	forceable := true
	for _, r := range e.Reasons {
		fmt.Fprintf(&b, "\n  - %s", r.Text)
		if r.Forceable {
			b.WriteString(" (--force overwrites it)")
		}
		forceable = forceable && r.Forceable
	}
	if !forceable {
		b.WriteString("\n--force does not override this: release the target or choose another one")
	}
	return b.String()
}

// TargetError is a failed operation on the target.
type TargetError struct {
	Target string // path
	Op     string // "write", "zero", "flush", "read", "create", "extend"
	Off    int64  // in bytes; where it failed, or the start of the range
	Len    int64  // in bytes; 0: the whole target
	Err    error
}

// Error implements error.
func (e *TargetError) Error() string {
	where := ""
	if e.Len > 0 {
		where = fmt.Sprintf(" %d bytes at offset %d", e.Len, e.Off)
	}
	return fmt.Sprintf("%s%s of target %s: %v%s", e.Op, where, e.Target, e.Err, e.remedy())
}

// Unwrap returns the cause, mostly an errno.
func (e *TargetError) Unwrap() error { return e.Err }

func (e *TargetError) remedy() string {
	switch {
	case errors.Is(e.Err, syscall.ENOSPC), errors.Is(e.Err, syscall.EDQUOT):
		return "; free space where the target is stored"
	case errors.Is(e.Err, syscall.EFBIG):
		return "; the filesystem or the file size limit (ulimit -f) allows no file this large"
	case errors.Is(e.Err, syscall.ENXIO), errors.Is(e.Err, syscall.ENODEV):
		return "; the device has gone: attach it again"
	case errors.Is(e.Err, syscall.EIO):
		return "; the device or the way to it failed: see dmesg"
	}
	return ""
}
