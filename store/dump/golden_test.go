package dump_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/store/dump"
)

var update = flag.Bool("update", false, "rewrite what is wanted")

var into = dump.Options{Venue: "v", Pair: "A-B", Known: time.Date(2024, 6, 1, 0, 0, 0, 0, time.UTC)}

func file(t *testing.T, name string, data []byte) *dump.File {
	t.Helper()
	f, err := dump.New(name, bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// drain gives the values in words and the errors of the rows.
func drain(t *testing.T, f *dump.File, into dump.Options) (rows, bad []string) {
	t.Helper()
	for b, err := range f.Read(into) {
		var row *dump.RowError
		switch {
		case errors.As(err, &row):
			bad = append(bad, row.Error())
			continue
		case err != nil:
			t.Fatal(err)
		}
		for _, v := range b.Trades {
			rows = append(rows, sayTrade(v))
		}
		for _, v := range b.Quotes {
			rows = append(rows, sayQuote(v))
		}
		for _, v := range b.Candles {
			rows = append(rows, sayCandle(v))
		}
	}
	if int(f.Good) != len(rows) || int(f.Bad) != len(bad) {
		t.Errorf("%d good and %d bad rows came, %d and %d were counted", len(rows), len(bad), f.Good, f.Bad)
	}
	return rows, bad
}

func when(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Format(time.RFC3339Nano)
}

func sayTrade(v market.Trade) string {
	return fmt.Sprintf("trade %s %s %q #%s %s x %s %q agg=%v at %s received %s %v", v.Venue, v.Pair, v.Symbol, v.ID, v.Price, v.Qty, v.Side, v.Aggregate, when(v.At), when(v.Received), v.Marks.Names())
}

func sayQuote(v market.Quote) string {
	return fmt.Sprintf("quote %s %s %q %s x %s / %s x %s at %s received %s %v", v.Venue, v.Pair, v.Symbol, v.Bid, v.BidQty, v.Ask, v.AskQty, when(v.At), when(v.Received), v.Marks.Names())
}

func sayCandle(v market.Candle) string {
	return fmt.Sprintf("candle %s %s %s %s o%s h%s l%s c%s v%s t%s n%d complete=%v r%d known %s %v", v.Venue, v.Pair, v.Interval, when(v.Open), v.O, v.H, v.L, v.C, v.Volume, v.Turnover, v.Trades, v.Complete, v.Revision, when(v.Known), v.Marks.Names())
}

func sayHint(h dump.Hint) string {
	return fmt.Sprintf("hint venue=%s symbol=%s pair=%s interval=%s doubt=%q", h.Venue, h.Symbol, h.Pair, h.Interval, h.Doubt)
}

// Each file of testdata is a sentence, a dump under its name, and what is read of it.
func TestDumpsAreReadExactly(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) < 20 {
		t.Fatal(len(paths), err)
	}
	seen := map[dump.Format]bool{}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			a := txtar.Parse(text)
			if len(a.Files) != 2 || a.Files[1].Name != "want" {
				t.Fatalf("%s: want a dump and what is wanted", path)
			}
			name, data := a.Files[0].Name, a.Files[0].Data
			for _, packed := range []string{"", ".gz", ".zip"} {
				f := file(t, name+packed, pack(t, name, data, packed))
				seen[f.Format] = true
				rows, bad := drain(t, f, into)
				got := fmt.Sprintf("%s %s\n%s\n", f.Format, f.Channel(), sayHint(f.Hint))
				for _, line := range append(rows, bad...) {
					got += strings.ReplaceAll(line, name+packed, name) + "\n"
				}
				if err := f.Close(); err != nil {
					t.Error(err)
				}
				if *update && packed == "" {
					a.Files[1].Data = []byte(got)
					if err := os.WriteFile(path, txtar.Format(a), 0o644); err != nil {
						t.Fatal(err)
					}
				} else if got != string(a.Files[1].Data) {
					t.Errorf("%s%s: got\n%s\nwant\n%s", name, packed, got, a.Files[1].Data)
				}
			}
		})
	}
	for _, f := range dump.Formats() {
		if !seen[f] {
			t.Errorf("no file of testdata is of %s", f)
		}
	}
}
