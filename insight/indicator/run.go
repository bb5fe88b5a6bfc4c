package indicator

import (
	"math"

	"github.com/assayhq/assay/fault"
)

// Run is a function at work on one series. It belongs to one goroutine.
type Run struct {
	f      *Function
	values Values
	core   core
	look   core // for Peek; made when first asked for
	bars   int
	begin  int
	settle int
}

// Open begins a series. Values come from Function.Set; the error is Invalid otherwise.
func (f *Function) Open(v Values) (*Run, error) {
	if err := f.check(v); err != nil {
		return nil, err
	}
	return &Run{f: f, values: v, core: f.open(v), begin: f.begin(v), settle: f.Settle(v)}, nil
}

// Update takes a closed bar. in has the function's Inputs in their order; out is filled
// with its Outputs, NaN while there are too few bars, and must be as long. warm tells
// whether the outputs are values. A number that is not finite is Invalid and the bar
// changes nothing.
func (r *Run) Update(in, out []float64) (warm bool, err error) {
	if err := r.f.finite(in, out); err != nil {
		return false, err
	}
	r.core.step(in, out)
	r.bars++
	if r.bars <= r.begin {
		blank(out)
		return false, nil
	}
	return true, nil
}

// Peek is what Update would give, and changes nothing: for the bar that is still forming.
func (r *Run) Peek(in, out []float64) (warm bool, err error) {
	if err := r.f.finite(in, out); err != nil {
		return false, err
	}
	if r.look == nil {
		r.look = r.f.open(r.values)
	}
	r.look.take(r.core)
	r.look.step(in, out)
	if r.bars < r.begin {
		blank(out)
		return false, nil
	}
	return true, nil
}

// Clone is a run of its own that goes on from here.
func (r *Run) Clone() *Run {
	c := *r
	c.core, c.look = r.f.open(r.values), nil
	c.core.take(r.core)
	return &c
}

// Bars is how many bars it has taken.
func (r *Run) Bars() int { return r.bars }

// Settled tells whether so many bars were taken that a longer history would give the
// same value, see Function.Settle.
func (r *Run) Settled() bool { return r.settle >= 0 && r.bars > r.begin+r.settle }

// Function is what it computes.
func (r *Run) Function() *Function { return r.f }

func (f *Function) finite(in, out []float64) error {
	if len(in) != len(f.Inputs) || len(out) != len(f.Outputs) {
		return fault.New(fault.Invalid, "%s takes %d inputs and gives %d outputs, not %d and %d", f.Name, len(f.Inputs), len(f.Outputs), len(in), len(out))
	}
	for i, x := range in {
		if x-x != 0 { // NaN and infinities
			return fault.At(fault.Invalid, string(f.Inputs[i]), "%s of the bar is not a finite number", f.Inputs[i])
		}
	}
	return nil
}

func blank(out []float64) {
	for i := range out {
		out[i] = math.NaN()
	}
}

// Batch computes a whole history: in has a column per input, all of one length, and each
// output comes as a column of that length, NaN before Begin. The error is Invalid and
// names the first bar with a number that is not finite.
func (f *Function) Batch(v Values, in [][]float64) ([][]float64, error) {
	if len(in) != len(f.Inputs) {
		return nil, fault.New(fault.Invalid, "%s takes %d inputs, not %d", f.Name, len(f.Inputs), len(in))
	}
	n := len(in[0])
	out := make([][]float64, len(f.Outputs))
	flat := make([]float64, n*len(out))
	for i := range out {
		out[i] = flat[i*n : (i+1)*n : (i+1)*n]
	}
	if err := f.Fill(v, in, out); err != nil {
		return nil, err
	}
	return out, nil
}

// Fill is Batch into columns that the caller has, one per output and as long as the
// inputs, for those who compute many and keep few. Outputs must not overlap inputs. After
// an error they hold what they held.
func (f *Function) Fill(v Values, in, out [][]float64) error {
	if err := f.check(v); err != nil {
		return err
	}
	if len(in) != len(f.Inputs) || len(out) != len(f.Outputs) {
		return fault.New(fault.Invalid, "%s takes %d inputs and gives %d outputs, not %d and %d", f.Name, len(f.Inputs), len(f.Outputs), len(in), len(out))
	}
	n := len(in[0])
	for i, column := range in {
		if len(column) != n {
			return fault.At(fault.Invalid, string(f.Inputs[i]), "%s has %d bars, the first input %d", f.Inputs[i], len(column), n)
		}
		if at := unsound(column); at >= 0 {
			return fault.At(fault.Invalid, string(f.Inputs[i]), "%s of bar %d is not a finite number", f.Inputs[i], at)
		}
	}
	for i, column := range out {
		if len(column) != n {
			return fault.At(fault.Invalid, f.Outputs[i].Name, "%s has room for %d bars, the inputs have %d", f.Outputs[i].Name, len(column), n)
		}
	}
	begin := min(f.begin(v), n)
	for _, column := range out {
		blank(column[:begin])
	}
	switch {
	case begin == n:
	case f.batch != nil:
		f.batch(v, in, out)
	default:
		f.steps(v, in, out)
	}
	return nil
}

// steps computes a whole history bar by bar.
func (f *Function) steps(v Values, in, out [][]float64) {
	c, begin := f.open(v), f.begin(v)
	row, res := make([]float64, len(in)), make([]float64, len(out))
	for t := range in[0] {
		for i := range in {
			row[i] = in[i][t]
		}
		c.step(row, res)
		if t >= begin {
			for i := range out {
				out[i][t] = res[i]
			}
		}
	}
}

// unsound is the first number that is not finite, or -1.
func unsound(column []float64) int {
	// 0 x is 0 for finite numbers only, and sums are cheaper to ask than each. There are two
	// because an addition has to wait for the one before it. Where one grows beyond all
	// numbers each is asked.
	var a, b float64
	rest := column
	for ; len(rest) >= 8; rest = rest[8:] {
		a += ((rest[0] + rest[1]) + (rest[2] + rest[3])) * 0
		b += ((rest[4] + rest[5]) + (rest[6] + rest[7])) * 0
	}
	for _, x := range rest {
		a += x * 0
	}
	if a+b == 0 {
		return -1
	}
	for i, x := range column {
		if x-x != 0 {
			return i
		}
	}
	return -1
}
