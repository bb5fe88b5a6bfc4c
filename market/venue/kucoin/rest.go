package kucoin

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

// The most rows of one answer.
const (
	candlePage   = 1500
	contractPage = 500 // candles of futures
	fundingPage  = 100
)

func ask(a venue.Ask) (venue.Request, error) {
	of := "?symbol=" + url.QueryEscape(a.Instrument.Symbol)
	switch a.What {
	case venue.AskInstruments:
		return venue.Request{Path: "/api/v2/symbols", Weight: 4}, nil
	case venue.AskClock:
		return venue.Request{Path: "/api/v1/timestamp", Weight: 3}, nil
	case venue.AskBook:
		if a.Depth > 0 && a.Depth <= 20 {
			return venue.Request{Path: "/api/v1/market/orderbook/level2_20" + of, Weight: 2}, nil
		}
		return venue.Request{Path: "/api/v1/market/orderbook/level2_100" + of, Weight: 4}, nil
	case venue.AskTrades:
		return venue.Request{Path: "/api/v1/market/histories" + of, Weight: 3}, nil
	case venue.AskCandles:
		name, err := venue.IntervalName("KuCoin", intervals, a.Interval)
		if err != nil {
			return venue.Request{}, err
		}
		path := "/api/v1/market/candles" + of + "&type=" + name
		from, to := span(a, candlePage)
		if !from.IsZero() {
			path += "&startAt=" + venue.Sec(from, true)
		}
		if !to.IsZero() {
			path += "&endAt=" + venue.Sec(to.Add(-time.Second), true)
		}
		return venue.Request{Path: path, Weight: 3}, nil
	}
	return venue.Request{}, fault.New(fault.Invalid, "KuCoin cannot be asked that")
}

// span is the time of one page of candles: the venue counts no rows, so a number of them
// is a time before the end.
func span(a venue.Ask, most int) (from, to time.Time) {
	n := venue.PageSize(a, most)
	from, to = venue.Window(a, n)
	if from.IsZero() && !to.IsZero() {
		from = a.Interval.Start(to).Add(-time.Duration(n) * a.Interval.Length())
	}
	return from, to
}

func futuresAsk(a venue.Ask) (venue.Request, error) {
	of := "?symbol=" + url.QueryEscape(a.Instrument.Symbol)
	switch a.What {
	case venue.AskInstruments:
		return venue.Request{Path: "/api/v1/contracts/active", Weight: 3}, nil
	case venue.AskClock:
		return venue.Request{Path: "/api/v1/timestamp", Weight: 2}, nil
	case venue.AskBook:
		return venue.Request{Path: "/api/v1/level2/snapshot" + of, Weight: 3}, nil
	case venue.AskTrades:
		return venue.Request{Path: "/api/v1/trade/history" + of, Weight: 5}, nil
	case venue.AskCandles:
		name, err := venue.IntervalName("KuCoin Futures", granularities, a.Interval)
		if err != nil {
			return venue.Request{}, err
		}
		path := "/api/v1/kline/query" + of + "&granularity=" + name
		from, to := span(a, contractPage)
		if !from.IsZero() {
			path += "&from=" + venue.MS(from)
		}
		if !to.IsZero() {
			path += "&to=" + venue.MS(to.Add(-time.Millisecond))
		}
		return venue.Request{Path: path, Weight: 3}, nil
	case venue.AskDerivative:
		return venue.Request{Path: "/api/v1/contracts/" + url.PathEscape(a.Instrument.Symbol), Weight: 3}, nil
	case venue.AskFunding:
		from, to := int64(0), int64(always)
		if !a.From.IsZero() {
			from = a.From.UnixMilli()
		}
		if !a.To.IsZero() {
			to = a.To.UnixMilli() - 1
		}
		if n, err := strconv.ParseInt(a.Cursor, 10, 64); err == nil {
			to = n
		}
		return venue.Request{Path: "/api/v1/contract/funding-rates" + of + "&from=" + strconv.FormatInt(from, 10) + "&to=" + strconv.FormatInt(to, 10), Weight: 5}, nil
	}
	return venue.Request{}, fault.New(fault.Invalid, "KuCoin Futures cannot be asked that")
}

