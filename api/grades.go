package api

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/insight"
	"github.com/assayhq/assay/market"
)

// registerGrades adds the operations on grades.
func (s *Server) registerGrades(g insight.Grades) {
	get := func(id, path string, cost int, summary, doc string) Operation {
		return Operation{ID: id, Method: http.MethodGet, Path: path, Scope: access.MarketRead, Cost: cost, Tag: "Grades", Summary: summary, Doc: doc}
	}
	f := gradesFace{s, g}
	add(s, get("list-grades", "/v1/grades", 2, "Grades of many assets",
		"Statistics from 0 to 100 by open formulas, best first. What has no input is null, and `missing` says how to give it. Not financial advice."), f.list)
	add(s, get("list-grade-formulas", "/v1/grades/formulas", 1, "The formulas of grades",
		"Every component with its weight, formula, inputs and source. Components without input are left out and the other weights grow in proportion; with less than half of the weight there is no grade."), f.formulas)
	add(s, get("get-grade-record", "/v1/grades/record", 1, "How grades went with what prices did next",
		"The information coefficient: the mean over days of the rank correlation, among assets, of grade and following return. `issued` counts grades that were written down before the outcome; `backcast` those computed later from the data of then. Errors are by bootstrap of whole weeks, which allows for overlap."), f.record)
	add(s, get("get-grades", "/v1/grades/{asset}", 1, "One asset's grades with their components", "Every kind, with what each component came to and what was missing."), f.one)
	add(s, get("list-grade-history", "/v1/grades/{asset}/history", 2, "Past grades of one asset",
		"At daily closes (UTC), oldest first. `written` is when a grade was put on record; without it the grade was computed later, from the data of then."), f.history)
}

type gradesFace struct {
	*Server
	g insight.Grades
}

type gradesIn struct {
	Kind   string `query:"kind" enum:"trader,investor,technology,valuation,fundamental,combined,ta,quant,quant-long,liquidity" default:"trader" doc:"Which grade"`
	Assets string `query:"assets" maxLength:"2000" doc:"Assets, separated by commas; at most 100. Default all" example:"BTC,ETH"`
	Page
	Common
}

type gradeIn struct {
	Asset string `path:"asset" maxLength:"128" doc:"Code, name, id or contract address" example:"BTC"`
	Common
}

type gradeHistoryIn struct {
	Asset string `path:"asset" maxLength:"128" doc:"Code, name, id or contract address" example:"BTC"`
	Kind  string `query:"kind" enum:"trader,investor,technology,valuation,fundamental,combined,ta,quant,quant-long,liquidity" default:"trader" doc:"Which grade"`
	Span
	Common
}

type gradeRecordIn struct {
	Kind    string `query:"kind" enum:"trader,investor,technology,valuation,fundamental,combined,ta,quant,quant-long,liquidity" doc:"Only this grade"`
	Horizon string `query:"horizon" enum:"1,7,14,30" doc:"Only this many days"`
	Common
}

type gradeFormulasIn struct{ Common }

// Grade is what a formula gave for an asset.
type Grade struct {
	Asset       string   `json:"asset"`
	Kind        string   `json:"kind" enum:"trader,investor,technology,valuation,fundamental,combined,ta,quant,quant-long,liquidity"`
	Value       *float64 `json:"value" doc:"0 to 100; null with less than half of the input"`
	Change      *float64 `json:"change" doc:"Points since the daily close before"`
	Band        *string  `json:"band" doc:"A word for the value that changes only when it is clearly beyond an edge on two closes in a row"`
	Trend       *string  `json:"trend" enum:"rising,falling,flat" doc:"Over seven days, by more than five points"`
	Coverage    float64  `json:"coverage" doc:"Part of the formula's weight that had input, 0 to 1"`
	Provisional bool     `json:"provisional" doc:"The day is not over: the value still moves"`
	Formula     string   `json:"formula" doc:"Id of the formula, see /v1/grades/formulas"`
	Version     int      `json:"version" doc:"Of the formula"`
	Bands       string   `json:"bands" doc:"Name of the bands in force"`
	Candles     string   `json:"candles" doc:"Venue and pair of the candles"`
	TS          *int64   `json:"ts" doc:"The close that it is of, milliseconds"`
	Missing     []string `json:"missing" doc:"What had no input, and how to give it"`
}

// GradeDetail is a grade with its components.
type GradeDetail struct {
	Grade
	Components []GradeComponent `json:"components"`
}

// GradePart describes a component of a formula.
type GradePart struct {
	Name    string   `json:"name"`
	Weight  float64  `json:"weight" doc:"Part of the whole, 0 to 1"`
	Formula string   `json:"formula"`
	Inputs  []string `json:"inputs"`
	Source  string   `json:"source" doc:"Who published the idea, or where the input comes from"`
}

