package main

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/assayhq/assay/insight/risk"
	"github.com/assayhq/assay/internal/plot"
)

const (
	riskDays   = 365 // returns of the generated series
	riskWindow = 90  // of the rolling form
)

// riskSeries is a generated asset with its benchmark, and what every metric says of them.
type riskSeries struct {
	closes, bench          []float64
	returns, benchReturns  risk.Returns
	report                 risk.Report
	movement, underTheHigh []float64
}

func newRiskSeries(catalogue []risk.Metric) (*riskSeries, error) {
	day := 24 * time.Hour
	s := &riskSeries{}
	var at []time.Time
	own := generated(2, riskDays+1, day)
	last, high := 0.0, 0.0
	for i, k := range generated(1, riskDays+1, day) {
		b := k.C.Float64()
		price, moved := 100.0, math.NaN()
		if i > 0 { // part of it is the benchmark's movement
			moved = float64(0.6*(b/s.bench[i-1]-1)) + float64(0.8*(own[i].C.Float64()/own[i-1].C.Float64()-1))
			price = last * (1 + moved)
		}
		last, high = price, max(high, price)
		at = append(at, k.Open)
		s.bench, s.closes = append(s.bench, b), append(s.closes, price)
		s.movement, s.underTheHigh = append(s.movement, moved), append(s.underTheHigh, price/high-1)
	}
	for _, x := range []struct {
		prices []float64
		into   *risk.Returns
	}{{s.closes, &s.returns}, {s.bench, &s.benchReturns}} {
		p, err := risk.NewPrices(at, x.prices)
		if err == nil {
			*x.into, err = p.Returns(risk.Simple, risk.PerYear(day))
		}
		if err != nil {
			return nil, err
		}
	}
	var err error
	s.report, err = risk.Measure(catalogue, s.returns, &s.benchReturns, risk.Options{})
	return s, err
}

// riskPages are the files of the manual of metrics, by name.
func riskPages() (map[string][]byte, error) {
	catalogue := risk.Catalogue()
	s, err := newRiskSeries(catalogue)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{"README.md": riskIndex(catalogue)}
	for i := range s.report.Values {
		v := &s.report.Values[i]
		picture, err := s.picture(v)
		if err != nil {
			return nil, err
		}
		files[v.Metric.Name+".svg"] = picture
		files[v.Metric.Name+".md"] = riskPage(v)
	}
	return files, nil
}

func riskIndex(catalogue []risk.Metric) []byte {
	var b bytes.Buffer
	p := func(format string, a ...any) { fmt.Fprintf(&b, format, a...) }
	p("# Risk metrics\n\n%d metrics, each with a page. What holds for all of them: [risk](../risk.md).\nWritten by `assay risk doc` (`make gen`) from the catalogue; do not edit these pages.\nPictures and values are of a generated series, not market data.\n\n## Words of the formulas\n\n%s\n", len(catalogue), markdown(risk.Terms()))
	group := risk.Group("")
	for i := range catalogue {
		m := &catalogue[i]
		if m.Group != group {
			group = m.Group
			p("\n## %s\n\n| name | title | unit | formula | quantstats |\n|---|---|---|---|---|\n", group)
		}
		p("| [%s](%s.md) | %s | %s | %s | %s |\n", m.Name, m.Name, markdown(m.Title), m.Unit, markdown(m.Formula), m.Quantstats)
	}
	p("\n## Where the numbers are deliberately not quantstats'\n\nThe numbers of quantstats 0.0.81 are told under its names beside ours, equal to 1e-9. These are the differences of what we recommend:\n\n| its name | ours | ours that equals it | why |\n|---|---|---|---|\n")
	for _, d := range risk.Differences() {
		p("| %s | %s | %s | %s |\n", d.Quantstats, d.Metric, d.Same, markdown(d.Reason))
	}
	return b.Bytes()
}

