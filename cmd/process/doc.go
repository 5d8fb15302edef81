// Package process is about the processes of a mount: serving in the background, and telling whoever
// waits for it; the log file, the journal and systemd; the command of --run; the priority of a
// copy, and its end when the terminal is closed; what memory there is for whom.
//
// It knows no flags and nothing of backups. What it changes is this process's own: its descriptors,
// session, directory, environment and priority. Its errors name the flags of what they are about.
package process
