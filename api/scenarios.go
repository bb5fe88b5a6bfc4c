package api

import (
	"context"
	"math"
	"strconv"
	"strings"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/insight/risk"
)

type scenariosIn struct {
	Asset  string  `path:"asset" maxLength:"100" doc:"Code, name, id or contract address" example:"BTC"`
	Quote  string  `query:"quote" default:"USD" maxLength:"32" doc:"Currency of caps and prices"`
	Caps   string  `query:"caps" required:"true" maxLength:"400" doc:"Capitalisations of the whole market, at most 20, separated by commas" example:"2e12,4e12"`
	Shares string  `query:"shares" required:"true" maxLength:"400" doc:"Shares of the asset in it as fractions, at most 20, separated by commas" example:"0.4,0.5,0.6"`
	Supply float64 `query:"supply" required:"true" exclusiveMinimum:"0" doc:"Units of the asset: nobody can compute them from trades" example:"19900000"`
	Common
}

// Scenario is the price that follows from a capitalisation and a share: arithmetic, without
// a probability.
type Scenario struct {
	Cap    float64  `json:"cap" doc:"Of the whole market"`
	Share  float64  `json:"share" doc:"Of the asset, as a fraction"`
	Price  float64  `json:"price" doc:"cap x share / supply"`
	Change *float64 `json:"change" doc:"From the price now, as a fraction; null when there is none"`
}

func (s *Server) scenarios(_ context.Context, in *scenariosIn) (Answer[[]Scenario], error) {
	var a Answer[[]Scenario]
	code, err := s.code("path.asset", in.Asset)
	if err != nil {
		return a, err
	}
	quote, err := s.code("query.quote", in.Quote)
	if err != nil {
		return a, err
	}
	caps, err := numbers("query.caps", in.Caps)
	if err != nil {
		return a, err
	}
	shares, err := numbers("query.shares", in.Shares)
	if err != nil {
		return a, err
	}
	now := 0.0
	if p, ok := s.opt.Board.Price(code, quote); ok {
		now = p.Price.Float64()
		for i := range p.Sources {
			if p.Sources[i].Weight > 0 {
				a.Meta.from(p.Sources[i].Venue)
			}
		}
		a.Meta.newest(p.At)
		a.Meta.judge(s.opt.Board.Now(), freshPrice, p.Marks)
	}
	list, err := risk.Scenarios(caps, shares, in.Supply, now)
	if err != nil {
		return a, err
	}
	a.Data = make([]Scenario, len(list))
	for i, x := range list {
		a.Data[i] = Scenario{Cap: x.Cap, Share: x.Share, Price: x.Price}
		if now > 0 {
			a.Data[i].Change = &list[i].Change
		}
	}
	return a, nil
}

// numbers reads at most 20 finite numbers, separated by commas.
func numbers(field, list string) ([]float64, error) {
	words := strings.Split(list, ",")
	if len(words) > 20 {
		return nil, fault.At(fault.Invalid, field, "%d numbers; at most 20", len(words))
	}
	out := make([]float64, len(words))
	for i, w := range words {
		x, err := strconv.ParseFloat(strings.TrimSpace(w), 64)
		if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
			return nil, fault.At(fault.Invalid, field, "%q is no number; write them as 2e12,4e12", clip(w, 30))
		}
		out[i] = x
	}
	return out, nil
}
