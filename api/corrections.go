package api

import (
	"context"
	"slices"
	"time"

	"github.com/assayhq/assay/market"
)

type correctionsIn struct {
	Venue    string `query:"venue" required:"true" maxLength:"32" doc:"Venue, or consensus" example:"kraken"`
	Pair     string `query:"pair" required:"true" maxLength:"64" doc:"Pair" example:"BTC-USD"`
	Interval string `query:"interval" default:"1m" enum:"1s,1m,1h,1d" doc:"Length of a candle; the others are made of these"`
	Why      string `query:"why" enum:"late_trades,backfill,gap,venue_bar,import,other" doc:"Only for this reason"`
	Known
	Span
	Common
}

// Correction says that a closed candle was given otherwise before.
type Correction struct {
	TS        int64  `json:"ts" doc:"Start of the interval, milliseconds"`
	Corrected int64  `json:"corrected_ts" doc:"From when on it was given as after, milliseconds"`
	Why       string `json:"why" enum:"late_trades,backfill,gap,venue_bar,import,other" doc:"late_trades: trades of it came after it had been closed. backfill: missing trades were fetched. gap: it turned out that trades may be missing. venue_bar: the venue's own bar took its place, or the venue changed it. import: from a file"`
	Before    Candle `json:"before"`
	After     Candle `json:"after"`
}

func (s *Server) corrections(ctx context.Context, in *correctionsIn) (Answer[[]Correction], error) {
	a := Answer[[]Correction]{Data: []Correction{}}
	v, p, err := s.series(in.Venue, in.Pair)
	if err != nil {
		return a, err
	}
	start, end, err := in.times()
	if err != nil {
		return a, err
	}
	then, err := in.then(s.opt.Board.Now())
	if err != nil {
		return a, err
	}
	digest := filterDigest("corrections", in.Venue, string(p), in.Interval, in.Why, in.Start, in.End, in.KnownAt)
	at, err := readCursor(in.Cursor, digest, 2)
	if err != nil {
		return a, err
	}
	// A position is an interval, and how many of its corrections were passed already.
	r, skip := market.Range{From: start, To: end, KnownAt: then}, int64(0)
	if at != nil {
		r.From, skip = time.UnixMilli(at[0]).UTC(), at[1]
	}
	r.Reverse = r.From.IsZero()
	var open time.Time
	passed := int64(0)
	for c, err := range s.opt.History.Corrections(ctx, market.Series{Venue: v, Pair: p}, market.Interval(in.Interval), r) {
		if err != nil {
			return a, err
		}
		if !c.Before.Open.Equal(open) {
			open, passed = c.Before.Open, 0
		}
		passed++
		if at != nil && open.UnixMilli() == at[0] && passed <= skip || in.Why != "" && string(c.Why()) != in.Why {
			continue
		}
		if len(a.Data) == in.Limit {
			if !r.Reverse {
				a.Meta.NextCursor = makeCursor(digest, open.UnixMilli(), passed-1)
			}
			break
		}
		a.Data = append(a.Data, Correction{TS: open.UnixMilli(), Corrected: c.After.Known.UnixMilli(), Why: string(c.Why()), Before: candleOf(&c.Before), After: candleOf(&c.After)})
		a.Meta.newest(c.After.Known)
	}
	if r.Reverse {
		slices.Reverse(a.Data)
	}
	a.Meta.from(v)
	a.Meta.past(0)
	return a, nil
}
