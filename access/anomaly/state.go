package anomaly

import (
	"math"
	"net/netip"
	"slices"
	"time"
)

// What a key's sets remember at most. With two seasons of 1.3 KB each, a key takes
// about 7 KB when everything is full.
const (
	maxNear, maxWide, maxAgents, maxEndpoints = 48, 32, 16, 32
)

// state is what is remembered of one key.
type state struct {
	key, ring   string
	first, last int64 // Unix seconds
	incident    incident
	quiet       incident // of notes, which must not hide what is graver

	near, wide, agents, endpoints novelty
	rate                          season // log of requests in an active minute
	volume                        season // log of bytes in an active hour

	// The minute that is open.
	minute         int32
	n, bad, denied int32
	bytes          int64
	mixed          [8]struct { // endpoint classes of the minute, for its entropy
		hash uint64
		n    int32
	}
	gap, gap2    float64 // sums of gaps between requests, and of their squares
	surprise     [3]float32
	lastPrefix   netip.Prefix
	lastAgent    string
	lastEndpoint string
	hNear, hWide uint64
	hAgent       uint64
	hEndpoint    uint64

	// The hour that is open.
	hour      int32
	hourN     int32
	hourBytes int64
	hourNew   int32 // new prefixes in it
	per       [60]float32
	perN      int32

	peak    float64 // most requests in a minute, fading by half in 14 days
	peakNew float64 // most new prefixes in an hour, likewise
	hot     int     // minutes on end that were far above the peak
	odd     int     // minutes that the trees found odd, lately
	entropy float32 // usual
	usualCV float32
	badly   float32 // usual share of refused answers
	exfil   cusum
	fail    cusum

	probing probe
	suspect suspect

	site   string
	siteAt int64
	multi  bool // it works from several sites as a rule

	print     uint64 // fingerprint that was told to the ring last
	printHour int32
}

// count adds a use to the open minute and hour.
func (s *state) count(seed uint64, u *Use, sec int64) {
	if s.n > 0 {
		g := float64(max(0, sec-s.last))
		s.gap += g
		s.gap2 += g * g
	}
	s.n++
	s.bytes += max(0, u.Bytes)
	s.hourN++
	s.hourBytes += max(0, u.Bytes)
	if u.Status == 401 || u.Status == 403 || u.Status == 429 {
		s.bad++
	}
	if u.Denied != "" {
		s.denied++
	}
	if u.Prefix != s.lastPrefix {
		s.lastPrefix = u.Prefix
		s.hNear, s.hWide = places(seed, u.Prefix)
	}
	if u.Agent != s.lastAgent || s.hAgent == 0 {
		s.lastAgent, s.hAgent = u.Agent, hash(seed, u.Agent)
	}
	if u.Endpoint != s.lastEndpoint || s.hEndpoint == 0 {
		s.lastEndpoint, s.hEndpoint = u.Endpoint, hash(seed, u.Endpoint)
	}
	for i := range s.mixed {
		if m := &s.mixed[i]; m.n == 0 || m.hash == s.hEndpoint || i == len(s.mixed)-1 {
			m.hash = s.hEndpoint
			m.n++
			break
		}
	}
}

// grown says that the key has been learnt from long enough for statistics.
func (w *Watch) grown(s *state, sec int64) bool {
	return sec-s.first >= int64(w.o.Learn/time.Second)
}

// howOf gives the hour of the week of an hour since 1970, which began on a Thursday.
func howOf(hour int32) int { return int(hour % 168) }

// The features of a minute, in the order of the trees' dimensions.
const (
	fRate = iota
	fBytes
	fBad
	fDenied
	fNetwork
	fAgent
	fEndpoint
	fEntropy
	fSpacing
	fHour
	features
)

func squash(z float64) float32 { return float32(0.5 + math.Atan(z/3)/math.Pi) }

