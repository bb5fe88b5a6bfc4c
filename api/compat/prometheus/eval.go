package prometheus

import (
	"cmp"
	"context"
	"math"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/assayhq/assay/fault"
)

// label is a name and its value; lists of them are sorted by name.
type label struct{ name, value string }

type labels []label

func (l labels) get(name string) string {
	for _, x := range l {
		if x.name == name {
			return x.value
		}
	}
	return ""
}

func (l labels) key() string {
	var b strings.Builder
	for _, x := range l {
		b.WriteString(x.name + "\xff" + x.value + "\xfe")
	}
	return b.String()
}

// only keeps the labels that are named; without keeps the others. The metric's name is
// never kept by without.
func (l labels) only(names []string) (out labels) {
	for _, x := range l {
		if slices.Contains(names, x.name) {
			out = append(out, x)
		}
	}
	return out
}

func (l labels) without(names []string) (out labels) {
	for _, x := range l {
		if x.name != nameLabel && !slices.Contains(names, x.name) {
			out = append(out, x)
		}
	}
	return out
}

const nameLabel = "__name__"

// series is values over time, oldest first. Times are milliseconds.
type series struct {
	labels labels
	t      []int64
	v      []float64
	back   int64 // how old a value may be to stand for now, in ms
}

// sample is one value of an instant vector.
type sample struct {
	labels labels
	v      float64
}

// value is what an expression gives at one time: a scalar, or a vector.
type value struct {
	scalar bool
	n      float64
	list   []sample
}

// evaluation is the work of one query.
type evaluation struct {
	ctx     context.Context
	visited int
}

// maxVisits bounds how many values one query may look at.
const maxVisits = 40_000_000

func (w *evaluation) visit(n int) error {
	if w.visited += n; w.visited > maxVisits {
		return fault.New(fault.TooLarge, "the query looks at more than %d values: take a shorter time, a longer step or fewer series", maxVisits)
	}
	return w.ctx.Err()
}

func (w *evaluation) eval(e expr, t int64) (value, error) {
	switch e := e.(type) {
	case num:
		return value{scalar: true, n: e.v}, nil
	case *negate:
		v, err := w.eval(e.of, t)
		v.n = -v.n
		for i := range v.list {
			v.list[i] = sample{v.list[i].labels.without(nil), -v.list[i].v}
		}
		return v, err
	case *selector:
		return w.instant(e, t)
	case *call:
		return w.call(e, t)
	case *aggregate:
		return w.aggregate(e, t)
	case *binary:
		return w.binary(e, t)
	}
	return value{}, fault.At(fault.Invalid, "query", "a string or a range is no result of its own")
}

// instant gives the newest value of each series that is not too old.
func (w *evaluation) instant(s *selector, t int64) (value, error) {
	at := t - s.offset.Milliseconds()
	out := value{list: make([]sample, 0, len(s.data))}
	for _, x := range s.data {
		i := sort.Search(len(x.t), func(i int) bool { return x.t[i] > at }) - 1
		if i >= 0 && x.t[i] > at-x.back {
			out.list = append(out.list, sample{x.labels, x.v[i]})
		}
	}
	return out, w.visit(len(s.data) + 1)
}

// window gives the values of a range that ends at t; its beginning is not in it.
func (s *selector) window(x *series, t int64) (ts []int64, vs []float64) {
	end := t - s.offset.Milliseconds()
	from := end - s.over.Milliseconds()
	i := sort.Search(len(x.t), func(i int) bool { return x.t[i] > from })
	j := sort.Search(len(x.t), func(i int) bool { return x.t[i] > end })
	return x.t[i:j], x.v[i:j]
}

func (w *evaluation) call(c *call, t int64) (value, error) {
	if c.f.window != nil {
		s := c.args[len(c.args)-1].(*selector)
		out := value{}
		for _, x := range s.data {
			ts, vs := s.window(x, t)
			if err := w.visit(len(ts) + 1); err != nil {
				return out, err
			}
			if v, ok := c.f.window(ts, vs, t-s.offset.Milliseconds(), s.over); ok {
				out.list = append(out.list, sample{x.labels.without(nil), v})
			}
		}
		return out, nil
	}
	if len(c.args) == 0 {
		return value{scalar: true, n: float64(t) / 1000}, nil
	}
	v, err := w.eval(c.args[0], t)
	if err != nil {
		return v, err
	}
	switch c.name {
	case "vector":
		return value{list: []sample{{nil, v.n}}}, nil
	case "scalar":
		if len(v.list) == 1 {
			return value{scalar: true, n: v.list[0].v}, nil
		}
		return value{scalar: true, n: math.NaN()}, nil
	}
	to := math.NaN()
	if len(c.args) > 1 {
		p, err := w.eval(c.args[1], t)
		if err != nil {
			return v, err
		}
		to = p.n
	}
	for i := range v.list {
		v.list[i] = sample{v.list[i].labels.without(nil), c.f.each(v.list[i].v, to)}
	}
	return v, nil
}

