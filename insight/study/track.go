package study

import (
	"time"

	"github.com/assayhq/assay/insight/indicator"
	"github.com/assayhq/assay/market"
)

// Reading is what a study says of one bar.
type Reading struct {
	At       time.Time // the bar's start
	Values   []float64 // of the function's outputs; NaN where there is none
	Warm     bool      // there were bars enough for values
	Settled  bool      // a longer history would give the same
	Closed   bool      // the bar is over; of one that is still forming the value is a look ahead
	Complete bool      // as the candle says
	Revision int       // the candle's
}

// Track follows one series of candles. It belongs to one goroutine.
type Track struct {
	study    *Study
	interval market.Interval
	run      *indicator.Run
	back     *indicator.Run // before the newest closed bar, which may yet be revised
	last     market.Candle  // the newest closed bar; no Open: none
	now      market.Candle  // the forming bar; no Open: none
	in       []float64
	settle   int
}

// NewTrack begins a series.
func (s *Study) NewTrack(i market.Interval) (*Track, error) {
	run, err := s.Function.Open(s.Values)
	if err != nil {
		return nil, err
	}
	return &Track{study: s, interval: i, run: run, in: make([]float64, len(s.Columns)), settle: s.Settle()}, nil
}

// Take goes on with a candle and appends what is to be told to out: the bar before when
// this one shows that it is over, and this one. ok is false when the candle cannot be put
// in line: it is older than those taken, or some between are missing; the track is then as
// it was, and is to be begun anew from the stored bars.
func (t *Track) Take(k *market.Candle, out []Reading) (_ []Reading, ok bool, err error) {
	switch {
	case !t.last.Open.IsZero() && k.Open.Equal(t.last.Open):
		return t.revise(k, out)
	case !t.last.Open.IsZero() && k.Open.Before(t.last.Open), !t.now.Open.IsZero() && k.Open.Before(t.now.Open):
		return out, false, nil
	}
	before := t.now
	if before.Open.IsZero() {
		before = t.last
	}
	if !before.Open.IsZero() && k.Open.After(t.interval.Next(before.Open)) {
		return out, false, nil
	}
	return t.put(k, out)
}

// Skip is Take for a candle behind missing ones: values go on over the hole.
func (t *Track) Skip(k *market.Candle, out []Reading) (_ []Reading, err error) {
	if !t.last.Open.IsZero() && !k.Open.After(t.last.Open) || !t.now.Open.IsZero() && k.Open.Before(t.now.Open) {
		return out, nil
	}
	out, _, err = t.put(k, out)
	return out, err
}

func (t *Track) put(k *market.Candle, out []Reading) (_ []Reading, ok bool, err error) {
	if !t.now.Open.IsZero() && k.Open.After(t.now.Open) {
		now := t.now
		if out, err = t.close(&now, out); err != nil {
			return out, false, err
		}
	}
	if k.Complete {
		out, err = t.close(k, out)
		return out, err == nil, err
	}
	t.now = *k
	r := t.reading(k)
	t.fill(k)
	if r.Warm, err = t.run.Peek(t.in, r.Values); err != nil {
		return out, false, err
	}
	r.Settled = t.settled(t.run.Bars() + 1)
	return append(out, r), true, nil
}

func (t *Track) close(k *market.Candle, out []Reading) (_ []Reading, err error) {
	back := t.run.Clone()
	r := t.reading(k)
	t.fill(k)
	if r.Warm, err = t.run.Update(t.in, r.Values); err != nil {
		return out, err
	}
	t.back, t.last, t.now = back, *k, market.Candle{}
	r.Closed, r.Settled = true, t.settled(t.run.Bars())
	return append(out, r), nil
}

// revise takes the newest closed bar again, when it has changed.
func (t *Track) revise(k *market.Candle, out []Reading) (_ []Reading, ok bool, err error) {
	same := *k
	same.Known, same.Marks = t.last.Known, t.last.Marks
	if same == t.last {
		return out, true, nil
	}
	now := t.now
	t.run = t.back.Clone()
	if out, err = t.close(k, out); err != nil {
		return out, false, err
	}
	if now.Open.IsZero() {
		return out, true, nil
	}
	return t.put(&now, out) // its look ahead stands on the revised bar
}

func (t *Track) reading(k *market.Candle) Reading {
	return Reading{At: k.Open, Values: make([]float64, len(t.study.Function.Outputs)), Complete: k.Complete, Revision: k.Revision}
}

func (t *Track) fill(k *market.Candle) {
	for i, c := range t.study.Columns {
		t.in[i] = c.Of(k)
	}
}

func (t *Track) settled(bars int) bool { return t.settle >= 0 && bars > t.settle }
