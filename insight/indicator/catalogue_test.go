package indicator

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"
)

// Whatever a file of this package defines as a Function, alone or in a list, is in the
// catalogue: a function that is written and not listed is nowhere.
func TestTheCatalogueListsWhatTheFilesDefine(t *testing.T) {
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	defined, listed := map[string]string{}, map[string]bool{}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), e.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv != nil {
				continue
			}
			if f.Name.Name == "Catalogue" {
				ast.Inspect(f, func(n ast.Node) bool {
					if call, ok := n.(*ast.CallExpr); ok {
						if name, ok := call.Fun.(*ast.Ident); ok {
							listed[name.Name] = true
						}
					}
					return true
				})
			} else if f.Type.Params.NumFields() == 0 && f.Type.Results.NumFields() == 1 && ofFunction(f.Type.Results.List[0].Type) {
				defined[f.Name.Name] = e.Name()
			}
		}
	}
	for name, file := range defined {
		if !listed[name] {
			t.Errorf("%s: %s is not in the catalogue", file, name)
		}
	}
	if len(defined) < 100 {
		t.Errorf("only %d functions were found in the files: the test would check nothing", len(defined))
	}
}

// ofFunction tells whether a type is Function or []Function.
func ofFunction(x ast.Expr) bool {
	if a, ok := x.(*ast.ArrayType); ok {
		x = a.Elt
	}
	name, ok := x.(*ast.Ident)
	return ok && name.Name == "Function"
}
