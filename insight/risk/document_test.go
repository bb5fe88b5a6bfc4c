package risk

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the tables into docs/insight/risk.md")

// The document's tables are those of the catalogue.
func TestTheDocumentTellsEveryMetric(t *testing.T) {
	const path, begin = "../../docs/insight/risk.md", "## Metrics\n"
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(string(old), begin)
	var b strings.Builder
	b.WriteString(head + begin + Terms() + "\n\nThe tables are written by `go test ./insight/risk -run Document -update`.\n")
	cell := strings.NewReplacer("|", `\|`, "*", `\*`, "<", "&lt;").Replace
	group := Group("")
	for _, m := range Catalogue() {
		if m.Group != group {
			group = m.Group
			fmt.Fprintf(&b, "\n### %s\n| name | what | unit | range | formula | returns | quantstats | source |\n|---|---|---|---|---|---|---|---|\n", group)
		}
		what := m.Title
		what += "."
		if m.Doc != "" {
			what += " " + m.Doc
		}
		if m.Undefined != "" {
			what += " None when " + m.Undefined + "."
		}
		least, most := m.Least, m.Most
		switch {
		case least == "" && most == "":
			least = "any"
		case least == "":
			least = "up to " + most
		case most == "":
			least = "from " + least
		default:
			least += " to " + most
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %d | %s | %s |\n", m.Name, cell(what), m.Unit, least, cell(m.Formula), m.MinN, m.Quantstats, cell(m.Source))
	}
	b.WriteString("\n## Where the numbers are deliberately not quantstats'\nAll 124 numbers of quantstats 0.0.81 for three coins are matched to 1e-9 under its names. These are the differences of what we recommend:\n\n| its name | ours | ours that equals it | why |\n|---|---|---|---|\n")
	for _, d := range Differences() {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", d.Quantstats, d.Metric, d.Same, cell(d.Reason))
	}
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if b.String() != string(old) {
		t.Error("docs/insight/risk.md is not what the catalogue says; run `go test ./insight/risk -run Document -update`")
	}
}
