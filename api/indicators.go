package api

import (
	"context"
	"math"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/insight/indicator"
	"github.com/assayhq/assay/insight/study"
	"github.com/assayhq/assay/market"
)

// What one request for values may ask for. A value is a function at a row.
const (
	maxFunctions = 20
	maxReadings  = 25_000
	readingsUnit = 2_500 // values for one unit of the caller's limit
)

// registerIndicators adds the operations of the catalogue of indicators.
func (s *Server) registerIndicators() {
	s.functions = indicator.Catalogue()
	s.indicatorShape = shapeOf[Answer[IndicatorValues]]()
	get := func(id, path string, cost int, summary, doc string) Operation {
		return Operation{ID: id, Method: http.MethodGet, Path: path, Scope: access.MarketRead, Cost: cost, Tag: "Indicators", Summary: summary, Doc: doc}
	}
	add(s, get("list-indicators", "/v1/indicators", 1, "Technical indicators",
		"The catalogue: every function of TA-Lib under its names, and the field's usual ones beyond it, with parameters, outputs, units, formulas and sources. `q` searches names, titles and descriptions."), s.indicators)
	add(s, get("get-indicator", "/v1/indicators/{name}", 1, "One indicator", ""), s.indicator)
	values := get("get-indicator-values", "/v1/indicators/values/{pair}", 3, "Values of indicators over candles",
		"Several functions at once over the bars that `/v1/candles` gives, by the same rules of `start`, `end`, `limit` and `cursor`. Bars before the first row are read so that it is warm, and settled where history allows. Values are statistics in floating point, null where a function has none. The last bar may still be forming: `complete` is false and the value is a look ahead that changes nothing. "+
			"It costs 2 units and one more for every "+strconv.Itoa(readingsUnit)+" values (functions times `limit`); at most "+strconv.Itoa(maxFunctions)+" functions and "+strconv.Itoa(maxReadings)+" values.")
	values.weigh = weighValues
	addHot[indicatorValuesIn, IndicatorValues](s, values, s.indicatorValues)
}

type indicatorsIn struct {
	Group string `query:"group" maxLength:"40" doc:"Only of this group, such as Momentum Indicators or its first word, momentum"`
	Q     string `query:"q" maxLength:"100" doc:"Words that must stand in the name, title or description" example:"volatility"`
	Common
}

type indicatorIn struct {
	Name string `path:"name" maxLength:"40" doc:"Name, in upper or lower case" example:"RSI"`
	Common
}

// IndicatorSheet is an indicator as the list tells it.
type IndicatorSheet struct {
	Name     string   `json:"name" doc:"What it is asked for by"`
	Title    string   `json:"title" doc:"What people call it"`
	Group    string   `json:"group" doc:"Kind, as TA-Lib sorts them"`
	Settings string   `json:"settings" doc:"Parameters with their defaults, in order"`
	Outputs  []string `json:"outputs" doc:"Names of the values it gives for each bar"`
	Begin    int      `json:"begin" doc:"Bars before the first value, with the defaults"`
}

// IndicatorDetail is an indicator with all that is known of it.
type IndicatorDetail struct {
	Name       string            `json:"name" doc:"What it is asked for by"`
	Definition string            `json:"definition" doc:"Id of the definition; answers with values name it"`
	Title      string            `json:"title" doc:"What people call it"`
	Group      string            `json:"group" doc:"Kind, as TA-Lib sorts them"`
	Doc        string            `json:"doc" doc:"What it tells and how it is read"`
	Formula    string            `json:"formula" doc:"x is the input, [t-1] the bar before"`
	Source     string            `json:"source" doc:"Who published it, where and when"`
	Notes      string            `json:"notes,omitempty" doc:"Choices where others differ"`
	Inputs     []IndicatorInput  `json:"inputs" doc:"Columns that it reads"`
	Params     []IndicatorParam  `json:"params" doc:"Settings, in order"`
	Outputs    []IndicatorOutput `json:"outputs" doc:"Values that it gives for each bar"`
	Begin      int               `json:"begin" doc:"Bars before the first value, with the defaults"`
	Settle     *int              `json:"settle" doc:"Bars after begin until a longer history would change the value by less than a millionth; null: a running total, which depends on where the series begins for ever"`
}

