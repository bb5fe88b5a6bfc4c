package main

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/insight/indicator"
	"github.com/assayhq/assay/insight/study"
	"github.com/assayhq/assay/internal/plot"
	"github.com/assayhq/assay/market"
)

// shownBars is how many bars a picture of an indicator has.
const shownBars = 80

// indicatorPages are the files of the manual of indicators, by name.
func indicatorPages() (map[string][]byte, error) {
	catalogue := indicator.Catalogue()
	files := map[string][]byte{"README.md": indicatorIndex(catalogue)}
	series := generated(161, 4000, time.Hour)
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
	c := plot.Chart{Title: s.Label, Note: notMarket + " " + strconv.Itoa(shownBars) + " bars.", Panels: panels}
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
