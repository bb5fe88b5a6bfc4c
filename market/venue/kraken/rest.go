package kraken

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/internal/scan"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/money"
)

// page is the most trades of one answer.
const page = 1000

func ask(a venue.Ask) (venue.Request, error) {
	pair := "?pair=" + url.QueryEscape(a.Instrument.RESTSymbol)
	switch a.What {
	case venue.AskInstruments:
		return venue.Request{Path: "/0/public/AssetPairs"}, nil
	case venue.AskClock:
		return venue.Request{}, fault.New(fault.Invalid, "Kraken tells its time in whole seconds only")
	case venue.AskBook:
		n := 500
		if a.Depth > 0 && a.Depth < n {
			n = a.Depth
		}
		return venue.Request{Path: "/0/public/Depth" + pair + "&count=" + strconv.Itoa(n)}, nil
	case venue.AskTrades:
		path := "/0/public/Trades" + pair + "&count=" + strconv.Itoa(venue.PageSize(a, page))
		since := a.Cursor
		if since == "" && !a.From.IsZero() {
			since = strconv.FormatInt(a.From.UnixNano()-1, 10) // it is exclusive
		}
		if since != "" {
			path += "&since=" + url.QueryEscape(since)
		}
		return venue.Request{Path: path}, nil
	case venue.AskCandles:
		name, err := venue.IntervalName("Kraken", intervals, a.Interval)
		if err != nil {
			return venue.Request{}, err
		}
		path := "/0/public/OHLC" + pair + "&interval=" + name
		if !a.From.IsZero() {
			path += "&since=" + strconv.FormatInt(a.From.Unix()-1, 10)
		}
		return venue.Request{Path: path}, nil
	}
	return venue.Request{}, fault.New(fault.Invalid, "Kraken cannot be asked that")
}

// next goes on from the last trade of a page. Trades are paged by nanosecond, and the
// answer's "last" is the true one, but a row states its time rounded to about a
// microsecond. So the next page begins a microsecond earlier: nothing is missed, and
// what comes twice has the same id. A page that lies within one microsecond is passed
// over by its own time, so that paging always moves. Candles have a single page.
func next(a venue.Ask, got *market.Batch) (venue.Ask, bool) {
	n := len(got.Trades)
	if a.What != venue.AskTrades || a.From.IsZero() || n < venue.PageSize(a, page) {
		return a, false
	}
	last := got.Trades[n-1].At
	if !a.To.IsZero() && !last.Before(a.To) {
		return a, false
	}
	before := a.From.UnixNano() - 1
	if a.Cursor != "" {
		before, _ = strconv.ParseInt(a.Cursor, 10, 64)
	}
	since := last.UnixNano() - int64(time.Microsecond)
	if since <= before {
		since = last.UnixNano()
	}
	a.Cursor = strconv.FormatInt(since, 10)
	return a, since > before
}

// answer reads {"error":[…],"result":{…}}.
func answer(u *url.URL, body []byte, t *venue.Table, out *market.Batch) error {
	c := scan.New(body)
	var result scan.Cursor
	var complaint string
	has := false
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "error":
			complaint = errors(&c)
		case "result":
			result, has = c, true
			c.Skip()
		default:
			c.Skip()
		}
	}
	if complaint == "" && !has {
		c.Fail("answer without result")
	}
	if err := c.End(); err != nil {
		return err
	}
	if complaint != "" {
		return faultOf(complaint)
	}
	c = result
	q := u.Query()
	what := u.Path[strings.LastIndexByte(u.Path, '/')+1:]
	if (what == "Depth" || what == "Trades" || what == "OHLC") && q.Get("pair") == "" {
		return fault.New(fault.Invalid, "the address does not say which pair the answer is of")
	}
	in := func() *market.Instrument { return t.Find([]byte(q.Get("pair"))) }
	switch what {
	case "AssetPairs":
		for ok := c.Obj(); ok && c.NextKey(); {
			pair(&c, string(c.K), t, out)
		}
	case "Depth":
		for ok := c.Obj(); ok && c.NextKey(); {
			snapshot(&c, in(), out)
		}
	case "Trades":
		for ok := c.Obj(); ok && c.NextKey(); {
			if c.Is("last") {
				c.Skip()
				continue
			}
			for ok := c.Arr(); ok && c.NextItem(); {
				tradeRow(&c, in(), out)
				out.Trades[len(out.Trades)-1].Marks = market.Backfilled
			}
		}
	case "OHLC":
		i := venue.IntervalOf(intervals, q.Get("interval"))
		if i == "" {
			return fault.New(fault.Invalid, "candles of %q minutes are not read", q.Get("interval"))
		}
		candles(&c, in(), i, out)
	case "Time", "SystemStatus":
		c.Skip()
	default:
		return fault.New(fault.Invalid, "no decoder for %s", u.Path)
	}
	return c.Err()
}

