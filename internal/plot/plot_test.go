package plot

import (
	"bytes"
	"encoding/xml"
	"io"
	"math"
	"strings"
	"testing"
)

func chart() *Chart {
	c := &Chart{Title: "A <b> & c", Note: "made up", Panels: []Panel{{Height: 160}, {Height: 80, Guides: []float64{0}}}}
	var line, hist, mark []float64
	for i := range 80 {
		x := 100 + 10*math.Sin(float64(i)/7)
		c.Panels[0].Bars = append(c.Panels[0].Bars, Bar{x, x + 2, x - 2, x + float64(i%3) - 1})
		line, hist, mark = append(line, x-1), append(hist, math.Cos(float64(i)/7)), append(mark, float64(i%40/39*100))
	}
	line[5], line[6] = math.NaN(), math.Inf(1)
	c.Panels[0].Series = []Series{{"mean", Line, line}, {"sar", Dots, line}, {"mark", Marks, mark}}
	c.Panels[1].Series = []Series{{"hist", Histogram, hist}, {"none", Line, []float64{math.NaN()}}}
	return c
}

func TestAPictureIsWellFormedSmallAndAlwaysTheSame(t *testing.T) {
	svg := chart().SVG()
	if len(svg) > 12<<10 || !bytes.Equal(svg, chart().SVG()) {
		t.Errorf("%d bytes, or not the same twice", len(svg))
	}
	d := xml.NewDecoder(bytes.NewReader(svg))
	for {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	for _, bad := range []string{"NaN", "Inf", "<script", "href", "e+"} {
		if strings.Contains(string(svg), bad) {
			t.Errorf("there is %s in the picture", bad)
		}
	}
}

// Everything drawn lies within the picture, the highest value above the lowest.
func TestScalesPutHighValuesAboveLowOnes(t *testing.T) {
	c := chart()
	s := c.Panels[0].scale(20)
	if s.y(s.most) >= s.y(s.least) || s.y(s.most) < 200 || s.y(s.least) > 10*(20+160) {
		t.Errorf("%d %d", s.y(s.most), s.y(s.least))
	}
	if s.x(0) < 10*left || s.x(79) > 10*(width-right) {
		t.Errorf("%d %d", s.x(0), s.x(79))
	}
	flat := Panel{Height: 50, Series: []Series{{"one", Line, []float64{5, 5}}}}
	if f := flat.scale(0); f.least >= f.most {
		t.Error(f)
	}
}
