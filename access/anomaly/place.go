package anomaly

import (
	"math"
	"net/netip"
	"time"
)

// suspect is the newest place that a key was used from, while it is looked at.
type suspect struct {
	near    uint64
	began   int64
	network float64 // surprises, -log10 of the chance
	agent   float64
	door    float64 // new endpoint classes, all together
	pace    float64 // how much more than usual is done there, minutes added up as by cusum
	turns   int     // how often the key changed between this place and a known one
	here    bool    // the last use was from this place
	told    bool
	prefix  netip.Prefix // of its first use, as are:
	client  string
	first   string
}

// Bounds of the theft rule. The sum is read as decimal orders: 3 is once in 1000
// visits if the parts were independent, which they are not quite.
const (
	watchFor  = 30 * 60 // seconds a new place is looked at
	beside    = 5 * 60  // seconds in which two places are "at the same time"
	theft     = 3.2
	allowed   = 0.8 // deviations above the usual that a minute at a new place may have
	paced     = 0.4 // decimal orders for each further one, at most 2 in all
	steadfast = 1.9 // surprise of a network that is enough when the usual place goes on working
)

// place judges where and how a use comes from.
func (w *Watch) place(s *state, u *Use) {
	sec := u.At.Unix()
	hour := int32(sec / 3600)
	grown, enough := w.grown(s, sec), s.near.n >= 4
	near := s.near.visit(s.hNear, hour, maxNear)
	wide := s.wide.visit(s.hWide, hour, maxWide)
	agent := s.agents.visit(s.hAgent, hour, maxAgents)
	door := s.endpoints.visit(s.hEndpoint, hour, maxEndpoints)
	network := 0.4 * near
	if wide > 0 {
		network = min(max(near, wide), 3)
	}
	s.surprise[0] = max(s.surprise[0], float32(network))
	s.surprise[1] = max(s.surprise[1], float32(agent))
	s.surprise[2] = max(s.surprise[2], float32(door))
	if w.o.Site != nil {
		w.sites(s, u, near)
	}

	p := &s.suspect
	if near > 0 {
		s.hourNew++
		*p = suspect{near: s.hNear, began: sec, network: network, prefix: u.Prefix, client: u.Agent, first: u.Endpoint}
		w.shared(s, u)
	}
	if p.near == 0 || sec-p.began > watchFor {
		return
	}
	if here := p.near == s.hNear; here != p.here {
		p.here = here
		if sec-s.last <= beside {
			p.turns++
		}
	}
	if p.here {
		p.agent = max(p.agent, min(agent, 3))
		p.door = min(p.door+min(door, 2.5), 3)
	}
	if p.told || !grown {
		return
	}
	sum := p.network + p.agent + p.door
	if p.turns > 1 { // one change is somebody who moves; to come back is to be at two places
		sum += 0.7
	}
	pace := min(paced*p.pace, 2)
	sum += pace
	if s.away(howOf(hour)) {
		sum += 0.7
	}
	// A job that ran twice gives chances little to count with; but when place, client,
	// purpose and hour are all others than twice before, it is not that job.
	whole := s.near.n > 1.3 && p.network >= 0.5 && p.agent >= 0.5 && p.door >= 0.5 && s.away(howOf(hour))
	if !whole && !(enough && (sum >= theft || p.network >= steadfast && p.turns >= 2)) {
		return
	}
	p.told = true
	a := Alert{
		At: u.At, Class: ClassStolen, Key: s.key, Ring: s.ring, Severity: High, Score: saturate(sum / theft), Proposed: Suspend,
		Evidence: []string{p.prefix.String(), p.client, p.first},
	}
	add := func(f string, v, usual float64, why string) {
		if v > 0.5 {
			a.Reasons = append(a.Reasons, Reason{f, v, usual, why})
		}
	}
	add("network", p.network, -math.Log10(s.wide.expected()), "the key was never used from this network; the figure is -log10 of the chance")
	add("agent", p.agent, -math.Log10(s.agents.expected()), "nor by such a client")
	add("endpoint class", p.door, -math.Log10(s.endpoints.expected()), "nor for this")
	add("two places at once", float64(p.turns/2), 0, "it is used from its usual place at the same time")
	add("pace", pace, 0, "more is done there than the key usually does at this hour")
	if s.away(howOf(hour)) {
		add("hour of the week", 1, 0, "it never works at this hour")
	}
	w.raise(&s.incident, a)
}

// shared finds many new places within an hour.
func (w *Watch) shared(s *state, u *Use) {
	if n := float64(s.hourNew); n >= 6 && n > 2*s.peakNew+2 && w.grown(s, u.At.Unix()) {
		w.raise(&s.incident, Alert{
			At: u.At, Class: ClassShared, Key: s.key, Ring: s.ring, Severity: High, Score: saturate(n / (2*s.peakNew + 2)), Proposed: Pin,
			Reasons:  []Reason{{"new networks in an hour", n, s.peakNew, "more new places than it ever had in an hour: it was handed round"}},
			Evidence: []string{u.Prefix.String(), u.Agent},
		})
	}
}

// sites finds a key at two allow-listed sites at a time. A key that did so while it
// was learnt from is deployed so.
func (w *Watch) sites(s *state, u *Use, near float64) {
	if near == 0 && len(s.near.set) == 1 && s.site != "" {
		s.siteAt = u.At.Unix()
		return
	}
	site := w.o.Site(s.key, u.Prefix)
	if site == "" {
		return
	}
	now := u.At.Unix()
	if s.site != "" && site != s.site && now-s.siteAt <= beside && !s.multi {
		if !w.grown(s, now) {
			s.multi = true
		} else {
			w.raise(&s.incident, Alert{
				At: u.At, Class: ClassSites, Key: s.key, Ring: s.ring, Severity: High, Score: 1, Proposed: Pin,
				Reasons:  []Reason{{"sites at once", 2, 1, "it is used from two of its allow-listed sites within five minutes, which it never was"}},
				Evidence: []string{s.site, site, u.Prefix.String()},
			})
		}
	}
	s.site, s.siteAt = site, now
}

// probe counts denials of ten minutes by what was denied.
type probe struct {
	began int64
	n     int
	doors [6]uint64
	kinds int
}

func (w *Watch) probe(s *state, u *Use) {
	p, sec := &s.probing, u.At.Unix()
	if sec-p.began > 600 {
		*p = probe{began: sec}
	}
	p.n++
	known := false
	for _, d := range p.doors[:p.kinds] {
		known = known || d == s.hEndpoint
	}
	if !known && p.kinds < len(p.doors) {
		p.doors[p.kinds] = s.hEndpoint
		p.kinds++
	}
	// One or two closed doors are a client that lacks a scope; trying several is a
	// search. That needs no past, so it does not wait until the key is grown.
	if p.kinds >= 4 && p.n >= 6 {
		w.raise(&s.incident, Alert{
			At: u.At, Class: ClassProbing, Key: s.key, Ring: s.ring, Severity: Medium, Score: saturate(float64(p.kinds) / 3), Proposed: Halve,
			Reasons: []Reason{
				{"kinds of endpoints denied", float64(p.kinds), 1, "different doors tried within ten minutes"},
				{"denials", float64(p.n), 600 * float64(s.badly) * s.peak / 60, "within " + (time.Duration(sec-p.began) * time.Second).String()},
			},
			Evidence: []string{u.Prefix.String(), u.Agent, u.Endpoint, u.Denied},
		})
	}
}
