package cmdline

import (
	"strings"

	"github.com/urfave/cli/v2"
)

// otherWords are flags that other programs have, or that people expect, and what is meant by them
// here: the first of these that the command has. What does not begin with -- is a sentence.
var otherWords = map[string][]string{
	"output":      {"--out", "--svg", "--format"},
	"o":           {"--out", "--svg", "--format"},
	"outfile":     {"--out", "--svg"},
	"file":        {"--out", "--svg"},
	"as":          {"--format"},
	"type":        {"--format"},
	"filter":      {"--name", "--volume"},
	"id":          {"--volume", "--backup"},
	"after":       {"--since", "--newer"},
	"from":        {"--since", "--newer", "--share"},
	"mtime":       {"--newer"},
	"newer-than":  {"--newer", "--since"},
	"newer":       {"--since"},
	"since":       {"--newer"},
	"before":      {"--older"},
	"until":       {"--older"},
	"older-than":  {"--older"},
	"size":        {"--min-size"},
	"order":       {"--sort"},
	"tree":        {"--graph"},
	"chain":       {"--graph"},
	"repo":        {"--share"},
	"source":      {"--share"},
	"src":         {"--share"},
	"path":        {"--share"},
	"directory":   {"--share"},
	"config":      {"--cinder-conf"},
	"options":     {"--mount-options"},
	"nfs-options": {"--mount-options"},
	"cloud":       {"--os-cloud"},
	"timeout":     {"--share-timeout"},
	"cache":       {"--disk-cache", "--cache-dir"},
	"threads":     {"--jobs"},
	"workers":     {"--jobs"},
	"parallel":    {"--jobs"},
	"concurrency": {"--jobs"},
	"mem":         {"--memory"},
	"rate":        {"--bwlimit"},
	"limit":       {"--bwlimit"},
	"limit-rate":  {"--bwlimit"},
	"speed":       {"--bwlimit"},
	"nice":        {"--nice-io"},
	"ionice":      {"--nice-io"},
	"low-impact":  {"--nice-io"},
	"quiet":       {"--progress none"},
	"silent":      {"--progress none"},
	"q":           {"--progress none"},
	"check":       {"--verify-after", "--dry-run"},
	"verify":      {"--verify-after"},
	"n":           {"--dry-run"},
	"plan":        {"--dry-run"},
	"simulate":    {"--dry-run"},
	"overwrite":   {"--force"},
	"batch":       {"--yes"},
	"assume-yes":  {"--yes"},
	"no-confirm":  {"--yes"},
	"incremental": {"--delta"},
	"rollback":    {"--delta"},
	"repair":      {"--salvage"},
	"skip-errors": {"--salvage"},
	"recover":     {"--salvage"},
	"damaged":     {"--state damaged", "--salvage"},
	"password":    {"--luks-passphrase-fd"},
	"passphrase":  {"--luks-passphrase-fd"},
	"key":         {"--luks-key-file"},
	"key-file":    {"--luks-key-file"},
	"background":  {"--daemon"},
	"rw":          {"--overlay"},
	"writable":    {"--overlay"},
	"write":       {"--overlay"},
	"ro":          {"a mount is read-only unless it has --overlay: leave it out"},
	"read-only":   {"a mount is read-only unless it has --overlay: leave it out"},
	"preserve":    {"--archive"},
	"owner":       {"--archive"},
	"detach":      {"--lazy"},
	"nested":      {"--recursive"},
	"depth":       {"--recursive"},
	"device":      {"--target"},
}

// ofCommands are those that mean something else, or more, to one command.
var ofCommands = map[string][]string{
	"cat o":              {"it writes to stdout: put >FILE behind it"},
	"cat output":         {"it writes to stdout: put >FILE behind it"},
	"tar o":              {"it writes to stdout: put >FILE behind it, or | tar -x -C DIRECTORY"},
	"tar f":              {"it writes to stdout: put >FILE behind it, or | tar -x -C DIRECTORY"},
	"tar file":           {"it writes to stdout: put >FILE behind it, or | tar -x -C DIRECTORY"},
	"tar output":         {"it writes to stdout: put >FILE behind it, or | tar -x -C DIRECTORY"},
	"records output":     {"it writes to stdout: put >FILE behind it"},
	"find exec":          {"pipe the paths to another program: --print0 | xargs -0"},
	"find all-backups":   {"--all"},
	"list long":          {"restorefs show BACKUP tells all of one"},
	"list l":             {"restorefs show BACKUP tells all of one"},
	"ls long":            {"ls prints all of that: leave it out"},
	"ls l":               {"ls prints all of that: leave it out"},
	"list older":         {"restorefs show VOLUME@TIME is the newest backup until then"},
	"list older-than":    {"restorefs show VOLUME@TIME is the newest backup until then"},
	"list before":        {"restorefs show VOLUME@TIME is the newest backup until then"},
	"list until":         {"restorefs show VOLUME@TIME is the newest backup until then"},
	"mount ro":           otherWords["ro"],
	"mount o":            {"options are flags here; -o is for mount -t fuse.restorefs"},
	"mount name":         {"--volume"},
	"materialize output": nil,
	"materialize o":      nil,
}

// arguments are the words for what is no flag but an argument.
var arguments = map[string]bool{
	"target": true, "to": true, "dest": true, "destination": true, "of": true, "output": true,
	"o": true, "file": true, "outfile": true, "device": true,
}

// otherWord returns what is meant by a flag that a command has not, "" if that is not known. What
// other programs mean by it counts before a value of its name: find --size is --min-size.
func otherWord(command *cli.Command, name string) string {
	meant, known := ofCommands[command.Name+" "+name]
	if !known {
		meant = otherWords[name]
	}
	for _, word := range meant {
		flag, _, _ := strings.Cut(word, " ")
		switch flag, isFlag := strings.CutPrefix(flag, "--"); {
		case !isFlag:
			return ": " + word
		case findFlag(command, flag) != nil:
			return ": did you mean " + word + "?"
		}
	}
	if value := asValue(command, name); value != "" {
		return ": did you mean " + value + "?"
	}
	takes := strings.Contains(command.ArgsUsage, "TARGET") ||
		strings.Contains(command.ArgsUsage, "DEST")
	if arguments[name] && takes {
		return ": it is an argument here, " + command.Name + " " + command.ArgsUsage
	}
	return ""
}
