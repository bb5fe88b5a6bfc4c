package binance

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/internal/scan"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
)

var zero time.Time

// page is the most rows of one answer.
const page = 1000

func ask(a venue.Ask) (venue.Request, error) {
	symbol := url.QueryEscape(a.Instrument.Symbol)
	switch a.What {
	case venue.AskInstruments:
		return venue.Request{Path: "/api/v3/exchangeInfo", Weight: 20}, nil
	case venue.AskClock:
		return venue.Request{Path: "/api/v3/time", Weight: 1}, nil
	case venue.AskBook:
		depth, weight := 1000, 50
		switch {
		case a.Depth > 1000:
			depth, weight = 5000, 250
		case a.Depth > 0 && a.Depth <= 100:
			depth, weight = 100, 5
		case a.Depth > 0 && a.Depth <= 500:
			depth, weight = 500, 25
		}
		return venue.Request{Path: "/api/v3/depth?symbol=" + symbol + "&limit=" + strconv.Itoa(depth), Weight: weight}, nil
	case venue.AskTrades:
		n := strconv.Itoa(venue.PageSize(a, page))
		if a.AfterID != "" {
			id, err := strconv.ParseInt(a.AfterID, 10, 64)
			if err != nil {
				return venue.Request{}, fault.At(fault.Invalid, "after_id", "%q is no trade id of Binance: they are numbers", a.AfterID)
			}
			return venue.Request{Path: "/api/v3/historicalTrades?symbol=" + symbol + "&limit=" + n + "&fromId=" + strconv.FormatInt(id+1, 10), Weight: 25}, nil
		}
		if a.From.IsZero() {
			return venue.Request{Path: "/api/v3/trades?symbol=" + symbol + "&limit=" + n, Weight: 25}, nil
		}
		path := "/api/v3/aggTrades?symbol=" + symbol + "&limit=" + n
		if a.Cursor != "" {
			path += "&fromId=" + url.QueryEscape(a.Cursor)
		} else {
			path += "&startTime=" + venue.MS(a.From)
			if !a.To.IsZero() {
				path += "&endTime=" + venue.MS(a.To.Add(-time.Millisecond))
			}
		}
		return venue.Request{Path: path, Weight: 4}, nil
	case venue.AskCandles:
		name, err := venue.IntervalName("Binance", intervals, a.Interval)
		if err != nil {
			return venue.Request{}, err
		}
		path := "/api/v3/klines?symbol=" + symbol + "&interval=" + name + "&limit=" + strconv.Itoa(venue.PageSize(a, page))
		from, to := venue.Window(a, venue.PageSize(a, page))
		if !from.IsZero() {
			path += "&startTime=" + venue.MS(from)
		}
		if !to.IsZero() {
			path += "&endTime=" + venue.MS(to.Add(-time.Millisecond))
		}
		return venue.Request{Path: path, Weight: 2}, nil
	}
	return venue.Request{}, fault.New(fault.Invalid, "Binance cannot be asked that")
}

func next(a venue.Ask, got *market.Batch) (venue.Ask, bool) {
	switch a.What {
	case venue.AskCandles:
		return venue.NextWindow(a, venue.PageSize(a, page), got)
	case venue.AskTrades:
		n := len(got.Trades)
		if n < venue.PageSize(a, page) || (a.AfterID == "" && a.From.IsZero()) {
			return a, false
		}
		last := got.Trades[n-1]
		if !a.To.IsZero() && !last.At.Before(a.To) {
			return a, false
		}
		id, err := strconv.ParseInt(last.ID, 10, 64)
		if a.AfterID != "" {
			known, _ := strconv.ParseInt(a.AfterID, 10, 64)
			a.AfterID = last.ID
			return a, err == nil && id > known
		}
		known, _ := strconv.ParseInt(a.Cursor, 10, 64)
		a.Cursor = strconv.FormatInt(id+1, 10)
		return a, err == nil && id >= known
	}
	return a, false
}

