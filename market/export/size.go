package export

import (
	"context"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"github.com/assayhq/assay/market"
)

// Estimate is about how large an export will be. It comes from what the history knows of
// its series and from a sample of the first rows, so it can be wrong: by much where a
// series has long holes, or where known_before leaves much out.
type Estimate struct {
	Rows  int64 `json:"rows" doc:"About how many rows"`
	Bytes int64 `json:"bytes" doc:"About how long the file will be, in bytes"`
}

// Progress is how far a run is.
type Progress struct {
	Rows    int64
	LeftOut int64 // not known before Request.KnownBefore
	Bytes   int64
	Percent float64       // of the estimated rows; 100 only when the file is whole
	Rate    float64       // rows a second since Run began
	Left    time.Duration // until the estimated rows are written; 0 unknown
	Done    bool
}

// Estimate is what Open found out.
func (e *Export) Estimate() Estimate { return e.size }

// Progress may be asked for at any time by anyone.
func (e *Export) Progress(now time.Time) Progress {
	p := Progress{Rows: e.rows.Load(), LeftOut: e.left.Load(), Bytes: e.bytes.Load(), Done: e.finish.Load()}
	begun := e.begun.Load()
	if took := now.Sub(time.Unix(0, begun)).Seconds(); begun != 0 && took > 0 {
		p.Rate = float64(p.Rows+p.LeftOut) / took
	}
	seen := p.Rows + p.LeftOut
	switch {
	case p.Done:
		p.Percent = 100
	case e.size.Rows > 0:
		p.Percent = min(99.9, 100*float64(seen)/float64(e.size.Rows))
		if p.Rate > 0 && seen < e.size.Rows {
			p.Left = time.Duration(float64(e.size.Rows-seen) / p.Rate * float64(time.Second))
		}
	}
	return p
}

// part finds what is worth reading of a series; false when nothing is stored of it.
func (e *Export) part(s market.Series, stored []market.Stored) (part, bool) {
	p := part{Series: s, from: e.req.From, to: e.req.To}
	var first, last time.Time
	var exact *market.Stored
	for i := range stored {
		st := &stored[i]
		computed := s.Venue == market.ConsensusVenue && e.req.Channel == market.Candles // made of any venue's bars
		if st.Channel != e.req.Channel || !computed && st.Series != s || computed && st.Pair.Base() != s.Pair.Base() {
			continue
		}
		if first.IsZero() || st.First.Before(first) {
			first = st.First
		}
		if st.Last.After(last) {
			last = st.Last
		}
		if st.Series == s && st.Interval == e.req.Interval {
			exact = st
		}
	}
	if first.IsZero() {
		return p, false
	}
	now := e.src.Now()
	if e.req.Channel == market.Trades {
		if p.from.Before(first) {
			p.from = first
		}
		p.rows = share(exact, p.from, p.to)
		return p, true
	}
	i := e.req.Interval
	if first = i.Start(first); p.from.Before(first) {
		p.from = first
	}
	if start := i.Start(p.from); start.Before(p.from) {
		p.from = i.Next(start)
	}
	end := now // the bar that is still open belongs to it
	if last.After(end) {
		end = last
	}
	if end = i.Next(i.Start(end)); p.to.IsZero() || end.Before(p.to) {
		p.to = end
	}
	if p.rows = share(exact, p.from, p.to); exact == nil && p.from.Before(p.to) {
		if last = i.Next(i.Start(last)); p.to.Before(last) {
			last = p.to
		}
		p.rows = max(0, int64(last.Sub(p.from)/i.Length()))
	}
	return p, true
}

// share is how many rows of a stored series are in a range, if they are spread evenly.
func share(s *market.Stored, from, to time.Time) int64 {
	if s == nil {
		return 0
	}
	a, b := s.First, s.Last.Add(time.Nanosecond)
	whole := b.Sub(a)
	if from.After(a) {
		a = from
	}
	if !to.IsZero() && to.Before(b) {
		b = to
	}
	if !a.Before(b) || whole <= 0 {
		return 0
	}
	return int64(float64(s.Rows)*(float64(b.Sub(a))/float64(whole)) + 0.5)
}

// sampleRows is how many rows are written to nowhere to learn how long one is.
const sampleRows = 4096

// estimate writes a sample and a file without rows.
func (e *Export) estimate(ctx context.Context) (Estimate, error) {
	var size Estimate
	for _, p := range e.parts {
		size.Rows += p.rows
	}
	none, err := e.sampled(newBatch(e.table))
	if err != nil {
		return size, err
	}
	b, err := e.sample(ctx)
	if err != nil {
		return size, err
	}
	size.Bytes = none
	if b.rows > 0 {
		some, err := e.sampled(b)
		if err != nil {
			return size, err
		}
		size.Rows = max(size.Rows, int64(b.rows))
		size.Bytes += int64(float64(some-none) / float64(b.rows) * float64(size.Rows))
	}
	return size, nil
}

// sample reads the first rows, whatever was known when.
func (e *Export) sample(ctx context.Context) (*batch, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	b := newBatch(e.table)
	r := reading{e: e, ctx: ctx, marks: map[market.Mark]string{}}
	i := slices.IndexFunc(e.parts, func(p part) bool { return p.rows > 0 })
	if i < 0 {
		return b, nil
	}
	p := e.parts[i]
	if e.req.Channel == market.Trades {
		for t, err := range e.src.History.Trades(ctx, p.Series, market.Range{From: p.from, To: p.to, Limit: sampleRows}) {
			if err != nil {
				return b, err
			}
			b.trade(&t, r.names(t.Marks))
		}
		return b, nil
	}
	lanes, err := newLanes(e.req.Indicators)
	if err != nil {
		return b, err
	}
	to := after(e.req.Interval, p.from, min(sampleRows, window(e.req.Interval)))
	if p.to.Before(to) {
		to = p.to
	}
	rows, err := r.bars(p.Series, market.Range{From: p.from, To: to}, nil)
	if err != nil {
		return b, err
	}
	for k := range rows {
		if err := lanes.step(&rows[k]); err != nil {
			return b, err
		}
		b.candle(&rows[k], r.names(rows[k].Marks), lanes.out)
	}
	return b, nil
}

// sampled is the length of a file with one batch.
func (e *Export) sampled(b *batch) (int64, error) {
	var n atomic.Int64
	f, err := newFile(&counter{w: io.Discard, n: &n}, &e.req, e.table, e.notes())
	if err != nil {
		return 0, err
	}
	if b.rows > 0 {
		if err := f.write(b); err != nil {
			return 0, err
		}
	}
	err = f.close()
	return n.Load(), err
}
