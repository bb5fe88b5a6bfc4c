package api

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
)

// Repairs tries to fill gaps of trades; *backfill.Desk does.
type Repairs interface {
	Repair(ctx context.Context, g market.Gap) ([]market.Gap, error)
}

type gapSummaryIn struct {
	Venue string `query:"venue" maxLength:"32" doc:"Only of this venue"`
	Pair  string `query:"pair" maxLength:"64" doc:"Only of this pair" example:"BTC-USD"`
	Start string `query:"start" maxLength:"40" doc:"Inclusive. Milliseconds, RFC 3339 or a date" example:"2026-01-01T00:00:00Z"`
	End   string `query:"end" maxLength:"40" doc:"Exclusive"`
	Common
}

// GapSummary is what the gaps of a venue come to.
type GapSummary struct {
	Venue    string     `json:"venue"`
	Gaps     int64      `json:"gaps"`
	Open     int64      `json:"open" doc:"Not over yet"`
	Closed   int64      `json:"closed" doc:"Over, whether repaired or not"`
	Repaired int64      `json:"repaired" doc:"Of the closed ones, those that were made good; of a lost connection, for every pair"`
	Missing  float64    `json:"seconds_missing" doc:"Time in which something was missing that was not made good later; times that overlap count once"`
	Restored int64      `json:"trades_restored"`
	Oldest   *time.Time `json:"oldest_open" doc:"When the oldest open gap began"`
}

// tally sums up the gaps of a venue.
type tally struct {
	GapSummary
	parts map[string][]*market.Gap // of lost connections, by the connection's gap
	gaps  []*market.Gap
}

func repaired(g *market.Gap) bool { return !g.Repaired.IsZero() || g.RepairedBy != "" }

// sum counts the gaps. Parts of a lost connection stand for it.
func (t *tally) sum(from, to time.Time) {
	type span struct{ from, to time.Time }
	var spans []span
	for _, g := range t.gaps {
		parts := t.parts[g.ID]
		good := repaired(g) || len(parts) > 0 && !slices.ContainsFunc(parts, func(p *market.Gap) bool { return !repaired(p) })
		t.Gaps++
		end := g.To
		if g.To.IsZero() {
			t.Open++
			end = to
			if t.Oldest == nil || g.From.Before(*t.Oldest) {
				t.Oldest = ptr(g.From)
			}
		} else {
			t.Closed++
			if good {
				t.Repaired++
			}
		}
		if !good && g.Kind != market.Mismatch { // a bar that differs is no time without data
			spans = append(spans, span{g.From, end})
		}
	}
	slices.SortFunc(spans, func(a, b span) int { return a.from.Compare(b.from) })
	at := from
	for _, s := range spans {
		if s.from.Before(at) {
			s.from = at
		}
		if s.to.After(to) {
			s.to = to
		}
		if s.to.After(s.from) {
			t.Missing += s.to.Sub(s.from).Seconds()
			at = s.to
		}
	}
}

func (s *Server) gapSummary(ctx context.Context, in *gapSummaryIn) (Answer[[]GapSummary], error) {
	a := Answer[[]GapSummary]{Data: []GapSummary{}}
	v, p, err := s.series(in.Venue, in.Pair)
	if err != nil {
		return a, err
	}
	span := Span{Start: in.Start, End: in.End}
	start, end, err := span.times()
	if err != nil {
		return a, err
	}
	if now := s.opt.Board.Now(); end.IsZero() || end.After(now) {
		end = now
	}
	if start.IsZero() {
		start = end.Add(-gapsRange)
	}
	by := map[market.VenueID]*tally{}
	for g, err := range s.opt.History.Gaps(ctx, market.Series{Venue: v, Pair: p}, market.Range{From: start, To: end}) {
		if err != nil {
			return a, err
		}
		t := by[g.Venue]
		if t == nil {
			t = &tally{GapSummary: GapSummary{Venue: string(g.Venue)}, parts: map[string][]*market.Gap{}}
			by[g.Venue] = t
		}
		t.Restored += g.Restored
		if whole, part := strings.CutSuffix(g.ID, "|"+string(g.Pair)); part && g.Pair != "" {
			t.parts[whole] = append(t.parts[whole], &g)
			continue
		}
		t.gaps = append(t.gaps, &g)
		a.Meta.from(g.Venue)
		a.Meta.newest(g.From)
		a.Meta.newest(g.To)
	}
	for _, t := range by {
		t.sum(start, end)
		a.Data = append(a.Data, t.GapSummary)
	}
	slices.SortFunc(a.Data, func(x, y GapSummary) int { return strings.Compare(x.Venue, y.Venue) })
	slices.Sort(a.Meta.Sources)
	a.Meta.past(0)
	return a, nil
}

type repairGapIn struct {
	ID string `path:"id" maxLength:"400" doc:"A gap; percent-encode what an address does not allow"`
	Common
}

// repairTime is how long a caller waits for a repair.
const repairTime = 20 * time.Second

func (s *Server) repairGap(ctx context.Context, in *repairGapIn) (Answer[[]Gap], error) {
	a := Answer[[]Gap]{Data: []Gap{}}
	if s.opt.Repairs == nil {
		return a, fault.New(fault.Unavailable, "this server fills no gaps")
	}
	var found *market.Gap
	for g, err := range s.opt.History.Gaps(ctx, market.Series{}, market.Range{}) {
		if err != nil {
			return a, err
		}
		if g.ID == in.ID {
			found = &g
			break
		}
	}
	if found == nil {
		return a, fault.At(fault.Unknown, "path.id", "there is no gap %q; GET /v1/gaps lists them", clip(in.ID, 60))
	}
	work, cancel := context.WithTimeout(ctx, repairTime)
	defer cancel()
	list, err := s.opt.Repairs.Repair(work, *found)
	if err != nil {
		if work.Err() != nil && ctx.Err() == nil {
			return a, fault.New(fault.Unavailable, "%s did not give it all in %s; what it gave is stored, so try again, or fetch the range with POST /v1/backfills", found.Venue, repairTime)
		}
		return a, err
	}
	for i := range list {
		a.Data = append(a.Data, gapOf(&list[i]))
	}
	a.Meta.from(found.Venue)
	a.Meta.past(0)
	return a, nil
}
