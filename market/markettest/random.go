package markettest

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

// randomDays does the same random things to the engine and to Memory, and asks
// both the same questions. One seed is one day; a failure names it.
func randomDays(t *testing.T, x *exam) {
	days := 6
	if testing.Short() {
		days = 2
	}
	for day := range days {
		seed := uint64(day + 1)
		t.Run(fmt.Sprintf("seed_%d", seed), func(t *testing.T) {
			d := &dice{
				Rand: rand.New(rand.NewPCG(seed, 99)), engine: &exam{open: x.open, dir: t.TempDir()}, model: NewMemory(),
				limits: []market.Retention{{Channel: market.Derivatives, Keep: 10 * time.Hour}, {Channel: market.Liquidations, Keep: 20 * time.Hour}, {Channel: market.Candles, Interval: "5m", Keep: 40 * time.Hour}, {Channel: market.Candles, Keep: 20 * time.Hour}, {Channel: market.Trades, Keep: 30 * time.Hour}},
			}
			d.engine.History = x.open(t, d.engine.dir)
			defer func() { _ = d.engine.Close() }()
			for step := range 400 {
				d.step(t, step)
				if t.Failed() {
					return
				}
			}
			d.everything(t)
			d.engine.reopen(t)
			d.everything(t)
		})
	}
}

// dice is a source of plausible and of odd market data.
type dice struct {
	*rand.Rand
	engine *exam
	model  *Memory
	limits []market.Retention
	clock  time.Duration
	sent   []market.Trade
	closed []market.Liquidation
	bars   []market.Candle
	number int
}

func (d *dice) series() market.Series {
	return []market.Series{btc, eth, {Venue: "kraken", Pair: "ETH-USD"}, {Venue: "okx", Pair: "BTC-USDT-PERP"}}[d.IntN(4)]
}

func (d *dice) decimal() money.Decimal {
	switch d.IntN(12) {
	case 0:
		return money.MustNew(d.Int64(), d.IntN(20))
	case 1:
		return money.MustNew(d.Int64N(100), 0)
	}
	return money.MustNew(d.Int64N(9_000_000), 2)
}

func (d *dice) trade() market.Trade {
	if len(d.sent) > 0 && d.IntN(5) == 0 { // once more, perhaps as another channel has it
		t := d.sent[len(d.sent)-1-d.IntN(min(len(d.sent), 3000))]
		if t.ID != "" && d.IntN(2) == 0 {
			t.Received = t.Received.Add(time.Second)
			t.Marks |= market.Duplicate
		}
		return t
	}
	s := d.series()
	d.number++
	late := time.Duration(0)
	if d.IntN(20) == 0 {
		late = time.Duration(d.Int64N(int64(6 * time.Hour)))
	}
	t := market.Trade{
		Venue: s.Venue, Pair: s.Pair, Symbol: "S" + string(s.Pair), ID: fmt.Sprint(d.number),
		Price: money.Price{Decimal: d.decimal()}, Qty: money.Qty{Decimal: d.decimal()}, Side: market.Side(d.IntN(3)),
		Aggregate: d.IntN(9) == 0, At: at(d.clock - late), Received: at(d.clock + 20*time.Millisecond), Marks: market.Mark(d.IntN(600) / 580 * 3),
	}
	switch s.Venue { // each venue has its own habits
	case "okx":
		t.ID = fmt.Sprintf("%032x", d.number*7919)
	case "binance":
		t.At = t.At.Truncate(time.Second)
		if d.IntN(10) == 0 {
			t.ID = "" // several of one time would be in no certain order: make the time its own
			t.At = t.At.Add(time.Duration(d.number))
		}
	}
	d.clock += time.Duration(d.Int64N(int64(900 * time.Millisecond)))
	if d.IntN(400) == 0 {
		d.clock += time.Duration(d.Int64N(int64(5 * time.Hour)))
	}
	d.sent = append(d.sent, t)
	return t
}

