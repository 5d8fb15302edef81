package main

import (
	"slices"
	"strings"
	"testing"
)

func TestFlagsMayStandBehindArguments(t *testing.T) {
	for in, want := range map[string]string{
		"restorefs":                                 "restorefs",
		"restorefs materialize A B --force":         "restorefs materialize --force A B",
		"restorefs materialize A --share S B -j 3":  "restorefs materialize --share S -j 3 A B",
		"restorefs materialize A --share=S B --yes": "restorefs materialize --share=S --yes A B",
		"restorefs materialize A -":                 "restorefs materialize A -",
		"restorefs show --json -- --odd":            "restorefs show --json -- --odd",
		"restorefs nonsense A --b":                  "restorefs nonsense A --b",
	} {
		got := flagsFirst(newApp(), strings.Fields(in))
		if !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%s: %s", in, strings.Join(got, " "))
		}
	}
}
