package prometheus

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

// metric is a name under which values are told.
type metric struct {
	name, kind, help string
	value            func(*market.Candle) (float64, bool) // nil: not of a bar
}

func float(d money.Decimal) (float64, bool) { return d.Float64(), true }

// metrics are all there are, by name.
func metrics() []metric {
	return []metric{
		{"assay_candle_close", "gauge", "Close of the bar, in the quote asset", func(c *market.Candle) (float64, bool) { return float(c.C.Decimal) }},
		{"assay_candle_high", "gauge", "High of the bar, in the quote asset", func(c *market.Candle) (float64, bool) { return float(c.H.Decimal) }},
		{"assay_candle_low", "gauge", "Low of the bar, in the quote asset", func(c *market.Candle) (float64, bool) { return float(c.L.Decimal) }},
		{"assay_candle_open", "gauge", "Open of the bar, in the quote asset", func(c *market.Candle) (float64, bool) { return float(c.O.Decimal) }},
		{"assay_candle_trades", "gauge", "Trades in the bar", func(c *market.Candle) (float64, bool) { return float64(c.Trades), c.Trades >= 0 }},
		{"assay_candle_turnover", "gauge", "Traded in the bar, in the quote asset", func(c *market.Candle) (float64, bool) {
			return c.Turnover.Float64(), !c.Turnover.IsZero() || c.Volume.IsZero()
		}},
		{"assay_candle_volume", "gauge", "Traded in the bar, in the base asset", func(c *market.Candle) (float64, bool) { return float(c.Volume.Decimal) }},
		{"assay_price", "gauge", "Fair price over all venues: closes of its bars, and now itself", nil},
		{"assay_venue_up", "gauge", "1 while the venue's feed is live; only now, without a past", nil},
		{"assay_volume", "counter", "Traded since midnight UTC, in the base asset; falls to zero at midnight, which rate and increase know", nil},
	}
}

// intervals are the lengths of bars that are told.
var intervals = []market.Interval{"1m", "1h", "1d"}

// known are the pairs at venues that there are bars of.
type known struct {
	mu    sync.Mutex
	at    time.Time
	pairs []market.Series
}

// list gives them: those stored, looked up once a minute, and those that trade now.
func (f *face) list(ctx context.Context) ([]market.Series, error) {
	f.known.mu.Lock()
	stored, at := f.known.pairs, f.known.at
	f.known.mu.Unlock()
	if now := f.opt.Now(); stored == nil || now.Sub(at) > time.Minute {
		rows, err := f.opt.History.Series(ctx)
		if err != nil {
			return nil, err
		}
		stored = []market.Series{}
		for _, r := range rows {
			if r.Channel == market.Candles && r.Venue != market.ConsensusVenue {
				stored = append(stored, r.Series)
			}
		}
		f.known.mu.Lock()
		f.known.pairs, f.known.at = stored, now
		f.known.mu.Unlock()
	}
	out := slices.Clone(stored)
	for _, q := range f.opt.Board.Quality("", "") {
		if q.Channel == market.Trades {
			out = append(out, market.Series{Venue: q.Venue, Pair: q.Pair})
		}
	}
	slices.SortFunc(out, func(a, b market.Series) int {
		if d := strings.Compare(string(a.Venue), string(b.Venue)); d != 0 {
			return d
		}
		return strings.Compare(string(a.Pair), string(b.Pair))
	})
	return slices.Compact(out), nil
}

// source is a series that can be read.
type source struct {
	labels   labels
	m        *metric
	of       market.Series
	interval market.Interval
}

// sources are all series there are.
func (f *face) sources(ctx context.Context) ([]source, error) {
	pairs, err := f.list(ctx)
	if err != nil {
		return nil, err
	}
	all := metrics()
	var out []source
	for i := range all {
		m := &all[i]
		switch {
		case m.value != nil:
			for _, of := range pairs {
				for _, iv := range intervals {
					out = append(out, source{labels{{nameLabel, m.name}, {"interval", string(iv)}, {"pair", string(of.Pair)}, {"venue", string(of.Venue)}}, m, of, iv})
				}
			}
		case m.name == "assay_volume":
			for _, of := range pairs {
				out = append(out, source{labels{{nameLabel, m.name}, {"pair", string(of.Pair)}, {"venue", string(of.Venue)}}, m, of, "1m"})
			}
		case m.name == "assay_price":
			for _, p := range f.opt.Board.Prices("USD") {
				if p.Asset != p.Quote {
					out = append(out, source{labels{{nameLabel, m.name}, {"asset", string(p.Asset)}, {"quote", string(p.Quote)}}, m, market.Series{Venue: market.ConsensusVenue, Pair: market.NewPair(p.Asset, p.Quote)}, "1m"})
				}
			}
		default:
			for _, v := range f.opt.Board.Venues() {
				out = append(out, source{labels{{nameLabel, m.name}, {"venue", string(v.ID)}}, m, market.Series{Venue: v.ID}, ""})
			}
		}
	}
	return out, nil
}

