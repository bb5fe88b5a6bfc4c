package tickers

import (
	"time"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

// part is what happened in a stretch of time: bars in order of time, added up.
type part struct {
	bars        int
	o, h, l, c  money.Price
	closed      time.Time // opening of the last bar
	base, quote money.Sum // volume and turnover
	trades      int64
	uncounted   bool // a bar does not say how many trades it had
	incomplete  bool // a bar that is over may lack trades
	estimated   bool // a turnover is volume times close
	hourly      bool // an hour of the venue's stands in for its minutes
}

// add takes the next bar.
func (p *part) add(k *market.Candle, running bool) {
	p.incomplete = p.incomplete || !running && !k.Complete
	p.hourly = p.hourly || k.Interval == "1h"
	if k.Volume.IsZero() && k.Trades <= 0 {
		return // some venues send a bar of a minute in which nothing happened
	}
	p.prices(k.O, k.H, k.L, k.C, k.Open)
	p.base.Add(k.Volume.Decimal)
	if k.Turnover.IsZero() && !k.Volume.IsZero() {
		p.quote.AddProduct(k.Volume.Decimal, k.C.Decimal)
		p.estimated = true
	} else {
		p.quote.Add(k.Turnover)
	}
	if k.Trades < 0 {
		p.uncounted = true
	} else {
		p.trades += k.Trades
	}
	p.bars++
}

// join takes a later stretch.
func (p *part) join(q *part) {
	p.incomplete = p.incomplete || q.incomplete
	p.hourly = p.hourly || q.hourly
	if q.bars == 0 {
		return
	}
	p.prices(q.o, q.h, q.l, q.c, q.closed)
	p.base.AddSum(q.base)
	p.quote.AddSum(q.quote)
	p.trades += q.trades
	p.uncounted = p.uncounted || q.uncounted
	p.estimated = p.estimated || q.estimated
	p.bars += q.bars
}

func (p *part) prices(o, h, l, c money.Price, at time.Time) {
	if p.bars == 0 {
		p.o, p.h, p.l = o, h, l
	}
	if h.Cmp(p.h.Decimal) > 0 {
		p.h = h
	}
	if l.Cmp(p.l.Decimal) < 0 {
		p.l = l
	}
	p.c, p.closed = c, at
}
