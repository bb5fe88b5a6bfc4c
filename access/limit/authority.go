package limit

import (
	"math"
	"time"
)

// The times and bounds of leases.
const (
	LeaseTTL   = time.Second            // the longest lease: tokens are spent within it, by the node's clock from its Ask
	shortTTL   = 200 * time.Millisecond // of a lease while units are scarce
	leaseGrace = 800 * time.Millisecond // after the end of a lease the authority waits this long for what is returned
	maxHint    = 20 * time.Millisecond  // a refused node asks again after it, at most rates permitting
	maxOpen    = 4096                   // leases not yet ended
	maxNodes   = 256
)

// Return tells the authority that a lease has ended and what was not spent of it.
type Return struct {
	Epoch, Lease uint64
	Unspent      int64
}

// Ask is what a node sends the authority of an app.
type Ask struct {
	Node    string
	Seq     uint64 // of the holder; an answer to another is ignored
	Min     int64  // fewer units than this are of no use
	Want    int64  // units; 0 only returns
	Returns [4]Return
}

// Grant is the authority's answer: tokens already debited, or none and the reason.
type Grant struct {
	Seq, Epoch, Lease uint64
	Tokens            int64
	TTL               time.Duration // from the moment the node sent its Ask
	Next              time.Duration // asking before is of no use
	Violated          Policy        // why fewer than Min were given
	Rate, Day, Month  Standing
}

// Reservation is a durable promise that no more units than these are used in a day and
// a month (counted as dates, see Authority.Due), so that a restart never forgets any.
type Reservation struct {
	Day, Month           uint64
	DayUnits, MonthUnits int64
}

// Authority is the one place that grants units of one app to nodes, a lease at a time.
// It is not safe for concurrent use: the owner gives it one message after another.
//
// Why it never over-grants: let B be the bucket that a single node would have, debited
// when a unit is spent. The authority keeps level + open leases <= B: granting moves
// units from level to open, a spent unit leaves open and B at once, and level refills
// only up to burst less open. A lease counts as open until it is returned or a grace has
// passed after its end that is far longer than a message takes. A new authority, which knows of no
// open leases, gives nothing for one LeaseTTL and starts empty then.
//
// While units are plenty leases are long and large, so that nodes ask seldom; once less
// than a quarter of the burst is left they are short, so that none lie idle on a node
// while another wants them.
type Authority struct {
	plan       Plan
	bucket     Bucket // only its unit and burst
	epoch      uint64
	level      int64 // nanoseconds of refill in hand
	at         int64 // time of level
	open       []openLease
	first      uint64 // id of open[0]
	held       int64  // units in open leases
	nodes      map[string]int64
	day, month page
	wanted     int64 // units that a reservation was too small for
}

type openLease struct {
	units      int64 // 0: ended
	until      int64
	day, month uint64
}

// page counts one calendar period; mark is how far it may go before more is saved.
type page struct {
	period     uint64
	used, mark int64
}

// NewAuthority makes the authority of an app. epoch is a number that no earlier
// authority of the app had; saved is the last Reservation that was stored, zero if none.
// Periods that saved does not know begin unused: nothing is granted before it is saved.
func NewAuthority(p Plan, epoch uint64, saved Reservation, now time.Time) *Authority {
	a := &Authority{plan: p, epoch: epoch, first: 1, nodes: map[string]int64{}}
	a.bucket.init(p.Rate, p.Burst)
	a.at = now.Add(LeaseTTL).UnixNano()
	d := dateOf(now)
	a.day = restore(d.day, saved.Day, saved.DayUnits)
	a.month = restore(d.month, saved.Month, saved.MonthUnits)
	return a
}

func restore(period, saved uint64, units int64) page {
	if saved >= period {
		return page{saved, units, units}
	}
	return page{period: period}
}

// slice is how much of a quota is reserved at a time and so lost by a restart: 1/256,
// or what the rate brings in 0.1 s, up to 1/32.
func slice(limit, rate int64) int64 {
	if limit == 0 {
		return 1 << 20
	}
	return max((limit+255)/256, min(rate/10, limit/32))
}

