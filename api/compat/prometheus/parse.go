package prometheus

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// kind is what an expression gives.
type kind string

const (
	scalar  kind = "scalar"
	vector  kind = "instant vector"
	ranged  kind = "range vector"
	literal kind = "string"
)

// expr is a part of a query.
type expr interface {
	gives() kind
	String() string
}

type (
	num struct{ v float64 }
	str struct{ v string }
	// selector picks series; over is 0 for an instant one.
	selector struct {
		name     string
		matchers []matcher
		over     time.Duration
		offset   time.Duration
		data     []*series // loaded before the evaluation
	}
	call struct {
		f    *function
		name string
		args []expr
	}
	aggregate struct {
		op      string
		by      []string
		without bool
		grouped bool
		param   expr // of topk, bottomk and quantile
		of      expr
	}
	binary struct {
		op       string
		l, r     expr
		boolean  bool
		on       bool // labels are those to match on; else those to ignore
		labels   []string
		matching bool // on or ignoring was written
	}
	negate struct{ of expr }
)

func (num) gives() kind { return scalar }
func (str) gives() kind { return literal }
func (s *selector) gives() kind {
	if s.over > 0 {
		return ranged
	}
	return vector
}
func (c *call) gives() kind      { return c.f.gives }
func (a *aggregate) gives() kind { return vector }
func (b *binary) gives() kind {
	if b.l.gives() == scalar && b.r.gives() == scalar {
		return scalar
	}
	return vector
}
func (n *negate) gives() kind { return n.of.gives() }

// matcher is one condition on a label.
type matcher struct {
	label, op, value string
	re               *regexp.Regexp
}

func (m *matcher) fits(v string) bool {
	switch m.op {
	case "=":
		return v == m.value
	case "!=":
		return v != m.value
	case "=~":
		return m.re.MatchString(v)
	}
	return !m.re.MatchString(v)
}

// parser reads a query by precedence.
type parser struct {
	list  []token
	depth int
	picks []*selector
}

const maxDepth = 60

// aggregations that there are; those with true take a parameter.
var aggregations = map[string]bool{"sum": false, "avg": false, "min": false, "max": false, "count": false, "stddev": false, "topk": true, "bottomk": true}

// parseQuery reads a query, and gives its selectors besides.
func parseQuery(s string) (expr, []*selector, error) {
	list, err := lex(s)
	if err != nil {
		return nil, nil, err
	}
	p := &parser{list: list}
	if p.list[0].kind == 0 {
		return nil, nil, wrong(0, "no expression found in input")
	}
	e, err := p.expression(0)
	if err != nil {
		return nil, nil, err
	}
	if t := p.list[0]; t.kind != 0 {
		return nil, nil, p.stray(t)
	}
	return e, p.picks, nil
}

// stray says what is not understood, and for parts of PromQL that are not here, so.
func (p *parser) stray(t token) error {
	switch t.text {
	case "and", "or", "unless", "group_left", "group_right", "atan2":
		return wrong(t.pos, "%s is not supported here; there are arithmetic, comparisons, on and ignoring", t.text)
	case "@":
		return wrong(t.pos, "the @ modifier is not supported here; use offset")
	case "[":
		return wrong(t.pos, "a range goes behind a selector only: subqueries are not supported here")
	}
	return wrong(t.pos, "unexpected %q", clip(t.text))
}

func (p *parser) next() token {
	t := p.list[0]
	if t.kind != 0 {
		p.list = p.list[1:]
	}
	return t
}

func (p *parser) is(text string) bool {
	t := p.list[0]
	return (t.kind == 'o' || t.kind == 'i') && t.text == text
}

func (p *parser) take(text string) bool {
	if p.is(text) {
		p.next()
		return true
	}
	return false
}

func (p *parser) want(text string) error {
	if t := p.list[0]; !p.take(text) {
		return wrong(t.pos, "unexpected %q, expected %q", clip(t.text), text)
	}
	return nil
}

var precedence = map[string]int{"==": 1, "!=": 1, ">": 1, "<": 1, ">=": 1, "<=": 1, "+": 2, "-": 2, "*": 3, "/": 3, "%": 3, "^": 5}

func compares(op string) bool { return precedence[op] == 1 }

