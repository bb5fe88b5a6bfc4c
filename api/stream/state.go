package stream

import (
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

// tape is the state of a trades topic: the newest trades.
type tape struct {
	r      *room
	recent []market.Trade // oldest first
	// known are the trades read from the board at the beginning that may yet come
	// from the bus; the same trade twice counts twice.
	known map[market.Trade]int
	until time.Time
}

// tapeLen is how many trades a newcomer gets.
const tapeLen = 50

func (s *tape) begin() {
	rows := s.r.hub.opt.Board.LastTrades(s.r.venue, s.r.pair, tapeLen)
	s.known = map[market.Trade]int{}
	s.until = time.Now().Add(2 * time.Second)
	s.recent = s.recent[:0]
	for i := len(rows) - 1; i >= 0; i-- {
		s.recent = append(s.recent, rows[i])
		s.known[rows[i]]++
	}
}

func (s *tape) take(events []market.Event, lost int64, e *emitter) {
	e.lose(lost)
	for i := range events {
		ev := &events[i]
		switch {
		case ev.Trade != nil:
			if s.known[*ev.Trade] > 0 {
				s.known[*ev.Trade]--
				continue
			}
			if len(s.recent) >= 2*tapeLen {
				s.recent = append(s.recent[:0], s.recent[tapeLen+1:]...)
			}
			s.recent = append(s.recent, *ev.Trade)
			e.close(appendTrade(e.open(update), ev.Trade, s.r.venue == ""))
		case ev.Gap != nil && concerns(ev.Gap, market.Trades, s.r.pair):
			e.close(appendGap(e.open(gapped), ev.Gap, s.r.venue == ""))
		}
	}
	if s.known != nil && time.Now().After(s.until) {
		s.known = nil
	}
}

func (s *tape) now(e *emitter, _ int) {
	e.empty(snapshot)
	for i := max(0, len(s.recent)-tapeLen); i < len(s.recent); i++ {
		e.close(appendTrade(e.open(snapshot), &s.recent[i], s.r.venue == ""))
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
