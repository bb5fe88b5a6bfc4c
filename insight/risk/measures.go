package risk

import "math"

func growth() []Metric {
	return []Metric{
		{Name: "comp", Title: "Total return", Group: Growth, Unit: Fraction, Formula: "prod(1+r) - 1", Source: "arithmetic", Quantstats: "comp", Least: "-1", MinN: 1, Interval: true,
			Doc:     "What holding from the first price to the last earned.",
			compute: func(s *sample) float64 { return s.wealth - 1 }},
		{Name: "cagr", Title: "Compound annual growth", Group: Growth, Unit: FractionYear, Formula: "prod(1+r)^(N/n) - 1", Source: "arithmetic", Quantstats: "cagr", Least: "-1", MinN: 1, Interval: true,
			Doc:     "The constant yearly growth that gives the same total. Of less than a year it is an extrapolation.",
			compute: cagr},
		{Name: "mean", Title: "Mean return", Group: Growth, Unit: Fraction, Formula: "mean(r)", Source: "arithmetic", Least: "-1", MinN: 1, Interval: true,
			Doc: "Per period, arithmetic.", compute: func(s *sample) float64 { return s.mean }},
		{Name: "geometric_mean", Title: "Geometric mean return", Group: Growth, Unit: Fraction, Formula: "prod(1+r)^(1/n) - 1", Source: "arithmetic", Least: "-1", MinN: 1, Interval: true,
			Doc: "Per period: what compounding leaves of the mean.", compute: func(s *sample) float64 { return math.Pow(s.wealth, 1/float64(len(s.r))) - 1 }},
		{Name: "best", Title: "Best period", Group: Growth, Unit: Fraction, Formula: "max(r)", Source: "arithmetic", Least: "-1", MinN: 1,
			compute: func(s *sample) float64 { return s.sorted[len(s.sorted)-1] }},
		{Name: "worst", Title: "Worst period", Group: Growth, Unit: Fraction, Formula: "min(r)", Source: "arithmetic", Least: "-1", MinN: 1,
			compute: func(s *sample) float64 { return s.sorted[0] }},
	}
}

func cagr(s *sample) float64 {
	return math.Pow(s.wealth, s.per/float64(len(s.r))) - 1
}

func movement() []Metric {
	return []Metric{
		{Name: "volatility", Title: "Volatility", Group: Movement, Unit: FractionYear, Formula: "sd(r) sqrt(N)", Source: "Markowitz 1952", Quantstats: "volatility", Least: "0", MinN: 2, Interval: true,
			Doc:     "Of a year, from the movement per period as if periods were independent.",
			compute: func(s *sample) float64 { return s.sd * math.Sqrt(s.per) }},
		{Name: "downside_deviation", Title: "Downside deviation", Group: Movement, Unit: FractionYear, Formula: "sqrt(sum(min(r-f,0)^2)/n) sqrt(N)", Source: "Sortino and van der Meer 1991", Least: "0", MinN: 1, Interval: true,
			Doc:     "As volatility, of falls only. All periods are divided by, also those that rose.",
			compute: func(s *sample) float64 { return math.Sqrt(s.below/float64(len(s.r))) * math.Sqrt(s.per) }},
		{Name: "skew", Title: "Skewness", Group: Movement, Unit: Ratio, Formula: "n sqrt(n-1)/(n-2) sum((r-mean)^3) / sum((r-mean)^2)^1.5", Source: "Joanes and Gill 1998, G1", Quantstats: "skew", MinN: 3, Interval: true,
			Doc: "Below zero: the far falls are farther than the far rises.", Undefined: "all returns are equal", compute: skew},
		{Name: "kurtosis", Title: "Excess kurtosis", Group: Movement, Unit: Ratio, Formula: "n(n+1)(n-1)/((n-2)(n-3)) sum((r-mean)^4)/sum((r-mean)^2)^2 - 3(n-1)^2/((n-2)(n-3))", Source: "Joanes and Gill 1998, G2", Quantstats: "kurtosis", MinN: 4, Interval: true,
			Doc: "0 for a normal distribution; above it extremes are more frequent than there.", Undefined: "all returns are equal", compute: kurtosis},
		{Name: "autocorr_penalty", Title: "Autocorrelation penalty", Group: Movement, Unit: Ratio, Formula: "sqrt(1 + 2 sum over k=1..n-1 of (n-k)/n |c|^k), c the correlation of r with the r before", Source: "after Lo 2002", Quantstats: "autocorr_penalty", Least: "1", MinN: 3, Interval: true,
			Doc:       "What volatility of a year is larger by than its square root says, if returns follow each other. The absolute value makes reversal count as a penalty, too.",
			Undefined: "all returns are equal", compute: penalty},
	}
}

