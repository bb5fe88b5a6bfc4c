package grade

import (
	"math"

	"github.com/assayhq/assay/insight"
)

// Fill puts a kind's value, coverage and formula into a grade; with parts also each
// component and what was missing.
func (m *Machine) Fill(g *insight.Grade, k int, s *Scores, parts bool) {
	f := &m.formulas[k]
	g.Kind, g.Formula, g.Version = m.kinds[k], f.id, f.version
	g.Value, g.Coverage = number(s.Value[k]), s.Coverage[k]
	for _, t := range f.terms {
		var c insight.ComponentScore
		switch {
		case t.part < 0:
			c.Score, c.Settled = number(s.Value[t.kind]), true
			c.Raw = c.Score
			if c.Score == nil {
				c.Missing = "less than half of its own inputs are there; see the grade " + string(m.kinds[t.kind])
			}
		default:
			c.Raw, c.Score, c.Settled = number(s.raw[t.part]), number(s.score[t.part]), s.settled[t.part]
			switch s.why[t.part] {
			case noInput:
				c.Missing = m.parts[t.part].how
			case fewPeers:
				c.Missing = needPeers
			}
		}
		name := string(m.kinds[max(t.kind, 0)])
		if t.part >= 0 {
			name = m.parts[t.part].name
		}
		if c.Missing != "" {
			g.Missing = append(g.Missing, name+": "+c.Missing)
		}
		if parts {
			c.Component = m.component(t)
			g.Components = append(g.Components, c)
		}
	}
}

func number(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

// Nothing are the scores of an asset that had no bar on the day.
func Nothing() Scores {
	var s Scores
	s.reset()
	for k := range s.Value {
		s.Value[k] = math.NaN()
	}
	return s
}

// Within tells whether a kind moves within the day: it leans on TA.
func (m *Machine) Within(k int) bool {
	if k == kTA {
		return true
	}
	for _, t := range m.formulas[k].terms {
		if t.part < 0 && m.Within(t.kind) {
			return true
		}
	}
	return false
}