// closeMinute judges what a key did in the minute that is over.
func (w *Watch) closeMinute(s *state) {
	if s.n == 0 {
		return
	}
	at := time.Unix(int64(s.minute)*60+60, 0).UTC()
	how := howOf(s.minute / 60)
	n := float64(s.n)
	x := math.Log1p(n)
	const floor = 0.35
	z, usual := s.rate.z(how, x, floor)
	if p := &s.suspect; p.here && !math.IsInf(z, 0) {
		p.pace = max(0, p.pace+min(z, 3)-allowed)
	}
	share := float64(s.bad) / n
	h := s.mixture()
	cv := 0.0
	if s.n > 2 {
		m := s.gap / (n - 1)
		cv = math.Sqrt(max(0, s.gap2/(n-1)-m*m)) / max(m, 0.1)
	}
	perBytes := 0.0
	if s.volume.n > 24 && s.volume.day > 0 {
		perBytes = (math.Log1p(float64(s.bytes)*60) - float64(s.volume.day)) / 2
	}
	away := float32(0)
	if s.away(how) {
		away = 1
	}
	w.point = [features]float32{
		fRate: squash(z), fBytes: squash(perBytes), fBad: float32(share), fDenied: float32(float64(s.denied) / n),
		fNetwork: min(1, s.surprise[0]/3), fAgent: min(1, s.surprise[1]/3), fEndpoint: min(1, s.surprise[2]/3),
		fEntropy: squash(float64(h-s.entropy) * 3), fSpacing: squash(cv - float64(s.usualCV)), fHour: away,
	}
	odd := w.forest.judge(w.point[:])
	grown := w.grown(s, at.Unix())
	excess := w.excess(odd)

	// Far above everything it ever did, twice on end or enormously.
	far := n > 2.5*s.peak+20 && z > 4
	if far {
		s.hot++
		if s.hot >= 2 || n > 6*s.peak+60 {
			if grown {
				w.raise(&s.incident, Alert{
					At: at, Class: ClassBurst, Key: s.key, Ring: s.ring, Severity: Medium, Score: saturate(z / 4), Proposed: Halve,
					Reasons: s.explain(Reason{"requests a minute", n, math.Expm1(usual), "many times what this key does at this hour, and above all it ever did"}, excess),
				})
			}
		}
	} else {
		s.hot = 0
	}
	if !far || s.hot > 60 || !grown {
		s.peak = max(s.peak, n)
	}

	// A client that fails: slowly rising shares count, one bad minute does not.
	over := s.fail.add(share, float64(s.badly)+0.25)
	if over > 5 && grown {
		w.raise(&s.quiet, Alert{
			At: at, Class: ClassFailing, Key: s.key, Ring: s.ring, Severity: Low, Score: saturate(over / 5), Proposed: Note,
			Reasons: []Reason{{"share of 401, 403 and 429", share, float64(s.badly), "above the usual for minutes; most often a fault of the client"}},
		})
		s.fail = 0
	}

	// The trees: odd as a whole, three minutes within a while, and with a feature that
	// can be named.
	switch {
	case excess > 4 && s.named() >= 2:
		s.odd += 2
	case s.odd > 0:
		s.odd--
	}
	if s.odd >= 6 && grown {
		s.odd = 0
		w.raise(&s.quiet, Alert{
			At: at, Class: ClassUnusual, Key: s.key, Ring: s.ring, Severity: Low, Score: saturate(excess / 6), Proposed: Note,
			Reasons: s.explain(Reason{"oddness of the minute", odd, w.mean, "no single rule, but seldom seen together"}, excess),
		})
	}

	if z < 6 {
		s.rate.learn(how, x, floor, 60)
		s.badly += (float32(share) - s.badly) / 1000
		s.entropy += (h - s.entropy) / 200
		s.usualCV += (float32(cv) - s.usualCV) / 200
	}
	if s.perN < 60 {
		s.per[s.perN] = float32(x)
		s.perN++
	}
	s.n, s.bad, s.denied, s.bytes = 0, 0, 0, 0
	s.gap, s.gap2 = 0, 0
	clear(s.mixed[:])
	s.surprise = [3]float32{}
}

