package dump

import (
	"slices"
	"strings"
	"time"

	"github.com/assayhq/assay/market"
)

// trade makes a trade of the columns that all formats have, under their names in
// this one. id is "" where the format need not have one.
func (w *row) trade(id, price, qty string, side market.Side, at string) market.Trade {
	into := &w.f.into
	t := market.Trade{Venue: into.Venue, Pair: into.Pair, Price: w.price(price), Qty: w.qty(qty), Side: side, At: w.time(at), Marks: market.Imported}
	if id != "" {
		if t.ID = strings.Clone(w.get(id)); t.ID == "" {
			w.bad(id, "the row may have been cut off", "there is no id")
		}
	}
	t.Symbol = w.symbol()
	return t
}

func binanceAggTrade(w *row) market.Trade {
	t := w.trade("agg_trade_id", "price", "quantity", w.makerSide("is_buyer_maker"), "transact_time")
	t.Aggregate = true
	return t
}

func binanceTrade(w *row) market.Trade {
	return w.trade("id", "price", "qty", w.makerSide("is_buyer_maker"), "time")
}

func bybitTick(w *row) market.Trade {
	return w.trade("trdmatchid", "price", "size", w.side("side"), "timestamp")
}

func bybitSpot(w *row) market.Trade {
	return w.trade("id", "price", "volume", w.side("side"), "timestamp")
}

func okxTrade(w *row) market.Trade {
	return w.trade("trade_id", "price", "size", w.side("side"), "created_time")
}

func tardisTrade(w *row) market.Trade {
	t := w.trade("", "price", "amount", w.side("side"), "timestamp")
	t.ID = strings.Clone(w.get("id")) // some exchanges have none
	t.Received = w.time("local_timestamp")
	return t
}

func freqtradeTrade(w *row) market.Trade {
	t := w.trade("", "price", "amount", w.side("side"), "timestamp")
	t.ID = strings.Clone(w.get("id"))
	return t
}

func gctTrade(w *row) market.Trade {
	return w.trade("", "price", "amount", w.side("side"), "timestamp")
}

func tardisQuote(w *row) market.Quote {
	into := &w.f.into
	q := market.Quote{Venue: into.Venue, Pair: into.Pair, At: w.time("timestamp"), Received: w.time("local_timestamp"), Marks: market.Imported}
	q.Symbol = w.symbol()
	if w.get("ask_price") != "" { // a side of the book can be empty
		q.Ask, q.AskQty = w.price("ask_price"), w.qty("ask_amount")
	}
	if w.get("bid_price") != "" {
		q.Bid, q.BidQty = w.price("bid_price"), w.qty("bid_amount")
	}
	return q
}

// candle makes a candle of the columns that all formats have. length is how long
// the row says it lasts, 0 if it does not.
func (w *row) candle(at string, length time.Duration) market.Candle {
	into := &w.f.into
	c := market.Candle{
		Venue: into.Venue, Pair: into.Pair, Open: w.time(at), O: w.price("open"), H: w.price("high"), L: w.price("low"), C: w.price("close"),
		Volume: w.qty("volume"), Trades: -1, Complete: true, Marks: market.Imported, Known: into.Known,
	}
	c.Interval = w.interval(length)
	if w.err == nil && !c.Interval.Start(c.Open).Equal(c.Open) {
		w.bad(at, "check the interval and the unit of the time", "%s is no start of an interval of %s", c.Open.Format(time.RFC3339Nano), c.Interval)
	}
	low, high := c.L.Decimal, c.H.Decimal
	if w.err == nil && (low.Cmp(c.O.Decimal) > 0 || low.Cmp(c.C.Decimal) > 0 || high.Cmp(c.O.Decimal) < 0 || high.Cmp(c.C.Decimal) < 0) {
		w.bad("high", "check the order of the columns", "open %s and close %s are not between low %s and high %s", c.O, c.C, c.L, c.H)
	}
	return c
}

func binanceCandle(w *row) market.Candle {
	open, end := w.time("open_time"), w.time("close_time")
	unit := time.Millisecond // the end is the last moment of the candle, in the unit of the file
	if len(w.get("close_time")) > 14 {
		unit = time.Microsecond
	}
	length := time.Duration(0)
	if w.err == nil {
		length = end.Add(unit).Sub(open)
	}
	c := w.candle("open_time", length)
	c.Turnover, c.Trades = w.decimal("quote_volume"), w.count("count")
	return c
}

func gctCandle(w *row) market.Candle { return w.candle("timestamp", 0) }

// assayCandle reads what we export, in the short form and in the API's. What a row
// does not say is unknown; a mark of ours is kept.
func assayCandle(w *row) market.Candle {
	c := w.candle("ts", 0)
	if w.get("turnover") != "" {
		c.Turnover = w.decimal("turnover")
	}
	if w.get("trades") != "" {
		c.Trades = w.count("trades")
	}
	if w.get("complete") != "" {
		c.Complete = w.truth("complete")
	}
	if w.get("revision") != "" {
		if n := w.count("revision"); n > 1<<31-1 {
			w.bad("revision", "write how often the candle was changed", "%d is too high", n)
		} else {
			c.Revision = int(n)
		}
	}
	if marks := w.get("marks"); marks != "" {
		names := market.MarkNames()
		for m := range strings.SplitSeq(marks, ";") {
			i := slices.Index(names, m)
			if i < 0 {
				w.bad("marks", "the marks are "+strings.Join(names, ", "), "%q is no mark", clip(m, 20))
				continue
			}
			c.Marks |= 1 << i
		}
	}
	return c
}
