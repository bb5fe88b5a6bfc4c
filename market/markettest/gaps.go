package markettest

import (
	"fmt"
	"testing"
	"time"

	"github.com/assayhq/assay/market"
)

func gapLife(t *testing.T, x *exam) {
	g := market.Gap{ID: "a", Venue: btc.Venue, Pair: btc.Pair, Channel: market.Trades, Kind: market.Disconnected, From: at(time.Minute), Missing: -1, Conn: "c7"}
	x.append(t, &market.Batch{Gaps: []market.Gap{g}})
	same(t, "open", x.gaps(t, btc, market.Range{From: at(time.Hour)}), []market.Gap{g})
	closed := g
	closed.To, closed.Detail = at(2*time.Minute), "the connection was lost for a minute"
	x.append(t, &market.Batch{Gaps: []market.Gap{closed}})
	same(t, "closed", x.gaps(t, btc, market.Range{}), []market.Gap{closed})
	same(t, "closed, later", x.gaps(t, btc, market.Range{From: at(time.Hour)}), nil)
	x.reopen(t)
	repaired := closed
	repaired.Repaired, repaired.Restored, repaired.From = at(time.Hour), 55, at(50*time.Second)
	repaired.RepairedBy = market.ByTrades
	half := repaired
	half.Restored = 20
	x.append(t, &market.Batch{Gaps: []market.Gap{half, repaired}})
	same(t, "repaired, and found to begin earlier", x.gaps(t, btc, market.Range{}), []market.Gap{repaired})
	x.reopen(t)
	same(t, "repaired, after a reopen", x.gaps(t, btc, market.Range{}), []market.Gap{repaired})
}

func gapOverlap(t *testing.T, x *exam) {
	gap := func(id string, s market.Series, from, to int) market.Gap {
		g := market.Gap{ID: id, Venue: s.Venue, Pair: s.Pair, Kind: market.SequenceGap, From: at(time.Duration(from) * time.Second), Missing: 1}
		if to > 0 {
			g.To = at(time.Duration(to) * time.Second)
		}
		return g
	}
	all := []market.Gap{
		gap("long", btc, 0, 500), gap("a", btc, 10, 20), gap("b", btc, 20, 30), gap("c", eth, 20, 25),
		gap("venue", market.Series{Venue: btc.Venue}, 22, 23), gap("instant", btc, 40, 40), gap("open", btc, 60, 0), gap("z", btc, 70, 80),
	}
	for i := len(all) - 1; i >= 0; i-- {
		x.append(t, &market.Batch{Gaps: all[i : i+1]})
	}
	for _, c := range []struct {
		what     string
		s        market.Series
		from, to int
		want     string
	}{
		{"all of all", market.Series{}, -100, 0, "long a b c venue instant open z"},
		{"one venue", market.Series{Venue: eth.Venue}, -100, 0, "c"},
		{"one pair of any venue, and what concerns all pairs", market.Series{Pair: btc.Pair}, -100, 0, "long a b venue instant open z"},
		{"one series", btc, -100, 0, "long a b venue instant open z"},
		{"inside a", btc, 12, 13, "long a"},
		{"the end of a gap is not in it", btc, 20, 21, "long b"},
		{"the end of the range is not in it", btc, 5, 10, "long"},
		{"a gap without length", btc, 40, 41, "long instant"},
		{"after an open gap began", btc, 600, 601, "open"},
		{"before everything", btc, -10, -5, ""},
	} {
		r := market.Range{From: at(time.Duration(c.from) * time.Second)}
		if c.to != 0 {
			r.To = at(time.Duration(c.to) * time.Second)
		}
		got := ""
		for _, g := range x.gaps(t, c.s, r) {
			got += " " + g.ID
		}
		if got != "" {
			got = got[1:]
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
	if got := x.gaps(t, btc, market.Range{Limit: 2, Reverse: true}); len(got) != 2 || got[0].ID != "z" || got[1].ID != "open" {
		t.Errorf("the last two: %s", fmt.Sprint(got))
	}
}
