package mountstatus

import (
	"strings"
	"testing"

	"github.com/restorefs/restorefs/cmd/serve"
)

func TestStatusDoesNotSteerTheTerminal(t *testing.T) {
	const evil = "\x1b[2J\nnothing is mounted"
	m := Mount{Mountpoint: "/a" + evil, State: Serving, Server: &serve.Status{Share: evil,
		Overlay: evil, LookError: evil}}
	m.Server.DiskCache = &serve.DiskCacheFigures{}
	if s := m.String(); strings.ContainsAny(s, "\x1b\n") {
		t.Errorf("%q", s)
	}
}
