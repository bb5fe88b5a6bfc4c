package backfill

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
)

// Venue answers questions about its past; *feed.Past is one.
type Venue interface {
	Driver() *venue.Driver
	// Instrument gives what the venue lists of a pair; fault.Unknown if it does not.
	Instrument(ctx context.Context, p market.Pair) (market.Instrument, error)
	// Page asks once, when share of what the feed leaves of the allowance allows it.
	Page(ctx context.Context, a venue.Ask, share float64) (*market.Batch, error)
}

// Options are the parts and bounds of a desk.
type Options struct {
	Dir     string // where jobs are kept
	History market.History
	// Venues gives a venue that is followed.
	Venues func(market.VenueID) (Venue, bool)
	// Flush stores what is on its way into the history; nil: nothing is.
	Flush   func(context.Context) error
	Now     func() time.Time
	Log     *slog.Logger
	Share   float64 // of jobs that state none; 0 is half
	Running int     // jobs at the same time, one of each venue; 0 is 4
}

const (
	maxWaiting = 100 // jobs that have not ended
	maxEnded   = 100 // jobs that have, and are still told
	maxTries   = 30  // of one page, in a row
)

// Desk keeps jobs and runs them. Safe for many at once.
type Desk struct {
	opt  Options
	wake chan struct{}

	mu   sync.Mutex
	jobs []*work // in order of their making
}

// work is a job with what only this process knows of it.
type work struct {
	Job
	cancel context.CancelCauseFunc // nil: it does not run
	begun  time.Time               // by this process
	base   float64                 // percent then
}

// New reads the jobs that are kept; those that had not ended go on when Run runs.
func New(o Options) (*Desk, error) {
	if o.Share == 0 {
		o.Share = 0.5
	}
	if o.Running <= 0 {
		o.Running = 4
	}
	if !(o.Share > 0 && o.Share <= 1) {
		return nil, fault.At(fault.Invalid, "backfills.share", "a share is above 0 and at most 1, such as 0.5")
	}
	d := &Desk{opt: o, wake: make(chan struct{}, 1)}
	jobs, err := load(o.Dir, o.Log)
	if err != nil {
		return nil, err
	}
	for _, j := range jobs {
		if !j.State.Ended() {
			j.State = Queued
		}
		d.jobs = append(d.jobs, &work{Job: j})
	}
	return d, nil
}

// Submit queues a job. Asking again for what a job is about to fetch is a conflict that
// names the job.
func (d *Desk) Submit(ctx context.Context, r Request) (Job, error) {
	v, ok := d.opt.Venues(r.Venue)
	if !ok {
		return Job{}, fault.At(fault.Unknown, "venue", "this server does not follow %q; GET /v1/venues lists those it does", r.Venue)
	}
	now := d.opt.Now().UTC()
	open := r.End.IsZero()
	if err := r.check(v.Driver(), now, d.opt.Share); err != nil {
		return Job{}, err
	}
	look, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	in, err := v.Instrument(look, r.Pair)
	switch {
	case err != nil && fault.Of(err) == fault.Unknown:
		return Job{}, err
	case err == nil && r.What == market.Funding && in.Kind == market.Spot:
		return Job{}, fault.At(fault.Invalid, "pair", "%s is spot: only perpetuals have funding", r.Pair)
	case err == nil:
		j := Job{Request: r, Next: Place{From: r.Start, To: r.End}}
		if _, err := v.Driver().REST.Request(j.ask(in)); err != nil {
			return Job{}, err
		}
	}
	w := &work{Job: Job{ID: "bf_" + strings.ToLower(rand.Text()[:16]), Request: r, State: Queued, Created: now, Next: Place{From: r.Start, To: r.End}}}
	d.mu.Lock()
	defer d.mu.Unlock()
	waiting := 0
	for _, o := range d.jobs {
		if o.State.Ended() {
			continue
		}
		waiting++
		same := o.Request
		if open && same.End.Before(r.End) {
			same.End = r.End // both run up to when they were asked for
		}
		same.Share = r.Share
		if same == r {
			return Job{}, fault.New(fault.Conflict, "%s fetches this already; GET /v1/backfills/%s tells how far it is", o.ID, o.ID)
		}
	}
	if waiting >= maxWaiting {
		return Job{}, fault.New(fault.Exhausted, "%d backfills wait already, which is all this server keeps: wait for some to end, or cancel some", waiting)
	}
	if err := save(d.opt.Dir, &w.Job); err != nil {
		return Job{}, err
	}
	d.jobs = append(d.jobs, w)
	d.prune()
	d.poke()
	return d.tell(w), nil
}

