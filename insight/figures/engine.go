package figures

import (
	"context"
	"iter"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/insight"
	"github.com/assayhq/assay/insight/indicator"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

// USD is the currency in which everything is kept.
const USD asset.Code = "USD"

// cadence is how often the board is looked at.
const cadence = time.Second

// settle is how long an asset waits to be read from the store again, so that a back-fill
// of many bars is read once.
const settle = 5 * time.Second

// maxQuotes is how many currencies are kept ready when Options says nothing.
const maxQuotes = 16

// Board is what the engine needs of the present: market.Board has it.
type Board interface {
	Now() time.Time
	Simulated() (bool, string)
	Prices(quote asset.Code) []market.ConsensusPrice
}

// Assets is what the engine needs of the catalogue.
type Assets interface {
	Get(asset.Code) (asset.Asset, bool)
	All() iter.Seq[asset.Asset]
	IsFiat(asset.Code) bool
	IsStable(asset.Code) (peg asset.Code, ok bool)
}

// History is what the engine needs of the store; market.History has it.
type History interface {
	Candles(ctx context.Context, s market.Series, i market.Interval, r market.Range) iter.Seq2[market.Candle, error]
	Series(ctx context.Context) ([]market.Stored, error)
}

// Options are the parts of an engine. Board, Assets and Supply must be given.
type Options struct {
	Board  Board
	Assets Assets
	Supply Table
	// Candles gives bars of the fair price, and History those of the venues as stored. Nil:
	// the past begins with the first bar that is appended.
	Candles market.CandleReader
	History History
	// Quotes is how many currencies are kept ready; default 16. Of more, the one that was
	// asked for longest ago is worked out anew when it is asked for again.
	Quotes int
	Logger *slog.Logger
}

// Engine computes figures. It implements insight.Market and market.Recorder.
type Engine struct {
	opt   Options
	log   *slog.Logger
	rsi   *indicator.Function
	views atomic.Pointer[map[asset.Code]*view] // of the same moment; never changed once stored

	mu      sync.Mutex // guards what follows; never held during I/O
	pasts   map[asset.Code]*past
	supply  Table
	prices  map[asset.Code]market.ConsensusPrice // in USD, of the last look
	now     time.Time
	wish    map[asset.Code]time.Time // assets to be read from the store, and since when
	loading asset.Code
	arrived []market.Candle // of the asset that is being read
	derived map[pairKey]*derived
	asked   map[asset.Code]*atomic.Int64 // currencies, and when each was asked for last
	primed  bool                         // the stored series have been listed
}

type pairKey struct{ asset, quote asset.Code }

var _ insight.Market = (*Engine)(nil)

// New makes an engine. Run keeps it up to date.
func New(o Options) (*Engine, error) {
	if o.Board == nil || o.Assets == nil || o.Supply == nil {
		return nil, fault.New(fault.Invalid, "figures need a board, assets and a table of supplies")
	}
	if o.Quotes <= 0 {
		o.Quotes = maxQuotes
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	rsi, err := indicator.Find(indicator.Catalogue(), "RSI")
	if err != nil {
		return nil, err
	}
	return &Engine{
		rsi: rsi, opt: o, log: o.Logger, pasts: map[asset.Code]*past{}, supply: o.Supply, wish: map[asset.Code]time.Time{},
		derived: map[pairKey]*derived{}, asked: map[asset.Code]*atomic.Int64{},
	}, nil
}

// SetSupply puts another table of supplies in place.
func (e *Engine) SetSupply(t Table) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.supply = t
}

// Run looks at the board once a second and reads the past, until ctx ends.
func (e *Engine) Run(ctx context.Context) error {
	t := time.NewTicker(cadence)
	defer t.Stop()
	done := make(chan struct{})
	go func() {
		defer close(done)
		e.read(ctx)
	}()
	defer func() { <-done }()
	for {
		e.Refresh()
		select {
		case <-t.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// Append takes candles that have been stored: finished one-minute bars of venues and of
// the fair price. It never fails. Bars of longer intervals, which a back-fill brings,
// make the asset be read from the store again.
func (e *Engine) Append(_ context.Context, b *market.Batch) error {
	if len(b.Candles) == 0 {
		return nil
	}
	now := e.opt.Board.Now()
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range b.Candles {
		k := &b.Candles[i]
		if k.Pair.Spot() {
			e.take(k, now)
		}
	}
	return nil
}

func (e *Engine) take(k *market.Candle, now time.Time) {
	a := k.Pair.Base()
	fair := k.Venue == market.ConsensusVenue
	// A venue's own bar of the past comes by a back-fill; one that just ended is live.
	filled := k.Marks&(market.VenueBar|market.Imported|market.Backfilled) != 0 && k.Interval.Next(k.Open).Before(now.Add(-fresh))
	if k.Interval != "1m" {
		if (k.Interval == "1h" || k.Interval == "1d") && filled {
			e.want(a, now)
		}
		return
	}
	if k.Open.After(now.Add(2*time.Minute)) || fair && k.Pair.Quote() != USD {
		return
	}
	p := e.pasts[a]
	if p == nil {
		p = newPast()
		e.pasts[a] = p
		e.want(a, now)
	}
	if e.loading == a {
		e.arrived = append(e.arrived, *k)
	}
	if fair {
		p.fair(k, now)
	} else {
		p.traded(k)
	}
	if p.stale || filled {
		p.stale = false
		e.want(a, now)
	}
}

// fresh is how long after its end a bar may come and be live.
const fresh = 10 * time.Minute

// want notes that an asset has to be read from the store.
func (e *Engine) want(a asset.Code, now time.Time) {
	if e.opt.History == nil {
		return
	}
	if _, ok := e.wish[a]; !ok {
		e.wish[a] = now
	}
}

// Refresh looks at the board and makes what is answered from now on. Run calls it; tests
// and replays may.
func (e *Engine) Refresh() {
	prices := e.opt.Board.Prices(USD)
	now := e.opt.Board.Now()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.now = now
	e.prices = make(map[asset.Code]market.ConsensusPrice, len(prices))
	for _, p := range prices {
		if now.Sub(p.At) <= dead && p.Price.Sign() > 0 {
			e.prices[p.Asset] = p
		}
	}
	if len(e.prices) == 0 {
		return
	}
	if e.asked[USD] == nil {
		e.asked[USD] = new(atomic.Int64)
	}
	views := make(map[asset.Code]*view, len(e.asked))
	for q := range e.asked {
		if v := e.build(q); v != nil {
			views[q] = v
		}
	}
	e.views.Store(&views)
}

// dead is the age at which a price is none any more.
const dead = 24 * time.Hour

// view gives what is known in a currency. The first to ask for a currency waits until it
// is worked out.
func (e *Engine) view(ctx context.Context, q asset.Code) (*view, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if q == "" {
		q = USD
	}
	views := e.views.Load()
	if views == nil {
		return nil, fault.New(fault.Unavailable, "there are no figures yet: no venue has sent a price; come back in a few seconds")
	}
	if v := (*views)[q]; v != nil {
		v.asked.Store(v.at.UnixNano())
		return v, nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, ok := e.usd(q); !ok {
		return nil, fault.At(fault.Unknown, "quote", "there is no rate of %s now: no connected venue trades it; use USD, or a currency that /v1/prices has", q)
	}
	e.forget()
	e.asked[q] = new(atomic.Int64)
	v := e.build(q)
	if v == nil {
		return nil, fault.At(fault.Unknown, "quote", "there is no rate of %s now", q)
	}
	v.asked.Store(e.now.UnixNano())
	next := map[asset.Code]*view{q: v}
	for k, old := range *e.views.Load() {
		if _, ok := e.asked[k]; ok {
			next[k] = old
		}
	}
	e.views.Store(&next)
	return v, nil
}

// forget makes room for one more currency.
func (e *Engine) forget() {
	if len(e.asked) < e.opt.Quotes {
		return
	}
	var oldest asset.Code
	for q, at := range e.asked {
		if q != USD && (oldest == "" || at.Load() < e.asked[oldest].Load()) {
			oldest = q
		}
	}
	delete(e.asked, oldest)
	for k := range e.derived {
		if k.quote == oldest {
			delete(e.derived, k)
		}
	}
}

// usd is what one unit of a currency is worth in USD now.
func (e *Engine) usd(q asset.Code) (rate, bool) {
	if q == USD || q == "" {
		return rate{price: one(), at: e.now}, true
	}
	if p, ok := e.prices[q]; ok {
		return rate{p.Price.Decimal, p.At, p.Marks}, true
	}
	if peg, ok := e.opt.Assets.IsStable(q); ok && peg == USD {
		return rate{one(), e.now, market.PegAssumed}, true
	}
	return rate{}, false
}

type rate struct {
	price money.Decimal
	at    time.Time
	marks market.Mark
}

// Figures implements insight.Market.
func (e *Engine) Figures(ctx context.Context, a, quote asset.Code) (insight.Figures, error) {
	v, err := e.view(ctx, quote)
	if err != nil {
		return insight.Figures{}, err
	}
	if i, ok := v.index[a]; ok {
		return v.all[i], nil
	}
	if _, ok := e.opt.Assets.Get(a); !ok {
		return insight.Figures{}, fault.At(fault.Unknown, "asset", "there is no asset %s", a)
	}
	return insight.Figures{}, fault.At(fault.Unknown, "asset", "there are no figures of %s now: no connected venue trades it, or none has sent data yet", a)
}

// All implements insight.Market. The list belongs to the caller; what its elements point
// to is shared and never changed.
func (e *Engine) All(ctx context.Context, quote asset.Code) ([]insight.Figures, error) {
	v, err := e.view(ctx, quote)
	if err != nil {
		return nil, err
	}
	return append([]insight.Figures(nil), v.all...), nil
}

// Global implements insight.Market.
func (e *Engine) Global(ctx context.Context, quote asset.Code) (insight.Global, error) {
	v, err := e.view(ctx, quote)
	if err != nil {
		return insight.Global{}, err
	}
	return v.global, nil
}

// Categories implements insight.Market.
func (e *Engine) Categories(ctx context.Context, quote asset.Code) ([]insight.Category, error) {
	v, err := e.view(ctx, quote)
	if err != nil {
		return nil, err
	}
	return append([]insight.Category(nil), v.categories...), nil
}

// Rate implements insight.Market.
func (e *Engine) Rate(ctx context.Context, from, to asset.Code) (money.Decimal, time.Time, error) {
	v, err := e.view(ctx, USD)
	if err != nil {
		return money.Decimal{}, time.Time{}, err
	}
	f, ok := v.rates(from)
	t, ok2 := v.rates(to)
	switch {
	case !ok:
		return money.Decimal{}, time.Time{}, fault.At(fault.Unknown, "from", "there is no rate of %s now", from)
	case !ok2:
		return money.Decimal{}, time.Time{}, fault.At(fault.Unknown, "to", "there is no rate of %s now", to)
	}
	at := f.at
	if t.at.Before(at) {
		at = t.at
	}
	r, ok := ratio(f.price, t.price)
	if !ok {
		return money.Decimal{}, time.Time{}, fault.New(fault.Unavailable, "the rate of %s in %s does not fit 19 digits", from, to)
	}
	return r, at, nil
}

// ratio is a price in another currency, with twelve digits: both are in USD.
func ratio(p, q money.Decimal) (money.Decimal, bool) {
	if q.Equal(one()) {
		return p, true
	}
	f := q.Float64()
	if f <= 0 {
		return p, false
	}
	scale := 12
	if f = p.Float64() / f; f > 0 {
		scale = min(max(11-int(math.Floor(math.Log10(f))), 2), 18)
	}
	return over(p, q, scale)
}
