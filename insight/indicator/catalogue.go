package indicator

import (
	"slices"
	"strings"

	"github.com/assayhq/assay/fault"
)

// Catalogue lists every function, by name. It is made anew for each call: keep it.
func Catalogue() []Function {
	list := []Function{
		sma(), ema(), wma(), dema(), tema(), trima(), kama(), t3(), ma(), // averages.go
		stddev(), variance(), bbands(), // deviation.go
		macd(), macdfix(), macdext(), apo(), ppo(), trix(), // macd.go
		rsi(),
		maxOf(), minOf(), minmax(), maxindex(), minindex(), minmaxindex(), midpoint(), midprice(), willr(), aroon(), aroonosc(), // extreme.go
		stoch(), stochf(), stochrsi(), // stochastic.go
		plusDM(), minusDM(), plusDI(), minusDI(), dx(), adx(), adxr(), // directional.go
		bop(), cci(), cmo(), imi(), mfi(), mom(), roc(), rocp(), rocr(), rocr100(), ultosc(), // oscillators.go
		ad(), adosc(), obv(), // volume.go
		sum(), avgdev(), // arithmetic.go
		linearreg(), linearregAngle(), linearregIntercept(), linearregSlope(), tsf(), correl(), beta(), // regression.go
		htDCPeriod(), htPhasor(), htDCPhase(), htSine(), htTrendline(), htTrendMode(), mama(), // cycle.go
		sar(), sarext(), accbands(), mavp(), // sar.go, bands.go
		trange(), atr(), natr(), // truerange.go

		// Beyond TA-Lib.
		hma(), zlema(), alma(), rma(), gmma(), dpo(), // lag.go
		mcginley(), vidya(), frama(), // adapt.go
		vwma(), rvwap(), vwap(), evwma(), // weighed.go
		cmou(), tsi(), smi(), ao(), pvo(), kst(), // momentum.go, kst.go
		crsi(), rvi(), rvgi(), // relative.go
		stc(), fisher(), kdj(), // swing.go
		tdi(), vhf(), snr(), chop(), // trendiness.go
		keltner(), donchian(), chandelier(), supertrend(), pbands(), percentB(), bbwidth(), // envelopes.go
		closeVolatility(), parkinson(), garmanKlass(), rogersSatchell(), gkyz(), yangZhang(), chaikinVolatility(), ulcer(), // volatility.go, widening.go
		cmf(), force(), emv(), nvi(), pvi(), pvt(), // flow.go
		ichimoku(), pivots(), // levels.go
		median(), mad(), percentRank(), // rank.go
		zscore(), hurst(), // hurst.go
	}
	list = append(list, shapes()...)    // arithmetic.go
	list = append(list, operators()...) // arithmetic.go
	list = append(list, blends()...)    // arithmetic.go
	list = append(list, patterns()...)  // candle.go
	slices.SortFunc(list, func(a, b Function) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// Find gives a function of a catalogue by its name in upper or lower case. The error is
// Unknown and names what is near.
func Find(catalogue []Function, name string) (*Function, error) {
	up := strings.ToUpper(name)
	if i, ok := slices.BinarySearchFunc(catalogue, up, func(f Function, s string) int { return strings.Compare(f.Name, s) }); ok {
		return &catalogue[i], nil
	}
	var near []string
	for i := range catalogue {
		if n := catalogue[i].Name; swapped(up, n) {
			near = append(near, n)
		}
	}
	for i := range catalogue {
		if n := catalogue[i].Name; !swapped(up, n) && len(name) >= 2 && len(name) < 40 && (strings.Contains(n, up) || strings.Contains(up, n) || strings.HasPrefix(n, up[:2])) {
			near = append(near, n)
		}
	}
	if len(near) > 0 {
		return nil, fault.New(fault.Unknown, "there is no indicator %q; near it are %s", clip(name), strings.Join(near[:min(len(near), 5)], ", "))
	}
	return nil, fault.New(fault.Unknown, "there is no indicator %q; `assay indicator --list` names them", clip(name))
}

// swapped tells whether two names are equal but for one letter or two neighbours.
func swapped(a, b string) bool {
	if len(a) != len(b) || len(a) < 3 {
		return false
	}
	var at []int
	for i := range len(a) {
		if a[i] != b[i] {
			at = append(at, i)
		}
	}
	switch len(at) {
	case 1:
		return true
	case 2:
		return at[1] == at[0]+1 && a[at[0]] == b[at[1]] && a[at[1]] == b[at[0]]
	}
	return false
}

// period is the parameter that nearly all have: the number of bars.
func period(def, least float64) Param {
	return Param{Name: "optInTimePeriod", Doc: "Number of bars", Default: def, Min: least, Max: 100000, Integer: true}
}

// last is the begin of a function of the last p[0] bars.
func last(p []float64) int { return int(p[0]) - 1 }