// Due gives the reservation to store when more of a quota should be reserved. Once it is
// durable the owner calls Saved; until then grants stop at the last one. The owner calls
// it after NewAuthority, which grants nothing before, and after each Answer.
func (a *Authority) Due() (Reservation, bool) {
	day, d := a.day.ahead(a.plan.Daily, a.plan.Rate, a.wanted)
	month, m := a.month.ahead(a.plan.Monthly, a.plan.Rate, a.wanted)
	return Reservation{Day: a.day.period, DayUnits: day, Month: a.month.period, MonthUnits: month}, d || m
}

func (p *page) ahead(limit, rate, wanted int64) (int64, bool) {
	s := slice(limit, rate)
	if limit == 0 {
		limit = MaxUnits
	}
	if p.mark >= limit || p.mark-p.used > max(s/2, wanted) {
		return p.mark, false
	}
	return min(p.used+s+wanted, limit), true
}

// Saved tells that r is durable.
func (a *Authority) Saved(r Reservation) {
	a.wanted = 0
	if r.Day == a.day.period {
		a.day.mark = max(a.day.mark, r.DayUnits)
	}
	if r.Month == a.month.period {
		a.month.mark = max(a.month.mark, r.MonthUnits)
	}
}

// Change puts another plan in force; what is used stays used.
func (a *Authority) Change(p Plan, now time.Time) {
	a.settle(dateOf(now))
	old := a.bucket.unit
	a.plan, a.bucket = p, Bucket{}
	a.bucket.init(p.Rate, p.Burst)
	if old > 0 && a.bucket.unit > 0 {
		a.level = a.level / old * a.bucket.unit
	}
	a.level = min(a.level, a.room())
}

// room is the most that level may be.
func (a *Authority) room() int64 { return max(a.bucket.burst-a.held, 0) * a.bucket.unit }

// Answer takes what is returned and grants what can be granted.
func (a *Authority) Answer(now time.Time, q Ask) Grant {
	d := dateOf(now)
	a.settle(d)
	for _, r := range q.Returns {
		a.end(r)
	}
	if _, ok := a.nodes[q.Node]; ok || len(a.nodes) < maxNodes {
		a.nodes[q.Node] = d.nano
	}
	g := Grant{Seq: q.Seq, Epoch: a.epoch, TTL: shortTTL}
	low := max(q.Min, 1)
	if u := a.bucket.unit; u > 0 {
		low = min(low, a.bucket.burst)
	}
	have := a.have(&g, d, low)
	share := a.share()
	if more := share + share/2; a.bucket.unit > 0 && a.plenty(more) {
		share = more
	}
	want := max(low, min(q.Want, share))
	switch {
	case q.Want <= 0:
	case d.nano < a.at: // learning
		g.Violated, g.Next = Burst, time.Duration(a.at-d.nano)
	case have >= low && len(a.open) < maxOpen:
		g.Tokens, g.Violated = min(have, want), 0
		g.Lease = a.first + uint64(len(a.open))
		if a.plenty(g.Tokens) {
			g.TTL = LeaseTTL
		}
		// Units count for the day in which they are granted, so they end with it.
		if a.plan.Daily > 0 || a.plan.Monthly > 0 {
			g.TTL = min(g.TTL, d.dayLeft)
		}
		a.open = append(a.open, openLease{g.Tokens, d.nano + int64(g.TTL+leaseGrace), a.day.period, a.month.period})
		a.held += g.Tokens
		a.level -= g.Tokens * a.bucket.unit
		a.day.used += g.Tokens
		a.month.used += g.Tokens
		if have < want {
			g.Next = a.hint(low)
		}
	case g.Violated&(Day|Month) != 0:
		g.Next = min(d.dayLeft, time.Second)
	case g.Violated == 0: // only a reservation is missing
		a.wanted = max(a.wanted, low)
		g.Next = 5 * time.Millisecond
	default:
		g.Next = a.hint(low)
	}
	return g
}

