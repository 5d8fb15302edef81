// Package proven remembers what verify found out about each backup: when all of it was last proven,
// when a part of it was, and what of it is damaged. So list and report can say it without reading
// an object.
//
// It owns the file in which that is kept (docs/proven-format.md): a line of JSON for each version
// of a backup, in a directory that is private to whoever runs restorefs. The file is replaced as a
// whole, and what another process has put there meanwhile is kept. Nothing in it is believed: each
// line is checked, and one that makes no sense counts as not there. What it says is about a version
// of a backup (size and times of its _metadata, number of its objects, bytes of all, and those of
// its parents); it says nothing about another one, such as a copy of it. An object that was
// replaced by one of its size is not noticed.
//
// It knows neither flags nor words for people. A Book is not safe for concurrent use.
package proven
