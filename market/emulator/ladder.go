package emulator

import "sort"

// rung is one price of a ladder and the size resting there, in whole units of the
// listing's last decimals.
type rung struct{ px, qty int64 }

// ladder is a book: best first on both sides, no price twice, no size of zero.
type ladder struct{ bids, asks []rung }

// change is a rung that became something else; qty 0 says that it went.
type change struct {
	ask     bool
	px, qty int64
}

func place(side []rung, px int64, ask bool) (int, bool) {
	i := sort.Search(len(side), func(i int) bool {
		if ask {
			return side[i].px >= px
		}
		return side[i].px <= px
	})
	return i, i < len(side) && side[i].px == px
}

func set(side []rung, px, qty int64, ask bool) []rung {
	i, there := place(side, px, ask)
	switch {
	case there && qty == 0:
		return append(side[:i], side[i+1:]...)
	case there:
		side[i].qty = qty
	case qty != 0:
		side = append(side, rung{})
		copy(side[i+1:], side[i:])
		side[i] = rung{px, qty}
	}
	return side
}

// apply does one change.
func (l *ladder) apply(c change) {
	if c.ask {
		l.asks = set(l.asks, c.px, c.qty, true)
	} else {
		l.bids = set(l.bids, c.px, c.qty, false)
	}
}

// size is what rests at a price.
func (l *ladder) size(px int64, ask bool) int64 {
	side := l.bids
	if ask {
		side = l.asks
	}
	if i, ok := place(side, px, ask); ok {
		return side[i].qty
	}
	return 0
}

// top copies the best n rungs of each side; n 0 copies all.
func (l *ladder) top(n int) ladder {
	return ladder{append([]rung(nil), first(l.bids, n)...), append([]rung(nil), first(l.asks, n)...)}
}

func first(side []rung, n int) []rung {
	if n > 0 && len(side) > n {
		return side[:n]
	}
	return side
}

// diff lists what turns old into now, in the ladder's order.
func diff(old, now []rung, ask bool) []rung {
	var out []rung
	i, j := 0, 0
	for i < len(old) || j < len(now) {
		switch {
		case i < len(old) && j < len(now) && old[i].px == now[j].px:
			if old[i].qty != now[j].qty {
				out = append(out, now[j])
			}
			i, j = i+1, j+1
		case j == len(now) || i < len(old) && (old[i].px < now[j].px) == ask:
			out = append(out, rung{old[i].px, 0})
			i++
		default:
			out = append(out, now[j])
			j++
		}
	}
	return out
}
