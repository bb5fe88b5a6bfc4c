package bitget

import (
	"net/url"
	"path"
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

// The most rows of one answer. A page of candles is one less than may be asked for, so
// that it does not matter whether the end counts.
const (
	candlePage  = 199
	latestPage  = 100
	tradePage   = 1000
	fundingPage = 100
	bookDepth   = 200
)

// window is the longest that trades are asked for at once.
const window = 7 * 24 * time.Hour

// spotBars and swapBars are how version 2 names intervals of spot and of contracts.
var (
	spotBars = map[market.Interval]string{"1m": "1min", "3m": "3min", "5m": "5min", "15m": "15min", "30m": "30min", "1h": "1h", "4h": "4h",
		"6h": "6Hutc", "12h": "12Hutc", "1d": "1Dutc", "1w": "1Wutc", "1M": "1Mutc"}
	swapBars = map[market.Interval]string{"1m": "1m", "3m": "3m", "5m": "5m", "15m": "15m", "30m": "30m", "1h": "1H", "4h": "4H",
		"6h": "6Hutc", "12h": "12Hutc", "1d": "1Dutc", "1w": "1Wutc", "1M": "1Mutc"}
)

// sections are the parts of the instrument list, in the order of Ask.Section.
var sections = []string{spot, usdt, usdc, coined}

func ask(a venue.Ask) (venue.Request, error) {
	part := section(&a.Instrument)
	of := "?category=" + strings.ToUpper(part) + "&symbol=" + url.QueryEscape(a.Instrument.Symbol)
	switch a.What {
	case venue.AskInstruments:
		if a.Section < 0 || a.Section >= len(sections) {
			return venue.Request{}, fault.New(fault.Invalid, "Bitget lists instruments in %d parts", len(sections))
		}
		return venue.Request{Path: "/api/v3/market/instruments?category=" + strings.ToUpper(sections[a.Section])}, nil
	case venue.AskClock:
		return venue.Request{Path: "/api/v2/public/time"}, nil
	case venue.AskBook:
		n := bookDepth
		if a.Depth > 0 && a.Depth < n {
			n = a.Depth
		}
		return venue.Request{Path: "/api/v3/market/orderbook" + of + "&limit=" + strconv.Itoa(n)}, nil
	case venue.AskTrades:
		return askTrades(a, part, of)
	case venue.AskCandles:
		return askCandles(a, part)
	case venue.AskDerivative:
		if part != spot {
			return venue.Request{Path: "/api/v3/market/tickers" + of}, nil
		}
	case venue.AskFunding:
		if part != spot {
			page := a.Cursor
			if page == "" {
				page = "1"
			}
			return venue.Request{Path: "/api/v3/market/history-fund-rate" + of + "&limit=" + strconv.Itoa(fundingPage) + "&cursor=" + url.QueryEscape(page)}, nil
		}
	}
	return venue.Request{}, fault.New(fault.Invalid, "Bitget cannot be asked that of %s", a.Instrument.Symbol)
}

// old is the beginning of a request to version 2.
func old(part, what, symbol string) string {
	if part == spot {
		return "/api/v2/spot/market/" + what + "?symbol=" + url.QueryEscape(symbol)
	}
	return "/api/v2/mix/market/" + what + "?symbol=" + url.QueryEscape(symbol) + "&productType=" + part
}

// askTrades goes backwards by id from the newest trade wanted, a week at most at once.
func askTrades(a venue.Ask, part, of string) (venue.Request, error) {
	if a.AfterID != "" {
		if _, err := strconv.ParseUint(a.AfterID, 10, 64); err != nil {
			return venue.Request{}, fault.At(fault.Invalid, "after_id", "%q is no trade id of Bitget: they are numbers", a.AfterID)
		}
	}
	if a.AfterID == "" && a.From.IsZero() {
		return venue.Request{Path: "/api/v3/market/fills" + of + "&limit=" + strconv.Itoa(venue.PageSize(a, latestPage))}, nil
	}
	p := old(part, "fills-history", a.Instrument.Symbol) + "&limit=" + strconv.Itoa(venue.PageSize(a, tradePage))
	if from := since(a); !from.IsZero() {
		p += "&startTime=" + venue.MS(from.Truncate(time.Second)) // its times are whole seconds
	}
	if !a.To.IsZero() {
		p += "&endTime=" + venue.MS(a.To)
	}
	if a.Cursor != "" {
		p += "&idLessThan=" + url.QueryEscape(a.Cursor)
	}
	return venue.Request{Path: p, Budget: "old trades"}, nil
}

// since is where the present week of trades begins.
func since(a venue.Ask) time.Time {
	if from := a.To.Add(-window); !a.To.IsZero() && a.From.Before(from) {
		return from
	}
	return a.From
}

// archive is the Cursor of candles that are asked for where the older ones are.
const archive = "archive"

func askCandles(a venue.Ask, part string) (venue.Request, error) {
	bars := swapBars
	if part == spot {
		bars = spotBars
	}
	name, err := venue.IntervalName("Bitget", bars, a.Interval)
	if err != nil {
		return venue.Request{}, err
	}
	what, budget := "candles", "candles"
	if a.Cursor == archive {
		what, budget = "history-candles", "old candles"
	}
	n := venue.PageSize(a, candlePage)
	p := old(part, what, a.Instrument.Symbol) + "&granularity=" + name + "&limit=" + strconv.Itoa(n+1)
	from, to := venue.Window(a, n)
	if !from.IsZero() {
		p += "&startTime=" + venue.MS(from)
	}
	if !to.IsZero() {
		p += "&endTime=" + venue.MS(to)
	}
	return venue.Request{Path: p, Budget: budget}, nil
}

func next(a venue.Ask, got *market.Batch) (venue.Ask, bool) {
	switch a.What {
	case venue.AskInstruments:
		a.Section++
		return a, a.Section < len(sections)
	case venue.AskCandles:
		return nextCandles(a, got)
	case venue.AskTrades:
		return nextTrades(a, got)
	case venue.AskFunding:
		page, _ := strconv.Atoi(a.Cursor)
		n := len(got.Derivatives)
		if n < fundingPage || got.Derivatives[0].FundingAt.Before(a.From) || a.From.IsZero() {
			return a, false
		}
		a.Cursor = strconv.Itoa(max(page, 1) + 1)
		return a, true
	}
	return a, false
}

// nextCandles asks the archive for a window that lacks bars, then goes on. The venue
// keeps the short ones a month and more in one place and all in the other.
func nextCandles(a venue.Ask, got *market.Batch) (venue.Ask, bool) {
	n := venue.PageSize(a, candlePage)
	if a.Cursor == "" && !a.From.IsZero() {
		from, to := venue.Window(a, n)
		have := 0
		for i := range got.Candles {
			if at := got.Candles[i].Open; !at.Before(from) && at.Before(to) {
				have++
			}
		}
		want := 0
		for at := from; at.Before(to) && want <= n; at = a.Interval.Next(at) {
			want++
		}
		if have < want {
			a.Cursor = archive
			return a, true
		}
	}
	a.Cursor = ""
	return venue.NextWindow(a, n, got)
}

// nextTrades goes backwards through a week by id, then to the week before.
func nextTrades(a venue.Ask, got *market.Batch) (venue.Ask, bool) {
	if a.AfterID == "" && a.From.IsZero() {
		return a, false
	}
	if len(got.Trades) >= venue.PageSize(a, tradePage) {
		oldest := got.Trades[0]
		for i := range got.Trades {
			if number(got.Trades[i].ID) < number(oldest.ID) {
				oldest = got.Trades[i]
			}
		}
		if oldest.ID == a.Cursor || number(oldest.ID) <= number(a.AfterID) || number(oldest.ID) >= number(a.Cursor) && a.Cursor != "" {
			return a, false
		}
		a.Cursor = oldest.ID
		return a, true
	}
	if from := since(a); from.After(a.From) && !a.From.IsZero() {
		a.To, a.Cursor = from, ""
		return a, true
	}
	return a, false
}

func number(id string) uint64 {
	n, _ := strconv.ParseUint(id, 10, 64)
	return n
}

// place is what an address says of its answer: which section, which instrument.
type place struct {
	section string
	in      *market.Instrument
	query   url.Values
}

// products are the names of sections in version 1.
var products = map[string]string{"umcbl": usdt, "dmcbl": coined, "cmcbl": usdc}

func placeOf(u *url.URL, t *venue.Table) place {
	p := place{section: spot, query: u.Query()}
	for _, name := range []string{"category", "productType"} {
		if s := strings.ToLower(p.query.Get(name)); s != "" {
			p.section = s
		}
	}
	if s := products[p.section]; s != "" {
		p.section = s
	}
	if s := p.query.Get("symbol"); s != "" {
		p.in = t.Find([]byte(prefix(p.section) + s))
	}
	return p
}

// answer reads {"code":"00000","msg":…,"requestTime":…,"data":…}.
func answer(u *url.URL, body []byte, t *venue.Table, out *market.Batch) error {
	e, err := envelope(body)
	if err != nil {
		return err
	}
	if e.code != success {
		return refusal(e.code, e.said)
	}
	p, c := placeOf(u, t), &e.data
	switch what := path.Base(u.Path); what {
	case "instruments", "products", "contracts", "symbols":
		for ok := c.Arr(); ok && c.NextItem(); {
			instrument(c, p.section, t, out)
		}
		return c.Err()
	case "tickers", "ticker":
		for ok := c.Arr(); ok && c.NextItem(); {
			ticker(c, p, t, e.at, out)
		}
		return c.Err()
	case "open-interest":
		interest(c, p, t, out)
		return c.Err()
	case "history-fund-rate":
		paid(c, p, t, out)
		return c.Err()
	case "time":
		venue.Clock(c, out, "serverTime", (*scan.Cursor).Millis)
		return c.Err()
	case "current-fund-rate", "funding-time":
		return nil
	case "orderbook", "merge-depth", "fills", "fills-history", "candles", "history-candles":
		if p.in == nil {
			return fault.New(fault.Invalid, "the address does not say which instrument the answer is of")
		}
		return p.rows(c, what, u.Path, e.at, out)
	}
	return fault.New(fault.Invalid, "no decoder for %s", u.Path)
}

// rows reads what is of one instrument.
func (p place) rows(c *scan.Cursor, what, path string, at time.Time, out *market.Batch) error {
	switch what {
	case "orderbook", "merge-depth":
		readBook(c, p.in, true, out)
	case "fills", "fills-history":
		readTrades(c, p.in, true, out)
		slices.SortStableFunc(out.Trades, func(x, y market.Trade) int { return x.At.Compare(y.At) })
	default:
		layout, i := "mohlcvq", market.Interval("")
		name := p.query.Get("granularity") + p.query.Get("interval")
		for _, names := range []map[market.Interval]string{spotBars, swapBars} {
			if x := venue.IntervalOf(names, name); x != "" {
				i = x
			}
		}
		if i == "" {
			return fault.New(fault.Invalid, "candles of %q are not read", name)
		}
		if strings.HasPrefix(path, "/api/v2/spot/") {
			layout = "mohlcv-?q" // dollars stand before the quote asset
		}
		for ok := c.Arr(); ok && c.NextItem(); {
			venue.ReadRow(c, venue.Candle(out, p.in, i, time.Time{}), layout)
		}
		slices.SortStableFunc(out.Candles, func(x, y market.Candle) int { return x.Open.Compare(y.Open) })
		venue.Settle(out, at)
	}
	return c.Err()
}

// ticker reads a row that names its instrument.
func ticker(c *scan.Cursor, p place, t *venue.Table, at time.Time, out *market.Batch) {
	row := *c
	for ok := c.Obj(); ok && c.NextKey(); {
		if !c.Is("symbol") {
			c.Skip()
			continue
		}
		if readTicker(&row, t.Find([]byte(prefix(p.section)+string(c.Str()))), at, out); row.Err() != nil {
			c.Fail("ticker cannot be read")
		}
	}
}

// interest reads {"list":[{"symbol":…,"openInterest":…}],"ts":…}, in version 2
// {"openInterestList":[{"symbol":…,"size":…}],"ts":…}.
func interest(c *scan.Cursor, p place, t *venue.Table, out *market.Batch) {
	from := len(out.Derivatives)
	var at time.Time
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "ts":
			at = c.Millis()
		case "list", "openInterestList":
			for ok := c.Arr(); ok && c.NextItem(); {
				d := market.Derivative{Has: market.StatedInterest}
				var symbol string
				for ok := c.Obj(); ok && c.NextKey(); {
					switch string(c.K) {
					case "symbol":
						symbol = string(c.Str())
					case "openInterest", "size":
						d.Interest = c.Qty()
					default:
						c.Skip()
					}
				}
				x := venue.Derivative(out, t.Find([]byte(prefix(p.section)+symbol)))
				x.Has, x.Interest = d.Has, d.Interest
			}
		default:
			c.Skip()
		}
	}
	for i := from; i < len(out.Derivatives); i++ {
		out.Derivatives[i].At = at
	}
}

