package bybit

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

const api = "/v5/market/"

// page is the most candles of one answer.
const page = 1000

// paidPage is the most payments of one answer.
const paidPage = 200

// sections are the parts of the instrument list, in the order of Ask.Section.
var sections = []string{spot, linear}

func ask(a venue.Ask) (venue.Request, error) {
	part := section(&a.Instrument)
	of := "?category=" + part + "&symbol=" + url.QueryEscape(a.Instrument.Symbol)
	switch a.What {
	case venue.AskInstruments:
		if a.Section < 0 || a.Section >= len(sections) {
			return venue.Request{}, fault.New(fault.Invalid, "Bybit's instrument list has %d sections", len(sections))
		}
		path := api + "instruments-info?category=" + sections[a.Section]
		if sections[a.Section] != spot { // the list of spot comes whole
			path += "&limit=1000"
			if a.Cursor != "" {
				path += "&cursor=" + url.QueryEscape(a.Cursor)
			}
		}
		return venue.Request{Path: path}, nil
	case venue.AskClock:
		return venue.Request{Path: api + "time"}, nil
	case venue.AskBook:
		depth := 200
		if part == linear && a.Depth > 200 {
			depth = 500
		}
		if a.Depth > 0 && a.Depth < depth {
			depth = a.Depth
		}
		return venue.Request{Path: api + "orderbook" + of + "&limit=" + strconv.Itoa(depth)}, nil
	case venue.AskTrades:
		most := 60
		if part == linear {
			most = 1000
		}
		return venue.Request{Path: api + "recent-trade" + of + "&limit=" + strconv.Itoa(venue.PageSize(a, most))}, nil
	case venue.AskCandles:
		name, err := venue.IntervalName("Bybit", intervals, a.Interval)
		if err != nil {
			return venue.Request{}, err
		}
		n := venue.PageSize(a, page)
		path := api + "kline" + of + "&interval=" + name + "&limit=" + strconv.Itoa(n)
		from, to := venue.Window(a, n)
		if !from.IsZero() {
			path += "&start=" + venue.MS(from)
		}
		if !to.IsZero() {
			path += "&end=" + venue.MS(to.Add(-time.Millisecond))
		}
		return venue.Request{Path: path}, nil
	case venue.AskDerivative:
		return venue.Request{Path: api + "tickers?category=" + linear + "&symbol=" + url.QueryEscape(a.Instrument.Symbol)}, nil
	case venue.AskFunding: // a start without an end is refused
		path := api + "funding/history?category=" + linear + "&symbol=" + url.QueryEscape(a.Instrument.Symbol) + "&limit=" + strconv.Itoa(venue.PageSize(a, paidPage))
		if a.Cursor != "" {
			path += "&endTime=" + url.QueryEscape(a.Cursor)
		} else if !a.To.IsZero() {
			path += "&endTime=" + venue.MS(a.To.Add(-time.Millisecond))
		}
		return venue.Request{Path: path}, nil
	}
	return venue.Request{}, fault.New(fault.Invalid, "Bybit cannot be asked that")
}

// next pages candles and the instrument list, and gives its other sections; payments are
// paged backwards. Trades have one page.
func next(a venue.Ask, got *market.Batch) (venue.Ask, bool) {
	switch a.What {
	case venue.AskCandles:
		return venue.NextWindow(a, venue.PageSize(a, page), got)
	case venue.AskInstruments:
		if got.Cursor != "" && got.Cursor != a.Cursor {
			a.Cursor = got.Cursor
			return a, true
		}
		if a.Section+1 < len(sections) {
			a.Section++
			a.Cursor = ""
			return a, true
		}
	case venue.AskFunding:
		if a.From.IsZero() || len(got.Derivatives) < venue.PageSize(a, paidPage) {
			return a, false
		}
		oldest := got.Derivatives[0].FundingAt // pages are turned round
		cursor := venue.MS(oldest.Add(-time.Millisecond))
		if !oldest.After(a.From) || cursor == a.Cursor {
			return a, false
		}
		a.Cursor = cursor
		return a, true
	}
	return a, false
}

// reply is what an answer holds besides its rows.
type reply struct {
	code int64
	msg  []byte
	time time.Time
}

