// Package score measures how a venue behaves: one Machine per venue keeps a day of
// observations in slots of four hours and sums them up when asked.
//
// It only counts what it is told. Pure: every time comes as an argument; nothing is
// judged. The feed tells it of trades, gaps, samples and clock readings; the board
// asks for Scores. Memory is about 5 kB a pair.
package score

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/assayhq/assay/market"
)

// slots of slot length make the day that is remembered.
const (
	slots = 6
	slot  = 4 * time.Hour
)

// maxSample bounds the time one sample stands for: after a pause nobody watched.
const maxSample = 30 * time.Second

// Machine keeps the observations of one venue. Not safe for concurrent use.
type Machine struct {
	venue    market.VenueID
	pairs    map[market.Pair]*day
	whole    *day
	offset   time.Duration
	within   time.Duration
	offsetAt time.Time
}

// New makes a machine.
func New(v market.VenueID) *Machine {
	return &Machine{venue: v, pairs: map[market.Pair]*day{}, whole: &day{}}
}

// day is the last slots of one pair, and what must be remembered between events.
type day struct {
	slots   [slots]counts
	begun   time.Time // first observation ever
	last    time.Time // of a sample
	newest  time.Time
	size    string // of the last trade
	side    market.Side
	at      time.Time
	open    map[string]time.Time // gaps that are not over
	present int
}

// counts is what happened in one slot.
type counts struct {
	start               time.Time
	watched, good       time.Duration
	frozen, gapTime     time.Duration
	lag, spread, away   histogram
	depths              int64
	depth               [4]float64 // sums: bid and ask within 10, bid and ask within 100
	trades, duplicates  int64
	outliers, astray    int64
	outOfOrder          int64
	checked, agreed     int64
	value               float64
	digits              [10]int64
	round, echoes       int64
	bars, equal         int64
	gaps, repaired      int64
	restored            int64
	strange, unreadable int64
	reconnects          int64
}

func (m *Machine) day(p market.Pair) *day {
	if p == "" {
		return m.whole
	}
	d := m.pairs[p]
	if d == nil {
		d = &day{}
		m.pairs[p] = d
	}
	return d
}

// slot gives the counts of a time; a time older than the day counts in the present slot.
func (d *day) slot(at time.Time) *counts {
	if d.begun.IsZero() {
		d.begun = at
	}
	if at.After(d.newest) {
		d.newest = at
	}
	start := d.newest.Truncate(slot)
	c := &d.slots[d.present]
	if !c.start.Equal(start) {
		if !c.start.IsZero() {
			d.present = (d.present + 1) % slots
			c = &d.slots[d.present]
		}
		*c = counts{start: start}
	}
	return c
}

// Sample is what a pair looks like at a moment.
type Sample struct {
	Good   bool // its data is valid and fresh
	Spread float64
	// Depth is the value within 10 and 100 basis points: bid, ask, bid, ask. Zero: not known.
	Depth  [4]float64
	Frozen bool
}

// Sample takes what a pair looks like; it stands for the time since the last one.
func (m *Machine) Sample(p market.Pair, at time.Time, s Sample) {
	d := m.day(p)
	c := d.slot(at)
	span := at.Sub(d.last)
	if d.last.IsZero() || span < 0 {
		span = 0
	}
	span = min(span, maxSample)
	d.last = at
	c.watched += span
	if s.Good {
		c.good += span
	}
	if s.Frozen {
		c.frozen += span
	}
	if s.Spread > 0 {
		c.spread.add(s.Spread)
	}
	if s.Depth[2] > 0 || s.Depth[3] > 0 {
		c.depths++
		for i, v := range s.Depth {
			c.depth[i] += v
		}
	}
}

// Lag takes the delay of a value.
func (m *Machine) Lag(p market.Pair, at time.Time, d time.Duration) {
	m.day(p).slot(at).lag.add(float64(d) / float64(time.Millisecond))
}

// Away takes how far the pair's middle is from the consensus, in basis points.
func (m *Machine) Away(p market.Pair, at time.Time, bps float64) {
	m.day(p).slot(at).away.add(math.Abs(bps))
}

