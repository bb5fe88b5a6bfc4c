package anomaly

import (
	"slices"
	"time"
)

// ring is what is remembered of a ring: who succeeded with its keys, and how far a
// roll-over has come.
type ring struct {
	id       string
	prints   []fingerprint // most recent first, at most maxPrints
	incident incident

	roll     Rollover
	old, new int32   // uses in the open hour
	share    float64 // of the newer key
	measured bool
	hour     int32
	short    cusum // how far the share lags behind what the date needs
}

const maxPrints = 32

// fingerprint is a client: network and agent.
type fingerprint struct {
	hash    uint64
	seen    int64 // last success, Unix seconds, to the hour
	name    string
	since   int64 // of the refusals counted
	refused int
	old     bool // its last success was with the older key
}

// known gives the fingerprint if it has succeeded within 25 hours: a day, and the
// hour to which successes are kept.
func (g *ring) known(h uint64, sec int64) *fingerprint {
	for i := range g.prints {
		if f := &g.prints[i]; f.hash == h && sec-f.seen <= 25*3600 {
			return f
		}
	}
	return nil
}

// Begin tells of a rotation, so that its progress is watched until its date.
func (w *Watch) Begin(r Rollover) {
	g, _ := w.rings.at(r.Ring)
	g.id, g.roll, g.share, g.measured, g.short = r.Ring, r, 0, false, 0
	if !slices.Contains(w.rolls, g) {
		w.rolls = append(w.rolls, g)
	}
}

// End tells that a rotation is over, done or undone.
func (w *Watch) End(id string) {
	w.rolls = slices.DeleteFunc(w.rolls, func(g *ring) bool { return g.id == id })
}

// progress notes a success in the ring, once an hour for each client.
func (w *Watch) progress(s *state, u *Use) {
	if u.Ring == "" || u.Status >= 400 {
		return
	}
	hour := int32(u.At.Unix() / 3600)
	if len(w.rolls) > 0 {
		if g := w.rings.get(u.Ring); g != nil && !g.roll.Deadline.IsZero() {
			if u.Successor {
				g.new++
			} else {
				g.old++
			}
		}
	}
	h := s.hNear ^ s.hAgent
	if h == s.print && hour == s.printHour {
		return
	}
	s.print, s.printHour = h, hour
	g, _ := w.rings.at(u.Ring)
	g.id = u.Ring
	for i := range g.prints {
		if g.prints[i].hash == h {
			f := g.prints[i]
			f.seen, f.old = u.At.Unix(), !u.Successor
			copy(g.prints[1:i+1], g.prints[:i])
			g.prints[0] = f
			return
		}
	}
	if len(g.prints) < maxPrints {
		g.prints = append(g.prints, fingerprint{})
	}
	copy(g.prints[1:], g.prints)
	g.prints[0] = fingerprint{hash: h, seen: u.At.Unix(), name: u.Prefix.String() + " " + u.Agent, old: !u.Successor}
}

// stalls looks once an hour whether the newer key's share grows as fast as the date
// needs. The shortfall adds up; clients that move in steps make it up again.
func (w *Watch) stalls(now time.Time) {
	hour := int32(now.Unix() / 3600)
	keep := w.rolls[:0]
	for _, g := range w.rolls {
		if now.After(g.roll.Deadline) {
			g.roll = Rollover{}
			continue
		}
		keep = append(keep, g)
		if g.hour == hour {
			continue
		}
		g.hour = hour
		n := g.old + g.new
		if n == 0 {
			continue
		}
		share := float64(g.new) / float64(n)
		g.old, g.new = 0, 0
		if !g.measured {
			g.measured, g.share = true, share
			continue
		}
		left := g.roll.Deadline.Sub(now)
		need := (1 - g.share) / max(1, left.Hours())
		gain := share - g.share
		g.share += (share - g.share) / 6
		lag := g.short.add(need-gain/6, 0)
		whole := g.roll.Deadline.Sub(g.roll.Began)
		if g.share < 0.95 && lag > 0.2 && left < whole/2 {
			a := Alert{
				At: now, Class: ClassRollover, Ring: g.id, Severity: Medium, Score: saturate(lag / 0.2), Proposed: Notify,
				Reasons: []Reason{
					{"share of the newer key", g.share, 1 - left.Hours()/whole.Hours(), "it stopped growing while the date of the older key comes near"},
					{"hours left", left.Hours(), whole.Hours(), "until the older key is refused"},
				},
			}
			if left < whole/10 {
				a.Severity = High
			}
			for _, f := range g.prints {
				if f.old {
					a.Evidence = append(a.Evidence, f.name)
				}
			}
			w.raise(&g.incident, a)
		}
	}
	clear(w.rolls[len(keep):])
	w.rolls = keep
}