// answer reads {retCode,retMsg,result,time}; a code other than 0 is an error.
func answer(u *url.URL, body []byte, t *venue.Table, out *market.Batch) error {
	what, ok := strings.CutPrefix(u.Path, api)
	if !ok {
		return fault.New(fault.Invalid, "no decoder for %s", u.Path)
	}
	q := u.Query()
	part := q.Get("category")
	var in *market.Instrument
	if s := q.Get("symbol"); s != "" && what != "instruments-info" {
		in = t.Find([]byte(prefix(part) + s))
	}
	if in == nil && (what == "kline" || what == "orderbook" || what == "recent-trade" || what == "funding/history") {
		return fault.New(fault.Invalid, "the address %s does not name a symbol", u.Path)
	}
	i := venue.IntervalOf(intervals, q.Get("interval"))
	if what == "kline" && i == "" {
		return fault.New(fault.Invalid, "the address %s does not name an interval", u.Path)
	}
	c := scan.New(body)
	var r reply
	trades, candles, rows := len(out.Trades), len(out.Candles), len(out.Derivatives)
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "retCode":
			r.code = c.Int()
		case "retMsg":
			r.msg = c.Str()
		case "time":
			r.time = c.Millis()
		case "result":
			result(&c, what, part, i, in, t, out)
		default:
			c.Skip()
		}
	}
	if r.code != 0 {
		return refusal(r.code, r.msg)
	}
	if what == "time" {
		out.Clock = r.time
	}
	slices.Reverse(out.Trades[trades:]) // the venue gives the newest first
	slices.Reverse(out.Candles[candles:])
	slices.Reverse(out.Derivatives[rows:])
	for i := rows; i < len(out.Derivatives); i++ {
		if d := &out.Derivatives[i]; !d.Settled {
			d.At = r.time
		}
	}
	venue.Settle(out, r.time)
	return c.End()
}

func result(c *scan.Cursor, what, part string, i market.Interval, in *market.Instrument, t *venue.Table, out *market.Batch) {
	if c.Peek() != '{' {
		c.Skip()
		return
	}
	switch what {
	case "orderbook":
		snapshot(c, in, out)
		return
	case "instruments-info", "kline", "recent-trade", "funding/history":
	case "tickers":
		if part != linear {
			c.Skip()
			return
		}
	default: // time and more that we do not ask for
		c.Skip()
		return
	}
	for ok := c.Obj(); ok && c.NextKey(); {
		if c.Is("nextPageCursor") && c.Peek() == '"' {
			out.Cursor = string(c.Str())
			continue
		}
		if !c.Is("list") || c.Peek() != '[' {
			c.Skip()
			continue
		}
		for ok := c.Arr(); ok && c.NextItem(); {
			switch what {
			case "instruments-info":
				instrument(c, part, t, out)
			case "kline":
				row(c, in, i, out)
			case "tickers":
				now(c, part, t, out)
			case "funding/history":
				paid(c, in, out)
			default:
				past(c, in, out)
			}
		}
	}
}

// refusal turns a code of the venue (page "Error Codes", 2026-07) into a kind.
func refusal(code int64, msg []byte) error {
	switch code {
	case 10006, 10018, 10429, 30033:
		return fault.New(fault.Exhausted, "Bybit limits our requests: %s", msg)
	case 10001:
		if bytesContain(msg, "symbol") {
			return fault.New(fault.Unknown, "Bybit does not know it: %s", msg)
		}
	case 10000, 10016, 10019, 170007:
		return fault.New(fault.Unavailable, "Bybit failed: %s", msg)
	case 10009, 10024:
		return fault.New(fault.Denied, "Bybit does not serve this address: %s", msg)
	}
	return fault.New(fault.Invalid, "Bybit refused the request (code %d): %s", code, msg)
}

func bytesContain(b []byte, s string) bool { return strings.Contains(strings.ToLower(string(b)), s) }

func failure(status int, body []byte) error {
	if status == 403 && bytesContain(body, "too frequent") {
		return fault.New(fault.Exhausted, "Bybit limits our requests; it wants ten minutes of rest")
	}
	c := scan.New(body)
	var r reply
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "retCode":
			r.code = c.Int()
		case "retMsg":
			r.msg = c.Str()
		default:
			c.Skip()
		}
	}
	if c.Err() != nil || r.code == 0 {
		return nil
	}
	return refusal(r.code, r.msg)
}

