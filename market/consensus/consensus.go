// Package consensus makes one fair price per asset from what several venues offer.
//
// The method, in full (docs/semantics.md tells it to users):
//
//  1. A venue's contribution is the middle of its best bid and ask, of a valid
//     book or a fresh quote. Crossed ones are out, and frozen ones: unchanged for
//     fifteen seconds in which the price of the others moved by two tenths of a percent.
//  2. Prices in another quote are converted by that quote's own consensus rate.
//     A stablecoin without a measured rate counts 1:1 to its peg, is marked
//     peg_assumed and weighs half. Pairs quoted in coins count only when there is
//     nothing else.
//  3. Weight is recent traded value (half-life five minutes) plus a floor, divided
//     by the spread, decayed by age, and capped so that no venue has more than 40 %
//     of the whole when three or more are there.
//  4. Out is what lies further from the median than four (scaled) median absolute
//     deviations and half a percent; every venue has one vote in that, however many
//     pairs it lists. With two venues nobody can say who is wrong: both count, and the
//     confidence says so; of two that disagree on a stablecoin by more than half a
//     percent, the one further from the peg is out.
//  5. The price is the weighted median (weighted mean of two). A single venue that
//     lies, freezes or floods can move it no further than to its neighbour.
//  6. The band is the largest of the half spread, the disagreement, and how far any
//     one venue could push the price with all the weight it may have.
//
// Prices are exact decimals; weights, deviations and confidence are statistics in
// binary floats. Pure: time comes as an argument. The feed owns one Machine.
package consensus

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

// The constants of the method.
const (
	HalfLife   = 5 * time.Minute  // of traded value
	Fresh      = 5 * time.Second  // younger offers do not decay
	AgeHalf    = 30 * time.Second // half-life of an offer's weight after that
	TooOld     = 2 * time.Minute  // older offers are stale
	OutFloor   = 0.005            // relative
	OutSpreads = 4 * 1.4826       // median absolute deviations, scaled to a normal's sigma
	VenueCap   = 0.40
	PegWeight  = 0.5
	FreezeTime = 15 * time.Second // an offer that has not changed for longer ...
	FreezeMove = 0.002            // ... while the consensus moved by more is frozen
)

// Peg tells what a stablecoin is worth by its own promise: USDT gives USD.
type Peg func(asset.Code) (asset.Code, bool)

// Machine keeps the offers of all venues. Not safe for concurrent use.
type Machine struct {
	quote asset.Code
	peg   Peg
	fiat  func(asset.Code) bool
	by    map[asset.Code][]*offer
	at    map[offerKey]*offer
	dirty map[asset.Code]bool
	last  map[asset.Code]market.ConsensusPrice
}

type offerKey struct {
	venue market.VenueID
	pair  market.Pair
}

type offer struct {
	offerKey
	base, quote asset.Code
	bid, ask    money.Price
	mid         money.Price
	at          time.Time
	changed     time.Time // when bid or ask changed last
	then        float64   // the consensus at that time; 0 not known
	valid       bool
	crossed     bool
	value       float64 // traded value in the pair's quote, decayed to valueAt
	valueAt     time.Time
}

// New makes a machine that prices everything in quote. fiat tells currencies.
func New(quote asset.Code, peg Peg, fiat func(asset.Code) bool) *Machine {
	return &Machine{quote: quote, peg: peg, fiat: fiat, by: map[asset.Code][]*offer{}, at: map[offerKey]*offer{}, dirty: map[asset.Code]bool{}, last: map[asset.Code]market.ConsensusPrice{}}
}

func (m *Machine) offer(v market.VenueID, p market.Pair) *offer {
	k := offerKey{v, p}
	o := m.at[k]
	if o == nil {
		o = &offer{offerKey: k, base: p.Base(), quote: p.Quote()}
		m.at[k] = o
		m.by[o.base] = append(m.by[o.base], o)
	}
	return o
}

// Offer takes the best bid and ask of a venue at a moment (our time). Only spot
// pairs count. A side that is missing makes the offer invalid.
func (m *Machine) Offer(v market.VenueID, p market.Pair, bid, ask money.Price, at time.Time) {
	if !p.Spot() {
		return
	}
	o := m.offer(v, p)
	o.at = at
	if o.valid && o.bid == bid && o.ask == ask {
		return
	}
	o.bid, o.ask = bid, ask
	o.changed, o.then = at, m.last[o.base].Price.Float64()
	o.valid = !bid.IsZero() && !ask.IsZero() && !bid.IsNeg()
	o.crossed = o.valid && bid.Cmp(ask.Decimal) >= 0
	if o.valid {
		mid, err := money.Mid(bid, ask)
		o.mid, o.valid = mid, err == nil
	}
	m.touch(o.base)
}

func (m *Machine) touch(a asset.Code) {
	m.dirty[a] = true
}

