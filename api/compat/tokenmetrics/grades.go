package tokenmetrics

import (
	"context"
	"slices"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/insight"
)

// graded is a token's grades at the close of one day.
type graded struct {
	tok *token
	day time.Time // its beginning
	v   map[insight.GradeKind]gradeNow
}

// gradeNow is a grade with what it was a day and a week before; nil is unknown.
type gradeNow struct{ value, before, weekBefore *float64 }

func (g graded) when() time.Time { return g.day }

func (g *graded) token() *token { return g.tok }

// dayOf is the day whose close a grade is of: a close at midnight ends the day before.
func dayOf(at time.Time) time.Time { return at.Add(-time.Nanosecond).Truncate(day) }

const noGrades = "Grades are not computed here. Nothing is made up in their place."

// partial is what a message of grades says of columns that are null.
const partialGrades = " Open formulas, with record and components at /v1/grades; scores without an input here are null. " + insight.NotAdvice

// gradeHistory reads a token's grades of some kinds, one row a day.
func (f *Face) gradeHistory(kinds ...insight.GradeKind) func(context.Context, *token, time.Time, time.Time) ([]graded, error) {
	return func(ctx context.Context, t *token, from, to time.Time) ([]graded, error) {
		values := map[insight.GradeKind]map[time.Time]*float64{}
		days := map[time.Time]bool{}
		for _, k := range kinds {
			// A close is of the day before it; eight days more are for the changes.
			points, err := f.opt.Grades.History(ctx, t.Code, k, from.Add(-8*day), to.Add(day), 100_000)
			if fault.Of(err) == fault.Unknown && err != nil {
				continue
			}
			if err != nil {
				return nil, err
			}
			of := map[time.Time]*float64{}
			for _, p := range points {
				if p.Value == nil {
					continue
				}
				d := dayOf(p.At)
				of[d] = p.Value
				if !d.Before(from) && d.Before(to) {
					days[d] = true
				}
			}
			values[k] = of
		}
		out := make([]graded, 0, len(days))
		for d := range days {
			g := graded{tok: t, day: d, v: map[insight.GradeKind]gradeNow{}}
			for k, of := range values {
				g.v[k] = gradeNow{of[d], of[d.Add(-day)], of[d.Add(-7*day)]}
			}
			out = append(out, g)
		}
		slices.SortFunc(out, func(a, b graded) int { return b.day.Compare(a.day) })
		return out, nil
	}
}

