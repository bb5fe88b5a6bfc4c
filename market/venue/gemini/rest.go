package gemini

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

// page is the most trades of one answer.
const page = 500

// lists are the parts of the instrument list: the names, and then what they are. Without
// the second the first is enough to begin.
var lists = []string{"/v1/symbols", "/v1/symbols/details/all"}

func ask(a venue.Ask) (venue.Request, error) {
	symbol := url.PathEscape(strings.ToLower(a.Instrument.Symbol))
	switch a.What {
	case venue.AskInstruments:
		if a.Section < 0 || a.Section >= len(lists) {
			return venue.Request{}, fault.New(fault.Invalid, "Gemini lists instruments in %d parts", len(lists))
		}
		return venue.Request{Path: lists[a.Section]}, nil
	case venue.AskBook:
		n := strconv.Itoa(min(max(a.Depth, 0), 1<<20)) // 0 is all
		return venue.Request{Path: "/v1/book/" + symbol + "?limit_bids=" + n + "&limit_asks=" + n}, nil
	case venue.AskTrades:
		path := "/v1/trades/" + symbol + "?limit_trades=" + strconv.Itoa(venue.PageSize(a, page))
		switch {
		case a.AfterID != "" || a.Cursor != "":
			id := a.Cursor
			if id == "" {
				id = a.AfterID
			}
			if _, err := strconv.ParseUint(id, 10, 64); err != nil {
				return venue.Request{}, fault.At(fault.Invalid, "after_id", "%q is no trade id of Gemini: they are numbers", id)
			}
			path += "&since_tid=" + id
		case !a.From.IsZero():
			path += "&timestamp=" + venue.MS(a.From)
		}
		return venue.Request{Path: path}, nil
	case venue.AskCandles:
		name, err := venue.IntervalName("Gemini", intervals, a.Interval)
		if err != nil {
			return venue.Request{}, err
		}
		return venue.Request{Path: "/v2/candles/" + symbol + "/" + name}, nil
	case venue.AskDerivative:
		return venue.Request{Path: "/v1/riskstats/" + symbol}, nil
	case venue.AskClock:
		return venue.Request{}, fault.New(fault.Invalid, "Gemini has no endpoint for its time")
	}
	return venue.Request{}, fault.New(fault.Invalid, "Gemini cannot be asked that")
}

// next gives the second part of the instrument list, and the trades after the last one.
// A page has the oldest trades after its beginning. Candles have one page.
func next(a venue.Ask, got *market.Batch) (venue.Ask, bool) {
	switch a.What {
	case venue.AskInstruments:
		a.Section++
		return a, a.Section < len(lists)
	case venue.AskTrades:
		n := len(got.Trades)
		if n < venue.PageSize(a, page) || a.From.IsZero() && a.AfterID == "" {
			return a, false
		}
		last := got.Trades[n-1]
		known := a.Cursor
		if known == "" {
			known = a.AfterID
		}
		before, _ := strconv.ParseUint(known, 10, 64)
		id, err := strconv.ParseUint(last.ID, 10, 64)
		a.Cursor = last.ID
		return a, err == nil && id > before && (a.To.IsZero() || last.At.Before(a.To))
	}
	return a, false
}

// answer reads the body that came from u. Errors are {"result":"error",…}.
func answer(u *url.URL, body []byte, t *venue.Table, out *market.Batch) error {
	c := scan.New(body)
	if c.Peek() == '{' {
		if err := refusal(200, body); err != nil {
			return err
		}
	}
	part := strings.Split(strings.Trim(u.Path, "/"), "/")
	what, symbol, last := strings.Join(part[:min(2, len(part))], "/"), "", ""
	if len(part) > 2 {
		symbol, last = part[2], part[len(part)-1]
	}
	var in *market.Instrument
	switch what {
	case "v1/book", "v1/trades", "v2/candles", "v1/riskstats":
		if symbol == "" {
			return fault.New(fault.Invalid, "the address %s does not name a symbol", u.Path)
		}
		in = find(t, []byte(symbol))
	}
	switch {
	case what == "v1/symbols" && symbol == "":
		for ok := c.Arr(); ok && c.NextItem(); {
			named(c.Str(), t, out)
		}
	case what == "v1/symbols" && symbol == "details" && last == "all":
		for ok := c.Arr(); ok && c.NextItem(); {
			details(&c, t, out)
		}
	case what == "v1/symbols" && symbol == "details":
		details(&c, t, out)
	case what == "v1/book":
		snapshot(&c, in, out)
	case what == "v1/trades":
		for ok := c.Arr(); ok && c.NextItem(); {
			past(&c, in, out)
		}
		oldestFirst(out.Trades)
	case what == "v2/candles":
		i := venue.IntervalOf(intervals, last)
		if i == "" {
			return fault.New(fault.Invalid, "candles of %q are not read", last)
		}
		for ok := c.Arr(); ok && c.NextItem(); {
			venue.ReadRow(&c, venue.Candle(out, in, i, time.Time{}), "mohlcv")
		}
		venue.Settle(out, time.Time{})
	case what == "v1/riskstats":
		risk(&c, in, out)
	case what == "v1/fundingamount", what == "v1/pricefeed", what == "v1/pubticker", what == "v2/ticker":
		c.Skip()
	default:
		return fault.New(fault.Invalid, "no decoder for %s", u.Path)
	}
	return c.End()
}

// oldestFirst turns a list round that has the newest first.
func oldestFirst(list []market.Trade) {
	if n := len(list); n > 1 && list[0].At.After(list[n-1].At) {
		slices.Reverse(list)
	}
}

