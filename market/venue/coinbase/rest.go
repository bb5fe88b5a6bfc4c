package coinbase

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
)

// api is where all of Advanced Trade lives; what needs no key is below /market.
const api = "/api/v3/brokerage"

// candlePage and tradePage are the most rows of one answer.
const (
	candlePage = 350
	tradePage  = 1000
)

var intervals = map[market.Interval]string{
	"1m": "ONE_MINUTE", "5m": "FIVE_MINUTE", "15m": "FIFTEEN_MINUTE", "30m": "THIRTY_MINUTE", "1h": "ONE_HOUR",
	"2h": "TWO_HOUR", "4h": "FOUR_HOUR", "6h": "SIX_HOUR", "1d": "ONE_DAY",
}

func ask(a venue.Ask) (venue.Request, error) {
	product := api + "/market/products/" + url.PathEscape(a.Instrument.Symbol)
	switch a.What {
	case venue.AskInstruments:
		return venue.Request{Path: api + "/market/products?product_type=SPOT"}, nil
	case venue.AskClock:
		return venue.Request{Path: api + "/time"}, nil
	case venue.AskBook:
		path := api + "/market/product_book?product_id=" + url.QueryEscape(a.Instrument.Symbol)
		if a.Depth > 0 {
			path += "&limit=" + strconv.Itoa(a.Depth)
		}
		return venue.Request{Path: path}, nil
	case venue.AskTrades:
		path := product + "/ticker?limit=" + strconv.Itoa(venue.PageSize(a, tradePage))
		if !a.From.IsZero() {
			path += "&start=" + venue.Sec(a.From, false)
		}
		if a.Cursor != "" {
			path += "&end=" + url.QueryEscape(a.Cursor)
		} else if !a.To.IsZero() {
			path += "&end=" + venue.Sec(a.To, true)
		}
		return venue.Request{Path: path}, nil
	case venue.AskCandles:
		name, err := venue.IntervalName("Coinbase", intervals, a.Interval)
		if err != nil {
			return venue.Request{}, err
		}
		n := venue.PageSize(a, candlePage)
		return venue.Request{Path: product + "/candles?granularity=" + name + "&limit=" + strconv.Itoa(n) + span(a, n)}, nil
	}
	return venue.Request{}, fault.New(fault.Invalid, "Coinbase cannot be asked that")
}

// span writes the two ends of a page of n candles, both inclusive. Coinbase wants
// both or none, and gives the newest without.
func span(a venue.Ask, n int) string {
	from, to := venue.Window(a, n)
	switch {
	case from.IsZero() && to.IsZero():
		return ""
	case from.IsZero():
		from = to.Add(-time.Duration(n) * a.Interval.Length())
	}
	return "&start=" + venue.Sec(from, true) + "&end=" + venue.Sec(to.Add(-time.Second), true)
}

// next pages candles forward and trades backward in time: a page holds the newest
// trades before its end, which has whole seconds, so pages overlap.
func next(a venue.Ask, got *market.Batch) (venue.Ask, bool) {
	switch a.What {
	case venue.AskCandles:
		return venue.NextWindow(a, venue.PageSize(a, candlePage), got)
	case venue.AskTrades:
		first, ok := before(a, got, venue.PageSize(a, tradePage))
		if !ok {
			return a, false
		}
		end := venue.Sec(first.At, true)
		if end == a.Cursor { // one second filled the page: what is left of it is out of reach
			end = venue.Sec(first.At, false)
		}
		if end == a.Cursor {
			end = venue.Sec(first.At.Add(-time.Second), false)
		}
		a.Cursor = end
		return a, true
	}
	return a, false
}

// before gives the oldest trade of a page if an older page is still wanted.
func before(a venue.Ask, got *market.Batch, page int) (first *market.Trade, more bool) {
	if len(got.Trades) < page || a.From.IsZero() && a.AfterID == "" {
		return nil, false
	}
	first = &got.Trades[0]
	for i := range got.Trades {
		if got.Trades[i].At.Before(first.At) {
			first = &got.Trades[i]
		}
	}
	if a.AfterID != "" {
		return first, number(first.ID) > number(a.AfterID)+1
	}
	return first, first.At.After(a.From)
}

func number(id string) int64 {
	n, _ := strconv.ParseInt(id, 10, 64)
	return n
}