// Withdraw says that a venue's offer is not valid any more (its book was lost).
func (m *Machine) Withdraw(v market.VenueID, p market.Pair) {
	if o := m.at[offerKey{v, p}]; o != nil && o.valid {
		o.valid = false
		m.touch(o.base)
	}
}

// Traded adds to a venue's traded value.
func (m *Machine) Traded(t *market.Trade, at time.Time) {
	if !t.Pair.Spot() || t.Marks&(market.Duplicate|market.Outlier) != 0 {
		return
	}
	o := m.offer(t.Venue, t.Pair)
	o.value = o.worth(at) + t.Price.Float64()*t.Qty.Float64()
	o.valueAt = at
}

func (o *offer) worth(now time.Time) float64 {
	if o.value == 0 {
		return 0
	}
	return o.value * decay(now.Sub(o.valueAt), HalfLife)
}

func decay(age, half time.Duration) float64 {
	if age <= 0 {
		return 1
	}
	return math.Exp2(-float64(age) / float64(half))
}

// Tick computes the prices whose offers changed, and gives them. Every asset is
// recomputed when all is set, so that age shows.
func (m *Machine) Tick(now time.Time, all bool, emit func(market.ConsensusPrice)) {
	if all {
		for a := range m.by {
			m.dirty[a] = true
		}
	}
	codes := make([]asset.Code, 0, len(m.dirty))
	for a := range m.dirty {
		codes = append(codes, a)
	}
	slices.Sort(codes)
	clear(m.dirty)
	for _, a := range codes {
		if a == m.quote {
			continue
		}
		if p, ok := m.compute(a, now); ok {
			m.last[a] = p
			emit(p)
		}
	}
}

// Price gives the last computed price of an asset.
func (m *Machine) Price(a asset.Code) (market.ConsensusPrice, bool) {
	p, ok := m.last[a]
	return p, ok
}

type rate struct {
	value money.Decimal
	peg   bool
	ok    bool
}

var one = money.MustNew(1, 0)

// rate gives the price of q in the machine's quote.
func (m *Machine) rate(q asset.Code, now time.Time, depth int) rate {
	if q == m.quote {
		return rate{one, false, true}
	}
	if depth > 0 {
		if p, ok := m.price(q, now, depth-1); ok && p.Confidence > 0 {
			return rate{p.Price.Decimal, p.Marks&market.PegAssumed != 0, true}
		}
	}
	if to, ok := m.peg(q); ok && to == m.quote {
		return rate{one, true, true}
	}
	return rate{}
}

func (m *Machine) compute(a asset.Code, now time.Time) (market.ConsensusPrice, bool) {
	return m.price(a, now, 2)
}

// candidate is a contribution with what the computation needs.
type candidate struct {
	market.Contribution
	f      float64
	weight float64
	half   float64 // half spread, in the consensus quote
	peg    bool
}

func (m *Machine) price(a asset.Code, now time.Time, depth int) (market.ConsensusPrice, bool) {
	offers := m.by[a]
	if len(offers) == 0 {
		return market.ConsensusPrice{}, false
	}
	out := market.ConsensusPrice{Asset: a, Quote: m.quote, Computed: now}
	var cands []candidate
	rates := map[asset.Code]rate{}
	money1 := false // is there a source quoted in money?
	for _, o := range offers {
		money1 = money1 || o.valid && now.Sub(o.at) <= TooOld && m.isMoney(o.quote)
	}
	scale := 2
	for _, o := range offers {
		c := candidate{Contribution: market.Contribution{Venue: o.venue, Pair: o.pair, Raw: o.mid, At: o.at, Status: market.Used}}
		age := now.Sub(o.at)
		switch {
		case !o.valid:
			c.Status = market.IsClosed
		case o.crossed:
			c.Status = market.IsCross
		case age > TooOld:
			c.Status = market.IsStale
		case m.frozen(o, now):
			c.Status = market.IsFrozen
		case money1 && !m.isMoney(o.quote):
			continue // quoted in a coin, and not needed
		}
		if c.Status == market.Used {
			r, ok := rates[o.quote]
			if !ok {
				r = m.rate(o.quote, now, depth)
				rates[o.quote] = r
			}
			if !r.ok {
				c.Status = market.NoRate
			} else {
				c.Rate, c.peg = r.value, r.peg
				dec := min(o.mid.Scale(), 12)
				if r.value != one {
					dec = min(dec+2, 14)
				}
				p, err := o.mid.MulRound(r.value, dec)
				if err != nil {
					c.Status = market.NoRate
				} else {
					c.Price = money.Price{Decimal: p}
					scale = max(scale, dec)
					c.f = p.Float64()
					raw := o.mid.Float64()
					c.half = (o.ask.Float64() - o.bid.Float64()) / 2 * c.f / raw
					c.weight = m.weigh(o, &c, now, age)
				}
			}
		}
		cands = append(cands, c)
	}
	return m.settle(out, cands, scale)
}