// IndicatorInput is a column that an indicator reads.
type IndicatorInput struct {
	Name   string `json:"name" doc:"Name in the function's parentheses"`
	Column string `json:"column" doc:"Column of the candle that it takes when nothing is said"`
}

// IndicatorParam is a setting of an indicator.
type IndicatorParam struct {
	Name    string   `json:"name" doc:"Name in the function's parentheses"`
	TALib   string   `json:"talib_name" doc:"The same as TA-Lib spells it, which is taken as well"`
	Doc     string   `json:"doc" doc:"What it sets"`
	Default string   `json:"default" doc:"Taken when nothing is said"`
	Min     float64  `json:"min" doc:"Least that is taken"`
	Max     float64  `json:"max" doc:"Greatest that is taken"`
	Integer bool     `json:"integer" doc:"It is a whole number"`
	Choices []string `json:"choices,omitempty" doc:"Names of 0, 1, 2 ..., where a number is a choice"`
}

// IndicatorOutput is a value that an indicator gives for each bar.
type IndicatorOutput struct {
	Name    string   `json:"name" doc:"As TA-Lib names it"`
	Unit    string   `json:"unit" enum:"price,percent,index,ratio,volume,bars,degrees,signal,flag,squared,anything" doc:"What it is measured in"`
	Form    string   `json:"form" enum:"line,histogram,band,dots,marks" doc:"How it is drawn"`
	Doc     string   `json:"doc,omitempty" doc:"What it tells, where the function's doc does not say"`
	Least   *float64 `json:"least" doc:"It is never below; null: no bound"`
	Most    *float64 `json:"most" doc:"It is never above; null: no bound"`
	OnPrice bool     `json:"on_price" doc:"It is drawn over the prices"`
}

func (s *Server) indicators(_ context.Context, in *indicatorsIn) (Answer[[]IndicatorSheet], error) {
	a := Answer[[]IndicatorSheet]{Data: []IndicatorSheet{}}
	a.Meta.Sources = []string{"catalogue"}
	groups := []string{}
	for i := range s.functions {
		f := &s.functions[i]
		if g := string(f.Group); !slices.Contains(groups, g) {
			groups = append(groups, g)
		}
		if in.Group != "" && !strings.EqualFold(in.Group, string(f.Group)) && !strings.EqualFold(in.Group, firstWord(string(f.Group))) {
			continue
		}
		if in.Q != "" && !holdsWords(f.Name+" "+f.Title+" "+f.Doc, in.Q) {
			continue
		}
		d := f.Describe()
		v, _ := f.Set(nil)
		sheet := IndicatorSheet{Name: f.Name, Title: f.Title, Group: string(f.Group), Settings: f.Settings(v), Outputs: []string{}, Begin: d.Begin}
		for _, o := range f.Outputs {
			sheet.Outputs = append(sheet.Outputs, o.Name)
		}
		a.Data = append(a.Data, sheet)
	}
	if in.Group != "" && !slices.ContainsFunc(groups, func(g string) bool {
		return strings.EqualFold(g, in.Group) || strings.EqualFold(firstWord(g), in.Group)
	}) {
		slices.Sort(groups)
		return a, fault.At(fault.Invalid, "query.group", "there is no group %q; there are %s", clip(in.Group, 40), strings.Join(groups, ", "))
	}
	return a, nil
}

func firstWord(s string) string { w, _, _ := strings.Cut(s, " "); return w }