// paid reads {"resultList":[{"symbol":…,"fundingRate":…,"fundingRateTimestamp":…}]},
// newest first, and turns it round.
func paid(c *scan.Cursor, p place, t *venue.Table, out *market.Batch) {
	for ok := c.Obj(); ok && c.NextKey(); {
		if !c.Is("resultList") {
			c.Skip()
			continue
		}
		for ok := c.Arr(); ok && c.NextItem(); {
			d := market.Derivative{Has: market.StatedFunding, Settled: true}
			in := p.in
			for ok := c.Obj(); ok && c.NextKey(); {
				switch string(c.K) {
				case "symbol":
					in = t.Find([]byte(prefix(p.section) + string(c.Str())))
				case "fundingRate":
					d.Funding = c.Decimal()
				case "fundingRateTimestamp":
					d.FundingAt = c.Millis()
				default:
					c.Skip()
				}
			}
			if in == nil || d.FundingAt.IsZero() {
				c.Fail("funding without symbol or time")
				return
			}
			x := venue.Derivative(out, in)
			x.Has, x.Settled, x.Funding, x.FundingAt, x.At = d.Has, true, d.Funding, d.FundingAt, d.FundingAt
		}
	}
	slices.Reverse(out.Derivatives)
}

// success is the code of an answer that is no error.
const success = "00000"

