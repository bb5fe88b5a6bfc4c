package dump

import (
	"strings"
	"time"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

// trade makes a trade of the columns that all formats have, under their names in
// this one. id is "" where the format has none.
func (w *row) trade(id, price, qty string, side market.Side, at string) market.Trade {
	t := market.Trade{Venue: w.r.about.Venue, Price: w.price(price), Qty: w.qty(qty), Side: side, At: w.time(at), Marks: market.Backfilled}
	if id != "" {
		if t.ID = strings.Clone(w.get(id)); t.ID == "" {
			w.bad(id, "the row may have been cut off", "there is no id")
		}
	}
	t.Symbol, t.Pair = w.pair()
	return t
}

func binanceAggTrade(_ *Reader, w *row) market.Trade {
	t := w.trade("agg_trade_id", "price", "quantity", w.makerSide("is_buyer_maker"), "transact_time")
	t.Aggregate = true
	return t
}

func binanceTrade(_ *Reader, w *row) market.Trade {
	return w.trade("id", "price", "qty", w.makerSide("is_buyer_maker"), "time")
}

func bybitTick(_ *Reader, w *row) market.Trade {
	return w.trade("trdmatchid", "price", "size", w.side("side"), "timestamp")
}

func bybitSpot(_ *Reader, w *row) market.Trade {
	return w.trade("id", "price", "volume", w.side("side"), "timestamp")
}

func okxTrade(_ *Reader, w *row) market.Trade {
	return w.trade("trade_id", "price", "size", w.side("side"), "created_time")
}

func tardisTrade(_ *Reader, w *row) market.Trade {
	t := w.trade("", "price", "amount", w.side("side"), "timestamp")
	t.ID = strings.Clone(w.get("id")) // some exchanges have none
	t.Received = w.time("local_timestamp")
	return t
}

func freqtradeTrade(_ *Reader, w *row) market.Trade {
	t := w.trade("", "price", "amount", w.side("side"), "timestamp")
	t.ID = strings.Clone(w.get("id"))
	return t
}

func gctTrade(_ *Reader, w *row) market.Trade {
	return w.trade("", "price", "amount", w.side("side"), "timestamp")
}

func tardisQuote(_ *Reader, w *row) market.Quote {
	q := market.Quote{Venue: w.r.about.Venue, At: w.time("timestamp"), Received: w.time("local_timestamp"), Marks: market.Backfilled}
	q.Symbol, q.Pair = w.pair()
	if w.get("ask_price") != "" { // a side of the book can be empty
		q.Ask, q.AskQty = w.price("ask_price"), w.qty("ask_amount")
	}
	if w.get("bid_price") != "" {
		q.Bid, q.BidQty = w.price("bid_price"), w.qty("bid_amount")
	}
	return q
}

// candle makes a candle of the columns that all formats have.
func (w *row) candle(at string, length time.Duration) market.Candle {
	c := market.Candle{
		Venue: w.r.about.Venue, Open: w.time(at), O: w.price("open"), H: w.price("high"), L: w.price("low"), C: w.price("close"),
		Volume: w.qty("volume"), Trades: -1, Complete: true, Marks: market.Backfilled, Known: w.r.about.Known,
	}
	_, c.Pair = w.pair()
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

func binanceCandle(_ *Reader, w *row) market.Candle {
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

func gctCandle(_ *Reader, w *row) market.Candle { return w.candle("timestamp", 0) }

func assayCandle(_ *Reader, w *row) market.Candle {
	c := w.candle("ts_ms", 0)
	c.Turnover = money.Decimal{}
	return c
}
