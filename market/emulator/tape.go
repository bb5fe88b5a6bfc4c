package emulator

import (
	"math"
	"math/rand/v2"
	"sort"
	"time"

	"github.com/assayhq/assay/market"
)

// trade is one execution of a pit.
type trade struct {
	id      int64
	px, qty int64
	sell    bool // the taker sold
	at      time.Time
}

// bar is what traded in one interval.
type bar struct {
	open        time.Time
	o, h, l, c  int64
	vol, buy    int64 // base: all, and the part bought by takers
	quote, paid wide  // quote: the same two
	n           int64
	first, last int64 // trade ids
}

func (b *bar) add(t *trade) {
	if b.n == 0 {
		b.o, b.h, b.l, b.first = t.px, t.px, t.px, t.id
	}
	b.h, b.l, b.c, b.last = max(b.h, t.px), min(b.l, t.px), t.px, t.id
	b.n++
	b.vol += t.qty
	b.quote = b.quote.plus(times(t.px, t.qty))
	if !t.sell {
		b.buy += t.qty
		b.paid = b.paid.plus(times(t.px, t.qty))
	}
}

// join appends a later bar to b.
func (b *bar) join(x *bar) {
	if x.n == 0 {
		return
	}
	if b.n == 0 {
		open := b.open
		*b = *x
		b.open = open
		return
	}
	b.h, b.l, b.c, b.last = max(b.h, x.h), min(b.l, x.l), x.c, x.last
	b.n, b.vol, b.buy = b.n+x.n, b.vol+x.vol, b.buy+x.buy
	b.quote, b.paid = b.quote.plus(x.quote), b.paid.plus(x.paid)
}

// keepTrades is how many single trades a tape remembers.
const keepTrades = 40000

// tape is a pit's trades and its bars of one minute. The past before the venue's
// start is invented from the seed when first asked for.
type tape struct {
	p      *pit
	seed   uint64
	start  time.Time
	next   int64
	trades []trade
	bars   []bar // minutes in which something traded, oldest first
	made   bool
}

func newTape(p *pit, seed uint64, start time.Time) tape {
	return tape{p: p, seed: seed, start: start, next: 1e8 + int64(seed>>8%4e8)}
}

// print numbers a trade and writes it down.
func (t *tape) print(x *trade) {
	x.id = t.next
	t.next++
	t.write(x)
	if len(t.trades) > 2*keepTrades {
		t.trades = append(t.trades[:0:0], t.trades[len(t.trades)-keepTrades:]...)
	}
}

func (t *tape) write(x *trade) {
	t.trades = append(t.trades, *x)
	open := x.at.Truncate(time.Minute)
	if n := len(t.bars); n == 0 || !t.bars[n-1].open.Equal(open) {
		t.bars = append(t.bars, bar{open: open})
	}
	t.bars[len(t.bars)-1].add(x)
}