func (d *dice) candle() market.Candle {
	i := []market.Interval{"1m", "5m"}[d.IntN(2)]
	s := d.series()
	c := candle(s, i, i.Start(at(d.clock-time.Duration(d.Int64N(int64(3*time.Hour))))), d.IntN(3))
	c.O, c.H, c.L, c.C = money.Price{Decimal: d.decimal()}, money.Price{Decimal: d.decimal()}, money.Price{Decimal: d.decimal()}, money.Price{Decimal: d.decimal()}
	c.Volume, c.Turnover, c.Trades = money.Qty{Decimal: d.decimal()}, d.decimal(), d.Int64N(1000)-1
	c.Complete, c.Known = d.IntN(2) == 0, c.Open.Add(time.Duration(d.Int64N(int64(time.Hour))))
	if n := len(d.bars); n > 0 && d.IntN(3) == 0 { // once more, or the same known at another time
		c = d.bars[d.IntN(n)]
		if d.IntN(2) == 0 {
			c.Known = c.Known.Add(time.Duration(d.Int64N(int64(time.Hour))) - 30*time.Minute)
		}
	}
	d.bars = append(d.bars, c)
	return c
}

func (d *dice) quote() market.Quote {
	q := quote(d.series(), d.clock+time.Duration(d.Int64N(int64(time.Minute))), "1", "2")
	q.Bid, q.Ask, q.BidQty = money.Price{Decimal: d.decimal()}, money.Price{Decimal: d.decimal()}, money.Qty{Decimal: d.decimal()}
	if d.IntN(4) == 0 {
		q.Received, q.At = q.At, time.Time{}
	}
	return q
}

func (d *dice) derivative() market.Derivative {
	v := statement(d.series(), d.clock+time.Duration(d.Int64N(int64(time.Minute))))
	v.Has = market.Stated(d.IntN(16))
	v.Mark, v.Index, v.Funding, v.Interest = money.Price{Decimal: d.decimal()}, money.Price{Decimal: d.decimal()}, d.decimal(), money.Qty{Decimal: d.decimal()}
	if d.IntN(4) == 0 {
		v.Received, v.At = v.At, time.Time{}
	}
	if d.IntN(4) == 0 {
		v.FundingAt, v.Interval = time.Time{}, 0
	} else if d.IntN(3) == 0 {
		v.Settled, v.FundingAt = true, market.Interval("8h").Start(v.When())
	}
	return v
}

func (d *dice) liquidation() market.Liquidation {
	if n := len(d.closed); n > 0 && d.IntN(4) == 0 { // once more
		l := d.closed[d.IntN(n)]
		l.Received, l.Marks = l.Received.Add(time.Second), market.Duplicate
		return l
	}
	late := time.Duration(d.Int64N(int64(time.Hour))) * time.Duration(d.IntN(8)/7)
	l := liquidation(d.series(), len(d.closed), d.clock-late)
	l.Price, l.Qty = money.Price{Decimal: d.decimal()}, money.Qty{Decimal: d.decimal()}
	if d.IntN(2) == 0 {
		l.ID = ""
	}
	d.closed = append(d.closed, l)
	return l
}

func (d *dice) gap() market.Gap {
	s := d.series()
	from := d.clock - time.Duration(d.Int64N(int64(time.Hour)))
	g := market.Gap{ID: fmt.Sprint("g", d.IntN(60)), Venue: s.Venue, Pair: s.Pair, Kind: market.Silence, From: at(from), Missing: d.Int64N(100) - 1, Restored: d.Int64N(9)}
	if d.IntN(4) > 0 {
		g.To = at(from + time.Duration(d.Int64N(int64(time.Hour))))
	}
	return g
}

func (d *dice) step(t *testing.T, n int) {
	t.Helper()
	switch k := d.IntN(100); {
	case k < 70:
		b := &market.Batch{}
		for range 1 + d.IntN(120) {
			b.Trades = append(b.Trades, d.trade())
		}
		for range d.IntN(40) {
			b.Candles = append(b.Candles, d.candle())
		}
		for range d.IntN(20) {
			b.Quotes = append(b.Quotes, d.quote())
		}
		for range d.IntN(30) {
			b.Derivatives = append(b.Derivatives, d.derivative())
		}
		for range d.IntN(10) {
			b.Liquidations = append(b.Liquidations, d.liquidation())
		}
		for range d.IntN(3) {
			b.Gaps = append(b.Gaps, d.gap())
		}
		d.engine.append(t, b)
		if err := d.model.Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	case k < 94:
		d.ask(t, n)
	case k < 97:
		now := at(d.clock)
		want, _ := d.model.Retain(t.Context(), now, d.limits)
		if got, err := d.engine.Retain(t.Context(), now, d.limits); err != nil || got != want && want == 0 {
			t.Fatalf("step %d: Retain gave %d, %v; the model %d", n, got, err, want)
		}
	default:
		d.engine.reopen(t)
	}
}

