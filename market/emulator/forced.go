package emulator

import "time"

// forced is an order by which the venue closes a position that has lost its margin.
type forced struct {
	px, qty int64
	sell    bool // it closes a long position
	at      time.Time
}

// forcedIn gives the order of a second, if there was one: about one in forty has it.
// It follows from the seed and the time, and stands a little off the price, on the side
// that hurt.
func (p *pit) forcedIn(second time.Time) (forced, bool) {
	n := mix(p.v.world.seed, label(string(p.v.id)+string(p.pair)), uint64(second.Unix()))
	if n%40 != 0 {
		return forced{}, false
	}
	f := forced{qty: 1 + int64(n>>8%500), sell: n>>20%2 == 0, at: second.Add(time.Duration(n>>24%1000) * time.Millisecond)}
	off := 1.002
	if f.sell {
		off = 0.998
	}
	f.px = p.cents(p.mid(second) * off)
	return f, true
}
