package emulator

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/assayhq/assay/market"
)

// past invents what was before the start, once: single trades for the last Tape, and
// bars without trades before that, of a minute, then of an hour, then of a day.
func (t *tape) past() {
	if t.made {
		return
	}
	t.made = true
	p, opt := t.p, t.p.v.world.opt
	live := *t
	t.trades, t.bars = nil, nil
	rng := rand.New(rand.NewPCG(t.seed, 0x9a57))
	rate := p.rate * 0.15
	cut := t.start.Add(-opt.Tape).Truncate(time.Minute)
	minutes := t.reach("1m")
	hours, days := minutes, minutes
	if opt.Days > 0 {
		hours, days = t.reach("1h"), t.reach("1d")
	}
	for at := days; at.Before(cut); {
		step := time.Minute
		if at.Before(hours) {
			step = 24 * time.Hour
		} else if at.Before(minutes) {
			step = time.Hour
		}
		if b, ok := t.invent(rng, at, step, rate); ok {
			t.bars = append(t.bars, b)
		}
		at = at.Add(step)
	}
	whole := len(t.bars)
	var old []trade
	for at := cut; ; {
		at = at.Add(time.Duration(rng.ExpFloat64()/rate*1e6+1) * time.Microsecond)
		if !at.Before(t.start) {
			break
		}
		sell, mid := rng.IntN(2) == 0, p.mid(at)
		px := p.cents(mid) + p.half(mid)
		if sell {
			px = p.cents(mid) - p.half(mid)
		}
		old = append(old, trade{px: px, qty: t.size(rng, mid), sell: sell, at: at})
	}
	id := t.startID() - int64(len(old))
	for i := range old {
		old[i].id = id + int64(i)
		t.write(&old[i])
	}
	for i := whole - 1; i >= 0; i-- {
		b := &t.bars[i]
		b.last, b.first = id-1, id-b.n
		id = b.first
	}
	t.trades = append(t.trades, live.trades...)
	rest := live.bars
	if n := len(t.bars); n > 0 && len(rest) > 0 && t.bars[n-1].open.Equal(rest[0].open) {
		t.bars[n-1].join(&rest[0])
		rest = rest[1:]
	}
	t.bars = append(t.bars, rest...)
}

// reach is how far back bars of an interval go. In a world with Days each coarser kind
// ends where a bar of the next finer one begins.
func (t *tape) reach(i market.Interval) time.Time {
	opt := t.p.v.world.opt
	at := t.start.Add(-opt.History).Truncate(time.Minute)
	if opt.Days == 0 {
		return at
	}
	at = at.Truncate(time.Hour)
	if i.Length() < time.Hour {
		return at
	}
	day := t.start.Truncate(24 * time.Hour)
	if hours := day.AddDate(0, 0, -min(hourDays, opt.Days)); hours.Before(at) {
		at = hours
	}
	if i.Length() < 24*time.Hour {
		return at
	}
	if days := day.AddDate(0, 0, -opt.Days); days.Before(at) {
		at = days
	}
	return at
}

// startID is the number of the first trade after the start.
func (t *tape) startID() int64 { return 1e8 + int64(t.seed>>8%4e8) }

func (t *tape) size(rng *rand.Rand, mid float64) int64 {
	return t.p.sized(350 * math.Exp(1.4*rng.NormFloat64()))
}

// invent makes a bar of which no trades are kept.
func (t *tape) invent(rng *rand.Rand, at time.Time, length time.Duration, rate float64) (bar, bool) {
	many := rate * length.Seconds()
	n := int64(many + math.Sqrt(many)*rng.NormFloat64() + 0.5)
	if n <= 0 {
		return bar{}, false
	}
	b := bar{open: at, n: n}
	looks := 2 // into how many parts the prices at whose edges make the bar
	if length > time.Minute {
		looks = 24
	}
	for i := range looks + 1 {
		when := at.Add(time.Duration(i) * length / time.Duration(looks))
		if t.edge.px == 0 || !t.edge.at.Equal(when) { // a bar opens where the one before closed
			t.edge = trade{px: t.p.cents(t.p.mid(when)), at: when}
		}
		px := t.edge.px
		if i == 0 || n == 1 && i == 1 {
			b.o, b.h, b.l = px, px, px
		}
		if i == 0 || n > 1 {
			b.h, b.l, b.c = max(b.h, px), min(b.l, px), px
		}
	}
	for range min(n, 30) {
		q := t.size(rng, 0) * max(n/30, 1)
		b.vol += q
		b.quote = b.quote.plus(times((b.h+b.l)/2, q))
		if rng.IntN(2) == 0 {
			b.buy += q
			b.paid = b.paid.plus(times((b.h+b.l)/2, q))
		}
	}
	return b, true
}