// errors gives the first error of a list; a warning begins with W.
func errors(c *scan.Cursor) string {
	first := ""
	for ok := c.Arr(); ok && c.NextItem(); {
		if s := string(c.Str()); first == "" && !strings.HasPrefix(s, "W") {
			first = s
		}
	}
	return first
}

// kinds maps the beginnings of its errors. https://docs.kraken.com/exchange/guides/spot-errors
var kinds = []struct {
	begin string
	kind  fault.Kind
}{
	{"EAPI:Rate limit", fault.Exhausted}, {"EGeneral:Too many requests", fault.Exhausted}, {"EGeneral:Temporary lockout", fault.Exhausted},
	{"EQuery:Unknown asset", fault.Unknown}, {"EQuery:Invalid asset pair", fault.Unknown},
	{"EService", fault.Unavailable}, {"EGeneral:Internal error", fault.Unavailable}, {"EDatabase", fault.Unavailable},
	{"EGeneral:Permission denied", fault.Denied},
	{"EAPI:Invalid key", fault.Unauthentic}, {"EAPI:Invalid signature", fault.Unauthentic}, {"EAPI:Invalid nonce", fault.Unauthentic}, {"ESession", fault.Unauthentic},
}

func faultOf(text string) error {
	for _, k := range kinds {
		if strings.HasPrefix(text, k.begin) {
			return fault.New(k.kind, "Kraken answered %q", text)
		}
	}
	return fault.New(fault.Invalid, "Kraken refused the request: %q", text)
}

func failure(_ int, body []byte) error {
	c := scan.New(body)
	text := ""
	for ok := c.Obj(); ok && c.NextKey(); {
		if c.Is("error") && c.Peek() == '[' {
			text = errors(&c)
		} else {
			c.Skip()
		}
	}
	if c.Err() != nil || text == "" {
		return nil // no error of its own making: the feed judges by status
	}
	return faultOf(text)
}

// pair reads one of AssetPairs. The stream's names come from wsname; a pair without
// one is a dark pool. It is learned in the spelling of version 1 first, so that the
// present one is what our pair leads to, and its REST names lead there too.
func pair(c *scan.Cursor, key string, t *venue.Table, out *market.Batch) {
	in := market.Instrument{PriceDecimals: -1, QtyDecimals: -1, Status: market.Trading}
	var alt, ws string
	var least, cost, tick money.Decimal
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "altname":
			alt = string(c.Str())
		case "wsname":
			ws = string(c.Str())
		case "pair_decimals":
			in.PriceDecimals = int(c.Int())
		case "lot_decimals":
			in.QtyDecimals = int(c.Int())
		case "ordermin":
			least = c.Decimal()
		case "costmin":
			cost = c.Decimal()
		case "tick_size":
			tick = c.Decimal()
		case "status":
			in.Status = statuses[string(c.Str())]
		default:
			c.Skip()
		}
	}
	if c.Err() != nil || ws == "" {
		return
	}
	n := name(ws)
	n.PriceDecimals, n.QtyDecimals, n.Status = in.PriceDecimals, in.QtyDecimals, in.Status
	n.MinQty, n.MinNotional, n.PriceTick, n.RESTSymbol = least, cost, tick, alt
	if n.PriceTick.IsZero() {
		n.PriceTick = step(in.PriceDecimals)
	}
	n.QtyStep = step(in.QtyDecimals)
	if ws != current(ws) {
		t.Learn(n)
		n.Symbol = current(ws)
	}
	p := t.Learn(n)
	t.Alias(alt, p)
	t.Alias(key, p)
	out.Instruments = append(out.Instruments, *p)
}

// step is 1 at the last of so many decimals; 0 when they are not known.
func step(decimals int) money.Decimal {
	d, _ := money.New(1, decimals)
	return d
}

// snapshot reads {"asks":[[price, size, seconds],…],"bids":…}.
func snapshot(c *scan.Cursor, in *market.Instrument, out *market.Batch) {
	u := venue.Book(out, in)
	u.Snapshot = true
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "asks":
			u.Asks = timedLevels(c, out, &u.At)
		case "bids":
			u.Bids = timedLevels(c, out, &u.At)
		default:
			c.Skip()
		}
	}
}

// candles reads {"XXBTZUSD":[[seconds, o, h, l, c, average, volume, trades],…],"last":…};
// last is the start of the newest bar that is complete.
func candles(c *scan.Cursor, in *market.Instrument, i market.Interval, out *market.Batch) {
	var known time.Time
	for ok := c.Obj(); ok && c.NextKey(); {
		if c.Is("last") {
			if last := c.Seconds(); !last.IsZero() {
				known = i.Next(last)
			}
			continue
		}
		for ok := c.Arr(); ok && c.NextItem(); {
			venue.ReadRow(c, venue.Candle(out, in, i, time.Time{}), "sohlc-vn")
		}
	}
	venue.Settle(out, known)
}
