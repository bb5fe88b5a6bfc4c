package risk

// Catalogue lists every metric, by group. It is made anew for each call: keep it.
func Catalogue() []Metric {
	var list []Metric
	for _, part := range [][]Metric{growth(), movement(), reward(), fall(), tail(), games(), relation(), quantstats()} {
		list = append(list, part...)
	}
	return list
}

// Difference is a number that is deliberately not quantstats'.
type Difference struct {
	Quantstats string // its name there
	Metric     string // ours, the one that we recommend; "" when we recommend none
	Same       string // the metric of ours that gives quantstats' number, "" when none does
	Reason     string
}

// Differences lists where the numbers are deliberately not those of quantstats 0.0.81.
func Differences() []Difference {
	list := []Difference{
		{"(all)", "(all)", "Quantstats", "pct_change().fillna(0) makes a return of 0 out of the first price, for which there is none. Here n prices make n-1 returns. Quantstats puts the zero back, so that its numbers can be compared."},
		{"(all)", "(all)", "", "Prices and returns are different types here. There they are told apart by looking at the numbers: a series that is never negative and above 1 somewhere is taken for prices."},
		{"(all)", "(all)", "", "What is not defined (a ratio over no losses, a deviation of one return) is absent with the reason. There it is infinite, NaN, or zero."},
		{"cagr", "cagr", "", "There it is abs(total + 1)^(N/n) - 1, so a loss of more than all becomes growth. Here a series that lost everything has -1, and a return below -1 is refused."},
	}
	catalogue := Catalogue()
	for _, q := range quantstats() {
		d := Difference{Quantstats: q.Quantstats, Metric: q.Instead, Same: q.Name, Reason: q.Doc}
		if m, err := Find(catalogue, q.Instead); err == nil && m.Differs != "" {
			d.Reason = m.Differs
		}
		list = append(list, d)
	}
	return list
}
