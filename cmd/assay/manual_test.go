package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assayhq/assay/insight/indicator"
)

// The pages of docs/insight are what the catalogues give now.
func TestThePagesOfCataloguesAreInStep(t *testing.T) {
	for dir, pages := range map[string]func() (map[string][]byte, error){
		"../../docs/insight/indicators": indicatorPages, "../../docs/insight/risk": riskPages, "../../docs/insight/grades": gradePages,
		"../../docs/venues": func() (map[string][]byte, error) { return venuePages("../../market/venue") },
	} {
		inStep(t, dir, pages)
	}
}

func inStep(t *testing.T, dir string, pages func() (map[string][]byte, error)) {
	t.Helper()
	files, err := pages()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%s is not in step with the catalogue (%v): make gen", name, err)
		}
		if len(want) > 12<<10 && name != "README.md" {
			t.Errorf("%s has %d bytes", name, len(want))
		}
		if strings.HasSuffix(name, ".svg") && !bytes.Contains(want, []byte("not market data")) {
			t.Errorf("%s does not say what it is drawn over", name)
		}
	}
	there, err := filepath.Glob(dir + "/*")
	if err != nil || len(there) != len(files) {
		t.Errorf("%d files for %d pages: remove those of what is no more (%v)", len(there), len(files), err)
	}
}

// Each picture shows something of each output.
func TestEveryPictureShowsEveryOutput(t *testing.T) {
	catalogue := indicator.Catalogue()
	files, err := indicatorPages()
	if err != nil {
		t.Fatal(err)
	}
	for i := range catalogue {
		svg := string(files[catalogue[i].Name+".svg"])
		rare := strings.Contains(string(files[catalogue[i].Name+".md"]), "It is rare")
		if strings.Contains(svg, `d=""`) != rare && !strings.Contains(svg, `fill="#2a8f5b" d=""`) {
			t.Errorf("the picture of %s shows nothing of an output", catalogue[i].Name)
		}
	}
	for _, pages := range []func() (map[string][]byte, error){riskPages, gradePages} {
		files, err := pages()
		if err != nil {
			t.Fatal(err)
		}
		for name, b := range files {
			if strings.HasSuffix(name, ".svg") && bytes.Contains(b, []byte(`d=""`)) {
				t.Errorf("%s shows nothing of a series", name)
			}
			if strings.HasSuffix(name, ".md") && bytes.Contains(b, []byte("| none: ")) {
				t.Errorf("%s has no value over its series", name)
			}
		}
	}
}

func TestAFolderWithOtherPagesIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "mine.md"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := writeManual(dir, map[string][]byte{"RSI.md": []byte("x")}); err == nil || !strings.Contains(err.Error(), "mine.md") {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "RSI.md")); err == nil {
		t.Error("it was written to all the same")
	}
}
