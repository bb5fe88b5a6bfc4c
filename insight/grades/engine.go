package grades

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/insight"
	"github.com/assayhq/assay/insight/grade"
	"github.com/assayhq/assay/market"
)

// Stored lists what candles there are; market.History has it.
type Stored interface {
	Series(ctx context.Context) ([]market.Stored, error)
}

// Options are the parts of an engine. Candles, Stored and Now must be given.
type Options struct {
	Candles market.CandleReader
	Stored  Stored
	// Graded tells whether an asset is to be graded: stablecoins and currencies are not. Nil: all.
	Graded func(asset.Code) bool
	// MaxSupply is an asset's greatest supply, false when there is none or it is not known.
	MaxSupply func(asset.Code) (float64, bool)
	Activity  map[asset.Code]*grade.Series // see grade.ReadActivity; nil: none
	Chain     map[asset.Code]*grade.Series // see grade.ReadChain; nil: none
	Bands     insight.Bands                // zero: grade.EvenBands
	Backcast  int                          // days that grades are computed back; default 400, at most 4000
	Dir       string                       // folder of the record; "": none is kept
	// Simulated tells that the data is not of the real market of this moment: nothing goes on
	// record then. Nil: it is real.
	Simulated func() bool
	Now       func() time.Time // time of the data
	Logger    *slog.Logger
}

const (
	daySeconds = 86400
	dayLength  = 24 * time.Hour
	// history is how many daily bars before the first graded day are read: three years of
	// returns.
	history = 3*365 + 1
	// settleTime is how long after a close late trades are waited for.
	settleTime = 2 * time.Minute
	// onTime is how long after its close a grade may still be written down: later its outcome
	// would have begun to show.
	onTime  = 2 * time.Hour
	cadence = 10 * time.Second
	// refresh is how often new assets are looked for within an hour.
	refresh   = 5 * time.Minute
	maxAssets = 5000
	maxDays   = 4000
)

// Engine implements insight.Grades. Reading is safe from everywhere; Step belongs to one
// goroutine, which Run is.
type Engine struct {
	opt     Options
	log     *slog.Logger
	machine *grade.Machine
	book    *book // nil: no record
	at      atomic.Pointer[view]

	// Of the goroutine that steps.
	tracks []*track
	byCode map[asset.Code]*track
	first  int32 // first day that is graded
	days   int   // how many days are graded
	hour   int64 // last hour that was looked at, since 1970
	done   time.Time
	record []insight.GradeRecord
}

// New makes an engine and opens its record. The error is Invalid for bands or a record
// that is not right.
func New(opt Options) (*Engine, error) {
	if opt.Candles == nil || opt.Stored == nil || opt.Now == nil {
		return nil, fault.New(fault.Internal, "the engine of grades needs candles, what is stored and a clock")
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	if opt.Backcast <= 0 {
		opt.Backcast = 400
	}
	opt.Backcast = min(opt.Backcast, maxDays)
	if opt.Bands.Name == "" {
		opt.Bands = grade.EvenBands()
	}
	if err := grade.CheckBands(opt.Bands); err != nil {
		return nil, err
	}
	m, err := grade.New()
	if err != nil {
		return nil, err
	}
	e := &Engine{opt: opt, log: opt.Logger, machine: m, byCode: map[asset.Code]*track{}, hour: -1}
	if opt.Dir != "" {
		if e.book, err = openBook(opt.Dir, m.Formulas()); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// Run grades until ctx ends. What cannot be read is logged and tried again.
func (e *Engine) Run(ctx context.Context) error {
	t := time.NewTicker(cadence)
	defer t.Stop()
	for {
		if err := e.Step(ctx); err != nil && ctx.Err() == nil {
			e.log.Error("grades could not be computed; trying again", "err", err)
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// Step does what is due at the time of the data: nothing, the grades of an hour, or those
// of all days that closed since the last time.
func (e *Engine) Step(ctx context.Context) error {
	now := e.opt.Now().UTC()
	if now.Unix() <= 0 {
		return nil // a replay that has not begun
	}
	late := now.Add(-settleTime).Unix()
	hour, closed := late/3600, int32(late/daySeconds)-1
	if hour == e.hour && len(e.tracks) > 0 && now.Sub(e.done) < refresh && !now.Before(e.done) {
		return nil
	}
	if e.days > 0 && closed < e.first+int32(e.days)-1 { // a replay of older data
		e.forget()
	}
	if e.days == 0 && e.book != nil { // all that was ever written down counts in the record
		if first, any := e.book.begin(); any {
			e.opt.Backcast = min(max(e.opt.Backcast, int(closed-first)+1), maxDays)
		}
	}
	if err := e.follow(ctx, closed, now); err != nil {
		return err
	}
	fresh := e.days == 0 || e.first+int32(e.days)-1 < closed
	if err := e.closeDays(ctx, closed, now, fresh); err != nil {
		return err
	}
	if err := e.look(ctx, closed, time.Unix(hour*3600, 0).UTC()); err != nil {
		return err
	}
	e.hour, e.done = hour, now
	e.publish(time.Unix(hour*3600, 0).UTC())
	if fresh {
		e.record = e.judge()
		e.publish(time.Unix(hour*3600, 0).UTC())
	}
	return nil
}

// forget begins anew: the next step computes everything back again.
func (e *Engine) forget() {
	e.tracks, e.byCode, e.days = nil, map[asset.Code]*track{}, 0
}