// answer reads the body that came from u. Errors are {"code":-1121,"msg":"…"}.
func answer(u *url.URL, body []byte, t *venue.Table, out *market.Batch) error {
	c := scan.New(body)
	q := u.Query()
	switch symbol := q.Get("symbol"); {
	case symbol == "" && (u.Path == "/api/v3/depth" || u.Path == "/api/v3/klines" || strings.HasSuffix(strings.ToLower(u.Path), "trades")):
		return fault.New(fault.Invalid, "the address does not say which symbol the answer is of")
	case u.Path == "/api/v3/klines" && venue.IntervalOf(intervals, q.Get("interval")) == "":
		return fault.New(fault.Invalid, "candles of %q are not read", q.Get("interval"))
	}
	switch u.Path {
	case "/api/v3/exchangeInfo":
		instruments(&c, t, out)
	case "/api/v3/depth":
		snapshot(&c, t.Find([]byte(q.Get("symbol"))), out)
	case "/api/v3/trades", "/api/v3/historicalTrades", "/api/v3/aggTrades":
		in := t.Find([]byte(q.Get("symbol")))
		for ok := c.Arr(); ok && c.NextItem(); {
			past(&c, in, out, u.Path == "/api/v3/aggTrades")
		}
	case "/api/v3/klines":
		in := t.Find([]byte(q.Get("symbol")))
		i := venue.IntervalOf(intervals, q.Get("interval"))
		for ok := c.Arr(); ok && c.NextItem(); {
			row(&c, in, i, out)
		}
		venue.Settle(out, zero)
	case "/api/v3/time":
		venue.Clock(&c, out, "serverTime", (*scan.Cursor).Millis)
	case "/api/v3/ping":
		c.Skip()
	default:
		return fault.New(fault.Invalid, "no decoder for %s", u.Path)
	}
	return c.End()
}

func failure(status int, body []byte) error {
	c := scan.New(body)
	var code int64
	var msg []byte
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "code":
			code = c.Int()
		case "msg":
			msg = c.Str()
		default:
			c.Skip()
		}
	}
	if c.Err() != nil || code == 0 {
		return nil // no error of its own making: the feed judges by status
	}
	switch code {
	case -1121, -1100:
		return fault.New(fault.Unknown, "Binance does not know it: %s", msg)
	case -1003, -1015:
		return fault.New(fault.Exhausted, "Binance limits our requests: %s", msg)
	case -1001, -1007, -1000, -1006:
		return fault.New(fault.Unavailable, "Binance failed: %s", msg)
	}
	if status == 429 || status == 418 {
		return fault.New(fault.Exhausted, "Binance limits our requests: %s", msg)
	}
	return fault.New(fault.Invalid, "Binance refused the request (code %d): %s", code, msg)
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
		case "T":
			b.At = c.Millis() // futures tell it
		default:
			c.Skip()
		}
	}
	if b.Last == 0 {
		c.Fail("book without lastUpdateId")
	}
}

func past(c *scan.Cursor, in *market.Instrument, out *market.Batch, aggregate bool) {
	t := venue.Trade(out, in)
	t.Aggregate, t.Marks = aggregate, market.Backfilled
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "id", "a":
			t.ID = string(c.Raw())
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

// row is [openTime,o,h,l,c,volume,closeTime,quoteVolume,count,…].
func row(c *scan.Cursor, in *market.Instrument, i market.Interval, out *market.Batch) {
	venue.ReadRow(c, venue.Candle(out, in, i, zero), "mohlcv-qn")
}

var statuses = map[string]market.Status{
	"TRADING": market.Trading, "HALT": market.Halted, "BREAK": market.Halted, "CANCEL_ONLY": market.CancelOnly,
	"PRE_TRADING": market.PreTrading, "END_OF_DAY": market.Delisted, "POST_TRADING": market.Halted, "AUCTION_MATCH": market.Halted,
}

func instruments(c *scan.Cursor, t *venue.Table, out *market.Batch) {
	for ok := c.Obj(); ok && c.NextKey(); {
		if !c.Is("symbols") {
			c.Skip()
			continue
		}
		for ok := c.Arr(); ok && c.NextItem(); {
			in := market.Instrument{Kind: market.Spot, PriceDecimals: -1, QtyDecimals: -1}
			for ok := c.Obj(); ok && c.NextKey(); {
				switch string(c.K) {
				case "symbol":
					in.Symbol = string(c.Str())
				case "status":
					in.Status = statuses[string(c.Str())]
				case "baseAsset":
					in.Base = asset.Code(c.Str())
				case "quoteAsset":
					in.Quote = asset.Code(c.Str())
				case "filters":
					filters(c, &in)
				default:
					c.Skip()
				}
			}
			if in.Symbol != "" && c.Err() == nil {
				out.Instruments = append(out.Instruments, *t.Learn(in))
			}
		}
	}
}

func filters(c *scan.Cursor, in *market.Instrument) {
	for ok := c.Arr(); ok && c.NextItem(); {
		for ok := c.Obj(); ok && c.NextKey(); {
			switch string(c.K) {
			case "tickSize":
				in.PriceTick = c.Decimal()
			case "stepSize":
				// LOT_SIZE comes first; MARKET_LOT_SIZE has a step of 0 mostly.
				if s := c.Decimal(); in.QtyStep.IsZero() {
					in.QtyStep = s
				}
			case "minQty":
				if s := c.Decimal(); in.MinQty.IsZero() {
					in.MinQty = s
				}
			case "minNotional", "notional": // the latter of futures
				in.MinNotional = c.Decimal()
			default:
				c.Skip()
			}
		}
	}
}