// fits tells whether a selector picks a series.
func (s *selector) fits(l labels) bool {
	if s.name != "" && l.get(nameLabel) != s.name {
		return false
	}
	for i := range s.matchers {
		if m := &s.matchers[i]; !m.fits(l.get(m.label)) {
			return false
		}
	}
	return true
}

// What one query may read.
const (
	maxSeries  = 2000
	maxSamples = 2_000_000
	maxMinutes = 8 * 24 * time.Hour // of one-minute prices; beyond, prices are those of hours
)

// load reads what the selectors of a query need between two times.
func (f *face) load(ctx context.Context, picks []*selector, from, to time.Time) error {
	if len(picks) == 0 {
		return nil
	}
	all, err := f.sources(ctx)
	if err != nil {
		return err
	}
	count, samples := 0, 0
	for _, s := range picks {
		for i := range all {
			x := all[i]
			if !s.fits(x.labels) {
				continue
			}
			if count++; count > maxSeries {
				return fault.New(fault.TooLarge, "the query picks more than %d series: name a venue, a pair or an interval", maxSeries)
			}
			data, err := f.values(ctx, &x, from.Add(-s.offset-s.over), to.Add(-s.offset), maxSamples-samples)
			if err != nil {
				return err
			}
			samples += len(data.t)
			if samples >= maxSamples {
				return fault.New(fault.TooLarge, "query processing would load too many samples into memory (%d): take a shorter time or bars of a longer interval", maxSamples)
			}
			s.data = append(s.data, data)
		}
	}
	return nil
}

// values reads one series. The value of a bar is known when the bar is over; that of the
// running one stands at the time of the data.
func (f *face) values(ctx context.Context, x *source, from, to time.Time, most int) (*series, error) {
	now := f.opt.Board.Now()
	if d := now.Sub(to); d > 0 && d < 5*time.Second {
		now = to // a client's now, a moment ago
	}
	out := &series{labels: x.labels, back: (5 * time.Minute).Milliseconds()}
	if x.m.name == "assay_venue_up" {
		for _, v := range f.opt.Board.Venues() {
			if v.ID == x.of.Venue && !now.After(to) {
				out.t, out.v = []int64{now.UnixMilli()}, []float64{0}
				if v.State == "live" {
					out.v[0] = 1
				}
			}
		}
		return out, nil
	}
	i := x.interval
	if x.m.name == "assay_price" && to.Sub(from) > maxMinutes {
		i = "1h"
	}
	out.back = max(out.back, 2*i.Length().Milliseconds())
	begin := from.Add(-time.Duration(out.back)*time.Millisecond - i.Length())
	counter := x.m.name == "assay_volume"
	if counter {
		begin = market.Interval("1d").Start(begin)
	}
	r := market.Range{From: begin, To: to.Add(time.Millisecond), Limit: most + 1}
	if r.To.After(now) {
		r.To = now.Add(1)
	}
	if !r.From.Before(r.To) {
		return out, nil
	}
	var sum float64
	day := time.Time{}
	for b, err := range f.opt.Candles.Candles(ctx, x.of, i, r) {
		if err != nil {
			return nil, err
		}
		at := i.Next(b.Open)
		if at.After(now) {
			at = now
		}
		v, ok := b.C.Float64(), true
		switch {
		case counter:
			if d := market.Interval("1d").Start(b.Open); !d.Equal(day) {
				day, sum = d, 0
			}
			sum += b.Volume.Float64()
			v = sum
		case x.m.value != nil:
			v, ok = x.m.value(&b)
		}
		if ms := at.UnixMilli(); ok && (len(out.t) == 0 || ms > out.t[len(out.t)-1]) {
			out.t, out.v = append(out.t, ms), append(out.v, v)
		}
	}
	if x.m.name == "assay_price" && !now.After(to) {
		if p, ok := f.opt.Board.Price(x.of.Pair.Base(), x.of.Pair.Quote()); ok {
			if n := len(out.t); n > 0 && out.t[n-1] >= now.UnixMilli() {
				out.v[n-1] = p.Price.Float64()
			} else {
				out.t, out.v = append(out.t, now.UnixMilli()), append(out.v, p.Price.Float64())
			}
		}
	}
	return out, nil
}
