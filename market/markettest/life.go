package markettest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/assayhq/assay/market"
)

func listOfSeries(t *testing.T, x *exam) {
	if got, err := x.Series(t.Context()); err != nil || len(got) != 0 {
		t.Fatalf("an empty history lists %v, %v", got, err)
	}
	b := &market.Batch{Trades: run(btc, 0, 1500, time.Second)}
	b.Quotes = append(b.Quotes, quote(btc, time.Second, "1", "2"), quote(btc, 9*time.Second, "1", "2"))
	for i := range 5 {
		b.Candles = append(b.Candles, candle(eth, "1m", at(time.Duration(i)*time.Minute), 0))
	}
	b.Candles = append(b.Candles, candle(eth, "1h", morning, 0))
	x.append(t, b)
	want := map[string]bool{
		"kraken BTC-USD trades  1500 09:00:00 09:24:59":   true,
		"kraken BTC-USD quotes  2 09:00:01 09:00:09":      true,
		"binance ETH-USDT candles 1m 5 09:00:00 09:04:00": true,
		"binance ETH-USDT candles 1h 1 09:00:00 09:00:00": true,
	}
	for _, when := range []string{"at once", "after a reopen"} {
		got, err := x.Series(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		left := len(want)
		for _, s := range got {
			line := fmt.Sprintf("%s %s %s %s %d %s %s", s.Venue, s.Pair, s.Channel, s.Interval, s.Rows, s.First.Format(time.TimeOnly), s.Last.Format(time.TimeOnly))
			if !want[line] {
				t.Errorf("%s: unexpected %q", when, line)
			}
			left--
		}
		if left != 0 {
			t.Errorf("%s: %d series, want %d", when, len(got), len(want))
		}
		x.reopen(t)
	}
}

func retention(t *testing.T, x *exam) {
	rows := run(btc, 0, 5000, time.Second)
	var minutes, hours []market.Candle
	for i := range 1300 {
		minutes = append(minutes, candle(btc, "1m", at(time.Duration(i)*time.Minute), 0))
		hours = append(hours, candle(btc, "1h", at(time.Duration(i)*time.Hour), 0))
	}
	quotes := []market.Quote{quote(btc, 0, "1", "2"), quote(btc, time.Hour, "1", "2")}
	x.append(t, &market.Batch{Trades: rows, Candles: minutes, Quotes: quotes})
	x.append(t, &market.Batch{Candles: hours})
	limits := []market.Retention{
		{Channel: market.Candles, Interval: "1h", Keep: 0},
		{Channel: market.Candles, Keep: 900 * time.Minute},
		{Channel: market.Trades, Keep: 3500 * time.Second},
	}
	retain := func(now time.Time, want int64) {
		t.Helper()
		gone, err := x.Retain(t.Context(), now, limits)
		if err != nil || gone != want {
			t.Fatalf("Retain: %d, %v; want %d", gone, err, want)
		}
	}
	retain(at(5000*time.Second), 1500)
	same(t, "trades", x.trades(t, btc, market.Range{}), rows[1500:])
	retain(at(5000*time.Second), 0)
	retain(at(1300*time.Minute), 3500+400)
	same(t, "trades", x.trades(t, btc, market.Range{}), nil)
	same(t, "minutes", x.candles(t, btc, "1m", market.Range{}), minutes[400:])
	same(t, "hours are for ever", x.candles(t, btc, "1h", market.Range{}), hours)
	same(t, "quotes have no limit", x.quotes(t, btc, market.Range{}), quotes)
	x.reopen(t)
	same(t, "trades after a reopen", x.trades(t, btc, market.Range{}), nil)
	same(t, "minutes after a reopen", x.candles(t, btc, "1m", market.Range{}), minutes[400:])
	x.append(t, &market.Batch{Trades: rows[4000:]})
	same(t, "the series lives on", x.trades(t, btc, market.Range{}), rows[4000:])
	got, err := x.Series(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range got {
		if s.Interval == "1m" && (!s.First.Equal(at(400*time.Minute)) || s.Rows != 900) {
			t.Errorf("minutes are listed from %v with %d rows", s.First, s.Rows)
		}
	}
}

func reopened(t *testing.T, x *exam) {
	rows := run(btc, 0, 2500, time.Second)
	for i := 0; i < len(rows); i += 100 {
		x.append(t, &market.Batch{Trades: rows[i : i+100]})
		x.reopen(t)
		same(t, fmt.Sprint("trades after ", i), x.trades(t, btc, market.Range{}), rows[:i+100])
	}
}

func readersAndWriter(t *testing.T, x *exam) {
	const total = 20000
	rows := run(btc, 0, total, time.Millisecond)
	ctx, stop := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	for n := range 3 {
		readers.Go(func() {
			last := 0
			for ctx.Err() == nil {
				i := 0
				r := market.Range{}
				if n == 1 { // from the middle of what was there
					i = last / 2
					r.From = rows[i].At
				}
				if n == 2 {
					r.Reverse, r.Limit = true, 1500
				}
				prev := ""
				count := 0
				for tr, err := range x.Trades(t.Context(), btc, r) {
					if err != nil {
						t.Errorf("reader %d: %v", n, err)
						return
					}
					if n == 2 {
						if prev != "" && !(len(tr.ID) < len(prev) || len(tr.ID) == len(prev) && tr.ID < prev) {
							t.Errorf("reader %d: %s after %s, backwards", n, tr.ID, prev)
							return
						}
						prev = tr.ID
					} else if i >= total || tr != rows[i] {
						t.Errorf("reader %d: row %d is %s", n, i, say(tr))
						return
					}
					i++
					count++
				}
				if n == 0 && count < last {
					t.Errorf("reader %d saw %d rows, and %d before", n, count, last)
					return
				}
				if n != 2 {
					last = max(last, i)
				}
				last = min(last, total-1)
			}
		})
	}
	for i := 0; i < total; i += 250 {
		if err := x.Append(t.Context(), &market.Batch{Trades: rows[i : i+250]}); err != nil {
			t.Errorf("Append: %v", err)
			break
		}
	}
	stop()
	readers.Wait()
	same(t, "trades", x.trades(t, btc, market.Range{}), rows)
}

func writersTogether(t *testing.T, x *exam) {
	rows := run(btc, 0, 6000, time.Millisecond)
	var writers sync.WaitGroup
	for w := range 6 {
		writers.Go(func() {
			for i := 0; i < len(rows); i += 100 {
				if i/100%3 == w%3 { // each part comes from two writers
					if err := x.Append(t.Context(), &market.Batch{Trades: rows[i : i+100]}); err != nil {
						t.Errorf("writer %d: %v", w, err)
						return
					}
				}
			}
		})
	}
	writers.Wait()
	same(t, "trades", x.trades(t, btc, market.Range{}), rows)
	x.reopen(t)
	same(t, "trades after a reopen", x.trades(t, btc, market.Range{}), rows)
}

func cancelled(t *testing.T, x *exam) {
	rows := run(btc, 0, 30000, time.Millisecond)
	x.append(t, &market.Batch{Trades: rows})
	over, stop := context.WithCancel(t.Context())
	stop()
	if err := x.Append(over, &market.Batch{Trades: run(eth, 0, 1, time.Second)}); !errors.Is(err, context.Canceled) {
		t.Errorf("Append: %v, want context.Canceled", err)
	}
	n, last := 0, error(nil)
	for _, err := range x.Trades(over, btc, market.Range{}) {
		n, last = n+1, err
	}
	if n != 1 || !errors.Is(last, context.Canceled) {
		t.Errorf("reading with a cancelled context gave %d rows and %v, want the error alone", n, last)
	}
	if _, err := x.Series(over); !errors.Is(err, context.Canceled) {
		t.Errorf("Series: %v, want context.Canceled", err)
	}
	if _, err := x.Retain(over, at(time.Hour), []market.Retention{{Channel: market.Trades, Keep: 1}}); !errors.Is(err, context.Canceled) {
		t.Errorf("Retain: %v, want context.Canceled", err)
	}
	half, stop := context.WithCancel(t.Context())
	defer stop()
	n, last = 0, nil
	for _, err := range x.Trades(half, btc, market.Range{}) {
		n, last = n+1, err
		if n == 10 {
			stop()
		}
	}
	if n >= len(rows) || !errors.Is(last, context.Canceled) {
		t.Errorf("cancelled on the way: %d rows and %v, want fewer than all and context.Canceled", n, last)
	}
	same(t, "trades", x.trades(t, btc, market.Range{}), rows)
}

func stopEarly(t *testing.T, x *exam) {
	rows := run(btc, 0, 5000, time.Millisecond)
	x.append(t, &market.Batch{Trades: rows[:4000]})
	n := 0
	for tr, err := range x.Trades(t.Context(), btc, market.Range{}) {
		if err != nil {
			t.Fatal(err)
		}
		if tr != rows[n] {
			t.Fatalf("row %d is %s", n, say(tr))
		}
		if n < 1000 && n%100 == 0 {
			x.append(t, &market.Batch{Trades: rows[4000+n : 4100+n]})
		}
		if n++; n == 3500 {
			break
		}
	}
	same(t, "trades", x.trades(t, btc, market.Range{}), rows)
}
