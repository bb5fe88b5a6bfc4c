package bitstamp

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

const api = "/api/v2/"

// page is the most candles of one answer.
const page = 1000

func ask(a venue.Ask) (venue.Request, error) {
	symbol := url.PathEscape(a.Instrument.Symbol)
	switch a.What {
	case venue.AskInstruments:
		return venue.Request{Path: api + "markets/"}, nil
	case venue.AskBook:
		return venue.Request{Path: api + "order_book/" + symbol + "/"}, nil
	case venue.AskTrades:
		span := "hour"
		if !a.From.IsZero() || a.AfterID != "" {
			span = "day" // the most there is
		}
		return venue.Request{Path: api + "transactions/" + symbol + "/?time=" + span}, nil
	case venue.AskCandles:
		name, err := venue.IntervalName("Bitstamp", steps, a.Interval)
		if err != nil {
			return venue.Request{}, err
		}
		n := venue.PageSize(a, page)
		path := api + "ohlc/" + symbol + "/?step=" + name + "&limit=" + strconv.Itoa(n)
		from, to := venue.Window(a, n)
		if !from.IsZero() {
			path += "&start=" + venue.Sec(from, true)
		}
		if !to.IsZero() { // inclusive
			path += "&end=" + venue.Sec(to.Add(-time.Second), true)
		}
		return venue.Request{Path: path}, nil
	case venue.AskClock:
		return venue.Request{}, fault.New(fault.Invalid, "Bitstamp has no endpoint for its time")
	}
	return venue.Request{}, fault.New(fault.Invalid, "Bitstamp cannot be asked that")
}

// next pages candles; trades have one page.
func next(a venue.Ask, got *market.Batch) (venue.Ask, bool) {
	if a.What == venue.AskCandles {
		return venue.NextWindow(a, venue.PageSize(a, page), got)
	}
	return a, false
}

// answer reads the body that came from u, whose path may lack its last slash.
func answer(u *url.URL, body []byte, t *venue.Table, out *market.Batch) error {
	path, ok := strings.CutPrefix(u.Path, api)
	what, symbol, _ := strings.Cut(strings.TrimSuffix(path, "/"), "/")
	c := scan.New(body)
	var in *market.Instrument
	switch what {
	case "order_book", "transactions", "ohlc":
		if symbol == "" {
			return fault.New(fault.Invalid, "the address %s does not name a symbol", u.Path)
		}
		if c.Peek() == '{' {
			if err := refusal(200, body); err != nil {
				return err
			}
		}
		in = t.Find([]byte(symbol))
	}
	switch {
	case ok && what == "order_book":
		snapshot(&c, in, out)
	case ok && what == "transactions":
		n := len(out.Trades)
		for ok := c.Arr(); ok && c.NextItem(); {
			past(&c, in, out)
		}
		slices.Reverse(out.Trades[n:])
	case ok && what == "ohlc":
		i := venue.IntervalOf(steps, u.Query().Get("step"))
		if i == "" {
			return fault.New(fault.Invalid, "the address %s does not name a step", u.Path)
		}
		for ok := c.Obj(); ok && c.NextKey(); {
			if !c.Is("data") || c.Peek() != '{' {
				c.Skip()
				continue
			}
			for ok := c.Obj(); ok && c.NextKey(); {
				if !c.Is("ohlc") {
					c.Skip()
					continue
				}
				for ok := c.Arr(); ok && c.NextItem(); {
					bar(&c, in, i, out)
				}
			}
		}
		venue.Settle(out, time.Time{})
	case ok && (what == "markets" || what == "trading-pairs-info"):
		for ok := c.Arr(); ok && c.NextItem(); {
			instrument(&c, t, out)
		}
	case ok && (what == "ticker" || what == "ticker_hour" || what == "currencies"):
		c.Skip()
	default:
		return fault.New(fault.Invalid, "no decoder for %s", u.Path)
	}
	return c.End()
}

func failure(status int, body []byte) error {
	if err := refusal(status, body); err != nil {
		return err
	}
	if status == 404 {
		return fault.New(fault.Unknown, "Bitstamp does not know the pair")
	}
	return nil
}

