package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/insight/indicator"
	"github.com/assayhq/assay/insight/study"
	"github.com/assayhq/assay/internal/plot"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

// indicatorDoc is the command that writes the manual of indicators.
func (c *cli) indicatorDoc() *cobra.Command {
	return &cobra.Command{
		Use: "doc DIR", Short: "Write a page and a picture of each indicator into a folder", Args: cobra.ExactArgs(1),
		Long:    "Doc writes an index, and for each indicator a page in Markdown with a picture (SVG)\nover a generated series, not market data. The same program writes the same bytes.",
		Example: "  assay indicator doc docs/insight/indicators",
		RunE: func(_ *cobra.Command, args []string) error {
			files, err := indicatorPages(indicator.Catalogue())
			if err != nil {
				return err
			}
			return writeManual(args[0], files)
		},
	}
}

// writeManual makes a folder's pages and pictures be those of files, by name.
func writeManual(dir string, files map[string][]byte) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fault.Wrap(fault.Invalid, err, "%s cannot be made", dir)
	}
	there, err := os.ReadDir(dir)
	if err != nil {
		return fault.Wrap(fault.Invalid, err, "%s cannot be read", dir)
	}
	for _, e := range there { // pages of what is no more
		if ext := filepath.Ext(e.Name()); files[e.Name()] == nil && (ext == ".md" || ext == ".svg") {
			return fault.New(fault.Invalid, "%s is no page of the catalogue: remove it, or choose another folder", filepath.Join(dir, e.Name()))
		}
	}
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			return fault.Wrap(fault.Invalid, err, "%s cannot be written", name)
		}
	}
	return nil
}

// indicatorPages are the files of the manual of a catalogue, by name.
func indicatorPages(catalogue []indicator.Function) (map[string][]byte, error) {
	files := map[string][]byte{"README.md": indicatorIndex(catalogue)}
	series := generated()
	bars := study.NewBars(series)
	for i := range catalogue {
		f := &catalogue[i]
		list, err := study.Parse(catalogue, f.Name, study.Close, 1)
		if err != nil {
			return nil, err
		}
		picture, caption, err := picture(&list[0], series, &bars)
		if err != nil {
			return nil, err
		}
		files[f.Name+".svg"] = picture
		files[f.Name+".md"] = indicatorPage(&list[0], caption)
	}
	return files, nil
}

func indicatorIndex(catalogue []indicator.Function) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Indicators\n\n%d technical indicators, computed over candles: all of TA-Lib under its names, and the usual ones beyond it.\nWritten by `assay indicator doc` (`make gen`) from the catalogue; do not edit these pages.\nPictures are over a generated series, not market data. How to add one: [recipe](../../recipes/indicator.md).\nOver HTTP: `/v1/indicators`; as a stream: channel `indicators` in [streams](../../reference/stream.md).\n", len(catalogue))
	var groups []indicator.Group
	for i := range catalogue {
		if !slices.Contains(groups, catalogue[i].Group) {
			groups = append(groups, catalogue[i].Group)
		}
	}
	slices.Sort(groups)
	for _, g := range groups {
		fmt.Fprintf(&b, "\n## %s\n\n| name | title | parameters |\n|---|---|---|\n", g)
		for i := range catalogue {
			if f := &catalogue[i]; f.Group == g {
				v, _ := f.Set(nil) // defaults are always taken
				fmt.Fprintf(&b, "| [%s](%s.md) | %s | %s |\n", f.Name, f.Name, cellText(f.Title), cellText(f.Settings(v)))
			}
		}
	}
	return b.Bytes()
}

func indicatorPage(s *study.Study, caption string) []byte {
	f := s.Function
	var b bytes.Buffer
	p := func(format string, a ...any) { fmt.Fprintf(&b, format, a...) }
	p("<!-- Written by `assay indicator doc`. -->\n# %s: %s\n\n[%s](README.md)\n\n%s\n\n![%s](%s.svg)\n\n*%s*\n\n## Formula\n\n```text\n%s\n```\n", f.Name, f.Title, f.Group, f.Doc, s.Label, f.Name, caption, wrap(f.Formula))
	p("\n## Inputs and parameters\n\n| input | column when nothing is said |\n|---|---|\n")
	for _, in := range f.Inputs {
		p("| `%s` | %s |\n", in, in.Column())
	}
	if len(f.Params) > 0 {
		p("\n| parameter | default | range | |\n|---|---|---|---|\n")
		for i, q := range f.Params {
			span := fmt.Sprintf("%v to %v", q.Min, q.Max)
			if q.Choices != nil {
				span = strings.Join(q.Choices, ", ")
			}
			p("| `%s` (`%s`) | %s | %s | %s |\n", q.Short(), q.Name, q.Text(s.Values[i]), span, cellText(q.Doc))
		}
	}
	p("\n## Outputs\n\n| output | unit | range | |\n|---|---|---|---|\n")
	for _, o := range f.Outputs {
		span := ""
		if o.Least != o.Most {
			span = fmt.Sprintf("%v to %v", o.Least, o.Most)
		}
		p("| `%s` | %s | %s | %s |\n", o.Name, o.Unit, span, cellText(o.Doc))
	}
	p("\nThe first value is at bar %d, counted from 0", s.Begin())
	switch n := f.Settle(s.Values); {
	case n > 0:
		p("; %d bars later a longer history would change it by less than a millionth", n)
	case n < 0:
		p("; it is a running total and depends on where the series begins for ever")
	}
	p(". Values are statistics in floating point.\n\n## Ask for it\n\n```sh\ncurl -H \"Authorization: Bearer $ASSAY_API_KEY\" \"$ASSAY_BASE_URL/v1/indicators/values/BTC-USD?interval=1h&functions=%s\"\nassay indicator %s BTC-1h.csv\n```\n", s.Label, f.Name)
	p("\n```json\n{\"op\":\"subscribe\",\"topics\":[{\"ch\":\"indicators\",\"pair\":\"BTC-USD\",\"interval\":\"1m\",\"functions\":\"%s\"}]}\n```\n\n## Source\n\n%s\n", s.Label, f.Source)
	if f.Notes != "" {
		p("\n## Notes\n\n%s\n", f.Notes)
	}
	return b.Bytes()
}

