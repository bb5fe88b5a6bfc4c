package markettest

import (
	"fmt"
	"testing"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

func readBackExactly(t *testing.T, x *exam) {
	b := &market.Batch{}
	tr := trade(btc, 1, 123456789*time.Nanosecond)
	tr.Price, tr.Qty = money.MustPrice("58721.20000"), money.MustQty("0.02798644")
	tr.Marks = market.Late | market.Outlier | market.Revised
	b.Trades = append(b.Trades, tr)
	agg := trade(btc, 2, time.Second)
	agg.Aggregate, agg.Side, agg.Symbol = true, market.NoSide, "other symbol"
	agg.Received = time.Time{}
	b.Trades = append(b.Trades, agg)
	zero := trade(btc, 3, 2*time.Second)
	zero.Price, zero.Qty = money.MustPrice("0.00000000"), money.MustQty("-1.50")
	b.Trades = append(b.Trades, zero)
	q := quote(btc, 999*time.Nanosecond, "58721.2", "58721.30")
	q.Marks = market.Crossed
	b.Quotes = append(b.Quotes, q)
	c := candle(btc, "1m", morning, 3)
	c.Marks = market.Backfilled
	b.Candles = append(b.Candles, c)
	unknown := candle(btc, "1m", at(time.Minute), 0)
	unknown.Trades, unknown.Complete, unknown.Known, unknown.Turnover = -1, false, time.Time{}, money.Decimal{}
	b.Candles = append(b.Candles, unknown)
	month := candle(btc, "1M", time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC), 0)
	b.Candles = append(b.Candles, month)
	g := market.Gap{ID: "g-1", Venue: btc.Venue, Pair: btc.Pair, Symbol: "XBT/USD", Channel: market.Trades, Kind: market.SequenceGap,
		From: at(1), To: at(2), Missing: 7, Detail: "seven trades are missing", Repaired: at(time.Hour), Restored: 6, Conn: "c1"}
	b.Gaps = append(b.Gaps, g)
	b.Books = append(b.Books, market.BookUpdate{Venue: btc.Venue, Pair: btc.Pair})
	b.Notices = append(b.Notices, market.Notice{Text: "hello"})
	x.append(t, b)

	for _, when := range []string{"at once", "after a reopen"} {
		same(t, "trades "+when, x.trades(t, btc, market.Range{}), []market.Trade{tr, agg, zero})
		same(t, "quotes "+when, x.quotes(t, btc, market.Range{}), []market.Quote{q})
		same(t, "candles "+when, x.candles(t, btc, "1m", market.Range{}), []market.Candle{c, unknown})
		same(t, "months "+when, x.candles(t, btc, "1M", market.Range{}), []market.Candle{month})
		same(t, "gaps "+when, x.gaps(t, btc, market.Range{}), []market.Gap{g})
		x.reopen(t)
	}
}

func widestDecimals(t *testing.T, x *exam) {
	texts := []string{
		"9999999999999999999", "0.9999999999999999999", "0.0000000000000000001", "-9999999999999999999",
		"9223372036854775807", "9223372036854775808", "-9223372036854775808", "0", "0.0000000000000000000",
		"1", "1.0", "18446744.07370955161", "0.00000001", "123456789012345678.9", "-0.5",
	}
	for _, mixed := range []bool{false, true} {
		s := market.Series{Venue: "kraken", Pair: market.Pair(fmt.Sprintf("WIDE-%v", mixed))}
		var want []market.Trade
		n := 0
		for i, p := range texts {
			for j, q := range texts {
				tr := trade(s, n, time.Duration(n)*time.Millisecond)
				tr.Price, tr.Qty = money.MustPrice(p), money.MustQty(q)
				if !mixed { // one odd value among many plain ones, and plain ones around it
					tr.Price = money.MustPrice(fmt.Sprintf("%d.25", 100+i))
				}
				want = append(want, tr)
				n += 1 + j*0
			}
		}
		x.append(t, &market.Batch{Trades: want})
		same(t, "trades", x.trades(t, s, market.Range{}), want)
		var cs []market.Candle
		for i, p := range texts {
			c := candle(s, "1m", at(time.Duration(i)*time.Minute), 0)
			c.O, c.Volume, c.Turnover = money.MustPrice(p), money.MustQty(p), money.MustParse(texts[len(texts)-1-i])
			if mixed {
				c.H, c.L, c.C = money.MustPrice(texts[(i+1)%len(texts)]), money.MustPrice(texts[(i+2)%len(texts)]), money.MustPrice(texts[(i+3)%len(texts)])
			}
			cs = append(cs, c)
		}
		x.append(t, &market.Batch{Candles: cs})
		same(t, "candles", x.candles(t, s, "1m", market.Range{}), cs)
	}
}

