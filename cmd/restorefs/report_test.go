package main

import (
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest"
	testneed "github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
	"github.com/restorefs/restorefs/cmd/exitcode"
)

func TestReportMakesAPageAboutAShare(t *testing.T) {
	unwatched(t)
	share, list := storetest.Fixtures(t)
	dir := t.TempDir()
	page := filepath.Join(dir, "page.html")
	stdout, stderr, code := restorefs(t, "report", share)
	if code != 0 || !strings.HasPrefix(stdout, "<!DOCTYPE html>") {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	for _, f := range list {
		if !strings.Contains(stdout, f.ID) {
			t.Errorf("%s is not on it", f.Label)
		}
	}
	for _, test := range []struct {
		args []string
		want int
	}{
		{[]string{"--share", share, "--out", page}, exitcode.Done},
		{[]string{"--share", share, "--out", page}, exitcode.Failed},
		{[]string{share, "--out", page, "--force"}, exitcode.Done},
		{[]string{share, "--out", filepath.Join(share, "page.html")}, exitcode.Usage},
		{[]string{share, "--share", dir}, exitcode.Usage},
		{[]string{dir}, exitcode.Failed},
	} {
		if _, stderr, code := restorefs(t, append([]string{"report"}, test.args...)...); code != test.want {
			t.Errorf("%s: exit %d: %s", test.args, code, stderr)
		}
	}
}

func TestABrowserShowsThePage(t *testing.T) {
	firstPass(t)
	browser := os.Getenv("RESTOREFS_BROWSER")
	if browser == "" {
		t.Skip(testneed.NotInThisRun + "RESTOREFS_BROWSER names a browser, such as chromium")
	}
	dir := t.TempDir()
	share := filepath.Join(dir, "share")
	const attack = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`
	b := storetest.MustWrite(t, share, storetest.Spec{ID: storetest.ID("a"), VolumeID: storetest.ID("v"), Name: attack, Content: storetest.Text(1<<20, 1)})
	if err := os.Remove(b.Path("-00001")); err != nil {
		t.Fatal(err)
	}
	page, picture := filepath.Join(dir, "page.html"), filepath.Join(dir, "page.png")
	if _, stderr, code := restorefs(t, "report", share, "--out", page); code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	flags := []string{"--headless=new", "--no-sandbox", "--disable-gpu", "--user-data-dir=" + filepath.Join(dir, "profile"), "--window-size=1200,900"}
	tree := run(t, browser, append(flags, "--dump-dom", "file://"+page)...)
	if strings.Contains(tree, "<title>owned") || !strings.Contains(tree, "<title>Backups on") || strings.Contains(tree, "<img") {
		t.Errorf("%s", tree)
	}
	if out, err := exec.Command(browser, append(flags, "--screenshot="+picture, "file://"+page)...).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	f, err := os.Open(picture)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	marks := 0 // pixels of the colour of what is broken
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			if r, g, b, _ := img.At(x, y).RGBA(); r>>8 == 0xd9 && g>>8 == 0x66 && b>>8 == 0x1a {
				marks++
			}
		}
	}
	if marks < 150 { // in the list, in the legend, at the volume, in the drawing and in the table
		t.Errorf("%d pixels show what is broken", marks)
	}
}
