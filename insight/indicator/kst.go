package indicator

func kst() Function {
	f := Function{
		Name: "KST", Title: "Know Sure Thing", Group: Momentum, Inputs: []Input{Real},
		Outputs: []Output{{Name: "outReal", Unit: Percent, Form: Line}, {Name: "outSignal", Unit: Percent, Form: Line, Doc: "The simple mean of that"}},
		Doc:     "Changes over four spans of time, each smoothed, weighted by their length: the swing that most of them agree on.",
		Formula: "sum of i sma(ROC(x, r[i]), n[i]), i = 1 ... 4; signal = sma(kst, s)",
		Source:  "Martin Pring, Technical Analysis of Stocks & Commodities, 1992.", Notes: zeroOld,
		begin: func(p []float64) int { return kstReady(p) + int(p[8]) - 1 },
		open: func(p []float64) core {
			k := &pring{first: kstReady(p), signal: newStage(typeSMA, int(p[8]))}
			for i := range k.mean {
				k.past[i], k.mean[i] = newWindow(int(p[i])), newStage(typeSMA, int(p[4+i]))
			}
			return k
		},
	}
	for i, n := range []float64{10, 15, 20, 30} {
		f.Params = append(f.Params, span("optInRocPeriod"+string(rune('1'+i)), "Bars of a change", n, 1))
	}
	for i, n := range []float64{10, 10, 10, 15} {
		f.Params = append(f.Params, span("optInMeanPeriod"+string(rune('1'+i)), "Bars of its mean", n, 1))
	}
	f.Params = append(f.Params, span("optInSignalPeriod", "Bars of the signal", 9, 1))
	return f
}

// kstReady is the first bar at which all four means have values.
func kstReady(p []float64) int {
	return int(max(p[0]+p[4], p[1]+p[5], p[2]+p[6], p[3]+p[7])) - 1
}

type pring struct {
	past   [4]window
	mean   [4]stage
	signal stage
	first  int
	n      int // bars before first
}

func (k *pring) step(in, out []float64) {
	var sum float64
	for i := range k.past {
		ready := k.past[i].full()
		if old := k.past[i].push(in[0]); ready {
			change := 0.0
			if old != 0 {
				change = 100 * (in[0]/old - 1)
			}
			m, _ := k.mean[i].next(change)
			sum += float64(float64(i+1) * m)
		}
	}
	if k.n < k.first {
		k.n++
		return
	}
	out[0] = sum
	out[1], _ = k.signal.next(sum)
}

func (k *pring) take(from core) {
	f := from.(*pring)
	for i := range k.past {
		k.past[i].take(&f.past[i])
		k.mean[i].take(&f.mean[i])
	}
	k.signal.take(&f.signal)
	k.n = f.n
}
