package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/insight/risk"
	"github.com/assayhq/assay/market"
)

// RiskOf says of what the numbers are.
type RiskOf struct {
	Quote    string `query:"quote" default:"USD" maxLength:"32" doc:"Currency of the prices"`
	Interval string `query:"interval" default:"1d" enum:"1h,4h,1d,1w" doc:"Length of a period, in UTC. Only bars that are over count"`
}

type riskIn struct {
	Asset string `path:"asset" maxLength:"100" doc:"Code, name, id or contract address" example:"BTC"`
	RiskOf
	Window    int     `query:"window" minimum:"2" maximum:"2000" default:"365" doc:"Returns at most, the newest"`
	Benchmark string  `query:"benchmark" maxLength:"100" doc:"Asset to compare with; adds beta and its kin. Only times that both have count" example:"BTC"`
	RiskFree  float64 `query:"rf" minimum:"-0.5" maximum:"5" default:"0" doc:"Riskless return of a year, as a fraction"`
	Seed      int64   `query:"seed" minimum:"1" default:"1" doc:"Of the bootstrap: the same gives the same intervals"`
	Common
}

// RiskMetric describes a metric.
type RiskMetric struct {
	Name       string `json:"name"`
	Title      string `json:"title"`
	Group      string `json:"group"`
	Unit       string `json:"unit" doc:"fraction: 0.01 is one per cent"`
	Formula    string `json:"formula" doc:"r: simple return of a period, b: the benchmark's, n: count, N: periods a year, f: riskless return of a period, W: what 1 has grown to, D: W under its high so far"`
	Source     string `json:"source"`
	Doc        string `json:"doc" doc:"How it is read"`
	Least      string `json:"least" doc:"Lower bound, empty for none"`
	Most       string `json:"most" doc:"Upper bound, empty for none"`
	MinReturns int    `json:"min_returns" doc:"Returns that it takes"`
	Benchmark  bool   `json:"benchmark" doc:"Whether it needs one"`
	Interval   bool   `json:"interval" doc:"Whether an interval is told with it"`
	Definition string `json:"definition" doc:"Id of the formula and its version"`
	Quantstats string `json:"quantstats" doc:"Name under which quantstats tells the same number, empty for none"`
	Differs    string `json:"differs" doc:"How and why it differs from quantstats' number, if it does"`
}

// RiskValue is a metric's value.
type RiskValue struct {
	Name       string   `json:"name"`
	Title      string   `json:"title"`
	Unit       string   `json:"unit" doc:"fraction: 0.01 is one per cent"`
	Value      *float64 `json:"value" doc:"null when it is not defined for these data"`
	Low        *float64 `json:"low" doc:"95 % of the resamples are between low and high; null where that means nothing"`
	High       *float64 `json:"high"`
	N          int      `json:"n" doc:"Returns that it is of"`
	Definition string   `json:"definition" doc:"Id of the formula and its version"`
	Why        string   `json:"why,omitempty" doc:"There is no value"`
}

// Risk is what holding an asset was like.
type Risk struct {
	Asset      string             `json:"asset"`
	Quote      string             `json:"quote"`
	Interval   string             `json:"interval"`
	Benchmark  string             `json:"benchmark,omitempty" doc:"Asset that it is compared with"`
	From       time.Time          `json:"from" doc:"Start of the first bar"`
	To         time.Time          `json:"to" doc:"Start of the last bar"`
	Returns    int                `json:"returns" doc:"One fewer than bars"`
	PerYear    float64            `json:"periods_per_year"`
	Holes      int                `json:"holes" doc:"Steps over missing bars: their return is over more than one period"`
	RiskFree   float64            `json:"rf" doc:"Of a year"`
	Resamples  int                `json:"resamples" doc:"Of the circular block bootstrap"`
	Block      int                `json:"block" doc:"Periods that stay together"`
	Seed       int64              `json:"seed"`
	Metrics    []RiskValue        `json:"metrics"`
	Quantstats map[string]float64 `json:"quantstats" doc:"The same prices as quantstats 0.0.81 would tell them, under its names"`
	Reasons    []string           `json:"reasons" doc:"The same in sentences"`
}

