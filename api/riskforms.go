package api

import (
	"context"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/insight/risk"
)

// RiskSpan is an asset and how much of its history is looked at.
type RiskSpan struct {
	Asset string `path:"asset" maxLength:"100" doc:"Code, name, id or contract address" example:"BTC"`
	RiskOf
	Bars int `query:"bars" minimum:"2" maximum:"2000" default:"365" doc:"Bars at most, the newest"`
	Common
}

type drawdownsIn struct {
	RiskSpan
	Limit int `query:"limit" minimum:"1" maximum:"100" default:"10" doc:"Falls at most"`
}

// Drawdown is a fall from a high until that high is reached again.
type Drawdown struct {
	Start     time.Time  `json:"start" doc:"Of the bar with the high"`
	Trough    time.Time  `json:"trough" doc:"Of the lowest bar"`
	End       *time.Time `json:"end" doc:"Of the bar that reached the high again; null: none yet"`
	Depth     float64    `json:"depth" doc:"Of the lowest close under the high; -0.5 is half"`
	Now       float64    `json:"now" doc:"Where it stands; 0 when recovered"`
	Periods   int        `json:"periods" doc:"Bars under the high"`
	Days      float64    `json:"days" doc:"From the high to the end, or to the newest bar"`
	Recovered bool       `json:"recovered"`
	Recovery  *float64   `json:"recovery_days" doc:"From the lowest bar to the end; null: none yet"`
}

func (s *Server) drawdowns(ctx context.Context, in *drawdownsIn) (Answer[[]Drawdown], error) {
	a := Answer[[]Drawdown]{Data: []Drawdown{}}
	b, err := s.riskBars(ctx, "path.asset", in.Asset, in.RiskOf, in.Bars, &a.Meta)
	if err != nil {
		return a, err
	}
	r, err := b.returns()
	if err != nil {
		return a, err
	}
	for _, d := range risk.Drawdowns(r, in.Limit) {
		row := Drawdown{Start: d.Start, Trough: d.Trough, Depth: d.Depth, Now: d.Now, Periods: d.Periods, Days: d.Days, Recovered: d.Recovered}
		if d.Recovered {
			x := d.Recovery.Hours() / 24
			row.Recovery, row.End = &x, &d.End
		}
		a.Data = append(a.Data, row)
	}
	return a, nil
}

type rollingIn struct {
	RiskSpan
	Metric    string  `query:"metric" default:"sharpe" maxLength:"40" doc:"Name from /v1/risk" example:"volatility"`
	Window    int     `query:"window" minimum:"2" maximum:"1000" default:"90" doc:"Returns in a window"`
	Benchmark string  `query:"benchmark" maxLength:"100" doc:"For metrics that need one"`
	RiskFree  float64 `query:"rf" minimum:"-0.5" maximum:"5" default:"0" doc:"Riskless return of a year, as a fraction"`
}

// RollingValue is a metric of the window that ends at a bar.
type RollingValue struct {
	TS    int64    `json:"ts" doc:"Start of the window's last bar, milliseconds"`
	Value *float64 `json:"value" doc:"null where it is not defined"`
}

func (s *Server) rolling(ctx context.Context, in *rollingIn) (Answer[[]RollingValue], error) {
	a := Answer[[]RollingValue]{Data: []RollingValue{}}
	catalogue := risk.Catalogue()
	m, err := risk.Find(catalogue, in.Metric)
	if err != nil {
		return a, atField("query.metric", err)
	}
	own, err := s.riskBars(ctx, "path.asset", in.Asset, in.RiskOf, in.Bars, &a.Meta)
	if err != nil {
		return a, err
	}
	prices, err := risk.Closes(own.bars)
	if err != nil {
		return a, err
	}
	var bench *risk.Returns
	if in.Benchmark != "" {
		other, err := s.riskBars(ctx, "query.benchmark", in.Benchmark, in.RiskOf, in.Bars, &a.Meta)
		if err != nil {
			return a, err
		}
		p, err := risk.Closes(other.bars)
		if err != nil {
			return a, err
		}
		prices, p = risk.Align(prices, p)
		x, err := p.Returns(risk.Simple, own.perYear())
		if err != nil {
			return a, err
		}
		bench = &x
	}
	r, err := prices.Returns(risk.Simple, own.perYear())
	if err != nil {
		return a, err
	}
	points, err := risk.Rolling(m, r, bench, in.Window, risk.Options{RiskFree: in.RiskFree})
	if err != nil {
		return a, err
	}
	for _, p := range points {
		row := RollingValue{TS: p.At.UnixMilli()}
		if p.Known {
			row.Value = &p.Value
		}
		a.Data = append(a.Data, row)
	}
	return a, nil
}

