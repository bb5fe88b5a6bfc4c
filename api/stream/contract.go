package stream

import (
	"time"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

// stands is the state of a derivatives topic: how the contract stands at each venue.
type stands struct {
	r      *room
	latest []market.DerivativeView
}

func (s *stands) begin() {
	s.latest = s.r.hub.opt.Board.Derivatives(s.r.venue, s.r.pair)
}

func (s *stands) take(events []market.Event, lost int64, e *emitter) {
	e.lose(lost)
	for i := range events {
		ev := &events[i]
		switch {
		case ev.Derivative != nil:
			if s.put(ev.Derivative) {
				e.close(s.append(e.open(update), ev.Derivative))
			}
		case ev.Gap != nil && concerns(ev.Gap, market.Derivatives, s.r.pair):
			e.close(appendGap(e.open(gapped), ev.Gap, s.r.venue == ""))
		}
	}
}

// put remembers how a contract stands; false if that is what was known, or older.
func (s *stands) put(d *market.DerivativeView) bool {
	for i := range s.latest {
		if l := &s.latest[i]; l.Venue == d.Venue {
			stale := l.StaleAfter // the board's own view states it, the bus's does not
			l.StaleAfter = d.StaleAfter
			if *l == *d || d.When().Before(l.When()) {
				l.StaleAfter = stale
				return false
			}
			*l = *d
			return true
		}
	}
	s.latest = append(s.latest, *d)
	return true
}

func (s *stands) now(e *emitter, _ int) {
	e.empty(snapshot)
	for i := range s.latest {
		e.close(s.append(e.open(snapshot), &s.latest[i]))
	}
}

// append writes how a contract stands. What its venue has not said is null.
func (s *stands) append(b []byte, d *market.DerivativeView) []byte {
	b = openItem(b, d.Venue, s.r.venue == "")
	said := func(name, when string, f market.Stated, v money.Decimal, at time.Time) {
		b = append(append(append(b, '"'), name...), `":`...)
		if d.Has&f == 0 {
			b = append(b, `null,`...)
			return
		}
		b = append(appendDecimal(b, `"`, v), `","`...)
		b = append(append(b, when...), `":`...)
		b = append(appendMillis(b, at), ',')
	}
	said("mark", "mark_ts", market.StatedMark, d.Mark.Decimal, d.MarkAt)
	said("index", "index_ts", market.StatedIndex, d.Index.Decimal, d.IndexAt)
	said("funding_rate", "funding_ts", market.StatedFunding, d.Funding, d.EstimateAt)
	b = append(b, `"next_funding_ts":`...)
	if d.FundingAt.IsZero() {
		b = append(b, "null"...)
	} else {
		b = appendMillis(b, d.FundingAt)
	}
	b = append(b, ',')
	said("open_interest", "open_interest_ts", market.StatedInterest, d.Interest.Decimal, d.InterestAt)
	if !d.Paid.FundingAt.IsZero() {
		b = appendDecimal(b, `"settled_rate":"`, d.Paid.Funding)
		b = append(b, `","settled_ts":`...)
		b = append(appendMillis(b, d.Paid.FundingAt), ',')
	}
	b = appendStamps(b, d.At, d.Received)
	return append(appendMarks(b, d.Marks), '}')
}

// closings is the state of a liquidations topic: the newest ones.
type closings struct {
	r      *room
	recent []market.Liquidation // oldest first
	// known are those read from the board at the beginning that may yet come from the bus.
	known map[market.Liquidation]int
	until time.Time
}

func (s *closings) begin() {
	rows := s.r.hub.opt.Board.Liquidations(s.r.venue, s.r.pair, tapeLen)
	s.known = map[market.Liquidation]int{}
	s.until = time.Now().Add(2 * time.Second)
	s.recent = s.recent[:0]
	for i := len(rows) - 1; i >= 0; i-- {
		s.recent = append(s.recent, rows[i])
		s.known[rows[i]]++
	}
}

func (s *closings) take(events []market.Event, lost int64, e *emitter) {
	e.lose(lost)
	for i := range events {
		ev := &events[i]
		switch {
		case ev.Liquidation != nil:
			if s.known[*ev.Liquidation] > 0 {
				s.known[*ev.Liquidation]--
				continue
			}
			if len(s.recent) >= 2*tapeLen {
				s.recent = append(s.recent[:0], s.recent[tapeLen+1:]...)
			}
			s.recent = append(s.recent, *ev.Liquidation)
			e.close(s.append(e.open(update), ev.Liquidation))
		case ev.Gap != nil && concerns(ev.Gap, market.Liquidations, s.r.pair):
			e.close(appendGap(e.open(gapped), ev.Gap, s.r.venue == ""))
		}
	}
	if s.known != nil && time.Now().After(s.until) {
		s.known = nil
	}
}

func (s *closings) now(e *emitter, _ int) {
	e.empty(snapshot)
	for i := max(0, len(s.recent)-tapeLen); i < len(s.recent); i++ {
		e.close(s.append(e.open(snapshot), &s.recent[i]))
	}
}

func (s *closings) append(b []byte, l *market.Liquidation) []byte {
	b = openItem(b, l.Venue, s.r.venue == "")
	if l.ID != "" {
		b = appendText(append(b, `"id":`...), l.ID)
		b = append(b, ',')
	}
	b = appendDecimal(b, `"price":"`, l.Price.Decimal)
	b = appendDecimal(b, `","qty":"`, l.Qty.Decimal)
	b = append(b, `","side":`...)
	if l.Side == market.NoSide {
		b = append(b, "null"...)
	} else {
		b = appendText(b, l.Side.String())
	}
	b = appendStamps(append(b, ','), l.At, l.Received)
	return append(appendMarks(b, l.Marks), '}')
}