func skew(s *sample) float64 {
	n := float64(len(s.r))
	return over(n*math.Sqrt(n-1)/(n-2)*s.m3, math.Pow(s.m2, 1.5))
}

func kurtosis(s *sample) float64 {
	n := float64(len(s.r))
	return over(n*(n+1)*(n-1)*s.m4, (n-2)*(n-3)*s.m2*s.m2) - 3*(n-1)*(n-1)/((n-2)*(n-3))
}

func penalty(s *sample) float64 {
	n := len(s.r)
	if s.m2 == 0 {
		return math.NaN()
	}
	c := math.Abs(pearson(s.r[:n-1], s.r[1:]))
	if math.IsNaN(c) {
		return c
	}
	total, p := 0.0, 1.0
	for k := 1; k < n && p > 1e-18; k++ {
		p *= c
		total += float64(float64(n-k) / float64(n) * p)
	}
	return math.Sqrt(1 + 2*total)
}

func sharpe(s *sample) float64 { return over(s.mean-s.rf, s.sd) }

func sortino(s *sample) float64 {
	return over(s.mean-s.rf, math.Sqrt(s.below/float64(len(s.r)))) * math.Sqrt(s.per)
}

const noMovement = "all returns are equal"
const noFall = "no return is below the riskless one"

func reward() []Metric {
	return []Metric{
		{Name: "sharpe", Title: "Sharpe ratio", Group: Reward, Unit: Ratio, Formula: "mean(r-f)/sd(r) sqrt(N)", Source: "Sharpe 1994", Quantstats: "sharpe", MinN: 2, Interval: true, Undefined: noMovement,
			Doc:     "Mean return for its movement, of a year. With the arithmetic mean, never the compound growth.",
			compute: func(s *sample) float64 { return sharpe(s) * math.Sqrt(s.per) }},
		{Name: "smart_sharpe", Title: "Sharpe ratio over the autocorrelation penalty", Group: Reward, Unit: Ratio, Formula: "sharpe / autocorr_penalty", Source: "after Lo 2002", Quantstats: "smart_sharpe", MinN: 3, Interval: true, Undefined: noMovement,
			compute: func(s *sample) float64 { return over(sharpe(s)*math.Sqrt(s.per), penalty(s)) }},
		{Name: "sortino", Title: "Sortino ratio", Group: Reward, Unit: Ratio, Formula: "mean(r-f)/sqrt(sum(min(r-f,0)^2)/n) sqrt(N)", Source: "Sortino and van der Meer 1991", Quantstats: "sortino", MinN: 1, Interval: true, Undefined: noFall,
			Doc: "As Sharpe, over falls only.", compute: sortino},
		{Name: "adjusted_sortino", Title: "Sortino ratio comparable with Sharpe", Group: Reward, Unit: Ratio, Formula: "sortino / sqrt(2)", Source: "Schwager 2012", Quantstats: "adjusted_sortino", MinN: 1, Interval: true, Undefined: noFall,
			compute: func(s *sample) float64 { return sortino(s) / math.Sqrt2 }},
		{Name: "psr", Title: "Probabilistic Sharpe ratio", Group: Reward, Unit: Probability, Formula: "Phi(S sqrt(n-1) / sqrt(1 - skew S + (K-1)/4 S^2)), S = mean(r-f)/sd(r) per period, K = kurtosis + 3", Source: "Bailey and Lopez de Prado 2012", Least: "0", Most: "1", MinN: 4, Undefined: noMovement,
			Doc:     "How probable it is that the true Sharpe ratio is above zero, given length, skewness and fat tails. It knows of no other trials: see DeflatedSharpe.",
			Differs: "quantstats puts the excess kurtosis where the formula has the whole one, and so takes 3/4 S^2 too little.",
			compute: func(s *sample) float64 { return psr(s, kurtosis(s)+3, 0) }},
		{Name: "omega", Title: "Omega ratio", Group: Reward, Unit: Ratio, Formula: "sum max(r-f,0) / sum max(f-r,0)", Source: "Keating and Shadwick 2002", Quantstats: "omega", Least: "0", MinN: 1, Interval: true, Undefined: noFall,
			Doc: "Gains over losses around the riskless return.", compute: func(s *sample) float64 {
				up, down := 0.0, 0.0
				for _, x := range s.r {
					if e := x - s.rf; e > 0 {
						up += e
					} else {
						down -= e
					}
				}
				return over(up, down)
			}},
		{Name: "gain_to_pain", Title: "Gain to pain", Group: Reward, Unit: Ratio, Formula: "sum(r) / |sum of r below 0|", Source: "Schwager 2012", Quantstats: "gain_to_pain", Least: "-1", MinN: 1, Interval: true, Undefined: "no return is below zero",
			compute: func(s *sample) float64 { return over(s.sum, -s.losses) }},
		{Name: "calmar", Title: "Calmar ratio", Group: Reward, Unit: Ratio, Formula: "cagr / |max_drawdown|", Source: "Young 1991", Quantstats: "calmar", MinN: 1, Interval: true, Undefined: "it never fell",
			compute: func(s *sample) float64 { return over(cagr(s), -s.deepest) }},
		{Name: "martin", Title: "Martin ratio", Group: Reward, Unit: Ratio, Formula: "(cagr - rf) / ulcer_index", Source: "Martin and McCann 1989", MinN: 1, Interval: true, Undefined: "it never fell",
			Doc:     "Also called Ulcer performance index.",
			compute: func(s *sample) float64 { return over(cagr(s)-(math.Pow(1+s.rf, s.per)-1), ulcer(s, 0)) }},
		{Name: "recovery_factor", Title: "Recovery factor", Group: Reward, Unit: Ratio, Formula: "comp / |max_drawdown|", Source: "arithmetic", MinN: 1, Interval: true, Undefined: "it never fell",
			compute: func(s *sample) float64 { return over(s.wealth-1, -s.deepest) }},
		{Name: "risk_return", Title: "Mean over deviation, per period", Group: Reward, Unit: Ratio, Formula: "mean(r)/sd(r)", Source: "quantstats", Quantstats: "risk_return", MinN: 2, Interval: true, Undefined: noMovement,
			compute: func(s *sample) float64 { return over(s.mean, s.sd) }},
		{Name: "kelly", Title: "Kelly share", Group: Reward, Unit: Fraction, Formula: "(payoff w - (1-w))/payoff, w = win_rate", Source: "Kelly 1956, of a bet with two outcomes", Quantstats: "kelly", Most: "1", MinN: 2, Interval: true, Undefined: "it never rose or never fell",
			Doc:     "The share of the fortune to stake if each period were a bet that wins the mean gain or loses the mean loss. An upper bound, not advice.",
			compute: func(s *sample) float64 { w := winRate(s); return over(payoff(s)*w-(1-w), payoff(s)) }},
	}
}

