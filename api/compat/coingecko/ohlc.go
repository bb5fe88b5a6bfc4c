package coingecko

import (
	"slices"
	"strconv"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/market"
)

// body is one candle as it is shown: at is when it closed.
type body struct {
	at         time.Time
	o, h, l, c number
	volume     number // in units of the coin
	shown      bool   // the volume
}

type bodies []body

func (l bodies) appendJSON(b []byte) []byte {
	b = append(b, '[')
	for i := range l {
		if i > 0 {
			b = append(b, ',')
		}
		x := &l[i]
		b = strconv.AppendInt(append(b, '['), x.at.UnixMilli(), 10)
		for _, n := range []number{x.o, x.h, x.l, x.c} {
			b = n.appendJSON(append(b, ','))
		}
		if x.shown {
			b = x.volume.appendJSON(append(b, ','))
		}
		b = append(b, ']')
	}
	return append(b, ']')
}

// ohlc gives finished candles, oldest first.
func (f *Face) ohlc(q *request) (any, error) {
	a, err := f.byID(q.path[0])
	if err != nil {
		return nil, err
	}
	c, err := q.versus()
	if err != nil {
		return nil, err
	}
	d, err := q.days()
	if err != nil {
		return nil, err
	}
	word, err := q.choice("interval", "", "daily", "hourly")
	if err != nil {
		return nil, err
	}
	i, n := market.Interval("30m"), 1
	switch {
	case word == "daily" && d > 180, word == "hourly" && d > 90:
		return nil, bad("interval", "daily candles are given for at most 180 days, hourly ones for 90")
	case word == "daily":
		i = "1d"
	case word == "hourly":
		i = "1h"
	case d > 30:
		i, n = "1d", 4
	case d > 2:
		i = "4h"
	}
	return f.candles(q, a, c, i, n, q.now.Add(-time.Duration(d*float64(day))), q.now)
}

// firstRange is from when on that API has candles by range.
var firstRange = time.Date(2018, 2, 9, 0, 0, 0, 0, time.UTC)

func (f *Face) ohlcRange(q *request) (any, error) {
	a, err := f.byID(q.path[0])
	if err != nil {
		return nil, err
	}
	c, err := q.versus()
	if err != nil {
		return nil, err
	}
	from, to, err := q.span()
	if err != nil {
		return nil, err
	}
	if q.text("interval") == "" {
		return nil, missing("interval")
	}
	word, err := q.choice("interval", "daily", "hourly")
	if err != nil {
		return nil, err
	}
	i, most := market.Interval("1d"), 180*day
	if word == "hourly" {
		i, most = "1h", 31*day
	}
	if to.Sub(from) > most {
		return nil, bad("from", "%s candles are given for at most %d days at once", word, int(most/day))
	}
	if from.Before(firstRange) {
		from = firstRange
	}
	return f.candles(q, a, c, i, 1, from, to)
}

// candles makes bodies of n bars each. A currency other than USD divides each bar by its
// own bar of that time: opening by opening and close by close; of high and low it is the
// close that divides, and both are kept around opening and close.
func (f *Face) candles(q *request, a asset.Asset, c *currency, i market.Interval, n int, from, to time.Time) (any, error) {
	precision, err := q.precision()
	if err != nil {
		return nil, err
	}
	show, err := q.flag("x_volume", false)
	if err != nil {
		return nil, err
	}
	if err := f.reach(q, from); err != nil {
		return nil, err
	}
	f.asked.note(a.CoinGecko, q.now)
	from, to = clamp(from, to, q.now)
	rows, err := f.bars(q.ctx, a.Code, i, from, to)
	if err != nil {
		return nil, err
	}
	d, err := f.divisor(q.ctx, c, i, from, to)
	if err != nil {
		return nil, err
	}
	out := bodies{}
	for k := range rows {
		r := &rows[k]
		x := body{at: i.Next(r.Open), volume: number{r.Volume.Decimal, true}, shown: show}
		x.o = d.of(number{r.O.Decimal, true}, r.Open, opening)
		x.c = d.of(number{r.C.Decimal, true}, r.Open, closing)
		if !x.o.ok || !x.c.ok {
			continue
		}
		x.h = most(1, x.o, x.c, d.of(number{r.H.Decimal, true}, r.Open, closing))
		x.l = most(-1, x.o, x.c, d.of(number{r.L.Decimal, true}, r.Open, closing))
		x.o, x.h, x.l, x.c = precision.of(x.o), precision.of(x.h), precision.of(x.l), precision.of(x.c)
		out = append(out, x)
	}
	if n > 1 {
		out = joined(out, time.Duration(n)*i.Length(), to)
	}
	return out, nil
}

// joined makes longer bodies, aligned to 1970, of those that have ended.
func joined(in bodies, length time.Duration, now time.Time) bodies {
	out := bodies{}
	for _, x := range in {
		end := x.at.Add(-time.Nanosecond)
		end = time.Unix(end.Unix()-end.Unix()%int64(length/time.Second), 0).UTC().Add(length)
		if end.After(now) {
			break
		}
		if k := len(out) - 1; k >= 0 && out[k].at.Equal(end) {
			out[k].h, out[k].l, out[k].c = most(1, out[k].h, x.h), most(-1, out[k].l, x.l), x.c
			if v, err := out[k].volume.d.Add(x.volume.d); err == nil {
				out[k].volume.d = v
			}
			continue
		}
		x.at = end
		out = append(out, x)
	}
	return out
}

// most is the highest of the numbers, or the lowest with sign -1.
func most(sign int, list ...number) number {
	list = slices.DeleteFunc(list, func(n number) bool { return !n.ok })
	if len(list) == 0 {
		return number{}
	}
	return slices.MaxFunc(list, func(a, b number) int { return sign * a.d.Cmp(b.d) })
}