// named takes a symbol of which only the name is known; what is described already stays.
func named(symbol []byte, t *venue.Table, out *market.Batch) {
	if len(symbol) == 0 {
		return
	}
	in := find(t, symbol)
	if in.Guessed {
		described := *in
		described.Guessed = false
		in = t.Learn(described)
	}
	out.Instruments = append(out.Instruments, *in)
}

var statuses = map[string]market.Status{
	"open": market.Trading, "limit_only": market.Trading, "post_only": market.PreTrading, "cancel_only": market.CancelOnly, "closed": market.Halted,
}

// details reads one description. Its tick_size is the step of the size.
func details(c *scan.Cursor, t *venue.Table, out *market.Batch) {
	in := market.Instrument{Kind: market.Spot, PriceDecimals: -1, QtyDecimals: -1}
	upper := ""
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "symbol":
			upper = string(c.Str())
			in.Symbol = strings.ToLower(upper)
		case "base_currency":
			in.Base = asset.Code(c.Str())
		case "quote_currency":
			in.Quote = asset.Code(c.Str())
		case "tick_size":
			in.QtyStep = c.Decimal()
		case "quote_increment":
			in.PriceTick = c.Decimal()
		case "min_order_size":
			in.MinQty = c.Decimal()
		case "status":
			in.Status = statuses[string(c.Str())]
		case "product_type":
			if string(c.Str()) == "swap" {
				in.Kind = market.Perpetual
			}
		case "contract_price_currency":
			in.Settle = asset.Code(t.Code(string(c.Raw())))
		default:
			c.Skip()
		}
	}
	if in.Symbol == "" || in.Base == "" || in.Quote == "" {
		c.Fail("instrument without symbol, base or quote")
	}
	if c.Err() != nil {
		return
	}
	if in.Kind == market.Spot {
		in.Settle = ""
	} else {
		in.Contract = money.MustNew(1, 0) // one contract is one of base
	}
	p := t.Learn(in)
	t.Alias(upper, p)
	out.Instruments = append(out.Instruments, *p)
}

// snapshot reads {"bids":[{"price":…,"amount":…,"timestamp":…},…],"asks":…}.
func snapshot(c *scan.Cursor, in *market.Instrument, out *market.Batch) {
	u := venue.Book(out, in)
	u.Snapshot = true
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "bids":
			u.Bids = levels(c, out)
		case "asks":
			u.Asks = levels(c, out)
		default:
			c.Skip()
		}
	}
}

func levels(c *scan.Cursor, out *market.Batch) []market.Level {
	list := out.Levels()
	from := len(list)
	for ok := c.Arr(); ok && c.NextItem(); {
		var l market.Level
		for ok := c.Obj(); ok && c.NextKey(); {
			switch string(c.K) {
			case "price":
				l.Price = c.Price()
			case "amount":
				l.Qty = c.Qty()
			default:
				c.Skip()
			}
		}
		if l.Price.IsZero() {
			c.Fail("level without a price")
		}
		list = append(list, l)
	}
	return out.KeepLevels(list, from)
}

// past reads a trade; its type is the taker's side.
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
		case "timestampms":
			t.At = c.Millis()
		case "type":
			t.Side = takerOf(c.Str())
		default:
			c.Skip()
		}
	}
	if t.Price.IsZero() || t.ID == "" {
		c.Fail("trade without an id or a price")
	}
	if t.Side == market.NoSide {
		venue.Say(out, market.Strange, market.Trades, in.Symbol, "trade without a side")
	}
}

// risk reads {"mark_price":…,"index_price":…,"open_interest":…}, the last in base.
func risk(c *scan.Cursor, in *market.Instrument, out *market.Batch) {
	d := venue.Derivative(out, in)
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "mark_price":
			d.Mark, d.Has = c.Price(), d.Has|market.StatedMark
		case "index_price":
			d.Index, d.Has = c.Price(), d.Has|market.StatedIndex
		case "open_interest":
			d.Interest, d.Has = c.Qty(), d.Has|market.StatedInterest
		default:
			c.Skip()
		}
	}
	if d.Has == 0 {
		c.Fail("status without a price")
	}
}

func failure(status int, body []byte) error { return refusal(status, body) }

// refusal reads {"result":"error","reason":…,"message":…}; nil when the body is none.
func refusal(status int, body []byte) error {
	c := scan.New(body)
	var result, reason, said []byte
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "result", "reason", "message":
			k, v := string(c.K), []byte(nil)
			if c.Peek() != '"' {
				c.Skip()
				continue
			}
			switch v = c.Str(); k {
			case "result":
				result = v
			case "reason":
				reason = v
			default:
				said = v
			}
		default:
			c.Skip()
		}
	}
	if c.End() != nil || string(result) != "error" {
		return nil
	}
	text := strings.ToLower(string(said))
	switch r := string(reason); {
	case status == 429, strings.HasPrefix(r, "RateLimit"):
		return fault.New(fault.Exhausted, "Gemini limits our requests: %s", said)
	case r == "Maintenance", r == "System", status >= 500:
		return fault.New(fault.Unavailable, "Gemini is not available: %s", said)
	case strings.Contains(r, "Symbol"), strings.Contains(text, "symbol"):
		return fault.New(fault.Unknown, "Gemini does not know it: %s", said)
	}
	return fault.New(fault.Invalid, "Gemini refused the request (%s): %s", reason, said)
}
