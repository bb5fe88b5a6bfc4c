package risk

import "math"

const noBenchmark = "the benchmark never moved"

func beta(s *sample) float64 { return over(s.cov, s.bvar) }

// capture is the mean return while the benchmark rose (or fell) over the benchmark's.
func capture(s *sample, sign float64) float64 {
	own, other := 0.0, 0.0
	for i, x := range s.b {
		if x*sign > 0 {
			own += s.r[i]
			other += x
		}
	}
	return over(own, other)
}

// active is the mean difference from the benchmark, and its deviation.
func active(s *sample) (mean, sd float64) {
	d := make([]float64, len(s.r))
	for i := range d {
		d[i] = s.r[i] - s.b[i]
	}
	mean, sd = spread(d)
	if flat(d) {
		sd = 0
	}
	return mean, sd
}

func relation() []Metric {
	list := []Metric{
		{Name: "beta", Title: "Beta", Unit: Ratio, Formula: "cov(r,b)/var(b)", Source: "Sharpe 1964", Quantstats: "beta", MinN: 2, Interval: true, Undefined: noBenchmark,
			Doc: "How much it moves with a movement of the benchmark by one.", compute: beta},
		{Name: "alpha", Title: "Jensen's alpha", Unit: FractionYear, Formula: "(mean(r-f) - beta mean(b-f)) N", Source: "Jensen 1968", Quantstats: "alpha", MinN: 2, Interval: true, Undefined: noBenchmark,
			Doc:     "Mean return of a year that beta does not explain. quantstats leaves the riskless return out of it; with rf = 0 both are the same.",
			compute: func(s *sample) float64 { return (s.mean - s.rf - beta(s)*(s.bmean-s.rf)) * s.per }},
		{Name: "r2", Title: "Share of variance explained", Unit: Fraction, Formula: "correlation^2", Source: "arithmetic", Quantstats: "r2", Least: "0", Most: "1", MinN: 2, Interval: true, Undefined: "one of them never moved",
			compute: func(s *sample) float64 { c := correlation(s); return c * c }},
		{Name: "correlation", Title: "Correlation", Unit: Ratio, Formula: "cov(r,b)/(sd(r) sd(b))", Source: "Pearson 1895", Least: "-1", Most: "1", MinN: 2, Interval: true, Undefined: "one of them never moved", compute: correlation},
		{Name: "tracking_error", Title: "Tracking error", Unit: FractionYear, Formula: "sd(r-b) sqrt(N)", Source: "Grinold and Kahn 1995", Least: "0", MinN: 2, Interval: true,
			compute: func(s *sample) float64 { _, sd := active(s); return sd * math.Sqrt(s.per) }},
		{Name: "information_ratio", Title: "Information ratio", Unit: Ratio, Formula: "mean(r-b)/sd(r-b) sqrt(N)", Source: "Grinold and Kahn 1995", MinN: 2, Interval: true, Undefined: "it never differed from the benchmark by another amount",
			Differs: "quantstats' info_ratio is per period, although its Sharpe ratio beside it is of a year. Here both are of a year.",
			compute: func(s *sample) float64 { m, sd := active(s); return over(m, sd) * math.Sqrt(s.per) }},
		{Name: "treynor", Title: "Treynor ratio", Unit: FractionYear, Formula: "mean(r-f) N / beta", Source: "Treynor 1965", MinN: 2, Interval: true, Undefined: "beta is 0 or not defined",
			Differs: "quantstats divides the total return of the whole history by beta, so the number grows with the length of the history. Here it is per year.",
			compute: func(s *sample) float64 { return over((s.mean-s.rf)*s.per, beta(s)) }},
		{Name: "up_capture", Title: "Up capture", Unit: Ratio, Formula: "sum of r where b > 0 / sum of b above 0", Source: "Morningstar, with arithmetic means", MinN: 2, Interval: true, Undefined: "the benchmark never rose",
			Doc: "Which part of the benchmark's rises it took.", compute: func(s *sample) float64 { return capture(s, 1) }},
		{Name: "down_capture", Title: "Down capture", Unit: Ratio, Formula: "sum of r where b < 0 / sum of b below 0", Source: "Morningstar, with arithmetic means", MinN: 2, Interval: true, Undefined: "the benchmark never fell",
			Doc: "Which part of the benchmark's falls it took: above 1 it fell more.", compute: func(s *sample) float64 { return capture(s, -1) }},
	}
	for i := range list {
		list[i].Group, list[i].Benchmark = Relation, true
	}
	return list
}