type reply struct {
	code, said string
	at         time.Time
	data       scan.Cursor
}

func envelope(body []byte) (reply, error) {
	c := scan.New(body)
	var r reply
	has := false
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "code":
			r.code = string(c.Raw())
		case "msg":
			r.said = string(c.Str())
		case "requestTime":
			r.at = c.Millis()
		case "data":
			r.data, has = c, true
			c.Skip()
		default:
			c.Skip()
		}
	}
	if r.code == "" || r.code == success && !has {
		c.Fail("answer without code and data")
	}
	return r, c.End()
}

// kinds maps its codes; what is not here is a mistake of ours.
var kinds = map[string]fault.Kind{
	"429": fault.Exhausted, "30014": fault.Exhausted, "1001": fault.Exhausted, "50009": fault.Exhausted,
	"40034": fault.Unknown, "40309": fault.Unknown, "40024": fault.Denied,
	"40200": fault.Unavailable, "40308": fault.Unavailable, "500": fault.Unavailable, "40604": fault.Unavailable, "50008": fault.Unavailable, "40725": fault.Unavailable,
}

func refusal(code, said string) error {
	kind, known := kinds[code]
	if !known {
		kind = fault.Invalid
	}
	return fault.New(kind, "Bitget answered code %s: %s", code, said)
}

