package coinbase

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/internal/scan"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
)

// exchangeCandlePage is the most rows of one answer of Exchange candles.
const exchangeCandlePage = 300

// granularities are the intervals in seconds.
var granularities = map[market.Interval]string{"1m": "60", "5m": "300", "15m": "900", "1h": "3600", "6h": "21600", "1d": "86400"}

func exchangeAsk(a venue.Ask) (venue.Request, error) {
	product := "/products/" + url.PathEscape(a.Instrument.Symbol)
	switch a.What {
	case venue.AskInstruments:
		return venue.Request{Path: "/products"}, nil
	case venue.AskClock:
		return venue.Request{Path: "/time"}, nil
	case venue.AskBook:
		return venue.Request{Path: product + "/book?level=2"}, nil
	case venue.AskTrades:
		n := venue.PageSize(a, tradePage)
		path := product + "/trades?limit=" + strconv.Itoa(n)
		switch {
		case a.AfterID != "":
			id, err := strconv.ParseInt(a.AfterID, 10, 64)
			if err != nil || id < 0 {
				return venue.Request{}, fault.At(fault.Invalid, "after_id", "%q is no trade id of Coinbase: they are numbers", a.AfterID)
			}
			path += "&after=" + strconv.FormatInt(id+1+int64(n), 10)
		case a.Cursor != "":
			path += "&after=" + url.QueryEscape(a.Cursor)
		}
		return venue.Request{Path: path}, nil
	case venue.AskCandles:
		name, err := venue.IntervalName("Coinbase Exchange", granularities, a.Interval)
		if err != nil {
			return venue.Request{}, err
		}
		return venue.Request{Path: product + "/candles?granularity=" + name + span(a, venue.PageSize(a, exchangeCandlePage))}, nil
	}
	return venue.Request{}, fault.New(fault.Invalid, "Coinbase Exchange cannot be asked that")
}

// exchangeNext pages candles forward. Trades: "after" gives the newest ones below an
// id and the ids of a product have no holes, so from a known id the pages go forward,
// and from a time they go backward until they are older.
func exchangeNext(a venue.Ask, got *market.Batch) (venue.Ask, bool) {
	switch a.What {
	case venue.AskCandles:
		return venue.NextWindow(a, venue.PageSize(a, exchangeCandlePage), got)
	case venue.AskTrades:
		page := venue.PageSize(a, tradePage)
		if a.AfterID == "" {
			first, ok := before(a, got, page)
			if ok {
				a.Cursor = first.ID
			}
			return a, ok
		}
		newest := int64(0)
		for i := range got.Trades {
			newest = max(newest, number(got.Trades[i].ID))
		}
		if len(got.Trades) < page || newest < number(a.AfterID)+int64(page) {
			return a, false
		}
		a.AfterID = strconv.FormatInt(newest, 10)
		return a, true
	}
	return a, false
}

func exchangeAnswer(u *url.URL, body []byte, t *venue.Table, out *market.Batch) error {
	c := scan.New(body)
	product, part, _ := strings.Cut(strings.TrimPrefix(u.Path, "/products/"), "/")
	switch {
	case u.Path == "/products":
		for ok := c.Arr(); ok && c.NextItem(); {
			instrument(&c, t, out)
		}
	case u.Path == "/time":
		venue.Clock(&c, out, "epoch", (*scan.Cursor).Seconds)
	case !strings.HasPrefix(u.Path, "/products/") || product == "":
		return fault.New(fault.Invalid, "no decoder for %s", u.Path)
	case part == "book":
		if u.Query().Get("level") != "2" { // the top alone, or single orders
			c.Skip()
			break
		}
		b := venue.Book(out, t.Find([]byte(product)))
		b.Snapshot = true
		for ok := c.Obj(); ok && c.NextKey(); {
			switch string(c.K) {
			case "bids":
				b.Bids = venue.ReadLevels(&c, out)
			case "asks":
				b.Asks = venue.ReadLevels(&c, out)
			case "sequence":
				b.Last = uint64(c.Int())
			case "time":
				b.At = c.RFC3339()
			default:
				c.Skip()
			}
		}
	case part == "trades":
		n := len(out.Trades)
		in := t.Find([]byte(product))
		for ok := c.Arr(); ok && c.NextItem(); {
			past(&c, in, out)
		}
		backfilled(out.Trades[n:])
	case part == "candles":
		n := len(out.Candles)
		in, i := t.Find([]byte(product)), venue.IntervalOf(granularities, u.Query().Get("granularity"))
		if i == "" {
			return fault.New(fault.Invalid, "the address %s does not name a granularity", u.Path)
		}
		for ok := c.Arr(); ok && c.NextItem(); {
			row(&c, in, i, out)
		}
		slices.Reverse(out.Candles[n:])
		venue.Settle(out, time.Time{})
	case part == "":
		instrument(&c, t, out)
	default: // stats, ticker
		c.Skip()
	}
	return c.End()
}

// past reads {time,trade_id,price,size,side}; the side is the maker's.
func past(c *scan.Cursor, in *market.Instrument, out *market.Batch) {
	tr := venue.Trade(out, in)
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "trade_id":
			tr.ID = string(c.Raw())
		case "price":
			tr.Price = c.Price()
		case "size":
			tr.Qty = c.Qty()
		case "time":
			tr.At = c.RFC3339()
		case "side":
			tr.Side = venue.Opposite(venue.SideOf(c.Str()))
		default:
			c.Skip()
		}
	}
	if tr.Price.IsZero() {
		c.Fail("trade without a price")
	}
}

// row is [time, low, high, open, close, volume].
func row(c *scan.Cursor, in *market.Instrument, i market.Interval, out *market.Batch) {
	venue.ReadRow(c, venue.Candle(out, in, i, time.Time{}), "slhocv")
}
