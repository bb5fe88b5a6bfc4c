package feed

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/money"
)

// How often a venue's clock is read, and how often our bars are held against its own.
const (
	clockEvery     = 10 * time.Minute
	reconcileEvery = 30 * time.Minute
)

// patrol asks the venue, from time to time, what its data alone does not tell: its
// clock, and whether its bars are those we made. Both are given up for that time when
// the venue does not answer.
func (l *Live) patrol(ctx context.Context, picked []market.Instrument) {
	clock := time.NewTimer(jitter(5 * time.Second))
	defer clock.Stop()
	bars := time.NewTimer(reconcileEvery/2 + jitter(reconcileEvery/2))
	defer bars.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-clock.C:
			if err := l.readClock(ctx); err != nil && ctx.Err() == nil {
				l.log.Debug("the venue's clock could not be read", "err", err)
			}
			clock.Reset(clockEvery)
		case <-bars.C:
			for _, in := range picked {
				if l.link.Bars == nil || ctx.Err() != nil {
					break
				}
				if err := l.reconcile(ctx, in); err != nil && ctx.Err() == nil {
					l.log.Debug("bars could not be held against the venue's", "symbol", in.Symbol, "err", err)
				}
			}
			bars.Reset(reconcileEvery)
		}
	}
}

func jitter(d time.Duration) time.Duration { return time.Duration(rand.Int64N(int64(d) + 1)) }

// readClock measures what the venue's clock is ahead of ours: its answer's time against
// the middle between question and answer.
func (l *Live) readClock(ctx context.Context) error {
	r, err := l.station.driver.REST.Request(venue.Ask{What: venue.AskClock})
	if err != nil {
		return err
	}
	at, body, sent, err := l.get.send(ctx, r)
	if err != nil {
		return err
	}
	now := time.Now().UTC()
	b, err := l.station.read(at, body)
	if err != nil || b.Clock.IsZero() {
		return err
	}
	half := now.Sub(sent) / 2
	l.station.mu.Lock()
	defer l.station.mu.Unlock()
	l.station.watch.score.Clock(now, b.Clock.Sub(sent.Add(half)), half)
	return nil
}

// read decodes an answer without taking what it says as data.
func (s *Station) read(rawURL string, body []byte) (*market.Batch, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.intake.Read(rawURL, body)
}

// The bars that are compared: of a half hour that ended long enough ago for late trades
// to have come. mismatches bounds what one look writes into the ledger.
const (
	reconcileSpan = 30 * time.Minute
	reconcileWait = 4 * time.Minute
	mismatches    = 5
)

// reconcile holds our complete one-minute bars of an instrument against the venue's own.
func (l *Live) reconcile(ctx context.Context, in market.Instrument) error {
	now := time.Now().UTC()
	to := market.Interval("1m").Start(now.Add(-reconcileWait))
	from := to.Add(-reconcileSpan)
	r, err := l.station.driver.REST.Request(venue.Ask{What: venue.AskCandles, Instrument: in, Interval: "1m", From: from, To: to})
	if err != nil {
		return err
	}
	at, body, _, err := l.get.send(ctx, r)
	if err != nil {
		return err
	}
	b, err := l.station.read(at, body)
	if err != nil {
		return err
	}
	theirs := map[time.Time]*market.Candle{}
	for i := range b.Candles {
		theirs[b.Candles[i].Open] = &b.Candles[i]
	}
	var ours []market.Candle
	for k, err := range l.link.Bars.Candles(ctx, market.Series{Venue: in.Venue, Pair: in.Pair}, "1m", market.Range{From: from, To: to}) {
		if err != nil {
			return err
		}
		if k.Complete && k.Marks&(market.VenueBar|market.Backfilled|market.Imported) == 0 {
			ours = append(ours, k)
		}
	}
	l.station.reconciled(in, ours, theirs, now)
	return nil
}

// reconciled scores the comparison, and puts differences into the ledger of gaps.
func (s *Station) reconciled(in market.Instrument, ours []market.Candle, theirs map[time.Time]*market.Candle, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var wrong market.Batch
	for i := range ours {
		k := &ours[i]
		v := theirs[k.Open]
		if v == nil {
			continue // the venue leaves out what it has not finished, or does not reach back
		}
		equal := SameBar(k, v)
		s.watch.score.Bar(in.Pair, now, equal)
		if !equal && len(wrong.Gaps) < mismatches {
			end := k.Interval.Next(k.Open)
			wrong.Gaps = append(wrong.Gaps, market.Gap{
				ID:    fmt.Sprintf("%s|%s|%s|%d", in.Venue, in.Pair, market.Mismatch, k.Open.Unix()),
				Venue: in.Venue, Pair: in.Pair, Symbol: in.Symbol, Channel: market.Candles, Kind: market.Mismatch,
				From: k.Open, To: end, Missing: -1, Detail: "our bar of the minute is " + barText(k) + ", the venue's " + barText(v),
			})
		}
	}
	if len(wrong.Gaps) > 0 {
		s.take(nil, &wrong, now)
	}
}

func barText(k *market.Candle) string {
	return fmt.Sprintf("%s/%s/%s/%s volume %s", k.O, k.H, k.L, k.C, k.Volume)
}

// SameBar tells whether two bars of one minute say the same: the prices are the same
// numbers, the volumes agree to the decimals the coarser of them has, and the numbers
// of trades are the same where both are known.
func SameBar(a, b *market.Candle) bool {
	if !a.O.Equal(b.O.Decimal) || !a.H.Equal(b.H.Decimal) || !a.L.Equal(b.L.Decimal) || !a.C.Equal(b.C.Decimal) {
		return false
	}
	if a.Trades >= 0 && b.Trades >= 0 && a.Trades != b.Trades {
		return false
	}
	scale := min(a.Volume.Scale(), b.Volume.Scale())
	d, err := a.Volume.Round(scale).Sub(b.Volume.Round(scale))
	return err == nil && d.Abs().Cmp(money.MustNew(1, scale)) <= 0
}