func failure(_ int, body []byte) error {
	r, err := envelope(body)
	if err != nil || r.code == success {
		return nil // no error of its own making: the feed judges by status
	}
	return refusal(r.code, r.said)
}

var statuses = map[string]market.Status{
	"online": market.Trading, "normal": market.Trading, "limit_open": market.Trading, "listed": market.PreTrading, "gray": market.PreTrading,
	"halt": market.Halted, "maintain": market.Halted, "restrictedAPI": market.Halted, "offline": market.Delisted, "off": market.Delisted,
}

// instrument reads one row of any version: sizes are of the base asset throughout.
func instrument(c *scan.Cursor, section string, t *venue.Table, out *market.Batch) {
	in := market.Instrument{Kind: market.Spot, PriceDecimals: -1, QtyDecimals: -1}
	if section != spot {
		in.Kind = market.Perpetual
	}
	var tick, step, end money.Decimal // by decimals, and how many of the last one
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "symbol":
			in.Symbol = string(c.Str())
			for _, end := range []string{"_SPBL", "_UMCBL", "_DMCBL", "_CMCBL"} { // of version 1, whose stream leaves it out
				in.Symbol = strings.TrimSuffix(in.Symbol, end)
			}
		case "status", "symbolStatus":
			in.Status = statuses[string(c.Str())]
		case "baseCoin":
			in.Base = asset.Code(c.Str())
		case "quoteCoin":
			in.Quote = asset.Code(c.Str())
		case "type", "symbolType":
			if k := string(c.Str()); k == "delivery" {
				in.Kind = market.Dated
			}
		case "deliveryTime":
			in.Expiry = c.Millis()
		case "priceMultiplier":
			in.PriceTick = c.Decimal()
		case "quantityMultiplier", "sizeMultiplier":
			in.QtyStep = c.Decimal()
		case "pricePrecision", "pricePlace", "priceScale":
			tick = decimals(c)
		case "quantityPrecision", "volumePlace", "quantityScale":
			step = decimals(c)
		case "priceEndStep":
			end = c.Decimal()
		case "minOrderQty", "minTradeAmount", "minTradeNum":
			in.MinQty = c.Decimal()
		case "minOrderAmount", "minTradeUSDT":
			in.MinNotional = c.Decimal()
		default:
			c.Skip()
		}
	}
	if in.Symbol == "" || in.Base == "" || in.Quote == "" || c.Err() != nil {
		return
	}
	if in.PriceTick.IsZero() {
		in.PriceTick = tick
		if d, err := tick.Mul(end); err == nil && !end.IsZero() {
			in.PriceTick = d
		}
	}
	if in.QtyStep.IsZero() {
		in.QtyStep = step
	}
	in.Key = prefix(section) + in.Symbol
	in.Base, in.Quote = asset.Code(t.Code(string(in.Base))), asset.Code(t.Code(string(in.Quote)))
	settled(&in, section)
	if in.Kind == market.Dated {
		in.Pair = market.Future(in.Base, in.Quote, in.Expiry)
	} else {
		in.Expiry = time.Time{}
	}
	out.Instruments = append(out.Instruments, *t.Learn(in))
}

// decimals reads how many decimals a number has and gives its smallest step.
func decimals(c *scan.Cursor) money.Decimal {
	d, err := money.New(1, int(max(c.Int(), 0)))
	if err != nil {
		return money.Decimal{}
	}
	return d
}
