package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/insight/risk"
)

// riskAsk is what assay risk is asked.
type riskAsk struct {
	file, benchmark, metric string
	periods, rf             float64
	rolling, resamples      int
	seed                    uint64
}

func (c *cli) risk() *cobra.Command {
	var list bool
	var ask riskAsk
	cmd := &cobra.Command{
		Use:   "risk [FILE]",
		Short: "Measure the risk of an asset from a file of bars",
		Long: `Risk reads bars from a CSV file (plain or gzip, - for standard input) with the columns
ts_ms,open,high,low,close,volume and tells what holding was like: growth, movement,
drawdowns, tails, and how it moved beside a benchmark. Returns are simple ones, from
close to close. Each value has the number of returns and a 95 % interval by a block
bootstrap with a seed, so that the same file gives the same answer.

A year has as many periods as its 365 days hold bars; --periods says otherwise. With
--rolling it prints one metric of each window instead. -o json has every number under
its name, and under "quantstats" what quantstats 0.0.81 says of the same prices.
Numbers are statistics in floating point, not money; times are UTC.`,
		Example: "  assay risk --list\n  assay risk BTC-1d.csv\n  assay risk ETH-1d.csv --benchmark BTC-1d.csv --rf 0.04\n  assay risk BTC-1d.csv --rolling 90 --metric volatility -o csv\n  assay risk BTC-1d.csv -o json",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if list && len(args) == 0 {
				return c.riskMetrics()
			}
			if len(args) == 0 {
				return usageError{fmt.Errorf("the file of bars is missing; --list prints the metrics")}
			}
			if cmd.Flags().Changed("metric") && ask.rolling == 0 {
				return usageError{fmt.Errorf("--metric is for --rolling, such as --rolling 90 --metric volatility")}
			}
			ask.file = args[0]
			if ask.file == "-" && ask.benchmark == "-" {
				return usageError{fmt.Errorf("only one of the files can be standard input")}
			}
			return c.measureRisk(ask, cmd.InOrStdin())
		},
	}
	cmd.AddCommand(c.manual("metric", "risk doc docs/insight/risk", riskPages))
	f := cmd.Flags()
	f.BoolVar(&list, "list", false, "print all metrics")
	f.StringVar(&ask.benchmark, "benchmark", "", "file of bars to compare with, by time")
	f.Float64Var(&ask.periods, "periods", 0, "periods in a year; default from the bars: 365 of days, 8760 of hours")
	f.Float64Var(&ask.rf, "rf", 0, "riskless return of a year, as a fraction such as 0.04")
	f.IntVar(&ask.rolling, "rolling", 0, "print one metric of each window of so many returns")
	f.StringVar(&ask.metric, "metric", "sharpe", "metric of --rolling")
	f.IntVar(&ask.resamples, "resamples", 400, "resamples for the intervals, 0 for no intervals")
	f.Uint64Var(&ask.seed, "seed", 1, "seed of the resamples")
	return cmd
}

// readPrices reads the closes of a file of bars.
func readPrices(path string, stdin io.Reader) (risk.Prices, []time.Time, error) {
	var at []time.Time
	var v []float64
	err := readBars(path, stdin, func(b *barRow) error {
		if len(v) == risk.MaxLength {
			return fault.New(fault.TooLarge, "%s has more than %d bars; take longer bars", path, risk.MaxLength)
		}
		at, v = append(at, time.UnixMilli(b.ts).UTC()), append(v, b.close)
		return nil
	})
	if err != nil {
		return risk.Prices{}, nil, err
	}
	p, err := risk.NewPrices(at, v)
	if err != nil {
		return risk.Prices{}, nil, fault.Wrap(fault.Of(err), err, "%s: %v", path, err)
	}
	return p, at, nil
}

// spacing is the usual time between bars.
func spacing(at []time.Time) time.Duration {
	var steps []time.Duration
	for i := 1; i < len(at); i++ {
		steps = append(steps, at[i].Sub(at[i-1]))
	}
	if steps == nil {
		return 0
	}
	slices.Sort(steps)
	return steps[len(steps)/2]
}