func scaleChanges(t *testing.T, x *exam) {
	var want []market.Trade
	for i := range 3000 {
		tr := trade(btc, i, time.Duration(i)*time.Millisecond)
		switch i % 4 {
		case 0:
			tr.Price = money.MustPrice(fmt.Sprintf("%d", 60000+i))
		case 1:
			tr.Price = money.MustPrice(fmt.Sprintf("%d.0", 60000+i))
		case 2:
			tr.Price = money.MustPrice(fmt.Sprintf("%d.1250", 60000+i))
		default:
			tr.Price = money.MustPrice(fmt.Sprintf("0.%010d", i))
		}
		want = append(want, tr)
	}
	x.append(t, &market.Batch{Trades: want[:1500]})
	x.append(t, &market.Batch{Trades: want[1500:]})
	same(t, "trades", x.trades(t, btc, market.Range{}), want)
}

func oddIDs(t *testing.T, x *exam) {
	ids := []string{"1", "2", "0", "00017", "18446744073709551615", "100013462873529384756123", "-5", "3.5", "abc", "ccc3c1fa-212c-e8b0-1706-9b9c4f3d5ecf",
		"CCC3C1FA-212C-E8B0-1706-9B9C4F3D5ECF", "ccc3c1fa-212c-e8b0-1706-9b9c4f3d5ecg", "ünïcode", "a b", "9223372036854775807", "9223372036854775808", " 7"}
	var want []market.Trade
	for i, id := range ids {
		tr := trade(btc, i, time.Duration(i)*time.Second)
		tr.ID = id
		want = append(want, tr)
	}
	for i := range 2500 { // and many of one shape
		tr := trade(eth, i, time.Duration(i)*time.Second)
		tr.ID = fmt.Sprintf("%08x-212c-4e8b-9706-%012x", i*7919, i)
		want = append(want, tr)
	}
	x.append(t, &market.Batch{Trades: want})
	same(t, "odd", x.trades(t, btc, market.Range{}), want[:len(ids)])
	same(t, "uuids", x.trades(t, eth, market.Range{}), want[len(ids):])
	x.append(t, &market.Batch{Trades: want})
	x.reopen(t)
	x.append(t, &market.Batch{Trades: want})
	same(t, "odd, again", x.trades(t, btc, market.Range{}), want[:len(ids)])
	same(t, "uuids, again", x.trades(t, eth, market.Range{}), want[len(ids):])
}

func quoteWithoutTime(t *testing.T, x *exam) {
	a, b, c := quote(btc, 0, "1", "2"), quote(btc, 0, "3", "4"), quote(btc, 3*time.Second, "5", "6")
	a.At, b.At = time.Time{}, time.Time{}
	a.Received, b.Received = at(time.Second), at(2*time.Second)
	x.append(t, &market.Batch{Quotes: []market.Quote{c, b, a}})
	x.reopen(t)
	same(t, "quotes", x.quotes(t, btc, market.Range{}), []market.Quote{a, b, c})
	same(t, "the second", x.quotes(t, btc, market.Range{From: at(2 * time.Second), To: at(3 * time.Second)}), []market.Quote{b})
}

func batchIsReused(t *testing.T, x *exam) {
	var b market.Batch
	var want []market.Trade
	for i := range 50 {
		b.Reset()
		frame := []byte(fmt.Sprint(1000 + i))
		tr := trade(btc, i, time.Duration(i)*time.Second)
		tr.ID = string(frame)
		b.Trades = append(b.Trades, tr)
		want = append(want, tr)
		x.append(t, &b)
		b.Trades[0] = market.Trade{Venue: "scribbled", Pair: "OVER-IT"}
	}
	same(t, "trades", x.trades(t, btc, market.Range{}), want)
}

func refusedAsAWhole(t *testing.T, x *exam) {
	good, bad := trade(btc, 1, 0), trade(btc, 2, time.Second)
	bad.Pair = ""
	err := x.Append(t.Context(), &market.Batch{Trades: []market.Trade{good, bad}})
	if err == nil {
		t.Fatal("a trade without a pair was taken")
	}
	if fault.Of(err) != fault.Invalid {
		t.Errorf("kind %v of %v, want invalid", fault.Of(err), err)
	}
	same(t, "trades", x.trades(t, btc, market.Range{}), nil)
	early := trade(btc, 3, 0)
	early.At = time.Date(1066, 10, 14, 0, 0, 0, 0, time.UTC)
	if err := x.Append(t.Context(), &market.Batch{Trades: []market.Trade{early}}); err != nil && fault.Of(err) != fault.Invalid {
		t.Errorf("a time no engine need hold: kind %v of %v, want nil or invalid", fault.Of(err), err)
	}
	x.append(t, &market.Batch{})
	x.append(t, &market.Batch{Trades: []market.Trade{good}})
	same(t, "trades", x.trades(t, btc, market.Range{From: morning}), []market.Trade{good})
}
