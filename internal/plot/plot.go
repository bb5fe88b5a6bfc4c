// Package plot draws small charts of series as SVG: candles, lines, histograms, dots and
// marks, in panels under each other.
//
// It is for the manual: a picture is a few kilobytes, has no script, font or style of
// another place, and the same chart gives the same bytes on every machine. It knows
// nothing of markets and does no I/O. cmd/assay calls it.
package plot

import (
	"math"
	"strconv"
	"strings"
)

// Chart is a picture.
type Chart struct {
	Title  string // for those who cannot see it, and above the first panel
	Note   string // small, at the foot: what the data is
	Panels []Panel
}

// Panel is a field of a chart with a scale of its own.
type Panel struct {
	Height int // in pixels
	Bars   []Bar
	Series []Series
	Guides []float64 // levels with a faint line; only those within the scale are drawn
	Digits int       // decimals of the scale's labels
}

// Bar is a candle.
type Bar struct{ Open, High, Low, Close float64 }

// Series is a value for each bar; NaN for none.
type Series struct {
	Name   string
	Form   Form
	Values []float64
}

// Form is how a series is drawn.
type Form uint8

// The forms.
const (
	Line Form = iota
	Thin      // a line that bounds others
	Histogram
	Dots
	Marks // arrows at the bars where it is not 0: below the bar above 0, over it below 0
)

// Pixels of a picture. Inside it a unit is a tenth of one, so that all numbers are whole.
const (
	width = 640
	left  = 8
	right = 70 // for the scale
	top   = 20 // of a panel, for its legend
	foot  = 18
)

// colours of series, in their order; the first is for the only one.
var colours = [...]string{"#1f5fbf", "#c2571a", "#2e8b57", "#8a4fbf", "#b8860b", "#b03060", "#4a7c8c", "#6b6b6b"}

