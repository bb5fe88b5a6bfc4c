package bitfinex

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

const api = "/v2/"

// page is the most trades or candles of one answer.
const page = 10000

// lists are the parts of the configuration that describe pairs, in the order asked for.
const lists = "pub:info:pair,pub:info:pair:futures"

func ask(a venue.Ask) (venue.Request, error) {
	symbol := url.PathEscape(a.Instrument.Symbol)
	switch a.What {
	case venue.AskInstruments:
		return venue.Request{Path: api + "conf/" + lists, Budget: "conf"}, nil
	case venue.AskBook:
		return venue.Request{Path: api + "book/" + symbol + "/P0?len=" + depthOf(a.Depth), Budget: "book"}, nil
	case venue.AskTrades:
		return venue.Request{Path: api + "trades/" + symbol + "/hist?" + rows(a, a.From, a.To), Budget: "trades"}, nil
	case venue.AskCandles:
		name, err := venue.IntervalName("Bitfinex", intervals, a.Interval)
		if err != nil {
			return venue.Request{}, err
		}
		from, to := venue.Window(a, venue.PageSize(a, page))
		return venue.Request{Path: api + "candles/trade:" + name + ":" + symbol + "/hist?" + rows(a, from, to), Budget: "candles"}, nil
	case venue.AskDerivative:
		return venue.Request{Path: api + "status/deriv?keys=" + url.QueryEscape(a.Instrument.Symbol), Budget: "status"}, nil
	case venue.AskClock:
		return venue.Request{}, fault.New(fault.Invalid, "Bitfinex has no endpoint for its time")
	}
	return venue.Request{}, fault.New(fault.Invalid, "Bitfinex cannot be asked that")
}

// depthOf is the smallest book there is with so many levels.
func depthOf(want int) string {
	for _, n := range []int{1, 25, 100} {
		if want > 0 && want <= n {
			return strconv.Itoa(n)
		}
	}
	return depth
}

// rows asks for a page: the oldest first where there is a beginning. The end of the
// venue is inclusive.
func rows(a venue.Ask, from, to time.Time) string {
	q := "limit=" + strconv.Itoa(venue.PageSize(a, page))
	if !from.IsZero() {
		q += "&sort=1&start=" + venue.MS(from)
	}
	if !to.IsZero() {
		q += "&end=" + venue.MS(to.Add(-time.Millisecond))
	}
	return q
}

// next goes on with the millisecond of the last trade, of which there may be more: what
// comes twice has the same id. A page of one millisecond only is passed over.
func next(a venue.Ask, got *market.Batch) (venue.Ask, bool) {
	if a.What == venue.AskCandles {
		return venue.NextWindow(a, venue.PageSize(a, page), got)
	}
	n := len(got.Trades)
	if a.What != venue.AskTrades || a.From.IsZero() || n < venue.PageSize(a, page) {
		return a, false
	}
	from, last := a.From.Truncate(time.Millisecond), got.Trades[n-1].At
	if last.Before(from) || !a.To.IsZero() && !last.Before(a.To) {
		return a, false
	}
	if last.Equal(from) {
		last = last.Add(time.Millisecond)
	}
	a.From = last
	return a, true
}

// answer reads the body that came from u.
func answer(u *url.URL, body []byte, t *venue.Table, out *market.Batch) error {
	if err := refusal(body); err != nil {
		return err
	}
	path, ok := strings.CutPrefix(u.Path, api)
	what, rest, _ := strings.Cut(path, "/")
	name, _, _ := strings.Cut(rest, "/")
	var in *market.Instrument
	switch {
	case !ok:
		what = ""
	case (what == "book" || what == "trades" || what == "candles") && name == "":
		return fault.New(fault.Invalid, "the address %s does not name a symbol", u.Path)
	case what == "book" || what == "trades":
		in = t.Find([]byte(name))
	}
	c := scan.New(body)
	switch what {
	case "conf":
		configuration(&c, name, t, out)
	case "book":
		f := feed{t: t}
		m := message{payload: c}
		f.book(&m, in, out)
		c = m.payload
		out.Books[len(out.Books)-1].Snapshot = true
	case "trades":
		trades(&c, in, out)
		if u.Query().Get("sort") != "1" {
			slices.Reverse(out.Trades)
		}
	case "candles":
		ch, symbol, i := keyed(name)
		if ch == "" || symbol == "" {
			return fault.New(fault.Invalid, "candles of %q are not read", name)
		}
		for ok := c.Arr(); ok && c.NextItem(); {
			candles(&c, channel{in: t.Find([]byte(symbol)), interval: i}, out)
		}
		venue.Settle(out, time.Time{})
	case "status":
		for ok := c.Arr(); ok && c.NextItem(); {
			keyedStatus(&c, t, out)
		}
	case "platform", "ticker", "tickers", "stats1":
		c.Skip()
	default:
		return fault.New(fault.Invalid, "no decoder for %s", u.Path)
	}
	return c.End()
}

