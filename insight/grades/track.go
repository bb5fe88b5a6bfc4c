package grades

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/insight/grade"
	"github.com/assayhq/assay/market"
)

// dollars are the quotes that candles are read in, best first.
var dollars = []asset.Code{"USD", "USDT", "USDC"}

// track is what is kept of one asset.
type track struct {
	code   asset.Code
	series market.Series
	bars   grade.Bars // closed days
	venues []span     // of which there are candles

	scores grade.Scores // at the last close
	graded int32        // day of scores; 0: never
	before grade.Scores // at the close before
	hourly grade.Scores
	looked time.Time // when hourly is of; zero: the day has no bar yet

	value    [][]float64 // by kind and day from Engine.first on; NaN is none
	coverage [][]float32
	band     [][]int8
	written  [][]int64 // Unix seconds; 0: computed later
	bands    []grade.Bander
}

// span is a venue and the days it has candles of.
type span struct {
	venue       market.VenueID
	first, last int32
}

func dayOf(t time.Time) int32 { return int32(t.Unix() / daySeconds) }

// follow finds the assets that there are stored candles of, and reads the bars that are
// not read yet.
func (e *Engine) follow(ctx context.Context, closed int32, now time.Time) error {
	stored, err := e.opt.Stored.Series(ctx)
	if err != nil {
		return err
	}
	choices := map[asset.Code][]market.Stored{}
	spans := map[asset.Code][]span{}
	for _, s := range stored {
		a := s.Pair.Base()
		if s.Channel != market.Candles || !s.Pair.Spot() || !slices.Contains(dollars, s.Pair.Quote()) || e.opt.Graded != nil && !e.opt.Graded(a) {
			continue
		}
		choices[a] = append(choices[a], s)
		if s.Venue != market.ConsensusVenue {
			spans[a] = append(spans[a], span{s.Venue, dayOf(s.First), dayOf(s.Last)})
		}
	}
	past := false // of an asset that is new
	for _, a := range slices.Sorted(maps.Keys(choices)) {
		t := e.byCode[a]
		fresh := t == nil
		if fresh {
			if len(e.tracks) >= maxAssets {
				continue
			}
			t = e.newTrack(a)
		}
		t.venues = spans[a]
		best := choose(choices[a], now)
		from := time.Unix(int64(closed-int32(history+e.opt.Backcast))*daySeconds, 0).UTC()
		if best == t.series && len(t.bars.Day) > 0 {
			from = time.Unix(int64(t.bars.Day[len(t.bars.Day)-1]-2)*daySeconds, 0).UTC() // late trades change a bar
		}
		t.series = best
		if err := e.readBars(ctx, t, from, time.Unix(int64(closed+1)*daySeconds, 0).UTC()); err != nil {
			return err
		}
		past = past || fresh && len(t.bars.Day) > 0
	}
	if past && e.days > 0 { // the ranks of all are other ones with it: compute back again
		for _, t := range e.tracks {
			t.clear()
		}
		e.days = 0
	}
	return nil
}

// clear empties the columns of days.
func (t *track) clear() {
	for k := range t.value {
		t.value[k], t.coverage[k], t.band[k], t.written[k], t.bands[k] = nil, nil, nil, nil, grade.Bander{}
	}
	t.graded = 0
}

func (e *Engine) newTrack(a asset.Code) *track {
	kinds := len(e.machine.Formulas())
	t := &track{code: a, value: make([][]float64, kinds), coverage: make([][]float32, kinds), band: make([][]int8, kinds), written: make([][]int64, kinds), bands: make([]grade.Bander, kinds)}
	for k := range kinds {
		for range e.days {
			t.put(k, math.NaN(), 0, -1, 0)
		}
	}
	e.byCode[a] = t
	e.tracks = append(e.tracks, t)
	slices.SortFunc(e.tracks, func(x, y *track) int { return cmp.Compare(x.code, y.code) })
	return t
}

// choose takes the series with the longest history among those that are still going on,
// or were last; the fair price before venues, dollars before what stands for them.
func choose(list []market.Stored, now time.Time) market.Series {
	newest := time.Time{}
	for _, s := range list {
		if s.Last.After(newest) {
			newest = s.Last
		}
	}
	if newest.After(now) {
		newest = now
	}
	best := slices.MinFunc(list, func(a, b market.Stored) int {
		return cmp.Or(
			cmp.Compare(btoi(newest.Sub(a.Last) > 3*dayLength), btoi(newest.Sub(b.Last) > 3*dayLength)),
			cmp.Compare(dayOf(a.First), dayOf(b.First)),
			cmp.Compare(btoi(a.Venue != market.ConsensusVenue), btoi(b.Venue != market.ConsensusVenue)),
			cmp.Compare(slices.Index(dollars, a.Pair.Quote()), slices.Index(dollars, b.Pair.Quote())),
			cmp.Compare(a.Venue, b.Venue), cmp.Compare(a.Interval, b.Interval),
		)
	})
	return best.Series
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// readBars puts the daily bars of a range in the place of those it has from there on. The
// columns are made anew: views hold none of them.
func (e *Engine) readBars(ctx context.Context, t *track, from, to time.Time) error {
	cut, _ := slices.BinarySearch(t.bars.Day, dayOf(from))
	b := grade.Bars{Day: t.bars.Day[:cut], High: t.bars.High[:cut], Low: t.bars.Low[:cut], Close: t.bars.Close[:cut], Volume: t.bars.Volume[:cut]}
	for c, err := range e.opt.Candles.Candles(ctx, t.series, "1d", market.Range{From: from, To: to}) {
		if err != nil {
			return err
		}
		bar, good := barOf(&c)
		if !good || len(b.Day) > 0 && dayOf(c.Open) <= b.Day[len(b.Day)-1] {
			continue
		}
		b.Day = append(b.Day, dayOf(c.Open))
		b.High, b.Low, b.Close, b.Volume = append(b.High, bar.High), append(b.Low, bar.Low), append(b.Close, bar.Close), append(b.Volume, bar.Volume)
	}
	t.bars = b
	return nil
}

// barOf is a candle in floating point; false for one without a price.
func barOf(c *market.Candle) (grade.Bar, bool) {
	b := grade.Bar{High: c.H.Float64(), Low: c.L.Float64(), Close: c.C.Float64(), Volume: c.Volume.Float64()}
	return b, b.Low > 0 && b.Close > 0 && b.High >= b.Low && b.Volume >= 0
}

// put appends a day to a kind.
func (t *track) put(k int, v float64, coverage float64, band int, written int64) {
	t.value[k], t.coverage[k] = append(t.value[k], v), append(t.coverage[k], float32(coverage))
	t.band[k], t.written[k] = append(t.band[k], int8(band)), append(t.written[k], written)
}

// member is what is known of the asset at the close of a day; false when it has no bar of it.
func (e *Engine) member(t *track, day int32) (grade.Member, bool) {
	i, has := slices.BinarySearch(t.bars.Day, day)
	if !has {
		return grade.Member{}, false
	}
	m := grade.Member{Asset: t.code, Bars: &t.bars, Last: i, Activity: e.opt.Activity[t.code], Chain: e.opt.Chain[t.code]}
	seen := map[market.VenueID]bool{}
	for _, s := range t.venues {
		if s.first <= day && day <= s.last && !seen[s.venue] {
			seen[s.venue] = true
			m.Venues++
		}
	}
	if e.opt.MaxSupply != nil {
		m.MaxSupply, _ = e.opt.MaxSupply(t.code)
	}
	return m, true
}
