package stream

import (
	"strconv"
	"time"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/book"
)

// ladder is the state of a books topic: a copy of the book, kept from the same
// events that subscribers get. Invariants:
//
//	(1) While valid, book is the board's book at its number seq.
//	(2) A subscriber who applies the messages in order holds the levels of book:
//	    levels that fall out of the depth a venue keeps are told as removed, though
//	    the venue does not say so.
//	(3) Whenever a number is missing on the bus, the book is read from the board anew;
//	    what comes later and is in it already is left out.
type ladder struct {
	r         *room
	book      book.Book
	seq       uint64 // the board's number of the last event in book
	depth     int    // levels the venue keeps, as its updates say; 0 all
	valid     bool
	reason    string
	integrity string
	at        time.Time
	received  time.Time
	marks     market.Mark
	gone      [2][]market.Level
	top       [2][]market.Level
}

func (s *ladder) begin() { s.load() }

// load reads the book from the board.
func (s *ladder) load() {
	v, ok := s.r.hub.opt.Board.Book(s.r.venue, s.r.pair, 0)
	s.valid, s.reason = ok && v.Valid, v.Reason
	if !ok {
		s.reason = "no book of it is kept yet"
		return
	}
	s.seq, s.integrity = v.Seq, v.Integrity
	s.at, s.received, s.marks = v.At, v.Received, v.Marks
	s.book.Load(v.Bids, v.Asks)
}

// reload is load, told to the subscribers.
func (s *ladder) reload(e *emitter) {
	s.load()
	if s.valid {
		s.whole(e)
	} else {
		e.fail(s.reason)
	}
}

func (s *ladder) take(events []market.Event, lost int64, e *emitter) {
	passed := false
	if lost > 0 {
		s.reload(e)
	}
	for i := range events {
		ev := &events[i]
		if ev.Book == nil && ev.Gap == nil {
			continue
		}
		if ev.Seq != 0 {
			if ev.Seq <= s.seq {
				passed = true
				continue
			}
			if ev.Seq != s.seq+1 && s.seq != 0 {
				s.reload(e)
				if ev.Seq <= s.seq {
					continue
				}
			}
			s.seq = ev.Seq
		}
		if ev.Gap != nil {
			s.gap(ev.Gap, e)
		} else {
			s.apply(ev.Book, e)
		}
	}
	if passed {
		// Numbers that went back to the beginning: the venue was started anew.
		if v, ok := s.r.hub.opt.Board.Book(s.r.venue, s.r.pair, 1); ok && v.Seq < s.seq {
			s.reload(e)
		}
	}
}

// gap takes the book out of use, or, when it ends a gap whose snapshot was not seen,
// fetches it.
func (s *ladder) gap(g *market.Gap, e *emitter) {
	switch {
	case g.To.IsZero():
		was := s.valid
		s.valid, s.reason = false, string(g.Kind)+": "+g.Detail
		if was {
			e.fail(s.reason)
		}
	case !s.valid:
		s.reload(e)
	}
}

func (s *ladder) apply(u *market.BookUpdate, e *emitter) {
	if !u.Snapshot && !s.valid {
		return
	}
	if u.Depth > 0 {
		s.depth = u.Depth
	}
	s.at, s.received, s.marks = u.At, u.Received, u.Marks
	s.gone[0], s.gone[1] = s.gone[0][:0], s.gone[1][:0]
	if u.Snapshot {
		s.book.Load(u.Bids, u.Asks)
		s.truncate()
		s.valid = true
		s.whole(e)
		return
	}
	s.book.Apply(u)
	s.truncate()
	b := e.open(update)
	b = append(b, `{"book_seq":`...)
	b = strconv.AppendUint(b, s.seq, 10)
	b = append(b, `,"bids":`...)
	b = appendLevels(b, u.Bids, s.gone[0])
	b = append(b, `,"asks":`...)
	b = appendLevels(b, u.Asks, s.gone[1])
	b = append(b, ',')
	b = appendStamps(b, u.At, u.Received)
	e.close(append(appendMarks(b, u.Marks), '}'))
}

// truncate drops what the venue does not keep and notes it as gone.
func (s *ladder) truncate() {
	if s.depth == 0 {
		return
	}
	bids, asks := s.book.Len()
	for i := s.depth; i < bids; i++ {
		l, _ := s.book.Bid(i)
		s.gone[0] = append(s.gone[0], l)
	}
	for i := s.depth; i < asks; i++ {
		l, _ := s.book.Ask(i)
		s.gone[1] = append(s.gone[1], l)
	}
	s.book.Truncate(s.depth)
}

// whole emits the book, in every depth that a subscriber wants.
func (s *ladder) whole(e *emitter) {
	e.drop() // what happened before it in the same message
	e.close(s.levels(e.open(snapshot), 0))
	e.variants(func(b []byte, depth int) []byte { return s.levels(b, depth) })
}

func (s *ladder) now(e *emitter, depth int) {
	if !s.valid {
		e.fail(s.reason)
		return
	}
	e.close(s.levels(e.open(snapshot), depth))
}

func (s *ladder) levels(b []byte, depth int) []byte {
	s.top[0], s.top[1] = s.book.Top(depth, s.top[0][:0], s.top[1][:0])
	b = append(b, `{"book_seq":`...)
	b = strconv.AppendUint(b, s.seq, 10)
	b = append(b, `,"bids":`...)
	b = appendLevels(b, s.top[0], nil)
	b = append(b, `,"asks":`...)
	b = appendLevels(b, s.top[1], nil)
	b = append(b, ',')
	b = appendStamps(b, s.at, s.received)
	if s.integrity != "" {
		b = append(b, `,"integrity":`...)
		b = appendText(b, s.integrity)
	}
	return append(appendMarks(b, s.marks), '}')
}
