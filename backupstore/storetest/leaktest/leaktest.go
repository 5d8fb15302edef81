// Package leaktest finds what tests leave behind: mounts, loop devices,
// processes, files, goroutines and open files. Only tests import it.
//
// The tests of a process get a directory of their own as TMPDIR. Whatever is
// mounted or attached below it, or below a directory elsewhere whose name
// begins with its name, and every process that has it in its environment,
// belongs to these tests; anything else on the machine does not.
package leaktest

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is how long to wait for what ends by itself soon after the tests.
const patience = 10 * time.Second

// Run runs the tests and then the functions in then, which end what the tests
// share. It returns the exit code: that of the tests, or 1 if something is left
// behind.
//
// A test may run the test binary again. That process checks nothing; what it
// leaves behind counts as left by the test.
func Run(m *testing.M, then ...func()) int {
	const prefix = "restorefs-test-"
	if strings.HasPrefix(filepath.Base(os.TempDir()), prefix) {
		defer end(then)
		return m.Run()
	}
	dir, err := os.MkdirTemp("", prefix)
	if err == nil {
		err = os.Chmod(dir, 0o755) // tests run programs as other users
	}
	if err == nil {
		err = os.Setenv("TMPDIR", dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "leaktest:", err)
		return 1
	}
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGHUP} {
		if signal.Ignored(s) {
			// As in the background of a script, and under nohup. The programs that tests start and
			// send it would ignore it as well, and a test would wait for ever.
			signal.Notify(make(chan os.Signal, 1), s)
		}
	}
	goroutines, files := runtime.NumGoroutine(), openFiles()
	code := m.Run()
	end(then)
	var left []string
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		left = below(dir)
		if !fuzzing() {
			left = append(left, own(goroutines, files)...)
		}
		if len(left) == 0 || time.Now().After(end) {
			break
		}
	}
	if len(left) == 0 {
		os.Remove(dir)
		return code
	}
	fmt.Fprintf(os.Stderr, "the tests left behind:\n%s\n", strings.Join(left, "\n"))
	return max(code, 1)
}

// fuzzing reports whether a fuzz target is being run. Package testing then
// listens for signals until the end.
func fuzzing() bool {
	f := flag.Lookup("test.fuzz")
	return f != nil && f.Value.String() != ""
}

func end(then []func()) {
	for _, f := range then {
		f()
	}
}

// below lists mounts, loop devices, processes and files that belong to dir.
func below(dir string) (left []string) {
	name := "/" + filepath.Base(dir)
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(mounts)) {
		// The kernel escapes blanks of names, but no other white space that Unicode has.
		if f := strings.Split(line, " "); len(f) > 4 && strings.Contains(f[4], name) {
			left = append(left, "mount "+f[4])
		}
	}
	loops, _ := filepath.Glob("/sys/block/loop*/loop/backing_file")
	for _, loop := range loops {
		if file, err := os.ReadFile(loop); err == nil && strings.Contains(string(file), name) {
			left = append(left, "loop device "+strings.Split(loop, "/")[3]+" of "+
				strings.TrimSpace(string(file)))
		}
	}
	environments, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range environments {
		env, err := os.ReadFile(path)
		pid := strings.Split(path, "/")[2]
		if err == nil && pid != fmt.Sprint(os.Getpid()) &&
			bytes.Contains(env, []byte("TMPDIR="+dir+"\x00")) {
			command, _ := os.ReadFile("/proc/" + pid + "/cmdline")
			left = append(left,
				"process "+pid+": "+strings.ReplaceAll(string(command), "\x00", " "))
		}
	}
	files, _ := os.ReadDir(dir)
	for _, f := range files {
		left = append(left, "file "+f.Name())
	}
	return left
}

// own lists goroutines and open files that this process did not have before the
// tests.
func own(goroutines int, files map[string]string) (left []string) {
	if n := runtime.NumGoroutine(); n > goroutines {
		stacks := make([]byte, 1<<20)
		left = append(left, fmt.Sprintf("%d goroutines, among\n%s", n-goroutines,
			stacks[:runtime.Stack(stacks, true)]))
	}
	for fd, what := range openFiles() {
		if files[fd] == "" && !strings.HasPrefix(what, "anon_inode:[event") { // the runtime's own
			left = append(left, "descriptor "+fd+" of "+what)
		}
	}
	return left
}

// openFiles returns the open descriptors and what they refer to.
func openFiles() map[string]string {
	open := map[string]string{}
	links, _ := filepath.Glob("/proc/self/fd/*")
	for _, link := range links {
		if what, err := os.Readlink(link); err == nil {
			open[filepath.Base(link)] = what
		}
	}
	return open
}