// past invents what was before the start, once: single trades for the last Tape, and
// bars without trades before that.
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
	for at := t.start.Add(-opt.History).Truncate(time.Minute); at.Before(cut); at = at.Add(time.Minute) {
		if b, ok := t.invent(rng, at, rate); ok {
			t.bars = append(t.bars, b)
		}
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

// startID is the number of the first trade after the start.
func (t *tape) startID() int64 { return 1e8 + int64(t.seed>>8%4e8) }

func (t *tape) size(rng *rand.Rand, mid float64) int64 {
	base := 350 * math.Exp(1.4*rng.NormFloat64()) / natureOf(t.p.pair.Base()).usd
	return max(int64(base*math.Pow10(t.p.qd)), 1)
}

// invent makes a bar of which no trades are kept.
func (t *tape) invent(rng *rand.Rand, at time.Time, rate float64) (bar, bool) {
	n := int64(rate*60 + math.Sqrt(rate*60)*rng.NormFloat64() + 0.5)
	if n <= 0 {
		return bar{}, false
	}
	b := bar{open: at, n: n}
	for i := range 4 {
		px := t.p.cents(t.p.mid(at.Add(time.Duration(i) * 20 * time.Second)))
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

// since gives the kept trades with id at or above from, oldest first.
func (t *tape) since(from int64) []trade {
	t.past()
	i := sort.Search(len(t.trades), func(i int) bool { return t.trades[i].id >= from })
	return t.trades[i:]
}

// from gives the kept trades at or after a time, oldest first.
func (t *tape) from(at time.Time) []trade {
	t.past()
	i := sort.Search(len(t.trades), func(i int) bool { return !t.trades[i].at.Before(at) })
	return t.trades[i:]
}

// recent gives the last n trades, oldest first.
func (t *tape) recent(n int) []trade {
	t.past()
	return t.trades[max(0, len(t.trades)-n):]
}

// spans adds the bars from..to (by open time, both inclusive) up to intervals that
// start as starts says. With pad, intervals without a trade repeat the last close.
func (t *tape) spans(i market.Interval, shift time.Duration, from, to time.Time, pad bool) []bar {
	t.past()
	start := func(at time.Time) time.Time { return i.Start(at.Add(shift)).Add(-shift) }
	next := func(at time.Time) time.Time { return i.Next(at.Add(shift)).Add(-shift) }
	if i.Length() < time.Minute {
		return t.fine(i, from, to, pad)
	}
	k := sort.Search(len(t.bars), func(k int) bool { return !t.bars[k].open.Before(start(from)) })
	var out []bar
	for ; k < len(t.bars); k++ {
		b := &t.bars[k]
		open := start(b.open)
		if open.After(to) {
			break
		}
		if n := len(out); n == 0 || !out[n-1].open.Equal(open) {
			for pad && n > 0 && next(out[n-1].open).Before(open) {
				out = append(out, empty(&out[n-1], next(out[n-1].open)))
				n++
			}
			out = append(out, bar{open: open})
		}
		out[len(out)-1].join(b)
	}
	for len(out) > 0 && out[0].open.Before(from) {
		out = out[1:]
	}
	return out
}

// fine is spans for intervals below a minute, from single trades.
func (t *tape) fine(i market.Interval, from, to time.Time, pad bool) []bar {
	var out []bar
	for _, x := range t.from(from) {
		open := i.Start(x.at)
		if open.After(to) {
			break
		}
		if n := len(out); n == 0 || !out[n-1].open.Equal(open) {
			for pad && n > 0 && i.Next(out[n-1].open).Before(open) {
				out = append(out, empty(&out[n-1], i.Next(out[n-1].open)))
				n++
			}
			out = append(out, bar{open: open})
		}
		out[len(out)-1].add(&x)
	}
	return out
}

func empty(before *bar, open time.Time) bar {
	return bar{open: open, o: before.c, h: before.c, l: before.c, c: before.c, first: -1, last: -1}
}

// current is the running bar of an interval; false when nothing traded in it yet.
func (t *tape) current(i market.Interval, shift time.Duration, at time.Time) (bar, bool) {
	open := i.Start(at.Add(shift)).Add(-shift)
	bars := t.spans(i, shift, open, at, false)
	if len(bars) == 0 {
		return bar{}, false
	}
	return bars[len(bars)-1], true
}

// day is the last 24 hours as one bar.
func (t *tape) day(at time.Time) bar {
	t.past()
	from := at.Add(-24 * time.Hour)
	k := sort.Search(len(t.bars), func(k int) bool { return t.bars[k].open.After(from) })
	b := bar{open: from}
	for ; k < len(t.bars); k++ {
		b.join(&t.bars[k])
	}
	return b
}

// lastTrade is the newest trade.
func (t *tape) lastTrade() trade {
	t.past()
	if len(t.trades) == 0 {
		return trade{px: t.p.cents(t.p.mid(t.start)), qty: 1, at: t.start}
	}
	return t.trades[len(t.trades)-1]
}
