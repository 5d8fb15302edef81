package demo

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// Demo is one demonstration.
type Demo struct {
	Out     io.Writer
	Program string // restorefs, which is run as a reader would
	Dir     string // exists; everything happens below it, and the caller removes it
	Sample  fs.FS  // a share with two backups of one volume, a full one and Backup
	Backup  string // an incremental backup of a disk that has a file system
	File    string // in the root of that file system: the text that is shown
}

// demonstration is one run of the demo.
type demonstration struct {
	Demo
	ctx context.Context
}

// Run runs the demonstration. What is mounted is unmounted when it returns, also when ctx ends.
func (d Demo) Run(ctx context.Context) error {
	run := &demonstration{Demo: d, ctx: ctx}
	return run.run()
}

func (d *demonstration) run() error {
	share, disk := filepath.Join(d.Dir, "share"), filepath.Join(d.Dir, "disk.raw")
	if err := os.CopyFS(share, d.Sample); err != nil {
		return err
	}
	d.say("This is a share with two backups of one volume, made by OpenStack Cinder:\n" +
		"a full one, and an incremental one on top of it.")
	if err := d.command("list", "--share", share); err != nil {
		return err
	}

	mounted := ""
	err := d.withMount(share, func(volume string) error {
		d.say("Mounted: the incremental backup and its parent appear as one disk. Nothing was\n" +
			"unpacked; each block is decompressed and checked when it is read.")
		if err := d.showFile(volume); err != nil {
			return err
		}
		var err error
		mounted, err = hashFile(d.ctx, volume)
		return err
	})
	if errors.Is(err, errNoMount) {
		d.say("A mount is not possible here (%v), so the demo goes on without.", err)
	} else if err != nil {
		return err
	}

	d.say("Now the same backup copied onto a new disk:")
	if err := d.command("materialize", "--share", share, d.Backup, disk); err != nil {
		return err
	}
	if err := d.showFile(disk); err != nil {
		return err
	}
	copied, err := hashFile(d.ctx, disk)
	if err != nil {
		return err
	}
	if mounted != "" && mounted != copied {
		return fmt.Errorf("the mounted disk and the copied one differ: SHA-256 %s and %s", mounted,
			copied)
	}
	if mounted != "" {
		d.say("The mounted disk and the copy are equal, bit for bit: SHA-256\n%s", copied)
	}
	d.say("Done. Everything was in %s and is gone again.", d.Dir)
	return nil
}

func (d *demonstration) say(format string, args ...any) {
	fmt.Fprintf(d.Out, "\n"+format+"\n", args...)
}

// command runs this program as a reader of the demo would, and prints the command.
func (d *demonstration) command(args ...string) error {
	fmt.Fprintf(d.Out, "\n  $ restorefs %s\n", strings.Join(args, " "))
	cmd := exec.CommandContext(d.ctx, d.Program, args...)
	cmd.Env = d.env()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	err := cmd.Run()
	for line := range strings.Lines(out.String()) {
		fmt.Fprint(d.Out, "  "+line)
	}
	return err
}

// env also keeps the indexes below the demo's directory.
func (d *demonstration) env() []string {
	return append(os.Environ(), "RESTOREFS_CACHE_DIR="+filepath.Join(d.Dir, "cache"))
}

var errNoMount = errors.New("no FUSE mount")

// withMount serves the share from another process while use runs: a process must not read a mount
// that it serves itself.
func (d *demonstration) withMount(share string, use func(volume string) error) error {
	mountpoint := filepath.Join(d.Dir, "mnt")
	if err := os.Mkdir(mountpoint, 0o700); err != nil {
		return err
	}
	args := []string{"mount", "--share", share, mountpoint}
	server := exec.CommandContext(d.ctx, d.Program, args...)
	server.Env = d.env()
	server.Cancel = func() error { return server.Process.Signal(syscall.SIGTERM) }
	stderr, err := server.StderrPipe()
	if err != nil {
		return err
	}
	if err := server.Start(); err != nil {
		return err
	}
	// The first line says that the share is mounted, or why not.
	line, _ := bufio.NewReader(stderr).ReadString('\n')
	if !strings.HasPrefix(line, "mounted on") {
		server.Wait()
		if d.ctx.Err() != nil {
			return d.ctx.Err()
		}
		return fmt.Errorf("%w: %s", errNoMount, strings.TrimSpace(line))
	}
	fmt.Fprintf(d.Out, "\n  $ restorefs %s\n  %s", strings.Join(args, " "), line)
	err = use(filepath.Join(mountpoint, "backups", d.Backup, "volume.raw"))
	server.Process.Signal(syscall.SIGTERM)
	if waitErr := server.Wait(); err == nil {
		err = waitErr
	}
	return err
}

// showFile prints the sample's text file from the file system on a disk.
func (d *demonstration) showFile(disk string) error {
	var commands [][]string
	at := filepath.Join(d.Dir, "fs")
	if os.Geteuid() == 0 {
		commands = append(commands, []string{"mount", "-o", "ro,loop,noload", disk, at})
	}
	commands = append(commands, []string{"debugfs", "-R", "cat " + d.File, disk})
	for _, args := range commands {
		var text []byte
		var err error
		if args[0] == "mount" {
			text, err = d.mountAndRead(args, at)
		} else {
			text, err = exec.CommandContext(d.ctx, args[0], args[1:]...).Output()
		}
		if d.ctx.Err() != nil {
			return d.ctx.Err()
		}
		if err != nil || len(text) == 0 {
			continue
		}
		fmt.Fprintf(d.Out, "\n  $ %s\n", strings.Join(args, " "))
		if args[0] == "mount" {
			fmt.Fprintf(d.Out, "  $ cat %s\n", filepath.Join(at, d.File))
		}
		for line := range strings.Lines(string(text)) {
			fmt.Fprint(d.Out, "  "+line)
		}
		return nil
	}
	d.say("(The file system on it is not looked into: " +
		"that takes root and a loop device, or debugfs.)")
	return nil
}

func (d *demonstration) mountAndRead(args []string, at string) (text []byte, err error) {
	if err := os.MkdirAll(at, 0o700); err != nil {
		return nil, err
	}
	if err := exec.CommandContext(d.ctx, args[0], args[1:]...).Run(); err != nil {
		return nil, err
	}
	text, err = os.ReadFile(filepath.Join(at, d.File))
	// Not with d.ctx: it must be unmounted after Ctrl-C too.
	if e := exec.Command("umount", at).Run(); err == nil && e != nil {
		err = fmt.Errorf("umount %s: %w", at, e)
	}
	return text, err
}

func hashFile(ctx context.Context, path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	buf := make([]byte, 1<<20)
	for {
		n, err := f.Read(buf)
		h.Write(buf[:n])
		if err == io.EOF {
			return fmt.Sprintf("%x", h.Sum(nil)), nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return "", err
		}
	}
}