// holdsWords tells whether every word of q stands in the text.
func holdsWords(text, q string) bool {
	text = strings.ToLower(text)
	for _, w := range strings.Fields(strings.ToLower(q)) {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}

func (s *Server) indicator(_ context.Context, in *indicatorIn) (Answer[IndicatorDetail], error) {
	a := Answer[IndicatorDetail]{}
	a.Meta.Sources = []string{"catalogue"}
	f, err := indicator.Find(s.functions, in.Name)
	if err != nil {
		return a, s.noIndicator("path.name", in.Name, err)
	}
	a.Data = detailOf(f)
	return a, nil
}

// noIndicator adds to an error the place and the names that were probably meant.
func (s *Server) noIndicator(field, name string, err error) error {
	if fault.Of(err) != fault.Unknown {
		return atField(field, err)
	}
	names := make([]string, len(s.functions))
	for i := range s.functions {
		names[i] = s.functions[i].Name
	}
	near := nearest(strings.ToUpper(name), names, 3)
	return &problemError{suggestions: near, details: []detail{{Location: field, Message: "no such indicator"}},
		error: fault.New(fault.Unknown, "%s", didYouMean("there is no such indicator; /v1/indicators lists them", clip(name, 40), near))}
}

func detailOf(f *indicator.Function) IndicatorDetail {
	d := f.Describe()
	out := IndicatorDetail{
		Name: d.Name, Definition: definition(f), Title: d.Title, Group: string(d.Group), Doc: d.Doc, Formula: d.Formula, Source: d.Source, Notes: d.Notes,
		Inputs: []IndicatorInput{}, Params: []IndicatorParam{}, Outputs: []IndicatorOutput{}, Begin: d.Begin,
	}
	if d.Settle >= 0 {
		out.Settle = &d.Settle
	}
	for _, in := range f.Inputs {
		out.Inputs = append(out.Inputs, IndicatorInput{string(in), in.Column()})
	}
	for _, p := range f.Params {
		out.Params = append(out.Params, IndicatorParam{p.Short(), p.Name, p.Doc, p.Text(p.Default), p.Min, p.Max, p.Integer, p.Choices})
	}
	for _, o := range f.Outputs {
		x := IndicatorOutput{Name: o.Name, Unit: string(o.Unit), Form: string(o.Form), Doc: o.Doc, OnPrice: o.OnPrice}
		if o.Least != o.Most {
			x.Least, x.Most = &o.Least, &o.Most
		}
		out.Outputs = append(out.Outputs, x)
	}
	return out
}

// definition names a function together with the version of its formula: a formula that
// changes gets another version.
func definition(f *indicator.Function) string { return "indicator." + f.Name + "/1" }

type indicatorValuesIn struct {
	Pair      string `path:"pair" maxLength:"64" doc:"Pair" example:"BTC-USD"`
	Functions string `query:"functions" required:"true" minLength:"1" maxLength:"2048" doc:"Names with commas between, each with arguments in parentheses where the defaults are not meant: values in the order of the parameters, then parameter=value or input=column" example:"RSI(14),MACD(fast_period=5,slow_period=20)"`
	Venue     string `query:"venue" default:"consensus" maxLength:"32" doc:"Venue, or consensus for bars of the fair price"`
	Interval  string `query:"interval" default:"1h" enum:"1s,5s,15s,30s,1m,3m,5m,15m,30m,1h,2h,4h,6h,8h,12h,1d,3d,1w,1M" doc:"Length of a candle, in UTC"`
	Input     string `query:"input" default:"close" enum:"open,high,low,close,volume" doc:"Column of inputs that are named real"`
	Span
	Common
}

// weighValues is what a request for values costs, by what its address asks for. What is
// no number there is refused later.
func weighValues(r *http.Request) int {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return 2
	}
	n, depth := 1, 0
	for _, c := range q.Get("functions") {
		switch {
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ',' && depth == 0:
			n++
		}
	}
	rows, err := strconv.Atoi(q.Get("limit"))
	if err != nil {
		rows = 500
	}
	n = min(max(n, 1), maxFunctions) * min(max(rows, 1), 5000)
	return 2 + (min(n, maxReadings)+readingsUnit-1)/readingsUnit
}

// IndicatorValues are functions over a series of candles.
type IndicatorValues struct {
	Pair      string          `json:"pair" doc:"Pair"`
	Venue     string          `json:"venue" doc:"Whose candles"`
	Interval  string          `json:"interval" doc:"Length of a candle"`
	Functions []IndicatorUsed `json:"functions" doc:"What was computed, in the order asked for"`
	Rows      []IndicatorRow  `json:"rows" doc:"One for each candle, oldest first"`
}