// answer reads the body that came from u, with or without /market in its path.
func answer(u *url.URL, body []byte, t *venue.Table, out *market.Batch) error {
	c := scan.New(body)
	path := strings.TrimPrefix(strings.TrimPrefix(u.Path, api), "/market")
	product, part, _ := strings.Cut(strings.TrimPrefix(path, "/products/"), "/")
	switch {
	case path == "/products":
		for ok := c.Obj(); ok && c.NextKey(); {
			if !c.Is("products") {
				c.Skip()
				continue
			}
			for ok := list(&c); ok && c.NextItem(); {
				instrument(&c, t, out)
			}
		}
	case path == "/product_book":
		pricebook(&c, t, out)
	case path == "/time":
		venue.Clock(&c, out, "epochMillis", (*scan.Cursor).Millis)
	case !strings.HasPrefix(path, "/products/") || product == "":
		return fault.New(fault.Invalid, "no decoder for %s", u.Path)
	case part == "ticker":
		n := len(out.Trades)
		for ok := c.Obj(); ok && c.NextKey(); {
			if !c.Is("trades") {
				c.Skip()
				continue
			}
			for ok := list(&c); ok && c.NextItem(); {
				trade(&c, t, out)
			}
		}
		backfilled(out.Trades[n:])
	case part == "candles":
		n := len(out.Candles)
		in, i := t.Find([]byte(product)), venue.IntervalOf(intervals, u.Query().Get("granularity"))
		if i == "" {
			return fault.New(fault.Invalid, "the address %s does not name a granularity", u.Path)
		}
		for ok := c.Obj(); ok && c.NextKey(); {
			if !c.Is("candles") {
				c.Skip()
				continue
			}
			for ok := list(&c); ok && c.NextItem(); {
				candle(&c, t, in, i, out)
			}
		}
		slices.Reverse(out.Candles[n:])
		venue.Settle(out, time.Time{})
	case part == "":
		instrument(&c, t, out)
	default:
		return fault.New(fault.Invalid, "no decoder for %s", u.Path)
	}
	return c.End()
}

func backfilled(trades []market.Trade) {
	oldestFirst(trades)
	for i := range trades {
		trades[i].Marks |= market.Backfilled
	}
}

// pricebook reads {"pricebook":{product_id,bids:[{price,size}],asks,time}}.
func pricebook(c *scan.Cursor, t *venue.Table, out *market.Batch) {
	for ok := c.Obj(); ok && c.NextKey(); {
		if !c.Is("pricebook") {
			c.Skip()
			continue
		}
		b := venue.Book(out, nobody)
		b.Snapshot = true
		for ok := c.Obj(); ok && c.NextKey(); {
			switch string(c.K) {
			case "product_id":
				in := t.Find(c.Str())
				b.Venue, b.Pair, b.Symbol = in.Venue, in.Pair, in.Symbol
			case "bids":
				b.Bids = sizes(c, out)
			case "asks":
				b.Asks = sizes(c, out)
			case "time":
				b.At = c.RFC3339()
			default:
				c.Skip()
			}
		}
		if b.Symbol == "" {
			c.Fail("book without product")
		}
	}
}

func sizes(c *scan.Cursor, out *market.Batch) []market.Level {
	levels := out.Levels()
	from := len(levels)
	for ok := list(c); ok && c.NextItem(); {
		var l market.Level
		for ok := c.Obj(); ok && c.NextKey(); {
			switch string(c.K) {
			case "price":
				l.Price = c.Price()
			case "size":
				l.Qty = c.Qty()
			default:
				c.Skip()
			}
		}
		levels = append(levels, l)
	}
	return out.KeepLevels(levels, from)
}

// instrument reads one product of either interface; their members differ in name.
// Futures, which Advanced lists with the rest, are left out.
func instrument(c *scan.Cursor, t *venue.Table, out *market.Batch) {
	in := market.Instrument{Kind: market.Spot, PriceDecimals: -1, QtyDecimals: -1}
	spot := true
	var halted, cancel, post bool
	var status []byte
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "product_id", "id":
			in.Symbol = string(c.Str())
		case "product_type":
			spot = string(c.Str()) == "SPOT"
		case "base_currency_id", "base_currency":
			in.Base = asset.Code(c.Str())
		case "quote_currency_id", "quote_currency":
			in.Quote = asset.Code(c.Str())
		case "status":
			status = c.Str()
		case "trading_disabled", "is_disabled", "view_only":
			halted = c.Bool() || halted
		case "cancel_only":
			cancel = c.Bool()
		case "post_only":
			post = c.Bool()
		case "price_increment":
			if d := c.Decimal(); !d.IsZero() {
				in.PriceTick = d
			}
		case "quote_increment":
			if d := c.Decimal(); in.PriceTick.IsZero() {
				in.PriceTick = d
			}
		case "base_increment":
			in.QtyStep = c.Decimal()
		case "base_min_size":
			in.MinQty = c.Decimal()
		case "quote_min_size", "min_market_funds":
			in.MinNotional = c.Decimal()
		default:
			c.Skip()
		}
	}
	switch {
	case string(status) == "delisted":
		in.Status = market.Delisted
	case halted, string(status) == "offline":
		in.Status = market.Halted
	case cancel:
		in.Status = market.CancelOnly
	case post:
		in.Status = market.PreTrading
	case string(status) == "online":
		in.Status = market.Trading
	}
	if spot && in.Symbol != "" && in.Base != "" && in.Quote != "" && c.Err() == nil {
		out.Instruments = append(out.Instruments, *t.Learn(in))
	}
}

// said finds the sentence of an error answer.
func said(body []byte) string {
	c := scan.New(body)
	var text []byte
	for ok := c.Obj(); ok && c.NextKey(); {
		if c.Is("message") && c.Peek() == '"' {
			text = c.Str()
		} else {
			c.Skip()
		}
	}
	return string(text)
}