// gradesNow are the newest grades of tokens that have any, by market capitalisation.
func (f *Face) gradesNow(ctx context.Context, tokens []*token, kinds ...insight.GradeKind) ([]graded, error) {
	codes := make([]asset.Code, len(tokens))
	for i, t := range tokens {
		codes[i] = t.Code
	}
	by := map[asset.Code]*graded{}
	for _, k := range kinds {
		list, err := f.opt.Grades.Grades(ctx, k, nil)
		if err != nil && fault.Of(err) == fault.Unknown {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, g := range list {
			if g.Value == nil || !slices.Contains(codes, g.Asset) {
				continue
			}
			r := by[g.Asset]
			if r == nil {
				r = &graded{v: map[insight.GradeKind]gradeNow{}}
				by[g.Asset] = r
			}
			n := gradeNow{value: g.Value}
			if g.Change != nil {
				b := *g.Value - *g.Change
				n.before = &b
			}
			r.v[k] = n
			if d := dayOf(g.At); d.After(r.day) {
				r.day = d
			}
		}
	}
	var out []graded
	for _, t := range tokens {
		if r := by[t.Code]; r != nil {
			r.tok = t
			out = append(out, *r)
		}
	}
	return out, nil
}

// grade is the column of a kind.
func grade(name string, k insight.GradeKind) field[graded] {
	return of(name, func(b []byte, g *graded) []byte { return appendFloat(b, g.v[k].value, 2) })
}

// gradeChange is the column of a change in per cent: over a week or a day.
func gradeChange(v2, v3 string, k insight.GradeKind, week bool) field[graded] {
	return field[graded]{v2, v3, func(b []byte, g *graded) []byte {
		n := g.v[k]
		then := n.before
		if week {
			then = n.weekBefore
		}
		if n.value == nil || then == nil || *then == 0 {
			return append(b, "null"...)
		}
		c := 100 * (*n.value - *then) / *then
		return appendFloat(b, &c, 2)
	}}
}

func dated1() field[graded] {
	return of("DATE", func(b []byte, g *graded) []byte { return appendTime(b, g.day) })
}

// unknownScore is a column that nothing here has an input for.
func unknownScore(names ...string) (out []field[graded]) {
	for _, n := range names {
		out = append(out, of(n, appendNull[graded]))
	}
	return out
}

func traderFields(origin string) []field[graded] {
	return append(triple((*graded).token), dated1(),
		grade("TA_GRADE", insight.TAGrade), grade("QUANT_GRADE", insight.QuantGrade), grade("TM_TRADER_GRADE", insight.TraderGrade),
		gradeChange("TM_TRADER_GRADE_24H_PCT_CHANGE", "tm_trader_grade_24_h_pct_change", insight.TraderGrade, false),
		linked("", origin, (*graded).token))
}

func investorFields(origin string) []field[graded] {
	fs := append(triple((*graded).token), dated1(),
		grade("TM_INVESTOR_GRADE", insight.InvestorGrade),
		gradeChange("TM_INVESTOR_GRADE_7D_PCT_CHANGE", "tm_investor_grade_7_d_pct_change", insight.InvestorGrade, true),
		grade("FUNDAMENTAL_GRADE", insight.FundamentalGrade), grade("TECHNOLOGY_GRADE", insight.TechnologyGrade), grade("VALUATION_GRADE", insight.ValuationGrade))
	fs = append(fs, unknownScore("DEFI_USAGE_SCORE", "COMMUNITY_SCORE", "EXCHANGE_SCORE", "VC_SCORE", "TOKENOMICS_SCORE", "DEFI_SCANNER_SCORE",
		"ACTIVITY_SCORE", "SECURITY_SCORE", "REPOSITORY_SCORE", "COLLABORATION_SCORE")...)
	return append(fs, linked("", origin, (*graded).token))
}

func technologyFields(origin string) []field[graded] {
	fs := append(triple((*graded).token), dated1(), grade("TECHNOLOGY_GRADE", insight.TechnologyGrade))
	fs = append(fs, unknownScore("ACTIVITY_SCORE", "SECURITY_SCORE", "REPOSITORY_SCORE", "COLLABORATION_SCORE", "DEFI_SCANNER_SCORE")...)
	return append(fs, linked("", origin, (*graded).token))
}

func fundamentalFields(origin string, history bool) []field[graded] {
	fs := triple((*graded).token)
	if history {
		fs = append(fs, dated1())
	}
	fs = append(fs, grade("FUNDAMENTAL_GRADE", insight.FundamentalGrade), of("FUNDAMENTAL_GRADE_CLASS", fundamentalClass))
	fs = append(fs, unknownScore("COMMUNITY_SCORE", "EXCHANGE_SCORE", "VC_SCORE", "TOKENOMICS_SCORE", "DEFI_SCANNER_SCORE")...)
	return append(fs, linked("", origin, (*graded).token))
}

// combinedFields are those of tm-grade. Grades are numbers, numbers=string makes them text.
func combinedFields(origin string, history bool) []field[graded] {
	fs := triple((*graded).token)
	if history {
		fs = append(fs, dated1())
	}
	fs = append(fs,
		grade("FUNDAMENTAL_GRADE", insight.FundamentalGrade), grade("TM_GRADE", insight.CombinedGrade),
		gradeChange("TM_GRADE_24h_PCT_CHANGE", "tm_grade_24h_pct_change", insight.CombinedGrade, false),
		field[graded]{"TM_TRADER_GRADE_24H_CHANGE", "tm_trader_grade_24_h_change", func(b []byte, g *graded) []byte {
			n := g.v[insight.TraderGrade]
			if n.value == nil || n.before == nil {
				return append(b, "null"...)
			}
			c := *n.value - *n.before
			return appendFloat(b, &c, 2)
		}},
		of("FUNDAMENTAL_GRADE_CLASS", fundamentalClass), of("TM_GRADE_SIGNAL", gradeSignal), of("MOMENTUM", momentumWord))
	if history {
		fs = append(fs, grade("QUANT_GRADE", insight.QuantGrade), of("TRADING_SIGNAL", appendNull[graded]), field[graded]{"", "token_signal_str", appendNull[graded]})
	}
	return append(fs, linked("", origin, (*graded).token))
}

// band is the word whose lower bound the value reaches; words go from the highest down.
func band(b []byte, v *float64, cuts []float64, words ...string) []byte {
	if v == nil {
		return append(b, "null"...)
	}
	for i, c := range cuts {
		if *v >= c {
			return appendText(b, words[i])
		}
	}
	return appendText(b, words[len(cuts)])
}

func fundamentalClass(b []byte, g *graded) []byte {
	return band(b, g.v[insight.FundamentalGrade].value, []float64{90, 80, 60, 40}, "storeOfValue", "blueChip", "emerging", "speculative", "highRisk")
}

func gradeSignal(b []byte, g *graded) []byte {
	return band(b, g.v[insight.CombinedGrade].value, []float64{80, 60, 40, 20}, "Strong Buy", "Buy", "Hold", "Sell", "Strong Sell")
}

func momentumWord(b []byte, g *graded) []byte {
	v := g.v[insight.TraderGrade].value
	if v == nil {
		return append(b, `"No Momentum"`...)
	}
	return band(b, v, []float64{81, 61, 41, 21}, "Momentum Surging", "Gaining Momentum", "Holding Steady", "Losing Momentum", "Momentum Crashing")
}

// gradePath makes a path of grades: of every day, or of now only.
func (f *Face) gradePath(history bool, fields func(*query) []field[graded], kinds ...insight.GradeKind) func(context.Context, *query) (*answer, error) {
	return func(ctx context.Context, q *query) (*answer, error) {
		keep, err := q.leastGrades()
		if err != nil {
			return nil, err
		}
		tokens, _, err := f.tokens(ctx, q)
		if err != nil {
			return nil, err
		}
		if f.opt.Grades == nil {
			return &answer{table: tabulate(q.version, fields(q), nil), message: noGrades}, nil
		}
		var p past[graded]
		if history {
			read := f.gradeHistory(kinds...)
			p, err = gather(ctx, q, tokens, f.opt.Board.Now(), day, func(ctx context.Context, t *token, from, to time.Time) ([]graded, error) {
				rows, err := read(ctx, t, from, to)
				return slices.DeleteFunc(rows, func(g graded) bool { return !keep(&g) }), err
			})
		} else {
			var rows []graded
			rows, err = f.gradesNow(ctx, tokens, kinds...)
			rows = slices.DeleteFunc(rows, func(g graded) bool {
				return !keep(&g) || g.day.Before(q.from) || !q.to.IsZero() && !g.day.Before(q.to)
			})
			p = past[graded]{rows: pageOf(q, rows), total: len(rows)}
		}
		if err != nil {
			return nil, err
		}
		a := &answer{table: tabulate(q.version, fields(q), p.rows), total: p.total, more: p.more, message: counted(len(p.rows), "row") + partialGrades}
		for _, g := range p.rows {
			if end := g.day.Add(day); end.After(a.asOf) {
				a.asOf = end
			}
		}
		if now := f.opt.Board.Now(); a.asOf.After(now) {
			a.asOf = now // the day is not over
		}
		if q.page == 1 && (q.to.IsZero() || q.to.After(f.opt.Board.Now())) {
			f.judge(a, day+time.Hour)
		}
		return a, nil
	}
}

// leastGrades reads the minima that grades are filtered by.
func (q *query) leastGrades() (func(*graded) bool, error) {
	var conds []func(*graded) bool
	add := func(key string, of func(*graded) *float64) error {
		least, ok, err := q.least(key)
		if err != nil || !ok {
			return err
		}
		conds = append(conds, func(g *graded) bool { v := of(g); return v != nil && *v >= least })
		return nil
	}
	err := add("tradergrade", func(g *graded) *float64 { return g.v[insight.TraderGrade].value })
	if err == nil {
		err = add("investorgrade", func(g *graded) *float64 { return g.v[insight.InvestorGrade].value })
	}
	if err == nil {
		err = add("tradergradepercentchange", func(g *graded) *float64 {
			n := g.v[insight.TraderGrade]
			if n.value == nil || n.before == nil || *n.before == 0 {
				return nil
			}
			c := 100 * (*n.value - *n.before) / *n.before
			return &c
		})
	}
	return func(g *graded) bool {
		for _, c := range conds {
			if !c(g) {
				return false
			}
		}
		return true
	}, err
}
