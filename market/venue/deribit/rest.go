package deribit

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

const api = "/api/v2/public/"

// The most rows of one answer.
const (
	tradePage   = 1000
	candlePage  = 5000
	fundingPage = 720 // hours that we ask for at a time; it gives 744
)

// sections are the parts of the instrument list.
var sections = []string{"future", "spot"}

// depths are how deep a book can be asked for.
var depths = []int{1, 5, 10, 20, 50, 100, 1000, 10000}

// ever is an end for ranges that have none: ranges must have both ends.
var ever = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)

// span writes a range. Its end is inclusive there.
func span(from, to time.Time) string {
	start := int64(1)
	if !from.IsZero() {
		start = from.UnixMilli()
	}
	if to.IsZero() {
		to = ever
	}
	return "&start_timestamp=" + strconv.FormatInt(start, 10) + "&end_timestamp=" + venue.MS(to.Add(-time.Millisecond))
}

func ask(a venue.Ask) (venue.Request, error) {
	name := "?instrument_name=" + url.QueryEscape(a.Instrument.Symbol)
	switch a.What {
	case venue.AskInstruments:
		if a.Section < 0 || a.Section >= len(sections) {
			return venue.Request{}, fault.New(fault.Invalid, "Deribit lists instruments in %d parts", len(sections))
		}
		return venue.Request{Path: api + "get_instruments?currency=any&kind=" + sections[a.Section] + "&expired=false"}, nil
	case venue.AskClock:
		return venue.Request{Path: api + "get_time"}, nil
	case venue.AskBook:
		depth := 1000
		if a.Depth > 0 {
			i, _ := slices.BinarySearch(depths, a.Depth)
			depth = depths[min(i, len(depths)-1)]
		}
		return venue.Request{Path: api + "get_order_book" + name + "&depth=" + strconv.Itoa(depth)}, nil
	case venue.AskDerivative:
		return venue.Request{Path: api + "ticker" + name}, nil
	case venue.AskFunding:
		from, to := hours(a)
		return venue.Request{Path: api + "get_funding_rate_history" + name + span(from, to)}, nil
	case venue.AskTrades:
		count := "&count=" + strconv.Itoa(venue.PageSize(a, tradePage))
		if a.From.IsZero() && a.To.IsZero() {
			return venue.Request{Path: api + "get_last_trades_by_instrument" + name + count}, nil
		}
		path := api + "get_last_trades_by_instrument_and_time" + name + span(venue.Since(a), a.To) + count
		if !a.From.IsZero() {
			path += "&sorting=asc"
		}
		return venue.Request{Path: path}, nil
	case venue.AskCandles:
		resolution, err := venue.IntervalName("Deribit", intervals, a.Interval)
		if err != nil {
			return venue.Request{}, err
		}
		from, to := venue.Window(a, venue.PageSize(a, candlePage))
		return venue.Request{Path: api + "get_tradingview_chart_data" + name + "&resolution=" + resolution + span(from, to)}, nil
	}
	return venue.Request{}, fault.New(fault.Invalid, "Deribit cannot be asked that")
}

// hours gives the part of a funding history that one answer covers.
func hours(a venue.Ask) (from, to time.Time) {
	if a.From.IsZero() {
		return a.From, a.To
	}
	to = a.From.Add(fundingPage * time.Hour)
	if !a.To.IsZero() && to.After(a.To) {
		to = a.To
	}
	return a.From, to
}

// next gives the other parts of the instrument list, the windows of candles and of
// funding, and pages trades by time.
func next(a venue.Ask, got *market.Batch) (venue.Ask, bool) {
	switch a.What {
	case venue.AskInstruments:
		a.Section++
		return a, a.Section < len(sections)
	case venue.AskCandles:
		return venue.NextWindow(a, venue.PageSize(a, candlePage), got)
	case venue.AskFunding:
		_, to := hours(a)
		if a.From.IsZero() || a.To.IsZero() && len(got.Derivatives) == 0 || !a.To.IsZero() && !to.Before(a.To) {
			return a, false
		}
		a.From = to
		return a, true
	case venue.AskTrades:
		if last, err := strconv.ParseInt(got.Cursor, 10, 64); err == nil {
			return venue.NextSince(a, time.UnixMilli(last))
		}
	}
	return a, false
}

// trouble is {"code":…,"message":…,"data":{"reason":…}}.
type trouble struct {
	set                   bool
	code                  int64
	message, reason, what []byte
}

func (t *trouble) read(c *scan.Cursor) {
	t.set = true
	if c.Peek() != '{' {
		t.message = c.Raw()
		return
	}
	for ok := c.Obj(); ok && c.NextKey(); {
		switch {
		case c.Is("code"):
			t.code = c.Int()
		case c.Is("message"):
			t.message = c.Str()
		case c.Is("data") && c.Peek() == '{':
			for ok := c.Obj(); ok && c.NextKey(); {
				switch {
				case c.Is("reason") && c.Peek() == '"':
					t.reason = c.Str()
				case c.Is("param") && c.Peek() == '"':
					t.what = c.Str()
				default:
					c.Skip()
				}
			}
		default:
			c.Skip()
		}
	}
}

