package figures

import (
	"slices"
	"strings"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/insight"
	"github.com/assayhq/assay/insight/indicator"
	"github.com/assayhq/assay/money"
)

// derived is what follows from the past of an asset in one currency. It changes with the
// minute, not with the price, so it is made anew only then.
type derived struct {
	minute      int64
	version     int
	other       int // version of the currency's past
	then        map[insight.Window]point
	high, low   *money.Decimal // of the last 24 h
	turn        []turnover
	base        *money.Decimal
	top, bottom *point // of the days that are stored; end is the day's beginning
	since       time.Time
	spark       []insight.Point
	rsi         *float64
	marks       []string
}

type turnover struct {
	quote asset.Code
	sum   money.Decimal
}

// derive gives what follows from an asset's past, nil when there is none.
func (e *Engine) derive(a, q asset.Code) *derived {
	p := e.pasts[a]
	if p == nil {
		return nil
	}
	var in *past // of the currency; nil for USD
	other := 0
	if q != USD {
		if in = e.pasts[q]; in == nil {
			in = &past{minutes: make([]minute, 1), hours: make([]stretch, 1)} // nothing is stored of it
		}
		other = in.version
	}
	key, m := pairKey{a, q}, minuteOf(e.now)
	if d := e.derived[key]; d != nil && d.minute == m && d.version == p.version && d.other == other {
		return d
	}
	d := &derived{minute: m, version: p.version, other: other, then: map[insight.Window]point{}}
	for _, w := range insight.Windows() {
		if x, ok := priceAt(p, in, timeOf(m).Add(-w.Length()), tolerance(w)); ok {
			d.then[w] = x
		}
	}
	d.day(p, in, m)
	d.volumes(p, m)
	d.history(p, in)
	d.sparkline(p, in, m)
	d.strength(e.rsi, p, in)
	e.derived[key] = d
	return d
}

// priceAt is the price of then: in another currency than USD, by both prices of then.
func priceAt(p, in *past, t time.Time, tol time.Duration) (point, bool) {
	x, ok := p.at(t, tol)
	if !ok || in == nil {
		return x, ok
	}
	y, ok := in.at(t, tol)
	if !ok {
		return x, false
	}
	r, ok := ratio(x.price, y.price)
	return point{min(x.end, y.end), r}, ok
}

// day finds the highest and lowest price of the last 24 h of whole minutes.
func (d *derived) day(p, in *past, m int64) {
	var high, low *point
	for n := max(m-24*60, 1); n < m; n++ {
		s := &p.minutes[n%minutes]
		if s.n != n || !s.priced {
			continue
		}
		h, l := s.h, s.l
		if in != nil {
			y := &in.minutes[n%int64(len(in.minutes))]
			if y.n != n || !y.priced {
				continue
			}
			var ok, ok2 bool
			h, ok = ratio(h, y.c)
			l, ok2 = ratio(l, y.c)
			if !ok || !ok2 {
				continue
			}
		}
		if high == nil || h.Cmp(high.price) > 0 {
			high = &point{n, h}
		}
		if low == nil || l.Cmp(low.price) < 0 {
			low = &point{n, l}
		}
	}
	if high != nil {
		d.high, d.low = &high.price, &low.price
	}
}

// volumes sums what the venues traded in the last 24 h of whole minutes.
func (d *derived) volumes(p *past, m int64) {
	if p.first == 0 {
		return
	}
	from := max(m-24*60, 1)
	var base money.Sum
	guess, traded, hourly := false, false, false
	for n := from; n < m; n++ {
		if s := &p.minutes[n%minutes]; s.n == n && !s.base.IsZero() {
			base.Add(s.base)
			guess, hourly = guess || s.estimated, hourly || s.hourly
			traded = true
		}
	}
	if !traded { // none, or the venues are away: that cannot be told apart
		return
	}
	b, _ := base.Decimal(money.MaxDigits)
	d.base = &b
	for q, ring := range p.turn {
		var sum money.Sum
		for n := from; n < m; n++ {
			if a := &ring[n%minutes]; a.n == n {
				sum.Add(a.v)
			}
		}
		if !sum.IsZero() {
			v, _ := sum.Decimal(cents)
			d.turn = append(d.turn, turnover{q, v})
		}
	}
	slices.SortFunc(d.turn, func(a, b turnover) int { return strings.Compare(string(a.quote), string(b.quote)) })
	if guess {
		d.marks = append(d.marks, "turnover_estimated")
	}
	if hourly {
		d.marks = append(d.marks, "volume_hourly")
	}
	if p.first > from+60 {
		d.marks = append(d.marks, "volume_short")
	}
}

// history finds the extremes of the days that are stored.
func (d *derived) history(p, in *past) {
	for i := range p.days {
		x := &p.days[i]
		h, l := x.h, x.l
		if in != nil {
			j, ok := slices.BinarySearchFunc(in.days, x.start, func(s stretch, t int64) int { return int(s.start - t) })
			if !ok {
				continue
			}
			var ok2 bool
			h, ok = ratio(h, in.days[j].c)
			l, ok2 = ratio(l, in.days[j].c)
			if !ok || !ok2 {
				continue
			}
		}
		if d.top == nil {
			d.since = timeOf(x.start)
		}
		if d.top == nil || h.Cmp(d.top.price) > 0 {
			d.top = &point{x.start, h}
		}
		if d.bottom == nil || l.Cmp(d.bottom.price) < 0 {
			d.bottom = &point{x.start, l}
		}
	}
}

// sparkline lists the closes of the hours that ended in the last seven days.
func (d *derived) sparkline(p, in *past, m int64) {
	last := m/60*60 - 60
	for h := max(last-167*60, 60); h <= last; h += 60 {
		s := &p.hours[h/60%hours]
		if s.start != h || s.c.IsZero() {
			continue
		}
		v := s.c
		if in != nil {
			y := &in.hours[h/60%int64(len(in.hours))]
			if y.start != h || y.c.IsZero() {
				continue
			}
			var ok bool
			if v, ok = ratio(v, y.c); !ok {
				continue
			}
		}
		d.spark = append(d.spark, insight.Point{At: timeOf(h + 60), Price: v})
	}
}

// strongest is how many days the RSI looks back on: more would not change six digits.
const strongest = 250

// strength is the RSI of the days in a row that end with the newest.
func (d *derived) strength(rsi *indicator.Function, p, in *past) {
	var closes []float64 // newest first
	for i := len(p.days) - 1; i >= 0 && len(closes) < strongest; i-- {
		x := &p.days[i]
		if n := len(closes); n > 0 && x.start != p.days[i+1].start-1440 {
			break
		}
		c := x.c.Float64()
		if in != nil {
			j, ok := slices.BinarySearchFunc(in.days, x.start, func(s stretch, t int64) int { return int(s.start - t) })
			if !ok {
				break
			}
			c /= in.days[j].c.Float64()
		}
		closes = append(closes, c)
	}
	v, err := rsi.Set(nil) // 14 days
	if err != nil || len(closes) <= rsi.Begin(v) {
		return
	}
	slices.Reverse(closes)
	if out, err := rsi.Batch(v, [][]float64{closes}); err == nil {
		d.rsi = &out[0][len(closes)-1]
	}
}
