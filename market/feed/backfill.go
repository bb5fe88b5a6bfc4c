package feed

import (
	"context"
	"fmt"
	"time"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/clean"
	"github.com/assayhq/assay/market/venue"
)

// outage is a connection that was lost, with the last trade of each pair before it.
type outage struct {
	gap  market.Gap
	last map[market.Pair]market.Trade
}

// startIntervals are the bars fetched when a venue starts, so that charts are not
// empty: those that are stored and not only seconds long.
var startIntervals = []market.Interval{"1m", "1h", "1d"}

// startBars is how many of them: of days enough for changes and risk over a year.
func startBars(i market.Interval) time.Duration {
	if i == "1d" {
		return 400
	}
	return 300
}

// begin fetches recent history of what is followed.
func (l *Live) begin(picked []market.Instrument) {
	has := map[market.Interval]bool{}
	for _, i := range l.station.driver.REST.Intervals {
		has[i] = true
	}
	for _, in := range picked {
		for _, i := range startIntervals {
			if !has[i] {
				continue
			}
			l.later(func(ctx context.Context) {
				to := time.Now().UTC()
				from := to.Add(-startBars(i) * i.Length())
				n, err := l.Candles(ctx, in, i, from, to, nil)
				if err != nil && ctx.Err() == nil {
					l.log.Warn("candles could not be fetched", "symbol", in.Symbol, "interval", string(i), "rows", n, "err", err)
				}
			})
		}
	}
}

// maxPages bounds one history request.
const maxPages = 10_000

// Candles fetches the venue's own bars of an instrument between two times, page by
// page, and plays them into the station. progress, if not nil, is told the end of
// each page. It returns the number of bars.
func (l *Live) Candles(ctx context.Context, in market.Instrument, i market.Interval, from, to time.Time, progress func(at time.Time, rows int)) (int, error) {
	a := venue.Ask{What: venue.AskCandles, Instrument: in, Interval: i, From: from, To: to}
	rows := 0
	for range maxPages {
		b, err := l.get.Fetch(ctx, l.station, a)
		if err != nil {
			return rows, err
		}
		rows += len(b.Candles)
		if progress != nil {
			progress(a.From, rows)
		}
		next, ok := l.next(a, b)
		if !ok {
			return rows, nil
		}
		a = next
	}
	return rows, errPages()
}

func errPages() error { return fmt.Errorf("more than %d pages; ask for a shorter range", maxPages) }

// mend fetches the trades that a lost connection missed, pair by pair, and says of
// each gap whether it was filled. A venue that shows only its newest trades may not
// reach back far enough: then the gap stays open in the books, with what was found.
func (l *Live) mend(ctx context.Context, o outage, instruments []*market.Instrument) {
	for _, p := range instruments {
		in := *p
		last, had := o.last[in.Pair]
		if !had {
			continue // nothing came before the gap, so nothing is known to be missing
		}
		a := venue.Ask{What: venue.AskTrades, Instrument: in, From: o.gap.From.Add(-time.Second), To: o.gap.To.Add(time.Second)}
		if d := o.gap.From.Sub(last.At); d > 0 && d < 6*time.Hour {
			a.From = last.At // a quiet pair: begin where what we have ends
		}
		if last.ID != "" && !last.Aggregate {
			a.AfterID = last.ID
		}
		restored, whole, err := l.missing(ctx, a, last, o.gap)
		if err != nil {
			if ctx.Err() == nil {
				l.log.Warn("missing trades could not be fetched", "symbol", in.Symbol, "err", err)
			}
			continue
		}
		g := o.gap
		g.ID += "|" + string(in.Pair)
		g.Pair, g.Symbol, g.Channel = in.Pair, in.Symbol, market.Trades
		if !whole {
			g.Detail += "; the venue's answer does not reach back to the last trade before it"
			l.station.note(g, restored)
			continue
		}
		g.RepairedBy = market.ByTrades
		l.station.Repaired(g, time.Now().UTC(), restored)
	}
}

// missing pages through the trades of a gap. whole tells whether they join the last
// trade before it without a hole, as far as ids or times can tell.
func (l *Live) missing(ctx context.Context, a venue.Ask, last market.Trade, g market.Gap) (restored int64, whole bool, err error) {
	whole = a.AfterID != "" && l.pagesByID()
	for range 200 {
		b, err := l.get.Fetch(ctx, l.station, a)
		if err != nil {
			return restored, false, err
		}
		reached := false
		for i := range b.Trades {
			t := &b.Trades[i]
			if t.Marks&market.Duplicate == 0 {
				restored++
			}
			if t.ID != "" && t.ID == last.ID || t.ID == "" && clean.Name(t) == clean.Name(&last) || t.At.Before(last.At) {
				whole = true
			}
			if !t.At.Before(g.To) {
				reached = true
			}
		}
		next, ok := l.next(a, b)
		if !ok || reached && whole {
			return restored, whole, nil
		}
		a = next
	}
	return restored, whole, nil
}

// pagesByID tells whether the venue answers an AfterID with the trades right after it.
// One that goes backwards from the newest asks the same with and without.
func (l *Live) pagesByID() bool {
	a := venue.Ask{What: venue.AskTrades, Instrument: market.Instrument{Symbol: "X", RESTSymbol: "X"}, AfterID: "1", From: time.Unix(1e9, 0)}
	with, err1 := l.station.driver.REST.Request(a)
	a.AfterID = ""
	without, err2 := l.station.driver.REST.Request(a)
	return err1 == nil && err2 == nil && with.Path != without.Path
}

// note records a gap that could not be filled, or not wholly.
func (s *Station) note(g market.Gap, restored int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g.Restored = restored
	s.take(nil, &market.Batch{Gaps: []market.Gap{g}}, g.To)
}

// outages gives the lost connections that are back and not mended yet.
func (s *Station) outages() []outage {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.back
	s.back = nil
	return out
}