// have is how many units could be granted; it writes standings and what is violated.
func (a *Authority) have(g *Grant, d date, low int64) int64 {
	have := int64(math.MaxInt64)
	if u := a.bucket.unit; u > 0 {
		have = a.level / u
		g.Rate = Standing{a.bucket.burst, have, time.Duration(a.bucket.burst*u - a.level)}
		if have < low {
			g.Violated |= Burst
		}
	}
	for _, p := range [...]struct {
		page  *page
		limit int64
		s     *Standing
		left  time.Duration
		bit   Policy
	}{{&a.day, a.plan.Daily, &g.Day, d.dayLeft, Day}, {&a.month, a.plan.Monthly, &g.Month, d.monthLeft, Month}} {
		*p.s = standing(p.limit, p.page.used, p.left)
		left := p.page.mark - p.page.used
		if p.limit > 0 {
			left = min(left, p.limit-p.page.used) // the plan may have become smaller than the mark
		}
		have = min(have, left)
		if p.limit > 0 && p.limit-p.page.used < low {
			g.Violated |= p.bit
		}
	}
	return have
}

// plenty tells whether enough is left, after a grant of n, that other nodes do not miss
// what lies in it for the time of a long lease.
func (a *Authority) plenty(n int64) bool {
	if a.level < (n+a.bucket.burst/4)*a.bucket.unit {
		return false
	}
	spare := 8 * min(n, MaxUnits) * int64(max(len(a.nodes), 1))
	return (a.plan.Daily == 0 || a.plan.Daily-a.day.used > spare) && (a.plan.Monthly == 0 || a.plan.Monthly-a.month.used > spare)
}

// share is the largest lease: all nodes together hold at most 0.3 of the burst twice, and
// half as much more while units are plenty.
func (a *Authority) share() int64 {
	if a.bucket.unit == 0 {
		return math.MaxInt64
	}
	return a.bucket.burst * 3 / 10 / int64(max(len(a.nodes), 1))
}

// hint is when asking again is worth a message: level gathers meanwhile, so nothing is
// lost as long as it stays far from full.
func (a *Authority) hint(low int64) time.Duration {
	u := a.bucket.unit
	enough := max(low*u-a.level, 0)
	pace := max(int64(maxHint), 2*u*int64(len(a.nodes)))
	return time.Duration(max(enough, min(pace, u*a.bucket.burst/4), int64(time.Millisecond)))
}

// settle brings everything to the time of d. The authority's time never goes back.
func (a *Authority) settle(d date) {
	n := 0
	for n < len(a.open) && (a.open[n].units == 0 || a.open[n].until <= d.nano) {
		a.held -= a.open[n].units
		n++
	}
	a.open, a.first = a.open[n:], a.first+uint64(n)
	if d.nano > a.at {
		a.level = min(a.level+d.nano-a.at, max(a.room(), a.level))
		if a.bucket.unit == 0 {
			a.level = 0
		}
		a.at = d.nano
	}
	a.day.turn(d.day)
	a.month.turn(d.month)
	for n, at := range a.nodes {
		if d.nano-at > int64(2*LeaseTTL) {
			delete(a.nodes, n)
		}
	}
}

func (p *page) turn(period uint64) {
	if period > p.period {
		*p = page{period: period}
	}
}

// end closes a lease once; what is unknown or of another epoch changes nothing.
func (a *Authority) end(r Return) {
	if r.Epoch != a.epoch || r.Lease < a.first || r.Lease-a.first >= uint64(len(a.open)) {
		return
	}
	l := &a.open[r.Lease-a.first]
	back := min(max(r.Unspent, 0), l.units)
	a.held -= l.units
	l.units = 0
	a.level += back * a.bucket.unit
	a.level = min(a.level, a.room())
	if l.day == a.day.period {
		a.day.used -= back
	}
	if l.month == a.month.period {
		a.month.used -= back
	}
}