type levelsIn struct {
	RiskSpan
	Limit int `query:"limit" minimum:"1" maximum:"50" default:"12" doc:"Levels at most, those with the highest score"`
}

// Levels are prices at which movements turned, with their record.
type Levels struct {
	Close  float64      `json:"close" doc:"Of the newest bar"`
	Levels []PriceLevel `json:"levels" doc:"By price"`
	Record LevelRecord  `json:"record" doc:"How well such levels held in these bars"`
}

// PriceLevel is a price at which movements turned before.
type PriceLevel struct {
	Price      float64 `json:"price" doc:"Mean of its pivots"`
	Kind       string  `json:"kind" enum:"support,resistance" doc:"Support lies at or below the newest close"`
	Touches    int     `json:"touches" doc:"Pivots in it"`
	First      int64   `json:"first_ts" doc:"Oldest pivot, milliseconds"`
	Last       int64   `json:"last_ts" doc:"Newest pivot"`
	Confirmed  int64   `json:"confirmed_ts" doc:"Bar at whose close the newest pivot was known"`
	Distance   float64 `json:"distance" doc:"From the newest close, as a fraction of it"`
	Ranges     float64 `json:"ranges" doc:"The same in average true ranges of 14 bars"`
	VolumeNode float64 `json:"volume_node" doc:"Share of the volume in bars within half an average range of it"`
	Score      float64 `json:"score" doc:"touches x 0.5^(age / 180 bars) x (1 + volume_node)"`
}

// LevelRecord is how well levels held, beside levels at random places.
type LevelRecord struct {
	Touched    int     `json:"touched" doc:"Times that price came to a level that was known by then"`
	Held       int     `json:"held" doc:"How often no close of the next bars was beyond it by half an average range"`
	Rate       float64 `json:"rate" doc:"held / touched"`
	Random     int     `json:"random" doc:"Random levels at equal distance that were touched"`
	RandomRate float64 `json:"random_rate" doc:"Share of them that held"`
	Edge       float64 `json:"edge" doc:"rate - random_rate"`
	Error      float64 `json:"error" doc:"Standard error of the edge, as if touches were independent, which makes it too small"`
	Bars       int     `json:"bars" doc:"In which a touched level has to hold"`
}

func (s *Server) levels(ctx context.Context, in *levelsIn) (Answer[Levels], error) {
	var a Answer[Levels]
	b, err := s.riskBars(ctx, "path.asset", in.Asset, in.RiskOf, in.Bars, &a.Meta)
	if err != nil {
		return a, err
	}
	list, rec, err := risk.Levels(b.bars, risk.LevelOptions{Most: in.Limit})
	if err != nil {
		return a, err
	}
	a.Data = Levels{Close: b.bars[len(b.bars)-1].Close, Levels: []PriceLevel{}, Record: LevelRecord(rec)}
	for _, l := range list {
		kind := "resistance"
		if l.Support {
			kind = "support"
		}
		a.Data.Levels = append(a.Data.Levels, PriceLevel{l.Price, kind, l.Touches, l.First.UnixMilli(), l.Last.UnixMilli(), l.Confirmed.UnixMilli(), l.Distance, l.Ranges, l.VolumeNode, l.Score})
	}
	return a, nil
}

type coneIn struct {
	RiskSpan
	Horizon int   `query:"horizon" minimum:"1" maximum:"90" default:"30" doc:"Periods ahead"`
	Seed    int64 `query:"seed" minimum:"1" default:"1" doc:"The same gives the same cone"`
}

// Cone is where the price may go if the future is drawn from the past.
type Cone struct {
	From     int64          `json:"from_ts" doc:"Bar that it begins at, milliseconds"`
	Close    float64        `json:"close" doc:"Of that bar"`
	Returns  int            `json:"returns" doc:"That it is drawn from"`
	Seed     int64          `json:"seed"`
	Bands    []ConeBand     `json:"bands" doc:"By ahead, then share"`
	Coverage []ConeCoverage `json:"coverage" doc:"How often earlier cones at this horizon held the truth; empty when there are too few bars to try"`
}

