package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// readers are the functions besides those of commands that read flags: those that many commands
// have.
var readers = []string{"commonOf", "calledAs", "givenFlagsOf", "filesOptionsOf", "keysOf", "selectOf"}

// hooks are the fields of the library of flags that take a function of ours.
var hooks = []string{"Action", "Before", "OnUsageError", "ExitErrHandler"}

// TestOnlyCommandsReadFlags keeps the library of flags out of all that is behind a command: a
// command reads its flags once, into a struct of options.
func TestOnlyCommandsReadFlags(t *testing.T) {
	unwatched(t)
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		here := filepath.Dir(path) == filepath.Join("..", "restorefs")
		for _, found := range readsFlags(file, here) {
			t.Errorf("%s: %s", files.Position(found.at), found.what)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

type finding struct {
	at   token.Pos
	what string
}

// readsFlags returns what reads flags and may not. commands says that the file is in the package of
// the commands.
func readsFlags(file *ast.File, commands bool) (found []finding) {
	allowed := map[ast.Node]bool{} // functions that a command or the library calls
	ast.Inspect(file, func(n ast.Node) bool {
		if kv, ok := n.(*ast.KeyValueExpr); ok && commands && isHook(kv.Key) {
			allowed[kv.Value] = true
		}
		if set, ok := n.(*ast.AssignStmt); ok && commands && len(set.Lhs) == 1 && isHook(set.Lhs[0]) {
			allowed[set.Rhs[0]] = true
		}
		return true
	})
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			mine := n.Recv == nil && (strings.HasPrefix(n.Name.Name, "run") || slices.Contains(readers, n.Name.Name))
			if takesFlags(n.Type) && !(commands && mine) {
				found = append(found, finding{n.Pos(), n.Name.Name + " takes a *cli.Context"})
			}
		case *ast.FuncLit:
			if takesFlags(n.Type) && !allowed[n] {
				found = append(found, finding{n.Pos(), "a function inside another one takes a *cli.Context"})
			}
		case *ast.StructType:
			for _, f := range n.Fields.List {
				if isContext(f.Type) {
					found = append(found, finding{f.Pos(), "a struct keeps a *cli.Context"})
				}
			}
		case *ast.CallExpr:
			if sel, ok := n.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "Set" && len(n.Args) == 2 {
				if to, ok := sel.X.(*ast.Ident); ok && to.Name == "c" {
					found = append(found, finding{n.Pos(), "a flag is set"})
				}
			}
		}
		return true
	})
	return found
}

func isHook(e ast.Expr) bool {
	if sel, ok := e.(*ast.SelectorExpr); ok {
		e = sel.Sel
	}
	name, ok := e.(*ast.Ident)
	return ok && slices.Contains(hooks, name.Name)
}

func takesFlags(f *ast.FuncType) bool {
	return slices.ContainsFunc(f.Params.List, func(p *ast.Field) bool { return isContext(p.Type) })
}

func isContext(e ast.Expr) bool {
	star, ok := e.(*ast.StarExpr)
	if !ok {
		return false
	}
	sel, ok := star.X.(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != "Context" {
		return false
	}
	from, ok := sel.X.(*ast.Ident)
	return ok && from.Name == "cli"
}

func TestAReaderOfFlagsIsFound(t *testing.T) {
	for what, test := range map[string]struct {
		code  string
		found int
	}{
		"the function of a command":            {`func runList(c *cli.Context) error { return list(c.Context, c.String("volume")) }`, 0},
		"the one reader of what many have":     {`func commonOf(c *cli.Context) common { return common{json: c.Bool("json")} }`, 0},
		"a hook":                               {`var x = cli.Command{Action: func(c *cli.Context) error { return nil }}`, 0},
		"a hook that is set":                   {`func f() { cmd.Before = func(c *cli.Context) error { return nil } }`, 0},
		"a function behind a command":          {`func list(c *cli.Context) error { return nil }`, 1},
		"a method, whatever its name":          {`func (x y) runList(c *cli.Context) error { return nil }`, 1},
		"a function in another":                {`func f() { g := func(c *cli.Context) error { return nil } }`, 1},
		"a struct that keeps one":              {`type x struct { c *cli.Context }`, 1},
		"a flag that is set for somebody else": {`func runList(c *cli.Context) error { return c.Set("share", "x") }`, 1},
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "x.go", "package main\n"+test.code, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if found := readsFlags(file, true); len(found) != test.found {
			t.Errorf("%s: %v", what, found)
		}
		if elsewhere := readsFlags(file, false); strings.Contains(test.code, "*cli.Context") && len(elsewhere) == 0 {
			t.Errorf("%s, in another package: not found", what)
		}
	}
}
