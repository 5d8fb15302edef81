package filereport

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/restorefs/restorefs/cmd/files"
	"github.com/restorefs/restorefs/cmd/wording"
)

// Copied is cp's JSON; its fields are a contract.
type Copied struct {
	Backup      string   `json:"backup"`
	Dest        string   `json:"dest"`
	Files       int      `json:"files"`
	Directories int      `json:"directories"`
	Links       int      `json:"links"` // symbolic
	Others      int      `json:"others"`
	Bytes       int64    `json:"bytes"` // written; holes do not count
	Failed      Failures `json:"failed"`
	Left        Failures `json:"left"` // left out for what they are

	// Error says why nothing more was copied, "" if all was.
	Error string `json:"error,omitempty"`
}

// NewCopied is what was copied, but for what failed.
func NewCopied(backup, dest string, done files.Copied) Copied {
	return Copied{
		Backup: backup, Dest: dest, Files: done.Files, Directories: done.Directories,
		Links:  done.Links,
		Others: done.Others, Bytes: done.Bytes, Failed: Failures{}, Left: Failures{},
	}
}

// CopyNotes tells what a copy is lacking.
func CopyNotes(w io.Writer, done files.Copied) {
	for _, name := range slices.Sorted(maps.Keys(done.Attributes)) {
		fmt.Fprintf(
			w,
			"note    the extended attribute %s could not be set on %s: "+
				"the target cannot have it, or not from this user\n",
			Name(name),
			wording.Count(done.Attributes[name], "file"),
		)
	}
	if done.Separate {
		fmt.Fprintf(
			w,
			"note    there are so many files with several names that some names became files of "+
				"their own\n",
		)
	}
}

// CopiedWords says what was copied.
func CopiedWords(done files.Copied) string {
	words := []string{wording.Count(done.Files, "file") + " of " + wording.Size(done.Bytes)}
	switch done.Directories {
	case 0:
	case 1:
		words = append(words, "1 directory")
	default:
		words = append(words, fmt.Sprintf("%d directories", done.Directories))
	}
	if done.Links > 0 {
		words = append(words, wording.Count(done.Links, "symbolic link"))
	}
	if done.Others > 0 {
		words = append(words, wording.Count(done.Others, "special file"))
	}
	return strings.Join(words, ", ")
}
