// Package places knows where restorefs may write: directories of its own, private to whoever runs
// it or to a group that is trusted; temporary ones; and never the share, by whatever name it is
// reached. It also doubts names of targets that hardly mean what they say.
//
// It reads no flags; its errors name the flag that chooses another place. It relies on
// cache/private for what private means and on fusefs for where a path lies.
package places
