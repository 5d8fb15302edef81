package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/restorefs/restorefs/"

// mayImport is the import table of docs/architecture.md: which packages a package may depend on,
// directly or not. Only cmd/restorefs knows all.
var mayImport = map[string][]string{
	"cache":         {},
	"cache/disk":    {"cache/private", "cache/private/lock"},
	"cache/private": {},
	"cmd/attended": {
		"cmd/keys",
		"backupstore", "backupstore/share/locate", "cmd/cloud", "cmd/cmdline", "cmd/console", "cmd/exitcode",
		"cmd/places", "cmd/process", "cmd/report", "cmd/restore", "cmd/source", "cmd/wording",
		"fusefs/contents", "materialize", "materialize/cinderapi", "materialize/device",
	},
	"cmd/live": {
		"backupstore", "backupstore/share/locate", "cache", "cmd/cmdline", "cmd/console", "cmd/places", "cmd/process",
		"cmd/report", "cmd/source", "cmd/wording", "fusefs", "materialize", "materialize/live",
		"materialize/live/mapper",
	},
	"cmd/mount": {
		"cmd/keys",
		"backupstore", "backupstore/share/locate", "cmd/cmdline", "cmd/console", "cmd/exitcode",
		"cmd/metrics", "cmd/places", "cmd/process", "cmd/serve", "cmd/source", "cmd/wording", "fusefs",
	},
	"cmd/browse": {
		"cmd/keys", "fusefs/inside/luks",
		"backupstore", "backupstore/safetext", "backupstore/share/locate", "cmd/cmdline", "cmd/console",
		"cmd/exitcode", "cmd/filereport", "cmd/files", "cmd/places", "cmd/process", "cmd/source",
		"cmd/wording", "fusefs/inside",
	},
	"cmd/inspect": {
		"backupstore", "backupstore/share/locate", "cmd/cmdline", "cmd/console", "cmd/diskmap",
		"cmd/overlays", "cmd/places", "cmd/process", "cmd/proven", "cmd/report", "cmd/sharepage", "cmd/source",
		"fusefs/contents", "cmd/wording", "materialize",
	},
	"cmd/overlays": {
		"cmd/cmdline", "cmd/console", "cmd/places", "cmd/report", "cmd/wording", "fusefs/overlay",
	},
	"cmd/keys":     {"backupstore", "cmd/cmdline", "fusefs/inside/luks", "materialize/cinderapi"},
	"cmd/wording":  {"backupstore/safetext"},
	"cmd/cmdline":  {"cmd/wording"},
	"cmd/console":  {"backupstore/safetext", "cmd/cmdline", "cmd/wording"},
	"cmd/exitcode": {"backupstore", "cmd/cloud", "cmd/cmdline", "cmd/wording", "materialize", "materialize/device"},
	"cmd/demo":     {},
	"cmd/doctor": {
		"backupstore", "backupstore/share/cinderconf", "backupstore/share/locate", "cmd/cmdline",
		"cmd/console", "cmd/exitcode", "cmd/places", "cmd/process", "cmd/source", "cmd/wording",
		"fusefs/mountinfo", "materialize/cinderapi",
	},
	"cmd/completion": {
		"backupstore/safetext", "backupstore/scanned", "backupstore/share/locate", "cmd/cmdline",
	},
	"cmd/manual":      {"cmd/cmdline", "cmd/wording"},
	"cmd/metrics":     {"cmd/cmdline"},
	"cmd/mountstatus": {"cmd/serve", "cmd/wording", "fusefs"},
	"cmd/places":      {"backupstore", "backupstore/share/locate", "cache/private", "cmd/cmdline", "fusefs"},
	"cmd/process":     {"cache/disk", "cmd/cmdline", "cmd/console", "cmd/exitcode", "cmd/wording"},
	"cmd/source": {
		"fusefs/inside/luks",
		"backupstore", "backupstore/scanned", "backupstore/share/locate", "cmd/cmdline", "cmd/places", "cmd/proven", "cmd/report",
		"cmd/wording", "fusefs", "fusefs/contents",
	},
	"cache/private/lock": {},
	"cmd/records": {
		"backupstore", "backupstore/share/cinderconf", "cmd/cloud", "cmd/cmdline", "cmd/console", "cmd/exitcode",
		"cmd/source", "cmd/wording", "materialize/cinderapi",
	},
	"cmd/sharepage": {"backupstore", "cmd/proven", "cmd/report", "cmd/wording"},
	"cmd/diskmap":   {"backupstore", "cmd/wording", "fusefs/contents"},
	"cmd/proven":    {"backupstore", "cache/private", "cache/private/lock"},
	"cmd/report": {
		"fusefs/inside/luks",
		"backupstore", "backupstore/format", "cmd/proven", "cmd/wording", "fusefs/contents", "fusefs/overlay",
		"materialize", "materialize/cinderapi",
	},
	"cmd/cloud":           {"backupstore", "backupstore/safetext", "materialize", "materialize/cinderapi", "materialize/device"},
	"cmd/cloud/cloudtest": {},
	"cmd/serve":           {"fusefs/inside/luks", "backupstore", "backupstore/safetext", "cache", "cache/disk", "fusefs", "fusefs/overlay"},
	"cmd/filereport": {
		"fusefs/inside/luks",
		"backupstore", "backupstore/safetext", "cache", "cache/private", "cache/private/lock", "cmd/files", "cmd/wording",
		"fusefs/contents", "fusefs/inside", "fusefs/inside/btrfs", "fusefs/inside/ext4", "fusefs/inside/lvm", "fusefs/inside/ntfs", "fusefs/inside/vfat", "fusefs/inside/xfs",
		"fusefs/overlay", "fusefs/parttable",
	},
	"cmd/files": {
		"fusefs/inside/luks",
		"backupstore", "cache", "cache/private", "cache/private/lock", "fusefs/contents", "fusefs/inside", "fusefs/inside/btrfs", "fusefs/inside/ext4", "fusefs/inside/lvm", "fusefs/inside/ntfs", "fusefs/inside/vfat", "fusefs/inside/xfs", "fusefs/overlay",
		"fusefs/parttable",
	},
	"cmd/restore": {
		"fusefs/inside/luks",
		"backupstore", "backupstore/safetext", "cache", "cache/private", "fusefs", "fusefs/overlay", "materialize",
	},
	"fusefs":                       {"cache/private/lock", "fusefs/contents", "fusefs/inside", "fusefs/mountinfo", "fusefs/parttable"},
	"fusefs/contents":              {"fusefs/parttable"},
	"fusefs/inside":                {"fusefs/contents", "fusefs/inside/btrfs", "fusefs/inside/ext4", "fusefs/inside/lvm", "fusefs/inside/ntfs", "fusefs/inside/vfat", "fusefs/inside/xfs", "fusefs/parttable"},
	"fusefs/inside/btrfs":          {},
	"fusefs/inside/reading":        {},
	"fusefs/inside/ext4":           {"fusefs/inside/reading"},
	"fusefs/inside/luks":           {},
	"fusefs/inside/lvm":            {},
	"fusefs/inside/ntfs":           {"fusefs/inside/reading"},
	"fusefs/inside/vfat":           {"fusefs/inside/reading"},
	"fusefs/inside/xfs":            {"fusefs/inside/reading"},
	"fusefs/mountinfo":             {},
	"fusefs/overlay":               {"cache/private", "cache/private/lock", "fusefs/overlay/claim", "fusefs/overlay/pagefile"},
	"fusefs/overlay/claim":         {},
	"fusefs/overlay/pagefile":      {},
	"fusefs/parttable":             {},
	"materialize":                  {"cache/private", "cache/private/lock", "fusefs/mountinfo"},
	"materialize/cinderapi":        {},
	"materialize/live":             {"cache/private", "cache/private/lock", "fusefs/overlay/claim", "fusefs/overlay/pagefile"},
	"materialize/live/mapper":      {},
	"materialize/device":           {},
	"backupstore/share":            {},
	"backupstore/share/cinderconf": {},
	"backupstore/share/nfsmount":   {"backupstore/share", "cache/private/lock", "fusefs/mountinfo"},
	"backupstore/share/nfs/xdr":    {},
	"backupstore/share/nfs/rpc":    {"backupstore/share", "backupstore/share/nfs/xdr"},
	"backupstore/share/nfs/proto":  {"backupstore/share"},
	"backupstore/share/nfs/v3": {
		"backupstore/share", "backupstore/share/nfs/proto", "backupstore/share/nfs/rpc", "backupstore/share/nfs/xdr",
	},
	"backupstore/share/nfs/v4": {
		"backupstore/share", "backupstore/share/nfs/proto", "backupstore/share/nfs/rpc", "backupstore/share/nfs/xdr",
	},
	"backupstore/share/nfs": {
		"backupstore/share", "backupstore/share/nfs/proto", "backupstore/share/nfs/rpc", "backupstore/share/nfs/v3",
		"backupstore/share/nfs/v4", "backupstore/share/nfs/xdr",
	},
	"backupstore/share/objects": {"backupstore/share"},
	"backupstore/share/several": {"backupstore/share"},
	"backupstore/share/s3":      {"backupstore/share", "backupstore/share/objects"},
	"backupstore/share/swift":   {"backupstore/share", "backupstore/share/objects"},
	"backupstore/share/locate": {
		"backupstore/share/several",
		"backupstore/share/objects", "backupstore/share/s3", "backupstore/share/swift",
		"backupstore/share", "backupstore/share/cinderconf", "backupstore/share/nfs", "backupstore/share/nfsmount",
		"backupstore/share/nfs/proto", "backupstore/share/nfs/rpc", "backupstore/share/nfs/v3",
		"backupstore/share/nfs/v4", "backupstore/share/nfs/xdr",
	},
	"backupstore/format":           {},
	"backupstore/safetext":         {},
	"backupstore/sums":             {},
	"backupstore/seekable/stream":  {},
	"backupstore/seekable/inflate": {"backupstore/seekable/stream"},
	"backupstore/seekable/bunzip2": {"backupstore/seekable/stream"},
	"backupstore/seekable/unzstd":  {"backupstore/seekable/stream"},
	"backupstore/seekable/index":   {"backupstore/seekable/stream", "cache/private", "cache/private/lock"},
	"backupstore/seekable": {
		"backupstore/seekable/stream", "backupstore/seekable/inflate", "backupstore/seekable/bunzip2", "backupstore/seekable/unzstd",
		"backupstore/seekable/index",
	},
	"backupstore/seekable/bench": { // a benchmark program
		"backupstore/seekable", "backupstore/seekable/stream", "backupstore/seekable/inflate", "backupstore/seekable/bunzip2",
		"backupstore/seekable/unzstd", "backupstore/seekable/index",
	},
	"cmd/restorefs/bench": { // another one
		"backupstore/seekable/inflate", "backupstore/seekable/stream", "backupstore/storetest",
	},
	"cmd/restorefs/needs64bit": {},
	"backupstore/scanned":      {"backupstore/format", "backupstore/share", "cache/private"},
	"backupstore": {
		"backupstore/share", "backupstore/share/several", "backupstore/format", "backupstore/safetext", "backupstore/scanned", "backupstore/sums", "backupstore/seekable", "backupstore/seekable/stream",
		"backupstore/seekable/inflate",
		"backupstore/seekable/bunzip2", "backupstore/seekable/unzstd", "backupstore/seekable/index",
	},
	"backupstore/storetest":                 {}, // for tests: a second opinion, never an echo
	"backupstore/storetest/ganesha":         {"backupstore/storetest/leaktest/need"},
	"backupstore/storetest/fakes3":          {},
	"backupstore/storetest/guest":           {"backupstore/storetest/leaktest/need"},
	"backupstore/storetest/leaktest":        {}, // for tests
	"backupstore/storetest/leaktest/need":   {}, // for tests
	"backupstore/storetest/leaktest/gotest": {"backupstore/storetest/leaktest/need"},
	"backupstore/storetest/leaktest/gofuzz": {},
	"packaging":                             {}, // tests of the packages, nothing else
	"packaging/materials":                   {}, // a program of make packages
}

