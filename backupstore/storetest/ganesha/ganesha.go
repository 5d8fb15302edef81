// Package ganesha starts nfs-ganesha, a real NFS server, for tests. Only tests import it.
package ganesha

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
)

// Options say how a server is started.
type Options struct {
	// RootSquash has it take root for nobody.
	RootSquash bool
	// Grace has it refuse reads for some seconds after each start, as servers do for clients that
	// have files locked.
	Grace bool
}

// Server is a server of version 4 on 127.0.0.1 with one export. For version 3 it would need a port
// mapper.
type Server struct {
	// Export is the directory that it exports, as /export.
	Export string

	t    testing.TB
	dir  string // of its own files
	port int
	cmd  *exec.Cmd
}

// Attr_Expiration_Time has it see at once what tests write behind its back.
const conf = `
NFS_CORE_PARAM { Protocols = 4; Bind_addr = 127.0.0.1; NFS_Port = %d; Enable_NLM = false;
                 Enable_RQUOTA = false; Enable_UDP = false; }
NFSv4 { Graceless = %v; Grace_Period = 3; Lease_Lifetime = 3; RecoveryBackend = fs;
        RecoveryRoot = %s; Only_Numeric_Owners = true; }
EXPORT { Export_Id = 1; Path = %s; Pseudo = /export; Access_Type = RO; Squash = %s; SecType = sys;
         Protocols = 4; Transports = TCP; Attr_Expiration_Time = 0; FSAL { Name = VFS; } }
LOG { Default_Log_Level = EVENT; }
`

// New starts a server of an empty export, which ends with the test. It skips the test where there
// is no such server.
func New(t testing.TB, o Options) *Server {
	t.Helper()
	need.Root(t) // it opens files by their handles
	need.Program(t, "ganesha.nfsd")
	if found, _ := filepath.Glob("/usr/lib/*/ganesha/libfsalvfs.so"); len(found) == 0 {
		need.Missing(t, "needs the package nfs-ganesha-vfs")
	}
	s := &Server{t: t, dir: t.TempDir(), Export: t.TempDir(), port: freePort(t)}
	for dir := s.Export; strings.HasPrefix(dir, os.TempDir()+"/"); dir = filepath.Dir(dir) {
		os.Chmod(dir, 0o755) // for those that root is squashed to
	}
	squash := "No_Root_Squash"
	if o.RootSquash {
		squash = "Root_Squash"
	}
	recovery := filepath.Join(s.dir, "recovery")
	text := fmt.Sprintf(conf, s.port, !o.Grace, recovery, s.Export, squash)
	err := errors.Join(os.Mkdir(recovery, 0o700), os.WriteFile(filepath.Join(s.dir, "conf"),
		[]byte(text), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(s.Kill)
	return s
}

func freePort(t testing.TB) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// Start starts the server again after Kill.
func (s *Server) Start() {
	s.t.Helper()
	log := filepath.Join(s.dir, "log")
	os.Remove(log)
	s.cmd = exec.Command("ganesha.nfsd", "-F", "-L", log, "-f", filepath.Join(s.dir, "conf"),
		"-p", filepath.Join(s.dir, "pid"))
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	for range 600 {
		text, _ := os.ReadFile(log)
		if bytes.Contains(text, []byte("NFS SERVER INITIALIZED")) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	text, _ := os.ReadFile(log)
	s.t.Fatalf("ganesha does not start: %s", text)
}

// Kill kills the server.
func (s *Server) Kill() {
	s.cmd.Process.Kill()
	s.cmd.Wait()
	os.Remove(filepath.Join(s.dir, "pid"))
}

// Signal sends the server a signal, such as SIGSTOP.
func (s *Server) Signal(sig os.Signal) {
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Error(err)
	}
}

// Port is the port that it listens at.
func (s *Server) Port() int { return s.port }

// URL is the export as restorefs's own client reads it, with options such as "version=4.1".
func (s *Server) URL(options string) string {
	return fmt.Sprintf("nfs://127.0.0.1:%d/export?%s", s.port, options)
}

// Write writes a file into the export, and its directories.
func (s *Server) Write(name string, data []byte, mode fs.FileMode) {
	s.t.Helper()
	path := filepath.Join(s.Export, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755),
		os.WriteFile(path, data, mode)); err != nil {
		s.t.Fatal(err)
	}
}
