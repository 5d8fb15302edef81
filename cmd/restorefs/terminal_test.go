package main

import (
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestAMountInTheForegroundEndsWithItsTerminal(t *testing.T) {
	needMount(t)
	share, _ := smallShare(t)
	master, tty := terminal(t, 80)
	mountpoint := t.TempDir()
	server := program(t, "mount", "--share", share, mountpoint)
	server.Stdin, server.Stdout, server.Stderr = tty, tty, tty
	server.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Process.Kill() })
	tty.Close()
	first := make([]byte, 4096)
	n, err := master.Read(first)
	if err != nil || !strings.HasPrefix(string(first[:n]), "mounted on") {
		t.Fatalf("%v: %s", err, first[:n])
	}
	// While the terminal exists, SIGHUP only has the share looked at.
	if err := server.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	time.Sleep(200 * time.Millisecond) // time to end, if it did
	if _, is := mountAt(t, mountpoint); !is {
		t.Error("SIGHUP took the mount down though its terminal is there")
	}
	master.Close()
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("it ended with %v", err)
		}
	case <-time.After(30 * time.Second):
		server.Process.Signal(syscall.SIGTERM)
		t.Fatal("it stays without its terminal")
	}
	if _, is := mountAt(t, mountpoint); is {
		t.Error("the mount is still there")
	}
}
