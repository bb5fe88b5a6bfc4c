package feed

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
)

// contract is what a station knows of a contract beside its trades and book.
type contract struct {
	view   market.DerivativeView
	stored market.Derivative // the row that was recorded last
	at     time.Time         // when that was
	due    time.Time         // the first payment that was announced and is not known yet
	asked  time.Time         // when the venue was asked how the contract stands
	sought time.Time         // when it was asked for settled funding
	closed last[market.Liquidation]
}

func (s *Station) contract(p market.Pair) *contract {
	c := s.deals[p]
	if c == nil {
		c = &contract{}
		s.deals[p] = c
	}
	return c
}

// derivative takes a statement: what it says of a field replaces what was known of it,
// unless that is newer. Each statement is published as the whole that is known since.
func (s *Station) derivative(d *market.Derivative, at time.Time) {
	c := s.contract(d.Pair)
	if d.Settled {
		s.rows.Derivatives = append(s.rows.Derivatives, *d)
		if !c.due.IsZero() && !d.FundingAt.Add(payTolerance).Before(c.due) {
			c.due = later(c.view.FundingAt, d.FundingAt)
		}
		if !d.FundingAt.After(c.view.Paid.FundingAt) {
			return
		}
		c.view.Paid = *d
		if c.view.Has == 0 {
			return // it is told with the first statement
		}
	} else if !c.merge(d) {
		return
	} else if t := c.view.FundingAt; !t.IsZero() && c.due.IsZero() && t.After(c.view.Paid.FundingAt) {
		c.due = t
	}
	v := c.view
	s.publish(market.Derivatives, d.Pair, "", func(e *market.Event) { e.Derivative = &v })
	s.keep(c, at)
}

// payTolerance is how far a settled payment may stand from the time it was announced for:
// some venues give the moment they computed it.
const payTolerance = time.Minute

// later gives a if it is after b by more than the tolerance, else no time.
func later(a, b time.Time) time.Time {
	if a.After(b.Add(payTolerance)) {
		return a
	}
	return time.Time{}
}

// merge puts a statement into what is known; false if nothing of it is newer.
func (c *contract) merge(d *market.Derivative) bool {
	v, when := &c.view, d.When()
	fresh := func(f market.Stated, at *time.Time) bool {
		if d.Has&f == 0 || when.Before(*at) {
			return false
		}
		*at = when
		v.Has |= f
		return true
	}
	any := false
	if fresh(market.StatedMark, &v.MarkAt) {
		v.Mark, any = d.Mark, true
	}
	if fresh(market.StatedIndex, &v.IndexAt) {
		v.Index, any = d.Index, true
	}
	if fresh(market.StatedInterest, &v.InterestAt) {
		v.Interest, any = d.Interest, true
	}
	if !when.Before(v.EstimateAt) { // the time of payment may come without a rate
		if d.Interval > 0 {
			v.Interval, any = d.Interval, any || d.Interval != v.Interval
		}
		if !d.FundingAt.IsZero() {
			v.FundingAt, any = d.FundingAt, any || !d.FundingAt.Equal(v.FundingAt)
		}
	}
	if fresh(market.StatedFunding, &v.EstimateAt) {
		v.Funding, any = d.Funding, true
	}
	if !any {
		return false
	}
	v.Venue, v.Pair, v.Symbol, v.Marks = d.Venue, d.Pair, d.Symbol, d.Marks
	if v.Received.IsZero() || when.After(v.When()) {
		v.At, v.Received = d.At, d.Received
	}
	return true
}

// keepEvery is how often at most a contract's state is recorded.
const keepEvery = time.Second

// keep records how a contract stands: when something changed, at most once a second. The
// row is the whole that is known, so that each can be read by itself.
func (s *Station) keep(c *contract, at time.Time) {
	d := c.view.Derivative
	if d.Has == 0 || !c.at.IsZero() && at.Sub(c.at) < keepEvery && !at.Before(c.at) {
		return
	}
	o := c.stored
	o.At, o.Received, o.Marks = d.At, d.Received, d.Marks
	if o == d {
		return
	}
	c.stored, c.at = d, at
	s.rows.Derivatives = append(s.rows.Derivatives, d)
}

func (s *Station) liquidation(l *market.Liquidation) {
	if l.Marks&market.Duplicate != 0 {
		return
	}
	v := *l
	s.contract(l.Pair).closed.add(v)
	s.publish(market.Liquidations, l.Pair, "", func(e *market.Event) { e.Liquidation = &v })
}

// freshStatement is the age from which on what a venue said of a contract is stale, where
// the venue's dialect does not say otherwise.
const freshStatement = 2 * time.Minute

// Derivatives tells how contracts stand; "" for v or p means all.
func (c *Core) Derivatives(v market.VenueID, p market.Pair) []market.DerivativeView {
	var out []market.DerivativeView
	for _, s := range c.all() {
		if v != "" && s.driver.Spec.ID != v {
			continue
		}
		s.mu.Lock()
		for pair, k := range s.deals {
			if k.view.Has != 0 && (p == "" || pair == p) {
				w := k.view
				w.StaleAfter = s.silence(market.Derivatives)
				out = append(out, w)
			}
		}
		s.mu.Unlock()
	}
	slices.SortFunc(out, func(a, b market.DerivativeView) int {
		if d := strings.Compare(string(a.Pair), string(b.Pair)); d != 0 {
			return d
		}
		return strings.Compare(string(a.Venue), string(b.Venue))
	})
	return out
}