// Trade takes a trade that clean has marked. bid and ask are the best prices of its
// book when it came; zero when they are not known.
func (m *Machine) Trade(t *market.Trade, bid, ask float64, at time.Time) {
	d := m.day(t.Pair)
	c := d.slot(at)
	if t.Marks&market.Duplicate != 0 {
		c.duplicates++
		return
	}
	c.trades++
	price := t.Price.Float64()
	c.value += price * t.Qty.Float64()
	c.outliers += has(t.Marks, market.Outlier)
	c.astray += has(t.Marks, market.Astray)
	c.outOfOrder += has(t.Marks, market.OutOfOrder)
	if t.Marks&market.Backfilled != 0 {
		return
	}
	if half := (ask - bid) / 2; bid > 0 && half > 0 && t.Side != market.NoSide {
		// Only prints outside the inner half of the spread tell who crossed.
		if away := price - (bid + half); math.Abs(away) >= half/2 {
			c.checked++
			if (away > 0) == (t.Side == market.Buy) {
				c.agreed++
			}
		}
	}
	first, digits := significant(t.Qty.Coef())
	c.digits[first]++
	if digits <= 2 {
		c.round++
	}
	size := t.Qty.Trim().String()
	if size == d.size && t.Side != d.side && t.Side != market.NoSide && at.Sub(d.at) < time.Second {
		c.echoes++
	}
	d.size, d.side, d.at = size, t.Side, at
}

// has is 1 if a mark is set.
func has(marks, m market.Mark) int64 {
	if marks&m != 0 {
		return 1
	}
	return 0
}

// significant gives the first digit of a number and how many digits it has between the
// first and the last that is not zero.
func significant(n uint64) (first, digits int) {
	for n > 0 && n%10 == 0 {
		n /= 10
	}
	for ; n > 0; n /= 10 {
		first = int(n % 10)
		digits++
	}
	return first, digits
}

// Gap takes each word of a gap's life: opened, over, repaired.
func (m *Machine) Gap(g *market.Gap, at time.Time) {
	m.gap(m.whole, g, at)
	if g.Pair != "" {
		m.gap(m.day(g.Pair), g, at)
	}
}

// maxOpen bounds the open gaps that are remembered; beyond it they are counted only.
const maxOpen = 4096

func (m *Machine) gap(d *day, g *market.Gap, at time.Time) {
	c := d.slot(at)
	if d.open == nil {
		d.open = map[string]time.Time{}
	}
	_, known := d.open[g.ID]
	switch {
	case !g.Repaired.IsZero():
		c.repaired++
		c.restored += g.Restored
		delete(d.open, g.ID)
	case g.To.IsZero():
		if !known {
			c.gaps++
			if len(d.open) < maxOpen {
				d.open[g.ID] = g.From
			}
		}
	case known:
		c.gapTime += g.To.Sub(g.From)
		delete(d.open, g.ID)
	case strings.HasSuffix(g.ID, "|"+string(g.Pair)): // a pair's part of a lost connection that stays unfilled
	default:
		c.gaps++
		c.gapTime += g.To.Sub(g.From)
	}
}

// Bar takes a comparison of our candle with the venue's own.
func (m *Machine) Bar(p market.Pair, at time.Time, equal bool) {
	for _, d := range []*day{m.whole, m.day(p)} {
		c := d.slot(at)
		c.bars++
		if equal {
			c.equal++
		}
	}
}

// Strange, Unreadable and Reconnect count what the whole venue did.
func (m *Machine) Strange(at time.Time) { m.whole.slot(at).strange++ }

// Unreadable counts a frame that could not be read.
func (m *Machine) Unreadable(at time.Time) { m.whole.slot(at).unreadable++ }

// Reconnect counts a connection that was made again.
func (m *Machine) Reconnect(at time.Time) { m.whole.slot(at).reconnects++ }

// Clock takes a reading of the venue's clock: it was ahead of ours by offset, give or
// take within.
func (m *Machine) Clock(at time.Time, offset, within time.Duration) {
	m.offset, m.within, m.offsetAt = offset, within, at
}

// Offset gives the last reading of the venue's clock.
func (m *Machine) Offset() (offset, within time.Duration, at time.Time) {
	return m.offset, m.within, m.offsetAt
}

// Scores gives the venue's score, then those of its pairs in order; with a pair only
// that one's.
func (m *Machine) Scores(p market.Pair, now time.Time) []market.Score {
	if p != "" {
		d := m.pairs[p]
		if d == nil {
			return nil
		}
		return []market.Score{m.sum(p, now, d)}
	}
	all := []*day{m.whole}
	var names []market.Pair
	for n, d := range m.pairs {
		names = append(names, n)
		all = append(all, d)
	}
	slices.Sort(names)
	out := []market.Score{m.sum("", now, all...)}
	for _, n := range names {
		out = append(out, m.sum(n, now, m.pairs[n]))
	}
	return out
}