// prune forgets the oldest jobs that have ended.
func (d *Desk) prune() {
	ended := 0
	for _, w := range d.jobs {
		if w.State.Ended() {
			ended++
		}
	}
	d.jobs = slices.DeleteFunc(d.jobs, func(w *work) bool {
		if ended <= maxEnded || !w.State.Ended() {
			return false
		}
		ended--
		if err := drop(d.opt.Dir, w.ID); err != nil {
			d.opt.Log.Warn("a backfill could not be forgotten", "job", w.ID, "err", err)
		}
		return true
	})
}

func (d *Desk) poke() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// List gives the jobs, made last first.
func (d *Desk) List() []Job {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := make([]Job, 0, len(d.jobs))
	for _, w := range slices.Backward(d.jobs) {
		out = append(out, d.tell(w))
	}
	return out
}

// Get gives one job.
func (d *Desk) Get(id string) (Job, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	w := d.find(id)
	if w == nil {
		return Job{}, unknown(id)
	}
	return d.tell(w), nil
}

// Cancel ends a job. What it has fetched stays. One that has ended stays as it is.
func (d *Desk) Cancel(id string) (Job, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	w := d.find(id)
	if w == nil {
		return Job{}, unknown(id)
	}
	if w.State.Ended() {
		return d.tell(w), nil
	}
	w.State, w.Ended = Cancelled, d.opt.Now().UTC()
	if w.cancel != nil {
		w.cancel(errCancelled)
	}
	return d.tell(w), save(d.opt.Dir, &w.Job)
}

var errCancelled = errors.New("cancelled")

func unknown(id string) error {
	if len(id) > 40 {
		id = id[:40]
	}
	return fault.At(fault.Unknown, "path.id", "there is no backfill %q; GET /v1/backfills lists them", id)
}

func (d *Desk) find(id string) *work {
	for _, w := range d.jobs {
		if w.ID == id {
			return w
		}
	}
	return nil
}

// tell copies a job with what is computed of it.
func (d *Desk) tell(w *work) Job {
	j := w.Job
	j.Percent = j.percent()
	if gained := j.Percent - w.base; j.State == Running && gained > 0 {
		j.Left = time.Duration(float64(d.opt.Now().Sub(w.begun)) * (100 - j.Percent) / gained)
	}
	return j
}

// Run runs jobs until ctx ends; those that have not ended then go on the next time.
func (d *Desk) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		for w := d.turn(ctx); w != nil; w = d.turn(ctx) {
			wg.Go(func() {
				d.run(w)
				d.poke()
			})
		}
		select {
		case <-d.wake:
		case <-ctx.Done():
			return nil
		}
	}
}

// running is a job in the hands of its goroutine.
type running struct {
	*work
	ctx context.Context
}

// turn begins the oldest job whose venue is free; nil when there is none.
func (d *Desk) turn(ctx context.Context) *running {
	d.mu.Lock()
	defer d.mu.Unlock()
	busy, n := map[market.VenueID]bool{}, 0
	for _, w := range d.jobs {
		if w.cancel != nil {
			busy[w.Venue] = true
			n++
		}
	}
	if n >= d.opt.Running || ctx.Err() != nil {
		return nil
	}
	for _, w := range d.jobs {
		if w.State != Queued || busy[w.Venue] {
			continue
		}
		r := &running{work: w}
		r.ctx, w.cancel = context.WithCancelCause(ctx)
		w.State, w.begun, w.base = Running, d.opt.Now().UTC(), w.percent()
		if w.Started.IsZero() {
			w.Started = w.begun
		}
		return r
	}
	return nil
}

