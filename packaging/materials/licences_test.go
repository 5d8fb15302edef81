package main

import "testing"

func TestALicenceIsKnownByItsWords(t *testing.T) {
	const redistribution = "Redistribution and use in source and binary\nforms, with or without modification, are permitted"
	for text, want := range map[string]string{
		"Apache License\n  Version 2.0, January 2004":                                                   "Apache-2.0",
		redistribution + ". Neither the name of X":                                                      "BSD-3-Clause",
		redistribution + ". THIS SOFTWARE IS":                                                           "BSD-2-Clause",
		"Permission is hereby granted, free of charge, to any person obtaining a copy of this":          "MIT",
		"Mozilla Public License, version 2.0\n... GNU General Public License, Version 2.0":              "MPL-2.0",
		"Apache License Version 2.0, January 2004 ... " + redistribution + " ... Neither the name of X": "Apache-2.0 AND BSD-3-Clause",
		"GNU GENERAL PUBLIC LICENSE Version 3, 29 June 2007":                                            "",
		"All rights reserved.": "",
	} {
		if got := identify(text); got != want {
			t.Errorf("%q: %q, not %q", text, got, want)
		}
	}
	for name, want := range map[string]string{
		"LICENSE": "licence", "LICENSE.md": "licence", "license.txt": "licence", "LICENSE-APACHE": "licence", "COPYING": "licence",
		"NOTICE": "notice", "NOTICES.go": "", "license.go": "", "PATENTS": "notice", "licenses": "", "README": "",
	} {
		if got := kindOf(name); got != want {
			t.Errorf("%s: %q, not %q", name, got, want)
		}
	}
}

// What a package is made of must be something that may be given away.
func TestEveryPartOfTheProgramHasAKnownLicence(t *testing.T) {
	dirs, err := sourceDirs(t.Context(), "../../cmd/restorefs", "urfave_cli_no_docs")
	if err != nil {
		t.Fatal(err)
	}
	if len(dirs) < 10 {
		t.Errorf("only these parts: %v", dirs)
	}
	for path, from := range dirs {
		p := part{path: path}
		if err := p.findLicences(from); err != nil {
			t.Error(err)
		}
		if path == "github.com/restorefs/restorefs" && p.expression() != ownLicence {
			t.Errorf("the program's own licence is %s", p.expression())
		}
	}
}
