package markettest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

// knownAtAMoment plays a day of bars that are corrected, and keeps what a reader was
// given after each step. Asked later for what was known then, the history says the same.
func knownAtAMoment(t *testing.T, x *exam) {
	type view struct {
		at   time.Time
		rows []market.Candle
	}
	var given []view
	var now time.Time
	var bars []market.Candle
	put := func(cs ...market.Candle) {
		t.Helper()
		x.append(t, &market.Batch{Candles: cs})
	}
	for i := range 1500 {
		open := at(time.Duration(i) * time.Minute)
		now = open.Add(61 * time.Second)
		c := candle(btc, "1m", open, 0)
		c.Known, c.C = now, money.MustPrice(fmt.Sprintf("60%03d.5", i%1000))
		bars = append(bars, c)
		put(c)
		if i%7 == 3 { // late trades, of this minute or of hours ago
			old := &bars[i-(i*13)%min(i, 900)]
			old.Revision++
			old.Volume, old.Known, old.Marks = money.MustQty(fmt.Sprintf("%d.75", i)), now.Add(2*time.Second), market.Revised
			put(*old)
		}
		if i%400 == 50 { // the venue's own bars take the place of the last twenty
			var page []market.Candle
			for k := i - 20; k < i; k++ {
				if bars[k].Revision == 0 {
					bars[k].C, bars[k].Marks, bars[k].Known = money.MustPrice("61000"), market.VenueBar, now.Add(5*time.Second)
					page = append(page, bars[k])
				}
			}
			put(page...)
			for k := range page { // fetched again: nothing new
				page[k].Known = page[k].Known.Add(time.Second)
			}
			put(page...)
		}
		if i%100 == 60 {
			now = now.Add(10 * time.Second)
			given = append(given, view{now, x.candles(t, btc, "1m", market.Range{})})
		}
		if i%500 == 250 {
			x.reopen(t)
		}
	}
	// A bar that still runs leaves no versions.
	for i := range 40 {
		c := candle(btc, "1m", at(1500*time.Minute), 0)
		c.Complete, c.Known, c.C = false, c.Open.Add(time.Duration(i)*time.Second), money.MustPrice(fmt.Sprint(60000+i))
		put(c)
	}
	for _, when := range []string{"at once", "after a reopen"} {
		for _, v := range given {
			r := market.Range{KnownAt: v.at}
			same(t, fmt.Sprintf("as known at %s, %s", moment(v.at), when), x.candles(t, btc, "1m", r), v.rows)
			r.Reverse, r.Limit, r.To = true, 30, v.rows[len(v.rows)/2].Open
			want := slices.Clone(v.rows[max(0, len(v.rows)/2-30) : len(v.rows)/2])
			slices.Reverse(want)
			same(t, fmt.Sprintf("a part, backwards, as known at %s, %s", moment(v.at), when), x.candles(t, btc, "1m", r), want)
		}
		same(t, "before anything was known", x.candles(t, btc, "1m", market.Range{KnownAt: at(0)}), nil)
		x.reopen(t)
	}
	list, err := x.Series(t.Context())
	if err != nil || len(list) != 1 {
		t.Errorf("earlier versions are no series of their own: %v, %v", list, err)
	}
	// What else there is knows when it was received.
	seen, fetched := trade(btc, 1, time.Second), trade(btc, 2, 2*time.Second)
	fetched.Received, fetched.Marks = at(time.Hour), market.Backfilled
	paid := payment(perp, 0)
	paid.Received = at(time.Hour)
	x.append(t, &market.Batch{Trades: []market.Trade{seen, fetched}, Derivatives: []market.Derivative{paid}})
	same(t, "trades known after a minute", x.trades(t, btc, market.Range{KnownAt: at(time.Minute), Limit: 5}), []market.Trade{seen})
	same(t, "trades known after two hours", x.trades(t, btc, market.Range{KnownAt: at(2 * time.Hour)}), []market.Trade{seen, fetched})
	same(t, "funding known after a minute", x.funding(t, perp, market.Range{KnownAt: at(time.Minute)}), nil)
	same(t, "funding known after an hour", x.funding(t, perp, market.Range{KnownAt: at(time.Hour)}), []market.Derivative{paid})
}