// group gathers samples under one set of labels.
type group struct {
	labels     labels
	n          int
	sum, sum2  float64
	least, top float64
	all        []sample
}

func (w *evaluation) aggregate(a *aggregate, t int64) (value, error) {
	v, err := w.eval(a.of, t)
	if err != nil {
		return v, err
	}
	keep := 0
	if a.param != nil {
		p, err := w.eval(a.param, t)
		if err != nil {
			return v, err
		}
		if p.n >= 1 {
			keep = int(min(p.n, 1e6))
		}
	}
	var order []*group
	groups := map[string]*group{}
	for _, s := range v.list {
		l := labels(nil)
		switch {
		case a.without:
			l = s.labels.without(a.by)
		case a.grouped:
			l = s.labels.only(a.by)
		}
		k := l.key()
		g := groups[k]
		if g == nil {
			g = &group{labels: l, least: s.v, top: s.v}
			groups[k], order = g, append(order, g)
		}
		g.n++
		g.sum, g.sum2 = g.sum+s.v, g.sum2+s.v*s.v
		g.least, g.top = min(g.least, s.v), max(g.top, s.v)
		g.all = append(g.all, s)
	}
	out := value{}
	for _, g := range order {
		n := float64(g.n)
		x := g.sum
		switch a.op {
		case "avg":
			x = g.sum / n
		case "min":
			x = g.least
		case "max":
			x = g.top
		case "count":
			x = n
		case "stddev":
			var sq float64
			for _, s := range g.all {
				sq += (s.v - g.sum/n) * (s.v - g.sum/n)
			}
			x = math.Sqrt(sq / n)
		case "topk", "bottomk":
			slices.SortStableFunc(g.all, func(p, q sample) int {
				if a.op == "topk" {
					p, q = q, p
				}
				return cmp.Compare(p.v, q.v)
			})
			out.list = append(out.list, g.all[:min(keep, len(g.all))]...)
			continue
		}
		out.list = append(out.list, sample{g.labels, x})
	}
	return out, w.visit(len(v.list) + 1)
}

func (w *evaluation) binary(b *binary, t int64) (value, error) {
	l, err := w.eval(b.l, t)
	if err != nil {
		return l, err
	}
	r, err := w.eval(b.r, t)
	if err != nil {
		return r, err
	}
	if err := w.visit(len(l.list) + len(r.list) + 1); err != nil {
		return l, err
	}
	switch {
	case l.scalar && r.scalar:
		v, ok := operate(b.op, l.n, r.n)
		if compares(b.op) {
			v = truth(ok)
		}
		return value{scalar: true, n: v}, nil
	case r.scalar:
		return b.each(l.list, func(s sample) (float64, float64) { return s.v, r.n }), nil
	case l.scalar:
		return b.each(r.list, func(s sample) (float64, float64) { return l.n, s.v }), nil
	}
	key := func(s sample) string {
		if b.on {
			return s.labels.only(b.labels).key()
		}
		return s.labels.without(b.labels).key()
	}
	right := map[string]float64{}
	for _, s := range r.list {
		k := key(s)
		if _, twice := right[k]; twice {
			return value{}, fault.At(fault.Conflict, "query", "found duplicate series for the match group on the right hand-side of the operation; many-to-many matching not allowed: matching labels must be unique on one side")
		}
		right[k] = s.v
	}
	seen := map[string]bool{}
	out := value{}
	for _, s := range l.list {
		k := key(s)
		other, ok := right[k]
		if !ok {
			continue
		}
		if seen[k] {
			return value{}, fault.At(fault.Conflict, "query", "multiple matches for labels: many-to-one matching is not supported here")
		}
		seen[k] = true
		v, pass := operate(b.op, s.v, other)
		switch ls := s.labels; {
		case compares(b.op) && !b.boolean:
			if pass {
				out.list = append(out.list, s)
			}
		default:
			if compares(b.op) {
				v = truth(pass)
			}
			if ls = ls.without(b.labels); b.on {
				ls = s.labels.only(b.labels)
			}
			out.list = append(out.list, sample{ls, v})
		}
	}
	return out, nil
}

