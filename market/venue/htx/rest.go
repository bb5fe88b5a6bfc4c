package htx

import (
	"bytes"
	"cmp"
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

// page is the most rows of one answer.
const page = 2000

func ask(a venue.Ask) (venue.Request, error) {
	symbol := "symbol=" + url.QueryEscape(a.Instrument.Symbol)
	switch a.What {
	case venue.AskInstruments:
		return venue.Request{Path: "/v1/common/symbols"}, nil
	case venue.AskClock:
		return venue.Request{Path: "/v1/common/timestamp"}, nil
	case venue.AskBook:
		return venue.Request{Path: "/market/depth?" + symbol + "&type=step0" + depth(a.Depth)}, nil
	case venue.AskTrades:
		return venue.Request{Path: "/market/history/trade?" + symbol + "&size=" + strconv.Itoa(venue.PageSize(a, page))}, nil
	case venue.AskCandles:
		name, err := venue.IntervalName("HTX", intervals, a.Interval)
		if err != nil {
			return venue.Request{}, err
		}
		n := page // there is no beginning to ask for: a range may be anywhere in the whole
		if a.From.IsZero() && a.To.IsZero() {
			n = venue.PageSize(a, page)
		}
		return venue.Request{Path: "/market/history/kline?" + symbol + "&period=" + name + "&size=" + strconv.Itoa(n)}, nil
	}
	return venue.Request{}, fault.New(fault.Invalid, "HTX cannot be asked that")
}

// depth asks for fewer levels than the 150 that are given otherwise.
func depth(n int) string {
	switch {
	case n <= 0 || n > 20:
		return ""
	case n <= 5:
		return "&depth=5"
	case n <= 10:
		return "&depth=10"
	}
	return "&depth=20"
}

// next: nothing has a second page. The latest are all there is.
func next(a venue.Ask, _ *market.Batch) (venue.Ask, bool) { return a, false }

// reply is what an answer says of itself; body is its tick or its data.
type reply struct {
	body scan.Cursor
	has  bool
	at   time.Time
}

// unwrap reads {status,ts,tick|data}. An error is {status:"error","err-code","err-msg"},
// with underscores where contracts are asked, or {code,message}.
func unwrap(body []byte) (r reply, err error) {
	c := scan.New(body)
	var status, code, msg []byte
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "status":
			status = c.Raw()
		case "ts":
			r.at = c.Millis()
		case "err-code", "err_code", "code":
			code = c.Raw()
		case "err-msg", "err_msg", "message":
			msg = c.Raw()
		case "tick", "data":
			r.body, r.has = c, true
			c.Skip()
		default:
			c.Skip()
		}
	}
	if err := c.End(); err != nil {
		return r, err
	}
	if string(status) == "error" || len(code) > 0 && string(code) != "200" {
		return r, refusal(string(code), string(msg))
	}
	return r, nil
}

// refusal turns a code of the venue (pages "Error Code", 2026-07) into a kind.
func refusal(code, msg string) error {
	said := strings.ToLower(code + " " + msg)
	has := func(parts ...string) bool {
		return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(said, p) })
	}
	switch {
	case code == "429" || code == "1032" || has("frequency", "too-many-requests", "too many requests", "rate limit", "request limit"):
		return fault.New(fault.Exhausted, "HTX limits our requests: %s", msg)
	case code == "1013" || code == "1014" || code == "1066" || has("invalid symbol", "symbol-error", "contract doesnt exist", "contract symbol"):
		return fault.New(fault.Unknown, "HTX does not know it: %s", msg)
	case code == "1000" || code == "1001" || code == "1004" || has("gateway", "maintain", "maintenance", "timeout", "system"):
		return fault.New(fault.Unavailable, "HTX failed: %s", msg)
	}
	return fault.New(fault.Invalid, "HTX refused the request (%s): %s", code, msg)
}

func failure(_ int, body []byte) error {
	_, err := unwrap(body)
	if fault.Of(err) == fault.Internal {
		return nil // no error of its own making: the feed judges by status
	}
	return err
}

