package assay_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What the documents of docs/security claim has a test of that name.
func TestEveryTestThatADocumentNamesExists(t *testing.T) {
	there := map[string]bool{}
	for _, s := range sources(t) {
		if !s.test {
			continue
		}
		for _, d := range s.file.Scope.Objects {
			there[d.Name] = true
		}
	}
	paths, err := filepath.Glob("docs/security/*.md")
	if err != nil || len(paths) < 3 {
		t.Fatal(paths, err)
	}
	name := regexp.MustCompile("`((?:Test|Fuzz|Benchmark)[A-Z][A-Za-z0-9]*)`")
	named := 0
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(b), "\n") {
			for _, m := range name.FindAllStringSubmatch(line, -1) {
				named++
				if !there[m[1]] {
					t.Errorf("%s:%d: there is no test %s", p, i+1, m[1])
				}
			}
		}
	}
	if named < 60 {
		t.Errorf("only %d tests are named: is the table still there?", named)
	}
	// The ten items are all there.
	b, err := os.ReadFile("docs/security/owasp-api-top-10.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range strings.Fields("API1 API2 API3 API4 API5 API6 API7 API8 API9 API10") {
		if !strings.Contains(string(b), "| "+item+" ") {
			t.Errorf("%s is not in the table", item)
		}
	}
}
