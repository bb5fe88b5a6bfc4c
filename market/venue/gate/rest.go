package gate

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

// api is where spot is asked for.
const api = "/api/v4/spot/"

// The most rows of one answer, and of all pages of one question.
const (
	page    = 1000
	reach   = 100_000
	nearest = 100 // levels of a book of futures
)

func ask(a venue.Ask) (venue.Request, error) {
	of := "?currency_pair=" + url.QueryEscape(a.Instrument.Symbol)
	switch a.What {
	case venue.AskInstruments:
		return venue.Request{Path: api + "currency_pairs", Budget: "instruments"}, nil
	case venue.AskClock:
		return venue.Request{Path: api + "time", Budget: "clock"}, nil
	case venue.AskBook:
		return venue.Request{Path: api + "order_book" + of + "&with_id=true&limit=" + deep(a, page), Budget: "book"}, nil
	case venue.AskTrades:
		path := api + "trades" + of + span(a)
		if a.Cursor != "" {
			path += "&page=" + url.QueryEscape(a.Cursor)
		}
		return venue.Request{Path: path, Budget: "trades"}, nil
	case venue.AskCandles:
		return candles(api, of, a)
	}
	return venue.Request{}, fault.New(fault.Invalid, "Gate cannot be asked that")
}

func futuresAsk(a venue.Ask) (venue.Request, error) {
	of := "?contract=" + url.QueryEscape(a.Instrument.Symbol)
	switch a.What {
	case venue.AskInstruments:
		return venue.Request{Path: usdt + "contracts", Budget: "instruments"}, nil
	case venue.AskBook:
		return venue.Request{Path: usdt + "order_book" + of + "&with_id=true&limit=" + deep(a, nearest), Budget: "book"}, nil
	case venue.AskTrades:
		path := usdt + "trades" + of + span(a)
		if a.Cursor != "" {
			path += "&offset=" + url.QueryEscape(a.Cursor)
		}
		return venue.Request{Path: path, Budget: "trades"}, nil
	case venue.AskCandles:
		return candles(usdt, of, a)
	case venue.AskDerivative:
		return venue.Request{Path: usdt + "contracts/" + url.PathEscape(a.Instrument.Symbol), Budget: "contract"}, nil
	case venue.AskFunding:
		if a.Cursor != "" {
			if t, err := strconv.ParseInt(a.Cursor, 10, 64); err == nil {
				a.To = time.Unix(t, 0)
			}
		}
		return venue.Request{Path: usdt + "funding_rate" + of + span(a), Budget: "funding"}, nil
	}
	return venue.Request{}, fault.New(fault.Invalid, "Gate Futures cannot be asked that")
}

func deep(a venue.Ask, most int) string {
	if a.Depth > 0 && a.Depth < most {
		most = a.Depth
	}
	return strconv.Itoa(most)
}

// span asks for rows between two seconds, both of which the venue takes in.
func span(a venue.Ask) string {
	s := "&limit=" + strconv.Itoa(venue.PageSize(a, page))
	if !a.From.IsZero() {
		s += "&from=" + venue.Sec(a.From, false)
	}
	if !a.To.IsZero() {
		s += "&to=" + venue.Sec(a.To, true)
	}
	return s
}

// candles asks for a number of the newest, or for a time: both in one is refused.
func candles(at, of string, a venue.Ask) (venue.Request, error) {
	name, err := venue.IntervalName("Gate", intervals, a.Interval)
	if err != nil {
		return venue.Request{}, err
	}
	path := at + "candlesticks" + of + "&interval=" + name
	n := venue.PageSize(a, page)
	from, to := venue.Window(a, n)
	switch {
	case !from.IsZero():
		path += "&from=" + venue.Sec(from, true) + "&to=" + last(to)
	case !to.IsZero():
		path += "&from=" + venue.Sec(a.Interval.Start(to).Add(-time.Duration(n-1)*a.Interval.Length()), false) + "&to=" + last(to)
	default:
		path += "&limit=" + strconv.Itoa(n)
	}
	return venue.Request{Path: path, Budget: "candles"}, nil
}

// last is the last second before an exclusive end.
func last(to time.Time) string { return venue.Sec(to.Add(-time.Second), true) }

// next pages candles by windows. Pages of trades are counted from the newest backwards.
func next(a venue.Ask, got *market.Batch) (venue.Ask, bool) {
	return turn(a, got, 1)
}

func futuresNext(a venue.Ask, got *market.Batch) (venue.Ask, bool) {
	if a.What == venue.AskFunding && len(got.Derivatives) >= venue.PageSize(a, page) {
		oldest := got.Derivatives[0].FundingAt.Unix() - 1 // pages are turned round
		if before, err := strconv.ParseInt(a.Cursor, 10, 64); err == nil && oldest >= before || oldest < a.From.Unix() {
			return a, false
		}
		a.Cursor = strconv.FormatInt(oldest, 10)
		return a, true
	}
	return turn(a, got, venue.PageSize(a, page))
}