// psr is the probability that the Sharpe ratio per period is above one, with kurtosis k.
func psr(s *sample, k, above float64) float64 {
	S := sharpe(s)
	v := 1 - skew(s)*S + (k-1)/4*S*S
	if v <= 0 {
		return math.NaN()
	}
	return normalUpTo((S - above) * math.Sqrt(float64(len(s.r)-1)) / math.Sqrt(v))
}

func ulcer(s *sample, less float64) float64 {
	return math.Sqrt(s.ddSquares / (float64(len(s.r)) - less))
}

func fall() []Metric {
	return []Metric{
		{Name: "max_drawdown", Title: "Maximum drawdown", Group: Fall, Unit: Fraction, Formula: "min(D)", Source: "arithmetic", Quantstats: "max_drawdown", Least: "-1", Most: "0", MinN: 1, Interval: true,
			Doc:     "The deepest fall from a high before it. The start counts as a high. The interval is the spread over shuffled histories, not an error of this one.",
			compute: func(s *sample) float64 { return s.deepest }},
		{Name: "average_drawdown", Title: "Mean distance from the high", Group: Fall, Unit: Fraction, Formula: "mean(D)", Source: "Pain index, Becker 2006", Least: "-1", Most: "0", MinN: 1, Interval: true,
			compute: func(s *sample) float64 { return sum(s.dd) / float64(len(s.dd)) }},
		{Name: "longest_drawdown", Title: "Longest time under a high", Group: Fall, Unit: PeriodCount, Formula: "longest run of D < 0", Source: "arithmetic", Least: "0", MinN: 1,
			compute: func(s *sample) float64 { return runs(s.dd, func(d float64) bool { return d < 0 }) }},
		{Name: "ulcer_index", Title: "Ulcer index", Group: Fall, Unit: Fraction, Formula: "sqrt(sum(D^2)/n)", Source: "Martin and McCann 1989", Least: "0", Most: "1", MinN: 1, Interval: true,
			Doc:     "Depth and length of falls in one number.",
			Differs: "quantstats divides by n-1. That corrects a variance around an estimated mean; here no mean is estimated, and the source divides by n.",
			compute: func(s *sample) float64 { return ulcer(s, 0) }},
	}
}