// ConeBand is where a share of the paths is.
type ConeBand struct {
	Ahead  int     `json:"ahead" doc:"Periods"`
	Share  float64 `json:"share" doc:"Of the paths"`
	Low    float64 `json:"low" doc:"Price"`
	High   float64 `json:"high" doc:"Price"`
	Median float64 `json:"median" doc:"Price"`
}

// ConeCoverage is how often the truth was in such bands.
type ConeCoverage struct {
	Share  float64 `json:"share"`
	Ahead  int     `json:"ahead"`
	N      int     `json:"n" doc:"Cones drawn at earlier times, of returns before them"`
	Inside float64 `json:"inside" doc:"Share of them that held the truth"`
}

func (s *Server) cone(ctx context.Context, in *coneIn) (Answer[Cone], error) {
	var a Answer[Cone]
	b, err := s.riskBars(ctx, "path.asset", in.Asset, in.RiskOf, in.Bars, &a.Meta)
	if err != nil {
		return a, err
	}
	r, err := b.returns()
	if err != nil {
		return a, err
	}
	o := risk.ConeOptions{Horizon: in.Horizon, Seed: uint64(in.Seed)}
	c, err := risk.NewCone(r, o)
	if err != nil {
		return a, err
	}
	last := b.bars[len(b.bars)-1]
	a.Data = Cone{From: last.At.UnixMilli(), Close: last.Close, Returns: c.N, Seed: in.Seed, Bands: []ConeBand{}, Coverage: []ConeCoverage{}}
	for _, x := range c.Bands {
		a.Data.Bands = append(a.Data.Bands, ConeBand{x.Ahead, x.Share, x.Low * last.Close, x.High * last.Close, x.Median * last.Close})
	}
	// At most a hundred cones are tried, of half the returns each.
	o.Paths = 200
	if train := r.Len() / 2; r.Len()-train > 2*in.Horizon {
		cover, err := risk.Cover(r, train, max(1, (r.Len()-train-in.Horizon)/100), o)
		if err != nil && fault.Of(err) != fault.Unavailable {
			return a, err
		}
		for _, x := range cover {
			a.Data.Coverage = append(a.Data.Coverage, ConeCoverage(x))
		}
	}
	return a, nil
}

// PumpEvent is a sudden rise with sudden volume, and what became of it.
type PumpEvent struct {
	At       time.Time  `json:"at" doc:"Start of the bar that stood out"`
	Rise     float64    `json:"rise" doc:"Of its close from the close before, as a fraction"`
	Top      float64    `json:"top" doc:"Highest price until it ended"`
	PriceZ   float64    `json:"price_z" doc:"The rise in robust deviations of the bars before"`
	VolumeZ  float64    `json:"volume_z" doc:"The logarithm of the volume, the same way"`
	State    string     `json:"state" enum:"dumped,held,open" doc:"dumped: given back. held: not given back. open: too early to know"`
	DumpedAt *time.Time `json:"dumped_at" doc:"Start of the bar whose close showed it; null: not given back"`
	Given    float64    `json:"given_back" doc:"Part of the rise up to the top"`
	Reasons  []string   `json:"reasons"`
}

func (s *Server) pumps(ctx context.Context, in *RiskSpan) (Answer[[]PumpEvent], error) {
	a := Answer[[]PumpEvent]{Data: []PumpEvent{}}
	b, err := s.riskBars(ctx, "path.asset", in.Asset, in.RiskOf, in.Bars, &a.Meta)
	if err != nil {
		return a, err
	}
	list, err := risk.Pumps(b.bars, risk.PumpOptions{})
	if err != nil {
		return a, err
	}
	for _, p := range list {
		row := PumpEvent{p.At, p.Rise, p.Top, p.PriceZ, p.VolumeZ, "held", nil, p.Given, p.Reasons}
		switch {
		case p.Dumped:
			row.State, row.DumpedAt = "dumped", &p.DumpedAt
		case p.Open:
			row.State = "open"
		}
		a.Data = append(a.Data, row)
	}
	return a, nil
}
