package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = "../.."

// declared returns every function, method and type of the module outside of tests, as
// docs/architecture.md names them: package.Name, package.Type.Name.
func declared(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".git" || d.Name() == "build" || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		in := path.Base(path.Dir(filepath.ToSlash(file))) + "."
		for _, decl := range parsed.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				name := in
				if d.Recv != nil {
					name += receiver(d.Recv.List[0].Type) + "."
				}
				names[name+d.Name.Name] = true
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if s, ok := spec.(*ast.TypeSpec); ok {
						names[in+s.Name.Name] = true
						for _, m := range methods(s.Type) {
							names[in+s.Name.Name+"."+m] = true
						}
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}

// methods returns the methods of an interface, or the fields of a struct.
func methods(e ast.Expr) (names []string) {
	var list *ast.FieldList
	switch e := e.(type) {
	case *ast.InterfaceType:
		list = e.Methods
	case *ast.StructType:
		list = e.Fields
	default:
		return nil
	}
	for _, f := range list.List {
		for _, n := range f.Names {
			names = append(names, n.Name)
		}
	}
	return names
}

// TestTheArchitectureNamesWhatIsThere checks docs/architecture.md against the code: each file,
// package and function that it names exists.
func TestTheArchitectureNamesWhatIsThere(t *testing.T) {
	unwatched(t)
	text, err := os.ReadFile(filepath.Join(root, "docs/architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	names := declared(t)
	var (
		quoted   = regexp.MustCompile("`([^`\n]+)`")
		function = regexp.MustCompile(`^[a-z0-9]+\.[A-Za-z]\w*(\.[A-Za-z]\w*)?$`)
		file     = regexp.MustCompile(`^[\w/*.]+\.go$`)
	)
	functions := 0
	for _, m := range quoted.FindAllStringSubmatch(string(text), -1) {
		switch name := m[1]; {
		case file.MatchString(name):
			if !isFile(t, name) {
				t.Errorf("there is no file %s", name)
			}
		case function.MatchString(name) && name != "io.ReaderAt" && name != "info.txt":
			functions++
			if !names[name] {
				t.Errorf("there is no %s", name)
			}
		}
	}
	if functions < 20 {
		t.Errorf("it names %d functions and types; each step of a read and of a restore has one",
			functions)
	}
}

// isFile reports whether name is a file of the module. It may lack the folder, or the first part of
// it.
func isFile(t *testing.T, name string) bool {
	t.Helper()
	found := false
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil || found {
			return err
		}
		file = filepath.ToSlash(file)
		for at := file; ; {
			if ok, err := path.Match(name, at); err != nil || ok {
				found = ok
				return err
			}
			_, rest, more := strings.Cut(at, "/")
			if !more {
				return nil
			}
			at = rest
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