// GradeComponent is what a component came to.
type GradeComponent struct {
	GradePart
	Raw     *float64 `json:"raw" doc:"The number behind the score"`
	Score   *float64 `json:"score" doc:"0 to 100; null without input"`
	Settled bool     `json:"settled" doc:"A longer history would give the same score"`
	Missing *string  `json:"missing" doc:"Why there is no score"`
}

// GradeFormula is an open formula.
type GradeFormula struct {
	Kind       string      `json:"kind"`
	Formula    string      `json:"formula" doc:"Its id"`
	Version    int         `json:"version" doc:"Rises with every change; a new version begins a new record"`
	Title      string      `json:"title"`
	Text       string      `json:"text"`
	Horizon    string      `json:"horizon" doc:"What span it looks at"`
	Components []GradePart `json:"components"`
}

// GradePoint is a grade of the past.
type GradePoint struct {
	TS       int64      `json:"ts" doc:"The close, milliseconds"`
	Value    *float64   `json:"value"`
	Coverage float64    `json:"coverage"`
	Band     *string    `json:"band"`
	Written  *time.Time `json:"written" doc:"When it was put on record; null: computed later"`
	Formula  string     `json:"formula"`
	Version  int        `json:"version"`
}

// GradeRecord is how grades of a formula did.
type GradeRecord struct {
	Kind     string     `json:"kind"`
	Formula  string     `json:"formula"`
	Version  int        `json:"version"`
	Basis    string     `json:"basis" enum:"issued,backcast" doc:"issued: written down before the outcome; backcast: computed later from data of then"`
	Horizon  int        `json:"horizon" doc:"Days of the following return"`
	IC       *float64   `json:"ic" doc:"Mean rank correlation with the following return, -1 to 1; null without outcomes"`
	Error    *float64   `json:"error" doc:"Standard error, by bootstrap of whole weeks"`
	Low      *float64   `json:"low" doc:"Lower bound of the middle 95 %"`
	High     *float64   `json:"high" doc:"Upper bound of the middle 95 %"`
	Days     int        `json:"days" doc:"With an outcome of five assets or more"`
	N        int        `json:"n" doc:"Pairs of grade and outcome"`
	Hits     int        `json:"hits" doc:"Above 50 and risen, or below and fallen"`
	Calls    int        `json:"calls" doc:"That could be a hit"`
	Universe float64    `json:"universe" doc:"Assets a day, mean"`
	Coverage float64    `json:"coverage" doc:"Of the grades, mean"`
	Since    *time.Time `json:"since"`
	Until    *time.Time `json:"until"`
	Caveat   *string    `json:"caveat" doc:"What is wrong with it"`
}

func rounded(f *float64) *float64 {
	if f == nil {
		return nil
	}
	return ptr(round6(*f))
}

func gradeOf(g *insight.Grade) Grade {
	out := Grade{
		Asset: string(g.Asset), Kind: string(g.Kind), Value: rounded(g.Value), Change: rounded(g.Change), Band: known(g.Band), Trend: known(g.Trend), Coverage: round6(g.Coverage),
		Provisional: g.Provisional, Formula: g.Formula, Version: g.Version, Bands: g.BandScheme, Candles: g.Source, TS: milli(g.At), Missing: []string{},
	}
	out.Missing = append(out.Missing, g.Missing...)
	return out
}

func partOf(c *insight.Component) GradePart {
	return GradePart{c.Name, round6(c.Weight), c.Formula, c.Inputs, c.Source}
}

// freshGrade is how old the newest grade may be: a day, and some hours for its close.
const freshGrade = 26 * time.Hour

// say fills in the meta of grades.
func (f *gradesFace) say(m *Meta, rows []insight.Grade) {
	good := 0
	now := f.opt.Board.Now()
	for i := range rows {
		r := &rows[i]
		venue, _, _ := strings.Cut(r.Source, " ")
		m.from(market.VenueID(venue))
		if r.Value != nil {
			m.newest(r.At)
			if now.Sub(r.At) <= freshGrade {
				good++
			}
		}
	}
	slices.Sort(m.Sources)
	m.judge(now, freshGrade, 0)
	if m.AsOf != nil {
		m.Quality.State = feedState(good, len(rows))
	}
	m.NotAdvice = insight.NotAdvice
}

// atPlace says where an asset that is not graded was given.
func atPlace(err error, field string) error {
	if err != nil && fault.Field(err) == "asset" {
		return fault.At(fault.Of(err), field, "%s", fault.Public(err))
	}
	return err
}

