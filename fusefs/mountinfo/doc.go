// Package mountinfo reads /proc/PID/mountinfo, the kernel's table of the mounts
// in a process's mount namespace (proc_pid_mountinfo(5)).
//
// It owns the form of a line and the escapes in it. What a mount means, and which
// of several hides another, is for those who ask.
//
// The names in the table are anybody's: whoever may mount, also in a namespace
// of his own, chooses mount points, sources and options. A line that cannot be
// understood is an error, and the lines around it are returned all the same.
package mountinfo
