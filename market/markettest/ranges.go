package markettest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/assayhq/assay/market"
)

func rangeEnds(t *testing.T, x *exam) {
	rows := run(btc, 0, 3000, time.Second)
	x.append(t, &market.Batch{Trades: rows})
	for _, c := range []struct{ from, to int }{{0, 1}, {0, 3000}, {1, 2}, {1023, 1025}, {1024, 1024}, {1500, 2600}, {2999, 3000}} {
		what := fmt.Sprintf("seconds %d to %d", c.from, c.to)
		r := market.Range{From: at(time.Duration(c.from) * time.Second), To: at(time.Duration(c.to) * time.Second)}
		same(t, what, x.trades(t, btc, r), rows[c.from:c.to])
		r.From = r.From.Add(-1)
		same(t, what+", one nanosecond earlier", x.trades(t, btc, r), rows[c.from:c.to])
		r.From = r.From.Add(2)
		r.To = r.To.Add(1)
		same(t, what+", one nanosecond later", x.trades(t, btc, r), rows[min(c.from+1, len(rows)):min(c.to+1, len(rows))])
	}
}

func limitAndReverse(t *testing.T, x *exam) {
	rows := run(btc, 0, 2700, time.Second)
	x.append(t, &market.Batch{Trades: rows[:2600]})
	x.append(t, &market.Batch{Trades: rows[2600:]})
	back := slices.Clone(rows)
	slices.Reverse(back)
	for _, limit := range []int{1, 2, 99, 100, 101, 1024, 1025, 2699, 2700, 2701, 0} {
		n := limit
		if limit == 0 || limit > len(rows) {
			n = len(rows)
		}
		same(t, fmt.Sprint("first ", limit), x.trades(t, btc, market.Range{Limit: limit}), rows[:n])
		same(t, fmt.Sprint("last ", limit), x.trades(t, btc, market.Range{Limit: limit, Reverse: true}), back[:n])
	}
	mid := market.Range{From: at(500 * time.Second), To: at(2650 * time.Second), Limit: 1300, Reverse: true}
	same(t, "from the middle back", x.trades(t, btc, mid), back[50:1350])
	mid.Reverse = false
	same(t, "from the middle on", x.trades(t, btc, mid), rows[500:1800])
}

func noEnd(t *testing.T, x *exam) {
	rows := run(btc, 0, 10, time.Second)
	x.append(t, &market.Batch{Trades: rows})
	same(t, "everything", x.trades(t, btc, market.Range{}), rows)
	same(t, "from five", x.trades(t, btc, market.Range{From: at(5 * time.Second)}), rows[5:])
	same(t, "to five", x.trades(t, btc, market.Range{To: at(5 * time.Second)}), rows[:5])
	far := market.Range{From: time.Date(-500, 1, 1, 0, 0, 0, 0, time.UTC), To: time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)}
	same(t, "from before Rome to after us", x.trades(t, btc, far), rows)
}

func emptyAnswers(t *testing.T, x *exam) {
	same(t, "nothing yet", x.trades(t, btc, market.Range{}), nil)
	x.append(t, &market.Batch{Trades: run(btc, 0, 10, time.Second)})
	for what, r := range map[string]market.Range{
		"before all":     {To: morning},
		"after all":      {From: at(time.Hour)},
		"turned round":   {From: at(5 * time.Second), To: at(2 * time.Second)},
		"no width":       {From: at(5 * time.Second), To: at(5 * time.Second)},
		"between rows":   {From: at(1500 * time.Millisecond), To: at(1900 * time.Millisecond)},
		"ends in Rome":   {To: time.Date(-500, 1, 1, 0, 0, 0, 0, time.UTC)},
		"starts in 9000": {From: time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)},
	} {
		same(t, what, x.trades(t, btc, r), nil)
		r.Reverse = true
		same(t, what+", reverse", x.trades(t, btc, r), nil)
	}
	same(t, "unknown pair", x.trades(t, market.Series{Venue: "kraken", Pair: "NO-SUCH"}, market.Range{}), nil)
	same(t, "quotes", x.quotes(t, btc, market.Range{}), nil)
	same(t, "candles", x.candles(t, btc, "1m", market.Range{}), nil)
	same(t, "gaps", x.gaps(t, market.Series{}, market.Range{}), nil)
}