// frozen tells whether an offer stands still while the market moves. A venue can keep
// sending the same top of its book, with new times, for hours.
func (m *Machine) frozen(o *offer, now time.Time) bool {
	p, ok := m.last[o.base]
	if ok && o.then == 0 { // there was no price yet when it changed last
		o.then = p.Price.Float64()
	}
	return ok && o.then > 0 && p.Marks&market.Stale == 0 && len(p.Sources) > 2 &&
		now.Sub(o.changed) > FreezeTime && math.Abs(p.Price.Float64()/o.then-1) > FreezeMove
}

func (m *Machine) isMoney(q asset.Code) bool {
	if q == m.quote || m.fiat(q) {
		return true
	}
	_, ok := m.peg(q)
	return ok
}

// floorValue is the traded value that every live offer is credited with, so that a
// quiet venue still has a voice.
const floorValue = 10_000

func (m *Machine) weigh(o *offer, c *candidate, now time.Time, age time.Duration) float64 {
	w := math.Sqrt(o.worth(now)*c.f/o.mid.Float64() + floorValue)
	w /= 1 + c.half*2/c.f*1000 // ten basis points of spread halve it
	if age > Fresh {
		w *= decay(age-Fresh, AgeHalf)
	}
	if c.peg {
		w *= PegWeight
	}
	return w
}

// settle throws out outliers, caps the venues, and takes the weighted median.
func (m *Machine) settle(out market.ConsensusPrice, cands []candidate, scale int) (market.ConsensusPrice, bool) {
	var used []*candidate
	for i := range cands {
		if cands[i].Status == market.Used {
			used = append(used, &cands[i])
		}
	}
	if len(used) > 2 {
		used = outliers(used)
	} else if len(used) == 2 {
		used = m.tie(out.Asset, used)
	}
	if len(used) == 0 {
		last, ok := m.last[out.Asset]
		if !ok {
			return out, false
		}
		last.Marks |= market.Stale
		last.Confidence, last.Computed = 0, out.Computed
		last.Sources = sources(cands)
		return last, true
	}
	venues := limit(used)
	var total float64
	for _, c := range used {
		total += c.weight
	}
	for _, c := range used {
		c.Weight = c.weight / total
		if c.At.After(out.At) {
			out.At = c.At
		}
		if c.peg {
			out.Marks |= market.PegAssumed
		}
	}
	slices.SortFunc(used, func(x, y *candidate) int {
		if d := x.Price.Cmp(y.Price.Decimal); d != 0 {
			return d
		}
		return strings.Compare(string(x.Venue), string(y.Venue))
	})
	out.Price = middle(used, scale)
	f := out.Price.Float64()
	fresh := 0.0
	votes := ballot(used)
	for i, c := range used {
		votes[i].value = c.half
		fresh += c.Weight * decay(out.Computed.Sub(c.At)-Fresh, AgeHalf)
	}
	band := elect(votes)
	for i, c := range used {
		votes[i].value = math.Abs(c.f - f)
	}
	band = math.Max(band, elect(votes)*1.4826)
	if len(used) == 2 {
		band = math.Max(band, math.Abs(used[0].f-used[1].f))
	}
	down, up := pushed(used, f)
	down, up = math.Max(down, band), math.Max(up, band)
	band = math.Max(down, up)
	if d, err := money.FromFloat(down, scale+2); err == nil {
		if lo, err := out.Price.Sub(d); err == nil {
			out.Low = money.Price{Decimal: lo}
		}
	}
	if d, err := money.FromFloat(up, scale+2); err == nil {
		if hi, err := out.Price.Add(d); err == nil {
			out.High = money.Price{Decimal: hi}
		}
	}
	agree := 1 - math.Min(1, band/(f*0.02))
	out.Confidence = math.Round((1-math.Exp2(-float64(venues)))*agree*fresh*1000) / 1000
	out.Sources = sources(cands)
	return out, true
}

func sources(cands []candidate) []market.Contribution {
	out := make([]market.Contribution, len(cands))
	for i := range cands {
		out[i] = cands[i].Contribution
	}
	slices.SortStableFunc(out, func(x, y market.Contribution) int {
		switch {
		case x.Weight > y.Weight:
			return -1
		case x.Weight < y.Weight:
			return 1
		}
		return strings.Compare(string(x.Venue)+string(x.Pair), string(y.Venue)+string(y.Pair))
	})
	return out
}

// vote is what one offer says, with its part of its venue's one vote.
type vote struct{ value, weight float64 }

// ballot gives each venue one vote, shared by its offers: a venue that lists a pair
// in ten quotes must not outvote nine others.
func ballot(used []*candidate) []vote {
	out := make([]vote, len(used))
	for i, c := range used {
		n := 0
		for _, o := range used {
			if o.Venue == c.Venue {
				n++
			}
		}
		out[i].weight = 1 / float64(n)
	}
	return out
}

