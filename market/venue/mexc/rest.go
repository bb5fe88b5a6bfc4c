package mexc

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/internal/scan"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/money"
)

// The most rows of one answer, and the most time that one of past trades may span.
const (
	pageTrades  = 1000
	pageCandles = 500
	span        = time.Hour
)

func ask(a venue.Ask) (venue.Request, error) {
	symbol := "symbol=" + url.QueryEscape(a.Instrument.Symbol)
	switch a.What {
	case venue.AskInstruments:
		return venue.Request{Path: "/api/v3/exchangeInfo", Weight: 10}, nil
	case venue.AskClock:
		return venue.Request{Path: "/api/v3/time"}, nil
	case venue.AskBook:
		n := 1000
		switch {
		case a.Depth > 1000:
			n = 5000
		case a.Depth > 0 && a.Depth <= 100:
			n = 100
		case a.Depth > 0 && a.Depth <= 500:
			n = 500
		}
		return venue.Request{Path: "/api/v3/depth?" + symbol + "&limit=" + strconv.Itoa(n)}, nil
	case venue.AskTrades:
		n := "&limit=" + strconv.Itoa(venue.PageSize(a, pageTrades))
		if a.From.IsZero() {
			return venue.Request{Path: "/api/v3/trades?" + symbol + n, Weight: 5}, nil
		}
		from, to := stretch(a)
		return venue.Request{Path: "/api/v3/aggTrades?" + symbol + n + "&startTime=" + venue.MS(from) + "&endTime=" + venue.MS(to.Add(-time.Millisecond))}, nil
	case venue.AskCandles:
		name, err := venue.IntervalName("MEXC", intervals, a.Interval)
		if err != nil {
			return venue.Request{}, err
		}
		n := venue.PageSize(a, pageCandles)
		path := "/api/v3/klines?" + symbol + "&interval=" + name + "&limit=" + strconv.Itoa(n)
		from, to := venue.Window(a, n)
		if !from.IsZero() {
			path += "&startTime=" + venue.MS(from)
		}
		if !to.IsZero() {
			path += "&endTime=" + venue.MS(to.Add(-time.Millisecond))
		}
		return venue.Request{Path: path}, nil
	}
	return venue.Request{}, fault.New(fault.Invalid, "MEXC cannot be asked that")
}

// stretch gives the part of the range that one request for past trades covers. The
// exchange gives the rows of a time and no more than a page of them, and does not say
// which when there are more: then the same time is asked for in halves.
func stretch(a venue.Ask) (from, to time.Time) {
	from = a.From.Truncate(time.Millisecond)
	length := span
	if start, long, ok := strings.Cut(a.Cursor, "+"); ok {
		if ms, err := strconv.ParseInt(start, 10, 64); err == nil {
			from = time.UnixMilli(ms).UTC()
		}
		if ms, err := strconv.ParseInt(long, 10, 64); err == nil {
			length = min(max(time.Duration(ms)*time.Millisecond, time.Second), span)
		}
	}
	if to = from.Add(length); !a.To.IsZero() && to.After(a.To) {
		to = a.To
	}
	if !to.After(from) {
		to = from.Add(time.Millisecond)
	}
	return from, to
}

func next(a venue.Ask, got *market.Batch) (venue.Ask, bool) {
	switch a.What {
	case venue.AskCandles:
		return venue.NextWindow(a, venue.PageSize(a, pageCandles), got)
	case venue.AskTrades:
		if a.From.IsZero() {
			return a, false
		}
		from, to := stretch(a)
		length := to.Sub(from)
		full := len(got.Trades) >= venue.PageSize(a, pageTrades)
		if full && length > time.Second {
			return at(a, from, length/2)
		}
		within := slices.ContainsFunc(got.Trades, func(t market.Trade) bool { return !t.At.Before(from) })
		if !a.To.IsZero() && !to.Before(a.To) || a.To.IsZero() && !within {
			return a, false
		}
		if !full {
			length *= 2
		}
		return at(a, to, length)
	}
	return a, false
}

// at is the ask for a stretch that begins at from.
func at(a venue.Ask, from time.Time, length time.Duration) (venue.Ask, bool) {
	a.Cursor = venue.MS(from) + "+" + strconv.FormatInt(max(length, time.Second).Milliseconds(), 10)
	return a, true
}

