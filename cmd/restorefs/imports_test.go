package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/restorefs/restorefs/"

// mayImport is the import table of docs/architecture.md: who may depend on
// whom, directly or not. Only cmd/restorefs knows everybody.
var mayImport = map[string][]string{
	"cache":                        {},
	"cache/disk":                   {"cache/private"},
	"cache/private":                {},
	"fusefs":                       {"fusefs/contents", "fusefs/parttable"},
	"fusefs/contents":              {"fusefs/parttable"},
	"fusefs/overlay":               {"cache/private"},
	"fusefs/parttable":             {},
	"materialize":                  {"cache/private"},
	"materialize/cinderapi":        {},
	"materialize/device":           {},
	"backupstore/share":            {},
	"backupstore/share/cinderconf": {},
	"backupstore/share/nfsmount":   {"backupstore/share"},
	"backupstore/format":           {},
	"backupstore/seekable/stream":  {},
	"backupstore/seekable/inflate": {"backupstore/seekable/stream"},
	"backupstore/seekable/bunzip2": {"backupstore/seekable/stream"},
	"backupstore/seekable/unzstd":  {"backupstore/seekable/stream"},
	"backupstore/seekable/index":   {"backupstore/seekable/stream", "cache/private"},
	"backupstore/seekable": {
		"backupstore/seekable/stream", "backupstore/seekable/inflate", "backupstore/seekable/bunzip2", "backupstore/seekable/unzstd",
		"backupstore/seekable/index",
	},
	"backupstore/seekable/bench": { // a program that measures
		"backupstore/seekable", "backupstore/seekable/stream", "backupstore/seekable/inflate", "backupstore/seekable/bunzip2",
		"backupstore/seekable/unzstd", "backupstore/seekable/index",
	},
	"cmd/restorefs/bench": { // another
		"backupstore/seekable/inflate", "backupstore/seekable/stream", "backupstore/storetest",
	},
	"cmd/restorefs/needs64bit": {},
	"backupstore": {
		"backupstore/share", "backupstore/format", "backupstore/seekable", "backupstore/seekable/stream", "backupstore/seekable/inflate",
		"backupstore/seekable/bunzip2", "backupstore/seekable/unzstd", "backupstore/seekable/index",
	},
	"backupstore/storetest":                 {}, // for tests: a second opinion, never an echo
	"backupstore/storetest/leaktest":        {}, // for tests
	"backupstore/storetest/leaktest/need":   {}, // for tests
	"backupstore/storetest/leaktest/gotest": {"backupstore/storetest/leaktest/need"},
	"backupstore/storetest/leaktest/gofuzz": {},
}

func TestImportTable(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-f", `{{.ImportPath}} {{join .Imports " "}}`, module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	imports := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if name, ok := strings.CutPrefix(fields[0], module); ok {
			for _, f := range fields[1:] {
				if dep, ok := strings.CutPrefix(f, module); ok {
					imports[name] = append(imports[name], dep)
				}
			}
		}
	}
	for name, deps := range imports {
		if name == "cmd/restorefs" {
			continue
		}
		allowed, known := mayImport[name]
		if !known {
			t.Errorf("package %s is not in the table", name)
		}
		for _, dep := range deps {
			if !slices.Contains(allowed, dep) {
				t.Errorf("%s imports %s, which the table does not allow", name, dep)
			}
		}
	}
}