func (p *parser) expression(least int) (expr, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, wrong(p.list[0].pos, "the query is nested more than %d deep", maxDepth)
	}
	defer func() { p.depth-- }()
	l, err := p.unary()
	if err != nil {
		return nil, err
	}
	for {
		t := p.list[0]
		level := precedence[t.text]
		if t.kind != 'o' || level == 0 || level < least {
			return l, nil
		}
		p.next()
		b := &binary{op: t.text, l: l}
		if p.take("bool") {
			if b.boolean = true; !compares(b.op) {
				return nil, wrong(t.pos, "bool modifier can only be used on comparison operators")
			}
		}
		if p.is("on") || p.is("ignoring") {
			b.matching, b.on = true, p.next().text == "on"
			if b.labels, err = p.labels(); err != nil {
				return nil, err
			}
		}
		if p.is("group_left") || p.is("group_right") {
			return nil, p.stray(p.list[0])
		}
		above := level + 1
		if b.op == "^" {
			above = level // it binds to the right
		}
		if b.r, err = p.expression(above); err != nil {
			return nil, err
		}
		for _, side := range []expr{b.l, b.r} {
			if k := side.gives(); k != scalar && k != vector {
				return nil, wrong(t.pos, "binary expression must contain only scalar and instant vector types, not %s", k)
			}
		}
		if b.gives() == scalar && compares(b.op) && !b.boolean {
			return nil, wrong(t.pos, "comparisons between scalars must use BOOL modifier")
		}
		if b.matching && (b.l.gives() != vector || b.r.gives() != vector) {
			return nil, wrong(t.pos, "vector matching only allowed between instant vectors")
		}
		l = b
	}
}

func (p *parser) unary() (expr, error) {
	t := p.list[0]
	if p.take("+") || p.take("-") {
		e, err := p.expression(4)
		if err != nil {
			return nil, err
		}
		if k := e.gives(); k != scalar && k != vector {
			return nil, wrong(t.pos, "unary expression only allowed on expressions of type scalar or instant vector, not %s", k)
		}
		if t.text == "-" {
			return &negate{e}, nil
		}
		return e, nil
	}
	return p.primary()
}

func (p *parser) primary() (expr, error) {
	t := p.next()
	switch {
	case t.kind == 'n':
		return num{t.num}, nil
	case t.kind == 's':
		return str{t.text}, nil
	case t.kind == 'o' && t.text == "(":
		e, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		return e, p.want(")")
	case t.kind == 'o' && t.text == "{":
		return p.selector("", t)
	case t.kind != 'i':
		return nil, p.stray(t)
	}
	switch strings.ToLower(t.text) {
	case "inf", "nan":
		if !p.is("{") {
			v, err := strconv.ParseFloat(t.text, 64)
			if err != nil {
				return nil, wrong(t.pos, "bad number %q", t.text)
			}
			return num{v}, nil
		}
	}
	if _, ok := aggregations[t.text]; ok && (p.is("(") || p.is("by") || p.is("without")) {
		return p.aggregate(t)
	}
	if p.is("(") {
		return p.call(t)
	}
	if t.text == "by" || t.text == "without" || t.text == "on" || t.text == "bool" || t.text == "offset" {
		return nil, wrong(t.pos, "unexpected %q", t.text)
	}
	return p.selector(t.text, t)
}

