package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// program is one build.
type program struct {
	path    string // of its main module
	version string
	made    time.Time
	digest  string // SHA-256, in hex
	build   []setting
	parts   []part // by path; the first is Go's library
}

type setting struct{ name, value string }

// part is a module of others, or Go's own library ("std").
type part struct {
	path, version string
	sum           string // as in go.sum; "" for Go's library
	licences      []licence
}

// licence is a file that says on which terms a part may be used, or that has to go with it.
type licence struct {
	name string // below the module
	id   string // SPDX; "" for what goes with a licence, such as NOTICE
	text string
}

// partsOf reads what a program says of itself, and finds the licences of its parts.
func partsOf(ctx context.Context, path, tags string) (program, error) {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return program{}, fmt.Errorf("read what %s was built of: %w", path, err)
	}
	digest, err := digestOf(path)
	if err != nil {
		return program{}, err
	}
	dirs, err := sourceDirs(ctx, info.Path, tags)
	if err != nil {
		return program{}, err
	}
	p := program{path: info.Main.Path, digest: digest}
	for _, s := range info.Settings {
		if s.Key == "CGO_ENABLED" || s.Key == "GOOS" || strings.HasPrefix(s.Key, "GOA") ||
			s.Key == "-tags" {
			p.build = append(p.build, setting{s.Key, s.Value})
		}
	}
	p.parts = append(p.parts, part{path: "std", version: strings.TrimPrefix(info.GoVersion, "go")})
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		p.parts = append(p.parts, part{path: m.Path, version: m.Version, sum: m.Sum})
	}
	for i := range p.parts {
		if err := p.parts[i].findLicences(dirs[p.parts[i].path]); err != nil {
			return program{}, err
		}
	}
	return p, nil
}

func digestOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// source is where the sources of a part are: its root, and its packages that are built in.
type source struct {
	root     string
	packages []string
}

// sourceDirs returns where the sources of a program's modules are, by their paths.
func sourceDirs(ctx context.Context, command, tags string) (map[string]source, error) {
	list := exec.CommandContext(ctx, goCommand(), "list", "-deps", "-tags", tags,
		"-json=Dir,Root,Standard,Module", command)
	var stderr bytes.Buffer
	list.Stderr = &stderr
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("list what %s imports: %w\n%s", command, err, stderr.Bytes())
	}
	dirs := map[string]source{}
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var pkg struct {
			Dir, Root string
			Standard  bool
			Module    *struct{ Path, Dir string }
		}
		if err := decoder.Decode(&pkg); errors.Is(err, io.EOF) {
			return dirs, nil
		} else if err != nil {
			return nil, fmt.Errorf("read what %s imports: %w", command, err)
		}
		switch {
		case pkg.Standard:
			dirs["std"] = source{root: pkg.Root}
		case pkg.Module != nil:
			s := dirs[pkg.Module.Path]
			s.root, s.packages = pkg.Module.Dir, append(s.packages, pkg.Dir)
			dirs[pkg.Module.Path] = s
		}
	}
}

// goCommand is the go command that the build uses, as the Makefile names it.
func goCommand() string {
	if name := os.Getenv("GO"); name != "" {
		return name
	}
	return "go"
}

// findLicences reads the licences of a part: those at its root, and those that lie beside its
// packages that are built in or above them.
func (p *part) findLicences(from source) error {
	if from.root == "" {
		return fmt.Errorf("where the source of %s is go list does not say: "+
			"is this the tree, and are these the tags, of the build?", p.path)
	}
	dirs := []string{from.root}
	for _, dir := range from.packages {
		for ; strings.HasPrefix(dir, from.root+"/"); dir = filepath.Dir(dir) {
			if !slices.Contains(dirs, dir) {
				dirs = append(dirs, dir)
			}
		}
	}
	slices.Sort(dirs)
	known := false
	for _, dir := range dirs {
		found, err := licencesIn(dir)
		if err != nil {
			return fmt.Errorf("licences of %s: %w", p.path, err)
		}
		for _, l := range found {
			below, err := filepath.Rel(from.root, filepath.Join(dir, l.name))
			if err != nil {
				return err
			}
			l.name = below
			known = known || l.id != ""
			p.licences = append(p.licences, l)
		}
	}
	if !known {
		return fmt.Errorf("%s %s has no licence that is known: nothing of it may be given away",
			p.path, p.version)
	}
	return nil
}