func tail() []Metric {
	list := []Metric{
		{Name: "tail_ratio", Title: "Tail ratio", Group: Tail, Unit: Ratio, Formula: "|q(0.95)| / |q(0.05)|", Source: "empyrical", Quantstats: "tail_ratio", Least: "0", MinN: 2, Interval: true, Undefined: "the 5 % quantile is 0",
			Doc: "Above 1 the usual large rises are larger than the usual large falls.", compute: tailRatio},
	}
	for _, m := range []struct {
		method     Method
		var_, cvar string
		source     string
		doc        string
	}{
		{Historical, "q(0.05)", "mean of r at or below q(0.05)", "J.P. Morgan RiskMetrics 1996; Rockafellar and Uryasev 2000", "As it was; says nothing beyond the worst that happened."},
		{Normal, "mean + z sd, z = Phi^-1(0.05) = -1.645", "mean - sd phi(z)/0.05", "J.P. Morgan RiskMetrics 1996", "As if returns were normal, which they are not: beyond 99 % it is too small."},
		{CornishFisher, "mean + sd (z + (z^2-1)S/6 + (z^3-3z)K/24 - (2z^3-5z)S^2/36), S = skew, K = kurtosis", "mean of that over z of the probabilities below 0.05", "Cornish and Fisher 1938; Zangari 1996", "Normal, corrected for skewness and fat tails. Not monotone when they are extreme; then there is no value."},
	} {
		min_ := 2
		if m.method == CornishFisher {
			min_ = 4
		}
		v := Metric{Name: "var_" + string(m.method) + "_95", Title: "Value at risk 95 %, " + m.method.Title(), Group: Tail, Unit: Fraction, Formula: m.var_, Source: m.source, Doc: "The return of a period that one in twenty is below. " + m.doc, MinN: min_, Interval: true,
			compute: func(s *sample) float64 { return valueAtRisk(s, m.method, 0.05) }}
		c := Metric{Name: "cvar_" + string(m.method) + "_95", Title: "Expected shortfall 95 %, " + m.method.Title(), Group: Tail, Unit: Fraction, Formula: m.cvar, Source: m.source, Doc: "The mean of the worst twentieth of periods. " + m.doc, MinN: min_, Interval: true,
			compute: func(s *sample) float64 { return shortfall(s, m.method, 0.05) }}
		if m.method == CornishFisher {
			v.Undefined, c.Undefined = "skewness or kurtosis are beyond what the expansion is good for", "skewness or kurtosis are beyond what the expansion is good for"
		}
		if m.method == Normal {
			v.Quantstats = "var95"
		}
		list = append(list, v, c)
	}
	return append(list,
		Metric{Name: "outlier_win", Title: "Outlying gain", Group: Tail, Unit: Ratio, Formula: "q(0.99) / mean of r at or above 0", Source: "quantstats", Quantstats: "outlier_win", MinN: 2, Interval: true, Undefined: "no return is above zero",
			compute: func(s *sample) float64 {
				return over(quantile(s.sorted, 0.99), over(s.gains, float64(len(s.r)-s.falls)))
			}},
		Metric{Name: "outlier_loss", Title: "Outlying loss", Group: Tail, Unit: Ratio, Formula: "q(0.01) / mean of r below 0", Source: "quantstats", Quantstats: "outlier_loss", MinN: 2, Interval: true, Undefined: "no return is below zero",
			compute: func(s *sample) float64 { return over(quantile(s.sorted, 0.01), over(s.losses, float64(s.falls))) }},
	)
}

func tailRatio(s *sample) float64 {
	return math.Abs(over(quantile(s.sorted, 0.95), quantile(s.sorted, 0.05)))
}

func winRate(s *sample) float64 { return over(float64(s.wins), float64(s.moves)) }

func payoff(s *sample) float64 {
	return over(over(s.gains, float64(s.wins)), -over(s.losses, float64(s.falls)))
}

