package emulator

import (
	"sort"
	"sync"
	"time"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

// Truth is the venue's own memory of one book: what it was after each recent event.
// It may be asked from any goroutine while the market moves.
type Truth struct {
	mu   sync.Mutex
	p    *pit
	past []version // oldest first, at most twice keepVersions
	base []keyframe
	seqs map[uint64]int // a number on the wire → index of the version, plus gone
	gone int            // versions forgotten
}

type version struct {
	at      time.Time
	changes []change
}

// keyframe is a whole book, so that few changes need to be replayed.
type keyframe struct {
	index int // counted with the forgotten ones
	book  ladder
}

const (
	keepVersions = 5000
	keyEvery     = 200
)

func newTruth(p *pit) *Truth { return &Truth{p: p, seqs: map[uint64]int{}} }

// record notes the book after an event.
func (t *Truth) record(at time.Time, changes []change) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.past = append(t.past, version{at, changes})
	i := t.gone + len(t.past) - 1
	if i%keyEvery == 0 {
		t.base = append(t.base, keyframe{i, t.p.book.top(0)})
	}
	if len(t.past) >= 2*keepVersions {
		t.forget()
	}
}

func (t *Truth) forget() {
	t.gone += keepVersions
	t.past = append(t.past[:0:0], t.past[keepVersions:]...)
	for len(t.base) > 1 && t.base[1].index <= t.gone {
		t.base = t.base[1:]
	}
	for s, i := range t.seqs {
		if i < t.gone {
			delete(t.seqs, s)
		}
	}
}

// mark says that a number on the wire means the book as it is now.
func (t *Truth) mark(seq uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seqs[seq] = t.gone + len(t.past) - 1
}

// At is the book the venue had when it sent seq: lastUpdateId or u on Binance, seqId
// on OKX, u on Bybit. Levels are best first and complete; a feed of depth n shows the
// first n. ok is false for numbers never sent or too long ago. Venues without such
// numbers (Coinbase, Kraken, Bitstamp) are asked by AtTime.
func (t *Truth) At(seq uint64) (bids, asks []market.Level, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	i, ok := t.seqs[seq]
	if !ok {
		return nil, nil, false
	}
	return t.levels(i)
}

// AtTime is the book at a time as the venue's messages state it (the venue's clock,
// skew included): after the last event not later than at.
func (t *Truth) AtTime(at time.Time) (bids, asks []market.Level, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at = at.Add(-t.p.v.opt.Skew)
	i := sort.Search(len(t.past), func(i int) bool { return t.past[i].at.After(at) })
	if i == 0 {
		return nil, nil, false
	}
	return t.levels(t.gone + i - 1)
}

// Now is the book at this moment.
func (t *Truth) Now() (bids, asks []market.Level) {
	t.mu.Lock()
	defer t.mu.Unlock()
	bids, asks, _ = t.levels(t.gone + len(t.past) - 1)
	return bids, asks
}

// ladderAt replays the book of a version; the caller holds mu.
func (t *Truth) ladderAt(index int) (ladder, bool) {
	k := sort.Search(len(t.base), func(k int) bool { return t.base[k].index > index }) - 1
	if k < 0 || index < t.gone {
		return ladder{}, false
	}
	book := t.base[k].book.top(0)
	for i := t.base[k].index + 1; i <= index; i++ {
		if i < t.gone {
			return ladder{}, false
		}
		for _, c := range t.past[i-t.gone].changes {
			book.apply(c)
		}
	}
	return book, true
}

func (t *Truth) levels(index int) (bids, asks []market.Level, ok bool) {
	book, ok := t.ladderAt(index)
	if !ok {
		return nil, nil, false
	}
	return t.p.levels(book.bids), t.p.levels(book.asks), true
}

// before gives the book as it was some time ago, and the update number it had.
func (t *Truth) before(at time.Time) (book ladder, updates uint64, when time.Time, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := max(sort.Search(len(t.past), func(i int) bool { return t.past[i].at.After(at) })-1, 0)
	book, ok = t.ladderAt(t.gone + i)
	updates = t.p.updates
	for _, v := range t.past[i+1:] {
		updates -= uint64(len(v.changes))
	}
	return book, updates, t.past[i].at, ok
}

func (l *listing) levels(side []rung) []market.Level {
	out := make([]market.Level, len(side))
	for i, r := range side {
		out[i] = market.Level{Price: money.Price{Decimal: money.MustNew(r.px, l.pd)}, Qty: money.Qty{Decimal: money.MustNew(r.qty, l.qd)}}
	}
	return out
}

// Trades gives the venue's kept trades of a symbol, oldest first, with the ids single
// trades have on its wire (Binance aggregates are 40,000,000 lower).
func (v *Venue) Trades(symbol string) []market.Trade {
	v.mu.Lock()
	defer v.mu.Unlock()
	p := v.symbols[symbol]
	if p == nil {
		return nil
	}
	var out []market.Trade
	for _, t := range p.tape.since(0) {
		side := market.Buy
		if t.sell {
			side = market.Sell
		}
		id := itoa(t.id)
		if v.rules.tradeID != nil {
			id = v.rules.tradeID(p, t.id)
		}
		out = append(out, market.Trade{Venue: v.id, Pair: p.pair, Symbol: symbol, ID: id, Price: money.Price{Decimal: money.MustNew(t.px, p.pd)},
			Qty: money.Qty{Decimal: money.MustNew(t.qty, p.qd)}, Side: side, At: v.stamp(t.at)})
	}
	return out
}

// Candles gives the venue's own bars of a symbol that open in [from, to) and have a
// trade, oldest first. Volume counts what the venue counts.
func (v *Venue) Candles(symbol string, i market.Interval, from, to time.Time) []market.Candle {
	v.mu.Lock()
	defer v.mu.Unlock()
	p := v.symbols[symbol]
	if p == nil {
		return nil
	}
	price := func(x int64) money.Price { return money.Price{Decimal: money.MustNew(x, p.pd)} }
	var out []market.Candle
	for _, b := range p.tape.spans(i, 0, from, to.Add(-1), false) {
		if b.n > 0 {
			out = append(out, market.Candle{Venue: v.id, Pair: p.pair, Interval: i, Open: b.open, O: price(b.o), H: price(b.h), L: price(b.l), C: price(b.c),
				Volume: money.Qty{Decimal: money.MustNew(b.vol, p.qd)}, Trades: b.n})
		}
	}
	return out
}