func correlation(s *sample) float64 { return over(s.cov, s.sd*math.Sqrt(s.bvar)) }

// quantstats are numbers that others look for, where ours is another.
func quantstats() []Metric {
	list := []Metric{
		{Name: "psr_qs", Instead: "psr", Title: "Probabilistic Sharpe ratio, quantstats", Unit: Probability, Formula: "psr with K = kurtosis", Quantstats: "psr", Least: "0", Most: "1", MinN: 4, Undefined: noMovement,
			compute: func(s *sample) float64 { return psr(s, kurtosis(s), 0) }},
		{Name: "ulcer_index_qs", Instead: "ulcer_index", Title: "Ulcer index, quantstats", Unit: Fraction, Formula: "sqrt(sum(D^2)/(n-1))", Quantstats: "ulcer_index", Least: "0", MinN: 2,
			compute: func(s *sample) float64 { return ulcer(s, 1) }},
		{Name: "upi_qs", Instead: "martin", Title: "Ulcer performance index, quantstats", Unit: Ratio, Formula: "comp / ulcer_index_qs", Quantstats: "upi", MinN: 2, Undefined: "it never fell",
			Doc:     "The total return of the whole history over a yearless index, so it grows with the length. The Martin ratio is what the source defines.",
			compute: func(s *sample) float64 { return over(s.wealth-1, ulcer(s, 1)) }},
		{Name: "serenity_qs", Title: "Serenity index, quantstats", Unit: Ratio, Formula: "sum(r) / (ulcer_index_qs p), p = -(mean of D below mean(D) - 1.645 sd(D)) / sd(r)", Quantstats: "serenity", MinN: 2, Undefined: "it never fell",
			Doc: "Takes drawdowns for returns and a normal quantile of them.",
			compute: func(s *sample) float64 {
				m, sd := spread(s.dd)
				pitfall := over(-meanBelow(s.dd, m+normalAt(0.05)*sd), s.sd)
				return over(s.sum, ulcer(s, 1)*pitfall)
			}},
		{Name: "cvar_qs", Instead: "cvar_historical_95", Title: "Expected shortfall 95 %, quantstats", Unit: Fraction, Formula: "mean of r below var_normal_95", Quantstats: "cvar95", MinN: 2,
			Doc:     "A historical mean below a normal quantile: neither is a shortfall at 95 % unless returns are normal.",
			compute: func(s *sample) float64 { return meanBelow(s.r, valueAtRisk(s, Normal, 0.05)) }},
		{Name: "recovery_qs", Instead: "recovery_factor", Title: "Recovery factor, quantstats", Unit: Ratio, Formula: "|sum(r)| / |max_drawdown|", Quantstats: "recovery", Least: "0", MinN: 1, Undefined: "it never fell",
			Doc:     "The sign is lost, and a sum of returns is not what was earned: recovery_factor has the total return.",
			compute: func(s *sample) float64 { return over(math.Abs(s.sum), -s.deepest) }},
		{Name: "information_ratio_qs", Instead: "information_ratio", Title: "Information ratio, quantstats", Unit: Ratio, Formula: "mean(r-b)/sd(r-b)", Quantstats: "info_ratio", MinN: 2, Benchmark: true, Undefined: "it never differed from the benchmark by another amount",
			compute: func(s *sample) float64 { m, sd := active(s); return over(m, sd) }},
		{Name: "treynor_qs", Instead: "treynor", Title: "Treynor ratio, quantstats", Unit: Ratio, Formula: "comp / beta", Quantstats: "treynor", MinN: 2, Benchmark: true, Undefined: "beta is 0 or not defined",
			compute: func(s *sample) float64 { return over(s.wealth-1, beta(s)) }},
	}
	for i := range list {
		list[i].Group, list[i].Source = Quantstat, "quantstats 0.0.81"
		if list[i].Doc == "" {
			list[i].Doc = "For comparison. " + list[i].Instead + " is what we recommend."
		}
	}
	return list
}