// ask asks one random question about everything.
func (d *dice) ask(t *testing.T, n int) {
	t.Helper()
	r := market.Range{Reverse: d.IntN(2) == 0}
	if d.IntN(3) > 0 {
		r.From = at(time.Duration(d.Int64N(int64(d.clock) + 1)))
	}
	if d.IntN(3) > 0 {
		r.To = r.From.Add(time.Duration(d.Int64N(int64(2 * time.Hour))))
		if r.From.IsZero() {
			r.To = at(time.Duration(d.Int64N(int64(d.clock) + 1)))
		}
	}
	if d.IntN(2) == 0 {
		r.Limit = 1 + d.IntN(300)
	}
	if d.IntN(3) == 0 {
		r.KnownAt = at(time.Duration(d.Int64N(int64(d.clock) + 1)))
	}
	s := d.series()
	what := fmt.Sprintf("step %d, %v %v to %v limit %d reverse %v known at %v", n, s, moment(r.From), moment(r.To), r.Limit, r.Reverse, moment(r.KnownAt))
	same(t, "trades, "+what, d.engine.trades(t, s, r), collect(t, d.model.Trades(t.Context(), s, r)))
	same(t, "quotes, "+what, d.engine.quotes(t, s, r), collect(t, d.model.Quotes(t.Context(), s, r)))
	same(t, "1m, "+what, d.engine.candles(t, s, "1m", r), collect(t, d.model.Candles(t.Context(), s, "1m", r)))
	same(t, "5m, "+what, d.engine.candles(t, s, "5m", r), collect(t, d.model.Candles(t.Context(), s, "5m", r)))
	same(t, "corrections, "+what, d.engine.corrections(t, s, "1m", r), collect(t, d.model.Corrections(t.Context(), s, "1m", r)))
	same(t, "derivatives, "+what, d.engine.derivatives(t, s, r), collect(t, d.model.Derivatives(t.Context(), s, r)))
	same(t, "funding, "+what, d.engine.funding(t, s, r), collect(t, d.model.Funding(t.Context(), s, r)))
	same(t, "liquidations, "+what, d.engine.liquidations(t, s, r), collect(t, d.model.Liquidations(t.Context(), s, r)))
	if d.IntN(2) == 0 {
		s = market.Series{Venue: s.Venue}
	}
	same(t, "gaps, "+what, d.engine.gaps(t, s, r), collect(t, d.model.Gaps(t.Context(), s, r)))
}

func (d *dice) everything(t *testing.T) {
	t.Helper()
	for _, s := range []market.Series{btc, eth, {Venue: "kraken", Pair: "ETH-USD"}, {Venue: "okx", Pair: "BTC-USDT-PERP"}} {
		for _, reverse := range []bool{false, true} {
			r := market.Range{Reverse: reverse}
			same(t, "all trades", d.engine.trades(t, s, r), collect(t, d.model.Trades(t.Context(), s, r)))
			same(t, "all quotes", d.engine.quotes(t, s, r), collect(t, d.model.Quotes(t.Context(), s, r)))
			same(t, "all corrections", d.engine.corrections(t, s, "5m", r), collect(t, d.model.Corrections(t.Context(), s, "5m", r)))
			same(t, "all derivatives", d.engine.derivatives(t, s, r), collect(t, d.model.Derivatives(t.Context(), s, r)))
			same(t, "all funding", d.engine.funding(t, s, r), collect(t, d.model.Funding(t.Context(), s, r)))
			same(t, "all liquidations", d.engine.liquidations(t, s, r), collect(t, d.model.Liquidations(t.Context(), s, r)))
			same(t, "all 1m", d.engine.candles(t, s, "1m", r), collect(t, d.model.Candles(t.Context(), s, "1m", r)))
			same(t, "all 5m", d.engine.candles(t, s, "5m", r), collect(t, d.model.Candles(t.Context(), s, "5m", r)))
		}
	}
}
