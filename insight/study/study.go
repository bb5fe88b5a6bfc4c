// Package study is indicators asked for by callers: functions with their parameters over
// the columns of candles.
//
// A caller writes RSI(14) or MACD(fast_period=5,slow_period=20); Parse reads it, and a
// Study knows which columns of a bar it takes, how many bars go before its first value,
// and its label, which reads back as the same study. A Track follows one series bar by
// bar, with the bar that is still forming looked at and never taken.
//
// It does no I/O, reads no clock and starts no goroutine. Candles are exact decimals;
// here they become float64, because what comes out are statistics and not money. What
// always holds: a value depends on bars up to its own, never on later ones; a track says
// when the bars it was given cannot be put in line, instead of computing on.
//
// api and api/stream call it.
package study

import (
	"slices"
	"strings"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/insight/indicator"
	"github.com/assayhq/assay/market"
)

// MaxBars is how many bars are read before the first one asked for. A function that has no
// value after so many is refused; one that would only settle later is told as not settled.
const MaxBars = 5000

// maxText bounds what is read of a list of studies, in bytes.
const maxText = 2048

// Study is a function with its parameters and the columns it reads.
type Study struct {
	Function *indicator.Function
	Values   indicator.Values
	Columns  []Column // of each of the function's inputs
	Label    string   // RSI(14): Parse reads it as this study
}

// Column is one of the columns of a candle.
type Column uint8

// The columns.
const (
	Open Column = iota
	High
	Low
	Close
	Volume
	Time // the start of the bar in milliseconds
)

var columnNames = [...]string{"open", "high", "low", "close", "volume", "ts"}

// String is the column's name, such as close.
func (c Column) String() string { return columnNames[c] }

// ParseColumn reads a column's name. The error is Invalid.
func ParseColumn(s string) (Column, error) {
	for i, n := range columnNames {
		if strings.EqualFold(s, n) {
			return Column(i), nil
		}
	}
	return 0, fault.New(fault.Invalid, "there is no column %q; there are %s", clip(s), strings.Join(columnNames[:], ", "))
}

// Of is the column of a candle as a statistic.
func (c Column) Of(k *market.Candle) float64 {
	switch c {
	case Open:
		return k.O.Float64()
	case High:
		return k.H.Float64()
	case Low:
		return k.L.Float64()
	case Close:
		return k.C.Float64()
	case Time:
		return float64(k.Open.UnixMilli())
	}
	return k.Volume.Float64()
}

// Parse reads studies with commas between: NAME or NAME(arguments). An argument is a value
// for the next parameter, or parameter=value, or input=column, with commas (or semicolons,
// where they survive) between; those with a name stand behind those without. real is the
// column that inputs named real take when nothing is said. There are at most most studies,
// none twice. The error says what to change; of an unknown function it is Unknown.
func Parse(catalogue []indicator.Function, text string, real Column, most int) ([]Study, error) {
	if len(text) > maxText {
		return nil, fault.New(fault.Invalid, "the list of functions has %d bytes; at most %d are read", len(text), maxText)
	}
	calls, err := Split(text)
	if err != nil {
		return nil, err
	}
	if len(calls) > most {
		return nil, fault.New(fault.Invalid, "%d functions are asked for; at most %d at once", len(calls), most)
	}
	list := make([]Study, 0, len(calls))
	for _, call := range calls {
		s, err := parse(catalogue, call, real)
		if err != nil {
			return nil, err
		}
		for i := range list {
			if list[i].Label == s.Label {
				return nil, fault.New(fault.Invalid, "%s is asked for twice", s.Label)
			}
		}
		list = append(list, s)
	}
	return list, nil
}

// Split cuts at the commas that stand outside of parentheses. The error is Invalid: a
// parenthesis is missing, or inside another, or a part is empty.
func Split(text string) ([]string, error) {
	var out []string
	from, depth := 0, 0
	for i := range len(text) + 1 {
		switch {
		case i == len(text) && depth > 0:
			return nil, fault.New(fault.Invalid, "a closing parenthesis is missing in %q", clip(text))
		case i == len(text) || text[i] == ',' && depth == 0:
			part := strings.TrimSpace(text[from:i])
			if part == "" {
				return nil, fault.New(fault.Invalid, "the name of a function is missing; write, for example, RSI,MACD(fast_period=5,slow_period=20)")
			}
			out = append(out, part)
			from = i + 1
		case text[i] == '(':
			depth++
		case text[i] == ')':
			depth--
		}
		if depth < 0 || depth > 1 {
			return nil, fault.New(fault.Invalid, "the parentheses in %q do not fit; write, for example, RSI(14)", clip(text))
		}
	}
	return out, nil
}

