package assay_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The house rules as tests, each with its reason. They read the files themselves
// rather than ask `go list`: the test cache notices files that a test opens.

const module = "github.com/assayhq/assay"

// floors lists the packages from the ground up. A package may import what stands
// on a lower floor, never its own floor or above: so an engine cannot reach a
// concrete exchange or database, and the nouns know nobody. The first pattern that
// matches decides.
var floors = [][]string{
	{"internal/scan", "fault", "money", "internal/golden"}, // ground: they know nobody, save what stands before them in this line
	{"internal/*"}, // plumbing
	{"asset"},      // nouns
	{"market", "access", "notify", "access/secret"}, //
	{"insight", "trading"},                          //
	{"market/book", "market/candle", "market/clean", "market/consensus", "market/drift", "market/liquidity", "market/score", // machines: pure
		"access/rotation", "access/audit", "access/limit", "access/signing", "access/idem", "access/anomaly",
		"insight/indicator", "insight/risk", "insight/screen"},
	{"insight/grade", "insight/study"}, //
	{"market/venue", "bus"},            // contracts
	{"market/venue/quotation"},         // a protocol that several exchanges share
	{"market/venue/sign"},              // what signatures are made of, for the windows
	{"market/venue/venuetest", "market/markettest", "access/accesstest", "access/secret/secrettest", "notify/notifytest"}, // exams
	{"market/feed", "access/gate", "access/meter", "access/oauth", "access/people", "notify/*",
		"insight/figures", "insight/grades", "insight/tickers", "market/backfill", "market/export", "trading/account"}, // engines
	{"access/watch"},                    // an engine over the gate
	{"api/problem"},                     // face
	{"api/stream", "access/compliance"}, //
	{"api", "api/*", "api/compat/*"},    //
	{"market/venue/all"},                // windows: they touch the outside
	{"market/venue/*", "market/emulator", "store/*", "access/secret/*"}, //
	{"app"},   // roof
	{"cmd/*"}, //
}

// The windows floor is entered from below by `market/venue/all`, which only lists.
var exceptions = map[string]string{
	"market/venue/all": "lists the exchanges, so it stands beside them",
	"internal/scan":    "reads decimals on the way, so it knows money",
	"internal/capture": "reads JSON lines with internal/scan",
	"market/emulator":  "an independent second opinion on the exchanges; it knows only nouns",
}

func floorOf(pkg string) int {
	for i, f := range floors {
		for _, p := range f {
			if ok, _ := path.Match(p, pkg); ok {
				return i
			}
		}
	}
	return -1
}

type source struct {
	path string
	pkg  string
	file *ast.File
	fset *token.FileSet
	test bool
}

func sources(t *testing.T) []source {
	t.Helper()
	var out []source
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if n := d.Name(); p != "." && (strings.HasPrefix(n, ".") || n == "testdata" || n == "node_modules" || n == "sdk" || n == "bench") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(p, ".go") {
			return nil
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, p, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		out = append(out, source{path: p, pkg: filepath.ToSlash(filepath.Dir(p)), file: f, fset: fset, test: strings.HasSuffix(p, "_test.go")})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 50 {
		t.Fatalf("only %d files found: the rules would check nothing", len(out))
	}
	return out
}

// Imports go strictly down: whoever reads a package needs to know only what is below it.
func TestImportsGoStrictlyDown(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || s.pkg == "." {
			continue
		}
		mine := floorOf(s.pkg)
		if mine < 0 {
			t.Errorf("%s: package %s stands on no floor; add it to the table in house_test.go", s.path, s.pkg)
			continue
		}
		for _, im := range s.file.Imports {
			p := strings.Trim(im.Path.Value, `"`)
			if !strings.HasPrefix(p, module+"/") {
				continue
			}
			p = strings.TrimPrefix(p, module+"/")
			theirs := floorOf(p)
			if theirs >= mine && !allowed(s.pkg, p) {
				t.Errorf("%s: %s (floor %d) imports %s (floor %d); imports go strictly down", s.path, s.pkg, mine, p, theirs)
			}
		}
	}
}

func allowed(from, to string) bool {
	switch from {
	case "market/venue/all":
		return strings.HasPrefix(to, "market/venue/") && strings.Count(to, "/") == 2
	case "internal/scan", "internal/capture":
		return to == "money" || to == "internal/scan" || to == "fault"
	}
	return false
}

