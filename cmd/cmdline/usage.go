package cmdline

import "fmt"

// UsageError is a mistake in how the program was called.
type UsageError struct{ error }

// Usagef makes a UsageError of words, and of an error with %w.
func Usagef(format string, args ...any) error { return UsageError{fmt.Errorf(format, args...)} }

// WrongUsage makes a UsageError of an error.
func WrongUsage(err error) error { return UsageError{err} }
