package pebble_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
	"github.com/assayhq/assay/store/pebble"
)

func TestDirectoryHasOneOwner(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	want := fmt.Sprintf("directory %s is in use by another assay; stop it or use --data", dir)
	_, err := pebble.Open(dir, pebble.Options{})
	if fault.Of(err) != fault.Conflict || fault.Public(err) != want {
		t.Errorf("a second Open: %v", err)
	}
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	child.Env = append(os.Environ(), crashDir+"="+dir)
	out, err := child.CombinedOutput()
	if err == nil || !strings.Contains(string(out), want) {
		t.Errorf("another process: %v: %s", err, out)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir) // and nothing was broken by it
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestNewerAndForeignDirectoriesAreRefused(t *testing.T) {
	dir := t.TempDir()
	if err := open(t, dir).Close(); err != nil {
		t.Fatal(err)
	}
	marker := filepath.Join(dir, "FORMAT")
	for text, want := range map[string]string{
		"assay history 3\n": "written by a newer assay (history format 3, this one knows 2)",
		"nonsense":          "does not name a history format",
	} {
		if err := os.WriteFile(marker, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := pebble.Open(dir, pebble.Options{}); fault.Of(err) != fault.Conflict || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if err := os.Remove(marker); err != nil {
		t.Fatal(err)
	}
	if _, err := pebble.Open(dir, pebble.Options{}); fault.Of(err) != fault.Conflict {
		t.Errorf("a database without our marker: %v", err)
	}
}

// What format 1 holds means the same in 2, so an old directory is read as it is; from
// then on it is marked, because an older assay would stumble over what is added.
func TestFormatOneIsReadAndMarkedAsTwo(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	b := crashBatch(1)
	b.Derivatives, b.Liquidations = nil, nil
	if err := errors.Join(s.Append(t.Context(), b), s.Compact(t.Context()), s.Close()); err != nil {
		t.Fatal(err)
	}
	marker := filepath.Join(dir, "FORMAT")
	if err := os.WriteFile(marker, []byte("assay history 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	defer s.Close()
	if text, err := os.ReadFile(marker); err != nil || string(text) != "assay history 2\n" {
		t.Errorf("the marker says %q, %v", text, err)
	}
	rows := 0
	for i := range 3 {
		got, err := s.TradesInto(t.Context(), market.Series{Venue: "kraken", Pair: market.Pair(fmt.Sprintf("C%d-USD", i))}, market.Range{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		rows += len(got)
	}
	if rows != crashRows {
		t.Errorf("%d trades, want %d", rows, crashRows)
	}
}

func TestClosedStoreSaysSo(t *testing.T) {
	s := open(t, t.TempDir())
	of := market.Series{Venue: "v", Pair: "A-B"}
	b := crashBatch(1)
	if err := s.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	read := func() (err error) {
		for _, err = range s.Trades(t.Context(), market.Series{Venue: "kraken", Pair: "C0-USD"}, market.Range{}) {
		}
		return err
	}
	_, retainErr := s.Retain(t.Context(), time.Now(), []market.Retention{{Channel: market.Trades, Keep: 1}})
	for what, err := range map[string]error{
		"Append": s.Append(t.Context(), b), "Trades": read(), "Retain": retainErr, "Compact": s.Compact(t.Context()),
		"AppendFrames": s.AppendFrames(t.Context(), []market.Frame{{Venue: "v", Received: time.Unix(1, 0)}}),
	} {
		if fault.Of(err) != fault.Unavailable {
			t.Errorf("%s: %v", what, err)
		}
	}
	_ = s.Stats()
	_, _ = s.CandlesInto(t.Context(), of, "1m", market.Range{}, nil)
}

func TestIntoGivesWhatTheIteratorGives(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	for n := range 200 {
		if err := s.Append(t.Context(), crashBatch(n)); err != nil {
			t.Fatal(err)
		}
	}
	of := market.Series{Venue: "kraken", Pair: "C0-USD"}
	for _, r := range []market.Range{{}, {Limit: 7}, {Reverse: true}, {Reverse: true, Limit: 1100}, {From: time.Date(2024, 1, 1, 0, 0, 2, 0, time.UTC), To: time.Date(2024, 1, 1, 0, 0, 5, 0, time.UTC)}} {
		var trades []market.Trade
		for v, err := range s.Trades(t.Context(), of, r) {
			if err != nil {
				t.Fatal(err)
			}
			trades = append(trades, v)
		}
		got, err := s.TradesInto(t.Context(), of, r, make([]market.Trade, 1, 10))
		if err != nil || !slices.Equal(got[1:], trades) {
			t.Errorf("%+v: %d trades, %v; the iterator gives %d", r, len(got)-1, err, len(trades))
		}
		var candles []market.Candle
		for v, err := range s.Candles(t.Context(), of, "1m", r) {
			if err != nil {
				t.Fatal(err)
			}
			candles = append(candles, v)
		}
		bars, err := s.CandlesInto(t.Context(), of, "1m", r, nil)
		if err != nil || !slices.Equal(bars, candles) {
			t.Errorf("%+v: %d candles, %v; the iterator gives %d", r, len(bars), err, len(candles))
		}
	}
}

func TestFramesAreARing(t *testing.T) {
	dir := t.TempDir()
	opt := pebble.Options{NoSync: true, FrameBytes: 64 << 10}
	s, err := pebble.Open(dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	put := func(n int, v market.VenueID) {
		t.Helper()
		data := make([]byte, 4<<10)
		for i := range data { // does not shrink
			data[i] = byte(n*31 + i*i*7 + (i*2654435761)>>13)
		}
		if err := s.AppendFrames(t.Context(), []market.Frame{{Venue: v, Kind: "recv", Data: data, Received: start.Add(time.Duration(n) * time.Second)}}); err != nil {
			t.Fatal(err)
		}
	}
	read := func(v market.VenueID) (at []int) {
		for f, err := range s.ReadFrames(t.Context(), v, market.Range{}) {
			if err != nil {
				t.Fatal(err)
			}
			at = append(at, int(f.Received.Sub(start)/time.Second))
		}
		return at
	}
	for n := range 100 {
		put(n, []market.VenueID{"a", "b"}[n%2])
	}
	a, b := read("a"), read("b")
	if len(a)+len(b) < 5 || len(a)+len(b) > 60 || a[len(a)-1] != 98 || b[len(b)-1] != 99 || b[0]-a[0] > 1 || b[0]-a[0] < -1 {
		t.Errorf("what stays: %v and %v; want the newest of both and no more than 64 kB", a, b)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	opt.FrameKeep = 3 * time.Second
	if s, err = pebble.Open(dir, opt); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	put(100, "a")
	if got := fmt.Sprint(read("a"), read("b")); got != "[98 100] [97 99]" {
		t.Errorf("after three seconds: %s", got)
	}
}

func TestPebbleSpeaksToOurLogOnly(t *testing.T) {
	var out bytes.Buffer
	s, err := pebble.Open(t.TempDir(), pebble.Options{Logger: slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if !strings.Contains(line, "level=DEBUG") {
			t.Errorf("a loud line: %s", line)
		}
	}
	if !strings.Contains(out.String(), "pebble: ") {
		t.Error("Pebble said nothing at debug level")
	}
}

func TestStatsCount(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	for range 2 {
		if err := s.Append(t.Context(), crashBatch(1)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	st := s.Stats()
	// The gap is stored each time: the later one wins.
	if st.Rows != crashRows+5+2 || st.Repeated != crashRows+5 || st.Series != 8 || st.Merges != 8 || st.Chunks != 8 || st.DiskBytes == 0 {
		t.Errorf("%+v", st)
	}
}

// A running candle that changes all the time must not cost its whole tail each time.
func BenchmarkRunningCandle(b *testing.B) {
	s, _ := benchOpen(b)
	defer s.Close()
	of := market.Series{Venue: "v", Pair: "A-B"}
	rows := benchCandles(of, 0, 400, newTape(1).r)
	if err := s.Append(b.Context(), &market.Batch{Candles: rows}); err != nil {
		b.Fatal(err)
	}
	c := rows[399]
	batch := &market.Batch{}
	for i := 0; b.Loop(); i++ {
		c.Known = c.Known.Add(time.Millisecond)
		c.C = money.Price{Decimal: money.MustNew(int64(100+i), 2)}
		batch.Candles = append(batch.Candles[:0], c)
		if err := s.Append(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
}