// Every exception in the table above must still be needed.
func TestExceptionsHaveReasons(t *testing.T) {
	for p, why := range exceptions {
		if why == "" {
			t.Errorf("%s has no reason", p)
		}
		if _, err := os.Stat(p); err != nil {
			t.Errorf("%s is gone; remove its exception", p)
		}
	}
}

// Every package says what it is for.
func TestEveryPackageIsDocumented(t *testing.T) {
	doc := map[string]bool{}
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		doc[s.pkg] = doc[s.pkg] || s.file.Doc != nil && len(s.file.Doc.Text()) > 40
	}
	for p, ok := range doc {
		if !ok {
			t.Errorf("package %s has no documentation", p)
		}
	}
}

// Every exported name says what it means.
func TestEveryExportedNameIsDocumented(t *testing.T) {
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		for _, d := range s.file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && d.Doc == nil && exportedReceiver(d) {
					t.Errorf("%s: %s has no comment", s.fset.Position(d.Pos()), d.Name.Name)
				}
			case *ast.GenDecl:
				for _, sp := range d.Specs {
					if ts, ok := sp.(*ast.TypeSpec); ok && ts.Name.IsExported() && d.Doc == nil && ts.Doc == nil {
						t.Errorf("%s: type %s has no comment", s.fset.Position(ts.Pos()), ts.Name.Name)
					}
				}
			}
		}
	}
}

func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return true
	}
	x := d.Recv.List[0].Type
	if st, ok := x.(*ast.StarExpr); ok {
		x = st.X
	}
	if ix, ok := x.(*ast.IndexExpr); ok {
		x = ix.X
	}
	id, ok := x.(*ast.Ident)
	return ok && id.IsExported()
}

// No init and no global state: what a program does begins in main and is passed on,
// so tests can run side by side and two servers fit in one process.
func TestNoInitAndNoGlobalState(t *testing.T) {
	mutable := regexp.MustCompile(`^(sync\.|atomic\.|\*?sql\.DB|\*?slog\.Logger|chan )`)
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Name.Name == "init" && f.Recv == nil {
				t.Errorf("%s: init is not allowed", s.fset.Position(f.Pos()))
			}
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			for _, sp := range g.Specs {
				v := sp.(*ast.ValueSpec)
				if v.Type != nil && mutable.MatchString(exprText(v.Type)) {
					t.Errorf("%s: package-level %s is state", s.fset.Position(v.Pos()), exprText(v.Type))
				}
			}
		}
	}
}

func exprText(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return exprText(e.X) + "." + e.Sel.Name
	case *ast.StarExpr:
		return "*" + exprText(e.X)
	case *ast.ChanType:
		return "chan "
	case *ast.IndexExpr:
		return exprText(e.X)
	}
	return ""
}

// Nouns and machines read no clock: time is an argument there, which is why a
// recording replays at any speed.
func TestOnlyFourPlacesReadTheWallClock(t *testing.T) {
	pure := []string{"money", "fault", "asset", "market", "market/book", "market/candle", "market/clean", "market/consensus", "market/drift", "market/liquidity", "market/score", "market/venue", "internal/scan", "internal/capture", "access", "trading"}
	for _, s := range sources(t) {
		if s.test || !slices.Contains(pure, s.pkg) && !isConnector(s.pkg) {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if c, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := c.X.(*ast.Ident); ok && x.Name == "time" && (c.Sel.Name == "Now" || c.Sel.Name == "Since" || c.Sel.Name == "Until" || c.Sel.Name == "Sleep" || c.Sel.Name == "After") {
					t.Errorf("%s: time.%s in a pure package", s.fset.Position(c.Pos()), c.Sel.Name)
				}
			}
			return true
		})
	}
}

func isConnector(p string) bool {
	return strings.HasPrefix(p, "market/venue/") && p != "market/venue/venuetest" && p != "market/venue/all"
}

// Links in documents lead somewhere.
func TestLinksInDocumentsResolve(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#: ]+)(#[^)]*)?\)`)
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(p, ".md") {
			return nil
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		for _, m := range link.FindAllStringSubmatch(string(b), -1) {
			if strings.HasPrefix(m[1], "/") {
				continue // a path of the running server
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(p), m[1])); err != nil {
				t.Errorf("%s: link to %s leads nowhere", p, m[1])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
