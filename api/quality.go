package api

import (
	"context"
	"slices"
	"time"

	"github.com/assayhq/assay/market"
)

type qualityIn struct {
	Venue string `query:"venue" maxLength:"32" doc:"Only of this venue"`
	Pair  string `query:"pair" maxLength:"64" doc:"Only of this pair" example:"BTC-USD"`
	State string `query:"state" enum:"live,stale,joining,none" doc:"Only in this state"`
	Page
	Common
}

// Quality is what is known of the data of one channel.
type Quality struct {
	Venue      string           `json:"venue"`
	Pair       string           `json:"pair"`
	Channel    string           `json:"channel" enum:"trades,quotes,books,candles,price,derivatives,liquidations"`
	State      string           `json:"state" enum:"live,stale,joining,none"`
	LastData   *time.Time       `json:"last_data_at"`
	Events     int64            `json:"events" doc:"Since the start"`
	Marks      map[string]int64 `json:"marks" doc:"How many values had each mark"`
	Gaps       int64            `json:"gaps"`
	OpenGaps   int64            `json:"open_gaps" doc:"Not over yet"`
	Repaired   int64            `json:"repaired" doc:"Filled later"`
	Integrity  string           `json:"integrity" doc:"How a lost message would show: sequence, checksum, snapshot, none; empty where it does not apply"`
	StaleAfter float64          `json:"stale_after_s" doc:"Silence that counts as stale"`
}

func (s *Server) quality(_ context.Context, in *qualityIn) (Answer[[]Quality], error) {
	a := Answer[[]Quality]{Data: []Quality{}}
	v, p, err := s.series(in.Venue, in.Pair)
	if err != nil {
		return a, err
	}
	list := slices.DeleteFunc(s.opt.Board.Quality(v, p), func(q market.Quality) bool { return in.State != "" && q.State != in.State })
	list, err = page(list, in.Page, &a.Meta, filterDigest("quality", in.Venue, string(p), in.State))
	if err != nil {
		return a, err
	}
	live := 0
	for i := range list {
		q := &list[i]
		if q.State == "live" {
			live++
		}
		a.Data = append(a.Data, Quality{
			Venue: string(q.Venue), Pair: string(q.Pair), Channel: string(q.Channel), State: q.State, LastData: moment(q.LastData), Events: q.Events,
			Marks: q.Marks, Gaps: q.Gaps, OpenGaps: q.OpenGaps, Repaired: q.Repaired, Integrity: q.Integrity, StaleAfter: q.StaleAfter.Seconds(),
		})
		a.Meta.from(q.Venue)
		a.Meta.newest(q.LastData)
	}
	slices.Sort(a.Meta.Sources)
	a.Meta.Quality.State = feedState(live, len(a.Data))
	return a, nil
}

// series reads filters of venue and pair, both of which may be empty, and says when
// there is no such thing.
func (s *Server) series(venue, pair string) (v market.VenueID, p market.Pair, err error) {
	if pair != "" {
		if p, err = s.pair("query.pair", pair); err != nil {
			return
		}
	}
	v = market.VenueID(venue)
	if venue != "" || pair != "" {
		err = s.missing(v, p)
	}
	return v, p, err
}

type gapsIn struct {
	Venue   string `query:"venue" maxLength:"32" doc:"Only of this venue"`
	Pair    string `query:"pair" maxLength:"64" doc:"Only of this pair" example:"BTC-USD"`
	Channel string `query:"channel" enum:"trades,quotes,books,candles,derivatives,liquidations" doc:"Only of this channel"`
	Open    bool   `query:"open" doc:"Only those that are not over"`
	Span
	Common
}

// Gap says that data is missing or was in doubt.
type Gap struct {
	ID       string     `json:"id"`
	Venue    string     `json:"venue"`
	Pair     *string    `json:"pair" doc:"Null: all pairs of the connection"`
	Channel  *string    `json:"channel" doc:"Null: all channels"`
	Kind     string     `json:"kind" enum:"disconnect,gap,checksum,stale,crossed,decode,restart,mismatch" doc:"Why"`
	From     time.Time  `json:"from" doc:"Last good data before it"`
	To       *time.Time `json:"to" doc:"First good data after it; null while it is open"`
	Missing  *int64     `json:"missing" doc:"Messages, by the venue's numbering; null when not known"`
	Detail   string     `json:"detail"`
	Repaired *time.Time `json:"repaired_at" doc:"When it was filled"`
	Restored int64      `json:"restored" doc:"Rows that were added then"`
	By       *string    `json:"repaired_by" enum:"trades,candles,snapshot" doc:"How: all missing trades by REST; candles of the venue, single trades stay missing; a new snapshot of the book, at its end"`
}

// gapsRange is what is looked at when no start is given.
const gapsRange = 24 * time.Hour

func (s *Server) gaps(ctx context.Context, in *gapsIn) (Answer[[]Gap], error) {
	a := Answer[[]Gap]{Data: []Gap{}}
	v, p, err := s.series(in.Venue, in.Pair)
	if err != nil {
		return a, err
	}
	start, end, err := in.times()
	if err != nil {
		return a, err
	}
	now := s.opt.Board.Now()
	if start.IsZero() {
		last := now
		if !end.IsZero() {
			last = end
		}
		start = last.Add(-gapsRange)
	}
	start = start.Truncate(time.Millisecond) // as exact as a cursor
	digest := filterDigest("gaps", in.Venue, string(p), in.Channel, in.Start, in.End, map[bool]string{true: "open"}[in.Open])
	at, err := readCursor(in.Cursor, digest, 2)
	if err != nil {
		return a, err
	}
	// A gap is known by where it began; those before a cursor's were given already.
	skip := 0
	if at != nil {
		start, skip = time.UnixMilli(at[0]).UTC(), int(min(at[1], 1<<30))
	}
	seen := 0
	for g, err := range s.opt.History.Gaps(ctx, market.Series{Venue: v, Pair: p}, market.Range{From: start, To: end}) {
		if err != nil {
			return a, err
		}
		if (in.Channel != "" && g.Channel != "" && string(g.Channel) != in.Channel) || (in.Open && !g.To.IsZero()) {
			continue
		}
		if seen++; seen <= skip {
			continue
		}
		if len(a.Data) == in.Limit {
			a.Meta.NextCursor = makeCursor(digest, start.UnixMilli(), int64(seen-1))
			break
		}
		a.Data = append(a.Data, gapOf(&g))
		a.Meta.from(g.Venue)
		a.Meta.newest(g.From)
		a.Meta.newest(g.To)
	}
	if v != "" {
		a.Meta.from(v)
	}
	slices.Sort(a.Meta.Sources)
	a.Meta.past(0)
	return a, nil
}

func gapOf(g *market.Gap) Gap {
	out := Gap{
		ID: g.ID, Venue: string(g.Venue), Pair: known(string(g.Pair)), Channel: known(string(g.Channel)), Kind: string(g.Kind),
		From: g.From, To: moment(g.To), Detail: g.Detail, Repaired: moment(g.Repaired), Restored: g.Restored,
	}
	if g.Missing >= 0 {
		out.Missing = &g.Missing
	}
	if g.RepairedBy == market.BySnapshot {
		out.Repaired = moment(g.To)
	}
	out.By = known(string(g.RepairedBy))
	return out
}
