// Package lock owns how restorefs keeps other processes away from a file or a
// directory: with flock(2) from its own ones, with a lock on the open file
// description (fcntl(2)) from whatever else writes disk images.
//
// A lock belongs to the open file and ends when that is closed, also by the end
// of the process; so a killed process leaves none behind. No function here
// blocks in the kernel: those that wait try again.
//
// Its callers decide what a lock stands for and say so in their messages.
package lock
