package udf

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

// maxBars is how many bars one answer has; of a longer range the newest are told, and the
// chart asks for the rest.
const maxBars = 10_000

// number is a decimal as a JSON number, with all its digits.
type number struct{ money.Decimal }

func (n number) MarshalJSON() ([]byte, error) { return n.Append(nil), nil }

// table is bars in the protocol's columns.
type table struct {
	S    string   `json:"s"`
	T    []int64  `json:"t"`
	O    []number `json:"o"`
	H    []number `json:"h"`
	L    []number `json:"l"`
	C    []number `json:"c"`
	V    []number `json:"v"`
	Next int64    `json:"nextTime,omitempty"` // with no_data: the last bar before
}

func seconds(q url.Values, name string) (time.Time, error) {
	s := q.Get(name)
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n > 1e11 || n < -1e11 {
		return time.Time{}, fault.At(fault.Invalid, name, "%s is a time in seconds since 1970, such as 1767225600, not %q", name, clip(s))
	}
	return time.Unix(max(n, 0), 0).UTC(), nil
}

func (f *face) history(ctx context.Context, q url.Values) (any, error) {
	in, err := f.resolve("symbol", q.Get("symbol"))
	if err != nil {
		return nil, err
	}
	i, err := interval(q.Get("resolution"))
	if err != nil {
		return nil, err
	}
	to, err := seconds(q, "to")
	if err != nil {
		return nil, err
	}
	r := market.Range{To: to, Limit: maxBars, Reverse: true}
	if s := q.Get("countback"); s != "" {
		if r.Limit, err = strconv.Atoi(s); err != nil || r.Limit < 1 {
			return nil, fault.At(fault.Invalid, "countback", "%q is no number of bars", clip(s))
		}
		r.Limit = min(r.Limit, maxBars)
	} else if r.From, err = seconds(q, "from"); err != nil {
		return nil, err
	}
	if !r.From.Before(r.To) {
		if q.Get("countback") == "" && r.From.After(r.To) {
			return nil, fault.At(fault.Invalid, "from", "from is after to")
		}
	}
	if now := f.opt.Board.Now(); r.To.After(now) {
		r.To = now.Add(time.Nanosecond) // a chart asks for the time to come, where there are no bars
	}
	of := market.Series{Venue: in.venue, Pair: in.pair}
	bars, err := f.read(ctx, of, i, r)
	if err != nil {
		return nil, err
	}
	out := table{S: "ok", T: []int64{}, O: []number{}, H: []number{}, L: []number{}, C: []number{}, V: []number{}}
	if len(bars) == 0 {
		out.S = "no_data"
		if r.From.IsZero() {
			return out, nil // nothing at all before to
		}
		before, err := f.read(ctx, of, i, market.Range{To: r.From, Limit: 1, Reverse: true})
		if err == nil && len(before) > 0 {
			out.Next = before[0].Open.Unix()
		}
		return out, err
	}
	slices.Reverse(bars)
	for k := range bars {
		b := &bars[k]
		out.T = append(out.T, b.Open.Unix())
		out.O, out.H, out.L, out.C = append(out.O, number{b.O.Decimal}), append(out.H, number{b.H.Decimal}), append(out.L, number{b.L.Decimal}), append(out.C, number{b.C.Decimal})
		out.V = append(out.V, number{b.Volume.Decimal})
	}
	return out, nil
}

// read reads bars, newest first where the range says so. None are before the range.
func (f *face) read(ctx context.Context, of market.Series, i market.Interval, r market.Range) (out []market.Candle, err error) {
	if !r.From.Before(r.To) {
		return nil, nil
	}
	for b, err := range f.opt.Candles.Candles(ctx, of, i, r) {
		if err != nil {
			return nil, err
		}
		if !b.Open.Before(r.From) {
			out = append(out, b)
		}
	}
	return out, nil
}

// maxQuotes is how many symbols one request for quotes may name.
const maxQuotes = 50

