package indicator

import (
	"testing"
	"time"
)

// beside are the functions that bench/talib measures in TA-Lib's C, with the settings there.
var beside = []struct{ name, setting, value string }{
	{"SMA", "time_period", "30"}, {"EMA", "time_period", "30"}, {"RSI", "time_period", "14"}, {"MACD", "fast_period", "12"},
	{"BBANDS", "time_period", "20"}, {"ATR", "time_period", "14"}, {"ADX", "time_period", "14"}, {"STOCH", "fast_k_period", "5"},
}

// plainWalk makes the series of bench/talib/bench.c: both have to run over the same bars.
func plainWalk(n int) map[Input][]float64 {
	m := map[Input][]float64{}
	state, price := uint32(7), 100.0
	for range n {
		state = state*1664525 + 1013904223
		open := price
		price *= 1 + 0.01*(float64(state>>8%2001)-1000)/1000
		m[High] = append(m[High], max(open, price)*1.002)
		m[Low] = append(m[Low], min(open, price)*0.998)
		m[Close] = append(m[Close], price)
	}
	m[Real] = m[Close]
	return m
}

// BenchmarkBeside gives the least time of a bar over all rounds, for a busy machine.
func BenchmarkBeside(b *testing.B) {
	m, list := plainWalk(4000), Catalogue()
	for _, c := range beside {
		f, err := Find(list, c.name)
		if err != nil {
			b.Fatal(err)
		}
		v, err := f.Set(map[string]string{c.setting: c.value})
		if err != nil {
			b.Fatal(err)
		}
		in, out := columns(f, m), make([][]float64, len(f.Outputs))
		for i := range out {
			out[i] = make([]float64, len(in[0]))
		}
		b.Run(c.name, func(b *testing.B) {
			least := time.Hour
			for b.Loop() {
				begun := time.Now()
				if err := f.Fill(v, in, out); err != nil {
					b.Fatal(err)
				}
				least = min(least, time.Since(begun))
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(least.Nanoseconds())/4000, "least-ns/bar")
		})
	}
}
