package emulator

import (
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
	edge   trade // while inventing: the price at the edge of two bars
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
	open := x.at.Add(t.p.v.opt.Skew).Truncate(time.Minute) // a venue's bars follow its own clock
	if n := len(t.bars); n == 0 || !t.bars[n-1].open.Equal(open) {
		t.bars = append(t.bars, bar{open: open})
	}
	t.bars[len(t.bars)-1].add(x)
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
	if first := t.reach(i); t.p.v.world.opt.Days > 0 && from.Before(first) {
		from = first // coarser bars before it are not of this interval
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
