package locate

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/share/cinderconf"
)

func TestOnlyOptionsThatTheOwnClientHonoursLetItReadAnExport(t *testing.T) {
	t.Parallel()
	for options, want := range map[string]string{
		"":                                       "",
		"rw, hard ,timeo=600,x-a=b":              "",
		" sec = sys ,xprtsec=none":               "",
		"vers=4,minorversion=1":                  "?version=4.1",
		"minorversion=2,nconnect=4":              "?version=4",
		"v4.2,_netdev":                           "?version=4",
		"nfsvers=3,port=1,proto=tcp,mountport=2": "?mountport=2&nfsport=1&version=3",
	} {
		if query, err := withoutKernel(options); query != want || err != nil {
			t.Errorf("%q: %q %v", options, query, err)
		}
	}
	for _, option := range []string{
		"sec=krb5p", "sec = krb5", "sec", "sec=sys:krb5", "xprtsec=tls", "xprtsec=mtls", "mounthost=other",
		"proto=rdma", "proto=udp", "udp", "v2", "SEC=krb5", "never-heard-of", "=krb5p",
	} {
		query, err := withoutKernel("ro," + option + ",hard")
		if err == nil || query != "" || !strings.Contains(err.Error(), `"`+option+`"`) {
			t.Errorf("%q: %q %v", option, query, err)
		}
	}
}

func TestAConfigurationThatMayWantMoreSecurityIsNotPassedOver(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	kerberos := cinders{Config: cinderconf.Config{MountOptions: "ro,sec=krb5p"}}
	for name, test := range map[string]struct {
		o       Options
		conf    cinders
		refuses string
	}{
		"it may not be read":                {Options{Config: dir}, cinders{err: fs.ErrPermission}, "cannot be read"},
		"it may not be read, and is told":   {Options{Config: dir, MountOptions: "sec=sys"}, cinders{err: fs.ErrPermission}, ""},
		"it does not exist":                 {Options{Config: dir + "/none"}, cinders{err: fs.ErrNotExist}, ""},
		"a part of it does not exist":       {Options{Config: dir}, cinders{err: fs.ErrNotExist}, "cannot be read"},
		"there is none":                     {Options{}, cinders{err: ErrNoConfig}, ""},
		"it has other backups":              {Options{Config: dir}, cinders{err: cinderconf.ErrNoBackups}, ""},
		"another name is Kerberos's":        {Options{Config: dir}, kerberos, `"sec=krb5p"`},
		"it is Kerberos's, and another":     {Options{Config: dir, MountOptions: "ro"}, kerberos, ""},
		"the operator says Kerberos":        {Options{MountOptions: "sec=krb5"}, cinders{}, `"sec=krb5"`},
		"nothing is said, nothing is wrong": {Options{Config: dir}, cinders{}, ""},
	} {
		_, err := test.o.allowed(test.o.MountOptions, test.conf)
		switch {
		case test.refuses == "" && err != nil, test.refuses != "" && err == nil:
			t.Errorf("%s: %v", name, err)
		case err != nil && !strings.Contains(err.Error(), test.refuses):
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheErrorOfAConfigurationIsKept(t *testing.T) {
	t.Parallel()
	broken := t.TempDir()
	if err := os.Symlink("loop.conf", filepath.Join(broken, "loop.conf")); err != nil {
		t.Fatal(err)
	}
	o := Options{Config: broken}
	conf, err := o.config(false)
	if err != nil {
		t.Fatalf("the default file need not be readable: %v", err)
	}
	if err := conf.unknown(o.Config); err == nil || !errors.Is(err, conf.err) {
		t.Errorf("%v", err)
	}
}
