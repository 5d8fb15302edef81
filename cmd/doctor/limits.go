package doctor

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/cmd/wording"
)

// openFiles is what restorefs may have open at once, by far: objects, sockets, indexes.
const openFiles = 1024

// limits says which limits of this process would be in the way.
func limits(m Machine) []Finding {
	return []Finding{limitOfFiles(m), limitOfSizes(m), lockedMemory(m)}
}

func limitOfFiles(m Machine) Finding {
	const check = "open-files"
	n, err := m.Limit(unix.RLIMIT_NOFILE)
	switch {
	case err != nil:
		return ok(check, "their limit is not known: %v", err)
	case n < openFiles:
		return problem(check, fmt.Sprintf("ulimit -n %d (in a unit: LimitNOFILE=%d)", openFiles,
			openFiles), "%d may be open at once, and restorefs opens several hundred", n)
	}
	return ok(check, "%s may be open at once", limitText(n, strconv.FormatUint(n, 10)))
}

func limitOfSizes(m Machine) Finding {
	const check = "file-size"
	n, err := m.Limit(unix.RLIMIT_FSIZE)
	switch {
	case err != nil || n == Unlimited:
		return ok(check, "not limited")
	}
	return problem(check, "ulimit -f unlimited (in a unit: LimitFSIZE=infinity)",
		"no file may be larger than %s, so no disk can be restored to one that is",
		wording.Size(int64(min(n, 1<<62))))
}

func lockedMemory(m Machine) Finding {
	const check = "locked-memory"
	n, err := m.Limit(unix.RLIMIT_MEMLOCK)
	if err != nil {
		return ok(check, "its limit is not known: %v; restorefs locks none", err)
	}
	return ok(check, "%s, of which restorefs needs none",
		limitText(n, wording.Size(int64(min(n, 1<<62)))))
}

func limitText(n uint64, text string) string {
	if n == Unlimited {
		return "any number"
	}
	return text
}

// memory says whether so much memory is there.
func memory(m Machine, wanted int64) Finding {
	const check = "memory"
	next := "give less, 64MiB is the least: --memory 64MiB"
	has := available(m)
	if group := groupLimit(m); group > 0 && (has == 0 || group < has) {
		has = group
	}
	switch {
	case has == 0:
		return ok(check, "%s are to be used; how much there is, is not known", wording.Size(wanted))
	case has < wanted:
		return problem(check, next, "%s are to be used (--memory), and %s are there",
			wording.Size(wanted), wording.Size(has))
	case has < 2*wanted:
		return note(check, next, "%s are to be used (--memory), of %s that are there",
			wording.Size(wanted), wording.Size(has))
	}
	return ok(check, "%s are to be used (--memory), of %s that are there", wording.Size(wanted),
		wording.Size(has))
}

// available returns the memory that can be had without swapping, in bytes; 0 if it is not known.
func available(m Machine) int64 {
	for line := range strings.Lines(m.read("/proc/meminfo")) {
		if text, is := strings.CutPrefix(line, "MemAvailable:"); is {
			kib, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(
				strings.TrimSpace(text), "kB")), 10, 64)
			return max(0, min(kib, 1<<50)) << 10
		}
	}
	return 0
}

// groupLimit returns how much memory the process's control group may have, in bytes; 0 for any.
func groupLimit(m Machine) int64 {
	for line := range strings.Lines(m.read("/proc/self/cgroup")) {
		group, is := strings.CutPrefix(strings.TrimSpace(line), "0::")
		if !is {
			continue
		}
		text := strings.TrimSpace(m.read("/sys/fs/cgroup", group, "memory.max"))
		bytes, err := strconv.ParseInt(text, 10, 64)
		if err == nil && bytes > 0 { // else it is max
			return bytes
		}
	}
	return 0
}