// always is the end of an ask for funding without one, which the venue insists on: the
// year 2100, in milliseconds.
const always = 4_102_444_800_000

// next pages candles by windows; trades have one page.
func next(a venue.Ask, got *market.Batch) (venue.Ask, bool) {
	if a.What == venue.AskCandles {
		return venue.NextWindow(a, venue.PageSize(a, candlePage), got)
	}
	return a, false
}

// futuresNext goes through funding backwards, newest first.
func futuresNext(a venue.Ask, got *market.Batch) (venue.Ask, bool) {
	switch {
	case a.What == venue.AskCandles:
		return venue.NextWindow(a, venue.PageSize(a, contractPage), got)
	case a.What == venue.AskFunding && len(got.Derivatives) >= fundingPage:
		oldest := got.Derivatives[0].FundingAt.UnixMilli() - 1 // pages are turned round
		before, err := strconv.ParseInt(a.Cursor, 10, 64)
		if err == nil && oldest >= before || !a.From.IsZero() && oldest < a.From.UnixMilli() {
			return a, false
		}
		a.Cursor = strconv.FormatInt(oldest, 10)
		return a, true
	}
	return a, false
}

// envelope reads {"code":"200000","data":…}, or {"code","msg"} of an error, which may
// come with status 200.
func envelope(c *scan.Cursor) (data scan.Cursor, err error) {
	var code, msg []byte
	has := false
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "code":
			code = c.Raw()
		case "msg":
			msg = c.Str()
		case "data":
			data, has = *c, true
			c.Skip()
		default:
			c.Skip()
		}
	}
	if len(code) == 0 || string(code) == success && !has {
		c.Fail("answer without code and data")
	}
	if err := c.End(); err != nil {
		return data, err
	}
	if string(code) != success {
		return data, refusal(string(code), string(msg))
	}
	return data, nil
}

const success = "200000"

// kinds maps codes of public requests.
var kinds = map[string]fault.Kind{
	"429000": fault.Exhausted, "200002": fault.Exhausted, "1015": fault.Exhausted,
	"900001": fault.Unknown, "404000": fault.Unknown, "100001": fault.Unknown,
	"500000": fault.Unavailable, "300000": fault.Unavailable, "230005": fault.Unavailable, "503000": fault.Unavailable,
	"400500": fault.Denied, "400003": fault.Denied, "400006": fault.Denied, "400007": fault.Denied,
}

func refusal(code, msg string) error {
	kind, ok := kinds[code]
	if !ok {
		kind = fault.Invalid
	}
	return fault.New(kind, "KuCoin answered code %s: %s", code, msg)
}

func failure(_ int, body []byte) error {
	c := scan.New(body)
	if _, err := envelope(&c); err != nil && c.Err() == nil {
		return err
	}
	return nil // no error of its own making: the feed judges by status
}

// answer reads an answer of spot. Rows come newest first and are turned round.
func answer(u *url.URL, body []byte, t *venue.Table, out *market.Batch) error {
	in, c, err := begin(u, body, t)
	if err != nil {
		return err
	}
	switch u.Path {
	case "/api/v1/symbols", "/api/v2/symbols":
		each(c, func() { symbol(c, t, out) })
	case "/api/v3/market/orderbook/level2", "/api/v1/market/orderbook/level2_100", "/api/v1/market/orderbook/level2_20":
		readBook(c, in, out)
	case "/api/v1/market/histories":
		each(c, func() { readTrade(c, in, out).Marks = market.Backfilled })
		slices.Reverse(out.Trades)
	case "/api/v1/market/candles":
		i := venue.IntervalOf(intervals, u.Query().Get("type"))
		if i == "" {
			return fault.New(fault.Invalid, "the address %s does not name an interval", u.Path)
		}
		each(c, func() { venue.ReadRow(c, venue.Candle(out, in, i, time.Time{}), "sochlvq") })
		slices.Reverse(out.Candles)
		venue.Settle(out, time.Time{})
	case "/api/v1/timestamp":
		out.Clock = c.Millis()
	default:
		return fault.New(fault.Invalid, "no decoder for %s", u.Path)
	}
	return c.Err()
}

