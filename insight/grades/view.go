package grades

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/insight"
	"github.com/assayhq/assay/insight/grade"
)

// view is what answers come from. It never changes: the columns of days are added to
// beyond its length only.
type view struct {
	hour      time.Time
	first     int32
	days      int
	simulated bool
	tracks    []seen // by code
	record    []insight.GradeRecord
}

// seen is a track as of the view.
type seen struct {
	code     asset.Code
	source   string
	scores   grade.Scores
	graded   int32
	hourly   grade.Scores
	looked   time.Time
	value    [][]float64
	coverage [][]float32
	band     [][]int8
	written  [][]int64
}

func (e *Engine) publish(hour time.Time) {
	v := &view{hour: hour, first: e.first, days: e.days, simulated: e.simulated(), record: e.record, tracks: make([]seen, len(e.tracks))}
	for i, t := range e.tracks {
		v.tracks[i] = seen{code: t.code, source: string(t.series.Venue) + " " + string(t.series.Pair), scores: t.scores, graded: t.graded, hourly: t.hourly, looked: t.looked,
			value: slices.Clone(t.value), coverage: slices.Clone(t.coverage), band: slices.Clone(t.band), written: slices.Clone(t.written)}
	}
	e.at.Store(v)
}

func (e *Engine) view() (*view, error) {
	v := e.at.Load()
	if v == nil {
		return nil, fault.New(fault.Unavailable, "grades are being computed from the stored candles; ask again in a moment")
	}
	return v, nil
}

func (v *view) find(a asset.Code) *seen {
	i, found := slices.BinarySearchFunc(v.tracks, a, func(s seen, a asset.Code) int { return cmp.Compare(s.code, a) })
	if !found {
		return nil
	}
	return &v.tracks[i]
}

// Formulas are those in force.
func (e *Engine) Formulas() []insight.Formula { return e.machine.Formulas() }

func (e *Engine) kind(kind insight.GradeKind) (int, error) {
	k := e.machine.Kind(kind)
	if k < 0 {
		return 0, fault.At(fault.Unknown, "kind", "there is no grade %.40q; there are %v", kind, insight.GradeKinds())
	}
	return k, nil
}

func unknown(a asset.Code) error {
	return fault.At(fault.Unknown, "asset", "%s is not graded: there are no stored candles of it in USD, USDT or USDC, or it is a currency, a stablecoin or a wrapped form", a)
}

// Grades tells a kind's grades.
func (e *Engine) Grades(_ context.Context, kind insight.GradeKind, assets []asset.Code) ([]insight.Grade, error) {
	k, err := e.kind(kind)
	if err != nil {
		return nil, err
	}
	v, err := e.view()
	if err != nil {
		return nil, err
	}
	out := []insight.Grade{}
	if len(assets) == 0 {
		for i := range v.tracks {
			out = append(out, e.grade(v, &v.tracks[i], k, false))
		}
		slices.SortStableFunc(out, func(a, b insight.Grade) int {
			x, y := -1.0, -1.0
			if a.Value != nil {
				x = *a.Value
			}
			if b.Value != nil {
				y = *b.Value
			}
			return cmp.Compare(y, x)
		})
		return out, nil
	}
	for _, a := range assets {
		s := v.find(a)
		if s == nil {
			return nil, unknown(a)
		}
		out = append(out, e.grade(v, s, k, false))
	}
	return out, nil
}

// Grade tells one asset's grades with components.
func (e *Engine) Grade(_ context.Context, a asset.Code) ([]insight.Grade, error) {
	v, err := e.view()
	if err != nil {
		return nil, err
	}
	s := v.find(a)
	if s == nil {
		return nil, unknown(a)
	}
	var out []insight.Grade
	for k := range s.value {
		out = append(out, e.grade(v, s, k, true))
	}
	return out, nil
}

