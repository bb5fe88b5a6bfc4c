package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/backfill"
)

// Backfills is what the api needs to have history fetched; *backfill.Desk is one.
type Backfills interface {
	Submit(ctx context.Context, r backfill.Request) (backfill.Job, error)
	List() []backfill.Job
	Get(id string) (backfill.Job, error)
	Cancel(id string) (backfill.Job, error)
}

// Backfill is a job that fetches history of a venue by REST.
type Backfill struct {
	ID        string     `json:"id"`
	Venue     string     `json:"venue"`
	Pair      string     `json:"pair"`
	What      string     `json:"what" enum:"candles,trades,funding"`
	Interval  *string    `json:"interval" doc:"Of candles"`
	Start     time.Time  `json:"start" doc:"Inclusive"`
	End       time.Time  `json:"end" doc:"Exclusive; of candles at most the end of the last one that is closed"`
	Share     float64    `json:"share" doc:"Part of what the feed leaves of the venue's allowance that it uses at most"`
	State     string     `json:"state" enum:"queued,running,done,cancelled,failed"`
	Rows      int64      `json:"rows" doc:"That the venue gave of the range; pages may overlap by a few"`
	Added     int64      `json:"added" doc:"Of them, those that were not stored before"`
	Pages     int64      `json:"pages" doc:"Answers read"`
	First     *time.Time `json:"first" doc:"Oldest row so far"`
	Last      *time.Time `json:"last" doc:"Newest row so far"`
	At        *time.Time `json:"at" doc:"The place it has reached"`
	Backwards bool       `json:"backwards" doc:"The venue is read from the end to the start"`
	Percent   float64    `json:"percent" doc:"Of the range"`
	Left      *float64   `json:"seconds_left" doc:"At the pace so far; null when that cannot be told"`
	Retries   int64      `json:"retries" doc:"Answers that failed and were asked for again"`
	Error     *string    `json:"error" doc:"The last failure, also one that a retry has overcome"`
	Note      *string    `json:"note" doc:"What of the range the venue did not give"`
	Created   time.Time  `json:"created_at"`
	Started   *time.Time `json:"started_at"`
	Ended     *time.Time `json:"ended_at"`
}

func backfillOf(j *backfill.Job) Backfill {
	out := Backfill{
		ID: j.ID, Venue: string(j.Venue), Pair: string(j.Pair), What: string(j.What), Interval: known(string(j.Interval)), Start: j.Start, End: j.End, Share: j.Share,
		State: string(j.State), Rows: j.Rows, Added: j.Added, Pages: j.Pages, First: moment(j.First), Last: moment(j.Last), At: moment(j.At), Backwards: j.Backwards,
		Percent: j.Percent, Retries: j.Retries, Error: known(j.Error), Note: known(j.Note), Created: j.Created, Started: moment(j.Started), Ended: moment(j.Ended),
	}
	if j.Left > 0 {
		out.Left = ptr(j.Left.Seconds())
	}
	return out
}

// registerBackfills is their part of the registry.
func (s *Server) registerBackfills() {
	op := func(id, method, path string, cost, status int, summary, doc string) Operation {
		return Operation{ID: id, Method: method, Path: path, Scope: access.Admin, Cost: cost, Tag: "Quality", status: status, Summary: summary, Doc: doc}
	}
	add(s, op("create-backfill", http.MethodPost, "/v1/backfills", 5, http.StatusAccepted, "Fetch history of a venue",
		"A job that asks the venue by REST, page by page, within a share of what the feed leaves of its allowance. It goes on where it was after a restart. What is stored already is not stored twice: our own complete candles stay, incomplete ones give way to the venue's. What a venue cannot give is refused with what it can; what it did not give is in `note`. One job of a venue runs at a time."), s.createBackfill)
	add(s, op("list-backfills", http.MethodGet, "/v1/backfills", 1, 0, "Backfills with their progress", "Made last first: those that have not ended, and up to 100 that have."), s.backfills)
	add(s, op("get-backfill", http.MethodGet, "/v1/backfills/{id}", 1, 0, "One backfill with its progress", ""), s.backfill)
	add(s, op("cancel-backfill", http.MethodDelete, "/v1/backfills/{id}", 1, 0, "Stop a backfill", "What it has fetched stays. One that has ended stays as it is."), s.cancelBackfill)
}

