package krakenfutures

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

const (
	derivatives = "/derivatives/api/v3/"
	history     = "/api/history/v3/market/"
	charts      = "/api/charts/v1/trade/"
)

// The most rows of one answer.
const (
	tradePage  = 1000
	candlePage = 2000
)

func ask(a venue.Ask) (venue.Request, error) {
	symbol := url.QueryEscape(a.Instrument.Symbol)
	part := url.PathEscape(a.Instrument.Symbol)
	switch a.What {
	case venue.AskInstruments:
		return venue.Request{Path: derivatives + "instruments"}, nil
	case venue.AskBook:
		return venue.Request{Path: derivatives + "orderbook?symbol=" + symbol}, nil
	case venue.AskDerivative:
		return venue.Request{Path: derivatives + "tickers/" + part}, nil
	case venue.AskFunding:
		return venue.Request{Path: derivatives + "historical-funding-rates?symbol=" + symbol}, nil
	case venue.AskTrades:
		path := history + part + "/executions?count=" + strconv.Itoa(venue.PageSize(a, tradePage))
		if !a.From.IsZero() {
			path += "&sort=asc&since=" + venue.MS(venue.Since(a))
		}
		if !a.To.IsZero() {
			path += "&before=" + venue.MS(a.To)
		}
		return venue.Request{Path: path, Budget: "history"}, nil
	case venue.AskCandles:
		name, err := venue.IntervalName("Kraken Futures", intervals, a.Interval)
		if err != nil {
			return venue.Request{}, err
		}
		q := url.Values{}
		from, to := venue.Window(a, venue.PageSize(a, candlePage))
		if !from.IsZero() {
			q.Set("from", venue.Sec(from, true))
		}
		if !to.IsZero() {
			q.Set("to", venue.Sec(to.Add(-time.Second), true)) // it is inclusive
		}
		path := charts + part + "/" + name
		if len(q) > 0 {
			path += "?" + q.Encode()
		}
		return venue.Request{Path: path, Budget: "charts"}, nil
	case venue.AskClock:
		return venue.Request{}, fault.New(fault.Invalid, "Kraken Futures has no clock to ask; its answers state their time")
	}
	return venue.Request{}, fault.New(fault.Invalid, "Kraken Futures cannot be asked that")
}

// next pages candles by windows, and trades by time.
func next(a venue.Ask, got *market.Batch) (venue.Ask, bool) {
	switch a.What {
	case venue.AskCandles:
		return venue.NextWindow(a, venue.PageSize(a, candlePage), got)
	case venue.AskTrades:
		if n := len(got.Trades); n >= venue.PageSize(a, tradePage) {
			return venue.NextSince(a, got.Trades[n-1].At)
		}
	}
	return a, false
}

// reply is what the answers of the three interfaces have, each its own part.
type reply struct {
	result, problem                                         []byte
	time                                                    time.Time
	instruments, book, tickers, ticker, rates, rows, events scan.Cursor
	has                                                     map[string]bool
}

func read(body []byte) (*reply, error) {
	c := scan.New(body)
	r := &reply{has: map[string]bool{}}
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "result":
			r.result = c.Str()
			continue
		case "error":
			r.problem = c.Raw()
			continue
		case "serverTime":
			r.time = c.RFC3339()
			continue
		case "errors":
			r.problem = problems(&c)
			continue
		}
		place := map[string]*scan.Cursor{"instruments": &r.instruments, "orderBook": &r.book, "tickers": &r.tickers, "ticker": &r.ticker, "rates": &r.rates,
			"candles": &r.rows, "elements": &r.events}[string(c.K)]
		if place != nil {
			*place, r.has[string(c.K)] = c, true
		}
		c.Skip()
	}
	return r, c.End()
}

// problems reads the first of a list of errors, which are texts or objects with a message.
func problems(c *scan.Cursor) (first []byte) {
	for ok := c.Arr(); ok && c.NextItem(); {
		var text []byte
		switch c.Peek() {
		case '{':
			for ok := c.Obj(); ok && c.NextKey(); {
				if (c.Is("message") || c.Is("code") && text == nil) && c.Peek() != '{' && c.Peek() != '[' {
					text = c.Raw()
				} else {
					c.Skip()
				}
			}
		case '"':
			text = c.Str()
		default:
			c.Skip()
		}
		if first == nil {
			first = text
		}
	}
	return first
}

// kinds maps its errors; what is not here was asked wrongly.
var kinds = map[string]fault.Kind{
	"apiLimitExceeded": fault.Exhausted, "unavailable": fault.Unavailable, "Unavailable": fault.Unavailable, "marketUnavailable": fault.Unavailable, "Server Error": fault.Unavailable,
	"contractNotFound": fault.Unknown, "Contract not found": fault.Unknown, "notFound": fault.Unknown,
}

func faultOf(problem []byte) error {
	kind, ok := kinds[string(problem)]
	if !ok {
		kind = fault.Invalid
	}
	return fault.New(kind, "Kraken Futures answered %q", problem)
}

