package export

import (
	"strings"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/insight/indicator"
	"github.com/assayhq/assay/market"
)

// Indicator is a function with its parameters, computed over the candles of an export.
// Each of its outputs is a column of float64, null before there are enough candles. It
// begins anew with each series, at the first candle of the file.
type Indicator struct {
	function *indicator.Function
	values   indicator.Values
	columns  []string
}

const maxIndicators, maxIndicatorText = 32, 4096

// ParseIndicators reads a list such as RSI,MACD(fast_period=5,slow_period=20). Names and
// parameters are those of package indicator. A column is called by the function, its
// parameters and the output: RSI_14.outReal.
func ParseIndicators(list string) ([]Indicator, error) {
	wrong := func(format string, args ...any) error { return fault.At(fault.Invalid, "indicators", format, args...) }
	if len(list) > maxIndicatorText {
		return nil, fault.At(fault.TooLarge, "indicators", "%d characters; at most %d are read", len(list), maxIndicatorText)
	}
	if strings.TrimSpace(list) == "" {
		return nil, nil
	}
	catalogue := indicator.Catalogue()
	var out []Indicator
	seen := map[string]bool{}
	for list != "" {
		var name, inside string
		end := strings.IndexAny(list, ",(")
		switch {
		case end < 0:
			name, list = list, ""
		case list[end] == ',':
			name, list = list[:end], list[end+1:]
			if list == "" {
				return nil, wrong("a name is missing after the last comma")
			}
		default:
			name = list[:end]
			shut := strings.IndexByte(list, ')')
			if shut < end {
				return nil, wrong("the parameters of %.40s are not closed; write MACD(fast_period=5)", name)
			}
			inside, list = list[end+1:shut], strings.TrimSpace(list[shut+1:])
			switch {
			case list == "":
			case list[0] != ',' || list == ",":
				return nil, wrong("a comma and a name go after the parameters of %.40s", name)
			default:
				list = list[1:]
			}
		}
		f, err := indicator.Find(catalogue, strings.TrimSpace(name))
		if err != nil {
			return nil, err
		}
		settings := map[string]string{}
		for s := range strings.SplitSeq(inside, ",") {
			if strings.TrimSpace(s) == "" {
				continue
			}
			k, v, ok := strings.Cut(s, "=")
			if k = strings.TrimSpace(k); !ok || settings[k] != "" {
				return nil, wrong("parameters of %s are given once each as name=value, not %.40q", f.Name, s)
			}
			settings[k] = strings.TrimSpace(v)
		}
		v, err := f.Set(settings)
		if err != nil {
			return nil, err
		}
		i := Indicator{function: f, values: v}
		prefix := f.Name
		for n, p := range f.Params {
			prefix += "_" + p.Text(v[n])
		}
		if seen[prefix] {
			return nil, wrong("%s is asked for twice with the same parameters", f.Name)
		}
		seen[prefix] = true
		for _, o := range f.Outputs {
			i.columns = append(i.columns, prefix+"."+o.Name)
		}
		if out = append(out, i); len(out) > maxIndicators {
			return nil, fault.At(fault.TooLarge, "indicators", "more than %d indicators; make several exports", maxIndicators)
		}
	}
	return out, nil
}

// lanes are the indicators of one series at work.
type lanes struct {
	runs []*indicator.Run
	in   []float64
	out  []float64 // all outputs of all, in order
}

func newLanes(list []Indicator) (*lanes, error) {
	l := &lanes{}
	n := 0
	for i := range list {
		r, err := list[i].function.Open(list[i].values)
		if err != nil {
			return nil, err
		}
		l.runs = append(l.runs, r)
		n += len(list[i].function.Outputs)
	}
	l.out = make([]float64, n)
	return l, nil
}

// step takes a bar; out holds its values then, NaN where there is none.
func (l *lanes) step(c *market.Candle) error {
	at := 0
	for _, r := range l.runs {
		f := r.Function()
		l.in = l.in[:0]
		for _, in := range f.Inputs {
			l.in = append(l.in, value(in, c))
		}
		if _, err := r.Update(l.in, l.out[at:at+len(f.Outputs)]); err != nil {
			return err
		}
		at += len(f.Outputs)
	}
	return nil
}