func profitFactor(s *sample) float64 { return over(s.gains, -s.losses) }

func games() []Metric {
	return []Metric{
		{Name: "win_rate", Title: "Share of periods that rose", Group: Games, Unit: Probability, Formula: "count(r > 0) / count(r != 0)", Source: "arithmetic", Quantstats: "win_rate", Least: "0", Most: "1", MinN: 1, Interval: true, Undefined: "nothing moved", compute: winRate},
		{Name: "avg_win", Title: "Mean gain", Group: Games, Unit: Fraction, Formula: "mean of r above 0", Source: "arithmetic", Quantstats: "avg_win", Least: "0", MinN: 1, Interval: true, Undefined: "it never rose",
			compute: func(s *sample) float64 { return over(s.gains, float64(s.wins)) }},
		{Name: "avg_loss", Title: "Mean loss", Group: Games, Unit: Fraction, Formula: "mean of r below 0", Source: "arithmetic", Quantstats: "avg_loss", Least: "-1", Most: "0", MinN: 1, Interval: true, Undefined: "it never fell",
			compute: func(s *sample) float64 { return over(s.losses, float64(s.falls)) }},
		{Name: "payoff", Title: "Mean gain over mean loss", Group: Games, Unit: Ratio, Formula: "avg_win / |avg_loss|", Source: "arithmetic", Quantstats: "payoff", Least: "0", MinN: 2, Interval: true, Undefined: "it never rose or never fell", compute: payoff},
		{Name: "profit_factor", Title: "Profit factor", Group: Games, Unit: Ratio, Formula: "sum of r above 0 / |sum of r below 0|", Source: "Schwager 1984", Quantstats: "profit_factor", Least: "0", MinN: 1, Interval: true, Undefined: "it never fell", compute: profitFactor},
		{Name: "profit_ratio", Title: "Profit ratio", Group: Games, Unit: Ratio, Formula: "(mean of r at or above 0 / their count) / |mean of r below 0 / their count|", Source: "quantstats", Quantstats: "profit_ratio", Least: "0", MinN: 2, Interval: true, Undefined: "it never fell",
			Doc: "Falls when gains are frequent, since means are divided by counts. payoff and profit_factor are clearer.",
			compute: func(s *sample) float64 {
				w, l := float64(len(s.r)-s.falls), float64(s.falls)
				return math.Abs(over(over(s.gains, w*w), over(s.losses, l*l)))
			}},
		{Name: "cpc", Title: "CPC index", Group: Games, Unit: Ratio, Formula: "profit_factor win_rate payoff", Source: "Wilcox and Crittenden, as quantstats has it", Quantstats: "cpc", Least: "0", MinN: 2, Interval: true, Undefined: "it never rose or never fell",
			compute: func(s *sample) float64 { return profitFactor(s) * winRate(s) * payoff(s) }},
		{Name: "common_sense", Title: "Common sense ratio", Group: Games, Unit: Ratio, Formula: "profit_factor tail_ratio", Source: "quantstats", Quantstats: "common_sense", Least: "0", MinN: 2, Interval: true, Undefined: "it never fell",
			compute: func(s *sample) float64 { return profitFactor(s) * tailRatio(s) }},
		{Name: "cons_wins", Title: "Longest run of gains", Group: Games, Unit: PeriodCount, Formula: "longest run of r > 0", Source: "arithmetic", Quantstats: "cons_wins", Least: "0", MinN: 1,
			compute: func(s *sample) float64 { return runs(s.r, func(x float64) bool { return x > 0 }) }},
		{Name: "cons_losses", Title: "Longest run of losses", Group: Games, Unit: PeriodCount, Formula: "longest run of r < 0", Source: "arithmetic", Quantstats: "cons_losses", Least: "0", MinN: 1,
			compute: func(s *sample) float64 { return runs(s.r, func(x float64) bool { return x < 0 }) }},
		{Name: "risk_of_ruin", Title: "Risk of ruin", Group: Games, Unit: Probability, Formula: "((1-w)/(1+w))^n, w = win_rate", Source: "quantstats", Quantstats: "risk_of_ruin", Least: "0", Most: "1", MinN: 1, Undefined: "nothing moved",
			Doc:     "Practically 0 for any series of some length, whatever its risk: it is here because people look for it.",
			compute: func(s *sample) float64 { w := winRate(s); return math.Pow((1-w)/(1+w), float64(len(s.r))) }},
	}
}
