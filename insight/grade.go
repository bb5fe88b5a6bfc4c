package insight

import (
	"context"
	"time"

	"github.com/assayhq/assay/asset"
)

// NotAdvice stands on every answer with a grade or a signal in it.
const NotAdvice = "Statistics of past data by a published formula. Not financial advice, and no forecast; see the record for how such grades did."

// GradeKind says what a grade is about.
type GradeKind string

// The kinds. The first four are parts of those after them.
const (
	TAGrade          GradeKind = "ta"          // of the daily bars of the last 330 days
	QuantGrade       GradeKind = "quant"       // return against risk over 365 days, among its peers
	QuantLongGrade   GradeKind = "quant-long"  // the same over three years
	LiquidityGrade   GradeKind = "liquidity"   // turnover of 30 days, among its peers
	TraderGrade      GradeKind = "trader"      // TA and quant
	TechnologyGrade  GradeKind = "technology"  // the work on its software
	ValuationGrade   GradeKind = "valuation"   // price against use
	FundamentalGrade GradeKind = "fundamental" // use, liquidity and who holds it
	InvestorGrade    GradeKind = "investor"    // fundamental, technology, valuation and quant
	CombinedGrade    GradeKind = "combined"    // trader, sentiment and liquidity
)

// GradeKinds lists them, parts before what they are parts of.
func GradeKinds() []GradeKind {
	return []GradeKind{TAGrade, QuantGrade, QuantLongGrade, LiquidityGrade, TraderGrade, TechnologyGrade, ValuationGrade, FundamentalGrade, InvestorGrade, CombinedGrade}
}

// Formula is an open formula of a grade: the weighted mean of its components, each from
// 0 to 100. A component without input is left out and the weights of the others grow in
// proportion; when less than half of the weight is left there is no grade.
type Formula struct {
	Kind       GradeKind
	ID         string // assay-trader
	Version    int    // rises with every change of the formula; a new version begins a new record
	Title      string
	Text       string // the formula in one line
	Horizon    string // what span it looks at
	Components []Component
}

// Component is one part of a formula.
type Component struct {
	Name    string
	Weight  float64 // part of the formula's whole, 0 to 1
	Formula string  // how its score comes about
	Inputs  []string
	Source  string // who published the idea, or where the inputs come from
}

// ComponentScore is what a component came to.
type ComponentScore struct {
	Component
	Raw     *float64 // the number behind the score, in the component's own unit; nil: none
	Score   *float64 // 0 to 100; nil: no input
	Settled bool     // a longer history would give the same score to 1e-6
	Missing string   // why there is no score, and how to give the input; "" when there is one
}

// Grade is what a formula gave for an asset. It uses only what was known at At.
type Grade struct {
	Asset       asset.Code
	Kind        GradeKind
	At          time.Time // the close that it is of
	Value       *float64  // 0 to 100; nil: too little input, see Missing
	Coverage    float64   // part of the formula's weight that had input, 0 to 1
	Formula     string    // id
	Version     int
	Band        string           // label by the bands in force; "" without a value
	BandScheme  string           // name of the bands
	Trend       string           // rising, falling or flat over seven days; "" when not known
	Change      *float64         // since the close 24 hours before, in points
	Provisional bool             // the day is not over: the value still moves
	Components  []ComponentScore // nil in lists
	Missing     []string         // what had no input and how to give it
	Source      string           // venue and pair of the candles
	Simulated   bool
}

// GradePoint is a grade of the past.
type GradePoint struct {
	At       time.Time
	Value    *float64
	Coverage float64
	Band     string
	// Written is when the value was put on record, before its outcome was known. Zero: it
	// was computed later, from the data of then.
	Written time.Time
}

// GradeRecord tells how grades of one formula went together with what prices did next.
// IC is the information coefficient: Spearman's rank correlation, over the assets of one
// day, of grade and following return; the mean over days.
type GradeRecord struct {
	Kind     GradeKind
	Formula  string
	Version  int
	Basis    string    // issued: written down before the outcome; backcast: computed later, from data of then
	Horizon  int       // days of the following return
	Since    time.Time // first and last day that count
	Until    time.Time
	Days     int      // days with at least five assets with a known outcome
	N        int      // pairs of grade and outcome
	Universe float64  // assets a day, mean
	IC       *float64 // nil: no days
	Error    *float64 // standard error by bootstrap of blocks of weeks, which allows for overlap; nil: fewer than four blocks
	Low      *float64 // bounds of the middle 95 % of the bootstrap
	High     *float64
	Hits     int     // pairs where the grade was above 50 and the price rose, or below and fell
	Calls    int     // pairs with a grade other than 50 and a price that changed
	Coverage float64 // of the grades, mean
	Note     string  // what is wrong with it, "" for nothing
}

// Bands turn a grade into a word. Between neighbours stands a cut; a word changes only
// when the grade passes a cut by Hysteresis points on Confirm closes in a row.
type Bands struct {
	Name       string
	Cuts       []float64 // ascending
	Labels     []string  // one more than cuts, lowest first
	Hysteresis float64   // points
	Confirm    int       // closes; 1 changes at once
}

// Grades tells grades. It answers from memory; before the first computation the error is
// Unavailable. An asset or kind that there is not is Unknown.
type Grades interface {
	// Formulas are those in force, in the order of GradeKinds.
	Formulas() []Formula
	// Grades of a kind: of the assets named, or of all that are followed, best first and
	// those without a value last.
	Grades(ctx context.Context, kind GradeKind, assets []asset.Code) ([]Grade, error)
	// Grade is one asset's, of every kind, with components.
	Grade(ctx context.Context, a asset.Code) ([]Grade, error)
	// History is one asset's of a kind at daily closes, oldest first: from inclusive, to
	// exclusive, zero times are no bounds; at most the newest limit.
	History(ctx context.Context, a asset.Code, kind GradeKind, from, to time.Time, limit int) ([]GradePoint, error)
	// Record is the record of every formula, for 1, 7, 14 and 30 days.
	Record(ctx context.Context) ([]GradeRecord, error)
}