// IndicatorUsed is a function with the parameters it was computed with.
type IndicatorUsed struct {
	Label      string            `json:"label" doc:"The function with every parameter; asked for so, it is the same again. Columns are label.output"`
	Name       string            `json:"name" doc:"Name of the indicator"`
	Definition string            `json:"definition" doc:"Id of its definition"`
	Params     map[string]string `json:"params" doc:"Every parameter's value"`
	Inputs     map[string]string `json:"inputs" doc:"The column that each input was taken from"`
	Outputs    []string          `json:"outputs" doc:"Names of its values"`
	Before     int               `json:"before" doc:"Candles before the first row that it was computed over as well"`
	WarmFrom   *int64            `json:"warm_from" doc:"Start of the first candle in the rows with values, milliseconds; null: none"`
	SettledFrm *int64            `json:"settled_from" doc:"Start of the first candle in the rows from which on a longer history would give the same; null: none, always so for running totals"`
}

// IndicatorRow is what the functions say of one candle.
type IndicatorRow struct {
	TS       int64               `json:"ts" doc:"Start of the candle, milliseconds"`
	Complete bool                `json:"complete" doc:"As the candle says; false while it is forming"`
	Revision int                 `json:"revision" doc:"The candle's: rises each time late trades change it"`
	Warm     bool                `json:"warm" doc:"Every function had bars enough for a value"`
	Settled  bool                `json:"settled" doc:"A longer history would give the same values"`
	Values   map[string]*float64 `json:"values" doc:"By label and output, such as RSI(14).outReal; null where there is none"`
}

// indicatorAnswer is the answer before it is written: a column of numbers per value.
type indicatorAnswer struct {
	m       Meta
	s       *Server
	head    IndicatorValues // without rows
	candles []market.Candle // of the rows
	list    []market.Candle // all that were read
	columns []string
	keys    []string // "RSI(14).outReal":
	values  [][]float64
	warm    int // index of the first row where every function has values
	settled int
}

func (s *Server) indicatorValues(ctx context.Context, in *indicatorValuesIn) (*indicatorAnswer, error) {
	p, err := s.pair("path.pair", in.Pair)
	if err != nil {
		return nil, err
	}
	start, end, err := in.times()
	if err != nil {
		return nil, err
	}
	real, _ := study.ParseColumn(in.Input)
	studies, err := study.Parse(s.functions, in.Functions, real, maxFunctions)
	if err != nil {
		return nil, atField("query.functions", err)
	}
	if n := len(studies) * in.Limit; n > maxReadings {
		return nil, fault.At(fault.Invalid, "query.limit", "%d functions over %d rows are %d values; at most %d at once: ask for fewer rows and go on with next_cursor", len(studies), in.Limit, n, maxReadings)
	}
	digest := filterDigest("indicators", in.Venue, string(p), in.Interval, in.Start, in.End, in.Functions, in.Input)
	at, err := readCursor(in.Cursor, digest, 1)
	if err != nil {
		return nil, err
	}
	a := &indicatorAnswer{s: s, head: IndicatorValues{Pair: string(p), Venue: in.Venue, Interval: in.Interval}}
	r := market.Range{From: start, To: end}
	if at != nil {
		r.From = time.UnixMilli(at[0]).UTC()
	}
	before := 0
	for i := range studies {
		before = max(before, studies[i].Before())
	}
	series := market.Series{Venue: market.VenueID(in.Venue), Pair: p}
	first, more, err := s.warmCandles(ctx, a, series, market.Interval(in.Interval), r, in.Limit, before)
	if err != nil {
		a.free()
		return nil, err
	}
	if more != nil {
		a.m.NextCursor = makeCursor(digest, more.Open.UnixMilli())
	}
	a.candles = a.list[first:]
	if len(a.candles) == 0 && at == nil {
		if err := s.missing(series.Venue, p); err != nil {
			a.free()
			return nil, err
		}
	}
	if err := a.compute(ctx, studies, first); err != nil {
		a.free()
		return nil, err
	}
	judged := &rows[market.Candle, Candle]{list: a.candles, m: a.m}
	s.judgeCandles(judged, series.Venue, market.Interval(in.Interval), end)
	a.m = judged.m
	return a, nil
}