func riskPage(v *risk.Value) []byte {
	m := v.Metric
	var b bytes.Buffer
	p := func(format string, a ...any) { fmt.Fprintf(&b, format, a...) }
	p("<!-- Written by `assay risk doc`. -->\n# %s: %s\n\n[%s](README.md)\n\n", m.Name, m.Title, m.Group)
	if m.Doc != "" {
		p("%s\n\n", markdown(m.Doc))
	}
	p("![%s](%s.svg)\n\n*Each value of the line below is of the %d days that end there.*\n\n## On this series\n\n| value | 95 %% interval | unit | returns |\n|---|---|---|---|\n", m.Title, m.Name, riskWindow)
	value, interval := "none: "+v.Why, "none"
	if v.Known {
		value = figure(v.Value)
	}
	if v.Bounded {
		interval = figure(v.Low) + " to " + figure(v.High)
	}
	p("| %s | %s | %s | %d |\n\nGenerated, not market data: %d daily returns, riskless return 0", value, interval, m.Unit, v.N, v.N)
	if m.Benchmark {
		p(", beside a generated benchmark")
	}
	p(".\n\n## Formula\n\n```text\n%s\n```\n\nThe words are those of [the index](README.md#words-of-the-formulas).\n\n## Definition\n\n| | |\n|---|---|\n| definition | `%s` |\n| unit | %s |\n| range | %s |\n| least returns | %d |\n", wrap(m.Formula), m.Definition(), m.Unit, metricRange(m), m.MinN)
	if m.Undefined != "" {
		p("| no value when | %s |\n", markdown(m.Undefined))
	}
	p("| source | %s |\n", markdown(m.Source))
	if m.Quantstats != "" {
		p("| quantstats 0.0.81 | the same number as its `%s` |\n", m.Quantstats)
	}
	if m.Instead != "" {
		p("| better | [%s](%s.md) |\n", m.Instead, m.Instead)
	}
	for _, d := range risk.Differences() {
		if d.Metric == m.Name {
			p("\n## Not as quantstats\n\nIts `%s` is another number", d.Quantstats)
			if d.Same != "" {
				p(", here [%s](%s.md)", d.Same, d.Same)
			}
			p(". %s\n", markdown(d.Reason))
		}
	}
	bench, file := "", ""
	if m.Benchmark {
		bench, file = "&benchmark=BTC", " --benchmark BTC-1d.csv"
	}
	p("\n## Ask for it\n\n```sh\nassay risk ETH-1d.csv%s\nassay risk ETH-1d.csv%s --rolling %d --metric %s\ncurl -H \"Authorization: Bearer $ASSAY_API_KEY\" \"$ASSAY_BASE_URL/v1/risk/ETH?interval=1d&window=%d%s\"\ncurl -H \"Authorization: Bearer $ASSAY_API_KEY\" \"$ASSAY_BASE_URL/v1/risk/ETH/rolling?metric=%s&window=%d%s\"\n```\n", file, file, riskWindow, m.Name, riskDays, bench, m.Name, riskWindow, bench)
	return b.Bytes()
}

// metricRange tells the bounds of a metric.
func metricRange(m *risk.Metric) string {
	switch {
	case m.Least == "" && m.Most == "":
		return "any"
	case m.Least == "":
		return "up to " + m.Most
	case m.Most == "":
		return "from " + m.Least
	}
	return m.Least + " to " + m.Most
}

// picture has the series, what the metric is made of, and its rolling form with a line
// where the whole series stands.
func (s *riskSeries) picture(v *risk.Value) ([]byte, error) {
	m := v.Metric
	points, err := risk.Rolling(m, s.returns, &s.benchReturns, riskWindow, risk.Options{})
	if err != nil {
		return nil, err
	}
	rolling := nothing(riskWindow)
	for _, x := range points {
		if !x.Known {
			x.Value = math.NaN()
		}
		rolling = append(rolling, x.Value)
	}
	prices := plot.Panel{Height: 120, Digits: 0, Series: []plot.Series{{Name: "price", Values: s.closes}}}
	last := plot.Panel{Height: 120, Digits: 3, Series: []plot.Series{{Name: fmt.Sprintf("%s, of %d days", m.Name, riskWindow), Values: rolling}}}
	if v.Known {
		last.Guides = []float64{v.Value}
	}
	c := plot.Chart{Title: m.Title, Note: notMarket + " The faint line is the value of all days.", Panels: []plot.Panel{prices}}
	switch {
	case m.Benchmark:
		c.Panels[0].Series = append(c.Panels[0].Series, plot.Series{Name: "benchmark", Values: s.bench})
	case m.Group == risk.Fall || strings.Contains(m.Formula, "drawdown") || strings.Contains(m.Formula, "ulcer"):
		c.Panels = append(c.Panels, plot.Panel{Height: 60, Digits: 2, Series: []plot.Series{{Name: "under the high (D)", Values: s.underTheHigh}}})
	default:
		daily := plot.Panel{Height: 60, Digits: 2, Series: []plot.Series{{Name: "return (r)", Form: plot.Histogram, Values: s.movement}}}
		if m.Unit == risk.Fraction {
			daily.Guides = last.Guides
		}
		c.Panels = append(c.Panels, daily)
	}
	c.Panels = append(c.Panels, last)
	return c.SVG(), nil
}

// nothing is a column without values.
func nothing(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = math.NaN()
	}
	return out
}

// markdown is plain text in a page or a table.
func markdown(s string) string {
	return strings.NewReplacer("|", `\|`, "*", `\*`, "<", "&lt;").Replace(s)
}
