// Package backfill fetches what venues remember and we do not: candles, trades and
// settled funding of a range, page by page, as jobs that can be watched and cancelled.
//
// A job asks within a share of what the feed leaves of the venue's allowance. Each page
// is stored before the job's place is, so a job that is cut off at any moment goes on
// where it was, and a page that is stored twice is stored once. Nothing that it fetches
// is published: it is history, not news. It opens no socket and reads no clock; both
// come from outside. api tells of jobs; app makes the desk that runs them.
package backfill

import (
	"fmt"
	"strings"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
)

// Request says what is to be fetched.
type Request struct {
	Venue    market.VenueID  `json:"venue"`
	Pair     market.Pair     `json:"pair"`
	What     market.Channel  `json:"what"`               // Candles, Trades or Funding
	Interval market.Interval `json:"interval,omitempty"` // of candles
	Start    time.Time       `json:"start"`              // inclusive
	End      time.Time       `json:"end"`                // exclusive; zero is now
	// Share is the part of what the feed leaves of the venue's allowance that it may use,
	// above 0 and at most 1; 0 is the desk's.
	Share float64 `json:"share"`
}

// State is how far a job is.
type State string

// The states of a job.
const (
	Queued    State = "queued"  // waits for its turn
	Running   State = "running" // is fetching, or waits for the venue
	Done      State = "done"
	Cancelled State = "cancelled"
	Failed    State = "failed"
)

// Ended tells whether nothing more will happen.
func (s State) Ended() bool { return s == Done || s == Cancelled || s == Failed }

// Job is a request with what has become of it.
type Job struct {
	ID string `json:"id"`
	Request
	State State `json:"state"`
	Pages int64 `json:"pages"` // answers read
	Rows  int64 `json:"rows"`  // that the venue gave of the range; pages may overlap by a few
	Added int64 `json:"added"` // of them, those that were not stored before
	// First and Last are the times of the oldest and newest row; zero before the first.
	First time.Time `json:"first,omitzero"`
	Last  time.Time `json:"last,omitzero"`
	// At is the place it has reached. Most venues are read from the start to the end; where
	// Backwards, from the end to the start.
	At        time.Time `json:"at,omitzero"`
	Backwards bool      `json:"backwards,omitempty"`
	Retries   int64     `json:"retries"`         // answers that failed and were asked for again
	Error     string    `json:"error,omitempty"` // the last failure
	Note      string    `json:"note,omitempty"`  // what the venue did not give, when it is done
	Created   time.Time `json:"created"`
	Started   time.Time `json:"started,omitzero"`
	Ended     time.Time `json:"ended,omitzero"`
	Next      Place     `json:"next"` // where the next page begins
	// Percent of the range, and how long the rest takes at the pace since the server
	// runs it; 0 when that cannot be told. Computed when it is told.
	Percent float64       `json:"-"`
	Left    time.Duration `json:"-"`
}

// Place is where a page begins, in the venue's terms.
type Place struct {
	From    time.Time `json:"from,omitzero"`
	To      time.Time `json:"to,omitzero"`
	AfterID string    `json:"after_id,omitempty"`
	Cursor  string    `json:"cursor,omitempty"`
}

// ask is the question for a job's next page.
func (j *Job) ask(in market.Instrument) venue.Ask {
	a := venue.Ask{Instrument: in, Interval: j.Interval, From: j.Next.From, To: j.Next.To, AfterID: j.Next.AfterID, Cursor: j.Next.Cursor}
	switch j.What {
	case market.Candles:
		a.What = venue.AskCandles
	case market.Trades:
		a.What = venue.AskTrades
	default:
		a.What = venue.AskFunding
	}
	return a
}

func placeOf(a venue.Ask) Place { return Place{a.From, a.To, a.AfterID, a.Cursor} }

// percent tells how much of the range is behind the job.
func (j *Job) percent() float64 {
	if j.State == Done {
		return 100
	}
	whole := j.End.Sub(j.Start)
	if j.At.IsZero() || whole <= 0 {
		return 0
	}
	gone := j.At.Sub(j.Start)
	if j.Backwards {
		gone = j.End.Sub(j.At)
	}
	return 100 * min(max(float64(gone)/float64(whole), 0), 1)
}

