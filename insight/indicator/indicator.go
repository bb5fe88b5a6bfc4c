// Package indicator computes technical indicators: every function of TA-Lib under its
// names, and the field's usual ones beyond it.
//
// A Function is an indicator told as data: names, parameters, outputs, units, source and
// formula. The API, the command line, the documents and the tools for agents read the
// Catalogue and nothing else. A Run is a function at work on one series: bars go in one
// by one (Update), the forming bar can be looked at (Peek), a run can be copied (Clone),
// and a whole history goes through Batch.
//
// It does no I/O, reads no clock and keeps no state of its own. Values are float64:
// these are statistics, not money. What always holds: the value at a bar depends on that
// bar and those before it, never on later ones; batch and stream give the same bits, on
// every processor (products are rounded before they are added); a number that is not
// finite is refused and changes nothing; Update allocates nothing; multiplying prices by
// a constant multiplies each output by the power of it that Output tells, however small
// the prices are.
//
// api, the command line and insight's other packages call it. To add an indicator, write
// a file with its Function and put it into the Catalogue.
package indicator

import (
	"math"
	"strconv"
	"strings"

	"github.com/assayhq/assay/fault"
)

// Function describes an indicator.
type Function struct {
	Name    string // upper case; TA-Lib's where it has the function: RSI
	Title   string // Relative Strength Index
	Group   Group
	Inputs  []Input
	Params  []Param
	Outputs []Output
	Doc     string // what it tells and how it is read, in some sentences
	Formula string // as text: x is the input, [t-1] the bar before
	Source  string // who published it, where and when
	Notes   string // choices where others differ, and differences from TA-Lib; "" for none

	// begin is the index of the first bar that has a value: how many bars go before it.
	begin func(p []float64) int
	// settle is how many more bars it takes until the start of the series weighs less than
	// 1e-6 in the value, -1 for a running total, which never forgets; nil: the value does not
	// depend on bars before its window.
	settle func(p []float64) int
	// open makes the state before the first bar.
	open func(p []float64) core
	// batch does a whole history faster than step by step, to the same bits; nil: steps.
	// Each out has the length of the inputs and NaN before begin; it is filled from there on.
	batch func(p []float64, in, out [][]float64)
}

// core is the state of a function. It is not told how many bars there were: begin knows
// from which on outputs count, and before that step may write what it likes.
type core interface {
	// step takes a closed bar: in has the function's inputs in their order, all finite;
	// outputs go to out in theirs.
	step(in, out []float64)
	// take becomes equal to from, which has the same type and parameters, without
	// allocating and without sharing memory.
	take(from core)
}

// Group is the kind of a function, as TA-Lib sorts them.
type Group string

// The groups.
const (
	Overlap    Group = "Overlap Studies"
	Momentum   Group = "Momentum Indicators"
	Volume     Group = "Volume Indicators"
	Volatility Group = "Volatility Indicators"
	Cycle      Group = "Cycle Indicators"
	Transform  Group = "Price Transform"
	Statistic  Group = "Statistic Functions"
	MathShape  Group = "Math Transform"
	MathOp     Group = "Math Operators"
	Pattern    Group = "Pattern Recognition"
)

// Input is a column that a function reads.
type Input string

// The inputs. Real and Real1 are columns that the caller chooses; when nothing is said
// Real is the close and Real1 the high.
const (
	Real      Input = "real"
	Real1     Input = "real1"
	Periods   Input = "periods" // of MAVP: a length for each bar; when nothing is said the high
	OpenPrice Input = "open"
	High      Input = "high"
	Low       Input = "low"
	Close     Input = "close"
	Vol       Input = "volume"
	Time      Input = "ts" // when the bar began, in milliseconds since 1970
)

// Param is a setting of a function.
type Param struct {
	Name    string // as TA-Lib names it: optInTimePeriod
	Doc     string
	Default float64
	Min     float64 // least and greatest that is taken
	Max     float64
	Integer bool
	OfPrice bool     // it is in the units of the input
	Choices []string // of a number that is a choice: the names of 0, 1, 2 ...
}

