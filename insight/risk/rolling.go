package risk

import (
	"time"

	"github.com/assayhq/assay/fault"
)

// Point is a metric's value at a time, of the window that ends there.
type Point struct {
	At    time.Time
	Value float64
	Known bool
}

// maxRolling bounds the work of a rolling form: windows times their length.
const maxRolling = 20_000_000

// Rolling computes a metric of each window of that many returns; the first stands at the
// end of the first whole window. Values know only their window. bench as for Measure.
func Rolling(m *Metric, r Returns, bench *Returns, window int, o Options) ([]Point, error) {
	if window < 2 || window < m.MinN || window > r.Len() {
		return nil, fault.At(fault.Invalid, "window", "a window of %s has %d to %d returns here, not %d", m.Name, max(2, m.MinN), r.Len(), window)
	}
	if n := r.Len() - window + 1; n*window > maxRolling {
		return nil, fault.At(fault.TooLarge, "window", "%d windows of %d returns are too much at once; take fewer returns", n, window)
	}
	if m.Benchmark && bench == nil {
		return nil, fault.At(fault.Invalid, "benchmark", "%s needs a benchmark", m.Name)
	}
	var b []float64
	if bench != nil {
		if err := together(r, *bench); err != nil {
			return nil, err
		}
		b = bench.Simple().v
	}
	o, err := o.check(r.Len())
	if err != nil {
		return nil, err
	}
	v := r.Simple().v
	s := &sample{per: r.perYear, rf: o.period(r.perYear)}
	out := make([]Point, 0, len(v)-window+1)
	for end := window; end <= len(v); end++ {
		var bb []float64
		if b != nil {
			bb = b[end-window : end]
		}
		s.fill(v[end-window:end], bb)
		x := m.of(s)
		out = append(out, Point{r.at[end-1], x.Value, x.Known})
	}
	return out, nil
}