// warmCandles reads the rows asked for with the bars before them. first is where the rows
// begin; more is the candle after them when there is one.
func (s *Server) warmCandles(ctx context.Context, a *indicatorAnswer, of market.Series, i market.Interval, r market.Range, limit, before int) (first int, more *market.Candle, err error) {
	a.list = s.pools.candleRows()
	if r.From.IsZero() {
		r.Limit, r.Reverse = limit+before, true
		if a.list, err = s.readCandles(ctx, of, i, r, a.list); err != nil {
			return 0, nil, err
		}
		slices.Reverse(a.list)
		return max(0, len(a.list)-limit), nil, nil
	}
	if before > 0 {
		if a.list, err = s.readCandles(ctx, of, i, market.Range{To: r.From, Limit: before, Reverse: true}, a.list); err != nil {
			return 0, nil, err
		}
		slices.Reverse(a.list)
	}
	first = len(a.list)
	r.Limit = limit + 1
	if a.list, err = s.readCandles(ctx, of, i, r, a.list); err != nil {
		return 0, nil, err
	}
	if len(a.list)-first > limit {
		more = &a.list[first+limit]
		a.list = a.list[:first+limit]
	}
	return first, more, nil
}

// compute runs the studies over all candles read and keeps the rows from first on.
func (a *indicatorAnswer) compute(ctx context.Context, studies []study.Study, first int) error {
	bars := study.NewBars(a.list, studies...)
	rows := len(a.candles)
	for i := range studies {
		st := &studies[i]
		if err := ctx.Err(); err != nil {
			return fault.Wrap(fault.Unavailable, err, "the request was given up before its values were computed")
		}
		out, err := st.Batch(&bars)
		if err != nil {
			return err
		}
		f := st.Function
		u := IndicatorUsed{Label: st.Label, Name: f.Name, Definition: definition(f), Params: map[string]string{}, Inputs: map[string]string{}, Before: first}
		for j, p := range f.Params {
			u.Params[p.Short()] = p.Text(st.Values[j])
		}
		for j, in := range f.Inputs {
			u.Inputs[string(in)] = st.Columns[j].String()
		}
		warm, settled := min(max(st.Begin()-first, 0), rows), rows
		if n := st.Settle(); n >= 0 {
			settled = min(max(n-first, 0), rows)
		}
		u.WarmFrom, u.SettledFrm = a.openAt(warm), a.openAt(settled)
		a.warm, a.settled = max(a.warm, warm), max(a.settled, settled)
		for j, o := range f.Outputs {
			u.Outputs = append(u.Outputs, o.Name)
			name := st.Label + "." + o.Name
			a.columns = append(a.columns, name)
			a.keys = append(a.keys, string(append(appendJSON(nil, name), ':')))
			a.values = append(a.values, out[j][first:])
		}
		a.head.Functions = append(a.head.Functions, u)
	}
	return nil
}

// openAt is the start of a row's candle, nil behind the last.
func (a *indicatorAnswer) openAt(row int) *int64 {
	if row >= len(a.candles) {
		return nil
	}
	return ptr(a.candles[row].Open.UnixMilli())
}

func (a *indicatorAnswer) meta() *Meta { return &a.m }

func (a *indicatorAnswer) free() { a.s.pools.candlesBack(a.list) }

func (a *indicatorAnswer) append(b []byte, f format, number bool) []byte {
	switch f {
	case inJSON:
		data := a.s.indicatorShape.fields[0].shape
		head := data.json(nil, reflect.ValueOf(&a.head).Elem(), number)
		b = append(append(b, `{"data":`...), head[:len(head)-len(`[]}`)]...) // rows are last
		b = append(b, '[')
		for i := range a.candles {
			if i > 0 {
				b = append(b, ',')
			}
			b = a.rowJSON(b, i)
		}
		b = append(b, `]},"meta":`...)
		b = appendMeta(a.s.indicatorShape, b, &a.m)
		return append(b, "}\n"...)
	case inLines:
		for i := range a.candles {
			b = append(a.rowJSON(b, i), '\n')
		}
		return b
	case inCSV:
		b = append(b, "ts,complete,revision,warm,settled"...)
		for _, name := range a.columns {
			b = appendCSV(append(b, ','), name)
		}
		b = append(b, "\r\n"...)
		for i := range a.candles {
			b = append(a.rowCSV(b, i), "\r\n"...)
		}
		return b
	case inColumns:
		return a.columnsJSON(b)
	}
	c := cold[IndicatorValues]{&Answer[IndicatorValues]{Data: a.whole(), Meta: a.m}, a.s.indicatorShape}
	return c.append(b, f, number)
}

