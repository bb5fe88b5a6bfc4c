package hyperliquid

import (
	"bytes"
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

// The most rows of one answer that are asked for, and the most of a funding history.
const (
	candlePage  = 1000
	fundingPage = 500
)

// sections are the parts of the instrument list.
var sections = []string{"meta", "spotMeta"}

// info is a request with the given members beside its type. What it asks for, and of which
// coin, stands in the fragment too.
func info(weight int, what, coin, members string) venue.Request {
	r := venue.Request{Path: "/info#" + what, Body: `{"type":"` + what + `"` + members + "}", Weight: weight}
	if coin != "" {
		r.Path += "," + url.PathEscape(coin)
	}
	return r
}

// span writes a range as start and end, the latter inclusive there.
func span(from, to time.Time) string {
	start := int64(0)
	if !from.IsZero() {
		start = from.UnixMilli()
	}
	s := `"startTime":` + strconv.FormatInt(start, 10)
	if !to.IsZero() {
		s += `,"endTime":` + venue.MS(to.Add(-time.Millisecond))
	}
	return s
}

func ask(a venue.Ask) (venue.Request, error) {
	coin := a.Instrument.Symbol
	of := `,"coin":` + quoted(coin)
	switch a.What {
	case venue.AskInstruments:
		if a.Section < 0 || a.Section >= len(sections) {
			return venue.Request{}, fault.New(fault.Invalid, "Hyperliquid lists instruments in %d parts", len(sections))
		}
		return info(20, sections[a.Section], "", ""), nil
	case venue.AskClock:
		return info(2, "exchangeStatus", "", ""), nil
	case venue.AskBook:
		return info(2, "l2Book", coin, of), nil
	case venue.AskTrades:
		return info(20, "recentTrades", coin, of), nil
	case venue.AskDerivative:
		return info(20, "metaAndAssetCtxs", coin, ""), nil // of all coins: one is taken out
	case venue.AskFunding:
		return info(20+fundingPage/20, "fundingHistory", coin, of+","+span(venue.Since(a), a.To)), nil
	case venue.AskCandles:
		name, err := venue.IntervalName("Hyperliquid", intervals, a.Interval)
		if err != nil {
			return venue.Request{}, err
		}
		n := venue.PageSize(a, candlePage)
		from, to := venue.Window(a, n)
		return info(20+n/60+1, "candleSnapshot", coin, `,"req":{"coin":`+quoted(coin)+`,"interval":"`+name+`",`+span(from, to)+"}"), nil
	}
	return venue.Request{}, fault.New(fault.Invalid, "Hyperliquid cannot be asked that")
}

// next gives the other part of the instrument list, the windows of candles, and the rows
// of a funding history after the last one. Trades have one page.
func next(a venue.Ask, got *market.Batch) (venue.Ask, bool) {
	switch a.What {
	case venue.AskInstruments:
		a.Section++
		return a, a.Section < len(sections)
	case venue.AskCandles:
		return venue.NextWindow(a, venue.PageSize(a, candlePage), got)
	case venue.AskFunding:
		n := len(got.Derivatives)
		if n < fundingPage {
			return a, false
		}
		cursor := venue.MS(got.Derivatives[n-1].At.Add(time.Millisecond))
		if cursor == a.Cursor {
			return a, false
		}
		a.Cursor = cursor
		return a, true
	}
	return a, false
}

func failure(status int, body []byte) error {
	if status == 500 && string(bytes.TrimSpace(body)) == "null" {
		return unknown()
	}
	return nil // its other errors are plain text: the feed judges by status
}

func unknown() error { return fault.New(fault.Unknown, "Hyperliquid does not know the coin") }

// answer reads what the fragment of the address says was asked for.
func answer(u *url.URL, body []byte, t *venue.Table, out *market.Batch) error {
	what, coin, _ := strings.Cut(u.Fragment, ",")
	if u.Path != "/info" {
		return fault.New(fault.Invalid, "no decoder for %s", u.Path)
	}
	if string(bytes.TrimSpace(body)) == "null" {
		return unknown()
	}
	c := scan.New(body)
	switch what {
	case "meta":
		universe(&c, func(c *scan.Cursor, _ int) { perpetual(c, t, out) })
	case "spotMeta":
		spots(&c, t, out)
	case "metaAndAssetCtxs":
		contexts(&c, coin, t, out)
	case "l2Book":
		whole(&c, t, out)
	case "recentTrades":
		for ok := c.Arr(); ok && c.NextItem(); {
			trade(&c, t, market.Backfilled, out)
		}
		if n := len(out.Trades); n > 1 && out.Trades[0].At.After(out.Trades[n-1].At) {
			slices.Reverse(out.Trades)
		}
	case "candleSnapshot":
		for ok := c.Arr(); ok && c.NextItem(); {
			candle(&c, t, out)
		}
		venue.Settle(out, time.Time{})
	case "fundingHistory":
		for ok := c.Arr(); ok && c.NextItem(); {
			settled(&c, t, out)
		}
	case "exchangeStatus":
		venue.Clock(&c, out, "time", (*scan.Cursor).Millis)
	default:
		return fault.New(fault.Invalid, "no decoder for answers to %q", what)
	}
	return c.End()
}

// universe calls do for each entry of {"universe":[…]}.
func universe(c *scan.Cursor, do func(c *scan.Cursor, n int)) {
	found := false
	for ok := c.Obj(); ok && c.NextKey(); {
		if !c.Is("universe") {
			c.Skip()
			continue
		}
		found = true
		n := 0
		for ok := c.Arr(); ok && c.NextItem(); n++ {
			do(c, n)
		}
	}
	if !found {
		c.Fail("list without a universe")
	}
}

// leastNotional is the smallest order in USDC.
var leastNotional = money.MustNew(10, 0)

// steps sets the steps of an instrument: sizes have so many decimals, and prices so many
// fewer than most.
func steps(in *market.Instrument, decimals int64, most int) {
	n := int(min(max(decimals, 0), int64(most)))
	in.QtyStep, in.PriceTick = money.MustNew(1, n), money.MustNew(1, most-n)
	in.MinQty, in.MinNotional = in.QtyStep, leastNotional
	in.PriceDecimals, in.QtyDecimals = -1, -1
}

// perpetual reads {"name":…,"szDecimals":…,"isDelisted":…}.
func perpetual(c *scan.Cursor, t *venue.Table, out *market.Batch) {
	name, decimals, delisted := coinOf(c)
	in, ok := guess(name)
	if c.Err() != nil || !ok {
		return
	}
	steps(&in, decimals, 6)
	if in.Status = market.Trading; delisted {
		in.Status = market.Delisted
	}
	in.Contract = money.MustNew(1, 0)
	out.Instruments = append(out.Instruments, *t.Learn(in))
}

func coinOf(c *scan.Cursor) (name string, decimals int64, delisted bool) {
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "name":
			name = string(c.Str())
		case "szDecimals":
			decimals = c.Int()
		case "isDelisted":
			delisted = c.Bool()
		default:
			c.Skip()
		}
	}
	return name, decimals, delisted
}

