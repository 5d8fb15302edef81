package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/materialize"
)

func materializeCommand() *cli.Command {
	return &cli.Command{
		Name:      "materialize",
		Aliases:   []string{"restore"},
		Usage:     "copy a backup onto a volume: a block device or a file",
		ArgsUsage: "BACKUP TARGET",
		Description: backupHelp + `

TARGET is a block device, or a file, which is created sparse when it does not
exist. A device in use is refused, always; one that is not blank unless --force.
A larger target keeps its size. An interrupted run is continued by the same
command. What is written has been checked against the backup's digests.`,
		Flags: []cli.Flag{
			shareFlag(), jsonFlag(), memoryFlag(), cacheDirFlag(),
			&cli.BoolFlag{Name: "force", Usage: "overwrite what TARGET holds (never one that is in use, or too small)", DisableDefaultText: true},
			&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "do not ask", DisableDefaultText: true},
			&cli.IntFlag{Name: "jobs", Aliases: []string{"j"}, Usage: "read `N` objects in parallel (0: one for each processor)"},
			&cli.StringFlag{Name: "metadata-out", Usage: "write the volume's metadata to `FILE` (for a file: TARGET.metadata.json unless given)"},
		},
		Action: runMaterialize,
	}
}

// materialized is materialize's JSON; its fields are a contract.
type materialized struct {
	Backup       string  `json:"backup"`
	Target       string  `json:"target"`
	Size         int64   `json:"size"`
	BytesWritten int64   `json:"bytes_written"`
	BytesZeroed  int64   `json:"bytes_zeroed"`
	BytesSkipped int64   `json:"bytes_skipped"`
	Verified     bool    `json:"verified"`
	Seconds      float64 `json:"seconds"`
	Metadata     string  `json:"metadata"` // the file it was written to, "" for none
}

func runMaterialize(c *cli.Context) error {
	if err := wantArgs(c, "BACKUP", "TARGET"); err != nil {
		return err
	}
	memory, err := parseSize(c.String("memory"))
	if err != nil {
		return err
	}
	catalog, err := openCatalog(c, memory/2)
	if err != nil {
		return err
	}
	defer catalog.Close()
	b, err := oneBackup(c, catalog)
	if err != nil {
		return err
	}
	if b.State != backupstore.Complete {
		return fmt.Errorf("backup %s is %s: %s: %w", b.ID, b.State, strings.Join(b.Problems, "; "), backupstore.ErrDamaged)
	}
	volume, err := catalog.Open(c.Context, b)
	if err != nil {
		return err
	}
	name := c.Args().Get(1)
	if err := outsideShare(name, c.String("share")); err != nil {
		return err
	}
	target, err := materialize.Open(c.Context, name, materialize.OpenOptions{Size: volume.Size(), Force: c.Bool("force")})
	if err != nil {
		return err
	}
	defer target.Close()
	if err := confirm(c, b, target); err != nil {
		return err
	}
	progress := &materialize.Progress{}
	stop := showProgress(c.App.ErrWriter, progress)
	result, err := materialize.Run(c.Context, volume, target, materialize.Options{
		Jobs: c.Int("jobs"), MemoryBytes: memory / 2, Progress: progress, Logger: newLogger(c),
	})
	stop()
	if err != nil {
		if errors.Is(err, context.Canceled) {
			return fmt.Errorf("%w\nThe same command continues where this one stopped", err)
		}
		return err
	}
	out := materialized{
		Backup: b.ID, Target: target.Path(), Size: result.Size, BytesWritten: result.BytesWritten, BytesZeroed: result.BytesZeroed,
		BytesSkipped: result.BytesSkipped, Verified: true, Seconds: result.Duration.Seconds(),
	}
	if out.Metadata, err = writeRecord(c, b, target); err != nil {
		return fmt.Errorf("the data is restored and safe, the metadata is not written: %w", err)
	}
	if c.Bool("json") {
		return writeJSON(c.App.Writer, out)
	}
	fmt.Fprintf(c.App.Writer, "restored backup %s to %s\n  %s in %.1f s: %s written, %s zero, %s already right; every block verified\n",
		b.ID, target, formatSize(out.Size), out.Seconds, formatSize(out.BytesWritten), formatSize(out.BytesZeroed), formatSize(out.BytesSkipped))
	if out.Metadata != "" {
		fmt.Fprintf(c.App.Writer, "  the volume's name, metadata and more are in %s\n", out.Metadata)
	}
	return nil
}

// outsideShare refuses a target on the share: nothing is ever written there.
func outsideShare(target, share string) error {
	dir, err := filepath.EvalSymlinks(filepath.Dir(target))
	if err != nil {
		return nil // materialize.Open says what is wrong with it
	}
	root, err := filepath.EvalSymlinks(share)
	if err != nil {
		return err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	if root, err = filepath.Abs(root); err != nil {
		return err
	}
	if rel, err := filepath.Rel(root, dir); err == nil && rel != ".." && !strings.HasPrefix(rel, "../") {
		return usagef("%s is on the share %s, to which nothing is ever written: choose another target", target, share)
	}
	return nil
}

// confirm shows what is about to happen and, on a terminal, asks.
func confirm(c *cli.Context, b *backupstore.Backup, t *materialize.Target) error {
	w := c.App.ErrWriter
	fmt.Fprintf(w, "backup  %s%s of %s\n", b.ID, quoted(b.VolumeName()), b.CreatedAt.Format("2006-01-02 15:04:05 MST"))
	fmt.Fprintf(w, "target  %s, %s\n", t, targetWords(t, b.Size))
	for _, n := range t.Notes() {
		fmt.Fprintf(w, "note    %s\n", printable(n))
	}
	for _, r := range t.Overridden() {
		fmt.Fprintf(w, "force   %s\n", printable(r.Text))
	}
	if c.Bool("yes") || t.Kind() == materialize.KindFile && len(t.Overridden()) == 0 || !term.IsTerminal(int(os.Stdin.Fd())) {
		return nil
	}
	fmt.Fprintf(w, "Write to it? [y/N] ")
	answer := make(chan string, 1)
	go func() { // a read of a terminal cannot be interrupted
		line, _ := bufio.NewReader(os.Stdin).ReadString('\n')
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case a := <-answer:
		if a == "y" || a == "yes" {
			return nil
		}
		return errors.New("not confirmed, nothing was written")
	case <-c.Context.Done():
		return fmt.Errorf("nothing was written: %w", c.Context.Err())
	}
}

func targetWords(t *materialize.Target, size int64) string {
	switch {
	case t.Kind() == materialize.KindDevice:
		return fmt.Sprintf("block device of %s", formatSize(t.Size()))
	case t.Size() == 0:
		return fmt.Sprintf("file, will have %s", formatSize(size))
	}
	return fmt.Sprintf("existing file of %s", formatSize(t.Size()))
}

// writeRecord leaves the volume's metadata beside a file target, or where
// --metadata-out says.
func writeRecord(c *cli.Context, b *backupstore.Backup, t *materialize.Target) (string, error) {
	path := c.String("metadata-out")
	if path == "" {
		if t.Kind() != materialize.KindFile {
			return "", nil
		}
		path = t.Path() + ".metadata.json"
	}
	var buf bytes.Buffer
	if err := writeJSON(&buf, b.Record()); err != nil {
		return "", err
	}
	return path, replaceFile(path, buf.Bytes())
}

// replaceFile writes a file so that it is there whole or not at all.
func replaceFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
