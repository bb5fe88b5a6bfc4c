package indicator

func ichimoku() Function {
	return Function{
		Name: "ICHIMOKU", Title: "Ichimoku Kinko Hyo", Group: Overlap, Inputs: []Input{High, Low, Close},
		Params: []Param{span("optInTenkanPeriod", "Bars of the conversion line", 9, 1), span("optInKijunPeriod", "Bars of the base line", 26, 1), span("optInSenkouPeriod", "Bars of the second span", 52, 1)},
		Outputs: []Output{lineOf("outTenkan", "The conversion line"), lineOf("outKijun", "The base line"),
			bandOf("outSenkouA", "The first span as it is known at this bar; charts draw it kijun bars further right"),
			bandOf("outSenkouB", "The second span, likewise"), lineOf("outChikou", "The close; charts draw it kijun bars further left")},
		Doc:     "Middles of the ranges of three lengths. The cloud is between the two spans: prices above it are read as a rise.",
		Formula: "m(n) = (max(high) + min(low))/2 over n bars; tenkan = m(9), kijun = m(26), senkou A = (tenkan + kijun)/2, senkou B = m(52), chikou = close",
		Source:  "Goichi Hosoda, 1969.",
		Notes:   "Nothing is shifted: each value stands at the bar that made it known. To compare a price with the cloud drawn at its bar, take the spans of kijun bars before. The chikou drawn at a bar is a price of the future there.",
		begin:   func(p []float64) int { return int(max(p[0], p[1], p[2])) - 1 },
		open: func(p []float64) core {
			return &cloud{newChannel(int(p[0])), newChannel(int(p[1])), newChannel(int(p[2]))}
		},
	}
}

type cloud [3]channel

func (c *cloud) step(in, out []float64) {
	var m [3]float64
	for i := range c {
		h, l := c[i].push(in[0], in[1])
		m[i] = (h + l) / 2
	}
	out[0], out[1], out[2], out[3], out[4] = m[0], m[1], (m[0]+m[1])/2, m[2], in[2]
}

func (c *cloud) take(from core) {
	f := from.(*cloud)
	for i := range c {
		c[i].take(&f[i])
	}
}

func pivots() Function {
	return Function{
		Name: "PIVOTS", Title: "Pivot Points", Group: Overlap, Inputs: []Input{High, Low, Close},
		Outputs: []Output{lineOf("outPivot", ""), lineOf("outR1", "Resistance"), lineOf("outR2", ""), lineOf("outR3", ""), lineOf("outS1", "Support"), lineOf("outS2", ""), lineOf("outS3", "")},
		Doc:     "Levels for this bar out of the bar before it, as traders on the floor reckoned them each morning. Use bars of a day or a week.",
		Formula: "P = (H + L + C)/3 of the bar before; R1 = 2P - L, S1 = 2P - H, R2 = P + H - L, S2 = P - H + L, R3 = H + 2(P - L), S3 = L - 2(H - P)",
		Source:  "Common.", Notes: "The classic form.",
		begin: func([]float64) int { return 1 }, open: func([]float64) core { return &pivot{} },
	}
}

type pivot struct{ high, low, close float64 }

func (v *pivot) step(in, out []float64) {
	h, l := v.high, v.low
	p := (h + l + v.close) / 3
	out[0], out[1], out[2], out[3] = p, 2*p-l, p+h-l, h+2*(p-l)
	out[4], out[5], out[6] = 2*p-h, p-h+l, l-2*(h-p)
	v.high, v.low, v.close = in[0], in[1], in[2]
}

func (v *pivot) take(from core) { *v = *from.(*pivot) }