// excess is how much odder than usual the trees find a point, in deviations.
func (w *Watch) excess(odd float64) float64 {
	e := 0.0
	w.judged++
	if w.judged > 20*w.o.Window {
		e = (odd - w.mean) / max(1.2533*w.spread, 0.01)
	}
	k := 1 / float64(min(w.judged, 5000))
	c := odd
	if e > 4 {
		c = w.mean + 4*w.spread
	}
	w.spread += (math.Abs(c-w.mean) - w.spread) * k
	w.mean += (c - w.mean) * k
	return e
}

// named is the greatest surprise of networks, agents and endpoints in the minute.
func (s *state) named() float32 { return max(s.surprise[0], s.surprise[1], s.surprise[2]) }

// away says that the key was never seen in this hour of the week nor beside it.
func (s *state) away(how int) bool {
	return s.rate.weeks[how][0] == 0 && s.rate.weeks[(how+1)%168][0] == 0 && s.rate.weeks[(how+167)%168][0] == 0
}

// explain puts after the first reason those features of the minute that stand out.
func (s *state) explain(first Reason, excess float64) []Reason {
	out := []Reason{first}
	for i, f := range [...]string{"network", "agent", "endpoint class"} {
		if v := float64(s.surprise[i]); v >= 1 {
			out = append(out, Reason{f, v, 1, "new to this key; the figure is -log10 of the chance of that"})
		}
	}
	if s.n > 0 && s.bad*4 > s.n {
		out = append(out, Reason{"share of 401, 403 and 429", float64(s.bad) / float64(s.n), float64(s.badly), "it is refused much"})
	}
	if excess > 3 {
		out = append(out, Reason{"oddness of the minute", excess, 1, "deviations above the usual, by half-space trees over all features"})
	}
	return out
}

// mixture is the entropy in bits of the minute's endpoint classes.
func (s *state) mixture() (h float32) {
	for i := range s.mixed {
		if s.mixed[i].n == 0 {
			break
		}
		p := float64(s.mixed[i].n) / float64(s.n)
		h -= float32(p * math.Log2(p))
	}
	return h
}

// closeHour judges the volume of the hour and learns from it.
func (w *Watch) closeHour(s *state) {
	w.closeMinute(s)
	if s.hourN == 0 {
		return
	}
	how := howOf(s.hour)
	at := time.Unix(int64(s.hour)*3600+3600, 0).UTC()
	const floor = 0.25
	x := math.Log1p(float64(s.hourBytes))
	z, usual := s.volume.z(how, x, floor)
	if w.grown(s, at.Unix()) && s.volume.n > 100 {
		if sum := s.exfil.add(min(z, 4), 1); sum > 10 {
			w.raise(&s.incident, Alert{
				At: at, Class: ClassExfil, Key: s.key, Ring: s.ring, Severity: Medium, Score: saturate(sum / 10), Proposed: Notify,
				Reasons: []Reason{{"bytes an hour", float64(s.hourBytes), math.Expm1(usual), "more than this hour of the week has, and so for hours"}},
			})
			s.exfil = 5
		}
	}
	s.volume.learn(how, x, floor, 1)
	m, sc, young := s.volume.expect(how, floor)
	if !young {
		x = min(x, m+3*sc)
	}
	s.volume.week(how, x)
	if s.perN > 0 {
		v := s.per[:s.perN]
		slices.Sort(v)
		s.rate.week(how, float64(v[len(v)/2]))
	}
	s.peak *= fade
	// At most two more than it was: the first hour of a key that is handed round must
	// not hide the second. A fleet that grows is followed within hours.
	s.peakNew = max(s.peakNew*fade, min(float64(s.hourNew), s.peakNew+2))
	s.hourN, s.hourBytes, s.hourNew, s.perN = 0, 0, 0, 0
}

// saturate maps evidence of 1 to 0.63, and on towards 1.
func saturate(x float64) float64 { return 1 - math.Exp(-x) }
