package coingecko

import (
	"context"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

const day = 24 * time.Hour

// point is a value at a time; the value may be unknown.
type point struct {
	at time.Time
	v  number
}

type points []point

func (p points) appendJSON(b []byte) []byte {
	b = append(b, '[')
	for i := range p {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(append(b, '['), p[i].at.UnixMilli(), 10)
		b = append(p[i].v.appendJSON(append(b, ',')), ']')
	}
	return append(b, ']')
}

// bars reads candles of the fair price in USD whose interval ends in (from, to].
func (f *Face) bars(ctx context.Context, a asset.Code, i market.Interval, from, to time.Time) ([]market.Candle, error) {
	if a == "USD" || !from.Before(to) {
		return nil, nil
	}
	s := market.Series{Venue: market.ConsensusVenue, Pair: market.NewPair(a, "USD")}
	var out []market.Candle
	for c, err := range f.opt.Candles.Candles(ctx, s, i, market.Range{From: from.Add(-i.Length()), To: to}) {
		if absent(err) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if end := i.Next(c.Open); end.After(from) && !end.After(to) && c.C.Sign() > 0 {
			out = append(out, c)
		}
	}
	return out, nil
}

// divisor turns amounts in USD of some bar into a currency, with the rate of that time.
type divisor struct {
	in   *currency
	i    market.Interval
	bars []market.Candle // of the currency in USD; nil for USD itself
}

func (f *Face) divisor(ctx context.Context, c *currency, i market.Interval, from, to time.Time) (divisor, error) {
	d := divisor{in: c, i: i}
	if c.code() == "USD" {
		return d, nil
	}
	var err error
	d.bars, err = f.bars(ctx, c.code(), i, from.Add(-2*i.Length()), to)
	if d.bars == nil {
		d.bars = []market.Candle{}
	}
	return d, err
}

// at is the currency's bar of the same interval, or the last one within two before it.
func (d *divisor) at(open time.Time) (*market.Candle, bool) {
	k, found := slices.BinarySearchFunc(d.bars, open, func(c market.Candle, t time.Time) int { return c.Open.Compare(t) })
	if !found {
		k--
	}
	if k < 0 || open.Sub(d.bars[k].Open) > 2*d.i.Length() {
		return nil, false
	}
	return &d.bars[k], true
}

// of converts an amount by the price that pick takes of the currency's bar.
func (d *divisor) of(n number, open time.Time, pick func(*market.Candle) money.Price) number {
	if d.bars == nil {
		return d.in.scaled(n)
	}
	c, ok := d.at(open)
	if !ok {
		return number{}
	}
	return d.in.scaled(over(n, pick(c).Decimal))
}

func closing(c *market.Candle) money.Price { return c.C }
func opening(c *market.Candle) money.Price { return c.O }

// step chooses the distance of a chart's points by the length of its range.
func step(q *request, from, to time.Time) (market.Interval, error) {
	length := to.Sub(from)
	word, err := q.choice("interval", "", "daily", "hourly", "5m")
	if err != nil {
		return "", err
	}
	switch {
	case word == "daily":
		return "1d", nil
	case word == "hourly" && length > 100*day+time.Hour:
		return "", bad("interval", "hourly points are given for at most 100 days at once")
	case word == "hourly":
		return "1h", nil
	case word == "5m" && length > 10*day+time.Hour:
		return "", bad("interval", "points of five minutes are given for at most 10 days at once")
	case word == "5m":
		return "5m", nil
	case length > 90*day:
		return "1d", nil
	case length > day || to.Before(q.now.Add(-day)) || from.Before(q.now.Add(-day-time.Minute)):
		return "1h", nil
	}
	return "5m", nil
}

func (f *Face) chart(q *request) (any, error) {
	a, err := f.byID(q.path[0])
	if err != nil {
		return nil, err
	}
	return f.chartOf(q, a)
}

func (f *Face) contractChart(q *request) (any, error) {
	a, ok := f.byContract(q.path[0], q.path[1])
	if !ok {
		return nil, coinNotFound()
	}
	return f.chartOf(q, a)
}

func (f *Face) chartOf(q *request, a asset.Asset) (any, error) {
	c, err := q.versus()
	if err != nil {
		return nil, err
	}
	d, err := q.days()
	if err != nil {
		return nil, err
	}
	return f.draw(q, a, c, q.now.Add(-time.Duration(d*float64(day))), q.now)
}

func (f *Face) chartRange(q *request) (any, error) {
	a, err := f.byID(q.path[0])
	if err != nil {
		return nil, err
	}
	return f.rangeOf(q, a)
}

func (f *Face) contractChartRange(q *request) (any, error) {
	a, ok := f.byContract(q.path[0], q.path[1])
	if !ok {
		return nil, coinNotFound()
	}
	return f.rangeOf(q, a)
}

func (f *Face) rangeOf(q *request, a asset.Asset) (any, error) {
	c, err := q.versus()
	if err != nil {
		return nil, err
	}
	from, to, err := q.span()
	if err != nil {
		return nil, err
	}
	return f.draw(q, a, c, from, to)
}

// span reads from and to.
func (q *request) span() (from, to time.Time, err error) {
	if from, err = q.instant("from"); err != nil {
		return
	}
	if to, err = q.instant("to"); err != nil {
		return
	}
	if !from.Before(to) {
		err = bad("from", "the range ends before it begins")
	}
	return
}

// genesisOfMarkets is before any of them: the first block of bitcoin.
var genesisOfMarkets = time.Date(2009, 1, 3, 0, 0, 0, 0, time.UTC)

// clamp keeps a range within what can be there.
func clamp(from, to, now time.Time) (time.Time, time.Time) {
	if from.Before(genesisOfMarkets) {
		from = genesisOfMarkets
	}
	if to.After(now) {
		to = now
	}
	return from, to
}

// freshSupply is how far a supply of the table reaches: an older capitalisation would be
// of a supply that was not there then.
const freshSupply = 90 * day

// draw makes the three lines of a chart. A point stands at the end of its bar; the last
// one is now, where the range reaches it.
func (f *Face) draw(q *request, a asset.Asset, c *currency, from, to time.Time) (any, error) {
	precision, err := q.precision()
	if err != nil {
		return nil, err
	}
	i, err := step(q, from, to)
	if err != nil {
		return nil, err
	}
	if err := f.reach(q, from); err != nil {
		return nil, err
	}
	f.asked.note(a.CoinGecko, q.now)
	live := !to.Before(q.now.Add(-time.Minute))
	from, to = clamp(from, to, q.now)
	v, err := f.figures(q, a.Code, c)
	if err != nil && !absent(err) {
		return nil, err
	}
	rows, err := f.bars(q.ctx, a.Code, i, from, to)
	if err != nil {
		return nil, err
	}
	d, err := f.divisor(q.ctx, c, i, from, to)
	if err != nil {
		return nil, err
	}
	roll, err := f.rolling(q.ctx, a.Code, i, from, to)
	if err != nil {
		return nil, err
	}
	prices, caps, volumes := points{}, points{}, points{}
	put := func(at time.Time, price, volume number) {
		prices = append(prices, point{at, precision.of(price)})
		worth := number{}
		if s := v.Supply; s.Circulating != nil && at.After(asOf(s.AsOf, q.now).Add(-freshSupply)) {
			worth = times(price, *s.Circulating)
		}
		caps = append(caps, point{at, worth})
		volumes = append(volumes, point{at, volume})
	}
	if v.Asset == "" { // the coin has no figures in this currency: its supply may be known all the same
		if usd, err := f.figures(q, a.Code, find("usd")); err == nil {
			v.Supply = usd.Supply
		}
	}
	for k := range rows {
		end := i.Next(rows[k].Open)
		if live && !end.Before(to) {
			break // now has a point of its own
		}
		price := d.of(number{rows[k].C.Decimal, true}, rows[k].Open, closing)
		if !price.ok {
			continue
		}
		volume := number{}
		if base, ok := roll.at(end); ok {
			volume = times(price, base)
		}
		put(end, price, volume)
	}
	if live && v.Price != nil {
		put(to, v.price(), v.amount(v.Volume24h))
	}
	return object{{"prices", prices}, {"market_caps", caps}, {"total_volumes", volumes}}, nil
}

func asOf(at, now time.Time) time.Time {
	if at.IsZero() {
		return now
	}
	return at
}

// rolling is the volume of the last 24 hours at any end of a bar, in units of the coin.
type rolling struct {
	daily bool
	hours []market.Candle // or days, when daily
	fine  []market.Candle // of five minutes, when the points are
	first time.Time       // the first bar's opening
}

func (f *Face) rolling(ctx context.Context, a asset.Code, i market.Interval, from, to time.Time) (rolling, error) {
	r := rolling{daily: i == "1d"}
	unit := market.Interval("1h")
	if r.daily {
		unit = "1d"
	}
	var err error
	if r.hours, err = f.bars(ctx, a, unit, from.Add(-day-unit.Length()), to); err != nil {
		return r, err
	}
	if len(r.hours) > 0 {
		r.first = r.hours[0].Open
	}
	if i == "5m" {
		r.fine, err = f.bars(ctx, a, "5m", from.Add(-time.Hour), to)
	}
	return r, err
}

// at is the sum over the day that ends then; false where the day is not covered. The hour
// in which the day begins counts by the part of it that lies within.
func (r *rolling) at(end time.Time) (money.Decimal, bool) {
	begin := end.Add(-day)
	if r.first.IsZero() || r.first.After(begin) {
		return money.Decimal{}, false
	}
	var sum money.Sum
	hour := market.Interval("1h").Start(end)
	k, _ := slices.BinarySearchFunc(r.hours, begin.Add(-time.Hour), func(c market.Candle, t time.Time) int { return c.Open.Compare(t) })
	if r.daily {
		k, _ = slices.BinarySearchFunc(r.hours, begin, func(c market.Candle, t time.Time) int { return c.Open.Compare(t) })
	}
	for ; k < len(r.hours); k++ {
		c := &r.hours[k]
		switch {
		case !c.Open.Before(end), !r.daily && !c.Open.Before(hour):
			k = len(r.hours)
		case c.Open.Before(begin): // the part of it after begin
			part := c.Open.Add(time.Hour).Sub(begin)
			if part <= 0 {
				continue
			}
			if v, err := c.Volume.MulRound(money.MustNew(int64(math.Round(float64(part)/float64(time.Hour)*1e6)), 6), 8); err == nil {
				sum.Add(v)
			}
		default:
			sum.Add(c.Volume.Decimal)
		}
	}
	k, _ = slices.BinarySearchFunc(r.fine, hour, func(c market.Candle, t time.Time) int { return c.Open.Compare(t) })
	for ; k < len(r.fine) && r.fine[k].Open.Before(end); k++ {
		sum.Add(r.fine[k].Volume.Decimal)
	}
	v, _ := sum.Decimal(8)
	return v, true
}

// history is a coin at midnight of a day.
func (f *Face) history(q *request) (any, error) {
	a, err := f.byID(q.path[0])
	if err != nil {
		return nil, err
	}
	at, err := q.day("date")
	if err != nil {
		return nil, err
	}
	localized, err := q.flag("localization", true)
	if err != nil {
		return nil, err
	}
	if err := f.reach(q, at); err != nil {
		return nil, err
	}
	f.asked.note(a.CoinGecko, q.now)
	out := object{{"id", a.CoinGecko}, {"symbol", symbol(a)}, {"name", a.Name}}
	if localized {
		out = append(out, field{"localization", object{{"en", a.Name}}})
	}
	out = append(out, field{"image", object{{"thumb", ""}, {"small", ""}}})
	data, err := f.snapshot(q, a, at)
	if err != nil {
		return nil, err
	}
	if data != nil {
		out = append(out, field{"market_data", data})
	}
	dev := nothing("forks", "stars", "subscribers", "total_issues", "closed_issues", "pull_requests_merged", "pull_request_contributors")
	return append(out, object{
		{"community_data", nothing("facebook_likes", "reddit_average_posts_48h", "reddit_average_comments_48h", "reddit_subscribers", "reddit_accounts_active_48h")},
		{"developer_data", append(dev, object{{"code_additions_deletions_4_weeks", nothing("additions", "deletions")}, {"commit_count_4_weeks", nil}}...)},
		{"public_interest_stats", nothing("alexa_rank", "bing_matches")},
	}...), nil
}

// snapshot is nil where nothing is stored of that midnight.
func (f *Face) snapshot(q *request, a asset.Asset, at time.Time) (any, error) {
	if at.After(q.now) || at.Before(genesisOfMarkets) {
		return nil, nil
	}
	rows, err := f.bars(q.ctx, a.Code, "1d", at.Add(-time.Second), at)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	bar := rows[len(rows)-1]
	usd, err := f.figures(q, a.Code, find("usd"))
	if err != nil && !absent(err) {
		return nil, err
	}
	prices, caps, volumes := object{}, object{}, object{}
	for i := range currencies {
		c := &currencies[i]
		if c.only {
			continue
		}
		d, err := f.divisor(q.ctx, c, "1d", at.Add(-time.Second), at)
		if err != nil {
			return nil, err
		}
		price := d.of(number{bar.C.Decimal, true}, bar.Open, closing)
		if !price.ok {
			continue
		}
		prices = append(prices, field{c.id, price})
		if s := usd.Supply; s.Circulating != nil && at.After(asOf(s.AsOf, q.now).Add(-freshSupply)) {
			caps = append(caps, field{c.id, times(price, *s.Circulating)})
		}
		volumes = append(volumes, field{c.id, times(price, bar.Volume.Decimal)})
	}
	return object{{"current_price", prices}, {"market_cap", caps}, {"total_volume", volumes}}, nil
}

// day reads dd-mm-yyyy, the old form, and yyyy-mm-dd: the year's place tells which.
func (q *request) day(name string) (time.Time, error) {
	s := q.text(name)
	if s == "" {
		return time.Time{}, missing(name)
	}
	form := "2-1-2006"
	if year, _, _ := strings.Cut(s, "-"); len(year) == 4 {
		form = "2006-1-2"
	}
	t, err := time.Parse(form, s)
	if err != nil {
		return time.Time{}, &refusal{error: bad(name, "write it as 31-01-2026 or 2026-01-31"), status: http.StatusBadRequest}
	}
	return t, nil
}
