package grades

import (
	"context"
	"math"
	"time"

	"github.com/assayhq/assay/insight"
	"github.com/assayhq/assay/insight/grade"
	"github.com/assayhq/assay/market"
)

// closeDays grades the days that closed since the last time, and writes the newest down
// if its outcome has not begun.
func (e *Engine) closeDays(ctx context.Context, closed int32, now time.Time, fresh bool) error {
	if !fresh || len(e.tracks) == 0 {
		return nil
	}
	if e.days == 0 {
		e.first = closed - int32(e.opt.Backcast) + 1
	}
	if missed := int(closed-e.first) + 1 - e.days; missed > e.opt.Backcast { // a replay that jumped
		for _, t := range e.tracks {
			t.clear()
		}
		e.first, e.days = closed-int32(e.opt.Backcast)+1, 0
	}
	scratch := make([]grade.Scores, len(e.tracks))
	for day := e.first + int32(e.days); day <= closed; day++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		e.closeDay(day, day == closed, now, scratch)
	}
	return nil
}

func (e *Engine) closeDay(day int32, newest bool, now time.Time, scratch []grade.Scores) {
	var members []grade.Member
	var who []*track
	for _, t := range e.tracks {
		if m, there := e.member(t, day); there {
			members, who = append(members, m), append(who, t)
		}
	}
	scores := scratch[:len(members)]
	e.machine.Day(day, members, scores)
	for i, t := range who {
		t.before, t.scores, t.graded = t.scores, scores[i], day
	}
	e.write(day, newest, now, who)
	for _, t := range e.tracks {
		for k := range t.value {
			v, c, at := math.NaN(), 0.0, int64(0)
			if t.graded == day {
				v, c = t.scores.Value[k], t.scores.Coverage[k]
			}
			if e.book != nil {
				if l, on := e.book.line(k, day, t.code); on { // what was issued stands
					v, c, at = l.value, l.coverage, l.written
				}
			}
			t.put(k, v, c, t.bands[k].Close(&e.opt.Bands, v), at)
		}
	}
	e.days++
}

// write puts the grades of a day on record, if it has just closed and is of the real market.
func (e *Engine) write(day int32, newest bool, now time.Time, who []*track) {
	over := time.Unix(int64(day+1)*daySeconds, 0).UTC()
	if e.book == nil || !newest || now.Sub(over) > onTime || e.simulated() {
		return
	}
	if err := e.book.write(day, now, who); err != nil {
		e.log.Error("grades could not be put on record", "close", over.Format(time.RFC3339), "err", err)
	}
}

func (e *Engine) simulated() bool { return e.opt.Simulated != nil && e.opt.Simulated() }

// look grades each asset within the day that is going on, from its bar so far.
func (e *Engine) look(ctx context.Context, closed int32, hour time.Time) error {
	from := time.Unix(int64(closed+1)*daySeconds, 0).UTC()
	for _, t := range e.tracks {
		t.looked = time.Time{}
		if t.graded != closed || !hour.After(from) {
			continue
		}
		var so grade.Bar
		n := 0
		for c, err := range e.opt.Candles.Candles(ctx, t.series, "1h", market.Range{From: from, To: hour}) {
			if err != nil {
				return err
			}
			b, good := barOf(&c)
			if !good {
				continue
			}
			if n == 0 {
				so = b
			}
			so.High, so.Low, so.Close = math.Max(so.High, b.High), math.Min(so.Low, b.Low), b.Close
			n++
		}
		if n == 0 {
			continue
		}
		if m, there := e.member(t, closed); there {
			t.hourly, t.looked = e.machine.Hour(m, so, &t.scores), hour
		}
	}
	return nil
}

// judge makes the record of all formulas: as issued, and as computed later.
func (e *Engine) judge() []insight.GradeRecord {
	var out []insight.GradeRecord
	if e.days == 0 {
		return out
	}
	closes := grade.Panel{First: e.first}
	for _, t := range e.tracks {
		c := make([]float64, e.days)
		for i := range c {
			c[i] = math.NaN()
		}
		for i, d := range t.bars.Day {
			if d >= e.first && int(d-e.first) < e.days {
				c[d-e.first] = t.bars.Close[i]
			}
		}
		closes.Close = append(closes.Close, c)
	}
	for k, f := range e.machine.Formulas() {
		for _, basis := range []string{"issued", "backcast"} {
			p := closes
			graded := false
			for _, t := range e.tracks {
				g, c := make([]float64, e.days), make([]float64, e.days)
				for d := range g {
					g[d], c[d] = math.NaN(), math.NaN()
					if (t.written[k][d] != 0) == (basis == "issued") && !math.IsNaN(t.value[k][d]) {
						g[d], c[d], graded = t.value[k][d], float64(t.coverage[k][d]), true
					}
				}
				p.Grade, p.Coverage = append(p.Grade, g), append(p.Coverage, c)
			}
			for _, h := range grade.Horizons() {
				r := insight.GradeRecord{Horizon: h}
				var first, last int32
				if graded {
					r, first, last = grade.IC(p, h)
				}
				r.Kind, r.Formula, r.Version, r.Basis = f.Kind, f.ID, f.Version, basis
				if r.Days > 0 {
					r.Since, r.Until = time.Unix(int64(first+1)*daySeconds, 0).UTC(), time.Unix(int64(last+1)*daySeconds, 0).UTC()
				}
				switch {
				case basis == "issued" && e.book != nil && e.book.pages[k].broken != "":
					r.Note = e.book.pages[k].broken
				case !graded && basis == "issued" && (e.book == nil || e.simulated()):
					r.Note = "nothing is put on record here: the data is simulated or a replay"
				case !graded:
					r.Note = "there is no grade of this kind yet"
				case r.Days == 0:
					r.Note = "no day with five assets or more has an outcome yet"
				case r.Error == nil:
					r.Note = "too few weeks for an error"
				}
				out = append(out, r)
			}
		}
	}
	return out
}
