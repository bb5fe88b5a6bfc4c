package stream

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/book"
	"github.com/assayhq/assay/money"
)

// follower rebuilds a book from what it hears and compares it with the board's of
// the same number.
type follower struct {
	t      *testing.T
	name   string
	stage  *stage
	book   book.Book
	valid  bool
	seq    uint64
	number uint64 // the board's
	heard  int
	fresh  int // snapshots that made up for what was missed
}

func (f *follower) apply(e envelope) {
	f.heard++
	bad := func(format string, args ...any) {
		f.t.Helper()
		f.t.Fatalf("%s after %d messages at %d: %s\n%.600s", f.name, f.heard, f.seq, fmt.Sprintf(format, args...), e.text)
	}
	switch e.Type {
	case "snapshot":
		x := e.things(f.t)[0]
		f.book.Load(sided(x.Bids), sided(x.Asks))
		f.valid, f.number = true, x.BookSeq
		if e.Lost > 0 {
			f.fresh++
		}
		f.compare(bad)
	case "update":
		if !f.valid || e.First != f.seq+1 || e.Lost != 0 {
			bad("an update that does not follow")
		}
		for _, x := range e.things(f.t) {
			f.book.Apply(&market.BookUpdate{Bids: sided(x.Bids), Asks: sided(x.Asks)})
			f.number = x.BookSeq
			f.compare(bad)
		}
	case "invalid":
		f.valid = false
	default:
		bad("what is this?")
	}
	f.seq = e.Seq
}

func (f *follower) compare(bad func(string, ...any)) {
	f.stage.mu.Lock()
	want := f.stage.ladder("kraken", "BTC-USD").past[f.number]
	f.stage.mu.Unlock()
	bids, asks := f.book.Top(0, nil, nil)
	if got := show(bids, asks); got != want {
		bad("number %d\n got %s\nwant %s", f.number, got, want)
	}
}

func sided(in [][2]string) []market.Level {
	out := make([]market.Level, 0, len(in))
	for _, l := range in {
		out = append(out, market.Level{Price: money.MustPrice(l[0]), Qty: money.MustQty(l[1])})
	}
	return out
}

// follow plays one client: it joins late, now and then stalls, and now and then
// loses its connection and resumes.
func (h *house) follow(t *testing.T, f *follower, rng *rand.Rand, until time.Time) {
	time.Sleep(time.Duration(rng.IntN(3000)) * time.Millisecond)
	stalls := rng.IntN(2) == 0
	drops := rng.IntN(2) == 0
	for joined := false; ; joined = true {
		c := h.dial("good-" + f.name)
		from := ""
		if joined {
			from = fmt.Sprintf(`,"from_seq":%d`, f.seq)
		}
		c.say(`{"op":"subscribe","topics":[{"ch":"books","pair":"BTC-USD","venue":"kraken"` + from + `}]}`)
		for {
			if stalls && rng.IntN(20) == 0 && time.Now().Before(until) {
				time.Sleep(time.Duration(rng.IntN(1500)) * time.Millisecond)
			}
			e := c.hear()
			switch {
			case e.Op == "heartbeat": // nothing has happened for long: this is the end
				c.bye()
				return
			case e.Op == "":
				f.apply(e)
			}
			if drops && rng.IntN(60) == 0 && time.Now().Before(until) {
				c.bye()
				time.Sleep(time.Duration(rng.IntN(800)) * time.Millisecond)
				break
			}
		}
	}
}

// disturb makes one random thing happen to the book.
func (s *stage) disturb(rng *rand.Rand, depth int) {
	const v, p = market.VenueID("kraken"), market.Pair("BTC-USD")
	some := func(n, from, width int) []market.Level {
		var out []market.Level
		for range n {
			qty := rng.IntN(6) // 0 removes
			out = append(out, market.Level{Price: money.MustPrice(fmt.Sprint(from + rng.IntN(width))), Qty: money.MustQty(fmt.Sprint(qty))})
		}
		return out
	}
	snap := func() { s.update(v, p, true, depth, some(12, 80, 20), some(12, 100, 20)) }
	switch n := rng.IntN(100); {
	case n < 2:
		s.gap(v, p, false)
	case n < 5: // the order the feed publishes a snapshot and the end of its gap in
		snap()
		s.gap(v, p, true)
	case n < 6:
		snap()
	case n < 7: // a gap and its end in one frame, after the snapshot that ends it
		snap()
		s.announce(v, p, time.Time{})
		s.announce(v, p, time.Now())
	case n < 8:
		for range 700 { // more than a room's queue may hold
			s.update(v, p, false, depth, some(1, 80, 20), nil)
		}
	default:
		s.update(v, p, false, depth, some(rng.IntN(4), 80, 20), some(rng.IntN(4), 100, 20))
	}
}

// announce publishes a gap that does not change the book on the board.
func (s *stage) announce(v market.VenueID, p market.Pair, to time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.publish(market.Event{Channel: market.Books, Venue: v, Pair: p, Gap: &market.Gap{ID: "c", Venue: v, Pair: p, Channel: market.Books, Kind: market.BadChecksum, From: time.Now(), To: to}})
	s.note(v, p)
}

func TestEveryFollowersBookIsTheBoardsAtTheSameNumber(t *testing.T) {
	seeds := 10
	if testing.Short() {
		seeds = 4
	}
	fresh, heard, lost := 0, 0, int64(0)
	for seed := range seeds {
		rng := rand.New(rand.NewPCG(uint64(seed), 1))
		inside(t, Options{queue: []int{0, 4}[seed/2%2], Limits: Limits{QueueFrames: 3 + rng.IntN(10), RingFrames: 1 + rng.IntN(40)}}, func(t *testing.T, h *house) {
			depth := seed % 2 * 5
			until := time.Now().Add(15 * time.Second)
			var wg sync.WaitGroup
			var fs []*follower
			for i := range 6 {
				f := &follower{t: t, name: fmt.Sprintf("seed-%d-%d", seed, i), stage: h.stage}
				fs = append(fs, f)
				own := rand.New(rand.NewPCG(uint64(seed), uint64(i)+10))
				wg.Go(func() { h.follow(t, f, own, until) })
			}
			for time.Now().Before(until) {
				h.stage.disturb(rng, depth)
				time.Sleep(time.Duration(rng.IntN(40)) * time.Millisecond)
			}
			h.stage.update("kraken", "BTC-USD", true, depth, levels("99", "1"), levels("101", "2"))
			h.stage.update("kraken", "BTC-USD", false, depth, levels("99", "7"), nil)
			wg.Wait()
			h.stage.mu.Lock()
			end := h.stage.seqs[market.Topic{Channel: market.Books, Venue: "kraken", Pair: "BTC-USD"}]
			h.stage.mu.Unlock()
			for _, f := range fs {
				if !f.valid || f.number != end {
					t.Errorf("%s ends at %d (valid: %v), the board at %d", f.name, f.number, f.valid, end)
				}
				fresh += f.fresh
				heard += f.heard
			}
			lost += h.hub.Stats().BusLost
		})
		if t.Failed() {
			return
		}
	}
	t.Logf("%d messages compared; %d snapshots made up for missed ones; the bus lost %d events", heard, fresh, lost)
}