func futuresAnswer(u *url.URL, body []byte, t *venue.Table, out *market.Batch) error {
	in, c, err := begin(u, body, t)
	if err != nil {
		return err
	}
	switch u.Path {
	case "/api/v1/contracts/active":
		each(c, func() { contract(c, t, out) })
	case "/api/v1/level2/snapshot":
		readBook(c, in, out)
	case "/api/v1/trade/history":
		each(c, func() { readTrade(c, in, out).Marks = market.Backfilled })
		slices.Reverse(out.Trades)
	case "/api/v1/kline/query":
		i := venue.IntervalOf(granularities, u.Query().Get("granularity"))
		if i == "" {
			return fault.New(fault.Invalid, "the address %s does not name an interval", u.Path)
		}
		each(c, func() {
			k := venue.Candle(out, in, i, time.Time{})
			venue.ReadRow(c, k, "mohlcv?q")
			k.Volume = in.Size(k.Volume)
		})
		venue.Settle(out, time.Time{})
	case "/api/v1/contract/funding-rates":
		each(c, func() { paid(c, in, out) })
		slices.Reverse(out.Derivatives)
	case "/api/v1/timestamp":
		out.Clock = c.Millis()
	default:
		name, ok := strings.CutPrefix(u.Path, "/api/v1/contracts/")
		if !ok || name == "" {
			return fault.New(fault.Invalid, "no decoder for %s", u.Path)
		}
		stated(c, t.Find([]byte(name)), out)
	}
	return c.Err()
}

// nobody stands in where an address names no symbol.
var nobody = &market.Instrument{}

// begin opens an answer and finds the symbol that its address names.
func begin(u *url.URL, body []byte, t *venue.Table) (*market.Instrument, *scan.Cursor, error) {
	c := scan.New(body)
	data, err := envelope(&c)
	if err != nil {
		return nil, nil, err
	}
	s := u.Query().Get("symbol")
	if s != "" {
		return t.Find([]byte(s)), &data, nil
	}
	switch u.Path {
	case "/api/v1/symbols", "/api/v2/symbols", "/api/v1/contracts/active", "/api/v1/timestamp":
		return nobody, &data, nil
	}
	if strings.HasPrefix(u.Path, "/api/v1/contracts/") {
		return nobody, &data, nil
	}
	return nil, nil, fault.New(fault.Invalid, "the address %s does not name a symbol", u.Path)
}

// each reads the rows of an array; null is none.
func each(c *scan.Cursor, read func()) {
	if c.Peek() != '[' {
		c.Skip()
		return
	}
	for ok := c.Arr(); ok && c.NextItem(); {
		read()
	}
}

func readBook(c *scan.Cursor, in *market.Instrument, out *market.Batch) {
	readWhole(c, in, out)
	if b := &out.Books[len(out.Books)-1]; b.Last == 0 {
		c.Fail("book without a number")
	}
}

// symbol reads a market of spot.
func symbol(c *scan.Cursor, t *venue.Table, out *market.Batch) {
	in := market.Instrument{Kind: market.Spot, PriceDecimals: -1, QtyDecimals: -1}
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "symbol":
			in.Symbol = string(c.Str())
		case "baseCurrency":
			in.Base = asset.Code(c.Str())
		case "quoteCurrency":
			in.Quote = asset.Code(c.Str())
		case "baseMinSize":
			in.MinQty = c.Decimal()
		case "baseIncrement":
			in.QtyStep = c.Decimal()
		case "priceIncrement":
			in.PriceTick = c.Decimal()
		case "minFunds":
			in.MinNotional = c.Decimal()
		case "enableTrading":
			in.Status = market.Halted
			if c.Bool() {
				in.Status = market.Trading
			}
		default:
			c.Skip()
		}
	}
	learn(c, in, t, out)
}

func learn(c *scan.Cursor, in market.Instrument, t *venue.Table, out *market.Batch) {
	if in.Symbol == "" || in.Base == "" || in.Quote == "" {
		c.Fail("instrument without a name")
	}
	if c.Err() == nil {
		out.Instruments = append(out.Instruments, *t.Learn(in))
	}
}

