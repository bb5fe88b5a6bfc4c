package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assayhq/assay/access/limit"
)

// block gives the lines of the first fenced block behind a heading of a document.
func block(t *testing.T, file, heading string) []string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "\n"+heading+"\n")
	_, rest, _ = strings.Cut(rest, "```\n")
	text, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatalf("%s has no block behind %s", file, heading)
	}
	return strings.Split(strings.TrimSpace(text), "\n")
}

func TestTheCommandsOfTheManualDoWhatItSays(t *testing.T) {
	dir := t.TempDir()
	said := map[string]string{}
	for _, line := range block(t, "../../docs/operate/plans.md", "## By command") {
		command, into, _ := strings.Cut(line, " > ")
		out, errs, code := assay(t, append(strings.Fields(command)[1:], "--data", dir)...)
		if code != 0 {
			t.Fatalf("%s: code %d, %s", line, code, errs)
		}
		said[command] = out
		if into != "" {
			if err := os.WriteFile(filepath.Join(dir, into), []byte(out), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for command, want := range map[string]string{
		"assay plan list":     "business",
		"assay plan show pro": "units a request",
		"assay app show bots": "20/s, 100 at once (its own)",
		"assay app list":      "pro v1",
	} {
		if !strings.Contains(said[command], want) {
			t.Errorf("%s says\n%s\nwant %q in it", command, said[command], want)
		}
	}

	// What the manual says of the file that was written.
	file := filepath.Join(dir, "pro.json")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, errs, code := assay(t, "plan", "set", file, "--data", dir); code != 0 { // the same again
		t.Error(errs)
	}
	set := func(from, to string) (string, string, int) {
		t.Helper()
		if !strings.Contains(string(b), from) {
			t.Fatalf("no %s in %s", from, b)
		}
		if err := os.WriteFile(file, []byte(strings.Replace(string(b), from, to, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		return assay(t, "plan", "set", file, "--data", dir, "-o", "json")
	}
	if _, errs, code := set(`"connections":10`, `"connections":11`); code != 1 || !strings.Contains(errs, "give the change version 2") {
		t.Error(code, errs)
	}
	out, errs, code := set(`"version":1`, `"version":2`)
	var p limit.Plan
	if err := json.Unmarshal([]byte(out), &p); err != nil || code != 0 || p.Version != 2 || p.Connections != 10 {
		t.Error(code, errs, out)
	}
	if out, _, _ := assay(t, "app", "list", "--data", dir, "-o", "csv"); !strings.Contains(out, "pro v2") {
		t.Error("the app has another version of its plan:", out)
	}
}

func TestMistakesWithPlansAndAppsAreExplained(t *testing.T) {
	dir := t.TempDir()
	write := func(text string) string {
		f := filepath.Join(t.TempDir(), "plan.json")
		if err := os.WriteFile(f, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return f
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"plan", "show", "gold"}, 3, "there are business, enterprise, free, pro"},
		{[]string{"plan", "set", "nowhere.json"}, 2, "cannot be opened"},
		{[]string{"plan", "set"}, 2, "Try `assay plan set --help`"},
		{[]string{"plan", "set", write(`{"name":"x","version":1,"rates":1}`)}, 2, "rates"},
		{[]string{"plan", "set", write(`{"name":"x","version":1,"rate":1}`)}, 2, "plans.x.burst"},
		{[]string{"plan", "set", write(`{"name":"x","version":1} {}`)}, 2, ""},
		{[]string{"plan", "set", write(strings.Repeat(" ", maxPlanFile+1))}, 2, ""},
		{[]string{"app", "set", "bots"}, 2, "--plan, --rate or --burst"},
		{[]string{"app", "set", "bots", "--rate", "5"}, 3, "has no app"},
		{[]string{"app", "set", "bots", "--ahead", "--plan", "gold"}, 2, "gold"},
		{[]string{"app", "show", "bots"}, 3, "an app is there once it has a key"},
	} {
		_, errs, code := assay(t, append(c.args, "--data", dir)...)
		if code != c.code && !(code != 0 && c.want == "") || !strings.Contains(errs, c.want) {
			t.Errorf("assay %s: code %d, want %d; said %q, want %q in it", strings.Join(c.args, " "), code, c.code, errs, c.want)
		}
	}
	if out, errs, code := assay(t, "app", "list", "--data", dir); code != 0 || out != "" || !strings.Contains(errs, "assay key create") {
		t.Error("an empty list:", code, out, errs)
	}
	if _, errs, code := assay(t, "app", "set", "later", "--ahead", "--plan", "free", "--data", dir); code != 0 {
		t.Error(errs)
	}
	if out, _, _ := assay(t, "app", "show", "later", "--data", dir); !strings.Contains(out, "free v1") {
		t.Error(out)
	}
}
