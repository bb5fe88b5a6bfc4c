package stream

import (
	"context"
	"slices"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/candle"
)

// bars is the state of a candles topic of an interval that the bus carries: the
// newest two bars. In one message a bar stands once, as it is at the end.
type bars struct {
	r      *room
	newest []market.Candle // by open time, at most two
	batch  []market.Candle
}

func (s *bars) begin() {
	s.newest = s.newest[:0]
	if k, ok := s.r.hub.opt.Board.OpenCandle(s.r.venue, s.r.pair, s.r.interval); ok {
		s.newest = append(s.newest, k)
	}
}

func (s *bars) take(events []market.Event, lost int64, e *emitter) {
	e.lose(lost)
	s.batch = s.batch[:0]
	for i := range events {
		if k := events[i].Candle; k != nil && k.Interval == s.r.interval {
			s.batch = put(s.batch, *k)
		}
	}
	for i := range s.batch {
		k := &s.batch[i]
		if j := slices.IndexFunc(s.newest, func(o market.Candle) bool { return o.Open.Equal(k.Open) }); j >= 0 && k.Known.Before(s.newest[j].Known) {
			continue // the board was ahead of the bus
		}
		s.newest = put(s.newest, *k)
		e.close(appendCandle(e.open(update), k))
	}
	if n := len(s.newest); n > 2 {
		s.newest = append(s.newest[:0], s.newest[n-2:]...)
	}
}

// put replaces the bar of the same time or inserts it in time order.
func put(rows []market.Candle, k market.Candle) []market.Candle {
	i, found := slices.BinarySearchFunc(rows, k, func(a, b market.Candle) int { return a.Open.Compare(b.Open) })
	if found {
		rows[i] = k
		return rows
	}
	return slices.Insert(rows, i, k)
}

func (s *bars) now(e *emitter, _ int) {
	e.empty(snapshot)
	for i := range s.newest {
		e.close(appendCandle(e.open(snapshot), &s.newest[i]))
	}
}

// rolled is the state of a candles topic of a longer interval: whenever the bars it
// is made of change, at most once a second, the reader is asked for the newest two,
// so that a stream and a REST answer are the same computation.
type rolled struct {
	r      *room
	newest []market.Candle
}

// base gives the interval on the bus whose changes change bars of i.
func base(i market.Interval) market.Interval {
	for !slices.Contains(candle.Base(), i) {
		from, ok := candle.From(i)
		if !ok {
			break
		}
		i = from
	}
	return i
}

func (s *rolled) begin() { s.newest = s.read() }

func (s *rolled) read() []market.Candle {
	i, now := s.r.interval, s.r.hub.opt.Board.Now()
	start := i.Start(now)
	from := i.Start(start.Add(-1))
	var out []market.Candle
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	for k, err := range s.r.hub.opt.Candles.Candles(ctx, market.Series{Venue: s.r.venue, Pair: s.r.pair}, i, market.Range{From: from}) {
		if err != nil {
			s.r.hub.opt.Logger.Warn("bars of a stream could not be read", "venue", s.r.venue, "pair", s.r.pair, "interval", i, "err", err)
			return s.newest
		}
		out = put(out, k)
	}
	if n := len(out); n > 2 {
		out = out[n-2:]
	}
	return out
}

func (s *rolled) take(_ []market.Event, lost int64, e *emitter) {
	e.lose(lost)
	rows := s.read()
	for i := range rows {
		k := &rows[i]
		j := slices.IndexFunc(s.newest, func(o market.Candle) bool { return o.Open.Equal(k.Open) })
		if j >= 0 {
			old := s.newest[j]
			old.Known = k.Known
			if old == *k {
				continue
			}
		}
		e.close(appendCandle(e.open(update), k))
	}
	s.newest = rows
}

func (s *rolled) now(e *emitter, _ int) {
	e.empty(snapshot)
	for i := range s.newest {
		e.close(appendCandle(e.open(snapshot), &s.newest[i]))
	}
}
