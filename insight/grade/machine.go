package grade

import (
	"math"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/insight"
	"github.com/assayhq/assay/insight/indicator"
)

// Bars are the closed daily bars of one asset, oldest first, as columns of one length.
// Day counts days since 1970-01-01 UTC, ascending. A day without a bar is left out.
type Bars struct {
	Day                      []int32
	High, Low, Close, Volume []float64
}

// Bar is one bar.
type Bar struct{ High, Low, Close, Volume float64 }

// Member is what is known of one asset when a day closes.
type Member struct {
	Asset     asset.Code
	Bars      *Bars
	Last      int     // index in Bars of the day: nothing after it is read
	Venues    int     // with stored candles of it on the day
	Activity  *Series // see ReadActivity; nil: none. Rows after the day are not read
	Chain     *Series // see ReadChain; nil: none. Rows that were not known are not read
	MaxSupply float64 // 0: none or not known
}

// why tells why a part has no score.
type why uint8

const (
	ok why = iota
	noInput
	fewPeers
)

// Scores are all grades of an asset on a day, with what they are made of. NaN is none.
// It holds no pointers, so that a whole universe is one piece of memory.
type Scores struct {
	Value    [kindCount]float64 // by the order of insight.GradeKinds
	Coverage [kindCount]float64
	raw      [partCount]float64
	score    [partCount]float64
	count    [partCount]float64 // bars or returns used, for shrinking
	why      [partCount]why
	settled  [partCount]bool
}

// Machine computes grades. It is safe for use by several goroutines.
type Machine struct {
	kinds                      []insight.GradeKind
	parts                      [partCount]partSheet
	formulas                   [kindCount]formula
	ema, rsi, atr              *indicator.Function
	ema12, ema26, rsi14, atr14 indicator.Values
}

// New makes a machine. It fails only when the catalogue of indicators lacks one it needs.
func New() (*Machine, error) {
	m := &Machine{kinds: insight.GradeKinds(), parts: sheets(), formulas: formulas()}
	list := indicator.Catalogue()
	for _, x := range []struct {
		f      **indicator.Function
		v      *indicator.Values
		name   string
		period string
	}{{&m.ema, &m.ema12, "EMA", "12"}, {&m.ema, &m.ema26, "EMA", "26"}, {&m.rsi, &m.rsi14, "RSI", "14"}, {&m.atr, &m.atr14, "ATR", "14"}} {
		var err error
		if *x.f, err = indicator.Find(list, x.name); err != nil {
			return nil, err
		}
		if *x.v, err = (*x.f).Set(map[string]string{"time_period": x.period}); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// Kind is a kind's place in Scores, -1 for none.
func (m *Machine) Kind(k insight.GradeKind) int {
	for i, x := range m.kinds {
		if x == k {
			return i
		}
	}
	return -1
}

// Day grades everyone who was there on a day: each member's bar at Last must be of that
// day. out must be as long as members.
func (m *Machine) Day(day int32, members []Member, out []Scores) {
	work := new([2][longDays]float64)
	for i := range members {
		s := &out[i]
		s.reset()
		x := &members[i]
		m.technical(x, nil, s)
		quant(x, s, work)
		activity(x, day, s)
		chain(x, day, s)
		if x.Venues > 0 {
			s.set(pVenues, float64(x.Venues))
		}
	}
	column := make([]float64, len(members))
	order := make([]int, 0, len(members))
	for p := range m.parts {
		if sign := m.parts[p].rank; sign != 0 {
			rank(part(p), float64(sign), out, column, order)
		}
	}
	for i := range out {
		m.combine(&out[i])
	}
}

// Hour grades one asset within the day after its last closed one: TA anew with the bar
// that is still forming, all else as of the close. The forming bar's volume is not used.
func (m *Machine) Hour(x Member, forming Bar, closed *Scores) Scores {
	s := *closed
	for p := pMomentum; p <= pVolume; p++ {
		s.clear(p)
	}
	m.technical(&x, &forming, &s)
	m.combine(&s)
	return s
}

func (s *Scores) reset() {
	for p := range part(partCount) {
		s.clear(p)
	}
}

func (s *Scores) clear(p part) {
	s.raw[p], s.score[p], s.count[p], s.why[p], s.settled[p] = math.NaN(), math.NaN(), 0, noInput, false
}

// set takes a part's number. One that is not a number is no input.
func (s *Scores) set(p part, raw float64) {
	if math.IsNaN(raw) {
		return
	}
	s.raw[p], s.why[p], s.settled[p] = raw, ok, true
}

// combine makes the grades of the scores: parts stand before what they are parts of.
func (m *Machine) combine(s *Scores) {
	for k := range m.formulas {
		f := &m.formulas[k]
		var sum, weight, coverage float64
		for _, t := range f.terms {
			v, c := 0.0, 1.0
			if t.part < 0 {
				v, c = s.Value[t.kind], s.Coverage[t.kind]
			} else {
				v = s.score[t.part]
			}
			if math.IsNaN(v) {
				continue
			}
			sum += float64(t.weight * v)
			weight += t.weight
			coverage += float64(t.weight * c)
		}
		s.Coverage[k] = math.Min(coverage, 1)
		if coverage < MinCoverage-1e-9 {
			s.Value[k] = math.NaN()
			continue
		}
		v := sum / weight
		if f.shrunk >= 0 {
			n := s.count[f.shrunk]
			v = 50 + float64((v-50)*n)/(n+shrinkDays)
		}
		s.Value[k] = math.Max(0, math.Min(100, v))
	}
}