// move takes the place that a page has brought the job to.
func (j *Job) move(p *page, next venue.Ask, more bool) {
	if !p.first.IsZero() {
		if j.First.IsZero() {
			// The first page lies at one of the ends.
			j.Backwards = p.first.Sub(j.Start) > j.End.Sub(p.last) && more
		}
		if j.First.IsZero() || p.first.Before(j.First) {
			j.First = p.first
		}
		if p.last.After(j.Last) {
			j.Last = p.last
		}
		if j.At = p.last; j.Backwards {
			j.At = p.first
		}
	}
	switch { // venues that are asked by time tell more than their rows
	case next.From.After(j.Next.From):
		j.At, j.Backwards = next.From, false
	case !next.To.IsZero() && next.To.Before(j.Next.To):
		j.At, j.Backwards = next.To, true
	}
}

// shortfall says what of the range the venue did not give.
func (j *Job) shortfall(d *venue.Driver) string {
	slack := time.Duration(0)
	switch j.What {
	case market.Candles:
		slack = j.Interval.Length()
	case market.Trades:
		slack = time.Minute
	default:
		slack = 8 * time.Hour
	}
	words := ""
	if d.Spec.History != "" {
		words = ": " + d.Spec.History
	}
	switch {
	case j.First.IsZero():
		return fmt.Sprintf("%s gave nothing of this range%s", d.Spec.Name, words)
	case j.First.Sub(j.Start) > slack:
		return fmt.Sprintf("%s gave nothing before %s%s", d.Spec.Name, j.First.UTC().Format(time.RFC3339), words)
	}
	return ""
}

// settles is how long after its end a bar may still change at its venue.
const settles = 5 * time.Second

// check completes a request, or says what is wrong with it and what would do.
func (r *Request) check(d *venue.Driver, now time.Time, share float64) error {
	if r.End.IsZero() || r.End.After(now) {
		r.End = now
	}
	if r.What == market.Candles && r.Interval.Length() > 0 {
		// A bar is fetched when it is over, and the venue has had a moment to close it.
		if closed := r.Interval.Start(now.Add(-settles)); r.End.After(closed) {
			r.End = closed
		}
	}
	if r.Share == 0 {
		r.Share = share
	}
	r.Start, r.End = r.Start.UTC(), r.End.UTC()
	switch {
	case r.Start.IsZero():
		return fault.At(fault.Invalid, "start", "say from when on, such as 2026-01-01")
	case r.Start.Unix() <= 0:
		return fault.At(fault.Invalid, "start", "no venue has anything of before 1970")
	case !r.Start.Before(r.End):
		return fault.At(fault.Invalid, "end", "end is not after start, or start is not over yet; start is inclusive and end exclusive")
	case !(r.Share > 0 && r.Share <= 1):
		return fault.At(fault.Invalid, "share", "a share is above 0 and at most 1, such as 0.5: the part of what the feed leaves")
	}
	switch r.What {
	case market.Candles:
		var has []string
		for _, i := range d.REST.Intervals {
			if i == r.Interval {
				return nil
			}
			has = append(has, string(i))
		}
		if len(has) == 0 {
			return fault.At(fault.Invalid, "what", "%s gives no candles; fetch trades instead", d.Spec.Name)
		}
		if r.Interval == "" {
			return fault.At(fault.Invalid, "interval", "say which candles; %s has %s", d.Spec.Name, strings.Join(has, ", "))
		}
		return fault.At(fault.Invalid, "interval", "%s has no candles of %s; it has %s. Longer ones are made of shorter ones when they are asked for", d.Spec.Name, r.Interval, strings.Join(has, ", "))
	case market.Trades, market.Funding:
		if r.Interval != "" {
			return fault.At(fault.Invalid, "interval", "only candles have an interval")
		}
		if r.What == market.Funding && !d.REST.Funding {
			return fault.At(fault.Invalid, "what", "%s does not tell past funding by REST", d.Spec.Name)
		}
		return nil
	}
	return fault.At(fault.Invalid, "what", "%q cannot be fetched; use candles, trades or funding", r.What)
}
