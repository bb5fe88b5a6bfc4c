package candle

import (
	"iter"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

// From gives the base interval that bars of i are rolled up from: the longest
// stored one that fits into i a whole number of times, in calendar terms. ok is
// false when i is the shortest.
func From(i market.Interval) (market.Interval, bool) {
	switch i {
	case "1s":
		return "", false
	case "5s", "15s", "30s", "1m":
		return "1s", true
	case "3m", "5m", "15m", "30m", "1h":
		return "1m", true
	case "2h", "4h", "6h", "8h", "12h", "1d":
		return "1h", true
	}
	return "1d", true // 3d, 1w, 1M
}

// Stored tells whether bars of i are kept in the store, or always rolled up.
func Stored(i market.Interval) bool { return i == "1s" || i == "1m" || i == "1h" || i == "1d" }

// Roll makes bars of i from shorter ones in time order. The last bar may be
// partial: it is Complete only if a later short bar shows that it is over, or the
// caller knows better. A bar is incomplete when any part is.
func Roll(i market.Interval, parts iter.Seq2[market.Candle, error]) iter.Seq2[market.Candle, error] {
	return func(yield func(market.Candle, error) bool) {
		var cur market.Candle
		var volume, turnover money.Sum
		open, known := false, true
		flush := func(over bool) market.Candle {
			v, _ := volume.Decimal(money.MaxDigits)
			cur.Volume = money.Qty{Decimal: v}
			cur.Turnover = money.Decimal{}
			if known {
				cur.Turnover, _ = turnover.Decimal(TurnoverDecimals)
			}
			cur.Complete = cur.Complete && over
			return cur
		}
		for p, err := range parts {
			if err != nil {
				yield(p, err)
				return
			}
			start := i.Start(p.Open)
			if open && !start.Equal(cur.Open) {
				if !yield(flush(true), nil) {
					return
				}
				open = false
			}
			if !open {
				cur = p
				cur.Interval, cur.Open = i, start
				cur.Revision, cur.Marks = 0, 0
				volume, turnover = money.Sum{}, money.Sum{}
				open, known = true, true
				cur.Trades = 0
				cur.Complete = true
			}
			if p.H.Cmp(cur.H.Decimal) > 0 {
				cur.H = p.H
			}
			if p.L.Cmp(cur.L.Decimal) < 0 {
				cur.L = p.L
			}
			cur.C = p.C
			volume.Add(p.Volume.Decimal)
			turnover.Add(p.Turnover)
			known = known && (!p.Turnover.IsZero() || p.Volume.IsZero())
			if p.Trades < 0 || cur.Trades < 0 {
				cur.Trades = -1
			} else {
				cur.Trades += p.Trades
			}
			cur.Complete = cur.Complete && p.Complete
			cur.Revision += p.Revision
			cur.Marks |= p.Marks
			if p.Known.After(cur.Known) {
				cur.Known = p.Known
			}
		}
		if open {
			yield(flush(false), nil)
		}
	}
}