// SVG is the picture.
func (c *Chart) SVG() []byte {
	height := foot
	for i := range c.Panels {
		height += top + c.Panels[i].Height
	}
	var b strings.Builder
	b.WriteString(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ` + strconv.Itoa(width) + " " + strconv.Itoa(height) + `" font-family="sans-serif" font-size="11" role="img"><title>` + escape(c.Title) + `</title><rect width="100%" height="100%" fill="#fff"/>` + "\n")
	y := 0
	for i := range c.Panels {
		p := &c.Panels[i]
		title := ""
		if i == 0 {
			title = c.Title
		}
		p.draw(&b, title, y+top)
		y += top + p.Height
	}
	text(&b, left, height-5, "#777", c.Note)
	b.WriteString("</svg>\n")
	return []byte(b.String())
}

// scale turns values into tenths of pixels, downwards.
type scale struct {
	least, most float64
	top, height int // pixels
	step        float64
}

func (p *Panel) scale(y int) scale {
	s := scale{least: math.Inf(1), most: math.Inf(-1), top: y, height: p.Height}
	see := func(x float64) {
		if !math.IsNaN(x) && !math.IsInf(x, 0) {
			s.least, s.most = min(s.least, x), max(s.most, x)
		}
	}
	n := len(p.Bars)
	for _, k := range p.Bars {
		see(k.High)
		see(k.Low)
	}
	for _, q := range p.Series {
		n = max(n, len(q.Values))
		if q.Form == Marks {
			continue
		}
		if q.Form == Histogram {
			see(0)
		}
		for _, x := range q.Values {
			see(x)
		}
	}
	switch {
	case s.least > s.most:
		s.least, s.most = 0, 1
	case s.least == s.most:
		s.least, s.most = s.least-1, s.most+1
	}
	s.step = float64(10*(width-left-right)) / float64(max(n, 1))
	return s
}

func (s *scale) x(i int) int { return 10*left + int(math.Round(s.step*(float64(i)+0.5))) }

func (s *scale) y(v float64) int {
	return 10*s.top + int(math.Round(float64(10*(s.height-8))*(s.most-v)/(s.most-s.least))) + 40
}

func (p *Panel) draw(b *strings.Builder, title string, y int) {
	s := p.scale(y)
	b.WriteString(`<g transform="scale(.1)" fill="none" stroke-width="12">` + "\n")
	edge := func(v float64, colour string) {
		b.WriteString(`<path stroke="` + colour + `" stroke-width="6" d="M` + strconv.Itoa(10*left) + " " + strconv.Itoa(s.y(v)) + "H" + strconv.Itoa(10*(width-right)) + `"/>` + "\n")
	}
	edge(s.least, "#ddd")
	edge(s.most, "#ddd")
	for _, g := range p.Guides {
		if g > s.least && g < s.most {
			edge(g, "#bbb")
		}
	}
	if len(p.Bars) > 0 {
		p.candles(b, &s)
	}
	x := left
	var legend strings.Builder
	if title != "" {
		text(&legend, x, y-6, "#222", title)
		x += 12 + 6*len(title)
	}
	for i := range p.Series {
		q := &p.Series[i]
		colour := colours[i%len(colours)]
		q.draw(b, &s, p.Bars, colour)
		if x+6*len(q.Name) < width-8 { // what does not fit stands in the table under the picture
			text(&legend, x, y-6, colour, q.Name)
			x += 12 + 6*len(q.Name)
		}
	}
	b.WriteString("</g>\n")
	b.WriteString(legend.String())
	for _, v := range append([]float64{s.most, s.least}, p.Guides...) {
		if v == s.most || v == s.least || v > s.least && v < s.most && s.y(s.least)-s.y(v) > 120 && s.y(v)-s.y(s.most) > 120 {
			text(b, width-right+4, s.y(v)/10+4, "#777", number(v, p.Digits))
		}
	}
}

// candles are two paths: those that rose, and those that fell.
func (p *Panel) candles(b *strings.Builder, s *scale) {
	half := int(s.step * 0.3)
	for _, up := range []bool{true, false} {
		colour := "#c0392b"
		if up {
			colour = "#2a8f5b"
		}
		b.WriteString(`<path stroke="` + colour + `" stroke-width="8" fill="` + colour + `" d="`)
		for i, k := range p.Bars {
			if (k.Close >= k.Open) != up {
				continue
			}
			x, from, to := s.x(i), s.y(max(k.Open, k.Close)), s.y(min(k.Open, k.Close))
			b.WriteString("M" + pair(x, s.y(k.High)) + "V" + strconv.Itoa(s.y(k.Low)) + "M" + pair(x-half, from) + "h" + strconv.Itoa(2*half) + "v" + strconv.Itoa(to-from) + "h" + strconv.Itoa(-2*half) + "z")
		}
		b.WriteString(`"/>` + "\n")
	}
}

func (q *Series) draw(b *strings.Builder, s *scale, bars []Bar, colour string) {
	width := ""
	switch q.Form {
	case Thin:
		width = ` stroke-width="8"`
	case Histogram:
		width = ` stroke-width="` + strconv.Itoa(int(s.step*0.6)) + `"`
	case Dots:
		width = ` stroke-width="30" stroke-linecap="round"`
	}
	b.WriteString(`<path stroke="` + colour + `"` + width)
	if q.Form == Marks {
		b.WriteString(` fill="` + colour + `"`)
	}
	b.WriteString(` d="`)
	var x0, y0 int
	on := false
	for i, v := range q.Values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			on = false
			continue
		}
		x := s.x(i)
		switch q.Form {
		case Histogram:
			b.WriteString("M" + pair(x, s.y(0)) + "V" + strconv.Itoa(s.y(v)))
		case Dots:
			b.WriteString("M" + pair(x, s.y(v)) + "h0")
		case Marks:
			if v > 0 && i < len(bars) {
				b.WriteString("M" + pair(x, s.y(bars[i].Low)+25) + "l30 50h-60z")
			} else if v < 0 && i < len(bars) {
				b.WriteString("M" + pair(x, s.y(bars[i].High)-25) + "l30 -50h-60z")
			}
		default:
			y := s.y(v)
			if on {
				b.WriteString("l" + pair(x-x0, y-y0))
			} else {
				b.WriteString("M" + pair(x, y))
			}
			x0, y0, on = x, y, true
		}
	}
	b.WriteString(`"/>` + "\n")
}

func pair(x, y int) string { return strconv.Itoa(x) + " " + strconv.Itoa(y) }

func text(b *strings.Builder, x, y int, colour, s string) {
	if s != "" {
		b.WriteString(`<text x="` + strconv.Itoa(x) + `" y="` + strconv.Itoa(y) + `" fill="` + colour + `">` + escape(s) + "</text>\n")
	}
}

func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

// number is a label of a scale.
func number(v float64, digits int) string {
	if a := math.Abs(v); a >= 1e6 || a != 0 && a < 1e-3 {
		return strconv.FormatFloat(v, 'e', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', digits, 64)
}