var statuses = map[string]market.Status{
	"Open": market.Trading, "Init": market.PreTrading, "Paused": market.Halted, "BeingSettled": market.Halted, "PrepareSettled": market.CancelOnly,
	"CancelOnly": market.CancelOnly, "Settled": market.Delisted, "Closed": market.Delisted,
}

// contract reads one of futures. A contract of a linear one is multiplier of its base; of
// an inverse one, whose multiplier is negative, so many dollars.
func contract(c *scan.Cursor, t *venue.Table, out *market.Batch) {
	in := market.Instrument{Kind: market.Perpetual, PriceDecimals: -1, QtyDecimals: -1}
	var multiplier, lot money.Decimal
	inverse := false
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "symbol":
			in.Symbol = string(c.Str())
		case "baseCurrency":
			in.Base = asset.Code(c.Str())
		case "quoteCurrency":
			in.Quote = asset.Code(c.Str())
		case "settleCurrency":
			in.Settle = asset.Code(t.Code(string(c.Str())))
		case "type":
			if string(c.Str()) == "FFICSX" {
				in.Kind = market.Dated
			}
		case "expireDate":
			in.Expiry = stamp(c)
		case "multiplier":
			multiplier = c.Decimal()
		case "isInverse":
			inverse = c.Bool()
		case "tickSize":
			in.PriceTick = c.Decimal()
		case "lotSize":
			lot = c.Decimal()
		case "status":
			in.Status = statuses[string(c.Str())]
		default:
			c.Skip()
		}
	}
	in.Contract = multiplier.Abs()
	switch {
	case inverse && in.Contract.Equal(one):
		in.Unit = market.InQuote
	case inverse, in.Contract.IsZero():
		in.Unit = market.InContracts
	}
	if in.Kind == market.Dated {
		in.Base, in.Quote = asset.Code(t.Code(string(in.Base))), asset.Code(t.Code(string(in.Quote)))
		in.Pair = market.Future(in.Base, in.Quote, in.Expiry)
	} else {
		in.Expiry = time.Time{}
	}
	in.QtyStep = in.Size(money.Qty{Decimal: lot}).Decimal
	in.MinQty = in.QtyStep
	learn(c, in, t, out)
}

var one = money.MustNew(1, 0)

// stated reads what a contract is said to be now.
func stated(c *scan.Cursor, in *market.Instrument, out *market.Batch) {
	d := venue.Derivative(out, in)
	for ok := c.Obj(); ok && c.NextKey(); {
		if p := c.Peek(); p == 'n' || p == '{' || p == '[' {
			c.Skip()
			continue
		}
		switch string(c.K) {
		case "markPrice":
			d.Mark, d.Has = c.Price(), d.Has|market.StatedMark
		case "indexPrice":
			d.Index, d.Has = c.Price(), d.Has|market.StatedIndex
		case "fundingFeeRate":
			d.Funding, d.Has = c.Decimal(), d.Has|market.StatedFunding
		case "openInterest":
			d.Interest, d.Has = in.Size(c.Qty()), d.Has|market.StatedInterest
		case "fundingRateGranularity":
			d.Interval = time.Duration(min(max(c.Int(), 0), 1<<40)) * time.Millisecond
		case "nextFundingRateDateTime":
			d.FundingAt = stamp(c)
		default:
			c.Skip()
		}
	}
	if d.Has == 0 {
		out.Derivatives = out.Derivatives[:len(out.Derivatives)-1]
	}
}

// paid is a row of the funding history: {symbol,fundingRate,timepoint}.
func paid(c *scan.Cursor, in *market.Instrument, out *market.Batch) {
	d := venue.Derivative(out, in)
	d.Settled, d.Has = true, market.StatedFunding
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "fundingRate":
			d.Funding = c.Decimal()
		case "timepoint":
			d.FundingAt = stamp(c)
		default:
			c.Skip()
		}
	}
	d.At = d.FundingAt
	if d.At.IsZero() {
		c.Fail("funding without a time")
	}
}
