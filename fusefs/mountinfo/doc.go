// Package mountinfo reads /proc/PID/mountinfo, the kernel's table of the mounts
// in a process's mount namespace (proc_pid_mountinfo(5)).
//
// It owns the form of a line and the escapes in it. What a mount means, and which of several hides
// another, is the caller's business.
//
// The names in the table are not trusted: any user that may mount, if only in a namespace of its
// own, chooses mount points, sources and options. A line that cannot be parsed is an error; the
// other lines are returned nevertheless.
package mountinfo