func failure(_ int, body []byte) error {
	r, err := read(body)
	if err != nil || len(r.problem) == 0 {
		return nil // no error of its own making: the feed judges by status
	}
	return faultOf(r.problem)
}

// answer reads the part of an answer that its address asks for.
func answer(u *url.URL, body []byte, t *venue.Table, out *market.Batch) error {
	part, symbol, i, err := address(u)
	if err != nil {
		return err
	}
	r, err := read(body)
	if err != nil {
		return err
	}
	if len(r.problem) > 0 || r.result != nil && string(r.result) != "success" {
		return faultOf(r.problem)
	}
	if !r.has[part] {
		c := scan.New(body)
		c.Fail("answer without " + part)
		return c.Err()
	}
	var in *market.Instrument
	if symbol != "" {
		in = t.Find([]byte(symbol))
	}
	switch part {
	case "instruments":
		return each(&r.instruments, func(c *scan.Cursor) { instrument(c, t, out) })
	case "orderBook":
		return snapshot(&r.book, in, r.time, out)
	case "tickers":
		return each(&r.tickers, func(c *scan.Cursor) { state(c, t, r.time, out) })
	case "ticker":
		state(&r.ticker, t, r.time, out)
		return r.ticker.Err()
	case "rates":
		return each(&r.rates, func(c *scan.Cursor) { settled(c, in, out) })
	case "elements":
		from := len(out.Trades)
		err := each(&r.events, func(c *scan.Cursor) { execution(c, in, out) })
		if u.Query().Get("sort") != "asc" {
			slices.Reverse(out.Trades[from:]) // newest first
		}
		return err
	}
	err = each(&r.rows, func(c *scan.Cursor) { row(c, in, i, out) })
	venue.Settle(out, time.Time{})
	return err
}

// address tells what an answer holds, and of which contract and interval.
func address(u *url.URL) (part, symbol string, i market.Interval, err error) {
	symbol = u.Query().Get("symbol")
	if what, ok := strings.CutPrefix(u.Path, derivatives); ok {
		name, of, single := strings.Cut(what, "/")
		switch {
		case what == "instruments":
			return "instruments", "", "", nil
		case what == "tickers":
			return "tickers", "", "", nil
		case name == "tickers" && single && of != "":
			return "ticker", of, "", nil
		case what == "orderbook" && symbol != "":
			return "orderBook", symbol, "", nil
		case what == "historical-funding-rates" && symbol != "":
			return "rates", symbol, "", nil
		}
	} else if what, ok := strings.CutPrefix(u.Path, history); ok {
		if symbol, ok := strings.CutSuffix(what, "/executions"); ok && symbol != "" {
			return "elements", symbol, "", nil
		}
	} else if what, ok := strings.CutPrefix(u.Path, charts); ok {
		symbol, name, _ := strings.Cut(what, "/")
		if i := venue.IntervalOf(intervals, name); i != "" && symbol != "" {
			return "candles", symbol, i, nil
		}
	}
	return "", "", "", fault.New(fault.Invalid, "no decoder for %s", u.Path)
}

func each(c *scan.Cursor, do func(*scan.Cursor)) error {
	for ok := c.Arr(); ok && c.NextItem(); {
		do(c)
	}
	return c.Err()
}

// instrument reads one contract. Base and quote stand in its name; older lists write
// names in lower case. Indices and options are left out.
func instrument(c *scan.Cursor, t *venue.Table, out *market.Batch) {
	var d market.Instrument
	var tradeable, postOnly bool
	contract, decimals, stated := one, int64(0), false
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "symbol":
			d.Symbol = string(c.Str())
		case "tradeable":
			tradeable = c.Bool()
		case "postOnly":
			postOnly = c.Bool()
		case "tickSize":
			d.PriceTick = c.Decimal()
		case "contractSize":
			contract = c.Decimal()
		case "contractValueTradePrecision":
			decimals, stated = c.Int(), true
		case "lastTradingTime":
			d.Expiry = c.RFC3339()
		default:
			c.Skip()
		}
	}
	in, ok := guess(d.Symbol)
	if c.Err() != nil || !ok {
		return
	}
	in.Key, in.PriceTick, in.Contract, in.PriceDecimals, in.QtyDecimals = in.Symbol, d.PriceTick, contract, -1, -1
	in.Base, in.Quote, in.Settle = code(t, in.Base), code(t, in.Quote), code(t, in.Settle)
	if in.Kind == market.Dated && !d.Expiry.IsZero() {
		in.Expiry = d.Expiry
	}
	name(&in)
	in.QtyStep = step(decimals)
	if !stated {
		in.QtyStep = contract
	}
	in.MinQty = in.QtyStep
	switch {
	case !tradeable:
		in.Status = market.Halted
	case postOnly:
		in.Status = market.PreTrading
	default:
		in.Status = market.Trading
	}
	out.Instruments = append(out.Instruments, *t.Learn(in))
}

func code(t *venue.Table, a asset.Code) asset.Code { return asset.Code(t.Code(string(a))) }

