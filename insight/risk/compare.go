package risk

import (
	"fmt"
	"math"

	"github.com/assayhq/assay/fault"
)

// Comparison is two assets over the times that both have.
type Comparison struct {
	A, B        Report // each beside the other as benchmark
	Correlation Correlation
	// Ahead is the share of 30-period windows in which A earned more than B; AheadN how many.
	Ahead   float64
	AheadN  int
	Reasons []string // in sentences, from the numbers
}

// Compare measures two assets side by side. Names are how the sentences call them.
func Compare(nameA, nameB string, a, b Prices, perYear float64, o Options) (Comparison, error) {
	var c Comparison
	x, y := Align(a, b)
	if x.Len() < 21 {
		return c, fault.New(fault.Unavailable, "%s and %s have %d prices at equal times; a comparison takes 21", nameA, nameB, x.Len())
	}
	ra, err := x.Returns(Simple, perYear)
	if err != nil {
		return c, err
	}
	rb, err := y.Returns(Simple, perYear)
	if err != nil {
		return c, err
	}
	catalogue := Catalogue()
	if c.A, err = Measure(catalogue, ra, &rb, o); err != nil {
		return c, err
	}
	if c.B, err = Measure(catalogue, rb, &ra, o); err != nil {
		return c, err
	}
	if c.Correlation, err = Correlate(x, y, 20, 0.05, o); err != nil && fault.Of(err) != fault.Unavailable {
		return c, err
	}
	const window = 30
	for i := window; i < x.Len(); i++ {
		if x.v[i-window] > 0 && y.v[i-window] > 0 {
			c.AheadN++
			if x.v[i]/x.v[i-window] > y.v[i]/y.v[i-window] {
				c.Ahead++
			}
		}
	}
	if c.AheadN > 0 {
		c.Ahead /= float64(c.AheadN)
	}
	say := func(format string, args ...any) { c.Reasons = append(c.Reasons, fmt.Sprintf(format, args...)) }
	pair := func(name string) (float64, float64, bool) {
		p, _ := c.A.Value(name)
		q, _ := c.B.Value(name)
		return p.Value, q.Value, p.Known && q.Known
	}
	if p, q, ok := pair("comp"); ok {
		say("%s earned %s and %s %s over %d periods.", nameA, percent(p), nameB, percent(q), c.A.N)
	}
	if p, q, ok := pair("volatility"); ok && q > 0 {
		say("%s moved %.2f times as much as %s: %s against %s a year.", nameA, p/q, nameB, percent(p), percent(q))
	}
	if p, q, ok := pair("max_drawdown"); ok {
		say("The deepest fall was %s for %s and %s for %s.", percent(p), nameA, percent(q), nameB)
	}
	if p, q, ok := pair("sharpe"); ok {
		va, _ := c.A.Value("sharpe")
		vb, _ := c.B.Value("sharpe")
		s := fmt.Sprintf("The Sharpe ratio is %.2f against %.2f", p, q)
		switch {
		case va.Bounded && vb.Bounded && va.Low <= vb.High && vb.Low <= va.High:
			s += "; their intervals overlap, so these data do not say which is better"
		case va.Bounded && vb.Bounded:
			s += "; their intervals do not overlap"
		}
		say("%s.", s)
	}
	if v, ok := c.A.Value("beta"); ok && v.Known {
		say("When %s moves by 1 %%, %s moves by %.2f %% in the mean.", nameB, nameA, v.Value)
	}
	if c.Correlation.N > 0 && c.Correlation.TailN > 0 {
		say("Their correlation is %.2f over %d common returns; in the worst %.0f %% of periods of one the other was in its worst %.0f %% in %.0f %% of cases.", c.Correlation.Pearson, c.Correlation.N, 100*c.Correlation.Tail, 100*c.Correlation.Tail, 100*c.Correlation.TailDown)
	}
	if c.AheadN > 0 {
		say("%s earned more than %s in %.0f %% of %d windows of %d periods.", nameA, nameB, 100*c.Ahead, c.AheadN, window)
	}
	return c, nil
}

// Reasons tells a report in sentences made from its numbers. name is how they call the asset.
func Reasons(name string, r *Report, falls []Drawdown) []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	get := func(n string) (Value, bool) {
		v, ok := r.Value(n)
		return v, ok && v.Known
	}
	if v, ok := get("comp"); ok {
		say("%s earned %s over %d periods, from %s to %s.", name, percent(v.Value), r.N, r.From.UTC().Format("2006-01-02"), r.To.UTC().Format("2006-01-02"))
	}
	if v, ok := get("volatility"); ok {
		s := fmt.Sprintf("It moved by %s a year", percent(v.Value))
		if v.Bounded {
			s += fmt.Sprintf(" (95 %% interval %s to %s)", percent(v.Low), percent(v.High))
		}
		say("%s.", s)
	}
	if v, ok := get("max_drawdown"); ok && v.Value < 0 {
		s := fmt.Sprintf("Its deepest fall was %s", percent(v.Value))
		if len(falls) > 0 {
			d := falls[0]
			s += fmt.Sprintf(", from %s to %s", d.Start.UTC().Format("2006-01-02"), d.Trough.UTC().Format("2006-01-02"))
			if d.Recovered {
				s += fmt.Sprintf("; it took %.0f days until the high was back", d.Days)
			} else {
				s += fmt.Sprintf("; the high is not back, it stands at %s", percent(d.Now))
			}
		}
		say("%s.", s)
	}
	if v, ok := get("var_historical_95"); ok {
		s := fmt.Sprintf("In one of twenty periods it fell by more than %s", percent(math.Abs(v.Value)))
		if v.Value >= 0 {
			s = "In nineteen of twenty periods it did not fall"
		}
		if c, ok := get("cvar_historical_95"); ok && v.Value < 0 {
			s += fmt.Sprintf(", then by %s in the mean", percent(math.Abs(c.Value)))
		}
		say("%s.", s)
	}
	if v, ok := get("sharpe"); ok {
		s := fmt.Sprintf("The Sharpe ratio is %.2f", v.Value)
		if v.Bounded {
			s += fmt.Sprintf(" (95 %% interval %.2f to %.2f)", v.Low, v.High)
			if v.Low <= 0 && v.High >= 0 {
				s += ": zero is in it, so these data do not tell it from luck"
			}
		}
		say("%s.", s)
	}
	if v, ok := get("kurtosis"); ok && v.Value > 1 {
		say("Extreme periods are more frequent than a normal distribution has them: excess kurtosis %.1f.", v.Value)
	}
	if v, ok := get("beta"); ok {
		s := fmt.Sprintf("When the benchmark moves by 1 %%, it moves by %.2f %% in the mean", v.Value)
		if q, ok := get("r2"); ok {
			s += fmt.Sprintf("; the benchmark explains %.0f %% of its variance", 100*q.Value)
		}
		say("%s.", s)
	}
	if r.N < 90 {
		say("%d periods are few: the intervals are wide for that reason.", r.N)
	}
	return out
}

func percent(x float64) string { return fmt.Sprintf("%.1f %%", 100*x) }