func lateTrades(t *testing.T, x *exam) {
	rows := run(btc, 0, 6000, time.Second)
	r := rand.New(rand.NewPCG(7, 7))
	var late []market.Trade
	for i, tr := range rows {
		if i%3 == 1 {
			late = append(late, tr)
			continue
		}
		if i%50 == 0 && len(late) > 0 {
			r.Shuffle(len(late), func(i, j int) { late[i], late[j] = late[j], late[i] })
			n := len(late) / 2
			x.append(t, &market.Batch{Trades: late[:n]})
			late = late[n:]
		}
		x.append(t, &market.Batch{Trades: []market.Trade{tr}})
	}
	x.append(t, &market.Batch{Trades: late})
	same(t, "trades", x.trades(t, btc, market.Range{}), rows)
	r2 := market.Range{From: at(997 * time.Second), To: at(4242 * time.Second), Reverse: true}
	want := slices.Clone(rows[997:4242])
	slices.Reverse(want)
	same(t, "a part, backwards", x.trades(t, btc, r2), want)
	x.reopen(t)
	same(t, "trades after a reopen", x.trades(t, btc, market.Range{}), rows)
}

func writtenBackwards(t *testing.T, x *exam) {
	var rows []market.Candle
	for i := range 3000 {
		rows = append(rows, candle(btc, "1m", at(time.Duration(i)*time.Minute), 0))
	}
	for end := len(rows); end > 0; end -= 250 { // pages of a REST backfill, newest first
		page := slices.Clone(rows[end-250 : end])
		slices.Reverse(page)
		x.append(t, &market.Batch{Candles: page})
	}
	same(t, "candles", x.candles(t, btc, "1m", market.Range{}), rows)
	x.reopen(t)
	same(t, "candles after a reopen", x.candles(t, btc, "1m", market.Range{}), rows)
}

func oneMoment(t *testing.T, x *exam) {
	// A venue with times in seconds: thousands of trades have one time.
	var rows []market.Trade
	for i := range 5000 {
		tr := trade(btc, i, 0)
		tr.At = at(time.Duration(i/2500) * time.Second)
		rows = append(rows, tr)
	}
	for i := len(rows); i > 0; i -= 500 {
		x.append(t, &market.Batch{Trades: rows[i-500 : i]})
	}
	same(t, "trades", x.trades(t, btc, market.Range{}), rows)
	same(t, "the second moment", x.trades(t, btc, market.Range{From: at(time.Second), Limit: 700}), rows[2500:3200])
	x.reopen(t)
	x.append(t, &market.Batch{Trades: rows[1000:4000]})
	same(t, "trades after a reopen", x.trades(t, btc, market.Range{}), rows)
}

func manySeries(t *testing.T, x *exam) {
	const series, steps = 60, 40
	want := map[market.Series][]market.Trade{}
	bars := map[market.Series][]market.Candle{}
	for step := range steps {
		b := &market.Batch{}
		for i := range series {
			s := market.Series{Venue: market.VenueID([]string{"kraken", "binance", "k", "b"}[i%4]), Pair: market.Pair(fmt.Sprintf("C%d-USD", i/4))}
			tr := trade(s, step*series+i, time.Duration(step)*time.Second)
			c := candle(s, "1m", at(time.Duration(step)*time.Minute), i%3)
			b.Trades = append(b.Trades, tr)
			b.Candles = append(b.Candles, c)
			want[s] = append(want[s], tr)
			bars[s] = append(bars[s], c)
		}
		x.append(t, b)
	}
	for s := range want {
		same(t, fmt.Sprint("trades of ", s), x.trades(t, s, market.Range{}), want[s])
		same(t, fmt.Sprint("candles of ", s), x.candles(t, s, "1m", market.Range{}), bars[s])
		same(t, fmt.Sprint("other candles of ", s), x.candles(t, s, "5m", market.Range{}), nil)
	}
}