// value is what is told of a symbol now. What is not known is left out.
type value struct {
	Change      *number `json:"ch,omitempty"`
	Percent     *number `json:"chp,omitempty"`
	ShortName   string  `json:"short_name"`
	Exchange    string  `json:"exchange"`
	Description string  `json:"description"`
	Last        *number `json:"lp,omitempty"`
	Ask         *number `json:"ask,omitempty"`
	Bid         *number `json:"bid,omitempty"`
	Spread      *number `json:"spread,omitempty"`
	Open        *number `json:"open_price,omitempty"`
	High        *number `json:"high_price,omitempty"`
	Low         *number `json:"low_price,omitempty"`
	Before      *number `json:"prev_close_price,omitempty"`
	Volume      *number `json:"volume,omitempty"`
}

type quoted struct {
	S      string `json:"s"`
	N      string `json:"n"`
	V      any    `json:"v"`
	ErrMsg string `json:"errmsg,omitempty"`
}

func (f *face) quotes(ctx context.Context, q url.Values) (any, error) {
	if q.Get("symbols") == "" {
		return nil, fault.At(fault.Invalid, "symbols", "symbols is missing; write kraken:BTC-USD,consensus:ETH-USD")
	}
	list := strings.Split(q.Get("symbols"), ",")
	if len(list) > maxQuotes {
		return nil, fault.At(fault.Invalid, "symbols", "%d symbols; at most %d go in one request", len(list), maxQuotes)
	}
	out := []quoted{}
	for _, s := range list {
		in, err := f.resolve("symbols", s)
		if err != nil {
			out = append(out, quoted{"error", clip(s), struct{}{}, fault.Public(err)})
			continue
		}
		v, err := f.value(ctx, in)
		if err != nil {
			return nil, err
		}
		out = append(out, quoted{S: "ok", N: s, V: v})
	}
	return map[string]any{"s": "ok", "d": out}, nil
}

func (f *face) value(ctx context.Context, in instrument) (value, error) {
	v := value{ShortName: string(in.pair), Exchange: string(in.venue), Description: in.description()}
	now := f.opt.Board.Now()
	today := market.Interval("1d").Start(now)
	days, err := f.read(ctx, market.Series{Venue: in.venue, Pair: in.pair}, "1d", market.Range{From: today.AddDate(0, 0, -1), To: now.Add(time.Nanosecond)})
	if err != nil {
		return v, err
	}
	for k := range days {
		d := &days[k]
		if d.Open.Before(today) {
			v.Before = &number{d.C.Decimal}
			continue
		}
		v.Open, v.High, v.Low, v.Last, v.Volume = &number{d.O.Decimal}, &number{d.H.Decimal}, &number{d.L.Decimal}, &number{d.C.Decimal}, &number{d.Volume.Decimal}
	}
	if in.venue == market.ConsensusVenue {
		if p, ok := f.opt.Board.Price(in.pair.Base(), in.pair.Quote()); ok {
			v.Last = &number{p.Price.Decimal}
		}
	} else {
		if t := f.opt.Board.LastTrades(in.venue, in.pair, 1); len(t) > 0 {
			v.Last = &number{t[0].Price.Decimal}
		}
		for _, q := range f.opt.Board.Quotes(in.pair) {
			if q.Venue == in.venue {
				v.Bid, v.Ask = &number{q.Bid.Decimal}, &number{q.Ask.Decimal}
				if d, err := q.Ask.Sub(q.Bid.Decimal); err == nil {
					v.Spread = &number{d}
				}
			}
		}
	}
	if v.Last != nil && v.Before != nil && !v.Before.IsZero() {
		if d, err := v.Last.Sub(v.Before.Decimal); err == nil {
			v.Change = &number{d}
			if h, err := d.Mul(money.MustNew(100, 0)); err == nil {
				if p, err := h.Quo(v.Before.Decimal, 2); err == nil {
					v.Percent = &number{p}
				}
			}
		}
	}
	return v, nil
}
