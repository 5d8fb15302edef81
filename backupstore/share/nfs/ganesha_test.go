package nfs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
)

// ganesha is a real server, of version 4 on 127.0.0.1. For version 3 it would need a port mapper.
// Attr_Expiration_Time has it see at once what tests write behind its back.
type ganesha struct {
	t      *testing.T
	dir    string // of its own files
	export string
	port   int
	cmd    *exec.Cmd
}

const ganeshaConf = `
NFS_CORE_PARAM { Protocols = 4; Bind_addr = 127.0.0.1; NFS_Port = %d; Enable_NLM = false; Enable_RQUOTA = false;
                 Enable_UDP = false; }
NFSv4 { Graceless = %v; Grace_Period = 3; Lease_Lifetime = 3; RecoveryBackend = fs; RecoveryRoot = %s;
        Only_Numeric_Owners = true; }
EXPORT { Export_Id = 1; Path = %s; Pseudo = /export; Access_Type = RO; Squash = %s; SecType = sys; Protocols = 4;
         Attr_Expiration_Time = 0;         Transports = TCP; FSAL { Name = VFS; } }
LOG { Default_Log_Level = EVENT; }
`

// newGanesha starts a server of an empty export.
func newGanesha(t *testing.T, squash string, graceless bool) *ganesha {
	need.Root(t) // it opens files by their handles
	need.Program(t, "ganesha.nfsd")
	if found, _ := filepath.Glob("/usr/lib/*/ganesha/libfsalvfs.so"); len(found) == 0 {
		need.Missing(t, "needs the package nfs-ganesha-vfs")
	}
	g := &ganesha{t: t, dir: t.TempDir(), export: t.TempDir(), port: freePort(t)}
	for dir := g.export; dir != "/" && strings.HasPrefix(dir, os.TempDir()); dir = filepath.Dir(dir) {
		os.Chmod(dir, 0o755) // for those that root is squashed to
	}
	recovery := filepath.Join(g.dir, "recovery")
	conf := fmt.Sprintf(ganeshaConf, g.port, graceless, recovery, g.export, squash)
	if err := errors.Join(os.Mkdir(recovery, 0o700),
		os.WriteFile(filepath.Join(g.dir, "conf"), []byte(conf), 0o600)); err != nil {
		t.Fatal(err)
	}
	g.start()
	t.Cleanup(g.kill)
	return g
}

func freePort(t *testing.T) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func (g *ganesha) start() {
	g.t.Helper()
	log := filepath.Join(g.dir, "log")
	os.Remove(log)
	g.cmd = exec.Command("ganesha.nfsd", "-F", "-L", log, "-f", filepath.Join(g.dir, "conf"),
		"-p", filepath.Join(g.dir, "pid"))
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := g.cmd.Start(); err != nil {
		g.t.Fatal(err)
	}
	for range 300 {
		text, _ := os.ReadFile(log)
		if bytes.Contains(text, []byte("NFS SERVER INITIALIZED")) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	text, _ := os.ReadFile(log)
	g.t.Fatalf("ganesha does not start: %s", text)
}

func (g *ganesha) kill() {
	g.cmd.Process.Kill()
	g.cmd.Wait()
	os.Remove(filepath.Join(g.dir, "pid"))
}

func (g *ganesha) url(options string) string {
	return fmt.Sprintf("nfs://127.0.0.1:%d/export?%s", g.port, options)
}

func (g *ganesha) write(name string, data []byte, mode fs.FileMode) {
	g.t.Helper()
	path := filepath.Join(g.export, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, data, mode)); err != nil {
		g.t.Fatal(err)
	}
}