// Short is the parameter's name for people: time_period.
func (p Param) Short() string {
	var b strings.Builder
	name := strings.ReplaceAll(strings.TrimPrefix(p.Name, "optIn"), "MAType", "MaType")
	for i, c := range name {
		if c >= 'A' && c <= 'Z' {
			if i > 0 && name[i-1] != '_' {
				b.WriteByte('_')
			}
			c += 'a' - 'A'
		}
		b.WriteRune(c)
	}
	return b.String()
}

// Unit is what an output is measured in.
type Unit string

// The units.
const (
	Price    Unit = "price"    // in the units of the input
	Percent  Unit = "percent"  // 1 is one hundredth
	Index    Unit = "index"    // on a fixed scale, such as 0 to 100
	Ratio    Unit = "ratio"    // a pure number
	Amount   Unit = "volume"   // in the units of the volume, or of volume times price
	Bars     Unit = "bars"     // a count or a position of bars
	Degrees  Unit = "degrees"  // an angle
	Signal   Unit = "signal"   // -200, -100, -80, 0, 80, 100 or 200: falling, none, rising
	Flag     Unit = "flag"     // 0 or 1
	Squared  Unit = "squared"  // the square of the input's unit
	Anything Unit = "anything" // of a mathematical function: it depends on the input
)

// Form is how an output is drawn.
type Form string

// The forms.
const (
	Line      Form = "line"
	Histogram Form = "histogram"
	Band      Form = "band"
	Dots      Form = "dots"
	Marks     Form = "marks" // at the bars where it is not 0
)

// Output is a value that a function gives for each bar.
type Output struct {
	Name  string // as TA-Lib names it: outReal
	Unit  Unit
	Form  Form
	Doc   string // "" when the function's says all
	Least float64
	Most  float64 // the range it stays in; both 0: none
	// OnPrice: it is drawn over the prices.
	OnPrice bool
	// PriceDegree and VolumeDegree are the powers by which the output grows with all prices,
	// and with all volumes. Free: no such power (a logarithm, an angle).
	PriceDegree, VolumeDegree int
	Free                      bool
}

// Integer tells whether the output is a whole number always.
func (o Output) Integer() bool { return o.Unit == Signal || o.Unit == Bars || o.Unit == Flag }

// Values are a function's parameters in the order of Params. They come from Set.
type Values []float64

// Set gives the parameters: defaults, with those in settings in their place. Names are
// taken as TA-Lib writes them and in their short form, in upper or lower case. The error
// is Invalid and names the parameter.
func (f *Function) Set(settings map[string]string) (Values, error) {
	v := make(Values, len(f.Params))
	for i, p := range f.Params {
		v[i] = p.Default
	}
	given := make([]bool, len(v))
	for name, text := range settings {
		i := f.param(name)
		if i < 0 {
			return nil, fault.At(fault.Invalid, name, "%s has no parameter %q; it has %s", f.Name, clip(name), f.params())
		}
		if given[i] {
			return nil, fault.At(fault.Invalid, name, "%s is given twice", f.Params[i].Name)
		}
		given[i] = true
		x, err := f.Params[i].parse(text)
		if err != nil {
			return nil, err
		}
		v[i] = x
	}
	return v, nil
}

func (f *Function) param(name string) int {
	for i, p := range f.Params {
		if strings.EqualFold(name, p.Name) || strings.EqualFold(name, p.Short()) {
			return i
		}
	}
	return -1
}

func (f *Function) params() string {
	if len(f.Params) == 0 {
		return "none"
	}
	var names []string
	for _, p := range f.Params {
		names = append(names, p.Short())
	}
	return strings.Join(names, ", ")
}

func (p Param) parse(text string) (float64, error) {
	for i, c := range p.Choices {
		if strings.EqualFold(text, c) {
			return float64(i), nil
		}
	}
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || len(text) > 32 {
		return 0, fault.At(fault.Invalid, p.Short(), "%s is a number, not %q", p.Short(), clip(text))
	}
	return x, p.check(x)
}

func (p Param) check(x float64) error {
	switch {
	case math.IsNaN(x) || x < p.Min || x > p.Max:
		return fault.At(fault.Invalid, p.Short(), "%s is from %v to %v, not %v", p.Short(), p.Min, p.Max, x)
	case p.Integer && x != math.Trunc(x):
		return fault.At(fault.Invalid, p.Short(), "%s is a whole number, not %v", p.Short(), x)
	}
	return nil
}

