package main

import (
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
)

func TestTheReportSaysWhatFailedAndWhatWasSkipped(t *testing.T) {
	const events = `
{"Action":"start","Package":"m/a"}
{"Action":"output","Package":"m/a","Test":"TestGood","Output":"=== RUN   TestGood\n"}
{"Action":"output","Package":"m/a","Test":"TestGood","Output":"--- PASS: TestGood (0.00s)\n"}
{"Action":"pass","Package":"m/a","Test":"TestGood"}
{"Action":"output","Package":"m/a","Test":"TestMount","Output":"=== RUN   TestMount\n"}
{"Action":"output","Package":"m/a","Test":"TestMount","Output":"    helper_test.go:61: needs root\n"}
{"Action":"output","Package":"m/a","Test":"TestMount","Output":"--- SKIP: TestMount (0.00s)\n"}
{"Action":"skip","Package":"m/a","Test":"TestMount"}
{"Action":"output","Package":"m/a","Test":"TestSlow","Output":"    slow_test.go:7: not in this run: hashes 1 GiB\n"}
{"Action":"skip","Package":"m/a","Test":"TestSlow"}
{"Action":"output","Package":"m/a","Test":"TestBad","Output":"    bad_test.go:9: wrong\n"}
{"Action":"output","Package":"m/a","Test":"TestBad","Output":"--- FAIL: TestBad (0.00s)\n"}
{"Action":"fail","Package":"m/a","Test":"TestBad"}
{"Action":"output","Package":"m/a","Output":"FAIL\tm/a\t0.1s\n"}
{"Action":"fail","Package":"m/a"}
{"Action":"build-output","ImportPath":"m/b","Output":"b.go:1: no such thing\n"}
{"Action":"output","Package":"m/c","Output":"ok  \tm/c\t0.2s\n"}
`
	var out strings.Builder
	r := newReport(&out)
	r.read(strings.NewReader(strings.TrimSpace(events)))
	missing := r.skipped()
	const want = "    bad_test.go:9: wrong\n--- FAIL: TestBad (0.00s)\nFAIL\tm/a\t0.1s\nb.go:1: no such thing\nok  \tm/c\t0.2s\n" +
		"   1 skipped, needs root: a.TestMount\n" +
		"   1 skipped, " + need.NotInThisRun + "hashes 1 GiB: a.TestSlow\n"
	if missing != 1 || !strings.HasPrefix(out.String(), want) || !strings.Contains(out.String(), "2 tests ran; 1 ") {
		t.Errorf("%d missing; printed\n%s, want\n%s", missing, out.String(), want)
	}
}