// whole is the answer as its shape describes it.
func (a *indicatorAnswer) whole() IndicatorValues {
	out := a.head
	out.Rows = make([]IndicatorRow, len(a.candles))
	for i := range a.candles {
		k := &a.candles[i]
		r := IndicatorRow{TS: k.Open.UnixMilli(), Complete: k.Complete, Revision: k.Revision, Warm: i >= a.warm, Settled: i >= a.settled, Values: map[string]*float64{}}
		for j, name := range a.columns {
			if x := a.values[j][i]; finite(x) {
				r.Values[name] = &x
			} else {
				r.Values[name] = nil
			}
		}
		out.Rows[i] = r
	}
	return out
}

func (a *indicatorAnswer) rowJSON(b []byte, i int) []byte {
	k := &a.candles[i]
	b = strconv.AppendInt(append(b, `{"ts":`...), k.Open.UnixMilli(), 10)
	b = strconv.AppendBool(append(b, `,"complete":`...), k.Complete)
	b = strconv.AppendInt(append(b, `,"revision":`...), int64(k.Revision), 10)
	b = strconv.AppendBool(append(b, `,"warm":`...), i >= a.warm)
	b = strconv.AppendBool(append(b, `,"settled":`...), i >= a.settled)
	b = append(b, `,"values":{`...)
	for j, key := range a.keys {
		if j > 0 {
			b = append(b, ',')
		}
		b = appendStatistic(append(b, key...), a.values[j][i])
	}
	return append(b, "}}"...)
}

func (a *indicatorAnswer) rowCSV(b []byte, i int) []byte {
	k := &a.candles[i]
	b = strconv.AppendInt(b, k.Open.UnixMilli(), 10)
	b = strconv.AppendBool(append(b, ','), k.Complete)
	b = strconv.AppendInt(append(b, ','), int64(k.Revision), 10)
	b = strconv.AppendBool(append(b, ','), i >= a.warm)
	b = strconv.AppendBool(append(b, ','), i >= a.settled)
	for j := range a.values {
		b = append(b, ',')
		if x := a.values[j][i]; finite(x) {
			b = strconv.AppendFloat(b, x, 'f', -1, 64)
		}
	}
	return b
}

func (a *indicatorAnswer) columnsJSON(b []byte) []byte {
	b = append(b, `{"columns":["ts","complete","revision","warm","settled"`...)
	for _, name := range a.columns {
		b = appendJSON(append(b, ','), name)
	}
	column := func(key string, one func(b []byte, i int) []byte) {
		b = append(append(b, key...), '[')
		for i := range a.candles {
			if i > 0 {
				b = append(b, ',')
			}
			b = one(b, i)
		}
		b = append(b, ']')
	}
	b = append(b, `],"data":{`...)
	column(`"ts":`, func(b []byte, i int) []byte { return strconv.AppendInt(b, a.candles[i].Open.UnixMilli(), 10) })
	column(`,"complete":`, func(b []byte, i int) []byte { return strconv.AppendBool(b, a.candles[i].Complete) })
	column(`,"revision":`, func(b []byte, i int) []byte { return strconv.AppendInt(b, int64(a.candles[i].Revision), 10) })
	column(`,"warm":`, func(b []byte, i int) []byte { return strconv.AppendBool(b, i >= a.warm) })
	column(`,"settled":`, func(b []byte, i int) []byte { return strconv.AppendBool(b, i >= a.settled) })
	for j, key := range a.keys {
		column(","+key, func(b []byte, i int) []byte { return appendStatistic(b, a.values[j][i]) })
	}
	b = append(b, `},"meta":`...)
	return append(appendMeta(a.s.indicatorShape, b, &a.m), "}\n"...)
}

// appendStatistic writes the shortest text that reads back as the same number; null for
// none.
func appendStatistic(b []byte, x float64) []byte {
	if !finite(x) {
		return append(b, "null"...)
	}
	return strconv.AppendFloat(b, x, 'f', -1, 64)
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