// sum adds up the slots of the last day.
func (m *Machine) sum(p market.Pair, now time.Time, days ...*day) market.Score {
	var c, venue counts
	out := market.Score{Venue: m.venue, Pair: p, To: now, Offset: m.offset, OffsetError: m.within, OffsetAt: m.offsetAt}
	hours := 0.0
	for i, d := range days {
		if d.begun.IsZero() {
			continue
		}
		if out.From.IsZero() || d.begun.Before(out.From) {
			out.From = d.begun
		}
		for k := range d.slots {
			s := &d.slots[k]
			if s.start.IsZero() || now.Sub(s.start) > slots*slot {
				continue
			}
			gaps, repaired, restored, gapTime, bars, equal := s.gaps, s.repaired, s.restored, s.gapTime, s.bars, s.equal
			if p == "" && i > 0 { // the venue's own day has them all
				gaps, repaired, restored, gapTime, bars, equal = 0, 0, 0, 0, 0, 0
			}
			c.plus(s)
			if p == "" && i == 0 { // how long the venue itself was watched and up
				venue.good, venue.watched = venue.good+s.good, venue.watched+s.watched
				c.good, c.watched = c.good-s.good, c.watched-s.watched
			}
			c.gaps += gaps
			c.repaired += repaired
			c.restored += restored
			c.gapTime += gapTime
			c.bars += bars
			c.equal += equal
		}
		if p != "" || i == 0 {
			out.OpenGaps += int64(len(d.open))
		}
	}
	if oldest := now.Truncate(slot).Add(-(slots - 1) * slot); out.From.Before(oldest) && !out.From.IsZero() {
		out.From = oldest
	}
	if !out.From.IsZero() {
		hours = now.Sub(out.From).Hours()
	}
	c.tell(&out, hours)
	if p == "" {
		out.Uptime = share(int64(venue.good), int64(venue.watched))
	}
	return out
}

func (c *counts) plus(s *counts) {
	c.watched += s.watched
	c.good += s.good
	c.frozen += s.frozen
	c.lag.plus(&s.lag)
	c.spread.plus(&s.spread)
	c.away.plus(&s.away)
	c.depths += s.depths
	for i := range c.depth {
		c.depth[i] += s.depth[i]
	}
	c.trades += s.trades
	c.duplicates += s.duplicates
	c.outliers += s.outliers
	c.astray += s.astray
	c.outOfOrder += s.outOfOrder
	c.checked += s.checked
	c.agreed += s.agreed
	c.value += s.value
	for i := range c.digits {
		c.digits[i] += s.digits[i]
	}
	c.round += s.round
	c.echoes += s.echoes
	c.strange += s.strange
	c.unreadable += s.unreadable
	c.reconnects += s.reconnects
}

// share is a of b, or -1 when there is no b.
func share(a, b int64) float64 {
	if b == 0 {
		return -1
	}
	return float64(a) / float64(b)
}

func (c *counts) tell(out *market.Score, hours float64) {
	out.Uptime = share(int64(c.good), int64(c.watched))
	out.Lag, out.SpreadBps, out.AwayBps = c.lag.spread(), c.spread.spread(), c.away.spread()
	out.Gaps, out.GapTime, out.Repaired, out.Restored = c.gaps, c.gapTime, c.repaired, c.restored
	depth := func(i int) float64 {
		if c.depths == 0 {
			return math.NaN()
		}
		return c.depth[i] / float64(c.depths)
	}
	out.DepthBid10, out.DepthAsk10, out.DepthBid100, out.DepthAsk100 = depth(0), depth(1), depth(2), depth(3)
	out.Frozen, out.Trades, out.Value = share(int64(c.frozen), int64(c.watched)), c.trades, c.value
	out.Outliers, out.Astray = share(c.outliers, c.trades), share(c.astray, c.trades)
	out.Duplicates, out.OutOfOrder = share(c.duplicates, c.trades+c.duplicates), share(c.outOfOrder, c.trades)
	out.SideChecked, out.SideAgrees = c.checked, share(c.agreed, c.checked)
	out.BarsCompared, out.BarsEqual = c.bars, share(c.equal, c.bars)
	out.Strange, out.DecodeFails, out.Reconnects = c.strange, c.unreadable, c.reconnects
	out.Wash = c.wash(hours)
}

// benfordLeast is how many sizes make first digits worth a look.
const benfordLeast = 500

func (c *counts) wash(hours float64) market.Wash {
	w := market.Wash{Benford: -1, Turnover: -1}
	var n int64
	for d := 1; d < 10; d++ {
		n += c.digits[d]
	}
	if n >= benfordLeast {
		w.Benford = 0
		for d := 1; d < 10; d++ {
			w.Benford += math.Abs(float64(c.digits[d])/float64(n)-math.Log10(1+1/float64(d))) / 9
		}
	}
	w.Round, w.Echo = share(c.round, n), share(c.echoes, n)
	if rests := c.depth[2] + c.depth[3]; c.depths > 0 && rests > 0 && hours > 0 {
		w.Turnover = c.value / hours / (rests / float64(c.depths))
	}
	return w
}