func (c *cli) measureRisk(ask riskAsk, stdin io.Reader) error {
	p, at, err := readPrices(ask.file, stdin)
	if err != nil {
		return err
	}
	if p.Len() < 2 {
		return fault.New(fault.Invalid, "%s has %d bars; a return takes two", ask.file, p.Len())
	}
	step := spacing(at)
	if ask.periods == 0 {
		ask.periods = risk.PerYear(step)
	}
	whole := p
	var bench, wholeBench *risk.Prices
	if ask.benchmark != "" {
		q, _, err := readPrices(ask.benchmark, stdin)
		if err != nil {
			return err
		}
		wholeBench = &q
		mine, theirs := risk.Align(p, q)
		if mine.Len() < 2 {
			return fault.New(fault.Invalid, "%s and %s have %d bars at equal times; a return takes two", ask.file, ask.benchmark, mine.Len())
		}
		p, bench = mine, &theirs
	}
	r, err := p.Returns(risk.Simple, ask.periods)
	if err != nil {
		return err
	}
	var b *risk.Returns
	if bench != nil {
		x, err := bench.Returns(risk.Simple, ask.periods)
		if err != nil {
			return err
		}
		b = &x
	}
	o := risk.Options{RiskFree: ask.rf, Resamples: ask.resamples, Seed: ask.seed}
	if o.Resamples == 0 {
		o.Resamples = -1
	}
	catalogue := risk.Catalogue()
	if ask.rolling != 0 {
		return c.rollRisk(catalogue, ask, r, b, o)
	}
	rep, err := risk.Measure(catalogue, r, b, o)
	if err != nil {
		return err
	}
	falls := risk.Drawdowns(r, 5)
	if c.output == "json" || c.output == "jsonl" {
		qs, err := risk.Quantstats(whole, wholeBench, ask.periods, ask.rf)
		if err != nil {
			return err
		}
		return writeJSON(c.out, riskJSON(ask, &rep, falls, qs, p.Holes(step)))
	}
	t := newTable("name", "value", "95 % interval", "unit", "n", "definition")
	for _, v := range rep.Values {
		value, interval := "-", ""
		if v.Known {
			value = figure(v.Value)
		} else {
			interval = v.Why
		}
		if v.Bounded {
			interval = figure(v.Low) + " to " + figure(v.High)
		}
		t.row(v.Metric.Name, value, interval, string(v.Metric.Unit), v.N, v.Metric.Definition())
	}
	if c.output == "csv" {
		return t.csv(c.out)
	}
	fmt.Fprintf(c.out, "%s: %d returns from %s to %s, %v a year, %d over missing bars, riskless %v a year\n", ask.file, rep.N, rep.From.UTC().Format("2006-01-02 15:04"), rep.To.UTC().Format("2006-01-02 15:04 MST"), ask.periods, p.Holes(step), ask.rf)
	if ask.benchmark != "" {
		fmt.Fprintf(c.out, "beside %s, by time\n", ask.benchmark)
	}
	fmt.Fprintln(c.out)
	if err := t.print(c.out); err != nil {
		return err
	}
	fmt.Fprintln(c.out, "\nDeepest falls (UTC)")
	if len(falls) == 0 {
		fmt.Fprintln(c.out, "none: it was never below its start or a high")
	} else {
		t = newTable("from", "lowest", "until", "depth", "days", "now")
		for _, d := range falls {
			until := "not yet"
			if d.Recovered {
				until = d.End.UTC().Format(time.DateOnly)
			}
			t.row(d.Start.UTC().Format(time.DateOnly), d.Trough.UTC().Format(time.DateOnly), until, fmt.Sprintf("%.1f%%", 100*d.Depth), fmt.Sprintf("%.0f", d.Days), fmt.Sprintf("%.1f%%", 100*d.Now))
		}
		if err := t.print(c.out); err != nil {
			return err
		}
	}
	fmt.Fprintln(c.out)
	for _, s := range risk.Reasons("It", &rep, falls) {
		fmt.Fprintln(c.out, s)
	}
	return nil
}