func (f gradesFace) list(ctx context.Context, in *gradesIn) (Answer[[]Grade], error) {
	a := Answer[[]Grade]{Data: []Grade{}}
	var codes []asset.Code
	var err error
	if in.Assets != "" {
		if codes, err = f.codes("query.assets", in.Assets, 100); err != nil {
			return a, err
		}
	}
	rows, err := f.g.Grades(ctx, insight.GradeKind(in.Kind), codes)
	if err != nil {
		return a, atPlace(err, "query.assets")
	}
	if rows, err = page(rows, in.Page, &a.Meta, filterDigest("grades", in.Kind, in.Assets)); err != nil {
		return a, err
	}
	for i := range rows {
		a.Data = append(a.Data, gradeOf(&rows[i]))
	}
	f.say(&a.Meta, rows)
	return a, nil
}

func (f gradesFace) one(ctx context.Context, in *gradeIn) (Answer[[]GradeDetail], error) {
	a := Answer[[]GradeDetail]{Data: []GradeDetail{}}
	code, err := f.code("path.asset", in.Asset)
	if err != nil {
		return a, err
	}
	rows, err := f.g.Grade(ctx, code)
	if err != nil {
		return a, atPlace(err, "path.asset")
	}
	for i := range rows {
		d := GradeDetail{Grade: gradeOf(&rows[i]), Components: []GradeComponent{}}
		for j := range rows[i].Components {
			c := &rows[i].Components[j]
			d.Components = append(d.Components, GradeComponent{partOf(&c.Component), rounded(c.Raw), rounded(c.Score), c.Settled, known(c.Missing)})
		}
		a.Data = append(a.Data, d)
	}
	f.say(&a.Meta, rows)
	return a, nil
}

func (f gradesFace) formulas(context.Context, *gradeFormulasIn) (Answer[[]GradeFormula], error) {
	a := Answer[[]GradeFormula]{Data: []GradeFormula{}, Meta: Meta{Sources: []string{"grades"}, NotAdvice: insight.NotAdvice}}
	for _, x := range f.g.Formulas() {
		row := GradeFormula{Kind: string(x.Kind), Formula: x.ID, Version: x.Version, Title: x.Title, Text: x.Text, Horizon: x.Horizon, Components: []GradePart{}}
		for i := range x.Components {
			row.Components = append(row.Components, partOf(&x.Components[i]))
		}
		a.Data = append(a.Data, row)
	}
	return a, nil
}

// formula is the id and version of a kind.
func (f *gradesFace) formula(kind insight.GradeKind) (string, int) {
	for _, x := range f.g.Formulas() {
		if x.Kind == kind {
			return x.ID, x.Version
		}
	}
	return "", 0
}

func (f gradesFace) history(ctx context.Context, in *gradeHistoryIn) (Answer[[]GradePoint], error) {
	a := Answer[[]GradePoint]{Data: []GradePoint{}}
	code, err := f.code("path.asset", in.Asset)
	if err != nil {
		return a, err
	}
	start, end, err := in.times()
	if err != nil {
		return a, err
	}
	kind := insight.GradeKind(in.Kind)
	rows, err := f.g.History(ctx, code, kind, start, end, 0)
	if err != nil {
		return a, atPlace(err, "path.asset")
	}
	if start.IsZero() && in.Cursor == "" && len(rows) > in.Limit { // the newest
		rows = rows[len(rows)-in.Limit:]
	}
	if rows, err = page(rows, Page{in.Limit, in.Cursor}, &a.Meta, filterDigest("grade-history", in.Asset, in.Kind, in.Start, in.End)); err != nil {
		return a, err
	}
	id, version := f.formula(kind)
	for _, r := range rows {
		a.Data = append(a.Data, GradePoint{r.At.UnixMilli(), rounded(r.Value), round6(r.Coverage), known(r.Band), moment(r.Written), id, version})
		a.Meta.newest(r.At)
	}
	a.Meta.from("grades")
	a.Meta.past(0)
	a.Meta.NotAdvice = insight.NotAdvice
	return a, nil
}

func (f gradesFace) record(ctx context.Context, in *gradeRecordIn) (Answer[[]GradeRecord], error) {
	a := Answer[[]GradeRecord]{Data: []GradeRecord{}}
	rows, err := f.g.Record(ctx)
	if err != nil {
		return a, err
	}
	for i := range rows {
		r := &rows[i]
		if in.Kind != "" && in.Kind != string(r.Kind) || in.Horizon != "" && in.Horizon != strconv.Itoa(r.Horizon) {
			continue
		}
		a.Data = append(a.Data, GradeRecord{
			string(r.Kind), r.Formula, r.Version, r.Basis, r.Horizon, rounded(r.IC), rounded(r.Error), rounded(r.Low), rounded(r.High), r.Days, r.N, r.Hits, r.Calls,
			round6(r.Universe), round6(r.Coverage), moment(r.Since), moment(r.Until), known(r.Note),
		})
		a.Meta.newest(r.Until)
	}
	a.Meta.from("grades")
	a.Meta.past(0)
	a.Meta.NotAdvice = insight.NotAdvice
	return a, nil
}
