package console

import (
	"os"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// OutIsTerminal reports whether what is written to stdout shows on a terminal.
func OutIsTerminal() bool { return term.IsTerminal(int(os.Stdout.Fd())) }

// HasTerminal reports whether we have a controlling terminal.
func HasTerminal() bool {
	tty, err := os.OpenFile("/dev/tty", os.O_RDONLY|unix.O_NOCTTY, 0)
	if err != nil {
		return false
	}
	tty.Close()
	return true
}

// OwnsTerminal reports whether we are in the foreground of a terminal.
func OwnsTerminal() bool {
	tty, err := os.OpenFile("/dev/tty", os.O_RDONLY, 0)
	if err != nil {
		return false
	}
	defer tty.Close()
	group, err := unix.IoctlGetInt(int(tty.Fd()), unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

// Columns returns how wide standard output is: a terminal's width, and 80 for anything else.
func Columns() int {
	const usual = 80
	if wide, _, err := term.GetSize(int(os.Stdout.Fd())); err == nil && wide > 0 {
		return wide
	}
	return usual
}
