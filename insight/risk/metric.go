package risk

import (
	"strings"

	"github.com/assayhq/assay/fault"
)

// Metric is a measure told as data.
type Metric struct {
	Name      string // snake case, unique: max_drawdown
	Title     string // Maximum drawdown
	Group     Group
	Unit      Unit
	Formula   string // as text; the words are explained by Terms
	Source    string // who published it
	Doc       string // what it tells, and what to beware of
	Undefined string // when there is no value
	Least     string // of its range, "" for no bound; text, because a bound may be open
	Most      string
	MinN      int  // returns that it takes to be defined
	Benchmark bool // it needs one
	Interval  bool // an interval by block bootstrap is told with it
	// Quantstats is the name under which quantstats 0.0.81 tells this very number, "" when
	// it does not tell it.
	Quantstats string
	// Differs says how and why the number differs from what quantstats has under this name;
	// "" when there is no difference.
	Differs string
	// Instead names the metric that we recommend instead of this one, "" for none: of those
	// that are here only because quantstats has them.
	Instead string

	compute func(*sample) float64 // NaN when not defined
}

// Definition names the metric together with the version of its formula: a formula that
// changes gets another version.
func (m *Metric) Definition() string { return "risk." + m.Name + "/1" }

// Group is what a metric is about.
type Group string

// The groups.
const (
	Growth    Group = "Growth"
	Movement  Group = "Movement"
	Reward    Group = "Reward for risk"
	Fall      Group = "Drawdown"
	Tail      Group = "Tails"
	Games     Group = "Wins and losses"
	Relation  Group = "Beside a benchmark"
	Quantstat Group = "As quantstats has it"
)

// Unit is what a value is in.
type Unit string

// The units.
const (
	Fraction     Unit = "fraction"          // 0.01 is one per cent
	FractionYear Unit = "fraction per year" // 0.01 is one per cent a year
	Ratio        Unit = "ratio"
	Probability  Unit = "probability"
	PeriodCount  Unit = "periods"
)

// Terms explains the words of the formulas.
func Terms() string {
	return "r is the simple return of a period as a fraction, n how many there are, N how many periods a year has, f the riskless return of a period ((1+rf)^(1/N) - 1), b the benchmark's return at the same time; mean, sd (with n-1), q(p) the p-quantile (linear between values); W the value that 1 at the start has grown to, D = W / highest W so far (1 at the start counts) - 1."
}

// Find gives a metric of a catalogue by its name. The error is Unknown and names what is near.
func Find(catalogue []Metric, name string) (*Metric, error) {
	low := strings.ToLower(name)
	var near []string
	for i := range catalogue {
		n := catalogue[i].Name
		if n == low {
			return &catalogue[i], nil
		}
		if len(low) >= 2 && len(low) < 40 && (strings.Contains(n, low) || strings.HasPrefix(n, low[:2])) {
			near = append(near, n)
		}
	}
	if len(name) > 40 {
		name = name[:40] + "..."
	}
	if len(near) > 0 {
		return nil, fault.At(fault.Unknown, "metric", "there is no metric %q; near it are %s", name, strings.Join(near[:min(5, len(near))], ", "))
	}
	return nil, fault.At(fault.Unknown, "metric", "there is no metric %q; `assay risk --list` names them", name)
}