func parse(catalogue []indicator.Function, call string, real Column) (Study, error) {
	name, args, has := strings.Cut(call, "(")
	if has {
		var rest string
		args, rest, _ = strings.Cut(args, ")")
		if rest != "" {
			return Study{}, fault.New(fault.Invalid, "there is more behind the parenthesis in %q", clip(call))
		}
	}
	f, err := indicator.Find(catalogue, strings.TrimSpace(name))
	if err != nil {
		return Study{}, err
	}
	s := Study{Function: f, Columns: make([]Column, len(f.Inputs))}
	for i, in := range f.Inputs {
		s.Columns[i], _ = ParseColumn(in.Column()) // a test looks at every function's
		if in == indicator.Real {
			s.Columns[i] = real
		}
	}
	set := map[string]string{}
	if strings.TrimSpace(args) != "" {
		if err := s.arguments(args, set); err != nil {
			return Study{}, err
		}
	}
	if s.Values, err = f.Set(set); err != nil {
		text := fault.Public(err)
		if !strings.HasPrefix(text, f.Name) {
			text = f.Name + ": " + text
		}
		return Study{}, fault.New(fault.Invalid, "%s", text)
	}
	if b := f.Begin(s.Values); b >= MaxBars {
		return Study{}, fault.New(fault.Invalid, "%s with these parameters has its first value after %d bars; at most %d are read", f.Name, b, MaxBars-1)
	}
	s.Label = s.label()
	return s, nil
}

// arguments reads what stands in the parentheses.
func (s *Study) arguments(args string, set map[string]string) error {
	f, named := s.Function, false
	for i, arg := range strings.Split(strings.ReplaceAll(args, ";", ","), ",") {
		name, value, ok := strings.Cut(arg, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		switch {
		case !ok && named:
			return fault.New(fault.Invalid, "%s: %q has no name and stands behind one that has; write name=value", f.Name, clip(name))
		case !ok && i >= len(f.Params):
			return fault.New(fault.Invalid, "%s has %d parameters; %q is one more", f.Name, len(f.Params), clip(name))
		case !ok:
			set[f.Params[i].Short()] = name
			continue
		}
		named = true
		if at := s.input(name); at >= 0 {
			c, err := ParseColumn(value)
			if err != nil {
				return fault.New(fault.Invalid, "%s: %s: %s", f.Name, clip(name), fault.Public(err))
			}
			s.Columns[at] = c
			continue
		}
		for _, p := range f.Params { // another way to write the same name counts as the same
			if strings.EqualFold(name, p.Name) || strings.EqualFold(name, p.Short()) {
				name = p.Short()
			}
		}
		if _, twice := set[name]; twice {
			return fault.New(fault.Invalid, "%s: %s is given twice", f.Name, clip(name))
		}
		set[name] = value
	}
	return nil
}

func (s *Study) input(name string) int {
	for i, in := range s.Function.Inputs {
		if strings.EqualFold(name, string(in)) {
			return i
		}
	}
	return -1
}

// label writes every parameter's value, and the columns that are not the usual ones.
func (s *Study) label() string {
	var args []string
	for i, p := range s.Function.Params {
		args = append(args, p.Text(s.Values[i]))
	}
	for i, in := range s.Function.Inputs {
		if c := s.Columns[i].String(); c != in.Column() {
			args = append(args, string(in)+"="+c)
		}
	}
	if args == nil {
		return s.Function.Name
	}
	return s.Function.Name + "(" + strings.Join(args, ",") + ")"
}

// Begin is how many bars go before the first value.
func (s *Study) Begin() int { return s.Function.Begin(s.Values) }

// Settle is the index of the first bar whose value a longer history would not change; -1
// of running totals, which never settle.
func (s *Study) Settle() int {
	n := s.Function.Settle(s.Values)
	if n < 0 {
		return -1
	}
	return s.Begin() + n
}

// Before is how many bars to read before the first one asked for, so that it is settled
// where MaxBars allows.
func (s *Study) Before() int { return min(max(s.Begin(), s.Settle()), MaxBars) }

// Bars are candles as columns of statistics.
type Bars [len(columnNames)][]float64

// NewBars converts candles, oldest first: the columns that the studies read, all without
// any.
func NewBars(list []market.Candle, studies ...Study) Bars {
	var b Bars
	flat := make([]float64, len(b)*len(list))
	for c := range b {
		if len(studies) > 0 && !slices.ContainsFunc(studies, func(s Study) bool { return slices.Contains(s.Columns, Column(c)) }) {
			continue
		}
		b[c] = flat[c*len(list) : (c+1)*len(list) : (c+1)*len(list)]
		for i := range list {
			b[c][i] = Column(c).Of(&list[i])
		}
	}
	return b
}

// Batch computes a column per output, as long as the bars; NaN where there is no value.
func (s *Study) Batch(b *Bars) ([][]float64, error) {
	in := make([][]float64, len(s.Columns))
	for i, c := range s.Columns {
		in[i] = b[c]
	}
	return s.Function.Batch(s.Values, in)
}

func clip(s string) string {
	if len(s) > 60 {
		return strings.ToValidUTF8(s[:60], "") + "..."
	}
	return s
}
