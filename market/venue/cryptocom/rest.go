package cryptocom

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

const api = "/exchange/v1/public/"

// The most rows of one answer.
const (
	candlePage  = 300
	tradePage   = 150
	fundingPage = 100
)

// valuations are what is asked of a contract, in the order of Ask.Section; "" is the
// ticker. A dated one has the first two.
var valuations = []string{"", "mark_price", "index_price", "funding_rate"}

func ask(a venue.Ask) (venue.Request, error) {
	of := "?instrument_name=" + url.QueryEscape(a.Instrument.Symbol)
	switch a.What {
	case venue.AskInstruments:
		return venue.Request{Path: api + "get-instruments", Budget: "instruments"}, nil
	case venue.AskBook:
		n := depth
		if a.Depth > 0 && a.Depth < n {
			n = a.Depth
		}
		return venue.Request{Path: api + "get-book" + of + "&depth=" + strconv.Itoa(n), Budget: "book"}, nil
	case venue.AskTrades:
		path := api + "get-trades" + of + "&count=" + strconv.Itoa(venue.PageSize(a, tradePage))
		if !a.From.IsZero() {
			path += "&start_ts=" + strconv.FormatInt(a.From.UnixNano(), 10)
		}
		switch {
		case a.Cursor != "":
			path += "&end_ts=" + url.QueryEscape(a.Cursor)
		case !a.To.IsZero():
			path += "&end_ts=" + strconv.FormatInt(a.To.UnixNano(), 10)
		}
		return venue.Request{Path: path, Budget: "trades"}, nil
	case venue.AskCandles:
		name, err := venue.IntervalName("Crypto.com", intervals, a.Interval)
		if err != nil {
			return venue.Request{}, err
		}
		n := venue.PageSize(a, candlePage)
		path := api + "get-candlestick" + of + "&timeframe=" + name + "&count=" + strconv.Itoa(n)
		from, to := venue.Window(a, n)
		return venue.Request{Path: path + window(from, to), Budget: "candles"}, nil
	case venue.AskDerivative:
		return askDerivative(a)
	case venue.AskFunding:
		if a.Instrument.Kind == market.Spot {
			break
		}
		a.Interval = "1h"
		from, to := venue.Window(a, fundingPage)
		return venue.Request{Path: api + "get-valuations" + of + "&valuation_type=funding_hist&count=" + strconv.Itoa(fundingPage) + window(from, to), Budget: "valuations"}, nil
	}
	return venue.Request{}, fault.New(fault.Invalid, "Crypto.com cannot be asked that")
}

// window bounds rows by the times they begin at. The venue does not say whether the
// start counts, so it is asked for a little earlier.
func window(from, to time.Time) string {
	s := ""
	if !from.IsZero() {
		s += "&start_ts=" + venue.MS(from.Add(-time.Millisecond))
	}
	if !to.IsZero() {
		s += "&end_ts=" + venue.MS(to.Add(-time.Millisecond))
	}
	return s
}

func askDerivative(a venue.Ask) (venue.Request, error) {
	if a.Section < 0 || a.Section >= sections(a.Instrument.Kind) {
		return venue.Request{}, fault.New(fault.Invalid, "Crypto.com tells nothing of that kind of %s", a.Instrument.Symbol)
	}
	symbol, what := a.Instrument.Symbol, valuations[a.Section]
	if what == "" {
		return venue.Request{Path: api + "get-tickers?instrument_name=" + url.QueryEscape(symbol), Budget: "tickers"}, nil
	}
	if what == "index_price" {
		symbol = index(symbol)
	}
	return venue.Request{Path: api + "get-valuations?instrument_name=" + url.QueryEscape(symbol) + "&valuation_type=" + what + "&count=1", Budget: "valuations"}, nil
}

// sections is how many answers tell what there is to a contract.
func sections(k market.Kind) int {
	switch k {
	case market.Perpetual:
		return len(valuations)
	case market.Dated:
		return 2
	}
	return 0
}

