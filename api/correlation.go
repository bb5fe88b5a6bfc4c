package api

import (
	"context"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/insight/risk"
)

type correlationsIn struct {
	Assets string `query:"assets" required:"true" maxLength:"400" doc:"2 to 20 assets, separated by commas" example:"BTC,ETH"`
	RiskOf
	Window int     `query:"window" minimum:"10" maximum:"1000" default:"365" doc:"Returns at most, the newest"`
	Least  int     `query:"least" minimum:"3" maximum:"1000" default:"20" doc:"Returns that two must have in common"`
	Tail   float64 `query:"tail" minimum:"0.01" maximum:"0.25" default:"0.05" doc:"Share at each end that tail_down and tail_up look at"`
	Common
}

// Correlation is how two assets move together.
type Correlation struct {
	A        string   `json:"a"`
	B        string   `json:"b"`
	N        int      `json:"n" doc:"Returns in common"`
	Left     int      `json:"unpaired" doc:"Bars of either that had no partner at the same time"`
	Pearson  *float64 `json:"pearson" doc:"Of log returns; null with why"`
	Low      *float64 `json:"low" doc:"95 % of the resamples of pearson are between low and high"`
	High     *float64 `json:"high"`
	Spearman *float64 `json:"spearman" doc:"Of the ranks"`
	TailDown *float64 `json:"tail_down" doc:"Part of the worst periods of a in which b was in its own worst; independent assets have the tail's share"`
	TailUp   *float64 `json:"tail_up" doc:"The same of the best"`
	TailN    int      `json:"tail_n" doc:"Periods in a tail: few say little"`
	Why      string   `json:"why,omitempty" doc:"There is no value"`
}

func (s *Server) correlations(ctx context.Context, in *correlationsIn) (Answer[[]Correlation], error) {
	a := Answer[[]Correlation]{Data: []Correlation{}}
	codes, err := s.codes("query.assets", in.Assets, 20)
	if err != nil {
		return a, err
	}
	if len(codes) < 2 {
		return a, fault.At(fault.Invalid, "query.assets", "a correlation takes two assets or more, such as BTC,ETH")
	}
	prices := make([]risk.Prices, len(codes))
	for i, c := range codes {
		b, err := s.riskBars(ctx, "query.assets", string(c), in.RiskOf, in.Window+1, &a.Meta)
		if err != nil {
			return a, err
		}
		if prices[i], err = risk.Closes(b.bars); err != nil {
			return a, err
		}
	}
	for i := range codes {
		for j := i + 1; j < len(codes); j++ {
			if err := ctx.Err(); err != nil {
				return a, err
			}
			c, err := risk.Correlate(prices[i], prices[j], in.Least, in.Tail, risk.Options{Resamples: 100})
			if err != nil && fault.Of(err) != fault.Unavailable {
				return a, err
			}
			row := correlationOf(&c, err)
			row.A, row.B = string(codes[i]), string(codes[j])
			a.Data = append(a.Data, row)
		}
	}
	return a, nil
}

func correlationOf(c *risk.Correlation, err error) Correlation {
	row := Correlation{N: c.N, Left: c.Left, TailN: c.TailN}
	if err != nil {
		row.Why = fault.Public(err)
		return row
	}
	row.Pearson, row.Spearman, row.TailDown, row.TailUp = &c.Pearson, &c.Spearman, &c.TailDown, &c.TailUp
	if c.Bounded {
		row.Low, row.High = &c.Low, &c.High
	}
	return row
}

type compareIn struct {
	A string `query:"a" required:"true" maxLength:"100" doc:"Asset" example:"BTC"`
	B string `query:"b" required:"true" maxLength:"100" doc:"Other asset" example:"ETH"`
	RiskOf
	Window   int     `query:"window" minimum:"20" maximum:"1000" default:"365" doc:"Returns at most, the newest"`
	RiskFree float64 `query:"rf" minimum:"-0.5" maximum:"5" default:"0" doc:"Riskless return of a year, as a fraction"`
	Common
}

// Comparison is two assets over the times that both have.
type Comparison struct {
	A           string          `json:"a"`
	B           string          `json:"b"`
	Quote       string          `json:"quote"`
	Interval    string          `json:"interval"`
	Returns     int             `json:"returns" doc:"In common"`
	Metrics     []ComparedValue `json:"metrics"`
	Correlation Correlation     `json:"correlation"`
	Ahead       float64         `json:"ahead" doc:"Share of windows of 30 periods in which a earned more than b"`
	AheadN      int             `json:"ahead_n" doc:"How many windows"`
	Reasons     []string        `json:"reasons" doc:"The same in sentences"`
}

// ComparedValue is a metric of both. Each is the other's benchmark.
type ComparedValue struct {
	Name       string   `json:"name"`
	Title      string   `json:"title"`
	Unit       string   `json:"unit"`
	A          *float64 `json:"a" doc:"null when it is not defined for these data"`
	ALow       *float64 `json:"a_low" doc:"95 % of the resamples are between low and high"`
	AHigh      *float64 `json:"a_high"`
	B          *float64 `json:"b" doc:"null when it is not defined for these data"`
	BLow       *float64 `json:"b_low"`
	BHigh      *float64 `json:"b_high"`
	Definition string   `json:"definition"`
}

func (s *Server) compare(ctx context.Context, in *compareIn) (Answer[Comparison], error) {
	var a Answer[Comparison]
	x, err := s.riskBars(ctx, "query.a", in.A, in.RiskOf, in.Window+1, &a.Meta)
	if err != nil {
		return a, err
	}
	y, err := s.riskBars(ctx, "query.b", in.B, in.RiskOf, in.Window+1, &a.Meta)
	if err != nil {
		return a, err
	}
	if x.asset == y.asset {
		return a, fault.At(fault.Invalid, "query.b", "both are %s; compare two assets", x.asset)
	}
	p, err := risk.Closes(x.bars)
	if err != nil {
		return a, err
	}
	q, err := risk.Closes(y.bars)
	if err != nil {
		return a, err
	}
	c, err := risk.Compare(string(x.asset), string(y.asset), p, q, x.perYear(), risk.Options{RiskFree: in.RiskFree, Resamples: 200})
	if err != nil {
		return a, err
	}
	a.Data = Comparison{A: string(x.asset), B: string(y.asset), Quote: string(x.quote), Interval: in.Interval, Returns: c.A.N, Ahead: c.Ahead, AheadN: c.AheadN, Reasons: c.Reasons}
	va, vb := riskValues(&c.A), riskValues(&c.B)
	for i, v := range va {
		w := vb[i]
		a.Data.Metrics = append(a.Data.Metrics, ComparedValue{v.Name, v.Title, v.Unit, v.Value, v.Low, v.High, w.Value, w.Low, w.High, v.Definition})
	}
	var none error
	if c.Correlation.N == 0 {
		none = fault.New(fault.Unavailable, "one of them never moved, or too little is common")
	}
	a.Data.Correlation = correlationOf(&c.Correlation, none)
	a.Data.Correlation.A, a.Data.Correlation.B = a.Data.A, a.Data.B
	return a, nil
}
