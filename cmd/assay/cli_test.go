package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/store/pebble"
)

// assay runs one command line as a user would and gives what it printed and its exit code.
func assay(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	c := &cli{out: &out, err: &errs}
	root := c.root()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(context.Background())
	if err != nil {
		c.report(cmd, err)
		code = exitCode(err)
	}
	return out.String(), errs.String(), code
}

func TestNormalizePrintsOneObjectALine(t *testing.T) {
	out, errs, code := assay(t, "normalize", "--venue", "binance", "testdata/session.jsonl")
	want, err := os.ReadFile("testdata/session.want")
	if err != nil {
		t.Fatal(err)
	}
	if out != string(want) || code != 0 {
		t.Errorf("code %d %s\ngot\n%s\nwant\n%s", code, errs, out, want)
	}
}

func TestNormalizeSummary(t *testing.T) {
	out, _, code := assay(t, "normalize", "--venue", "binance", "--summary", "testdata/session.jsonl")
	var s map[string]any
	if err := json.Unmarshal([]byte(out), &s); err != nil || code != 0 {
		t.Fatal(out, err)
	}
	for k, v := range map[string]float64{"messages": 4, "trades": 1, "quotes": 1, "books": 2, "books_joined": 1, "sequence_gaps": 1, "checksums_checked": 0, "checksums_failed": 0, "crossed_books": 0, "decode_errors": 0} {
		if s[k] != v {
			t.Errorf("%s is %v, want %v", k, s[k], v)
		}
	}
	for _, k := range []string{"seconds", "messages_per_second"} {
		if _, ok := s[k].(float64); !ok {
			t.Errorf("%s is missing", k)
		}
	}
}

func TestFramesThatCannotBeReadAreCountedAndToldByTheExitCode(t *testing.T) {
	f := filepath.Join(t.TempDir(), "bad.jsonl")
	good, err := os.ReadFile("testdata/session.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	bad := string(good) + `{"t":"recv","conn":"w","ts":1700000000.8,"data":"{\"e\":\"trade\",\"s\":"}` + "\n"
	if err := os.WriteFile(f, []byte(bad), 0o600); err != nil {
		t.Fatal(err)
	}
	out, errs, code := assay(t, "normalize", "--venue", "binance", f)
	if code != 7 || !strings.Contains(out, `"type":"error"`) || !strings.Contains(errs, "1 of") {
		t.Errorf("code %d, %s", code, errs)
	}
}

func TestMistakesAreExplained(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"normalize", "testdata/session.jsonl"}, 2, "--venue is missing"},
		{[]string{"normalize", "--venue", "mtgox", "testdata/session.jsonl"}, 3, "known are"},
		{[]string{"normalize", "--venue", "binance", "nowhere.jsonl"}, 2, "cannot be opened"},
		{[]string{"normalize", "--venue", "binance"}, 2, "Try `assay normalize --help`"},
		{[]string{"candles"}, 2, "PAIR is missing, as in `assay candles BTC-USD"},
		{[]string{"frobnicate"}, 2, "unknown command"},
		{[]string{"price", "--nonsense"}, 2, "unknown flag"},
		{[]string{"price", "--url", "http://127.0.0.1:1", "BTC"}, 6, "no server answers"},
		{[]string{"key", "create", "--data", dir}, 2, "--name is missing"},
		{[]string{"key", "create", "--data", dir, "--name", "x", "--scope", "everything"}, 2, "everything"},
		{[]string{"key", "create", "--data", dir, "--name", "x", "--expires", "yesterday"}, 2, "no duration"},
		{[]string{"key", "revoke", "--data", dir, "nobody", "--yes"}, 3, ""},
		{[]string{"key", "revoke", "--data", dir, "nobody"}, 2, "--yes"},
		{[]string{"config", "check", "--config", "nowhere.yaml"}, 2, "nowhere.yaml"},
		{[]string{"replay", "testdata/session.want"}, 2, "is no recording"},
	} {
		_, errs, code := assay(t, c.args...)
		if code != c.code || !strings.Contains(errs, c.want) {
			t.Errorf("assay %s: code %d, want %d; said %q, want %q in it", strings.Join(c.args, " "), code, c.code, errs, c.want)
		}
	}
}

// Lists a person reads are no wider than a window.
func TestListsFitTheWindow(t *testing.T) {
	for _, args := range [][]string{{"indicator", "--list"}, {"risk", "--list"}} {
		out, errs, code := assay(t, args...)
		if code != 0 || strings.Count(out, "\n") < 30 {
			t.Fatal(args, code, errs)
		}
		for line := range strings.Lines(out) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > page {
				t.Errorf("%v: %d characters: %s", args, n, line)
			}
		}
	}
	if out, _, _ := assay(t, "indicator", "--list", "-o", "csv"); !strings.Contains(out, "outRealUpperBand") {
		t.Error("csv leaves the outputs out")
	}
}