// answer reads the body that came from u. Errors are {"code":…,"msg":…}.
func answer(u *url.URL, body []byte, t *venue.Table, out *market.Batch) error {
	what, ok := strings.CutPrefix(u.Path, "/api/v3/")
	if !ok {
		return fault.New(fault.Invalid, "no decoder for %s", u.Path)
	}
	q := u.Query()
	var in *market.Instrument
	if s := q.Get("symbol"); s != "" {
		in = t.Find([]byte(s))
	}
	i := venue.IntervalOf(intervals, q.Get("interval"))
	switch what {
	case "depth", "trades", "aggTrades", "klines":
		if in == nil {
			return fault.New(fault.Invalid, "the address %s does not name a symbol", u.Path)
		}
		if what == "klines" && i == "" {
			return fault.New(fault.Invalid, "candles of %q are not read", q.Get("interval"))
		}
	}
	c := scan.New(body)
	if c.Peek() == '{' {
		if err := failure(0, body); err != nil {
			return err
		}
	}
	switch what {
	case "exchangeInfo":
		instruments(&c, t, out)
	case "depth":
		snapshot(&c, in, out)
	case "trades", "aggTrades":
		from := len(out.Trades)
		for ok := c.Arr(); ok && c.NextItem(); {
			past(&c, in, out)
		}
		slices.SortStableFunc(out.Trades[from:], func(a, b market.Trade) int { return a.At.Compare(b.At) })
	case "klines":
		for ok := c.Arr(); ok && c.NextItem(); {
			venue.ReadRow(&c, venue.Candle(out, in, i, time.Time{}), "mohlcv-q")
		}
		venue.Settle(out, time.Time{})
	case "time":
		venue.Clock(&c, out, "serverTime", (*scan.Cursor).Millis)
	case "ping":
		c.Skip()
	default:
		return fault.New(fault.Invalid, "no decoder for %s", u.Path)
	}
	return c.End()
}

// failure reads {"code":…,"msg":…}; nil if the body is no error of that form.
func failure(_ int, body []byte) error {
	c := scan.New(body)
	code := ""
	var msg []byte
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "code":
			code = string(c.Raw())
		case "msg":
			if c.Peek() == '"' {
				msg = c.Str()
			} else {
				c.Skip()
			}
		default:
			c.Skip()
		}
	}
	if c.End() != nil {
		return nil
	}
	switch code {
	case "", "0", "200", "null":
		return nil
	case "-1121", "10007", "1001":
		return fault.New(fault.Unknown, "MEXC does not know it: %s", msg)
	case "429", "510", "-1003":
		return fault.New(fault.Exhausted, "MEXC limits our requests: %s", msg)
	case "500", "501", "503", "504", "604", "801", "11444":
		return fault.New(fault.Unavailable, "MEXC failed: %s", msg)
	}
	return fault.New(fault.Invalid, "MEXC refused the request (code %s): %s", code, msg)
}

func snapshot(c *scan.Cursor, in *market.Instrument, out *market.Batch) {
	b := venue.Book(out, in)
	b.Snapshot = true
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "lastUpdateId":
			b.Last = uint64(c.Int())
		case "bids":
			b.Bids = venue.ReadLevels(c, out)
		case "asks":
			b.Asks = venue.ReadLevels(c, out)
		case "timestamp":
			b.At = c.Millis()
		default:
			c.Skip()
		}
	}
	if b.Last == 0 {
		c.Fail("book without lastUpdateId")
	}
}

// past reads a trade of either list; their ids are null.
func past(c *scan.Cursor, in *market.Instrument, out *market.Batch) {
	t := venue.Trade(out, in)
	t.Marks = market.Backfilled
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "price", "p":
			t.Price = c.Price()
		case "qty", "q":
			t.Qty = c.Qty()
		case "time", "T":
			t.At = c.Millis()
		case "isBuyerMaker", "m":
			t.Side = market.Buy
			if c.Bool() {
				t.Side = market.Sell
			}
		default:
			c.Skip()
		}
	}
	if t.Price.IsZero() {
		c.Fail("trade without price")
	}
}

var statuses = map[string]market.Status{"1": market.Trading, "2": market.Halted, "3": market.Delisted, "ENABLED": market.Trading, "DISABLED": market.Halted}

func instruments(c *scan.Cursor, t *venue.Table, out *market.Batch) {
	for ok := c.Obj(); ok && c.NextKey(); {
		if !c.Is("symbols") {
			c.Skip()
			continue
		}
		for ok := c.Arr(); ok && c.NextItem(); {
			instrument(c, t, out)
		}
	}
}

// instrument reads {symbol,status,baseAsset,quoteAsset,…}. baseSizePrecision is the least
// size, quoteAmountPrecision the least value of an order.
func instrument(c *scan.Cursor, t *venue.Table, out *market.Batch) {
	in := market.Instrument{Kind: market.Spot, PriceDecimals: -1, QtyDecimals: -1}
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "symbol":
			in.Symbol = string(c.Str())
		case "status":
			in.Status = statuses[string(c.Raw())]
		case "baseAsset":
			in.Base = asset.Code(c.Str())
		case "quoteAsset":
			in.Quote = asset.Code(c.Str())
		case "quotePrecision":
			in.PriceTick = step(c)
		case "baseAssetPrecision":
			in.QtyStep = step(c)
		case "baseSizePrecision":
			in.MinQty = c.Decimal()
		case "quoteAmountPrecision":
			in.MinNotional = c.Decimal()
		default:
			c.Skip()
		}
	}
	if in.Symbol != "" && c.Err() == nil {
		out.Instruments = append(out.Instruments, *t.Learn(in))
	}
}

// step is 10^-decimals.
func step(c *scan.Cursor) money.Decimal {
	n := c.Int()
	if n < 0 || n > money.MaxDigits {
		c.Fail("number of decimals out of range")
		return money.Decimal{}
	}
	d, _ := money.New(1, int(n))
	return d
}