// elect gives the median of the votes. It leaves them where they are.
func elect(votes []vote) float64 {
	s := slices.Clone(votes)
	slices.SortFunc(s, func(a, b vote) int { return cmp.Compare(a.value, b.value) })
	var total float64
	for _, v := range s {
		total += v.weight
	}
	sum := 0.0
	for i, v := range s {
		sum += v.weight
		if math.Abs(sum-total/2) < 1e-9 && i+1 < len(s) {
			return (v.value + s[i+1].value) / 2
		}
		if sum > total/2 {
			return v.value
		}
	}
	return 0
}

func outliers(used []*candidate) []*candidate {
	votes := ballot(used)
	for i, c := range used {
		votes[i].value = c.f
	}
	mid := elect(votes)
	for i, c := range used {
		votes[i].value = math.Abs(c.f - mid)
	}
	cut := math.Max(elect(votes)*OutSpreads, mid*OutFloor)
	kept := used[:0]
	for _, c := range used {
		if math.Abs(c.f-mid) > cut {
			c.Status, c.weight = market.IsOut, 0
			continue
		}
		kept = append(kept, c)
	}
	return kept
}

// tie judges two offers of a stablecoin that disagree: the peg is a third opinion.
func (m *Machine) tie(a asset.Code, used []*candidate) []*candidate {
	to, ok := m.peg(a)
	if !ok || to != m.quote || math.Abs(used[0].f-used[1].f) <= OutFloor {
		return used
	}
	near, far := used[0], used[1]
	if math.Abs(near.f-1) > math.Abs(far.f-1) {
		near, far = far, near
	}
	far.Status, far.weight = market.IsOut, 0
	return append(used[:0], near)
}

// pushed gives how far down and up of the price f any one venue could move it, were it
// to lie with all the weight a venue may have. used is sorted by price. With the cap c
// a liar has at most c/(1-c) of what the others have together, so the weighted median
// stays between the quantiles (1-2c)/(2-2c) and 1/(2-2c) of theirs. Fewer than three
// venues give no such bound.
func pushed(used []*candidate, f float64) (down, up float64) {
	venues := map[market.VenueID]bool{}
	for _, c := range used {
		venues[c.Venue] = true
	}
	if len(venues) < 3 {
		return 0, 0
	}
	const lowest, highest = (1 - 2*VenueCap) / (2 - 2*VenueCap), 1 / (2 - 2*VenueCap)
	for liar := range venues {
		var total, sum float64
		for _, c := range used {
			if c.Venue != liar {
				total += c.Weight
			}
		}
		low := true
		for _, c := range used {
			if c.Venue == liar {
				continue
			}
			sum += c.Weight
			if low && sum >= total*lowest-1e-9 {
				low, down = false, math.Max(down, f-c.f)
			}
			if sum > total*highest+1e-9 || sum >= total-1e-9 {
				up = math.Max(up, c.f-f)
				break
			}
		}
	}
	return down, up
}

// limit caps the share of each venue and gives the number of venues.
func limit(used []*candidate) int {
	sums := map[market.VenueID]float64{}
	for _, c := range used {
		sums[c.Venue] += c.weight
	}
	if len(sums) < 3 {
		return len(sums)
	}
	for range 8 {
		var total, most float64
		var top market.VenueID
		for v, w := range sums {
			total += w
			if w > most || w == most && v < top {
				most, top = w, v
			}
		}
		if most <= total*VenueCap*1.0001 {
			break
		}
		f := VenueCap / (1 - VenueCap) * (total - most) / most
		for _, c := range used {
			if c.Venue == top {
				c.weight *= f
			}
		}
		sums[top] = most * f
	}
	return len(sums)
}

// middle is the weighted median of candidates sorted by price; the weighted mean of two.
func middle(used []*candidate, scale int) money.Price {
	switch len(used) {
	case 1:
		return used[0].Price
	case 2:
		d, err1 := used[1].Price.Sub(used[0].Price.Decimal)
		w, err2 := money.FromFloat(used[1].Weight, 6)
		if err1 == nil && err2 == nil {
			if part, err := d.MulRound(w, scale); err == nil {
				if p, err := used[0].Price.Add(part); err == nil {
					return money.Price{Decimal: p}
				}
			}
		}
		return used[0].Price
	}
	sum := 0.0
	for i, c := range used {
		sum += c.Weight
		if math.Abs(sum-0.5) < 1e-9 && i+1 < len(used) {
			if p, err := money.Mid(c.Price, used[i+1].Price); err == nil {
				return p
			}
		}
		if sum > 0.5 {
			return c.Price
		}
	}
	return used[len(used)-1].Price
}