func TestKeysAreMadeListedAndRevoked(t *testing.T) {
	dir := t.TempDir()
	out, _, code := assay(t, "key", "create", "--data", dir, "--name", "laptop", "--rate", "20", "--expires", "720h")
	token := strings.TrimSpace(out)
	if code != 0 || !strings.HasPrefix(token, "asy_live_") || len(token) != 69 {
		t.Fatalf("%d %q", code, out)
	}
	out, _, _ = assay(t, "key", "list", "--data", dir, "-o", "json")
	var k keyRow
	if err := json.Unmarshal([]byte(out), &k); err != nil || k.Name != "laptop" || k.State != "active" || k.Version != 1 {
		t.Fatal(out, err)
	}
	if strings.Contains(out, token[20:]) {
		t.Error("a list must not hold the token")
	}
	if _, errs, code := assay(t, "key", "revoke", "--data", dir, k.ID, "--yes"); code != 0 {
		t.Error(errs)
	}
	if out, _, _ = assay(t, "key", "list", "--all", "--data", dir); !strings.Contains(out, "revoked") {
		t.Error(out)
	}
	b, err := os.ReadFile(filepath.Join(dir, "control.db"))
	if err != nil || bytes.Contains(b, []byte(token[20:])) {
		t.Error("the token lies in the store", err)
	}
}

func TestEveryCommandHasHelpWithAnExample(t *testing.T) {
	c := &cli{out: &bytes.Buffer{}, err: &bytes.Buffer{}}
	for _, cmd := range c.root().Commands() {
		subs := cmd.Commands()
		if len(subs) == 0 {
			subs = append(subs, cmd)
		}
		for _, s := range subs {
			if s.Short == "" || s.Example == "" {
				t.Errorf("%s has no short text or no example", s.CommandPath())
			}
		}
	}
}

func TestSettingsPrintedCanBeReadBack(t *testing.T) {
	out, _, code := assay(t, "config", "print", "--data", "/tmp/somewhere")
	if code != 0 {
		t.Fatal(code)
	}
	f := filepath.Join(t.TempDir(), "assay.yaml")
	if err := os.WriteFile(f, []byte(out), 0o600); err != nil {
		t.Fatal(err)
	}
	again, errs, code := assay(t, "config", "print", "--config", f)
	if code != 0 || again != out {
		t.Errorf("%d %s\n%s\n%s", code, errs, out, again)
	}
}

func TestReplayGoesThroughToItsEnd(t *testing.T) {
	_, errs, code := assay(t, "replay", "--once", "testdata/session.jsonl")
	if code != 0 || !strings.Contains(errs, "8 records") {
		t.Errorf("%d %s", code, errs)
	}
}

// Raw messages that were kept come out as a recording, which reads like the session.
func TestKeptMessagesCanBeNormalizedAgain(t *testing.T) {
	dir := t.TempDir()
	store, err := pebble.Open(filepath.Join(dir, "history"), pebble.Options{})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 8, 9, 21, 0, 0, 0, time.UTC)
	frames := []market.Frame{
		{Venue: "binance", Conn: "b#1", Addr: "wss://stream.binance.com:9443/stream", Kind: "connect", Received: at},
		{Venue: "binance", Conn: "b#1", Kind: "recv", Received: at.Add(time.Second), Data: []byte(`{"stream":"btcusdt@trade","data":{"e":"trade","E":1786309549000,"s":"BTCUSDT","t":7,"p":"65000.10","q":"0.5","T":1786309549000,"m":true}}`)},
	}
	if err := store.AppendFrames(t.Context(), frames); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	f := filepath.Join(dir, "kept.jsonl")
	if _, errs, code := assay(t, "frames", "--data", dir, "--venue", "binance", f); code != 0 {
		t.Fatal(errs)
	}
	out, errs, code := assay(t, "normalize", "--venue", "binance", f)
	if code != 0 || !strings.Contains(out, `"type":"trade","line":3,"venue":"binance","symbol":"BTCUSDT","pair":"BTC-USDT","id":"7","price":"65000.10"`) {
		t.Error(code, errs, out)
	}
	if _, _, code := assay(t, "frames", "--data", dir, "--venue", "kraken"); code != 3 {
		t.Error("nothing kept must be told by the exit code:", code)
	}
}
