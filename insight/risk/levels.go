package risk

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/assayhq/assay/fault"
)

// LevelOptions are how levels are looked for. The zero value is the default of each field.
type LevelOptions struct {
	Confirm int     // bars on each side that a pivot stands out from; 3. It is known that many bars later
	Within  float64 // average ranges (ATR 14) within which pivots are one level; 0.5
	Hold    int     // bars in which a touched level has to hold; 10
	Random  int     // random levels per touched one; 20
	Seed    uint64  // 1
	Most    int     // levels told; 12
}

// Level is a price at which movements turned before.
type Level struct {
	Price      float64 // mean of its pivots
	Support    bool    // it lies at or below the last close; else it is a resistance
	Touches    int     // pivots in it
	First      time.Time
	Last       time.Time // newest pivot
	Confirmed  time.Time // when the newest pivot became known: nothing here was used earlier
	Distance   float64   // from the last close, as a fraction of it
	Ranges     float64   // the same in average ranges
	VolumeNode float64   // share of the volume that traded within half an average range of it
	Score      float64   // touches x 0.5^(age of the newest in bars / 180) x (1 + VolumeNode)
}

// LevelRecord is how well levels held, beside levels at random places.
type LevelRecord struct {
	Touched    int     // times that price came to a level that was known by then
	Held       int     // of those, how often no close of the next bars was beyond it by half an average range
	Rate       float64 // Held / Touched
	Random     int     // random levels at equal distance, in average ranges, that were touched
	RandomRate float64 // the share of them that held
	Edge       float64 // Rate - RandomRate: about zero says that the levels know nothing
	Error      float64 // standard error of Edge, as if touches were independent, which makes it too small
	Bars       int     // bars in which a touched level has to hold
}

// Levels finds support and resistance and tells how well such levels held in these bars.
// What is used at a bar was known at its close: a pivot counts from the bar that confirms
// it. Invalid: bars that are none, options that are none. Unavailable: fewer than 60 bars.
func Levels(bars []Bar, o LevelOptions) ([]Level, LevelRecord, error) {
	o, err := o.check(bars)
	if err != nil {
		return nil, LevelRecord{}, err
	}
	atr := averageRange(bars, rangeBars)
	book := &levelBook{within: o.Within}
	rec := LevelRecord{Bars: o.Hold}
	rng := rand.New(rand.NewPCG(o.Seed, 0x6c65766c))
	last := len(bars) - 1
	for t := range bars {
		book.take(bars, t, o.Confirm, atr[t])
		// The record is taken every Hold bars, so that its spans do not overlap.
		if t%o.Hold == 0 && atr[t] > 0 && t+2*o.Hold < len(bars) {
			for _, l := range book.list {
				away := (l.price - bars[t].Close) / atr[t]
				if a := math.Abs(away); a < 0.5 || a > 5 {
					continue
				}
				touched, held := outcome(bars, atr, t, l.price, o.Hold)
				if !touched {
					continue
				}
				rec.Touched++
				if held {
					rec.Held++
				}
				for range o.Random {
					u := rangeBars + 1 + rng.IntN(last-2*o.Hold-rangeBars)
					if touched, held := outcome(bars, atr, u, bars[u].Close+away*atr[u], o.Hold); touched {
						rec.Random++
						if held {
							rec.RandomRate++
						}
					}
				}
			}
		}
	}
	if rec.Touched > 0 && rec.Random > 0 {
		rec.Rate = float64(rec.Held) / float64(rec.Touched)
		rec.RandomRate /= float64(rec.Random)
		rec.Edge = rec.Rate - rec.RandomRate
		rec.Error = math.Sqrt(rec.Rate*(1-rec.Rate)/float64(rec.Touched) + rec.RandomRate*(1-rec.RandomRate)/float64(rec.Random))
	} else {
		rec.RandomRate = 0
	}
	return book.tell(bars, atr[last], o.Most), rec, nil
}

const rangeBars = 14

func (o LevelOptions) check(bars []Bar) (LevelOptions, error) {
	if o.Confirm == 0 {
		o.Confirm = 3
	}
	if o.Within == 0 {
		o.Within = 0.5
	}
	if o.Hold == 0 {
		o.Hold = 10
	}
	if o.Random == 0 {
		o.Random = 20
	}
	if o.Seed == 0 {
		o.Seed = 1
	}
	if o.Most == 0 {
		o.Most = 12
	}
	if o.Confirm < 1 || o.Confirm > 50 || !(o.Within > 0 && o.Within <= 5) || o.Hold < 1 || o.Hold > 100 || o.Random < 1 || o.Random > 1000 || o.Most < 1 {
		return o, fault.At(fault.Invalid, "levels", "confirm is 1 to 50 bars, within up to 5 average ranges, hold 1 to 100 bars, random 1 to 1000")
	}
	if least := max(60, 2*o.Hold+2*rangeBars, 4*o.Confirm); len(bars) < least {
		return o, fault.New(fault.Unavailable, "%d bars are too few for levels; it takes %d", len(bars), least)
	}
	return o, checkBars(bars)
}

