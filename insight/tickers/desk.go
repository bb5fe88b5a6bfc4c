package tickers

import (
	"context"
	"iter"
	"sync"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/insight"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

// The bounds of what is kept and asked.
const (
	longest  = 7 * 24 * time.Hour
	mostKept = 500_000          // hours, of all series: about 100 MB
	listed   = 10 * time.Second // how long the list of stored series is good for
	vwapPart = 4                // decimals of a mean price beyond those of the closes
)

// Board is what a desk needs of the present: market.Board has it.
type Board interface {
	Now() time.Time
	OpenCandle(v market.VenueID, p market.Pair, i market.Interval) (market.Candle, bool)
}

// History is what a desk needs of the store: market.History has it.
type History interface {
	Candles(ctx context.Context, s market.Series, i market.Interval, r market.Range) iter.Seq2[market.Candle, error]
	Series(ctx context.Context) ([]market.Stored, error)
}

// Desk tells tickers. It implements insight.Tickers, and market.Recorder, by which it
// hears of what was stored. Safe for concurrent use.
type Desk struct {
	board Board
	store History
	most  int // hours that are kept

	mu     sync.Mutex // never held during I/O
	kept   map[market.Series]*shelf
	hours  int
	known  map[market.Series]extent
	looked time.Time
}

// shelf has the hours of a series.
type shelf struct {
	hours   map[int64]*part // by hours since 1970
	version int             // rises when something is forgotten
}

// extent is from when to when bars of a series are stored.
type extent struct{ minute, hour, last time.Time }

func (x extent) first() time.Time {
	if x.minute.IsZero() || !x.hour.IsZero() && x.hour.Before(x.minute) {
		return x.hour
	}
	return x.minute
}

var (
	_ insight.Tickers = (*Desk)(nil)
	_ market.Recorder = (*Desk)(nil)
)

// New makes a desk over the present and the store.
func New(b Board, h History) *Desk {
	return &Desk{board: b, store: h, most: mostKept, kept: map[market.Series]*shelf{}}
}

// Append hears of bars that were stored. It never fails.
func (d *Desk) Append(_ context.Context, b *market.Batch) error {
	if len(b.Candles) == 0 {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range b.Candles {
		k := &b.Candles[i]
		if k.Interval != "1m" && k.Interval != "1h" {
			continue
		}
		s := d.kept[market.Series{Venue: k.Venue, Pair: k.Pair}]
		if s == nil {
			continue
		}
		s.version++
		if h := hourOf(k.Open); s.hours[h] != nil {
			delete(s.hours, h)
			d.hours--
		}
	}
	return nil
}

func hourOf(t time.Time) int64 { return t.Unix() / 3600 }

// Stored implements insight.Tickers.
func (d *Desk) Stored(ctx context.Context, after time.Time) (func(market.Series) bool, error) {
	known, err := d.extents(ctx)
	return func(s market.Series) bool {
		x, ok := known[s]
		return ok && x.last.After(after)
	}, err
}

// extents gives what is stored of which series. The map is never changed.
func (d *Desk) extents(ctx context.Context) (map[market.Series]extent, error) {
	now := d.board.Now()
	d.mu.Lock()
	known := d.known
	fresh := known != nil && now.Sub(d.looked) < listed && !now.Before(d.looked)
	d.mu.Unlock()
	if fresh {
		return known, nil
	}
	rows, err := d.store.Series(ctx)
	if err != nil {
		return nil, err
	}
	known = map[market.Series]extent{}
	for _, r := range rows {
		if r.Channel != market.Candles || r.Interval != "1m" && r.Interval != "1h" {
			continue
		}
		x := known[r.Series]
		if r.Interval == "1m" {
			x.minute = r.First
		} else {
			x.hour = r.First
		}
		if end := r.Interval.Next(r.Last); end.After(x.last) {
			x.last = end
		}
		known[r.Series] = x
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.known, d.looked = known, now
	return known, nil
}

// Ticker implements insight.Tickers.
func (d *Desk) Ticker(ctx context.Context, s market.Series, span time.Duration) (insight.Ticker, error) {
	if span < time.Hour || span > longest || span%time.Hour != 0 {
		return insight.Ticker{}, fault.At(fault.Invalid, "window", "a window has from 1 to 168 whole hours")
	}
	now := d.board.Now()
	minute := now.Truncate(time.Minute)
	t := insight.Ticker{Series: s, Span: span, From: minute.Add(-span), Until: now}
	known, err := d.extents(ctx)
	if err != nil {
		return t, err
	}
	x := known[s]
	running, open := d.board.OpenCandle(s.Venue, s.Pair, "1m")
	t.Since = x.first()
	if open && (t.Since.IsZero() || running.Open.Before(t.Since)) {
		t.Since = running.Open
	}
	if t.Since.IsZero() || t.Since.After(now) {
		t.Since = time.Time{}
		return t, nil
	}
	if t.Since.Before(t.From) {
		t.Since = t.From
	}

	// The whole hours of the span are kept; the minutes before and after them are read.
	begin, end := t.From.Add(time.Hour-1).Truncate(time.Hour), minute.Truncate(time.Hour)
	if open && running.Open.Before(end) && !running.Open.Before(begin) {
		end = running.Open.Truncate(time.Hour) // the hour's last minute still waits for late trades
	}
	if t.From.Before(begin) && t.Since.Before(begin) && (x.minute.IsZero() || x.minute.After(t.From)) {
		// An hour of the venue's cannot be divided: what is known begins with a minute or with
		// the next hour.
		if t.Since = begin; !x.minute.IsZero() && x.minute.Before(begin) {
			t.Since = x.minute
		}
	}
	var all part
	if err := d.minutes(ctx, s, t.From, begin, nil, &all); err != nil {
		return t, err
	}
	hours, err := d.between(ctx, s, x, begin, end)
	if err != nil {
		return t, err
	}
	for i := range hours {
		all.join(hours[i])
	}
	var last *market.Candle
	if open && !running.Open.Before(end) {
		last = &running
	}
	if err := d.minutes(ctx, s, end, minute.Add(2*time.Minute), last, &all); err != nil {
		return t, err
	}
	fill(&t, &all)
	return t, nil
}

// minutes adds the stored minutes of [from, to) and the running one, which is nil where it
// is elsewhere. A running bar of a minute that is stored counts instead of it.
func (d *Desk) minutes(ctx context.Context, s market.Series, from, to time.Time, running *market.Candle, all *part) error {
	if !from.Before(to) {
		return nil
	}
	for k, err := range d.store.Candles(ctx, s, "1m", market.Range{From: from, To: to}) {
		if err != nil {
			return err
		}
		if running != nil && !k.Open.Before(running.Open) {
			same := k.Open.Equal(running.Open)
			all.add(running, true)
			if running = nil; same {
				continue
			}
		}
		all.add(&k, false)
	}
	if running != nil {
		all.add(running, true)
	}
	return nil
}

// between gives the whole hours of [from, to), in order.
func (d *Desk) between(ctx context.Context, s market.Series, x extent, from, to time.Time) ([]*part, error) {
	if !from.Before(to) {
		return nil, nil
	}
	first := hourOf(from)
	out := make([]*part, hourOf(to)-first)
	d.mu.Lock()
	k := d.kept[s]
	if k == nil { // from now on, what is stored is heard of
		k = &shelf{hours: map[int64]*part{}}
		d.kept[s] = k
	}
	version := k.version
	for i := range out {
		out[i] = k.hours[first+int64(i)]
	}
	d.mu.Unlock()
	read := false
	for i := 0; i < len(out); i++ {
		if out[i] != nil {
			continue
		}
		n := i + 1
		for n < len(out) && out[n] == nil {
			n++
		}
		if err := d.read(ctx, s, x, from.Add(time.Duration(i)*time.Hour), out[i:n]); err != nil {
			return nil, err
		}
		i, read = n, true
	}
	if read {
		d.keep(s, k, version, first, out)
	}
	return out, nil
}

// read makes hours of stored minutes. The venue's own hour stands in where it is stored
// and the minutes are not, or begin only within it: a back-fill reaches further in hours.
func (d *Desk) read(ctx context.Context, s market.Series, x extent, from time.Time, out []*part) error {
	for i := range out {
		out[i] = &part{}
	}
	r := market.Range{From: from, To: from.Add(time.Duration(len(out)) * time.Hour)}
	if !x.minute.IsZero() {
		for k, err := range d.store.Candles(ctx, s, "1m", r) {
			if err != nil {
				return err
			}
			out[k.Open.Sub(from)/time.Hour].add(&k, false)
		}
	}
	if x.hour.IsZero() {
		return nil
	}
	for k, err := range d.store.Candles(ctx, s, "1h", r) {
		if err != nil {
			return err
		}
		i := k.Open.Sub(from) / time.Hour
		if out[i].bars == 0 || x.minute.After(k.Open) {
			out[i] = &part{}
			out[i].add(&k, false)
		}
	}
	return nil
}

// keep remembers hours, unless one of them was stored anew while they were read.
func (d *Desk) keep(s market.Series, k *shelf, version int, first int64, hours []*part) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.kept[s] != k || k.version != version {
		return
	}
	oldest := first + int64(len(hours)) - int64(longest/time.Hour) - 2
	for h := range k.hours {
		if h < oldest {
			delete(k.hours, h)
			d.hours--
		}
	}
	if d.hours+len(hours) > d.most {
		clear(d.kept)
		d.hours = 0
		return
	}
	for i, p := range hours {
		if k.hours[first+int64(i)] == nil {
			d.hours++
		}
		k.hours[first+int64(i)] = p
	}
}

// fill writes down what the bars came to.
func fill(t *insight.Ticker, p *part) {
	base, _ := p.base.Decimal(money.MaxDigits)
	quote, _ := p.quote.Decimal(8)
	t.Base, t.Quote = &base, &quote
	if !p.uncounted {
		t.Trades = &p.trades
	}
	if p.bars > 0 {
		t.Open, t.High, t.Low, t.Close, t.ClosedAt = &p.o, &p.h, &p.l, &p.c, p.closed
	}
	if base.Sign() > 0 {
		if v, err := quote.Quo(base, min(p.c.Scale()+vwapPart, 18)); err == nil {
			t.VWAP = &money.Price{Decimal: v}
		}
	}
	for _, m := range []struct {
		is   bool
		name string
	}{
		{p.incomplete, "incomplete"}, {p.estimated, "turnover_estimated"}, {p.hourly, "volume_hourly"}, {t.Since.After(t.From), "volume_short"},
	} {
		if m.is {
			t.Marks = append(t.Marks, m.name)
		}
	}
}