// chain makes n versions of one closed bar, each known an hour after the one before.
func chain(open time.Time, n int) []market.Candle {
	out := make([]market.Candle, n)
	for i := range out {
		out[i] = candle(btc, "1m", open, i/2) // two of each revision
		out[i].Known = open.Add(time.Minute + time.Duration(i)*time.Hour)
		out[i].C = money.MustPrice(fmt.Sprint(60000 + i))
	}
	return out
}

func versionsInAnyOrder(t *testing.T, x *exam) {
	for k, order := range [][]int{{0, 1, 2, 3}, {3, 2, 1, 0}, {2, 0, 3, 1}, {1, 3, 0, 2, 1, 3, 0}} {
		vs := chain(at(time.Duration(k)*time.Minute), 4)
		for _, i := range order {
			x.append(t, &market.Batch{Candles: []market.Candle{vs[i]}})
		}
		if k%2 == 1 {
			x.reopen(t)
		}
		one := market.Range{From: vs[0].Open, To: vs[0].Open.Add(time.Minute)}
		for i, v := range vs {
			r := one
			r.KnownAt = v.Known
			same(t, fmt.Sprintf("order %v, version %d", order, i), x.candles(t, btc, "1m", r), []market.Candle{v})
			r.KnownAt = v.Known.Add(-1)
			same(t, fmt.Sprintf("order %v, before version %d", order, i), x.candles(t, btc, "1m", r), vs[max(0, i-1):i])
		}
		want := []market.Correction{{Before: vs[0], After: vs[1]}, {Before: vs[1], After: vs[2]}, {Before: vs[2], After: vs[3]}}
		same(t, fmt.Sprintf("order %v", order), x.corrections(t, btc, "1m", one), want)
	}
	// A higher revision that was known first never gave way to the lower one.
	vs := chain(at(time.Hour), 3)
	vs[0].Revision, vs[2].Revision = 5, 1
	x.append(t, &market.Batch{Candles: vs})
	same(t, "the higher revision stands", x.candles(t, btc, "1m", market.Range{From: at(time.Hour), KnownAt: vs[2].Known}), vs[:1])
	same(t, "and was never corrected", x.corrections(t, btc, "1m", market.Range{From: at(time.Hour)}), nil)
}

func correctionsAreTold(t *testing.T, x *exam) {
	var want []market.Correction
	for i := range 700 {
		c := candle(btc, "1m", at(time.Duration(i)*time.Minute), 0)
		up := c
		up.Revision, up.Known, up.Marks = 1, c.Known.Add(time.Hour), market.Revised
		up.Volume = money.MustQty("99.5")
		x.append(t, &market.Batch{Candles: []market.Candle{c}})
		if i%3 == 0 {
			x.append(t, &market.Batch{Candles: []market.Candle{up, c}})
			want = append(want, market.Correction{Before: c, After: up})
		}
	}
	x.reopen(t)
	same(t, "corrections", x.corrections(t, btc, "1m", market.Range{}), want)
	same(t, "a part", x.corrections(t, btc, "1m", market.Range{From: at(30 * time.Minute), To: at(300 * time.Minute), Limit: 20}), want[10:30])
	back := slices.Clone(want)
	slices.Reverse(back)
	same(t, "the last", x.corrections(t, btc, "1m", market.Range{Reverse: true, Limit: 3}), back[:3])
	same(t, "those known by then", x.corrections(t, btc, "1m", market.Range{KnownAt: want[9].After.Known}), want[:10])
	same(t, "of another interval", x.corrections(t, btc, "5m", market.Range{}), nil)
	same(t, "of nothing", x.corrections(t, eth, "1m", market.Range{}), nil)
	if why := want[0].Why(); why != market.LateTrades {
		t.Errorf("the reason is %q", why)
	}
	if _, err := x.Retain(t.Context(), at(700*time.Minute), []market.Retention{{Channel: market.Candles, Keep: 100 * time.Minute}}); err != nil {
		t.Fatal(err)
	}
	same(t, "versions go with their bars", x.corrections(t, btc, "1m", market.Range{}), want[200:])
}