// snapshot reads {s,b,a,ts,u,seq,cts}. Its numbers are those of the 1000-level stream.
func snapshot(c *scan.Cursor, in *market.Instrument, out *market.Batch) {
	b := venue.Book(out, in)
	b.Snapshot = true
	var sent time.Time
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "b":
			b.Bids = venue.ReadLevels(c, out)
		case "a":
			b.Asks = venue.ReadLevels(c, out)
		case "u":
			b.Last = uint64(c.Int())
			b.First = b.Last
		case "cts":
			b.At = c.Millis()
		case "ts":
			sent = c.Millis()
		default:
			c.Skip()
		}
	}
	if b.At.IsZero() {
		b.At = sent
	}
	if b.Last == 0 {
		out.Books = out.Books[:len(out.Books)-1] // the empty result of a refusal
	}
}

// now reads what a contract is from its ticker.
func now(c *scan.Cursor, part string, t *venue.Table, out *market.Batch) {
	var d terms
	in := nobody
	for ok := c.Obj(); ok && c.NextKey(); {
		if !c.Is("symbol") {
			d.read(c)
		} else if s := c.Str(); len(s) > 0 {
			in = t.Find([]byte(prefix(part) + string(s)))
		}
	}
	if in == nobody {
		c.Fail("ticker without symbol")
		return
	}
	d.emit(in, out)
}

func past(c *scan.Cursor, in *market.Instrument, out *market.Batch) {
	t := venue.Trade(out, in)
	t.Marks = market.Backfilled
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "execId":
			t.ID = string(c.Raw())
		case "price":
			t.Price = c.Price()
		case "size":
			t.Qty = c.Qty()
		case "time":
			t.At = c.Millis()
		case "side":
			t.Side = venue.SideOf(c.Str())
		default:
			c.Skip()
		}
	}
	if t.Price.IsZero() {
		c.Fail("trade without a price")
	}
}

// row is [start, open, high, low, close, volume, turnover].
func row(c *scan.Cursor, in *market.Instrument, i market.Interval, out *market.Batch) {
	venue.ReadRow(c, venue.Candle(out, in, i, time.Time{}), "mohlcvq")
}

var statuses = map[string]market.Status{
	"Trading": market.Trading, "PreLaunch": market.PreTrading, "Settling": market.Halted, "Delivering": market.Halted, "Closed": market.Delisted,
}

// instrument reads one entry of a section; contracts that are not linear are left out.
func instrument(c *scan.Cursor, part string, t *venue.Table, out *market.Batch) {
	in := market.Instrument{Kind: market.Spot, PriceDecimals: -1, QtyDecimals: -1}
	ours := part == spot
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "symbol":
			in.Symbol = string(c.Str())
		case "status":
			in.Status = statuses[string(c.Str())]
		case "baseCoin":
			in.Base = asset.Code(c.Str())
		case "quoteCoin":
			in.Quote = asset.Code(c.Str())
		case "contractType":
			switch string(c.Str()) {
			case "LinearPerpetual":
				in.Kind, ours = market.Perpetual, part == linear
			case "LinearFutures":
				in.Kind, ours = market.Dated, part == linear
			default:
				ours = false
			}
		case "deliveryTime":
			in.Expiry = c.Millis()
		case "settleCoin":
			in.Settle = asset.Code(t.Code(string(c.Str())))
		case "lotSizeFilter", "priceFilter":
			filters(c, &in)
		default:
			c.Skip()
		}
	}
	if !ours || in.Symbol == "" || c.Err() != nil {
		return
	}
	in.Key = prefix(part) + in.Symbol
	if part == linear {
		in.Contract = money.MustParse("1") // its sizes are in base
	}
	if in.Kind == market.Dated { // a table makes pairs without a day only
		in.Base, in.Quote = asset.Code(t.Code(string(in.Base))), asset.Code(t.Code(string(in.Quote)))
		in.Pair = market.Future(in.Base, in.Quote, in.Expiry)
	}
	out.Instruments = append(out.Instruments, *t.Learn(in))
}

func filters(c *scan.Cursor, in *market.Instrument) {
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "tickSize":
			in.PriceTick = c.Decimal()
		case "basePrecision", "qtyStep":
			in.QtyStep = c.Decimal()
		case "minOrderQty":
			in.MinQty = c.Decimal()
		case "minOrderAmt", "minNotionalValue":
			in.MinNotional = c.Decimal()
		default:
			c.Skip()
		}
	}
}