// next goes through windows of candles and funding, and through trades backwards: the
// end of a page is the time of its oldest trade and a nanosecond, which does not count.
func next(a venue.Ask, got *market.Batch) (venue.Ask, bool) {
	switch a.What {
	case venue.AskCandles:
		return venue.NextWindow(a, venue.PageSize(a, candlePage), got)
	case venue.AskFunding:
		a.Interval = "1h"
		b, more := venue.NextWindow(a, fundingPage, got)
		b.Interval = ""
		return b, more
	case venue.AskDerivative:
		a.Section++
		return a, a.Section < sections(a.Instrument.Kind)
	case venue.AskTrades:
		if a.From.IsZero() || len(got.Trades) < venue.PageSize(a, tradePage) {
			return a, false
		}
		oldest := slices.MinFunc(got.Trades, func(x, y market.Trade) int { return x.At.Compare(y.At) })
		end := strconv.FormatInt(oldest.At.UnixNano()+1, 10)
		if !oldest.At.After(a.From) || end == a.Cursor {
			return a, false
		}
		a.Cursor = end
		return a, true
	}
	return a, false
}

// answer reads {"id":…,"method":…,"code":0,"result":{…}}.
func answer(u *url.URL, body []byte, t *venue.Table, out *market.Batch) error {
	code, said, result, err := envelope(body)
	if err != nil {
		return err
	}
	if code != 0 {
		return refusal(code, said)
	}
	_, what, _ := strings.Cut(u.Path, "/public/")
	q := u.Query()
	symbol := []byte(q.Get("instrument_name"))
	if len(symbol) == 0 && what != "get-instruments" && what != "get-tickers" {
		return fault.New(fault.Invalid, "the address does not say which instrument the answer is of")
	}
	c, err := rows(&result)
	if err != nil {
		return err
	}
	switch what {
	case "get-instruments":
		for ok := c.Arr(); ok && c.NextItem(); {
			instrument(&c, t, out)
		}
	case "get-book":
		for ok := c.Arr(); ok && c.NextItem(); {
			readBook(&c, t.Find(symbol), out, true, 0)
		}
	case "get-trades":
		in := t.Find(symbol)
		for ok := c.Arr(); ok && c.NextItem(); {
			readTrade(&c, in, out)
			out.Trades[len(out.Trades)-1].Marks = market.Backfilled
		}
		slices.SortStableFunc(out.Trades, func(x, y market.Trade) int { return x.At.Compare(y.At) })
	case "get-candlestick":
		i := intervalOf(q.Get("timeframe"))
		if i == "" {
			return fault.New(fault.Invalid, "candles of %q are not read", q.Get("timeframe"))
		}
		for ok := c.Arr(); ok && c.NextItem(); {
			readCandle(&c, t.Find(symbol), i, out)
		}
		slices.SortStableFunc(out.Candles, func(x, y market.Candle) int { return x.Open.Compare(y.Open) })
		venue.Settle(out, time.Time{})
	case "get-tickers":
		for ok := c.Arr(); ok && c.NextItem(); {
			ticker(&c, t, out)
		}
	case "get-valuations":
		return values(&c, subject(t, string(symbol)), q.Get("valuation_type"), out)
	default:
		return fault.New(fault.Invalid, "no decoder for %s", u.Path)
	}
	return c.Err()
}

// values reads rows of {v,t} in the order of time.
func values(c *scan.Cursor, in *market.Instrument, what string, out *market.Batch) error {
	kind, ok := map[string]string{"mark_price": "mark", "index_price": "index", "funding_rate": "funding", "funding_hist": "settled"}[what]
	if !ok {
		return fault.New(fault.Invalid, "values of %q are not read", what)
	}
	for ok := c.Arr(); ok && c.NextItem(); {
		readValue(c, in, kind, out)
	}
	slices.SortStableFunc(out.Derivatives, func(x, y market.Derivative) int { return x.At.Compare(y.At) })
	return c.Err()
}

// ticker reads a row that names its instrument.
func ticker(c *scan.Cursor, t *venue.Table, out *market.Batch) {
	row := *c
	for ok := c.Obj(); ok && c.NextKey(); {
		if !c.Is("i") {
			c.Skip()
			continue
		}
		if readTicker(&row, t.Find(c.Str()), out); row.Err() != nil {
			c.Fail("ticker cannot be read")
		}
	}
}