// step is the smallest size of so many decimals; below 0 they are tens.
func step(decimals int64) money.Decimal {
	if decimals < 0 {
		n := int64(1)
		for ; decimals < 0 && n < 1e15; decimals++ {
			n *= 10
		}
		return money.MustNew(n, 0)
	}
	return money.MustNew(1, int(min(decimals, money.MaxDigits)))
}

func snapshot(c *scan.Cursor, in *market.Instrument, at time.Time, out *market.Batch) error {
	b := venue.Book(out, in)
	b.Snapshot, b.At = true, at
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "bids":
			b.Bids = venue.Sized(in, venue.ReadLevels(c, out))
		case "asks":
			b.Asks = venue.Sized(in, venue.ReadLevels(c, out))
		default:
			c.Skip()
		}
	}
	return c.Err()
}

// rateDecimals is how exact a funding rate is that we divide ourselves.
const rateDecimals = 12

// state reads a ticker of REST. Its funding is an amount: of the quote for each coin of a
// linear contract, of the coin for each dollar of an inverse one.
func state(c *scan.Cursor, t *venue.Table, at time.Time, out *market.Batch) {
	var d market.Derivative
	var symbol []byte
	var paid money.Decimal
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "symbol":
			symbol = c.Str()
		case "markPrice":
			d.Mark, d.Has = money.Price{Decimal: c.Rounded()}, d.Has|market.StatedMark
		case "indexPrice":
			d.Index, d.Has = money.Price{Decimal: c.Rounded()}, d.Has|market.StatedIndex
		case "openInterest":
			d.Interest, d.Has = money.Qty{Decimal: c.Rounded()}, d.Has|market.StatedInterest
		case "fundingRate":
			paid, d.Has = c.Rounded(), d.Has|market.StatedFunding
		default:
			c.Skip()
		}
	}
	if c.Err() != nil || d.Has == 0 {
		return // an index, or options
	}
	if len(symbol) == 0 {
		c.Fail("ticker without a symbol")
		return
	}
	in := t.Find(symbol)
	rate, err := paid, error(nil)
	if in.Unit == market.InQuote {
		rate, err = paid.MulRound(d.Index.Decimal, rateDecimals)
	} else {
		rate, err = paid.Quo(d.Index.Decimal, rateDecimals)
	}
	if d.Has&market.StatedFunding != 0 && (err != nil || d.Index.IsZero()) {
		d.Has &^= market.StatedFunding
	}
	x := venue.Derivative(out, in)
	x.Has, x.Mark, x.Index, x.Interest, x.At = d.Has, d.Mark, d.Index, in.Size(d.Interest), at
	if d.Has&market.StatedFunding != 0 {
		x.Funding, x.Interval = rate.Trim(), time.Hour
	}
}

// settled is one hour of the funding history.
func settled(c *scan.Cursor, in *market.Instrument, out *market.Batch) {
	d := venue.Derivative(out, in)
	d.Has, d.Settled, d.Interval = market.StatedFunding, true, time.Hour
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "timestamp":
			d.FundingAt = c.RFC3339()
		case "relativeFundingRate":
			d.Funding = c.Rounded()
		default:
			c.Skip()
		}
	}
	d.At = d.FundingAt
	if d.FundingAt.IsZero() {
		c.Fail("funding without a time")
	}
}

// execution reads {"event":{"Execution":{"execution":{…}}}}.
func execution(c *scan.Cursor, in *market.Instrument, out *market.Batch) {
	var m message
	known := false
	for ok := c.Obj(); ok && c.NextKey(); {
		if !c.Is("event") {
			c.Skip()
			continue
		}
		for ok := c.Obj(); ok && c.NextKey(); {
			if known = c.Is("Execution"); !known {
				venue.Say(out, market.Strange, market.Trades, in.Symbol, "event "+string(c.K))
				c.Skip()
				continue
			}
			for ok := c.Obj(); ok && c.NextKey(); {
				if c.Is("execution") {
					m.fill(c)
				} else {
					c.Skip()
				}
			}
		}
	}
	if known && c.Err() == nil {
		_ = trade(c, &m, in, market.Backfilled, out) // the error sticks in c
	}
}

func (m *message) fill(c *scan.Cursor) {
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "uid":
			m.uid = c.Str()
		case "timestamp":
			m.at = c.Millis()
		case "quantity":
			m.qty = c.Qty()
		case "price":
			m.price = c.Price()
		case "takerOrder":
			if c.Peek() != '{' {
				c.Skip()
				continue
			}
			for ok := c.Obj(); ok && c.NextKey(); {
				if c.Is("direction") {
					m.side = c.Str()
				} else {
					c.Skip()
				}
			}
		default:
			c.Skip()
		}
	}
}

func row(c *scan.Cursor, in *market.Instrument, i market.Interval, out *market.Batch) {
	k := venue.Candle(out, in, i, time.Time{})
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "time":
			k.Open = c.Millis()
		case "open":
			k.O = c.Price()
		case "high":
			k.H = c.Price()
		case "low":
			k.L = c.Price()
		case "close":
			k.C = c.Price()
		case "volume":
			k.Volume = in.Size(c.Qty())
		default:
			c.Skip()
		}
	}
	if k.Open.IsZero() {
		c.Fail("candle without a time")
	}
}