func (p *parser) labels() ([]string, error) {
	if err := p.want("("); err != nil {
		return nil, err
	}
	out := []string{}
	for !p.take(")") {
		t := p.next()
		if t.kind != 'i' {
			return nil, wrong(t.pos, "unexpected %q, expected a label", clip(t.text))
		}
		out = append(out, t.text)
		if !p.is(")") {
			if err := p.want(","); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

func (p *parser) grouping(a *aggregate) (err error) {
	if p.is("by") || p.is("without") {
		a.grouped, a.without = true, p.next().text == "without"
		a.by, err = p.labels()
	}
	return err
}

func (p *parser) aggregate(t token) (expr, error) {
	a := &aggregate{op: t.text}
	if err := p.grouping(a); err != nil {
		return nil, err
	}
	args, err := p.args()
	if err != nil {
		return nil, err
	}
	want := 1
	if aggregations[t.text] {
		want = 2
	}
	if len(args) != want {
		return nil, wrong(t.pos, "wrong number of arguments for aggregate expression provided, expected %d, got %d", want, len(args))
	}
	if a.of = args[want-1]; want == 2 {
		if a.param = args[0]; a.param.gives() != scalar {
			return nil, wrong(t.pos, "expected type scalar in aggregation parameter, got %s", a.param.gives())
		}
	}
	if k := a.of.gives(); k != vector {
		return nil, wrong(t.pos, "expected type instant vector in aggregation expression, got %s", k)
	}
	if !a.grouped {
		err = p.grouping(a)
	}
	return a, err
}

func (p *parser) args() ([]expr, error) {
	if err := p.want("("); err != nil {
		return nil, err
	}
	var out []expr
	for !p.take(")") {
		e, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
		if !p.is(")") {
			if err := p.want(","); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

func (p *parser) call(t token) (expr, error) {
	f := functions[t.text]
	if f == nil {
		names := make([]string, 0, len(functions))
		for n := range functions {
			names = append(names, n)
		}
		slices.Sort(names)
		return nil, wrong(t.pos, "unknown function with name %q; here are %s", clip(t.text), strings.Join(names, ", "))
	}
	args, err := p.args()
	if err != nil {
		return nil, err
	}
	if len(args) > len(f.takes) || len(args) < len(f.takes)-f.optional {
		return nil, wrong(t.pos, "expected %d argument(s) in call to %q, got %d", len(f.takes), t.text, len(args))
	}
	for i, a := range args {
		if k := a.gives(); k != f.takes[i] {
			return nil, wrong(t.pos, "expected type %s in call to function %q, got %s", f.takes[i], t.text, k)
		}
	}
	return &call{f, t.text, args}, nil
}

// maxSelectors bounds how many selectors a query may have.
const maxSelectors = 40

func (p *parser) selector(name string, at token) (expr, error) {
	s := &selector{name: name}
	if at.text == "{" && at.kind == 'o' || p.take("{") {
		for !p.take("}") {
			m, err := p.matcher()
			if err != nil {
				return nil, err
			}
			if m.label == "__name__" && name != "" {
				return nil, wrong(at.pos, "metric name must not be set twice: %q or %q", clip(name), clip(m.value))
			}
			if s.matchers = append(s.matchers, m); !p.is("}") {
				if err := p.want(","); err != nil {
					return nil, err
				}
			}
		}
	}
	if name == "" && !slices.ContainsFunc(s.matchers, func(m matcher) bool { return !m.fits("") }) {
		return nil, wrong(at.pos, "vector selector must contain at least one non-empty matcher")
	}
	if p.take("[") {
		t := p.next()
		if t.kind != 'd' || t.dur <= 0 {
			return nil, wrong(t.pos, "bad range %q; write a duration such as 5m", clip(t.text))
		}
		s.over = t.dur
		if p.is(":") {
			return nil, wrong(t.pos, "subqueries are not supported here")
		}
		if err := p.want("]"); err != nil {
			return nil, err
		}
	}
	if p.take("offset") {
		minus := p.take("-")
		t := p.next()
		if t.kind != 'd' {
			return nil, wrong(t.pos, "bad offset %q; write a duration such as 5m", clip(t.text))
		}
		if s.offset = t.dur; minus {
			s.offset = -t.dur
		}
	}
	if p.is("@") {
		return nil, p.stray(p.list[0])
	}
	if p.picks = append(p.picks, s); len(p.picks) > maxSelectors {
		return nil, wrong(at.pos, "the query has more than %d selectors", maxSelectors)
	}
	return s, nil
}

func (p *parser) matcher() (m matcher, err error) {
	t := p.next()
	if t.kind != 'i' {
		return m, wrong(t.pos, "unexpected %q, expected a label", clip(t.text))
	}
	m.label = t.text
	o := p.next()
	if m.op = o.text; o.kind != 'o' || !slices.Contains([]string{"=", "!=", "=~", "!~"}, m.op) {
		return m, wrong(o.pos, "unexpected %q, expected =, !=, =~ or !~", clip(o.text))
	}
	v := p.next()
	if v.kind != 's' {
		return m, wrong(v.pos, "unexpected %q, expected a string", clip(v.text))
	}
	if m.value = v.text; m.op == "=~" || m.op == "!~" {
		if m.re, err = regexp.Compile("^(?s:" + m.value + ")$"); err != nil || len(m.value) > 1000 {
			return m, wrong(v.pos, "bad regular expression %q", clip(m.value))
		}
	}
	return m, nil
}
