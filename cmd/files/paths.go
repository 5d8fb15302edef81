package files

import (
	"errors"
	"strings"
)

// errName is the error for a name that no directory can have.
var errName = errors.New("the directory holds a name that cannot be one")

// checkName refuses what would be more than one name in one directory.
func checkName(name string) error {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
		return errName
	}
	return nil
}

// base returns the last name of an absolute path, "" for the root.
func base(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// join adds a name to an absolute path.
func join(dir, name string) string {
	if dir == "/" {
		return dir + name
	}
	return dir + "/" + name
}