// token is one of the assets that spot markets are made of.
type token struct {
	name     string
	decimals int64
}

// spots reads {"tokens":[…],"universe":[{"name":"@107","tokens":[base, quote],…}]}. A
// market whose tokens cannot be named is left out.
func spots(c *scan.Cursor, t *venue.Table, out *market.Batch) {
	tokens := map[int64]token{}
	markets := *c
	for ok := c.Obj(); ok && c.NextKey(); {
		if !c.Is("tokens") {
			c.Skip()
			continue
		}
		for ok := c.Arr(); ok && c.NextItem(); {
			var x token
			index := int64(-1)
			for ok := c.Obj(); ok && c.NextKey(); {
				switch string(c.K) {
				case "name":
					x.name = string(c.Str())
				case "szDecimals":
					x.decimals = c.Int()
				case "index":
					index = c.Int()
				default:
					c.Skip()
				}
			}
			tokens[index] = x
		}
	}
	if c.Err() != nil {
		return
	}
	universe(&markets, func(c *scan.Cursor, _ int) { spot(c, tokens, t, out) })
	if markets.Err() != nil {
		*c = markets
	}
}

func spot(c *scan.Cursor, tokens map[int64]token, t *venue.Table, out *market.Batch) {
	var name string
	var pair []int64
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "name":
			name = string(c.Str())
		case "tokens":
			for ok := c.Arr(); ok && c.NextItem(); {
				pair = append(pair, c.Int())
			}
		default:
			c.Skip()
		}
	}
	if c.Err() != nil || len(pair) != 2 || name == "" {
		return
	}
	base, quote := tokens[pair[0]], tokens[pair[1]]
	if !plain(base.name) || !plain(quote.name) {
		return
	}
	in := market.Instrument{Symbol: name, RESTSymbol: name, Kind: market.Spot, Status: market.Trading, Base: asset.Code(base.name), Quote: asset.Code(quote.name)}
	steps(&in, base.decimals, 8)
	out.Instruments = append(out.Instruments, *t.Learn(in))
}

// contexts reads [{"universe":[…]},[{…},…]]: the second list says of each coin of the
// first how it stands. coin, when not empty, is the only one wanted.
func contexts(c *scan.Cursor, coin string, t *venue.Table, out *market.Batch) {
	var names []string
	for ok, part := c.Arr(), 0; ok && c.NextItem(); part++ {
		switch part {
		case 0:
			universe(c, func(c *scan.Cursor, _ int) {
				name, _, _ := coinOf(c)
				names = append(names, name)
			})
		case 1:
			n := 0
			for ok := c.Arr(); ok && c.NextItem(); n++ {
				var x state
				x.read(c)
				if c.Err() == nil && n < len(names) && plain(names[n]) && (coin == "" || coin == names[n]) {
					x.tell(t.Find([]byte(names[n])), out)
				}
			}
		default:
			c.Skip()
		}
	}
	if c.Err() == nil && len(names) == 0 {
		c.Fail("contexts without coins")
	}
}

// settled reads {"coin":…,"fundingRate":…,"premium":…,"time":…}, an hour of the history.
func settled(c *scan.Cursor, t *venue.Table, out *market.Batch) {
	var coin []byte
	var rate money.Decimal
	var at time.Time
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "coin":
			coin = c.Str()
		case "fundingRate":
			rate = c.Rounded()
		case "time":
			at = c.Millis()
		default:
			c.Skip()
		}
	}
	if len(coin) == 0 || at.IsZero() {
		c.Fail("funding without coin or time")
	}
	if c.Err() != nil {
		return
	}
	d := venue.Derivative(out, t.Find(coin))
	// The venue pays on the hour and writes it down some milliseconds later.
	d.Has, d.Settled, d.Interval, d.Funding, d.FundingAt, d.At = market.StatedFunding, true, time.Hour, rate, at.Truncate(time.Hour), at
}