// pivot tells whether a bar's high or low stands out from k bars on each side. Of equal
// ones the first does.
func pivot(bars []Bar, p, k int) (high, low bool) {
	high, low = true, true
	for i := p - k; i <= p+k; i++ {
		if i == p {
			continue
		}
		if bars[i].High > bars[p].High || i < p && bars[i].High == bars[p].High {
			high = false
		}
		if bars[i].Low < bars[p].Low || i < p && bars[i].Low == bars[p].Low {
			low = false
		}
	}
	return high, low
}

// outcome looks h bars ahead of t for a touch of a price, and h bars on from the touch for a
// close beyond it by half an average range of then.
func outcome(bars []Bar, atr []float64, t int, price float64, h int) (touched, held bool) {
	above := price > bars[t].Close
	for i := t + 1; i <= t+h && i < len(bars); i++ {
		if above && bars[i].High < price || !above && bars[i].Low > price {
			continue
		}
		for j := i; j < i+h && j < len(bars); j++ {
			beyond := bars[j].Close - price
			if !above {
				beyond = -beyond
			}
			if beyond > 0.5*atr[t] {
				return true, false
			}
		}
		return true, true
	}
	return false, false
}

// levelBook is the levels known so far.
type levelBook struct {
	within float64
	list   []*pivots
}

type pivots struct {
	price             float64
	touches           int
	first, last, seen int // bars
}

// mostLevels bounds the book; the level without a touch for the longest goes.
const mostLevels = 400

// take adds the pivot that bar t confirms, if it does.
func (b *levelBook) take(bars []Bar, t, confirm int, atr float64) {
	p := t - confirm
	if p < confirm || atr <= 0 {
		return
	}
	high, low := pivot(bars, p, confirm)
	if high {
		b.add(bars[p].High, p, t, atr)
	}
	if low {
		b.add(bars[p].Low, p, t, atr)
	}
}

func (b *levelBook) add(price float64, at, seen int, atr float64) {
	var near *pivots
	for _, l := range b.list {
		if d := math.Abs(l.price - price); d <= b.within*atr && (near == nil || d < math.Abs(near.price-price)) {
			near = l
		}
	}
	if near == nil {
		if len(b.list) == mostLevels {
			oldest := 0
			for i, l := range b.list {
				if l.last < b.list[oldest].last {
					oldest = i
				}
			}
			b.list = slices.Delete(b.list, oldest, oldest+1)
		}
		b.list = append(b.list, &pivots{price, 1, at, at, seen})
		return
	}
	near.price = (float64(near.price*float64(near.touches)) + price) / float64(near.touches+1)
	near.touches++
	near.last, near.seen = at, seen
}

// tell gives the levels with the highest score, by price.
func (b *levelBook) tell(bars []Bar, atr float64, most int) []Level {
	last := bars[len(bars)-1]
	var all float64
	for _, x := range bars {
		all += x.Volume
	}
	var out []Level
	for _, l := range b.list {
		v := Level{Price: l.price, Support: l.price <= last.Close, Touches: l.touches, First: bars[l.first].At, Last: bars[l.last].At, Confirmed: bars[l.seen].At}
		if last.Close > 0 {
			v.Distance = l.price/last.Close - 1
		}
		if atr > 0 {
			v.Ranges = math.Abs(l.price-last.Close) / atr
		}
		if all > 0 {
			node := 0.0
			for _, x := range bars {
				if x.Low <= l.price+atr/2 && x.High >= l.price-atr/2 {
					node += x.Volume
				}
			}
			v.VolumeNode = node / all
		}
		v.Score = float64(l.touches) * math.Exp2(-float64(len(bars)-1-l.last)/180) * (1 + v.VolumeNode)
		out = append(out, v)
	}
	slices.SortStableFunc(out, func(a, b Level) int { return cmp.Compare(b.Score, a.Score) })
	out = out[:min(most, len(out))]
	slices.SortStableFunc(out, func(a, b Level) int { return cmp.Compare(a.Price, b.Price) })
	return out
}
