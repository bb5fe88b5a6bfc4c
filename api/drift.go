package api

import (
	"context"
	"slices"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
)

type driftIn struct {
	Venue string `query:"venue" maxLength:"32" doc:"Only of this venue"`
	Kind  string `query:"kind" enum:"new_member,vanished_member,strange,unreadable" doc:"Only of this kind"`
	Page
	Common
}

// Finding is one thing in what a venue sends that is not as it was, or that its decoder
// does not know.
type Finding struct {
	Venue  string    `json:"venue"`
	On     string    `json:"on" enum:"stream,rest"`
	Kind   string    `json:"kind" enum:"new_member,vanished_member,strange,unreadable" doc:"new_member: messages have a member they did not have; vanished_member: one that nearly all had is missing; strange: a type or value that the decoder does not know; unreadable: a message that could not be decoded, nothing of it was used"`
	What   string    `json:"what" doc:"The kind of message and the path of the member, or what the decoder said"`
	Sample *string   `json:"sample" doc:"The beginning of a message that shows it"`
	Count  int64     `json:"count" doc:"Messages that had it, of those looked at; of a vanished member: messages without it"`
	First  time.Time `json:"first"`
	Last   time.Time `json:"last"`
}

func (s *Server) drift(_ context.Context, in *driftIn) (Answer[[]Finding], error) {
	a := Answer[[]Finding]{Data: []Finding{}}
	v, _, err := s.series(in.Venue, "")
	if err != nil {
		return a, err
	}
	list := slices.DeleteFunc(s.opt.Board.Drift(v), func(f market.Finding) bool { return in.Kind != "" && f.Kind != in.Kind })
	if list, err = page(list, in.Page, &a.Meta, filterDigest("drift", in.Venue, in.Kind)); err != nil {
		return a, err
	}
	for i := range list {
		f := &list[i]
		a.Data = append(a.Data, Finding{Venue: string(f.Venue), On: f.On, Kind: f.Kind, What: f.What, Sample: known(f.Sample), Count: f.Count, First: f.First, Last: f.Last})
		a.Meta.from(f.Venue)
		a.Meta.newest(f.Last)
	}
	slices.Sort(a.Meta.Sources)
	return a, nil
}

// DriftAccepter makes known what is news of a venue's messages.
type DriftAccepter interface {
	AcceptDrift(v market.VenueID) (ok bool)
}

type acceptDriftIn struct {
	Venue string `path:"venue" maxLength:"32" doc:"Venue" example:"kraken"`
	Common
}

// Noted says that it was done.
type Noted struct {
	Venue    string `json:"venue"`
	Accepted bool   `json:"accepted"`
}

func (s *Server) acceptDrift(_ context.Context, in *acceptDriftIn) (Answer[Noted], error) {
	var a Answer[Noted]
	if _, err := s.venueState(in.Venue); err != nil {
		return a, err
	}
	d, ok := s.opt.Board.(DriftAccepter)
	if !ok || !d.AcceptDrift(market.VenueID(in.Venue)) {
		return a, fault.At(fault.Conflict, "path.venue", "%s is not followed by this server", in.Venue)
	}
	a.Data = Noted{Venue: in.Venue, Accepted: true}
	a.Meta.from(market.VenueID(in.Venue))
	return a, nil
}