func (t *trouble) String() string {
	s := strconv.FormatInt(t.code, 10) + " " + string(t.message)
	if len(t.reason) > 0 {
		s += " (" + string(t.reason) + ")"
	}
	return s
}

// kinds maps its codes. https://docs.deribit.com/#rpc-error-codes
var kinds = map[int64]fault.Kind{
	10028: fault.Exhausted, 10047: fault.Exhausted, 11035: fault.Exhausted, 10066: fault.Exhausted,
	10040: fault.Unavailable, 10041: fault.Unavailable, 11051: fault.Unavailable, 11094: fault.Unavailable, 13028: fault.Unavailable,
	13020: fault.Unknown, 10020: fault.Unknown,
}

func (t *trouble) fault() error {
	kind, ok := kinds[t.code]
	switch {
	case ok:
	case string(t.what) == "instrument_name":
		kind = fault.Unknown
	default:
		kind = fault.Invalid
	}
	return fault.New(kind, "Deribit answered %s", t)
}

// envelope reads {"jsonrpc":"2.0","result":…,"usOut":…} or {"error":…}.
func envelope(body []byte) (result scan.Cursor, at time.Time, why trouble, err error) {
	c := scan.New(body)
	has := false
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "result":
			result, has = c, true
			c.Skip()
		case "error":
			why.read(&c)
		case "usOut":
			at = c.Micros()
		default:
			c.Skip()
		}
	}
	if !has && !why.set {
		c.Fail("answer without a result")
	}
	return result, at, why, c.End()
}

func failure(_ int, body []byte) error {
	_, _, why, err := envelope(body)
	if err != nil || !why.set {
		return nil // no error of its own making: the feed judges by status
	}
	return why.fault()
}

func answer(u *url.URL, body []byte, t *venue.Table, out *market.Batch) error {
	c, at, why, err := envelope(body)
	if err != nil {
		return err
	}
	if why.set {
		return why.fault()
	}
	q := u.Query()
	what := strings.TrimPrefix(u.Path, api)
	named := func() (*market.Instrument, error) {
		if q.Get("instrument_name") == "" {
			return nil, fault.New(fault.Invalid, "the address does not say which instrument the answer is of")
		}
		return t.Find([]byte(q.Get("instrument_name"))), nil
	}
	switch what {
	case "get_instruments":
		for ok := c.Arr(); ok && c.NextItem(); {
			instrument(&c, t, out)
		}
	case "get_instrument":
		instrument(&c, t, out)
	case "get_last_trades_by_instrument", "get_last_trades_by_instrument_and_time":
		past(&c, t, q.Get("sorting") == "asc", out)
	case "get_order_book", "ticker", "get_tradingview_chart_data", "get_funding_rate_history":
		in, err := named()
		if err != nil {
			return err
		}
		switch what {
		case "get_order_book":
			snapshot(&c, in, out)
		case "ticker":
			var x ticker
			if x.read(&c); c.Err() == nil {
				x.tell(in, out)
			}
		case "get_funding_rate_history":
			for ok := c.Arr(); ok && c.NextItem(); {
				settled(&c, in, out)
			}
		default:
			i := venue.IntervalOf(intervals, q.Get("resolution"))
			if i == "" {
				return fault.New(fault.Invalid, "candles of %q are not read", q.Get("resolution"))
			}
			candles(&c, in, i, out)
			venue.Settle(out, at)
		}
	case "get_time":
		out.Clock = c.Millis()
	case "test", "status":
		c.Skip()
	default:
		return fault.New(fault.Invalid, "no decoder for %s", u.Path)
	}
	return c.Err()
}

