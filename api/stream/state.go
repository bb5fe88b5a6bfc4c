package stream

import (
	"slices"
	"time"

	"github.com/assayhq/assay/market"
)

// state is what a room knows of its topic: enough to tell a newcomer how things
// stand. It is used under the room's lock.
type state interface {
	// begin reads the present from the board; the bus is already subscribed to, so
	// what the board does not show yet is still to come, and some comes twice.
	begin()
	// take applies events in order and emits what subscribers have to be told. lost
	// is how many events the bus dropped before them.
	take(events []market.Event, lost int64, e *emitter)
	// now emits how things stand, for a newcomer who wants depth levels.
	now(e *emitter, depth int)
}

// The types of message.
const (
	snapshot = "snapshot" // how things stand; what was known before is void
	update   = "update"   // what happened since the message before
	invalid  = "invalid"  // the book is not to be used until the next snapshot
	gapped   = "gap"      // values are missing or in doubt for some time
)

// tape is the state of a trades topic, and of a liquidations topic: the newest rows.
type tape[T comparable] struct {
	r      *room
	board  func(limit int) []T // newest first
	of     func(*market.Event) *T
	append func(b []byte, v *T, venue bool) []byte
	recent []T // oldest first
	// known are the rows read from the board at the beginning that may yet come
	// from the bus; the same row twice counts twice.
	known map[T]int
	until time.Time
}

func (r *room) trades() *tape[market.Trade] {
	return &tape[market.Trade]{
		r: r, append: appendTrade, of: func(e *market.Event) *market.Trade { return e.Trade },
		board: func(n int) []market.Trade { return r.hub.opt.Board.LastTrades(r.venue, r.pair, n) },
	}
}

func (r *room) liquidations() *tape[market.Liquidation] {
	return &tape[market.Liquidation]{
		r: r, append: appendLiquidation, of: func(e *market.Event) *market.Liquidation { return e.Liquidation },
		board: func(n int) []market.Liquidation { return r.hub.opt.Board.Liquidations(r.venue, r.pair, n) },
	}
}

// tapeLen is how many rows a newcomer gets.
const tapeLen = 50

func (s *tape[T]) begin() {
	rows := s.board(tapeLen)
	s.known = map[T]int{}
	s.until = time.Now().Add(2 * time.Second)
	s.recent = s.recent[:0]
	for i := len(rows) - 1; i >= 0; i-- {
		s.recent = append(s.recent, rows[i])
		s.known[rows[i]]++
	}
}

func (s *tape[T]) take(events []market.Event, lost int64, e *emitter) {
	e.lose(lost)
	for i := range events {
		ev := &events[i]
		v := s.of(ev)
		switch {
		case v != nil:
			if s.known[*v] > 0 {
				s.known[*v]--
				continue
			}
			if len(s.recent) >= 2*tapeLen {
				s.recent = append(s.recent[:0], s.recent[tapeLen+1:]...)
			}
			s.recent = append(s.recent, *v)
			e.close(s.append(e.open(update), v, s.r.venue == ""))
		case ev.Gap != nil && concerns(ev.Gap, s.r.ch, s.r.pair):
			e.close(appendGap(e.open(gapped), ev.Gap, s.r.venue == ""))
		}
	}
	if s.known != nil && time.Now().After(s.until) {
		s.known = nil
	}
}

func (s *tape[T]) now(e *emitter, _ int) {
	e.empty(snapshot)
	for i := max(0, len(s.recent)-tapeLen); i < len(s.recent); i++ {
		e.close(s.append(e.open(snapshot), &s.recent[i], s.r.venue == ""))
	}
}

// concerns tells whether a gap of a connection touches a channel and pair.
func concerns(g *market.Gap, ch market.Channel, p market.Pair) bool {
	return (g.Channel == "" || g.Channel == ch) && (g.Pair == "" || g.Pair == p)
}

// tops is the state of a quotes topic: the newest quote of each venue.
type tops struct {
	r      *room
	latest []market.Quote
}

func (s *tops) begin() {
	s.latest = s.latest[:0]
	for _, q := range s.r.hub.opt.Board.Quotes(s.r.pair) {
		if s.r.venue == "" || q.Venue == s.r.venue {
			s.latest = append(s.latest, q)
		}
	}
}