func (s *Server) registerRisk() {
	get := func(id, path string, cost int, summary, doc string) Operation {
		return Operation{ID: id, Method: http.MethodGet, Path: path, Scope: access.MarketRead, Cost: cost, Tag: "Risk", Summary: summary, Doc: doc}
	}
	add(s, get("list-risk-metrics", "/v1/risk", 1, "What the risk metrics are", "Formula, unit, source and range of each, and where it is deliberately not quantstats' number."), s.riskMetrics)
	add(s, get("get-risk", "/v1/risk/{asset}", 10, "Risk of an asset", "Every metric of the newest bars of the consensus price, with the number of returns and a 95 % interval by block bootstrap. Numbers are statistics, not money."), s.risk)
	add(s, get("list-drawdowns", "/v1/risk/{asset}/drawdowns", 3, "Falls from a high", "Deepest first."), s.drawdowns)
	add(s, get("list-rolling-risk", "/v1/risk/{asset}/rolling", 5, "A metric of each window", "Each value knows only the returns of its window, which ends at its time."), s.rolling)
	add(s, get("get-levels", "/v1/risk/{asset}/levels", 5, "Support and resistance with their record", "A level is made of highs and lows that stand out, and counts from the bar that confirms it. `edge` says how much more often such levels held than random ones at equal distance: about zero means that they know nothing."), s.levels)
	add(s, get("get-cone", "/v1/risk/{asset}/cone", 10, "Where the price may go", "Bands that hold a share of the paths drawn from the past movement. The direction is taken out: it is no forecast. `coverage` tells how often such bands held the truth in these data."), s.cone)
	add(s, get("list-pumps", "/v1/risk/{asset}/pumps", 5, "Sudden rises with sudden volume", "And whether they were given back. A screen, not a finding of fact: news do the same. The volume is that of the venues followed."), s.pumps)
	add(s, get("list-scenarios", "/v1/risk/{asset}/scenarios", 1, "Prices that follow from a market's worth and a share", "(capitalisation x share) / supply, for each pair: arithmetic, without a probability. The cone has probabilities."), s.scenarios)
	add(s, get("list-correlations", "/v1/correlation", 10, "How assets move together", "Of log returns at times that both have: Pearson with a 95 % interval, Spearman, and the dependence of the extremes."), s.correlations)
	add(s, get("compare-assets", "/v1/compare", 20, "Two assets side by side", "Over the times that both have."), s.compare)
}

// riskBars are the newest bars of an asset that are over, oldest first.
type riskBars struct {
	asset, quote asset.Code
	interval     market.Interval
	bars         []risk.Bar
}

func (s *Server) riskBars(ctx context.Context, field, name string, of RiskOf, n int, m *Meta) (*riskBars, error) {
	code, err := s.code(field, name)
	if err != nil {
		return nil, err
	}
	quote, err := s.code("query.quote", of.Quote)
	if err != nil {
		return nil, err
	}
	b := &riskBars{asset: code, quote: quote, interval: market.Interval(of.Interval)}
	pair := market.NewPair(code, quote)
	now := s.opt.Board.Now()
	rows, err := s.readCandles(ctx, market.Series{Venue: market.ConsensusVenue, Pair: pair}, b.interval, market.Range{To: b.interval.Start(now), Limit: n, Reverse: true}, nil)
	if err != nil {
		return nil, err
	}
	if len(rows) < 2 {
		if err := s.missing(market.ConsensusVenue, pair); err != nil && len(rows) == 0 {
			return nil, err
		}
		return nil, fault.At(fault.Unavailable, field, "there are %d %s bars of %s so far; it takes two. `assay import` brings older ones in", len(rows), b.interval, pair)
	}
	slices.Reverse(rows)
	var marks market.Mark
	for _, c := range rows {
		b.bars = append(b.bars, risk.Bar{At: c.Open, Open: c.O.Float64(), High: c.H.Float64(), Low: c.L.Float64(), Close: c.C.Float64(), Volume: c.Volume.Float64()})
		marks |= c.Marks
	}
	m.from(market.ConsensusVenue)
	m.newest(b.interval.Next(rows[len(rows)-1].Open))
	m.judge(now, b.interval.Length()+time.Hour, marks)
	return b, nil
}