// testsMayImport is what the tests of a package may import besides what the package may, and
// besides storetest and the packages below it, which all tests may.
var testsMayImport = map[string][]string{
	"cache/disk":    {"cache"},
	"cmd/serve":     {"backupstore/share", "backupstore/share/locate", "materialize"},
	"cmd/cloud":     {"cmd/cloud/cloudtest", "backupstore/share", "backupstore/share/cinderconf"},
	"cmd/restore":   {"backupstore/share"},
	"cmd/keys":      {"backupstore/share"},
	"cmd/records":   {"backupstore/share"},
	"cmd/files":     {"backupstore/share"},
	"cmd/places":    {"backupstore/share"},
	"cmd/sharepage": {"backupstore/format"},
	"cmd/diskmap":   {"backupstore/format", "backupstore/share", "fusefs/parttable"},
}

func TestImportTable(t *testing.T) {
	unwatched(t)
	format := `{{.ImportPath}} {{join .Imports " "}} {{if not .DepOnly}}tests {{join .TestImports " "}} {{join .XTestImports " "}}{{end}}`
	out, err := exec.Command("go", "list", "-deps", "-f", format, module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		name, ok := strings.CutPrefix(fields[0], module)
		if !ok || name == "cmd/restorefs" {
			continue
		}
		allowed, known := mayImport[name]
		if !known {
			t.Errorf("package %s is not in the table", name)
		}
		who := name
		for _, f := range fields[1:] {
			if f == "tests" {
				who = "the tests of " + name
				allowed = slices.Concat(allowed, testsMayImport[name], []string{
					name, "backupstore/storetest", "backupstore/storetest/fakes3", "backupstore/storetest/ganesha", "backupstore/storetest/guest", "backupstore/storetest/leaktest",
					"backupstore/storetest/leaktest/need",
				})
			}
			if dep, ok := strings.CutPrefix(f, module); ok && !slices.Contains(allowed, dep) {
				t.Errorf("%s: imports %s, which the table does not allow", who, dep)
			}
		}
	}
}
