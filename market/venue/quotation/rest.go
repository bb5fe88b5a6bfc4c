package quotation

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

// The most rows of one answer, and the days trades reach back.
const (
	tradePage  = 500
	candlePage = 200
	tradeDays  = 7
)

// The budgets a driver must have.
const (
	Markets    = "markets"
	Orderbooks = "order books"
	Ticks      = "trades"
	Candles    = "candles"
)

const api = "/v1/"

func (p *Protocol) ask(a venue.Ask) (venue.Request, error) {
	name := url.QueryEscape(a.Instrument.Symbol)
	switch a.What {
	case venue.AskInstruments:
		return venue.Request{Path: api + "market/all", Budget: Markets}, nil
	case venue.AskClock:
		return venue.Request{}, fault.New(fault.Invalid, "%s has no endpoint for its time", p.Name)
	case venue.AskBook:
		return venue.Request{Path: api + "orderbook?markets=" + name, Budget: Orderbooks}, nil
	case venue.AskTrades:
		path := api + "trades/ticks?market=" + name + "&count=" + strconv.Itoa(venue.PageSize(a, tradePage))
		if a.Cursor != "" {
			path += "&" + a.Cursor
		}
		return venue.Request{Path: path, Budget: Ticks}, nil
	case venue.AskCandles:
		kind, err := venue.IntervalName(p.Name, p.Intervals, a.Interval)
		if err != nil {
			return venue.Request{}, err
		}
		n := venue.PageSize(a, candlePage)
		path := api + "candles/" + kind + "?market=" + name + "&count=" + strconv.Itoa(n)
		if _, to := venue.Window(a, n); !to.IsZero() {
			path += "&to=" + url.QueryEscape(p.moment(to))
		}
		return venue.Request{Path: path, Budget: Candles}, nil
	}
	return venue.Request{}, fault.New(fault.Invalid, "%s cannot be asked that", p.Name)
}

// moment writes the exclusive end of candles, in the exchange's own wall clock.
func (p *Protocol) moment(t time.Time) string {
	if up := t.Truncate(time.Second); up.Before(t) {
		t = up.Add(time.Second)
	}
	text := t.UTC().Add(time.Duration(p.Zone) * time.Hour).Format("2006-01-02T15:04:05")
	if p.Zone == 0 {
		text += "Z"
	}
	return text
}

// next goes through the windows of candles. Trades go backwards from the newest, by
// number within a day, then day by day; a cursor is the part of the address that says
// where (days_ago=1&cursor=123). Numbers promise no order, so it ends at the one we
// have, or at the beginning by time.
func (p *Protocol) next(a venue.Ask, got *market.Batch) (venue.Ask, bool) {
	switch a.What {
	case venue.AskCandles:
		return venue.NextWindow(a, venue.PageSize(a, candlePage), got)
	case venue.AskTrades:
		if a.AfterID == "" && a.From.IsZero() {
			return a, false
		}
	default:
		return a, false
	}
	for i := range got.Trades {
		if got.Trades[i].ID == a.AfterID || got.Trades[i].At.Before(a.From) {
			return a, false
		}
	}
	where, err := url.ParseQuery(a.Cursor)
	if err != nil {
		return a, false
	}
	if len(got.Trades) >= venue.PageSize(a, tradePage) {
		oldest := got.Trades[0].ID // pages are turned round
		if oldest == where.Get("cursor") {
			return a, false
		}
		where.Set("cursor", oldest)
	} else {
		day, _ := strconv.Atoi(where.Get(p.DaysAgo))
		if day >= tradeDays {
			return a, false
		}
		where.Del("cursor")
		where.Set(p.DaysAgo, strconv.Itoa(day+1))
	}
	a.Cursor = where.Encode()
	return a, true
}

// answer reads lists of rows, newest first, which are turned round.
func (p *Protocol) answer(u *url.URL, body []byte, t *venue.Table, out *market.Batch) error {
	what, ok := strings.CutPrefix(u.Path, api)
	if !ok {
		if p.Older != nil {
			return p.Older(u, body, t, out)
		}
		return fault.New(fault.Invalid, "no decoder for %s", u.Path)
	}
	c := scan.New(body)
	if c.Peek() == '{' {
		if err := p.failure(400, body); err != nil {
			return err
		}
	}
	kind, candles := strings.CutPrefix(what, "candles/")
	i := venue.IntervalOf(p.Intervals, strings.TrimSuffix(kind, "/"))
	if candles && i == "" {
		return fault.New(fault.Invalid, "candles of %q are not read", kind)
	}
	trades, bars := len(out.Trades), len(out.Candles)
	var asks []market.Level
	for ok := c.Arr(); ok && c.NextItem(); {
		switch {
		case what == "market/all":
			r := read(&c, out, &asks)
			if in, ok := p.describe(string(r.code)); ok && c.Err() == nil {
				out.Instruments = append(out.Instruments, *t.Learn(in))
			}
			continue
		case !candles && what != "orderbook" && what != "trades/ticks":
			c.Skip() // tickers, and more that we do not ask for
			continue
		}
		r := read(&c, out, &asks)
		if len(r.code) == 0 {
			c.Fail("row without a market")
		}
		if c.Err() != nil {
			break
		}
		switch in := t.Find(r.code); {
		case candles:
			r.candle(&c, in, i, out)
		case what == "orderbook":
			r.books(in, out)
		default:
			r.trade(&c, in, out, true)
		}
	}
	slices.Reverse(out.Trades[trades:])
	slices.Reverse(out.Candles[bars:])
	venue.Settle(out, time.Time{})
	return c.End()
}

// failure reads {"error":{"name":…,"message":…}}; nil when the body is something else.
func (p *Protocol) failure(status int, body []byte) error {
	c := scan.New(body)
	var text []byte
	for ok := c.Obj(); ok && c.NextKey(); {
		if c.Is("error") {
			text = refused(&c)
		} else {
			c.Skip()
		}
	}
	if c.End() != nil || text == nil {
		return nil
	}
	name, _, _ := strings.Cut(string(text), ":")
	kind := fault.Invalid
	switch {
	case name == "too_many_requests" || name == "429" || status == 429 || status == 418:
		kind = fault.Exhausted
	case name == "404" || strings.Contains(name, "not_found") || strings.Contains(string(text), "not found") || status == 404:
		kind = fault.Unknown
	case strings.HasPrefix(name, "5") || strings.Contains(name, "server_error") || status >= 500:
		kind = fault.Unavailable
	}
	return fault.New(kind, "%s answered %s", p.Name, text)
}
