package main

import (
	"bytes"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/cmd/cloud/cloudtest"
)

const cloudServer = cloudtest.ServerID

// creatingServer is a fake cloud in which restorefs is run.
type creatingServer struct{ *cloudtest.Cloud }

func newCreatingServer(t *testing.T) *creatingServer {
	t.Helper()
	s := &creatingServer{cloudtest.NewCloud(t.TempDir())}
	t.Cleanup(s.Close)
	return s
}

// flags returns those of a run that finds the volume in dir.
func (s *creatingServer) flags(share, id string, more ...string) []string {
	return append([]string{"materialize", "--share", share, "--device-path", s.Dir + "/volume-{id}",
		"--yes", id}, more...)
}

// start starts restorefs in that cloud.
func (s *creatingServer) start(t *testing.T, args ...string) *running {
	t.Helper()
	r := &running{cmd: program(t, args...)}
	r.cmd.Dir = t.TempDir()
	for _, pair := range r.cmd.Env {
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "OS_") {
			r.cmd.Env = append(r.cmd.Env, name+"=")
		}
	}
	r.cmd.Env = append(r.cmd.Env, s.Env()...)
	r.cmd.Stdout, r.cmd.Stderr = &r.stdout, &r.stderr
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return r
}

type running struct {
	cmd            *exec.Cmd
	stdout, stderr bytes.Buffer
}

func (r *running) wait(t *testing.T) (stdout, stderr string, code int) {
	t.Helper()
	var exit *exec.ExitError
	if err := r.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return r.stdout.String(), r.stderr.String(), r.cmd.ProcessState.ExitCode()
}

// run is start and wait.
func (s *creatingServer) run(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	return s.start(t, args...).wait(t)
}