// answer reads the body that came from u.
func answer(u *url.URL, body []byte, t *venue.Table, out *market.Batch) error {
	q := u.Query()
	var in *market.Instrument
	if s := q.Get("symbol"); s != "" {
		in = t.Find([]byte(s))
	}
	if in == nil && strings.HasPrefix(u.Path, "/market/") {
		return fault.New(fault.Invalid, "the address %s does not name a symbol", u.Path)
	}
	r, err := unwrap(body)
	if err != nil {
		return err
	}
	switch u.Path {
	case "/v1/common/symbols":
		return r.rows(func(c *scan.Cursor) { instrument(c, t, out) })
	case "/v1/common/timestamp":
		out.Clock = r.body.Millis()
		return r.body.Err()
	}
	return past(&feed{t: t}, u, in, &r, out)
}

// past reads what both kinds of market answer alike: book, trades and candles.
func past(f *feed, u *url.URL, in *market.Instrument, r *reply, out *market.Batch) error {
	i := venue.IntervalOf(intervals, u.Query().Get("period"))
	what := u.Path[strings.LastIndexByte(u.Path, '/')+1:]
	if what == "kline" && i == "" {
		return fault.New(fault.Invalid, "candles of %q are not read", u.Query().Get("period"))
	}
	trades, candles := len(out.Trades), len(out.Candles)
	var err error
	switch what {
	case "depth":
		if !r.has {
			return errNoData
		}
		f.book(&r.body, in, true, out)
		err = r.body.Err()
	case "trade":
		err = r.rows(func(c *scan.Cursor) { f.trades(c, in, market.Backfilled, out) })
	case "kline":
		err = r.rows(func(c *scan.Cursor) { f.kline(c, in, i, out) })
	default:
		return fault.New(fault.Invalid, "no decoder for %s", u.Path)
	}
	oldestFirst(out, trades, candles)
	venue.Settle(out, r.at)
	return err
}

// errNoData says that an answer that is no error has nothing in it.
var errNoData = fault.New(fault.Unavailable, "HTX answered without data")

// rows reads an array of objects.
func (r *reply) rows(each func(*scan.Cursor)) error {
	if !r.has {
		return errNoData
	}
	for ok := r.body.Arr(); ok && r.body.NextItem(); {
		each(&r.body)
	}
	return r.body.Err()
}

// oldestFirst sorts what was read after the given lengths: batches come newest first, and
// what is in one of contracts oldest first.
func oldestFirst(out *market.Batch, trades, candles int) {
	slices.SortStableFunc(out.Candles[candles:], func(a, b market.Candle) int { return a.Open.Compare(b.Open) })
	slices.SortStableFunc(out.Trades[trades:], func(a, b market.Trade) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(len(a.ID), len(b.ID)), cmp.Compare(a.ID, b.ID))
	})
}

var states = map[string]market.Status{
	"online": market.Trading, "pre-online": market.PreTrading, "suspend": market.Halted, "fuse": market.Halted,
	"offline": market.Delisted, "transfer-board": market.Delisted,
}

// step is 10^-decimals.
func step(c *scan.Cursor) money.Decimal {
	n := c.Int()
	if n < 0 || n > money.MaxDigits {
		c.Fail("number of decimals out of range")
		return money.Decimal{}
	}
	d, _ := money.New(1, int(n))
	return d
}

func instrument(c *scan.Cursor, t *venue.Table, out *market.Batch) {
	in := market.Instrument{Kind: market.Spot, PriceDecimals: -1, QtyDecimals: -1}
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "symbol":
			in.Symbol = string(c.Str())
		case "base-currency":
			in.Base = asset.Code(bytes.ToUpper(c.Str()))
		case "quote-currency":
			in.Quote = asset.Code(bytes.ToUpper(c.Str()))
		case "state":
			in.Status = states[string(c.Str())]
		case "price-precision":
			in.PriceTick = step(c)
		case "amount-precision":
			in.QtyStep = step(c)
		case "limit-order-min-order-amt":
			in.MinQty = c.Decimal()
		case "min-order-value":
			in.MinNotional = c.Decimal()
		default:
			c.Skip()
		}
	}
	if in.Symbol != "" && c.Err() == nil {
		out.Instruments = append(out.Instruments, *t.Learn(in))
	}
}
