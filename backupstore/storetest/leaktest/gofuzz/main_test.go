package main

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

func TestTargetsAreFoundWhereverTheyAre(t *testing.T) {
	root := t.TempDir()
	for path, text := range map[string]string{
		"a_test.go":              "package a\n\nfunc FuzzA(f *testing.F) {\n}\n\nfunc FuzzB(f *testing.F) { f.Skip() }\n",
		"b/c/c_test.go":          "package c\n\nfunc FuzzC(f *testing.F) {\n}\n",
		"b/c/d_test.go":          "package c_test\n\nfunc FuzzD(f *testing.F) {\n}\nfunc TestD(t *testing.T) {}\n",
		"b/e.go":                 "package b\n\nfunc FuzzE(f *testing.F) {\n}\n",
		"b/testdata/f_test.go":   "package f\n\nfunc FuzzF(f *testing.F) {\n}\n",
		".git/g_test.go":         "package g\n\nfunc FuzzG(f *testing.F) {\n}\n",
		"b/c/testdata/fuzz/x_go": "func FuzzH(f *testing.F) {\n",
	} {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := targets(root)
	want := map[string][]string{".": {"FuzzA", "FuzzB"}, "b/c": {"FuzzC", "FuzzD"}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%v %v, not %v", got, err, want)
	}
}

func TestTheLastCountIsReported(t *testing.T) {
	out := []byte("fuzz: elapsed: 0s, gathering baseline coverage: 2/2 completed, now fuzzing with 2 workers\n" +
		"fuzz: elapsed: 3s, execs: 7 (2/sec), new interesting: 0 (total: 2)\n" +
		"fuzz: elapsed: 4s, execs: 912 (0/sec), new interesting: 3 (total: 5)\nPASS\n")
	if got := progress(out); got != "    912 inputs, 3 of them new in a corpus of 5," {
		t.Error(got)
	}
	if got := progress(out[:10]); got != "no input run" {
		t.Error(got)
	}
}

func TestARunWithoutTimeIsNoFailure(t *testing.T) {
	const begin = "fuzz: elapsed: 4s, gathering baseline coverage: 0/58 completed\n--- FAIL: FuzzA (9.51s)\n"
	for text, want := range map[string]bool{
		begin + "    context deadline exceeded\nFAIL\n":                               true,
		begin + "    a_test.go:7: context deadline exceeded\nFAIL\n":                  false,
		begin + "    context deadline exceeded\n    a_test.go:7: other bytes\nFAIL\n": false,
		begin + "    --- FAIL: FuzzA (0.00s)\n        a_test.go:7: wrong\nFAIL\n":     false,
		"fuzz: elapsed: 4s\nPASS\n":                                                   false,
	} {
		if outOfTime([]byte(text)) != want {
			t.Errorf("not %v: %q", want, text)
		}
	}
}