func (s *tops) take(events []market.Event, lost int64, e *emitter) {
	e.lose(lost)
	for i := range events {
		ev := &events[i]
		switch {
		case ev.Quote != nil:
			if s.put(ev.Quote) {
				e.close(appendQuote(e.open(update), ev.Quote, s.r.venue == ""))
			}
		case ev.Gap != nil && concerns(ev.Gap, market.Quotes, s.r.pair):
			e.close(appendGap(e.open(gapped), ev.Gap, s.r.venue == ""))
		}
	}
}

// put remembers a quote; false if it is the one already known, or was received
// before it.
func (s *tops) put(q *market.Quote) bool {
	for i := range s.latest {
		if l := &s.latest[i]; l.Venue == q.Venue {
			if *l == *q || q.Received.Before(l.Received) {
				return false
			}
			*l = *q
			return true
		}
	}
	s.latest = append(s.latest, *q)
	return true
}

func (s *tops) now(e *emitter, _ int) {
	e.empty(snapshot)
	for i := range s.latest {
		e.close(appendQuote(e.open(snapshot), &s.latest[i], s.r.venue == ""))
	}
}

// standings is the state of a derivatives topic: how the contract stands at each venue.
// Each update is the whole that is known, so within one message only the newest of a
// venue is told.
type standings struct {
	r      *room
	latest []market.DerivativeView
}

func (s *standings) begin() { s.latest = s.r.hub.opt.Board.Derivatives(s.r.venue, s.r.pair) }

func (s *standings) take(events []market.Event, lost int64, e *emitter) {
	e.lose(lost)
	var changed []market.VenueID
	for i := range events {
		ev := &events[i]
		switch {
		case ev.Derivative != nil:
			if s.put(ev.Derivative) && !slices.Contains(changed, ev.Derivative.Venue) {
				changed = append(changed, ev.Derivative.Venue)
			}
		case ev.Gap != nil && concerns(ev.Gap, market.Derivatives, s.r.pair):
			e.close(appendGap(e.open(gapped), ev.Gap, s.r.venue == ""))
		}
	}
	for i := range s.latest {
		if slices.Contains(changed, s.latest[i].Venue) {
			e.close(appendDerivative(e.open(update), &s.latest[i], s.r.venue == ""))
		}
	}
}

// put remembers how a contract stands; false if that is known already, or older.
func (s *standings) put(d *market.DerivativeView) bool {
	for i := range s.latest {
		l := &s.latest[i]
		if l.Venue != d.Venue {
			continue
		}
		d := *d
		d.StaleAfter = l.StaleAfter // the board adds it
		if *l == d || d.Received.Before(l.Received) {
			return false
		}
		*l = d
		return true
	}
	s.latest = append(s.latest, *d)
	return true
}

func (s *standings) now(e *emitter, _ int) {
	e.empty(snapshot)
	for i := range s.latest {
		e.close(appendDerivative(e.open(snapshot), &s.latest[i], s.r.venue == ""))
	}
}

// fair is the state of a price topic. The bus carries prices in USD; others are
// crosses, which the board computes.
type fair struct {
	r    *room
	last market.ConsensusPrice
	have bool
}

func (s *fair) begin() {
	s.last, s.have = s.r.hub.opt.Board.Price(s.r.pair.Base(), s.r.pair.Quote())
}

func (s *fair) take(events []market.Event, lost int64, e *emitter) {
	e.lose(lost)
	if s.r.pair.Quote() != usd {
		p, ok := s.r.hub.opt.Board.Price(s.r.pair.Base(), s.r.pair.Quote())
		if ok && !(s.have && p.Price == s.last.Price && p.Confidence == s.last.Confidence && p.Computed.Sub(s.last.Computed) < time.Second) {
			s.put(p, e)
		}
		return
	}
	for i := len(events) - 1; i >= 0; i-- { // within one message only the newest price says anything
		if p := events[i].Price; p != nil {
			if !s.have || p.Computed.After(s.last.Computed) {
				s.put(*p, e)
			}
			return
		}
	}
}

func (s *fair) put(p market.ConsensusPrice, e *emitter) {
	s.last, s.have = p, true
	e.close(appendPrice(e.open(update), &p, false))
}

func (s *fair) now(e *emitter, _ int) {
	e.empty(snapshot)
	if s.have {
		e.close(appendPrice(e.open(snapshot), &s.last, true))
	}
}