// turn gives the next page. Trades are told newest first, in pages (spot, the first is 1)
// or from an offset (futures, in steps of rows).
func turn(a venue.Ask, got *market.Batch, step int) (venue.Ask, bool) {
	switch {
	case a.What == venue.AskCandles:
		return venue.NextWindow(a, venue.PageSize(a, page), got)
	case a.What != venue.AskTrades, a.From.IsZero(), len(got.Trades) < venue.PageSize(a, page):
		return a, false
	}
	at, _ := strconv.Atoi(a.Cursor)
	if a.Cursor == "" && step == 1 {
		at = 1
	}
	at += step
	rows := at
	if step == 1 {
		rows *= venue.PageSize(a, page)
	}
	a.Cursor = strconv.Itoa(at)
	return a, rows <= reach
}

// answer reads an answer of spot; its errors have a status of their own.
func answer(u *url.URL, body []byte, t *venue.Table, out *market.Batch) error {
	what, ok := strings.CutPrefix(u.Path, api)
	if !ok {
		return fault.New(fault.Invalid, "no decoder for %s", u.Path)
	}
	return rows(u, what, u.Query().Get("currency_pair"), body, &feed{t, spot}, out)
}

func futuresAnswer(u *url.URL, body []byte, t *venue.Table, out *market.Batch) error {
	what, ok := strings.CutPrefix(u.Path, usdt)
	if !ok {
		return fault.New(fault.Invalid, "no decoder for %s", u.Path)
	}
	return rows(u, what, u.Query().Get("contract"), body, &feed{t, futures}, out)
}

func rows(u *url.URL, what, symbol string, body []byte, f *feed, out *market.Batch) error {
	c := scan.New(body)
	name, single := strings.CutPrefix(what, "contracts/")
	if symbol == "" && (what == "order_book" || what == "candlesticks" || what == "funding_rate") {
		return fault.New(fault.Invalid, "the address %s does not name a symbol", u.Path)
	}
	list := func(read func()) {
		for ok := c.Arr(); ok && c.NextItem(); {
			read()
		}
	}
	switch {
	case what == "currency_pairs":
		list(func() { pair(&c, f.t, out) })
	case what == "contracts" && f.of == futures:
		list(func() { perpetual(&c, f.t, out) })
	case single && name != "" && f.of == futures:
		of := *f.t.Find([]byte(name)) // the answer describes it, but the table knows it
		d := venue.Derivative(out, &of)
		for ok := c.Obj(); ok && c.NextKey(); {
			stated(&c, d)
		}
		contract(&c, d, &of, out)
	case what == "order_book":
		snapshot(&c, f.t.Find([]byte(symbol)), out)
	case what == "trades":
		list(func() { f.trade(&c, out, market.Backfilled) })
		slices.Reverse(out.Trades)
	case what == "candlesticks":
		i := venue.IntervalOf(intervals, u.Query().Get("interval"))
		if i == "" {
			return fault.New(fault.Invalid, "the address %s does not name an interval", u.Path)
		}
		in := f.t.Find([]byte(symbol))
		list(func() { f.row(&c, in, i, out) })
		if f.of == futures {
			venue.Settle(out, time.Time{})
		}
	case what == "funding_rate" && f.of == futures:
		in := f.t.Find([]byte(symbol))
		list(func() { paid(&c, in, out) })
		slices.Reverse(out.Derivatives)
	case what == "time":
		venue.Clock(&c, out, "server_time", (*scan.Cursor).Millis)
	case what == "tickers":
		c.Skip()
	default:
		return fault.New(fault.Invalid, "no decoder for %s", u.Path)
	}
	return c.End()
}

// kinds maps the labels of errors; the venue lists no others of public requests.
var kinds = map[string]fault.Kind{
	"INVALID_CURRENCY_PAIR": fault.Unknown, "INVALID_CURRENCY": fault.Unknown, "CONTRACT_NOT_FOUND": fault.Unknown,
	"TOO_MANY_REQUESTS": fault.Exhausted, "TOO_FAST": fault.Exhausted,
	"SERVER_ERROR": fault.Unavailable, "INTERNAL": fault.Unavailable, "TOO_BUSY": fault.Unavailable,
	"FORBIDDEN": fault.Denied, "IP_FORBIDDEN": fault.Denied,
}

// failure reads {"label":"INVALID_PARAM_VALUE","message":"…"}.
func failure(_ int, body []byte) error {
	c := scan.New(body)
	var label, text []byte
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "label":
			label = c.Str()
		case "message", "detail":
			text = c.Str()
		default:
			c.Skip()
		}
	}
	if c.End() != nil || len(label) == 0 {
		return nil // no error of its own making: the feed judges by status
	}
	kind, ok := kinds[string(label)]
	if !ok {
		kind = fault.Invalid
	}
	return fault.New(kind, "Gate answered %s: %s", label, text)
}

