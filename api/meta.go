package api

import (
	"slices"
	"strings"
	"time"

	"github.com/assayhq/assay/market"
)

// Meta is what is known about an answer.
type Meta struct {
	AsOf          *time.Time `json:"as_of" doc:"When the newest value in it happened; null when it holds none"`
	GeneratedAt   time.Time  `json:"generated_at" doc:"When the answer was made; in a replay, the recording's time"`
	Sources       []string   `json:"sources" doc:"Venues that the values come from, or the catalogue"`
	Simulated     bool       `json:"simulated" doc:"True when the data is not of the real market of this moment"`
	SimulatedNote string     `json:"simulated_note,omitempty" doc:"What the data is instead"`
	Quality       Standing   `json:"quality" doc:"How good the data is as a whole"`
	NotAdvice     string     `json:"not_financial_advice,omitempty" doc:"On answers with grades: what they are not"`
	NextCursor    string     `json:"next_cursor,omitempty" doc:"Give it as cursor for the next page; absent on the last"`
}

// Standing is the quality of an answer as a whole.
type Standing struct {
	State string   `json:"state" enum:"live,stale,joining,partial,history,static,none" doc:"live: fresh. stale: the newest value is too old. joining: a book is being put together again. partial: some of what was asked for is missing. history: the range asked for is over. static: does not change by itself. none: there is no data"`
	Stale bool     `json:"stale"`
	Marks []string `json:"marks" doc:"Everything that is wrong with any value in it; see docs/semantics"`
}

func (q *Standing) header() string {
	if len(q.Marks) == 0 {
		return q.State
	}
	return q.State + "; marks=" + strings.Join(q.Marks, ",")
}

// complete fills in what every answer says.
func (s *Server) complete(m *Meta) {
	m.GeneratedAt = s.opt.Board.Now()
	m.Simulated, m.SimulatedNote = s.opt.Board.Simulated()
	if m.Sources == nil {
		m.Sources = []string{}
	}
	if m.Quality.Marks == nil {
		m.Quality.Marks = []string{}
	}
	if m.Quality.State == "" {
		m.Quality.State = "static"
	}
	m.Quality.Stale = m.Quality.Stale || m.Quality.State == "stale"
}

// newest keeps the later of two times; a zero time says nothing.
func (m *Meta) newest(at time.Time) {
	if !at.IsZero() && (m.AsOf == nil || at.After(*m.AsOf)) {
		m.AsOf = &at
	}
}

// from adds a source once.
func (m *Meta) from(v market.VenueID) {
	if !slices.Contains(m.Sources, string(v)) {
		m.Sources = append(m.Sources, string(v))
	}
}

// judge sets the state by age: none without data, stale beyond the bound.
func (m *Meta) judge(now time.Time, bound time.Duration, marks market.Mark) {
	m.Quality.Marks = marks.Names()
	switch {
	case m.AsOf == nil:
		m.Quality.State = "none"
	case marks&market.Stale != 0 || now.Sub(*m.AsOf) > bound:
		m.Quality.State = "stale"
	default:
		m.Quality.State = "live"
	}
}

// past is judge for a range that ended before now: age says nothing there.
func (m *Meta) past(marks market.Mark) {
	m.Quality.Marks = marks.Names()
	m.Quality.State = "history"
	if m.AsOf == nil {
		m.Quality.State = "none"
	}
}

// moment is a time, or null when it is not known.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// milli is a time in hot data, or null.
func milli(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	ms := t.UnixMilli()
	return &ms
}

// ptr is a value that is known.
func ptr[T any](v T) *T { return &v }