// grade puts an answer together. Within the day, grades that lean on TA are of the hour.
func (e *Engine) grade(v *view, s *seen, k int, parts bool) insight.Grade {
	g := insight.Grade{Asset: s.code, Source: s.source, Simulated: v.simulated, BandScheme: e.opt.Bands.Name}
	last := v.first + int32(v.days) - 1
	g.At = time.Unix(int64(last+1)*daySeconds, 0).UTC()
	if v.days == 0 || s.graded != last {
		nothing := grade.Nothing()
		e.machine.Fill(&g, k, &nothing, parts)
		when := "yet"
		if v.days > 0 {
			when = "of " + time.Unix(int64(last)*daySeconds, 0).UTC().Format(time.DateOnly)
		} else {
			g.At = v.hour
		}
		g.Missing = append([]string{fmt.Sprintf("%s: there is no closed daily bar %s", s.source, when)}, g.Missing...)
		return g
	}
	d := v.days - 1
	values := s.value[k]
	before := math.NaN()
	if moves := e.machine.Within(k); moves && !s.looked.IsZero() {
		g.At, g.Provisional = s.looked, true
		e.machine.Fill(&g, k, &s.hourly, parts)
		before = values[d]
	} else {
		e.machine.Fill(&g, k, &s.scores, parts)
		if s.written[k][d] != 0 { // as it was written, whatever was computed later
			g.Value, g.Coverage = some(values[d]), float64(s.coverage[k][d])
		}
		if d > 0 {
			before = values[d-1]
		}
	}
	if g.Value == nil {
		return g
	}
	if !math.IsNaN(before) {
		g.Change = some(*g.Value - before)
	}
	if b := s.band[k][d]; b >= 0 {
		g.Band = e.opt.Bands.Labels[b]
	}
	week := d - 7
	if g.Provisional {
		week++
	}
	if week >= 0 && !math.IsNaN(values[week]) {
		switch change := *g.Value - values[week]; {
		case change > trend:
			g.Trend = "rising"
		case change < -trend:
			g.Trend = "falling"
		default:
			g.Trend = "flat"
		}
	}
	return g
}

// trend is by how many points a grade must have moved in seven days to be rising or falling.
const trend = 5.0

func some(v float64) *float64 {
	if math.IsNaN(v) {
		return nil
	}
	return &v
}

// History tells an asset's grades of the past.
func (e *Engine) History(_ context.Context, a asset.Code, kind insight.GradeKind, from, to time.Time, limit int) ([]insight.GradePoint, error) {
	k, err := e.kind(kind)
	if err != nil {
		return nil, err
	}
	v, err := e.view()
	if err != nil {
		return nil, err
	}
	s := v.find(a)
	if s == nil {
		return nil, unknown(a)
	}
	out := []insight.GradePoint{}
	for d := v.days - 1; d >= 0 && (limit <= 0 || len(out) < limit); d-- {
		at := time.Unix(int64(v.first+int32(d)+1)*daySeconds, 0).UTC()
		if !to.IsZero() && !at.Before(to) {
			continue
		}
		if !from.IsZero() && at.Before(from) {
			break
		}
		p := insight.GradePoint{At: at, Value: some(s.value[k][d]), Coverage: float64(s.coverage[k][d])}
		if b := s.band[k][d]; b >= 0 {
			p.Band = e.opt.Bands.Labels[b]
		}
		if w := s.written[k][d]; w != 0 {
			p.Written = time.Unix(w, 0).UTC()
		}
		out = append(out, p)
	}
	slices.Reverse(out)
	for len(out) > 0 && out[0].Value == nil && out[0].Coverage == 0 { // before there was anything of it
		out = out[1:]
	}
	return out, nil
}

// Record tells the record of every formula.
func (e *Engine) Record(context.Context) ([]insight.GradeRecord, error) {
	v, err := e.view()
	if err != nil {
		return nil, err
	}
	return slices.Clone(v.record), nil
}

var _ insight.Grades = (*Engine)(nil)