// snapshot reads {id,current,update,asks,bids}: of spot with times in milliseconds, of
// futures in seconds with decimals.
func snapshot(c *scan.Cursor, in *market.Instrument, out *market.Batch) {
	b := venue.Book(out, in)
	b.Snapshot = true
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "id":
			b.Last = uint64(c.Int())
		case "update":
			b.At = moment(c)
		case "asks":
			b.Asks = levels(c, out)
		case "bids":
			b.Bids = levels(c, out)
		default:
			c.Skip()
		}
	}
	if b.Last == 0 {
		c.Fail("book without a number")
	}
	b.First = b.Last
	b.Bids, b.Asks = venue.Sized(in, b.Bids), venue.Sized(in, b.Asks)
}

// row is [t, turnover, close, high, low, open, volume, closed] of spot, and an object of
// futures, whose v is contracts and whose sum is the turnover.
func (f *feed) row(c *scan.Cursor, in *market.Instrument, i market.Interval, out *market.Batch) {
	k := venue.Candle(out, in, i, time.Time{})
	if f.of == spot {
		venue.ReadRow(c, k, "sqchlov?x")
		return
	}
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "v":
			k.Volume = in.Size(c.Qty())
		case "sum":
			k.Turnover = c.Sum()
		default:
			bar(c, k)
		}
	}
	if k.Open.IsZero() {
		c.Fail("candle without a time")
	}
}

// paid is a row of the funding history: {"t":1543968000,"r":"0.000157"}.
func paid(c *scan.Cursor, in *market.Instrument, out *market.Batch) {
	d := venue.Derivative(out, in)
	d.Settled, d.Has = true, market.StatedFunding
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "t":
			d.FundingAt = moment(c)
		case "r":
			d.Funding = c.Decimal()
		default:
			c.Skip()
		}
	}
	d.At = d.FundingAt
	if d.At.IsZero() {
		c.Fail("funding without a time")
	}
}

var statuses = map[string]market.Status{
	"tradable": market.Trading, "buyable": market.Trading, "sellable": market.Trading, "untradable": market.Halted,
	"trading": market.Trading, "prelaunch": market.PreTrading, "delisting": market.CancelOnly, "delisted": market.Delisted, "circuit_breaker": market.Halted,
}

func pair(c *scan.Cursor, t *venue.Table, out *market.Batch) {
	in := market.Instrument{Kind: market.Spot, PriceDecimals: -1, QtyDecimals: -1}
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "id":
			in.Symbol = string(c.Str())
		case "base":
			in.Base = asset.Code(c.Str())
		case "quote":
			in.Quote = asset.Code(c.Str())
		case "precision":
			in.PriceTick = step(c)
		case "amount_precision":
			in.QtyStep = step(c)
		case "min_base_amount":
			in.MinQty = c.Decimal()
		case "min_quote_amount":
			in.MinNotional = c.Decimal()
		case "trade_status":
			in.Status = statuses[string(c.Str())]
		default:
			c.Skip()
		}
	}
	learn(c, in, t, out)
}

// step is the smallest number of so many decimals.
func step(c *scan.Cursor) money.Decimal {
	d, err := money.New(1, int(min(max(c.Int(), 0), 99)))
	if err != nil {
		return money.Decimal{} // finer than any size: not stated
	}
	return d
}

func learn(c *scan.Cursor, in market.Instrument, t *venue.Table, out *market.Batch) {
	if in.Symbol == "" || in.Base == "" || in.Quote == "" {
		c.Fail("instrument without a name")
	}
	if c.Err() == nil {
		out.Instruments = append(out.Instruments, *t.Learn(in))
	}
}

// perpetual reads a contract. What it says in contracts is told in base: a contract is
// quanto_multiplier of it.
func perpetual(c *scan.Cursor, t *venue.Table, out *market.Batch) {
	var name string
	var least money.Decimal
	in := market.Instrument{Kind: market.Perpetual, Status: market.Trading, PriceDecimals: -1, QtyDecimals: -1}
	direct, leaving := true, false
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "name":
			name = string(c.Str())
		case "type":
			direct = string(c.Str()) == "direct"
		case "quanto_multiplier":
			in.Contract = c.Decimal()
		case "order_price_round":
			in.PriceTick = c.Decimal()
		case "order_size_min":
			least = c.Decimal()
		case "in_delisting":
			leaving = c.Bool()
		case "status":
			if s := c.Str(); len(s) > 0 {
				in.Status = statuses[string(s)]
			}
		default:
			c.Skip()
		}
	}
	if !direct {
		return // settled in a coin: not of this list so far
	}
	g, _ := guess(name)
	in.Symbol, in.Base, in.Quote, in.Settle = name, g.Base, g.Quote, asset.Code(t.Code(string(g.Quote)))
	if leaving && in.Status == market.Trading {
		in.Status = market.CancelOnly
	}
	if in.Contract.IsZero() {
		in.Unit = market.InContracts
	}
	in.MinQty = in.Size(money.Qty{Decimal: least}).Decimal
	in.QtyStep = in.Size(money.Qty{Decimal: whole}).Decimal
	if least.Cmp(whole) < 0 {
		in.QtyStep = in.MinQty // contracts that can be parted
	}
	learn(c, in, t, out)
}

var whole = money.MustNew(1, 0)
