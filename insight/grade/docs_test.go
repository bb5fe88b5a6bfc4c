package grade

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the formulas into docs/insight/grades.md")

const (
	docPath  = "../../docs/insight/grades.md"
	docBegin = "<!-- formulas: written by `go test ./insight/grade -run Document -update` -->\n"
	docEnd   = "<!-- end of formulas -->\n"
)

// The document tells the weights and formulas that are in force.
func TestTheDocumentTellsTheFormulas(t *testing.T) {
	var b strings.Builder
	for _, f := range machine(t).Formulas() {
		fmt.Fprintf(&b, "### %s\n\n`%s` version %d, %s. %s\n\n| component | weight | formula | inputs | source |\n|---|---|---|---|---|\n", f.Kind, f.ID, f.Version, f.Horizon, f.Text)
		for _, c := range f.Components {
			fmt.Fprintf(&b, "| %s | %.4g | %s | %s | %s |\n", c.Name, c.Weight, strings.ReplaceAll(c.Formula, "|", "\\|"), strings.Join(c.Inputs, ", "), c.Source)
		}
		b.WriteString("\n")
	}
	text, err := os.ReadFile(docPath)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(text), docBegin)
	old, tail, ok2 := strings.Cut(rest, docEnd)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the formulas between %q and %q", docPath, docBegin, docEnd)
	}
	if *update {
		if err := os.WriteFile(docPath, []byte(head+docBegin+b.String()+docEnd+tail), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if old != b.String() {
		t.Error("the document tells other formulas; run `go test ./insight/grade -run Document -update` and read the diff")
	}
}