// instrument reads one entry of the list. Older lists do not say what a contract is
// settled in, nor whether it is inverse; the name always does. Options and combinations
// are left out.
func instrument(c *scan.Cursor, t *venue.Table, out *market.Batch) {
	var d market.Instrument
	active, state := true, market.Trading
	var kind []byte
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "instrument_name":
			d.Symbol = string(c.Str())
		case "kind":
			kind = c.Str()
		case "is_active":
			active = c.Bool()
		case "state":
			if s, known := states[string(c.Str())]; known {
				state = s
			}
		case "tick_size":
			d.PriceTick = c.Decimal()
		case "min_trade_amount":
			d.MinQty = c.Decimal()
		case "contract_size":
			d.Contract = c.Decimal()
		case "expiration_timestamp":
			d.Expiry = c.Millis()
		default:
			c.Skip()
		}
	}
	in, ok := guess(d.Symbol)
	if c.Err() != nil || !ok || in.Kind == market.Option || kind != nil && string(kind) != "future" && string(kind) != "spot" {
		return
	}
	in.Key, in.PriceTick, in.MinQty, in.QtyStep, in.PriceDecimals, in.QtyDecimals = in.Symbol, d.PriceTick, d.MinQty, d.MinQty, -1, -1
	in.Base, in.Quote = code(t, in.Base), code(t, in.Quote)
	if in.Kind != market.Spot {
		in.Settle, in.Contract = code(t, in.Settle), d.Contract
	}
	if in.Status = state; !active {
		in.Status = market.Delisted
	}
	if in.Kind == market.Dated {
		if !d.Expiry.IsZero() {
			in.Expiry = d.Expiry
		}
		in.Pair = market.Future(in.Base, in.Quote, in.Expiry)
	}
	out.Instruments = append(out.Instruments, *t.Learn(in))
}

var states = map[string]market.Status{
	"open": market.Trading, "created": market.PreTrading, "closed": market.Halted, "inactive": market.Halted, "settlement": market.Halted,
	"delivered": market.Delisted, "archivized": market.Delisted, "terminated": market.Delisted,
}

func code(t *venue.Table, a asset.Code) asset.Code { return asset.Code(t.Code(string(a))) }

// past reads {"trades":[…],"has_more":…}. If there is more, the cursor is the time of the
// last row, legs of combinations included.
func past(c *scan.Cursor, t *venue.Table, ascending bool, out *market.Batch) {
	from := len(out.Trades)
	var last time.Time
	more := false
	for ok := c.Obj(); ok && c.NextKey(); {
		switch {
		case c.Is("trades"):
			for ok := c.Arr(); ok && c.NextItem(); {
				last = trade(c, t, market.Backfilled, out)
			}
		case c.Is("has_more"):
			more = c.Bool()
		default:
			c.Skip()
		}
	}
	if more && !last.IsZero() {
		out.Cursor = venue.MS(last)
	}
	if !ascending {
		slices.Reverse(out.Trades[from:])
	}
}

func snapshot(c *scan.Cursor, in *market.Instrument, out *market.Batch) {
	b := venue.Book(out, in)
	b.Snapshot = true
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "timestamp":
			b.At = c.Millis()
		case "change_id":
			b.Last = uint64(max(c.Int(), 0))
			b.First = b.Last
		case "bids":
			b.Bids = venue.ReadLevels(c, out)
		case "asks":
			b.Asks = venue.ReadLevels(c, out)
		default:
			c.Skip()
		}
	}
	if b.Last == 0 {
		c.Fail("book without a number")
	}
}

// settled is one hour of the funding history.
func settled(c *scan.Cursor, in *market.Instrument, out *market.Batch) {
	d := venue.Derivative(out, in)
	d.Has, d.Settled, d.Interval = market.StatedFunding, true, time.Hour
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "timestamp":
			d.FundingAt = c.Millis()
		case "interest_1h":
			d.Funding = c.Rounded()
		case "index_price":
			d.Index, d.Has = money.Price{Decimal: c.Rounded()}, d.Has|market.StatedIndex
		default:
			c.Skip()
		}
	}
	if d.At = d.FundingAt; d.At.IsZero() {
		c.Fail("funding without a time")
	}
}

// candles reads arrays side by side: {"ticks":[…],"open":[…],…,"status":"ok"}.
func candles(c *scan.Cursor, in *market.Instrument, i market.Interval, out *market.Batch) {
	columns := map[string][]money.Decimal{}
	var ticks []time.Time
	for ok := c.Obj(); ok && c.NextKey(); {
		switch name := string(c.K); name {
		case "ticks":
			for ok := c.Arr(); ok && c.NextItem(); {
				ticks = append(ticks, c.Millis())
			}
		case "open", "high", "low", "close", "volume", "cost":
			var column []money.Decimal
			for ok := c.Arr(); ok && c.NextItem(); {
				column = append(column, c.Rounded())
			}
			columns[name] = column
		default:
			c.Skip()
		}
	}
	for _, name := range []string{"open", "high", "low", "close", "volume", "cost"} {
		if c.Err() == nil && len(columns[name]) != len(ticks) {
			c.Fail("columns of candles have different lengths")
		}
	}
	if c.Err() != nil {
		return
	}
	for n, at := range ticks {
		k := venue.Candle(out, in, i, at)
		k.O, k.H = money.Price{Decimal: columns["open"][n]}, money.Price{Decimal: columns["high"][n]}
		k.L, k.C = money.Price{Decimal: columns["low"][n]}, money.Price{Decimal: columns["close"][n]}
		k.Volume, k.Turnover = money.Qty{Decimal: columns["volume"][n]}, columns["cost"][n]
	}
}
