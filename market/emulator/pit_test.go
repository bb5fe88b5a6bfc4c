package emulator

import (
	"testing"
	"testing/synctest"
	"time"
)

// Over many seeds and all venues a book is never crossed, keeps levels on both sides
// and no level without size; a trade happens at the best price of its moment and takes
// its size from there.
func TestPitInvariants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for seed := range uint64(6) {
			for _, id := range IDs() {
				v, err := New(id, NewWorld(seed, WorldOptions{Depth: 40, Volatility: 1 + float64(seed)*2}), Options{})
				if err != nil {
					t.Fatal(err)
				}
				for _, p := range v.pits {
					at := v.start
					for range 400 {
						before := p.book.top(0)
						at = at.Add(p.wait(at))
						e := p.step(at)
						checkEvent(t, p, &before, e)
					}
				}
			}
		}
	})
}

func checkEvent(t *testing.T, p *pit, before *ladder, e *event) {
	t.Helper()
	if len(p.book.bids) == 0 || len(p.book.asks) == 0 || p.book.bids[0].px >= p.book.asks[0].px {
		t.Fatalf("%s %s: crossed or empty: %v %v", p.v.id, p.symbol, first(p.book.bids, 1), first(p.book.asks, 1))
	}
	for _, side := range [][]rung{p.book.bids, p.book.asks} {
		for _, r := range side {
			if r.qty <= 0 || r.px <= 0 || r.px%p.tick != 0 {
				t.Fatalf("%s %s: level %v", p.v.id, p.symbol, r)
			}
		}
	}
	for i := range e.trades {
		x := &e.trades[i]
		side := before.asks
		if x.sell {
			side = before.bids
		}
		if side[i].px != x.px || x.qty > side[i].qty || i < len(e.trades)-1 && x.qty != side[i].qty {
			t.Fatalf("%s %s: trade %d of %v at %v, the book had %v", p.v.id, p.symbol, i, x.qty, x.px, side[i])
		}
		if c := e.changes[i]; c.px != x.px || c.qty != side[i].qty-x.qty {
			t.Fatalf("%s %s: the level became %v", p.v.id, p.symbol, c)
		}
	}
}

// Bars of every length add up to the trades they cover.
func TestBarsAddUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, _ := New("kraken", NewWorld(9, WorldOptions{History: 2 * time.Hour}), Options{})
		p := v.pits[0]
		for at := v.start; at.Before(v.start.Add(20 * time.Minute)); at = at.Add(p.wait(at)) {
			p.step(at)
		}
		end := v.start.Add(20 * time.Minute)
		from := v.start.Add(-30 * time.Minute)
		var vol, n int64
		for _, x := range p.tape.from(from) {
			vol, n = vol+x.qty, n+1
		}
		if n == 0 {
			t.Fatal("no trades")
		}
		for _, minutes := range []int{1, 5, 15} {
			var bvol, bn int64
			for _, b := range p.tape.spans(krakenInterval(minutes), 0, from, end, true) {
				bvol, bn = bvol+b.vol, bn+b.n
			}
			if bvol != vol || bn != n {
				t.Errorf("%d minutes: %d trades of %d, bars say %d of %d", minutes, n, vol, bn, bvol)
			}
		}
		if day := p.tape.day(end); day.n < n || day.h < day.l {
			t.Errorf("day %+v", day)
		}
	})
}

// Truth remembers the last thousands of books and says so when it does not know.
func TestTruthIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, _ := New("binance", NewWorld(9, WorldOptions{Depth: 20}), Options{Pairs: onlyBTC})
		p := v.pits[0]
		type point struct {
			seq  uint64
			at   time.Time
			book ladder
		}
		var points []point
		for at := v.start; p.version < 23000; at = at.Add(time.Millisecond) {
			p.step(at)
			if p.version%97 == 0 {
				p.truth.mark(p.updates)
				points = append(points, point{p.updates, p.last, p.book.top(0)})
			}
		}
		known := 0
		for _, x := range points {
			bids, asks, ok := v.Truth("BTCUSDT").At(x.seq)
			if !ok {
				if known > 0 {
					t.Fatal("forgot a newer one before an older one")
				}
				continue
			}
			known++
			b2, a2, _ := v.Truth("BTCUSDT").AtTime(x.at)
			if len(bids) != len(x.book.bids) || len(asks) != len(x.book.asks) || len(b2) != len(bids) || len(a2) != len(asks) {
				t.Fatalf("at %d another book", x.seq)
			}
			for i, l := range bids {
				if l != p.levels(x.book.bids)[i] || l != b2[i] {
					t.Fatalf("at %d level %d is %v", x.seq, i, l)
				}
			}
		}
		if known < 50 || known == len(points) {
			t.Fatalf("%d of %d points known", known, len(points))
		}
	})
}