func envelope(body []byte) (code int64, said string, result scan.Cursor, err error) {
	c := scan.New(body)
	has := false
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "code":
			code, has = c.Int(), true
		case "message":
			said = string(c.Str())
		case "result":
			result = c
			c.Skip()
		default:
			c.Skip()
		}
	}
	if !has {
		c.Fail("answer without code")
	}
	return code, said, result, c.End()
}

// rows finds the array of a result: data, or instruments in version 2.
func rows(c *scan.Cursor) (data scan.Cursor, err error) {
	has := false
	for ok := c.Obj(); ok && c.NextKey(); {
		if c.Is("data") || c.Is("instruments") {
			data, has = *c, c.Peek() == '['
		}
		c.Skip()
	}
	if !has {
		c.Fail("result without data")
	}
	return data, c.Err()
}

// kinds maps its codes; what is not here is a mistake of ours.
var kinds = map[int64]fault.Kind{
	42901: fault.Exhausted, 10006: fault.Exhausted,
	40401: fault.Unknown, 209: fault.Unknown, 206: fault.Unknown, 30003: fault.Unknown,
	40801: fault.Unavailable, 50001: fault.Unavailable, 10001: fault.Unavailable, 9010001: fault.Unavailable,
	40103: fault.Denied,
}

func refusal(code int64, said string) error {
	kind, ok := kinds[code]
	if !ok {
		kind = fault.Invalid
	}
	return fault.New(kind, "Crypto.com answered code %d: %s", code, said)
}

func failure(_ int, body []byte) error {
	code, said, _, err := envelope(body)
	if err != nil || code == 0 {
		return nil // no error of its own making: the feed judges by status
	}
	return refusal(code, said)
}

var types = map[string]market.Kind{"CCY_PAIR": market.Spot, "PERPETUAL_SWAP": market.Perpetual, "FUTURE": market.Dated}

// instrument reads one row of version 1 or 2. Options and prediction markets are left out.
func instrument(c *scan.Cursor, t *venue.Table, out *market.Batch) {
	in := market.Instrument{Kind: market.Spot, Status: market.Trading, PriceDecimals: -1, QtyDecimals: -1}
	known := true
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "symbol", "instrument_name":
			in.Symbol = string(c.Str())
		case "inst_type":
			in.Kind, known = types[string(c.Str())], true
			known = in.Kind != ""
		case "base_ccy", "base_currency":
			in.Base = asset.Code(c.Str())
		case "quote_ccy", "quote_currency":
			in.Quote = asset.Code(c.Str())
		case "price_tick_size":
			in.PriceTick = c.Decimal()
		case "qty_tick_size":
			in.QtyStep = c.Decimal()
		case "price_decimals":
			in.PriceTick = step(c)
		case "quantity_decimals":
			if s := step(c); in.QtyStep.IsZero() {
				in.QtyStep = s
			}
		case "contract_size":
			in.Contract = c.Decimal()
		case "expiry_timestamp_ms":
			in.Expiry = c.Millis()
		case "tradable":
			if !c.Bool() {
				in.Status = market.Halted
			}
		default:
			c.Skip()
		}
	}
	if !known || in.Symbol == "" || in.Base == "" || in.Quote == "" || c.Err() != nil {
		return
	}
	switch in.Kind {
	case market.Spot:
		in.Contract, in.Expiry = money.Decimal{}, time.Time{}
	default:
		in.Settle = asset.Code(t.Code(string(in.Quote)))
		if in.Contract.IsZero() {
			in.Contract = money.MustNew(1, 0) // the list of some regions leaves it out: sizes are of the base there
		}
		in.QtyStep = in.Size(money.Qty{Decimal: in.QtyStep}).Decimal
		if in.Kind == market.Perpetual {
			in.Expiry = time.Time{}
			break
		}
		in.Base, in.Quote = asset.Code(t.Code(string(in.Base))), in.Settle
		in.Pair = market.Future(in.Base, in.Quote, in.Expiry)
	}
	in.MinQty = in.QtyStep // the step is the least that trades
	out.Instruments = append(out.Instruments, *t.Learn(in))
}

// step is the smallest step of so many decimals.
func step(c *scan.Cursor) money.Decimal {
	d, err := money.New(1, int(max(c.Int(), 0)))
	if err != nil {
		return money.Decimal{}
	}
	return d
}