func TestARealServerIsReadAsItsDirectory(t *testing.T) {
	g := newGanesha(t, "No_Root_Squash", true)
	data := random(9<<20 + 777)
	g.write("a/b/object", data, 0o644)
	for i := range 300 {
		g.write(fmt.Sprintf("many/%s%d", strings.Repeat("n", 100), i), make([]byte, i), 0o644)
	}
	os.Symlink("/etc", filepath.Join(g.export, "out"))
	syscall.Mkfifo(filepath.Join(g.export, "fifo"), 0o644)
	dir, err := share.OpenDir(t.Context(), g.export, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	for _, version := range []string{"4.1", "4.0"} {
		s := mustOpen(t, g.url("version="+version), Options{})
		for _, name := range []string{".", "a", "a/b", "many"} {
			if got, want := listed(t, s, name), listed(t, dir, name); got != want {
				t.Errorf("NFS %s: %s holds\n%s\nnot\n%s", version, name, got, want)
			}
		}
		f := mustOpenFile(t, s, "a/b/object")
		got := make([]byte, len(data))
		if n, err := f.ReadAt(t.Context(), got, 0); err != nil || !bytes.Equal(got, data) {
			t.Errorf("NFS %s: %d bytes, %v", version, n, err)
		}
		before, err := f.Stamp(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		g.write("a/b/object", data[1:], 0o644)
		if after, err := f.Stamp(t.Context()); err != nil || after == before {
			t.Errorf("NFS %s: a file that was written has the same stamp %+v, %v", version, after, err)
		}
		g.write("a/b/object", data, 0o644)
		if _, err := s.Open(t.Context(), "fifo"); !errors.Is(err, share.ErrNotRegular) {
			t.Error(err)
		}
	}
}

// listed returns a directory in words.
func listed(t *testing.T, s share.Share, dir string) string {
	t.Helper()
	entries, err := s.ReadDir(t.Context(), dir, all)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, e := range entries {
		if !e.Mode.IsRegular() {
			e.Size = 0 // means nothing
		}
		lines = append(lines, fmt.Sprint(e.Name, e.Mode, e.Size, e.ModTime, e.Err))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func TestAServerThatTakesRootForNobodyIsAskedAsCinder(t *testing.T) {
	g := newGanesha(t, "Root_Squash", true)
	g.write("file", []byte("secret"), 0o600)
	const cinder = 64061
	os.Chown(filepath.Join(g.export, "file"), cinder, cinder)
	s := mustOpen(t, g.url(""), Options{})
	f, err := s.Open(t.Context(), "file")
	if err == nil {
		_, err = f.ReadAt(t.Context(), make([]byte, 6), 0)
		f.Close()
	}
	if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "root_squash") {
		t.Errorf("as root: %v", err)
	}
	s = mustOpen(t, g.url(fmt.Sprintf("uid=%d&gid=%d", cinder, cinder)), Options{})
	p := make([]byte, 6)
	if _, err := mustOpenFile(t, s, "file").ReadAt(t.Context(), p, 0); err != nil || string(p) != "secret" {
		t.Errorf("%q, %v", p, err)
	}
}

// The server is stopped, killed, away, and in its grace period when it is back.
func TestReadersOutliveTheirServer(t *testing.T) {
	g := newGanesha(t, "No_Root_Squash", false)
	data := random(4 << 20)
	g.write("a/object", data, 0o644)
	for _, version := range []string{"4.1", "4.0"} {
		t.Run(version, func(t *testing.T) {
			s := mustOpen(t, g.url("version="+version), Options{})
			ctx, cancel := context.WithCancel(t.Context())
			var reads atomic.Int64
			var wg sync.WaitGroup
			for i := range 4 {
				wg.Go(func() { readOn(ctx, t, s, data, i, &reads) })
			}
			more := func(after string) {
				t.Helper()
				for was, n := reads.Load(), 0; reads.Load() < was+8; n++ {
					if time.Sleep(20 * time.Millisecond); n > 1500 {
						t.Fatalf("no read succeeds after the server %s", after)
					}
				}
			}
			more("started")
			g.cmd.Process.Signal(syscall.SIGSTOP)
			time.Sleep(time.Second)
			g.cmd.Process.Signal(syscall.SIGCONT)
			more("stood still")
			g.kill()
			time.Sleep(500 * time.Millisecond)
			g.start()
			more("was killed and started again")
			cancel()
			wg.Wait()
		})
	}
}

// readOn reads until ctx ends. Each read must give the right bytes: the server is never away for as
// long as the policy allows.
func readOn(ctx context.Context, t *testing.T, s *Share, data []byte, i int, reads *atomic.Int64) {
	for n := i; ctx.Err() == nil; n++ {
		f, err := s.Open(ctx, "a/object")
		if err != nil {
			if ctx.Err() == nil {
				t.Error(err)
			}
			return
		}
		p := make([]byte, 100<<10)
		for off := n * 12345 % (len(data) / 2); off+len(p) < len(data) && ctx.Err() == nil; off += len(p) {
			_, err := f.ReadAt(ctx, p, int64(off))
			if ctx.Err() != nil {
				break
			}
			if err != nil || !bytes.Equal(p, data[off:off+len(p)]) {
				t.Errorf("at %d: %v", off, err)
			}
			reads.Add(1)
		}
		f.Close()
	}
}
