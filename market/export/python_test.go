package export

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/assayhq/assay/market"
)

// What data tools read must be what was stored: each tool that is installed (ASSAY_PYTHON,
// or python3) reads each format it knows and compares every value, exactly.
func TestDataToolsReadTheSameValues(t *testing.T) {
	python := os.Getenv("ASSAY_PYTHON")
	if python == "" {
		python = "python3"
	}
	if err := exec.Command(python, "-c", "").Run(); err != nil {
		t.Skipf("SKIPPED: no %s here, so no data tool read the files", python)
	}
	dir := t.TempDir()
	src, want := shelf(t), [][]any{}
	for _, c := range bars() {
		want = append(want, []any{string(c.Venue), string(c.Pair), c.Open.UnixMilli(), known(c.Known), c.O.String(), c.H.String(), c.Volume.String(), orNull(c.Turnover.String(), !c.Turnover.IsZero() || c.Volume.IsZero()), orNull(c.Trades, c.Trades >= 0), c.Complete, c.Revision, orNull(markText(c.Marks), c.Marks != 0)})
	}
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "want.json"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, f := range Formats() {
		out, err := os.Create(filepath.Join(dir, "candles."+string(f)))
		if err != nil {
			t.Fatal(err)
		}
		r := Request{Channel: market.Candles, Series: kraken, Interval: "1m", Format: f, Indicators: indicators(t, "SMA(time_period=2)")}
		e, err := Open(t.Context(), src, r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Run(context.Background(), out); err != nil {
			t.Fatal(err)
		}
		if err := out.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, tool := range []string{"pyarrow", "pandas", "polars", "duckdb"} {
		t.Run(tool, func(t *testing.T) {
			if err := exec.Command(python, "-c", "import "+tool).Run(); err != nil {
				t.Skipf("SKIPPED: %s is not installed for %s", tool, python)
			}
			script, err := filepath.Abs("testdata/read.py")
			if err != nil {
				t.Fatal(err)
			}
			out, err := exec.Command(python, script, tool, dir).CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			t.Logf("%s", out)
		})
	}
}

func orNull(v any, has bool) any {
	if has {
		return v
	}
	return nil
}
