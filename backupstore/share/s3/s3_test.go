package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/share/objects"
	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/backupstore/storetest/fakes3"
)

// credentialed sets the credentials of the server, and nothing else that a client would find.
func credentialed(t *testing.T) {
	t.Helper()
	for _, name := range []string{"AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3",
		"AWS_SESSION_TOKEN", "AWS_CA_BUNDLE", "HTTP_PROXY", "http_proxy"} {
		t.Setenv(name, "")
	}
	t.Setenv("HOME", t.TempDir())
	t.Setenv("AWS_ACCESS_KEY_ID", fakes3.Access)
	t.Setenv("AWS_SECRET_ACCESS_KEY", fakes3.Secret)
}

func opened(t *testing.T, url string, o Options) *objects.Share {
	t.Helper()
	s, err := openURL(t.Context(), url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func openURL(ctx context.Context, url string, o Options) (*objects.Share, error) {
	spec, err := Parse(url)
	if err != nil {
		return nil, err
	}
	return Open(ctx, spec, o)
}

// chain writes two backups of a volume as Cinder's driver does, of objects of some MiB.
func chain(t *testing.T, dir string) (all []storetest.Backup) {
	t.Helper()
	for i := range 2 {
		all = append(all, storetest.MustWrite(t, dir, storetest.Spec{
			ID: storetest.ID(fmt.Sprint(i)), VolumeID: storetest.ID("v"), Content: storetest.Random(7<<20, uint64(i)), Bucket: true,
			Zone: "zone/ä b_backup_x", Compression: "none", FileSize: 5 << 20,
			Created: time.Date(2026, 2, 1+i, 0, 0, 0, 0, time.UTC),
		}))
	}
	return all
}

// tree returns all files of a share with their sizes.
func tree(t *testing.T, s share.Share) map[string]int64 {
	t.Helper()
	all := map[string]int64{}
	var walk func(dir string)
	walk = func(dir string) {
		entries, _, err := s.ReadDir(t.Context(), dir, func(name string) bool { return !strings.HasPrefix(name, ".") })
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if name := path.Join(dir, e.Name); e.Mode.IsDir() {
				walk(name)
			} else {
				all[name] = e.Size
			}
		}
	}
	walk(".")
	return all
}

func TestABucketIsTheShareThatItsFilesAre(t *testing.T) {
	credentialed(t)
	dir := t.TempDir()
	chain(t, dir)
	server := fakes3.New(t, dir)
	server.Page = 3
	local, err := share.OpenDir(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer local.Close()
	s := opened(t, server.Share(), Options{})
	want, got := tree(t, local), tree(t, s)
	if fmt.Sprint(want) != fmt.Sprint(got) || len(want) != 8 {
		t.Fatalf("%v\nnot %v", got, want)
	}
	if s.Bucket() != fakes3.Bucket || s.String() != server.Share() {
		t.Errorf("%q, %s", s.Bucket(), s)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for name, size := range want {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		f, err := s.Open(t.Context(), name)
		if err != nil || f.Size() != size {
			t.Fatalf("%s: %v", name, err)
		}
		off := int64(0)
		for i := range 60 {
			if i%3 != 0 { // else it goes on where it was
				off = r.Int64N(size)
			}
			p := make([]byte, 1+r.IntN(1+r.IntN(3<<20)))
			n, err := f.ReadAt(t.Context(), p, off)
			end := min(off+int64(len(p)), size)
			if !bytes.Equal(p[:n], text[off:end]) || (err == io.EOF) != (n < len(p)) || err != nil && err != io.EOF {
				t.Fatalf("%s at %d: %d bytes, %v", name, off, n, err)
			}
			off = end % size
		}
		if _, err := f.ReadAt(t.Context(), make([]byte, 1), size); err != io.EOF {
			t.Errorf("at the end: %v", err)
		}
		f.Close()
	}
	for _, name := range []string{"none", path.Dir("a/none"), "volume_x/none_metadata", "none-00001"} {
		if _, err := s.Open(t.Context(), name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if all := server.Requests("P"); len(all) > 0 {
		t.Errorf("it has sent %v", all)
	}
}

func TestAVolumesDirectoriesTakeOneListing(t *testing.T) {
	credentialed(t)
	dir := t.TempDir()
	all := chain(t, dir)
	server := fakes3.New(t, filepath.Dir(dir))
	base := filepath.Base(dir)
	s := opened(t, strings.Replace(server.Share(), "?", "/"+base+"/?", 1), Options{})
	server.Requests("")
	if got := tree(t, s); len(got) != 8 || got[path.Join(all[0].Container, all[0].Prefix)+"-00001"] != 5<<20 {
		t.Errorf("%v", got)
	}
	if n := len(server.Requests("GET")); n != 2 || s.Bucket() != "" {
		t.Errorf("%d listings, %q", n, s.Bucket())
	}
}

func TestWhatIsWrongWithABucketIsSaidWhenItIsOpened(t *testing.T) {
	credentialed(t)
	server := fakes3.New(t, t.TempDir())
	profiles := filepath.Join(t.TempDir(), "profiles")
	text := "[right]\naws_access_key_id = " + fakes3.Access + "\naws_secret_access_key = x\n[half]\naws_access_key_id = y\n[wrong]\n" +
		"aws_access_key_id = other\naws_secret_access_key = y\n"
	if err := os.WriteFile(profiles, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	with := func(query string) string { return server.Share(query) }
	for url, says := range map[string]string{
		with("profile=right&credentials=" + profiles):                              "",
		with("profile=wrong&credentials=" + profiles):                              "credentials of profile wrong",
		with("profile=half&credentials=" + profiles):                               "partial static credentials",
		with("profile=none&credentials=" + profiles):                               "credentials of profile none",
		with("anonymous=yes"):                                                      "no credentials",
		with("key-file=" + key):                                                    "has 5 bytes and must have 32",
		with("ca=" + profiles):                                                     "has none in PEM",
		strings.Replace(with("region=eu-1"), "volumebackups", "other-bucket", 1):   "is the bucket's name right?",
		"s3://volumebackups?endpoint=http://127.0.0.1:1":                           "does its server run?",
		"s3://volumebackups?endpoint=" + strings.Replace(server.URL, "p", "ps", 1): "does its server run?",
	} {
		_, err := openURL(t.Context(), url, Options{})
		if (says == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", url, err)
		}
		if err != nil && strings.Contains(err.Error(), fakes3.Secret) {
			t.Errorf("%s: the secret is told: %v", url, err)
		}
	}
}

func TestABucketThatIsOpenToAllAndAnIgnoredKeyAreTold(t *testing.T) {
	credentialed(t)
	dir := t.TempDir()
	b := chain(t, dir)[0]
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte("0123456789abcdef0123456789abcdef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, open := range []bool{false, true} {
		server := fakes3.New(t, dir)
		server.Open = open
		var said bytes.Buffer
		log := slog.New(slog.NewTextHandler(&said, nil))
		s := opened(t, server.Share("key-file="+key), Options{Logger: log})
		for range 2 {
			f, err := s.Open(t.Context(), path.Join(b.Container, b.Prefix+"_metadata"))
			if err != nil {
				t.Fatal(err)
			}
			f.Close()
		}
		if strings.Contains(said.String(), "by anyone") != open || strings.Count(said.String(), "ignores such keys") != 1 {
			t.Errorf("open %v: %s", open, said.String())
		}
	}
}

func TestSpecs(t *testing.T) {
	for text, want := range map[string]Spec{
		"s3://b":                       {Bucket: "b"},
		"s3://b/":                      {Bucket: "b"},
		"s3://b/a//c/?style=path":      {Bucket: "b", Prefix: "a/c", Style: "path"},
		"gs://b?insecure":              {Bucket: "b", Endpoint: googleEndpoint, Region: "auto", Insecure: true},
		"s3://b?anonymous=no&region=r": {Bucket: "b", Region: "r"},
		"s3://b?endpoint=https://h:1/&ca=/f&profile=p&credentials=/c&key-file=/k": {
			Bucket: "b", Endpoint: "https://h:1/", CA: "/f", Profile: "p", Credentials: "/c", KeyFile: "/k",
		},
	} {
		want.text = text
		if got, err := Parse(text); err != nil || got != want {
			t.Errorf("%s: %+v %v", text, got, err)
		}
	}
	for _, text := range []string{
		"s3://", "s3:///b", "s3://b#x", "s3://key:secret@b", "s3://b?endpoint=h:1", "s3://b?endpoint=http://u:p@h", "s3://b?x=1",
		"s3://b?style=x", "s3://b?region=a&region=b", "s3://b?anonymous=yes&profile=p", "s3://b/a%00", "http://b", "s3://b?endpoint=http://h/p",
		"s3://b?insecure=perhaps",
	} {
		if got, err := Parse(text); err == nil || strings.Contains(err.Error(), "key:secret") {
			t.Errorf("%s: %+v %v", text, got, err)
		}
	}
}
