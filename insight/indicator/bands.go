package indicator

func accbands() Function {
	return Function{
		Name: "ACCBANDS", Title: "Acceleration Bands", Group: Overlap, Inputs: []Input{High, Low, Close}, Params: []Param{period(20, 2)},
		Outputs: []Output{{Name: "outRealUpperBand", Unit: Price, Form: Band, OnPrice: true, PriceDegree: 1}, overPrice("outRealMiddleBand"), {Name: "outRealLowerBand", Unit: Price, Form: Band, OnPrice: true, PriceDegree: 1}},
		Doc:     "Bands about the mean that are as wide as the bars are long.",
		Formula: "sma(high (1 + 4 r)), sma(close), sma(low (1 - 4 r)), r = (high - low)/(high + low)",
		Source:  "Price Headley, Big Trends in Trading, 2002; TA-Lib ACCBANDS.",
		begin:   last,
		open: func(p []float64) core {
			n := int(p[0])
			return &means3{mean{newWindow(n)}, mean{newWindow(n)}, mean{newWindow(n)}}
		},
	}
}

type means3 [3]mean

func (m *means3) step(in, out []float64) {
	high, low := in[0], in[1]
	r := 0.0
	if s := high + low; s != 0 {
		r = 4 * (high - low) / s
	}
	out[0], out[1], out[2] = m[0].next(high*(1+r)), m[1].next(in[2]), m[2].next(low*(1-r))
}

func (m *means3) take(from core) {
	f := from.(*means3)
	for i := range m {
		m[i].w.take(&f[i].w)
	}
}

func mavp() Function {
	bound := func(name, doc string, def float64) Param {
		return Param{Name: name, Doc: doc, Default: def, Min: 2, Max: 500, Integer: true}
	}
	return Function{
		Name: "MAVP", Title: "Moving average with variable period", Group: Overlap, Inputs: []Input{Real, Periods},
		Params:  []Param{bound("optInMinPeriod", "Shortest length", 2), bound("optInMaxPeriod", "Longest length", 30), maType("optInMAType")},
		Outputs: []Output{overPrice("outReal")},
		Doc:     "A moving average whose length is told bar by bar.",
		Formula: "average(x, n[t])[t], n the second column cut to a whole number and to the bounds",
		Source:  "TA-Lib MAVP.", Notes: "At most 500 bars, because averages of every length run side by side. When the bounds are given the wrong way round they are exchanged.",
		begin:  func(p []float64) int { return before(int(p[2]), int(max(p[0], p[1]))) },
		settle: func(p []float64) int { return fading(int(p[2]), int(max(p[0], p[1]))) },
		open: func(p []float64) core {
			v := &varied{least: int(min(p[0], p[1])), most: int(max(p[0], p[1]))}
			kind := int(p[2])
			for n := v.least; n <= v.most; n++ {
				v.list = append(v.list, newDelayed(kind, n, before(kind, v.most)))
			}
			return v
		},
	}
}

// varied runs an average of each length, begun so that all have values from one bar on.
type varied struct {
	least, most int
	list        []delayed
}

func (v *varied) step(in, out []float64) {
	n := max(v.least, int(min(in[1], float64(v.most))))
	for i := range v.list {
		if x := v.list[i].next(in[0]); v.least+i == n {
			out[0] = x
		}
	}
}

func (v *varied) take(from core) {
	f := from.(*varied)
	for i := range v.list {
		v.list[i].take(&f.list[i])
	}
}
