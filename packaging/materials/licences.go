package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// known are the licences that have been judged, with words that only they have. All may be
// given away in a program under the Apache License 2.0 as long as their texts go with it; for
// MPL-2.0 it also has to be said where the source is.
var known = []struct{ id, words string }{
	{"Apache-2.0", "apache license version 2.0, january 2004"},
	{"Apache-2.0", "licensed under the apache license, version 2.0"},
	{"BSD-3-Clause", "neither the name of"},
	{"MIT", "permission is hereby granted, free of charge, to any person obtaining a copy"},
	{"MPL-2.0", "mozilla public license, version 2.0"},
}

// twoClauses is in BSD-2-Clause and in BSD-3-Clause.
const twoClauses = "redistribution and use in source and binary forms, with or without"

// licencesIn returns the files of a directory that are a licence or go with one, by their names.
func licencesIn(dir string) ([]licence, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var found []licence
	for _, e := range entries {
		kind := kindOf(e.Name())
		if !e.Type().IsRegular() || kind == "" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		l := licence{name: e.Name(), text: string(text)}
		if kind == "licence" {
			if l.id = identify(l.text); l.id == "" {
				return nil, fmt.Errorf("%s: it is none that is known: judge it, and add it to "+
					"the list", filepath.Join(dir, e.Name()))
			}
		}
		found = append(found, l)
	}
	return found, nil
}

// kindOf tells by its name whether a file is a licence, goes with one, or neither ("").
func kindOf(name string) string {
	if name = strings.ToUpper(name); filepath.Ext(name) == ".GO" {
		return ""
	}
	for prefix, kind := range map[string]string{
		"LICENSE": "licence", "LICENCE": "licence", "COPYING": "licence",
		"NOTICE": "notice", "PATENTS": "notice",
	} {
		rest, ok := strings.CutPrefix(name, prefix)
		if ok && (rest == "" || rest[0] == '.' || rest[0] == '-') {
			return kind
		}
	}
	return ""
}

// identify returns the licences in a text as an SPDX expression, "" if it has none that is known.
func identify(text string) string {
	plain := strings.ToLower(strings.Join(strings.Fields(text), " "))
	var ids []string
	for _, k := range known {
		if strings.Contains(plain, k.words) && !slices.Contains(ids, k.id) {
			ids = append(ids, k.id)
		}
	}
	if strings.Contains(plain, twoClauses) && !slices.Contains(ids, "BSD-3-Clause") {
		ids = append(ids, "BSD-2-Clause")
	}
	return strings.Join(ids, " AND ")
}

// expression is that of all licences of a part.
func (p part) expression() string {
	var ids []string
	for _, l := range p.licences {
		if l.id != "" {
			ids = append(ids, strings.Split(l.id, " AND ")...)
		}
	}
	slices.Sort(ids)
	return strings.Join(slices.Compact(ids), " AND ")
}
