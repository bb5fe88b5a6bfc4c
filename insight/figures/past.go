package figures

import (
	"slices"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

// The bounds of what is kept of one asset.
const (
	minutes = 25*60 + 8 // 24 h, and the hour that a price of then may be older
	hours   = 31*24 + 8 // a month
	days    = 6000      // 16 years
	recent  = 64        // minutes in which a bar of a venue may still be revised
)

// minute is what one minute did: the fair price, and what all venues traded.
type minute struct {
	n         int64 // minutes since 1970
	h, l, c   money.Decimal
	priced    bool
	base      money.Decimal
	estimated bool // a turnover in it is volume times close
	hourly    bool // it holds the amounts of an hour, of which no minutes are stored
}

// amount is the turnover of one minute in one currency.
type amount struct {
	n int64
	v money.Decimal
}

// stretch is an hour or a day of the fair price.
type stretch struct {
	start   int64 // minutes since 1970
	last    int64 // minute that c is of
	h, l, c money.Decimal
}

// entry is one venue's bar of a minute, kept while it may be revised.
type entry struct {
	n        int64
	revision int
	known    int64
	volume   money.Decimal
	turnover money.Decimal
	guess    bool
}

// past is what is remembered of one asset.
type past struct {
	minutes []minute                // by minute modulo their number
	turn    map[asset.Code][]amount // by quote, the same way
	hours   []stretch               // by hour modulo their number
	days    []stretch               // ascending
	series  map[market.Series]*[recent]entry
	seen    map[market.Series]int64 // minute of the newest bar of each venue
	newest  int64                   // of all venues
	first   int64                   // minute from which on venues' bars are known; 0 none
	stale   bool                    // a bar came that only the store can place
	version int                     // rises with every change
}

func newPast() *past {
	return &past{
		minutes: make([]minute, minutes), turn: map[asset.Code][]amount{}, hours: make([]stretch, hours),
		series: map[market.Series]*[recent]entry{}, seen: map[market.Series]int64{},
	}
}

func minuteOf(t time.Time) int64 { return floorDiv(t.Unix(), 60) }

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func timeOf(minute int64) time.Time { return time.Unix(minute*60, 0).UTC() }

// slot gives the minute's place, cleared of what an earlier day left there; nil for a
// minute older than what stands there.
func (p *past) slot(n int64) *minute {
	s := &p.minutes[n%minutes]
	switch {
	case s.n > n:
		return nil
	case s.n < n:
		*s = minute{n: n}
	}
	return s
}

func (p *past) amount(q asset.Code, n int64) *amount {
	ring := p.turn[q]
	if ring == nil {
		ring = make([]amount, minutes)
		p.turn[q] = ring
	}
	a := &ring[n%minutes]
	if a.n != n {
		*a = amount{n: n}
	}
	return a
}

// fair takes a bar of the fair price in USD, of 1m, 1h or 1d. now bounds what a bar
// that is not over can tell of its close.
func (p *past) fair(k *market.Candle, now time.Time) {
	n := minuteOf(k.Open)
	length := int64(k.Interval.Length() / time.Minute)
	last := min(n+length-1, max(minuteOf(now), n))
	if k.C.Sign() <= 0 || n <= 0 {
		return
	}
	p.version++
	if length == 1 {
		if s := p.slot(n); s != nil {
			s.h, s.l, s.c, s.priced = k.H.Decimal, k.L.Decimal, k.C.Decimal, true
		}
	}
	if length <= 60 {
		start := n - n%60
		h := &p.hours[start/60%hours]
		if h.start < start {
			*h = stretch{start: start}
		}
		if h.start == start {
			h.take(k, last)
		}
	}
	start := n - n%1440
	i, found := slices.BinarySearchFunc(p.days, start, func(d stretch, s int64) int { return int(d.start - s) })
	if !found {
		p.days = slices.Insert(p.days, i, stretch{start: start})
		if len(p.days) > days {
			p.days, i = slices.Delete(p.days, 0, 1), max(i-1, 0)
		}
	}
	if p.days[i].start == start {
		p.days[i].take(k, last)
	}
}

func (s *stretch) take(k *market.Candle, last int64) {
	empty := s.c.IsZero()
	if empty || k.H.Cmp(s.h) > 0 {
		s.h = k.H.Decimal
	}
	if empty || k.L.Cmp(s.l) < 0 {
		s.l = k.L.Decimal
	}
	if last >= s.last {
		s.last, s.c = last, k.C.Decimal
	}
}

// entryOf reads a venue's bar. A turnover that the venue does not state is taken as
// volume times close, and said to be a guess.
func entryOf(k *market.Candle) entry {
	e := entry{n: minuteOf(k.Open), revision: k.Revision, known: k.Known.UnixNano(), volume: k.Volume.Decimal, turnover: k.Turnover}
	if e.turnover.IsZero() && !e.volume.IsZero() {
		e.turnover, e.guess = mulCents(k.Volume.Decimal, k.C.Decimal)
	}
	return e
}

func mulCents(a, b money.Decimal) (money.Decimal, bool) {
	for scale := cents; scale >= 0; scale-- {
		if v, err := a.MulRound(b, scale); err == nil {
			return v, true
		}
	}
	return money.Decimal{}, true
}

// ring gives the recent bars of a series.
func (p *past) ring(s market.Series) *[recent]entry {
	r := p.series[s]
	if r == nil {
		r = new([recent]entry)
		p.series[s] = r
	}
	return r
}

// traded takes a finished one-minute bar of a venue, or a new revision of it. One that
// is older than what may be revised here makes the asset stale: the store knows better.
func (p *past) traded(k *market.Candle) {
	e := entryOf(k)
	if e.n <= p.newest-recent+4 {
		if e.n > p.newest-minutes {
			p.stale = true
		}
		return
	}
	r := p.ring(market.Series{Venue: k.Venue, Pair: k.Pair})
	old := &r[e.n%recent]
	if old.n == e.n && (old.revision > e.revision || old.revision == e.revision && old.known > e.known) {
		return
	}
	*old = e
	p.newest = max(p.newest, e.n)
	p.see(k, e.n)
	if p.first == 0 || e.n < p.first {
		p.first = e.n
	}
	p.sum(e.n, k.Pair.Quote())
	p.version++
}

func (p *past) see(k *market.Candle, n int64) {
	s := market.Series{Venue: k.Venue, Pair: k.Pair}
	p.seen[s] = max(p.seen[s], n)
}

// sum makes a minute's totals anew from the recent bars of all series.
func (p *past) sum(n int64, q asset.Code) {
	s := p.slot(n)
	if s == nil {
		return
	}
	var base, turn money.Sum
	s.estimated = false
	for series, r := range p.series {
		e := &r[n%recent]
		if e.n != n {
			continue
		}
		base.Add(e.volume)
		s.estimated = s.estimated || e.guess
		if series.Pair.Quote() == q {
			turn.Add(e.turnover)
		}
	}
	s.base, _ = base.Decimal(money.MaxDigits)
	p.amount(q, n).v, _ = turn.Decimal(cents)
}

// stored takes a bar from the store, of one minute, or of an hour of which the minutes
// are not stored; each comes once. The amounts of an hour stand in its last minute.
func (p *past) stored(k *market.Candle, now int64) {
	e := entryOf(k)
	hourly := k.Interval == "1h"
	if hourly {
		e.n += 59
	}
	s := p.slot(e.n)
	if s == nil {
		return
	}
	s.hourly = s.hourly || hourly
	s.base = plus(s.base, e.volume)
	s.estimated = s.estimated || e.guess
	a := p.amount(k.Pair.Quote(), e.n)
	a.v = plus(a.v, e.turnover)
	if e.n > now-recent && !hourly {
		p.ring(market.Series{Venue: k.Venue, Pair: k.Pair})[e.n%recent] = e
	}
	p.newest = max(p.newest, e.n)
	p.see(k, e.n)
	if p.first == 0 || e.n < p.first {
		p.first = e.n
	}
}

// at is the newest known close at or before a moment: of a minute, an hour or a day.
// A bar's close counts as of the bar's end.
func (p *past) at(t time.Time, tolerance time.Duration) (point, bool) {
	m := minuteOf(t) // a bar of minute n ends at n+1, so the last that counts is m-1
	oldest := m - int64(tolerance/time.Minute) - 1
	var best point
	for n := m - 1; n >= max(oldest, m-minutes, 1); n-- {
		if s := &p.minutes[n%int64(len(p.minutes))]; s.n == n && s.priced {
			best = point{n + 1, s.c}
			break
		}
	}
	for h := m/60*60 - 60; h >= max(oldest-60, m-hours*60, 1) && h+60 > best.end; h -= 60 {
		if s := &p.hours[h/60%int64(len(p.hours))]; s.start == h && !s.c.IsZero() {
			best = point{h + 60, s.c}
			break
		}
	}
	i, _ := slices.BinarySearchFunc(p.days, m-1440+1, func(d stretch, s int64) int { return int(d.start - s) })
	if i > 0 && p.days[i-1].start+1440 > best.end { // days[i-1] is the last whose end is at or before m
		best = point{p.days[i-1].start + 1440, p.days[i-1].c}
	}
	if best.end == 0 || t.Sub(timeOf(best.end)) > tolerance {
		return point{}, false
	}
	return best, true
}

// point is a close and the minute it is as of.
type point struct {
	end   int64
	price money.Decimal
}
