package backfill

import (
	"context"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/clean"
	"github.com/assayhq/assay/market/venue"
)

// maxRepair bounds the pages of one repair; what needs more is a job.
const maxRepair = 200

// Repair tries to fill a gap of trades now, and gives it as it is then: one entry, or of
// a gap that concerns all pairs of its venue one for each pair whose trades were stored
// before. Where the venue's answers do not reach back, its one-minute bars take the place
// of ours that are incomplete.
func (d *Desk) Repair(ctx context.Context, g market.Gap) ([]market.Gap, error) {
	v, ok := d.opt.Venues(g.Venue)
	switch {
	case !ok:
		return nil, fault.New(fault.Conflict, "this server does not follow %s, so it cannot ask it", g.Venue)
	case g.To.IsZero():
		return nil, fault.New(fault.Conflict, "the gap is not over; it can be filled when it is")
	case g.Channel != "" && g.Channel != market.Trades:
		return nil, fault.New(fault.Conflict, "this is a gap of %s; only trades can be asked for again", g.Channel)
	case !g.Repaired.IsZero() && g.RepairedBy != market.ByCandles:
		return []market.Gap{g}, nil
	}
	if g.Pair != "" {
		g, err := d.repair(ctx, v, g)
		return []market.Gap{g}, err
	}
	stored, err := d.opt.History.Series(ctx)
	if err != nil {
		return nil, err
	}
	var out []market.Gap
	for _, s := range stored {
		if s.Channel != market.Trades || s.Venue != g.Venue || s.First.After(g.From) {
			continue
		}
		part := g
		part.ID += "|" + string(s.Pair)
		part.Pair, part.Channel = s.Pair, market.Trades
		if part, err = d.repair(ctx, v, part); err != nil {
			return out, err
		}
		out = append(out, part)
	}
	return out, nil
}

func (d *Desk) repair(ctx context.Context, v Venue, g market.Gap) (market.Gap, error) {
	in, err := v.Instrument(ctx, g.Pair)
	if err != nil {
		return g, err
	}
	g.Symbol = in.Symbol
	restored, whole, err := d.trades(ctx, v, in, g)
	if err != nil {
		return g, err
	}
	g.Restored += restored
	bars, err := d.bars(ctx, v, in, g)
	if err != nil {
		return g, err
	}
	switch {
	case whole:
		g.Repaired, g.RepairedBy = d.opt.Now().UTC(), market.ByTrades
	case bars && g.Repaired.IsZero():
		g.Repaired, g.RepairedBy = d.opt.Now().UTC(), market.ByCandles
	}
	return g, d.opt.History.Append(ctx, &market.Batch{Gaps: []market.Gap{g}})
}

// trades fetches what is missing after the last trade before the gap. whole tells whether
// what came joins it without a hole, as far as ids or times can tell.
func (d *Desk) trades(ctx context.Context, v Venue, in market.Instrument, g market.Gap) (restored int64, whole bool, err error) {
	var last market.Trade
	of := market.Series{Venue: g.Venue, Pair: g.Pair}
	for t, err := range d.opt.History.Trades(ctx, of, market.Range{To: g.From.Add(1), Reverse: true, Limit: 1}) {
		if err != nil {
			return 0, false, err
		}
		last = t
	}
	if last.At.IsZero() {
		return 0, false, nil // nothing came before it, so nothing is known to be missing
	}
	j := &Job{Request: Request{Venue: g.Venue, Pair: g.Pair, What: market.Trades, Start: g.From.Add(-time.Second), End: g.To.Add(time.Second)}}
	if away := g.From.Sub(last.At); away < 6*time.Hour {
		j.Start = last.At // a quiet pair: begin where what we have ends
	}
	j.Next = Place{From: j.Start, To: j.End}
	a := j.ask(in)
	if last.ID != "" && !last.Aggregate && pagesByID(v.Driver()) {
		a.AfterID, whole = last.ID, true
	}
	for range maxRepair {
		got, err := v.Page(ctx, a, d.opt.Share)
		if err != nil {
			return restored, false, err
		}
		reached := false
		for i := range got.Trades {
			t := &got.Trades[i]
			whole = whole || t.ID != "" && t.ID == last.ID || clean.Name(t) == clean.Name(&last) || t.At.Before(last.At)
			reached = reached || !t.At.Before(g.To)
		}
		p, err := sift(ctx, d.opt.History, v.Driver(), j, got)
		if err != nil {
			return restored, false, err
		}
		if !p.fresh.Empty() {
			if err := d.opt.History.Append(ctx, &p.fresh); err != nil {
				return restored, false, err
			}
			restored += int64(len(p.fresh.Trades))
		}
		next, more := a, false
		if f := v.Driver().REST.Next; f != nil {
			next, more = f(a, got)
		}
		if !more || reached && whole || placeOf(next) == placeOf(a) {
			return restored, whole, nil
		}
		a = next
	}
	return restored, false, nil
}

// pagesByID tells whether a venue answers an AfterID with the trades right after it. One
// that goes backwards from the newest asks the same with and without.
func pagesByID(d *venue.Driver) bool {
	a := venue.Ask{What: venue.AskTrades, Instrument: market.Instrument{Symbol: "X", RESTSymbol: "X"}, AfterID: "1", From: time.Unix(1e9, 0)}
	with, err1 := d.REST.Request(a)
	a.AfterID = ""
	without, err2 := d.REST.Request(a)
	return err1 == nil && err2 == nil && with.Path != without.Path
}

// bars has the venue's bars of the gap's minutes take the place of ours that are
// incomplete, and tells whether there is a complete one of each minute that had trades.
func (d *Desk) bars(ctx context.Context, v Venue, in market.Instrument, g market.Gap) (bool, error) {
	const minute = market.Interval("1m")
	has := false
	for _, i := range v.Driver().REST.Intervals {
		has = has || i == minute
	}
	j := &Job{Request: Request{Venue: g.Venue, Pair: g.Pair, What: market.Candles, Interval: minute, Start: minute.Start(g.From), End: minute.Next(g.To)}}
	if closed := minute.Start(d.opt.Now().Add(-settles)); j.End.After(closed) {
		j.End = closed
	}
	if !has || !j.Start.Before(j.End) {
		return false, nil
	}
	j.Next = Place{From: j.Start, To: j.End}
	var first time.Time
	a := j.ask(in)
	for range maxRepair {
		got, err := v.Page(ctx, a, d.opt.Share)
		if err != nil {
			return false, err
		}
		p, err := sift(ctx, d.opt.History, v.Driver(), j, got)
		if err != nil {
			return false, err
		}
		if !p.fresh.Empty() {
			if err := d.opt.History.Append(ctx, &p.fresh); err != nil {
				return false, err
			}
		}
		if !p.first.IsZero() && (first.IsZero() || p.first.Before(first)) {
			first = p.first
		}
		next, more := a, false
		if f := v.Driver().REST.Next; f != nil {
			next, more = f(a, got)
		}
		if !more || placeOf(next) == placeOf(a) {
			break
		}
		a = next
	}
	if first.IsZero() || first.After(g.From) {
		return false, nil
	}
	for k, err := range d.opt.History.Candles(ctx, j.series(), minute, market.Range{From: j.Start, To: j.End}) {
		if err != nil {
			return false, err
		}
		if !k.Complete {
			return false, nil
		}
	}
	return true, nil
}
