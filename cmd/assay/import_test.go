package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/store/pebble"
)

// importing runs `assay import` and gives what it printed and its exit code.
func importing(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	c := &cli{out: &out, err: &errs}
	root := c.root()
	known := false
	for _, cmd := range root.Commands() {
		known = known || cmd.Name() == "import"
	}
	if !known {
		root.AddCommand(c.importCmd())
		wrapArgs(root)
	}
	root.SetArgs(append([]string{"import"}, args...))
	var cmd *cobra.Command
	cmd, err := root.ExecuteContextC(context.Background())
	if err != nil {
		c.report(cmd, err)
		code = exitCode(err)
	}
	return out.String(), errs.String(), code
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

const threeHours = "1700265600000,36613.91,36613.92,36388.12,36400.01,1005.75727,1700269199999,36712312.49831390,35985,440.81,16088534.76,0\n" +
	"1700269200000,36400.01,36500,36400,36450.50,10,1700272799999,364505.0,12,5,182252.5,0\n" +
	"1700272800000,36450.50,36500,36400,36450.50,10,1700276399999,364505.0,12,5,182252.5,0\n"

func TestImportTakesWhatTheFileSaysAndStoresItOnce(t *testing.T) {
	f, dir := write(t, "BTCUSDT-1h-2023-11-18.csv", threeHours), t.TempDir()
	out, errs, code := importing(t, "--data", dir, "--dry-run", "-o", "json", f)
	if code != 0 || !strings.Contains(out, `"dry_run":true,"rows":3`) || !strings.Contains(errs, "taken from the file itself: --venue binance --pair BTC-USDT --interval 1h") {
		t.Fatalf("%d %s %s", code, out, errs)
	}
	if _, err := os.Stat(filepath.Join(dir, "history")); err == nil {
		t.Error("a dry run made a history")
	}
	for n, want := range []string{`"stored":3,"repeated":0`, `"rows":3`} {
		out, errs, code = importing(t, "--data", dir, "-o", "json", f)
		if code != 0 || !strings.Contains(out, want) || !strings.Contains(out, `"bad_rows":0,"from":"2023-11-18T00:00:00Z","to":"2023-11-18T02:00:00Z"`) {
			t.Fatalf("time %d: %d %s %s", n, code, out, errs)
		}
	}
	s, err := pebble.Open(filepath.Join(dir, "history"), pebble.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var got []market.Candle
	for c, err := range s.Candles(t.Context(), market.Series{Venue: "binance", Pair: "BTC-USDT"}, "1h", market.Range{}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, c)
	}
	if len(got) != 3 || got[1].C.String() != "36450.50" || got[1].Marks != market.Imported || got[1].Known.IsZero() || got[0].Trades != 35985 {
		t.Errorf("stored: %+v", got)
	}
}

func TestImportSaysWhichRowsAreBadAndStoresTheOthers(t *testing.T) {
	text := "1,buy,0.5,100.10,1714953600000\n"
	for range 7 {
		text += "2,buy,lots,100.10,1714953600001\n"
	}
	f, dir := write(t, "trades.csv", text+"3,sell,0.5,100.20,1714953600005\n3,sell,0.5,100.20,1714953600005\n"), t.TempDir()
	out, errs, code := importing(t, "--data", dir, "--venue", "okx", "--pair", "btc/usdt", "-o", "jsonl", f)
	var got importedFile
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(out, err)
	}
	if code != 7 || got.Rows != 3 || got.Stored != 2 || got.Repeated != 1 || got.Bad != 7 || len(got.Problems) != mostProblems || got.Pair != "BTC-USDT" {
		t.Errorf("code %d, %+v", code, got)
	}
	for _, want := range []string{`trades.csv:2:7: size: "lots" is not a number; write a plain decimal number`, "and 2 more bad rows", "7 of 10 rows could not be read", "because retention.trades is 720h"} {
		if !strings.Contains(errs, want) {
			t.Errorf("%q is not said in\n%s", want, errs)
		}
	}
}

func TestImportRefusesBeforeItStoresAnything(t *testing.T) {
	dir := t.TempDir()
	good, bare := write(t, "BTCUSDT-1h-2023-11-18.csv", threeHours), write(t, "x.csv", "1,sell,25.3,7.5,1714953600042\n")
	one := write(t, "one.csv", "ts_ms,open,high,low,close,volume\n1714953600000,1,2,0.5,1.50,9\n")
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "FILE is missing"},
		{[]string{good, "nowhere.csv"}, "cannot be opened"},
		{[]string{good, bare}, "venue: x.csv does not say which exchange it is of; add --venue"},
		{[]string{"--venue", "okx", bare}, "pair: x.csv does not say what was traded; add --pair"},
		{[]string{"--venue", "OKX!", good}, "small letters"},
		{[]string{"--pair", "bitcoin", good}, "is not a pair"},
		{[]string{"--interval", "7m", good}, "is not an interval"},
		{[]string{"--interval", "1h", "--venue", "okx", "--pair", "A-B", bare}, "leave --interval out"},
		{[]string{"--venue", "kraken", "--pair", "BTC-USD", one}, "add --interval"},
		{[]string{write(t, "BTCUSDT-aggTrades.csv", "77,0.45,12.1,101,103,1714953600123,True\n")}, "BTCUSDT can be BTC-USDT-PERP"},
		{[]string{write(t, "letter.csv", "Dear Sir or Madam\n")}, "is no dump"},
	} {
		_, errs, code := importing(t, append([]string{"--data", dir}, c.args...)...)
		if code != 2 || !strings.Contains(errs, c.want) {
			t.Errorf("import %v: code %d, said %q, want %q in it", c.args, code, errs, c.want)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "history")); err == nil {
		t.Error("a refused import made a history")
	}
}

func TestImportKeepsWhatStandsBeforeTheDamage(t *testing.T) {
	f, dir := write(t, "ADA_USDT-trades.json", `[[1714953600042,"5",null,"sell",0.5,2,1],[1714953600043,"6",nul`), t.TempDir()
	out, errs, code := importing(t, "--data", dir, "--venue", "binance", "-o", "json", f)
	if code != 2 || !strings.Contains(out, `"stored":1`) || !strings.Contains(errs, "damaged") {
		t.Errorf("%d %s %s", code, out, errs)
	}
}

func TestImportNeedsTheHistoryForItself(t *testing.T) {
	f, dir := write(t, "BTCUSDT-1h-2023-11-18.csv", threeHours), t.TempDir()
	s, err := pebble.Open(filepath.Join(dir, "history"), pebble.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, errs, code := importing(t, "--data", dir, "--quiet", f); code != 1 || !strings.Contains(errs, "in use by another assay") {
		t.Errorf("%d %s", code, errs)
	}
}
