package risk

import (
	"time"

	"github.com/assayhq/assay/fault"
)

// Bar is what traded in one period, told at its start.
type Bar struct {
	At                     time.Time
	Open, High, Low, Close float64
	Volume                 float64 // in units of the asset
}

// Closes are the bars' closes, told at the bars' starts.
func Closes(bars []Bar) (Prices, error) {
	at, v := make([]time.Time, len(bars)), make([]float64, len(bars))
	for i, b := range bars {
		at[i], v[i] = b.At, b.Close
	}
	return NewPrices(at, v)
}

// checkBars refuses bars that are none.
func checkBars(bars []Bar) error {
	if _, err := Closes(bars); err != nil {
		return err
	}
	for i, b := range bars {
		for _, x := range []float64{b.Open, b.High, b.Low, b.Volume} {
			if x-x != 0 || x < 0 {
				return fault.New(fault.Invalid, "bar %d (%s) has a number that is not finite or below zero", i, b.At.UTC().Format(time.RFC3339))
			}
		}
		if b.High < max(b.Open, b.Close, b.Low) || b.Low > min(b.Open, b.Close) {
			return fault.New(fault.Invalid, "bar %d (%s): high %v and low %v do not hold open %v and close %v between them", i, b.At.UTC().Format(time.RFC3339), b.High, b.Low, b.Open, b.Close)
		}
	}
	return nil
}

// trueRanges are the bars' ranges with the gap from the close before.
func trueRanges(bars []Bar) []float64 {
	out := make([]float64, len(bars))
	for i, b := range bars {
		out[i] = b.High - b.Low
		if i > 0 {
			c := bars[i-1].Close
			out[i] = max(b.High, c) - min(b.Low, c)
		}
	}
	return out
}

// averageRange is Wilder's average true range: 0 where there are not enough bars yet.
func averageRange(bars []Bar, n int) []float64 {
	tr := trueRanges(bars)
	out := make([]float64, len(bars))
	if len(bars) <= n {
		return out
	}
	a := sum(tr[1:n+1]) / float64(n)
	out[n] = a
	for i := n + 1; i < len(bars); i++ {
		a = (float64(a*float64(n-1)) + tr[i]) / float64(n)
		out[i] = a
	}
	return out
}