func (b *riskBars) perYear() float64 { return risk.PerYear(b.interval.Length()) }

// returns are those of the closes.
func (b *riskBars) returns() (risk.Returns, error) {
	p, err := risk.Closes(b.bars)
	if err != nil {
		return risk.Returns{}, err
	}
	return p.Returns(risk.Simple, b.perYear())
}

func (s *Server) riskMetrics(context.Context, *struct{ Common }) (Answer[[]RiskMetric], error) {
	var a Answer[[]RiskMetric]
	for _, m := range risk.Catalogue() {
		a.Data = append(a.Data, RiskMetric{m.Name, m.Title, string(m.Group), string(m.Unit), m.Formula, m.Source, m.Doc, m.Least, m.Most, m.MinN, m.Benchmark, m.Interval, m.Definition(), m.Quantstats, m.Differs})
	}
	return a, nil
}

func (s *Server) risk(ctx context.Context, in *riskIn) (Answer[Risk], error) {
	var a Answer[Risk]
	own, err := s.riskBars(ctx, "path.asset", in.Asset, in.RiskOf, in.Window+1, &a.Meta)
	if err != nil {
		return a, err
	}
	prices, err := risk.Closes(own.bars)
	if err != nil {
		return a, err
	}
	a.Data = Risk{Asset: string(own.asset), Quote: string(own.quote), Interval: in.Interval, PerYear: own.perYear(), Seed: in.Seed}
	whole := prices
	var bench, wholeBench *risk.Prices
	if in.Benchmark != "" {
		other, err := s.riskBars(ctx, "query.benchmark", in.Benchmark, in.RiskOf, in.Window+1, &a.Meta)
		if err != nil {
			return a, err
		}
		p, err := risk.Closes(other.bars)
		if err != nil {
			return a, err
		}
		wholeBench = &p
		mine, theirs := risk.Align(prices, p)
		prices, bench, a.Data.Benchmark = mine, &theirs, string(other.asset)
		if mine.Len() < 2 {
			return a, fault.At(fault.Unavailable, "query.benchmark", "%s and %s have %d bars at equal times; it takes two", own.asset, other.asset, mine.Len())
		}
	}
	r, err := prices.Returns(risk.Simple, own.perYear())
	if err != nil {
		return a, err
	}
	var b *risk.Returns
	if bench != nil {
		x, err := bench.Returns(risk.Simple, own.perYear())
		if err != nil {
			return a, err
		}
		b = &x
	}
	rep, err := risk.Measure(risk.Catalogue(), r, b, risk.Options{RiskFree: in.RiskFree, Seed: uint64(in.Seed)})
	if err != nil {
		return a, err
	}
	a.Data.From, a.Data.To, a.Data.Returns, a.Data.RiskFree, a.Data.Resamples, a.Data.Block = rep.From, rep.To, rep.N, rep.RiskFree, rep.Resamples, rep.Block
	a.Data.Holes = prices.Holes(own.interval.Length())
	a.Data.Metrics = riskValues(&rep)
	a.Data.Reasons = risk.Reasons(string(own.asset), &rep, risk.Drawdowns(r, 1))
	a.Data.Quantstats, err = risk.Quantstats(whole, wholeBench, own.perYear(), in.RiskFree)
	return a, err
}

func riskValues(rep *risk.Report) []RiskValue {
	out := make([]RiskValue, 0, len(rep.Values))
	for _, v := range rep.Values {
		row := RiskValue{Name: v.Metric.Name, Title: v.Metric.Title, Unit: string(v.Metric.Unit), N: v.N, Definition: v.Metric.Definition(), Why: v.Why}
		if v.Known {
			row.Value = &v.Value
		}
		if v.Bounded {
			row.Low, row.High = &v.Low, &v.High
		}
		out = append(out, row)
	}
	return out
}