// refusal reads {"status":"error","reason":…,"code":…} and the older {"error":…}; nil
// when the body is neither.
func refusal(status int, body []byte) error {
	c := scan.New(body)
	var code, said []byte
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "code", "response_code":
			code = c.Raw()
		case "reason", "error":
			if c.Peek() == '"' {
				said = c.Str()
			} else {
				c.Skip()
			}
		default:
			c.Skip()
		}
	}
	switch {
	case c.Err() != nil || code == nil && said == nil:
		return nil
	case string(code) == "400.002", status == 429:
		return fault.New(fault.Exhausted, "Bitstamp limits our requests: %s", said)
	case status == 404, strings.Contains(strings.ToLower(string(said)), "pair"):
		return fault.New(fault.Unknown, "Bitstamp does not know it: %s", said)
	case status >= 500:
		return fault.New(fault.Unavailable, "Bitstamp failed: %s", said)
	}
	return fault.New(fault.Invalid, "Bitstamp refused the request: %s %s", code, said)
}

func snapshot(c *scan.Cursor, in *market.Instrument, out *market.Batch) {
	b := venue.Book(out, in)
	b.Snapshot = true
	var seconds time.Time
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "timestamp":
			seconds = c.Seconds()
		case "microtimestamp":
			b.At = c.Micros()
		case "bids":
			b.Bids = venue.ReadLevels(c, out)
		case "asks":
			b.Asks = venue.ReadLevels(c, out)
		default:
			c.Skip()
		}
	}
	if b.At.IsZero() {
		b.At = seconds
	}
	if b.At.IsZero() {
		c.Fail("book without a time")
	}
}

func past(c *scan.Cursor, in *market.Instrument, out *market.Batch) {
	t := venue.Trade(out, in)
	t.Marks = market.Backfilled
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "tid":
			t.ID = string(c.Raw())
		case "price":
			t.Price = c.Price()
		case "amount":
			t.Qty = c.Qty()
		case "date":
			t.At = c.Seconds()
		case "type":
			t.Side = taker(c.Int())
		default:
			c.Skip()
		}
	}
	if t.Price.IsZero() {
		c.Fail("trade without a price")
	}
}

func bar(c *scan.Cursor, in *market.Instrument, i market.Interval, out *market.Batch) {
	k := venue.Candle(out, in, i, time.Time{})
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "timestamp":
			k.Open = c.Seconds()
		case "open":
			k.O = c.Price()
		case "high":
			k.H = c.Price()
		case "low":
			k.L = c.Price()
		case "close":
			k.C = c.Price()
		case "volume":
			k.Volume = c.Qty()
		default:
			c.Skip()
		}
	}
	if k.Open.IsZero() {
		c.Fail("candle without a time")
	}
}

// instrument reads an entry of markets/, or of trading-pairs-info/, which has the same
// in fewer members: assets only in its name, such as "BTC/USD", and "20.0 USD" as the
// least value of an order.
func instrument(c *scan.Cursor, t *venue.Table, out *market.Batch) {
	in := market.Instrument{Kind: market.Spot, PriceDecimals: -1, QtyDecimals: -1}
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "market_symbol", "url_symbol":
			in.Symbol = string(c.Str())
		case "name":
			b, q, _ := strings.Cut(string(c.Str()), "/")
			if in.Base == "" {
				in.Base, in.Quote = asset.Code(b), asset.Code(strings.TrimSuffix(q, "-PERP"))
			}
		case "base_currency":
			in.Base = asset.Code(c.Str())
		case "counter_currency":
			in.Quote = asset.Code(c.Str())
		case "base_decimals":
			in.QtyStep = step(c)
		case "counter_decimals":
			in.PriceTick = step(c)
		case "minimum_order":
			n, _, _ := strings.Cut(string(c.Str()), " ")
			in.MinNotional, _ = money.Parse([]byte(n))
		case "minimum_order_value":
			in.MinNotional = c.Decimal()
		case "minimum_order_amount":
			in.MinQty = c.Decimal()
		case "contract_size":
			in.Contract = c.Decimal()
		case "market_type":
			if string(c.Str()) == "PERPETUAL" {
				in.Kind = market.Perpetual
			}
		case "trading":
			switch string(c.Str()) {
			case "Enabled":
				in.Status = market.Trading
			case "Disabled":
				in.Status = market.Halted
			}
		default:
			c.Skip()
		}
	}
	if in.Symbol != "" && in.Base != "" && in.Quote != "" && c.Err() == nil {
		out.Instruments = append(out.Instruments, *t.Learn(in))
	}
}

// step turns a number of decimals into the step: 2 is 0.01.
func step(c *scan.Cursor) money.Decimal {
	d, err := money.New(1, int(c.Int()))
	if err != nil {
		c.Fail("expected a number of decimals")
	}
	return d
}
