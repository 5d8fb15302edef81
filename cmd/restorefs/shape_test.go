package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// What a reader can take in: see CONTRIBUTING.md. In cmd, where much is decided and nothing is hot,
// functions are held as well.
const (
	maxColumns    = 100
	maxLines      = 400
	maxFuncLines  = 60
	maxComplexity = 15
)

func TestSourceFitsOnAScreen(t *testing.T) {
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".git" || d.Name() == "build" || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, wrong := range tooLarge(t, path, string(text)) {
			t.Error(wrong)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// tooLarge returns what of a file is longer or harder than it may be.
func tooLarge(t *testing.T, path, text string) (wrong []string) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) > maxLines {
		wrong = append(wrong, path+": more than 400 lines")
	}
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, text, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range lines {
		if utf8.RuneCountInString(strings.ReplaceAll(line, "\t", "    ")) > maxColumns {
			at := files.Position(files.File(file.Pos()).LineStart(i + 1))
			wrong = append(wrong, at.String()+": more than 100 columns")
		}
	}
	if !strings.Contains(filepath.ToSlash(path), "/cmd/") {
		return wrong
	}
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Body == nil {
			continue
		}
		at := files.Position(f.Pos())
		if files.Position(f.End()).Line-at.Line >= maxFuncLines {
			wrong = append(wrong, at.String()+": "+f.Name.Name+" has more than 60 lines")
		}
		if complexity(f) > maxComplexity {
			wrong = append(wrong, at.String()+": "+f.Name.Name+" has more than 15 ways")
		}
	}
	return wrong
}

// complexity is a function's cyclomatic complexity, that of the functions inside it included.
func complexity(f *ast.FuncDecl) int {
	ways := 1
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.IfStmt, *ast.ForStmt, *ast.RangeStmt:
			ways++
		case *ast.CaseClause:
			if n.List != nil { // the default is the way that goes on
				ways++
			}
		case *ast.CommClause:
			if n.Comm != nil {
				ways++
			}
		case *ast.BinaryExpr:
			if n.Op == token.LAND || n.Op == token.LOR {
				ways++
			}
		}
		return true
	})
	return ways
}

func TestWhatDoesNotFitIsFound(t *testing.T) {
	if0 := "\tif a && b {\n\t}\n"
	for what, test := range map[string]struct {
		path, code string
		wrong      int
	}{
		"a line of 100 columns": {"x/y.go", "// " + strings.Repeat("é", 97) + "\n",
			0},
		"a line of 101 columns": {"x/y.go", "// " + strings.Repeat("é", 98) + "\n",
			1},
		"a line that a tab makes too long": {"x/y.go", "func f() {\n\t// " +
			strings.Repeat("x", 94) + "\n}\n", 1},
		"a file of 400 lines": {"x/y.go", strings.Repeat("\n", 399), 0},
		"a file of 401 lines": {"x/y.go", strings.Repeat("\n", 400), 1},
		"a function of 60 lines": {"x/cmd/y.go", "func f() {" +
			strings.Repeat("\n", 59) + "}\n", 0},
		"a function of 61 lines": {"x/cmd/y.go", "func f() {" +
			strings.Repeat("\n", 60) + "}\n", 1},
		"a function of 61 lines, outside of cmd": {"x/y.go", "func f() {" +
			strings.Repeat("\n", 60) + "}\n", 0},
		"a function of 15 ways": {"x/cmd/y.go", "func f() {\n" +
			strings.Repeat(if0, 7) + "}\n", 0},
		"a function of 16 ways": {"x/cmd/y.go",
			"func f() {\n" + strings.Repeat(if0, 7) + "\tfor {\n\t}\n}\n", 1},
	} {
		if wrong := tooLarge(t, test.path, "package y\n"+test.code); len(wrong) != test.wrong {
			t.Errorf("%s: %q", what, wrong)
		}
	}
}
