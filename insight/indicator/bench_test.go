package indicator

import "testing"

// BenchmarkBatch gives the time of a bar in batches of 4,000, which stay in the cache.
func BenchmarkBatch(b *testing.B) {
	list := Catalogue()
	m := bars(1, 4000, 100)
	for i := range list {
		f := &list[i]
		v, _ := f.Set(nil)
		in := columns(f, m)
		b.Run(f.Name, func(b *testing.B) {
			for b.Loop() {
				if _, err := f.Batch(v, in); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/4000, "ns/bar")
		})
	}
}

// BenchmarkUpdate gives the time of one bar in a stream.
func BenchmarkUpdate(b *testing.B) {
	list := Catalogue()
	m := bars(1, 4000, 100)
	for i := range list {
		f := &list[i]
		v, _ := f.Set(nil)
		in := columns(f, m)
		b.Run(f.Name, func(b *testing.B) {
			run, _ := f.Open(v)
			row, out := make([]float64, len(in)), make([]float64, len(f.Outputs))
			at := 0
			b.ReportAllocs()
			for b.Loop() {
				for i := range in {
					row[i] = in[i][at]
				}
				if at++; at == 4000 {
					at = 0
				}
				if _, err := run.Update(row, out); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
