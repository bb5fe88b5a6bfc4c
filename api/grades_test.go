package api

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/insight"
)

// plainGrades tells what a test needs: a trader grade of BTC, none of ETH.
type plainGrades struct{}

func (plainGrades) Formulas() []insight.Formula {
	return []insight.Formula{{Kind: insight.TraderGrade, ID: "assay-trader", Version: 1, Title: "Trader", Text: "0.8 ta + 0.2 quant", Horizon: "days to weeks", Components: []insight.Component{
		{Name: "ta", Weight: 0.8, Formula: "see ta", Inputs: []string{"assay-ta"}, Source: "own"}, {Name: "quant", Weight: 0.2, Formula: "see quant", Inputs: []string{"assay-quant"}, Source: "own"}}}}
}

func (p plainGrades) rows(parts bool) []insight.Grade {
	c := p.Formulas()[0].Components
	btc := insight.Grade{Asset: "BTC", Kind: insight.TraderGrade, At: noon, Value: ptr(61.2345678), Coverage: 1, Formula: "assay-trader", Version: 1, Band: "neutral", BandScheme: "even", Trend: "rising",
		Change: ptr(-1.25), Provisional: true, Source: "consensus BTC-USD"}
	eth := insight.Grade{Asset: "ETH", Kind: insight.TraderGrade, At: noon.Add(-12 * time.Hour), Coverage: 0.2, Formula: "assay-trader", Version: 1, BandScheme: "even", Source: "kraken ETH-USD",
		Missing: []string{"ta: needs more closed daily bars"}}
	if parts {
		btc.Components = []insight.ComponentScore{{Component: c[0], Raw: ptr(60.0), Score: ptr(60.0), Settled: true}, {Component: c[1], Raw: ptr(66.0), Score: ptr(66.0)}}
		eth.Components = []insight.ComponentScore{{Component: c[0], Missing: "needs more closed daily bars"}, {Component: c[1], Raw: ptr(50.0), Score: ptr(50.0), Settled: true}}
	}
	return []insight.Grade{btc, eth}
}

func (p plainGrades) Grades(_ context.Context, _ insight.GradeKind, assets []asset.Code) (out []insight.Grade, _ error) {
	if len(assets) == 0 {
		return p.rows(false), nil
	}
	for _, a := range assets {
		g, err := p.Grade(context.Background(), a)
		if err != nil {
			return nil, err
		}
		g[0].Components = nil
		out = append(out, g[0])
	}
	return out, nil
}

func (p plainGrades) Grade(_ context.Context, a asset.Code) ([]insight.Grade, error) {
	for _, g := range p.rows(true) {
		if g.Asset == a {
			return []insight.Grade{g}, nil
		}
	}
	return nil, fault.At(fault.Unknown, "asset", "%s is not graded", a)
}

func (p plainGrades) History(_ context.Context, a asset.Code, _ insight.GradeKind, from, to time.Time, _ int) ([]insight.GradePoint, error) {
	if _, err := p.Grade(context.Background(), a); err != nil {
		return nil, err
	}
	day := func(n int) time.Time { return noon.Add(-12*time.Hour).AddDate(0, 0, n) }
	all := []insight.GradePoint{{At: day(-2), Coverage: 0.2}, {At: day(-1), Value: ptr(59.5), Coverage: 1, Band: "neutral"}, {At: day(0), Value: ptr(62.5), Coverage: 1, Band: "neutral", Written: day(0).Add(3 * time.Minute)}}
	var out []insight.GradePoint
	for _, x := range all {
		if !x.At.Before(from) && (to.IsZero() || x.At.Before(to)) {
			out = append(out, x)
		}
	}
	return out, nil
}

func (plainGrades) Record(context.Context) ([]insight.GradeRecord, error) {
	return []insight.GradeRecord{
		{Kind: insight.TraderGrade, Formula: "assay-trader", Version: 1, Basis: "issued", Horizon: 1, Note: "no day with five assets or more has an outcome yet"},
		{Kind: insight.TraderGrade, Formula: "assay-trader", Version: 1, Basis: "backcast", Horizon: 7, Since: noon.AddDate(-1, 0, 0), Until: noon.AddDate(0, 0, -8), Days: 358, N: 3580, Universe: 10, IC: ptr(0.0123456789), Error: ptr(0.02), Low: ptr(-0.03), High: ptr(0.05), Hits: 1800, Calls: 3570, Coverage: 0.98},
	}, nil
}

// Every answer with a grade says what it is not, in every format, and which formula made it.
func TestEveryGradeSaysThatItIsNoAdvice(t *testing.T) {
	f := newFixture(t, nil)
	for _, target := range []string{"/v1/grades", "/v1/grades/BTC", "/v1/grades/BTC/history", "/v1/grades/record", "/v1/grades/formulas"} {
		w := f.get(target)
		if w.Code != 200 || !strings.Contains(w.Body.String(), `"not_financial_advice":"Statistics`) || !strings.Contains(w.Body.String(), `"version":1`) {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
		if w := f.get(target + "?format=csv"); w.Header().Get("Assay-Not-Financial-Advice") != "true" || !strings.Contains(w.Body.String(), "version") {
			t.Errorf("%s as csv: %v %s", target, w.Header(), w.Body)
		}
	}
	if w := f.get("/v1/prices"); strings.Contains(w.Body.String(), "advice") {
		t.Error("a price says that it is no advice")
	}
}