// Liquidations gives the newest ones, newest first; "" for v or p means all.
func (c *Core) Liquidations(v market.VenueID, p market.Pair, limit int) []market.Liquidation {
	var out []market.Liquidation
	for _, s := range c.all() {
		if v != "" && s.driver.Spec.ID != v {
			continue
		}
		s.mu.Lock()
		for pair, k := range s.deals {
			if p == "" || pair == p {
				out = append(out, k.closed.newest(limit)...)
			}
		}
		s.mu.Unlock()
	}
	slices.SortStableFunc(out, func(a, b market.Liquidation) int {
		if d := b.When().Compare(a.When()); d != 0 {
			return d
		}
		return strings.Compare(string(a.Venue)+string(a.Pair), string(b.Venue)+string(b.Pair))
	})
	if limit > 0 && len(out) > limit {
		out = out[:limit]
	}
	return out
}

// What is asked by REST of contracts, and when.
const (
	contractTick  = 5 * time.Second
	askAfter      = time.Minute         // age of a field from which on it is asked for
	askPace       = time.Second / 3     // between questions, so that many contracts are asked for more seldom
	fundingPast   = 90 * 24 * time.Hour // settled funding that is fetched at the start
	settledAfter  = 15 * time.Second    // a venue needs some time to tell what it settled
	settledRetry  = time.Minute
	settledHourly = time.Hour     // for venues that announce no time of payment
	settledGiveUp = 3 * time.Hour // it was not paid, or will never be told
)

// contracts asks by REST for what the stream does not tell of the contracts followed: how
// they stand, and settled funding, at the start and after each payment.
func (l *Live) contracts(ctx context.Context, picked []market.Instrument) {
	rest := &l.station.driver.REST
	picked = slices.DeleteFunc(slices.Clone(picked), func(in market.Instrument) bool { return in.Kind == market.Spot })
	if len(picked) == 0 || !rest.Derivatives && !rest.Funding || !slices.Contains(l.link.Channels, market.Derivatives) {
		return
	}
	begun, pace := time.Now().UTC(), max(askAfter, time.Duration(len(picked))*askPace)
	if rest.Funding && l.link.Backfill {
		for _, in := range picked {
			l.fetchFunding(in, begun.Add(-fundingPast))
		}
	}
	t := time.NewTicker(contractTick)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
		now := time.Now().UTC()
		for _, in := range picked {
			stands, from := l.station.wants(in, begun, now, pace)
			if stands && rest.Derivatives {
				l.later(func(ctx context.Context) {
					a, more := venue.Ask{What: venue.AskDerivative, Instrument: in}, true
					for n := 0; more && n < 8; n++ { // some venues tell each field by itself
						b, err := l.get.Fetch(ctx, l.station, a)
						if err != nil {
							if ctx.Err() == nil {
								l.log.Warn("a contract could not be asked for", "symbol", in.Symbol, "err", err)
							}
							return
						}
						a, more = l.next(a, b)
					}
				})
			}
			if !from.IsZero() && rest.Funding {
				l.fetchFunding(in, from)
			}
		}
	}
}

// fetchFunding queues reading the settled funding of a contract from a time up to now.
func (l *Live) fetchFunding(in market.Instrument, from time.Time) {
	if in.Kind != market.Perpetual {
		return
	}
	l.later(func(ctx context.Context) {
		rows, err := l.Funding(ctx, in, from, time.Now().UTC().Add(time.Second))
		if err != nil && ctx.Err() == nil {
			l.log.Warn("settled funding could not be fetched", "symbol", in.Symbol, "rows", rows, "err", err)
		}
	})
}

// Funding fetches the settled funding of a contract between two times, page by page, and
// plays it into the station. It returns the number of payments.
func (l *Live) Funding(ctx context.Context, in market.Instrument, from, to time.Time) (int, error) {
	a := venue.Ask{What: venue.AskFunding, Instrument: in, From: from, To: to}
	rows := 0
	for range maxPages {
		b, err := l.get.Fetch(ctx, l.station, a)
		if err != nil {
			return rows, err
		}
		rows += len(b.Derivatives)
		next, ok := l.next(a, b)
		if !ok {
			return rows, nil
		}
		a = next
	}
	return rows, errPages()
}

// wants tells what to ask of a contract now: how it stands, if some field was not told
// for a while, and the time from which on settled funding is missing. begun is when the
// stream was opened, pace how long a contract is not asked for again.
func (s *Station) wants(in market.Instrument, begun, now time.Time, pace time.Duration) (stands bool, settledFrom time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.contract(in.Pair)
	fields := []time.Time{c.view.MarkAt, c.view.IndexAt, c.view.InterestAt}
	if in.Kind == market.Perpetual {
		fields = append(fields, c.view.EstimateAt)
	}
	for _, at := range fields {
		stands = stands || now.Sub(at) > askAfter && now.Sub(c.asked) >= pace
	}
	if stands {
		c.asked = now
	}
	if in.Kind != market.Perpetual {
		return stands, time.Time{}
	}
	if !c.due.IsZero() && now.Sub(c.due) > settledGiveUp {
		c.due = later(c.view.FundingAt, c.due)
	}
	wait, owed := settledRetry, !c.due.IsZero() && now.Sub(c.due) > settledAfter
	if c.view.FundingAt.IsZero() {
		wait, owed = settledHourly, now.Sub(begun) > settledHourly
	}
	if !owed || now.Sub(c.sought) < wait {
		return stands, time.Time{}
	}
	c.sought = now
	if from := c.view.Paid.FundingAt; !from.IsZero() {
		return stands, from.Add(time.Millisecond)
	}
	return stands, now.Add(-24 * time.Hour)
}