func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "..."
	}
	return s
}

// check looks at values that did not come from Set.
func (f *Function) check(v Values) error {
	if len(v) != len(f.Params) {
		return fault.New(fault.Invalid, "%s has %d parameters, not %d", f.Name, len(f.Params), len(v))
	}
	for i, p := range f.Params {
		if err := p.check(v[i]); err != nil {
			return err
		}
	}
	return nil
}

// Begin is the index of the first bar with a value: so many bars go before it.
func (f *Function) Begin(v Values) int { return f.begin(v) }

// Settle is how many bars after Begin it takes until the bars before the series began
// would change the value by less than a millionth part of their effect; 0 for functions of
// a window, -1 for running totals, which never settle. Until then a value is right for this series and would be another for a longer one.
func (f *Function) Settle(v Values) int {
	if f.settle == nil {
		return 0
	}
	return f.settle(v)
}

// Column is the column of a bar that the input comes from when nothing is said.
func (i Input) Column() string {
	switch i {
	case Real:
		return "close"
	case Real1, Periods:
		return "high"
	}
	return string(i)
}

// Text is a value of the parameter as it is written: a choice by its name.
func (p Param) Text(x float64) string {
	if i := int(x); p.Choices != nil && i >= 0 && i < len(p.Choices) {
		return p.Choices[i]
	}
	return strconv.FormatFloat(x, 'g', -1, 64)
}

// Settings writes parameters as time_period=14 and so on, in the order of Params.
func (f *Function) Settings(v Values) string {
	var b strings.Builder
	for i, p := range f.Params {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(p.Short() + "=" + p.Text(v[i]))
	}
	return b.String()
}

// Description is a function as JSON tells it.
type Description struct {
	Name    string        `json:"name"`
	Title   string        `json:"title"`
	Group   Group         `json:"group"`
	Inputs  []Input       `json:"inputs"`
	Params  []ParamSheet  `json:"params"`
	Outputs []OutputSheet `json:"outputs"`
	Doc     string        `json:"doc"`
	Formula string        `json:"formula"`
	Source  string        `json:"source"`
	Notes   string        `json:"notes,omitempty"`
	Begin   int           `json:"begin"`  // with the defaults
	Settle  int           `json:"settle"` // with the defaults
}

// ParamSheet is a parameter as JSON tells it.
type ParamSheet struct {
	Name    string   `json:"name"`
	TALib   string   `json:"talib_name"`
	Doc     string   `json:"doc"`
	Default float64  `json:"default"`
	Min     float64  `json:"min"`
	Max     float64  `json:"max"`
	Integer bool     `json:"integer"`
	Choices []string `json:"choices,omitempty"`
}

// OutputSheet is an output as JSON tells it.
type OutputSheet struct {
	Name    string      `json:"name"`
	Unit    Unit        `json:"unit"`
	Form    Form        `json:"form"`
	Doc     string      `json:"doc,omitempty"`
	Range   *[2]float64 `json:"range,omitempty"`
	OnPrice bool        `json:"on_price"`
}

// Describe gives the function's description.
func (f *Function) Describe() Description {
	d := Description{Name: f.Name, Title: f.Title, Group: f.Group, Inputs: f.Inputs, Params: []ParamSheet{}, Doc: f.Doc, Formula: f.Formula, Source: f.Source, Notes: f.Notes}
	v := make(Values, len(f.Params))
	for i, p := range f.Params {
		v[i] = p.Default
		d.Params = append(d.Params, ParamSheet{p.Short(), p.Name, p.Doc, p.Default, p.Min, p.Max, p.Integer, p.Choices})
	}
	for _, o := range f.Outputs {
		s := OutputSheet{Name: o.Name, Unit: o.Unit, Form: o.Form, Doc: o.Doc, OnPrice: o.OnPrice}
		if o.Least != o.Most {
			s.Range = &[2]float64{o.Least, o.Most}
		}
		d.Outputs = append(d.Outputs, s)
	}
	d.Begin, d.Settle = f.Begin(v), f.Settle(v)
	return d
}