// rollRisk prints a metric of each window.
func (c *cli) rollRisk(catalogue []risk.Metric, ask riskAsk, r risk.Returns, b *risk.Returns, o risk.Options) error {
	m, err := risk.Find(catalogue, ask.metric)
	if err != nil {
		return err
	}
	points, err := risk.Rolling(m, r, b, ask.rolling, o)
	if err != nil {
		return err
	}
	t := newTable("time", m.Name)
	for _, x := range points {
		if c.output == "json" || c.output == "jsonl" {
			row := map[string]any{"ts": x.At.UnixMilli(), "value": nil}
			if x.Known {
				row["value"] = x.Value
			}
			if err := writeJSON(c.out, row); err != nil {
				return err
			}
			continue
		}
		v := ""
		if x.Known {
			v = figure(x.Value)
		}
		t.row(x.At.UTC().Format(time.RFC3339), v)
	}
	return c.printRows(t, "")
}

// riskJSON is the whole answer as one object.
func riskJSON(ask riskAsk, rep *risk.Report, falls []risk.Drawdown, qs map[string]float64, holes int) map[string]any {
	metrics := map[string]any{}
	for _, v := range rep.Values {
		row := map[string]any{"value": nil, "n": v.N, "unit": string(v.Metric.Unit), "definition": v.Metric.Definition()}
		if v.Known {
			row["value"] = v.Value
		} else {
			row["why"] = v.Why
		}
		if v.Bounded {
			row["low"], row["high"] = v.Low, v.High
		}
		metrics[v.Metric.Name] = row
	}
	list := []map[string]any{}
	for _, d := range falls {
		row := map[string]any{"start": d.Start.UTC(), "trough": d.Trough.UTC(), "end": nil, "depth": d.Depth, "now": d.Now, "days": d.Days, "periods": d.Periods}
		if d.Recovered {
			row["end"] = d.End.UTC()
		}
		list = append(list, row)
	}
	out := map[string]any{
		"file": ask.file, "from": rep.From.UTC(), "to": rep.To.UTC(), "returns": rep.N, "holes": holes, "periods_per_year": rep.PerYear, "rf": rep.RiskFree,
		"resamples": rep.Resamples, "block": rep.Block, "seed": rep.Seed, "metrics": metrics, "quantstats": qs, "drawdowns": list, "reasons": risk.Reasons("It", rep, falls),
	}
	if ask.benchmark != "" {
		out["benchmark"] = ask.benchmark
	}
	return out
}

// figure writes a statistic for people.
func figure(x float64) string {
	if a := math.Abs(x); a != 0 && (a < 0.0001 || a >= 1e7) {
		return fmt.Sprintf("%.3g", x)
	}
	return fmt.Sprintf("%.4f", x)
}

// riskMetrics prints the catalogue.
func (c *cli) riskMetrics() error {
	list := risk.Catalogue()
	if c.output == "json" || c.output == "jsonl" {
		for i := range list {
			m := &list[i]
			if err := writeJSON(c.out, map[string]any{"name": m.Name, "title": m.Title, "group": m.Group, "unit": m.Unit, "formula": m.Formula, "source": m.Source, "doc": m.Doc, "least": m.Least, "most": m.Most, "min_returns": m.MinN, "benchmark": m.Benchmark, "definition": m.Definition(), "quantstats": m.Quantstats, "differs": m.Differs}); err != nil {
				return err
			}
		}
		return nil
	}
	t := newTable("name", "title", "unit", "formula")
	for i := range list {
		t.row(list[i].Name, list[i].Title, string(list[i].Unit), list[i].Formula)
	}
	if c.output == "csv" {
		return t.csv(c.out)
	}
	fmt.Fprintf(c.out, "%s\n\n", wrap(strings.TrimSpace(risk.Terms())))
	return t.fit().print(c.out)
}