// each applies the operator to a vector and a scalar.
func (b *binary) each(list []sample, sides func(sample) (float64, float64)) value {
	out := value{}
	for _, s := range list {
		x, y := sides(s)
		v, pass := operate(b.op, x, y)
		switch {
		case !compares(b.op):
			out.list = append(out.list, sample{s.labels.without(nil), v})
		case b.boolean:
			out.list = append(out.list, sample{s.labels.without(nil), truth(pass)})
		case pass:
			out.list = append(out.list, s)
		}
	}
	return out
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func operate(op string, x, y float64) (v float64, pass bool) {
	switch op {
	case "+":
		return x + y, true
	case "-":
		return x - y, true
	case "*":
		return x * y, true
	case "/":
		return x / y, true
	case "%":
		return math.Mod(x, y), true
	case "^":
		return math.Pow(x, y), true
	case "==":
		return x, x == y
	case "!=":
		return x, x != y
	case ">":
		return x, x > y
	case "<":
		return x, x < y
	case ">=":
		return x, x >= y
	}
	return x, x <= y
}

// function is one that a query can call.
type function struct {
	takes    []kind
	optional int // how many of the last may be left out
	gives    kind
	window   func(ts []int64, vs []float64, end int64, over time.Duration) (float64, bool)
	each     func(v, to float64) float64
}

func over(f func(vs []float64) float64) *function {
	return &function{takes: []kind{ranged}, gives: vector, window: func(_ []int64, vs []float64, _ int64, _ time.Duration) (float64, bool) {
		if len(vs) == 0 {
			return 0, false
		}
		return f(vs), true
	}}
}

func plain(f func(v, to float64) float64) *function {
	return &function{takes: []kind{vector}, gives: vector, each: f}
}

func mean(vs []float64) float64 { return total(vs) / float64(len(vs)) }

func total(vs []float64) (sum float64) {
	for _, v := range vs {
		sum += v
	}
	return sum
}

func deviation(vs []float64) float64 {
	m, sq := mean(vs), 0.0
	for _, v := range vs {
		sq += (v - m) * (v - m)
	}
	return math.Sqrt(sq / float64(len(vs)))
}

func slope(counter, perSecond bool) *function {
	return &function{takes: []kind{ranged}, gives: vector, window: func(ts []int64, vs []float64, end int64, over time.Duration) (float64, bool) {
		return extrapolated(ts, vs, end, over, counter, perSecond)
	}}
}

// functions that there are.
var functions = map[string]*function{
	"rate": slope(true, true), "increase": slope(true, false), "delta": slope(false, false),
	"avg_over_time": over(mean), "sum_over_time": over(total),
	"min_over_time":     over(func(vs []float64) float64 { return slices.Min(vs) }),
	"max_over_time":     over(func(vs []float64) float64 { return slices.Max(vs) }),
	"count_over_time":   over(func(vs []float64) float64 { return float64(len(vs)) }),
	"last_over_time":    over(func(vs []float64) float64 { return vs[len(vs)-1] }),
	"present_over_time": over(func([]float64) float64 { return 1 }),
	"stddev_over_time":  over(deviation),
	"abs":               plain(func(v, _ float64) float64 { return math.Abs(v) }),
	"ceil":              plain(func(v, _ float64) float64 { return math.Ceil(v) }),
	"floor":             plain(func(v, _ float64) float64 { return math.Floor(v) }),
	"sqrt":              plain(func(v, _ float64) float64 { return math.Sqrt(v) }),
	"ln":                plain(func(v, _ float64) float64 { return math.Log(v) }),
	"log2":              plain(func(v, _ float64) float64 { return math.Log2(v) }),
	"log10":             plain(func(v, _ float64) float64 { return math.Log10(v) }),
	"exp":               plain(func(v, _ float64) float64 { return math.Exp(v) }),
	"round":             {takes: []kind{vector, scalar}, optional: 1, gives: vector, each: round},
	"clamp_min":         {takes: []kind{vector, scalar}, gives: vector, each: math.Max},
	"clamp_max":         {takes: []kind{vector, scalar}, gives: vector, each: math.Min},
	"time":              {gives: scalar},
	"vector":            {takes: []kind{scalar}, gives: vector},
	"scalar":            {takes: []kind{vector}, gives: scalar},
}

func round(v, to float64) float64 {
	if math.IsNaN(to) {
		to = 1
	}
	inv := 1 / to // as the original, for the sake of decimals
	return math.Floor(v*inv+0.5) / inv
}

// extrapolated is the change over a range, carried on to its edges where the first and last
// values are near enough to them, as PromQL defines rate, increase and delta: near is
// within 1.1 of the mean distance of values, else half of it is added; a counter is never
// carried below zero, and a fall of it is a reset.
func extrapolated(ts []int64, vs []float64, end int64, over time.Duration, counter, perSecond bool) (float64, bool) {
	n := len(ts)
	if n < 2 {
		return 0, false
	}
	change := vs[n-1] - vs[0]
	if counter {
		for i := 1; i < n; i++ {
			if vs[i] < vs[i-1] {
				change += vs[i-1]
			}
		}
	}
	seconds := func(ms int64) float64 { return float64(ms) / 1000 }
	before, after := seconds(ts[0]-(end-over.Milliseconds())), seconds(end-ts[n-1])
	sampled := seconds(ts[n-1] - ts[0])
	gap := sampled / float64(n-1)
	if before >= gap*1.1 {
		before = gap / 2
	}
	if counter && change > 0 && vs[0] >= 0 {
		before = min(before, sampled*vs[0]/change)
	}
	if after >= gap*1.1 {
		after = gap / 2
	}
	change *= (sampled + before + after) / sampled
	if perSecond {
		change /= over.Seconds()
	}
	return change, true
}