// run fetches page after page, and says how it ended.
func (d *Desk) run(w *running) {
	err := d.fetch(w)
	d.mu.Lock()
	defer d.mu.Unlock()
	stopped := w.ctx.Err() != nil
	w.cancel(nil)
	w.cancel = nil
	switch {
	case w.State == Cancelled: // it says so already
	case stopped:
		w.State = Queued // the server stops: it goes on where it was
		return
	case err != nil:
		w.State, w.Error, w.Ended = Failed, fault.Public(err), d.opt.Now().UTC()
		d.opt.Log.Warn("a backfill failed", "job", w.ID, "venue", string(w.Venue), "pair", string(w.Pair), "rows", w.Rows, "err", err)
	default:
		w.State, w.Ended = Done, d.opt.Now().UTC()
	}
	if err := save(d.opt.Dir, &w.Job); err != nil {
		d.opt.Log.Error("the end of a backfill could not be stored; it is fetched again after a restart", "job", w.ID, "err", err)
	}
}

func (d *Desk) fetch(w *running) error {
	v, ok := d.opt.Venues(w.Venue)
	if !ok {
		return fault.New(fault.Unknown, "this server does not follow %s any more", w.Venue)
	}
	var in market.Instrument
	err := d.patiently(w, func() (err error) {
		in, err = v.Instrument(w.ctx, w.Pair)
		return err
	})
	if err != nil {
		return err
	}
	a := w.ask(in)
	for {
		var got *market.Batch
		err := d.patiently(w, func() (err error) {
			got, err = v.Page(w.ctx, a, w.Share)
			return err
		})
		if err != nil {
			return err
		}
		next, more := a, false
		if f := v.Driver().REST.Next; f != nil {
			next, more = f(a, got)
		}
		if more && placeOf(next) == placeOf(a) {
			return fault.New(fault.Internal, "the pages of %s do not move on", v.Driver().Spec.Name)
		}
		if err := d.keep(w, v.Driver(), got, next, more); err != nil || !more {
			return err
		}
		a = next
	}
}

// keep stores a page, and then the job's place after it.
func (d *Desk) keep(w *running, dr *venue.Driver, got *market.Batch, next venue.Ask, more bool) error {
	if d.opt.Flush != nil {
		if err := d.opt.Flush(w.ctx); err != nil {
			return err
		}
	}
	p, err := sift(w.ctx, d.opt.History, dr, &w.Job, got)
	if err != nil {
		return err
	}
	if !p.fresh.Empty() {
		if err := d.opt.History.Append(w.ctx, &p.fresh); err != nil {
			return err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	w.Pages++
	w.Rows += int64(p.rows)
	w.Added += int64(len(p.fresh.Candles) + len(p.fresh.Trades) + len(p.fresh.Derivatives))
	w.move(&p, next, more)
	w.Next = placeOf(next)
	if !more {
		w.Note = w.shortfall(dr)
		return nil // its end is stored with it
	}
	return save(d.opt.Dir, &w.Job)
}

// patiently tries again, with growing pauses, while the venue is only busy or away.
func (d *Desk) patiently(w *running, f func() error) error {
	for try := 1; ; try++ {
		err := f()
		if err == nil || w.ctx.Err() != nil {
			return err
		}
		var known *fault.Error
		if try >= maxTries || errors.As(err, &known) && !known.Kind.Retryable() {
			return err
		}
		d.mu.Lock()
		w.Retries++
		w.Error = fault.Public(err)
		d.mu.Unlock()
		select {
		case <-time.After(min(time.Second<<min(try-1, 10), time.Minute)):
		case <-w.ctx.Done():
			return w.ctx.Err()
		}
	}
}