// cellText is text within a table.
func cellText(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

const (
	shownBars = 80
	seriesLen = 4000
)

// generated is a series with the look of a market and no meaning: a walk with calm and wild
// days. It uses sums and products only, so that it is the same on every machine.
func generated() []market.Candle {
	r := rand.New(rand.NewPCG(2026, 161))
	bell := func() float64 { // nearly normal
		sum := -6.0
		for range 12 {
			sum += r.Float64()
		}
		return sum
	}
	list := make([]market.Candle, seriesLen)
	price, wild, drift := 100.0, 0.01, 0.0
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range list {
		wild = float64(wild*0.95) + float64(0.05*0.004) + float64(float64(0.0012*bell())*bell())
		wild = min(max(wild, 0.002), 0.03)
		if i%50 == 0 {
			drift = float64(0.002 * bell())
		}
		open := price + float64(float64(price*wild)*float64(0.1*bell()))
		price = open * (1 + drift + float64(wild*bell()))
		if price < 40 || price > 250 {
			drift = -drift
		}
		price = min(max(price, 30), 300)
		high := max(open, price) * (1 + float64(float64(wild*0.7)*max(0, float64(0.5*bell())+0.3)))
		low := min(open, price) * (1 - float64(float64(wild*0.7)*max(0, float64(0.5*bell())+0.3)))
		d := func(x float64) money.Price { return money.Price{Decimal: money.MustNew(int64(x*100+0.5), 2)} }
		list[i] = market.Candle{Open: start.Add(time.Duration(i) * time.Hour), O: d(open), H: d(high), L: d(low), C: d(price),
			Volume: money.Qty{Decimal: money.MustNew(int64(1000+float64(wild*4e5)+float64(300*r.Float64())), 1)}, Complete: true}
	}
	return list
}

// picture draws a study over the newest bars, or over those where a mark was last seen.
func picture(s *study.Study, series []market.Candle, bars *study.Bars) (svg []byte, caption string, err error) {
	f := s.Function
	caption = s.Label + " over a generated series, not market data."
	over := *bars
	if f.Group == indicator.MathShape { // of numbers that they are meant for
		for _, c := range s.Columns {
			over[c] = rescaled(bars[c])
		}
		caption = s.Label + " of a generated series scaled to 0.1 to 0.9, not market data."
	}
	out, err := s.Batch(&over)
	if err != nil {
		return nil, "", err
	}
	from := len(series) - shownBars
	for i, o := range f.Outputs {
		if o.Form != indicator.Marks {
			continue
		}
		at := len(series) - 1
		for at > 0 && !(out[i][at] != 0 && out[i][at] == out[i][at]) {
			at--
		}
		if at == 0 {
			caption += " It is rare: it does not occur in this series."
		} else {
			from = min(from, max(0, at-shownBars*2/3))
		}
	}
	price := plot.Panel{Height: 170, Digits: 1}
	for _, k := range series[from : from+shownBars] {
		price.Bars = append(price.Bars, plot.Bar{Open: k.O.Float64(), High: k.H.Float64(), Low: k.L.Float64(), Close: k.C.Float64()})
	}
	panels := []plot.Panel{price}
	units := map[indicator.Unit]int{} // a panel for each unit
	for i, o := range f.Outputs {
		q := plot.Series{Name: o.Name, Values: out[i][from : from+shownBars]}
		switch o.Form {
		case indicator.Histogram:
			q.Form = plot.Histogram
		case indicator.Band:
			q.Form = plot.Thin
		case indicator.Dots:
			q.Form = plot.Dots
		case indicator.Marks:
			q.Form = plot.Marks
		}
		at := 0
		if !o.OnPrice && o.Form != indicator.Marks {
			var ok bool
			if at, ok = units[o.Unit]; !ok {
				at = len(panels)
				units[o.Unit] = at
				panels = append(panels, plot.Panel{Height: 90, Guides: []float64{0}, Digits: 2})
				if o.Least != o.Most {
					panels[at].Guides = append(panels[at].Guides, (o.Least+o.Most)/2)
				}
			}
		}
		panels[at].Series = append(panels[at].Series, q)
	}
	c := plot.Chart{Title: s.Label, Note: "Generated series, not market data. " + strconv.Itoa(shownBars) + " bars.", Panels: panels}
	return c.SVG(), caption, nil
}

// rescaled puts a column into 0.1 to 0.9.
func rescaled(column []float64) []float64 {
	least, most := slices.Min(column), slices.Max(column)
	out := make([]float64, len(column))
	for i, x := range column {
		out[i] = 0.1 + float64(0.8*(x-least)/(most-least))
	}
	return out
}