func (s *Server) filling() (Backfills, error) {
	if s.opt.Backfills == nil {
		return nil, fault.New(fault.Unavailable, "this server fetches no history")
	}
	return s.opt.Backfills, nil
}

type createBackfillIn struct {
	Body struct {
		Venue    string   `json:"venue" minLength:"1" maxLength:"32" example:"kraken"`
		Pair     string   `json:"pair" minLength:"1" maxLength:"64" example:"BTC-USD"`
		What     string   `json:"what" enum:"candles,trades,funding"`
		Interval string   `json:"interval,omitempty" maxLength:"4" doc:"Of candles: one that the venue has" example:"1m"`
		Start    string   `json:"start" minLength:"1" maxLength:"40" doc:"Inclusive. Milliseconds, RFC 3339 or a date" example:"2026-01-01"`
		End      string   `json:"end,omitempty" maxLength:"40" doc:"Exclusive; without it, up to now"`
		Share    *float64 `json:"share,omitempty" doc:"Part of what the feed leaves of the venue's allowance, above 0 and at most 1; without it the server's setting"`
	}
	Common
}

func (s *Server) createBackfill(ctx context.Context, in *createBackfillIn) (Answer[Backfill], error) {
	a := Answer[Backfill]{}
	b, err := s.filling()
	if err != nil {
		return a, err
	}
	r := backfill.Request{Venue: market.VenueID(in.Body.Venue), What: market.Channel(in.Body.What), Interval: market.Interval(in.Body.Interval)}
	if r.Pair, err = s.pair("body.pair", in.Body.Pair); err != nil {
		return a, err
	}
	if r.Start, err = parseTime("body.start", in.Body.Start); err != nil {
		return a, err
	}
	if r.End, err = parseTime("body.end", in.Body.End); err != nil {
		return a, err
	}
	if x := in.Body.Share; x != nil {
		if r.Share = *x; r.Share == 0 {
			r.Share = -1 // no share is none that is meant
		}
	}
	j, err := b.Submit(ctx, r)
	if err != nil {
		return a, inBody(err)
	}
	a.Data = backfillOf(&j)
	a.Meta.from(j.Venue)
	return a, nil
}

type backfillsIn struct {
	State string `query:"state" enum:"queued,running,done,cancelled,failed" doc:"Only in this state"`
	Common
}

func (s *Server) backfills(_ context.Context, in *backfillsIn) (Answer[[]Backfill], error) {
	a := Answer[[]Backfill]{Data: []Backfill{}, Meta: ours}
	b, err := s.filling()
	if err != nil {
		return a, err
	}
	for _, j := range b.List() {
		if in.State == "" || string(j.State) == in.State {
			a.Data = append(a.Data, backfillOf(&j))
		}
	}
	return a, nil
}

type backfillIn struct {
	ID string `path:"id" maxLength:"64" doc:"A backfill"`
	Common
}

func (s *Server) backfill(_ context.Context, in *backfillIn) (Answer[Backfill], error) {
	return s.oneBackfill(in.ID, Backfills.Get)
}

func (s *Server) cancelBackfill(_ context.Context, in *backfillIn) (Answer[Backfill], error) {
	return s.oneBackfill(in.ID, Backfills.Cancel)
}

func (s *Server) oneBackfill(id string, do func(Backfills, string) (backfill.Job, error)) (Answer[Backfill], error) {
	a := Answer[Backfill]{}
	b, err := s.filling()
	if err != nil {
		return a, err
	}
	j, err := do(b, strings.ToLower(id))
	if err != nil {
		return a, err
	}
	a.Data = backfillOf(&j)
	a.Meta.from(j.Venue)
	return a, nil
}