// keyedStatus reads [symbol, time, …], the status of the stream behind its symbol.
func keyedStatus(c *scan.Cursor, t *venue.Table, out *market.Batch) {
	if !c.Arr() || !c.NextItem() {
		c.Fail("status without a symbol")
		return
	}
	symbol := c.Str()
	if len(symbol) == 0 {
		c.Fail("status without a symbol")
		return
	}
	status(c, t.Find(symbol), out)
}

// configuration reads one list for each key that was asked for.
func configuration(c *scan.Cursor, keys string, t *venue.Table, out *market.Batch) {
	for ok := c.Arr(); ok && c.NextItem(); {
		var key string
		key, keys, _ = strings.Cut(keys, ",")
		var read func()
		switch {
		case strings.HasPrefix(key, "pub:info:pair"):
			read = func() { info(c, t, out) }
		case key == "pub:list:pair:exchange", key == "pub:list:pair:futures", key == "pub:list:pair:future":
			read = func() { learn(named(string(c.Str())), t, out) }
		default:
			c.Skip()
			continue
		}
		for ok := c.Arr(); ok && c.NextItem(); {
			read()
		}
	}
}

// info reads [pair, [-, -, -, least size, largest size, …]].
func info(c *scan.Cursor, t *venue.Table, out *market.Batch) {
	if !c.Arr() || !c.NextItem() {
		c.Fail("pair without a name")
		return
	}
	in := named(string(c.Str()))
	if c.NextItem() {
		n := 0
		for ok := c.Arr(); ok && c.NextItem(); n++ {
			if n == 3 {
				in.MinQty = c.Decimal()
			} else {
				c.Skip()
			}
		}
		c.Close()
	}
	if c.Err() == nil {
		learn(in, t, out)
	}
}

// amountStep is the smallest step of all sizes: eight decimals.
var amountStep = money.MustNew(1, 8)

// learn takes a listed pair; what is listed trades.
func learn(in market.Instrument, t *venue.Table, out *market.Batch) {
	if in.Base == "" || in.Quote == "" {
		return // a name nobody can read
	}
	in.Status, in.QtyStep = market.Trading, amountStep
	if in.Kind == market.Perpetual {
		in.Contract, in.Settle = money.MustNew(1, 0), asset.Code(t.Code(string(in.Quote)))
	}
	out.Instruments = append(out.Instruments, *t.Learn(in))
}

func failure(_ int, body []byte) error { return refusal(body) }

// refusal reads ["error", code, "text"]; nil when the body is something else.
func refusal(body []byte) error {
	c := scan.New(body)
	if c.Peek() != '[' || !c.Arr() || !c.NextItem() || c.Peek() != '"' || string(c.Str()) != "error" || !c.NextItem() {
		return nil
	}
	code, said := string(c.Raw()), []byte(nil)
	if c.NextItem() {
		said = c.Raw()
	}
	c.Close()
	if c.End() != nil {
		return nil
	}
	switch text := strings.ToLower(string(said)); {
	case code == "11010", strings.Contains(text, "ratelimit"), strings.Contains(text, "rate limit"):
		return fault.New(fault.Exhausted, "Bitfinex limits our requests: %s", said)
	case code == "20060", strings.Contains(text, "temporarily"), strings.Contains(text, "maintenance"):
		return fault.New(fault.Unavailable, "Bitfinex is not available: %s", said)
	case strings.Contains(text, "symbol") || strings.Contains(text, "pair"):
		return fault.New(fault.Unknown, "Bitfinex does not know it: %s", said)
	}
	return fault.New(fault.Invalid, "Bitfinex refused the request (%s): %s", code, said)
}
