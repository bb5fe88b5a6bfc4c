package markettest

import (
	"fmt"
	"testing"
	"time"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

func tradesOnce(t *testing.T, x *exam) {
	rows := run(btc, 0, 4000, 250*time.Millisecond)
	double := append(append([]market.Trade{}, rows[:10]...), rows[:10]...)
	x.append(t, &market.Batch{Trades: double})
	for i := 0; i < len(rows); i += 400 {
		x.append(t, &market.Batch{Trades: rows[i : i+400]})
		x.append(t, &market.Batch{Trades: rows[max(0, i-200) : i+400]})
	}
	same(t, "trades", x.trades(t, btc, market.Range{}), rows)
	x.reopen(t)
	x.append(t, &market.Batch{Trades: rows})
	same(t, "trades after a reopen and once more", x.trades(t, btc, market.Range{}), rows)
	seen := rows[3999] // the feed marks what it saw before, and received it later
	seen.Received, seen.Marks = seen.Received.Add(time.Hour), market.Duplicate
	x.append(t, &market.Batch{Trades: []market.Trade{seen}})
	same(t, "the first one stays", x.trades(t, btc, market.Range{}), rows)
}

func tradeOfOtherPrecision(t *testing.T, x *exam) {
	rows := run(btc, 0, 3000, 100*time.Millisecond)
	for i := range rows {
		rows[i].At = rows[i].At.Add(123456 * time.Nanosecond)
	}
	x.append(t, &market.Batch{Trades: rows})
	again := append([]market.Trade{}, rows...)
	for i := range again {
		again[i].At = again[i].At.Truncate(time.Millisecond)
		again[i].Marks = market.Backfilled
	}
	x.append(t, &market.Batch{Trades: again[:1500]})
	x.reopen(t)
	x.append(t, &market.Batch{Trades: again[1500:]})
	same(t, "trades", x.trades(t, btc, market.Range{}), rows)
}

func tradesWithoutID(t *testing.T, x *exam) {
	var want []market.Trade
	for i := range 2500 {
		tr := trade(btc, i, time.Duration(i)*time.Second)
		tr.ID = ""
		want = append(want, tr)
	}
	other := want[2000] // same moment, another size: another trade
	other.Qty = money.MustQty("77.7")
	zeros := want[2000] // 1.0 is written otherwise than 1
	zeros.Qty = money.MustQty("77.70")
	x.append(t, &market.Batch{Trades: want})
	x.append(t, &market.Batch{Trades: []market.Trade{other, zeros, want[2000], other}})
	x.reopen(t)
	x.append(t, &market.Batch{Trades: want})
	x.append(t, &market.Batch{Trades: []market.Trade{zeros}})
	got := x.trades(t, btc, market.Range{})
	want = append(want[:2001], append([]market.Trade{other, zeros}, want[2001:]...)...)
	same(t, "trades", got, want)
}

func higherRevisionWins(t *testing.T, x *exam) {
	var rows []market.Candle
	for i := range 1200 {
		rows = append(rows, candle(btc, "1m", at(time.Duration(i)*time.Minute), 0))
	}
	x.append(t, &market.Batch{Candles: rows})
	want := append([]market.Candle{}, rows...)
	for n, i := range []int{0, 5, 600, 1198, 1199} {
		up := rows[i]
		up.Revision, up.C = 2, money.MustPrice(fmt.Sprintf("6%d.00", n))
		low := rows[i]
		low.Revision, low.C = 1, money.MustPrice("1")
		late := up
		late.Known, late.C = up.Known.Add(time.Hour), money.MustPrice("7.0")
		early := up
		early.Known, early.C = up.Known.Add(-time.Minute), money.MustPrice("8.0")
		switch n {
		case 0: // in one batch, in any order
			x.append(t, &market.Batch{Candles: []market.Candle{late, up, low, early, rows[i]}})
			want[i] = late
		case 1: // one by one, rising
			for _, c := range []market.Candle{early, low, up} {
				x.append(t, &market.Batch{Candles: []market.Candle{c}})
			}
			want[i] = up
		default: // over a reopen
			x.append(t, &market.Batch{Candles: []market.Candle{late}})
			x.reopen(t)
			x.append(t, &market.Batch{Candles: []market.Candle{up, low, rows[i]}})
			want[i] = late
		}
	}
	same(t, "candles", x.candles(t, btc, "1m", market.Range{}), want)
	same(t, "the last", x.candles(t, btc, "1m", market.Range{Limit: 1, Reverse: true}), want[1199:])
	// The candle of the running minute changes hundreds of times.
	open := candle(btc, "1m", at(1200*time.Minute), 0)
	open.Complete = false
	for i := range 300 {
		open.Known, open.C = open.Known.Add(time.Millisecond), money.MustPrice(fmt.Sprintf("60000.%03d", i))
		x.append(t, &market.Batch{Candles: []market.Candle{open}})
	}
	same(t, "candles and the running one", x.candles(t, btc, "1m", market.Range{}), append(want, open))
	x.reopen(t)
	same(t, "candles after a reopen", x.candles(t, btc, "1m", market.Range{}), append(want, open))
}

func laterQuoteStays(t *testing.T, x *exam) {
	var want []market.Quote
	for i := range 1500 {
		want = append(want, quote(btc, time.Duration(i)*time.Millisecond, fmt.Sprintf("100.%03d", i), "200"))
	}
	x.append(t, &market.Batch{Quotes: want})
	x.append(t, &market.Batch{Quotes: want[700:900]})
	same(t, "quotes", x.quotes(t, btc, market.Range{}), want)
	for _, i := range []int{3, 700, 1499} {
		want[i].Bid = money.MustPrice("99.5")
		x.append(t, &market.Batch{Quotes: want[i : i+1]})
	}
	x.reopen(t)
	same(t, "quotes, three changed", x.quotes(t, btc, market.Range{}), want)
}
