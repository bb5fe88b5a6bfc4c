package webhook

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/notify"
)

// Timeout is how long one attempt may take, from the name lookup to the end of the answer.
const Timeout = 15 * time.Second

// ledger is how long an attempt may spend with the stores, before and after it is sent.
// Twice that and Timeout stay below notify.Lease.
const ledger = 10 * time.Second

// Secrets gives the text of a signing secret (whsec_ or whsk_) by its reference.
type Secrets interface {
	Secret(ctx context.Context, ref string) (string, error)
}

// Options of an Engine. The zero value is good.
type Options struct {
	Guard       *Guard        // nil is the strict guard
	Concurrency int           // attempts at a time; 0 is 64
	Poll        time.Duration // how often to ask for what became due; 0 is 1 s
	Agent       string        // User-Agent; "" is "assay-webhook"
	// Mail writes an event to the address of an endpoint that is mailto:, within ctx. Nil: no
	// letters are sent, and such deliveries fail.
	Mail   func(ctx context.Context, e notify.Event, to string) error
	Now    func() time.Time // nil is time.Now
	Random func() float64   // jitter in [0, 1); nil is random
	Log    *slog.Logger     // nil logs nothing
}

// Engine claims deliveries that are due, sends them and records what became of them.
// Several engines may share an outbox.
//
// Ownership: Run's goroutine alone asks the outbox for claims and counts free places; each
// claimed delivery belongs to one goroutine that Run waits for. A claim is taken only when
// a place is free, so it never ages in a queue.
type Engine struct {
	outbox    notify.Outbox
	endpoints notify.Endpoints
	secrets   Secrets
	client    *http.Client
	guard     *Guard
	o         Options
	wake      chan struct{}
}

// New makes an engine that does nothing until Run.
func New(outbox notify.Outbox, endpoints notify.Endpoints, secrets Secrets, o Options) *Engine {
	if o.Guard == nil {
		o.Guard = &Guard{}
	}
	if o.Concurrency <= 0 {
		o.Concurrency = 64
	}
	if o.Poll <= 0 {
		o.Poll = time.Second
	}
	if o.Agent == "" {
		o.Agent = "assay-webhook"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = random
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Engine{
		outbox: outbox, endpoints: endpoints, secrets: secrets, guard: o.Guard, o: o, wake: make(chan struct{}, 1),
		client: &http.Client{
			Transport:     o.Guard.Transport(),
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// Wake makes Run look for due deliveries now rather than at the next poll. It never blocks.
func (e *Engine) Wake() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// Run delivers until ctx ends, then waits for the attempts under way, each of which ends
// within Timeout and the time to record it. It always gives ctx's error.
func (e *Engine) Run(ctx context.Context) error {
	done := make(chan struct{}, e.o.Concurrency) // never blocks a sender
	busy := 0
	defer func() {
		for ; busy > 0; busy-- {
			<-done
		}
		e.client.CloseIdleConnections()
	}()
	tick := time.NewTicker(e.o.Poll)
	defer tick.Stop()
	for ctx.Err() == nil {
		if free := e.o.Concurrency - busy; free > 0 {
			ds, err := e.due(ctx, free)
			if err != nil && ctx.Err() == nil {
				e.o.Log.ErrorContext(ctx, "webhook: no deliveries can be claimed", "err", err)
			}
			for _, d := range ds {
				busy++
				go func() {
					defer func() { done <- struct{}{} }()
					e.handle(context.WithoutCancel(ctx), d)
				}()
			}
		}
		select {
		case <-done:
			busy--
		case <-e.wake:
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

func (e *Engine) due(ctx context.Context, limit int) ([]notify.Delivery, error) {
	ctx, cancel := context.WithTimeout(ctx, ledger)
	defer cancel()
	return e.outbox.Due(ctx, e.o.Now(), limit)
}

// Replay sends an event to an endpoint again, with the same webhook-id and a new schedule;
// a delivery that waits for its next attempt is made due at once instead.
func (e *Engine) Replay(ctx context.Context, h notify.History, event, endpoint string) error {
	p, err := e.endpoints.Endpoint(ctx, endpoint)
	if err != nil {
		return err
	}
	if p.State != notify.Enabled {
		return fault.New(fault.Conflict, "endpoint %s is disabled; enable it before a replay", endpoint)
	}
	v, err := h.Event(ctx, event)
	if err != nil {
		return err
	}
	if v.Org != p.Org {
		// As if it did not exist: another organisation's event is nobody's business.
		return fault.New(fault.Unknown, "no event %.64q", event)
	}
	if err := e.outbox.Enqueue(ctx, notify.Delivery{Event: v, Endpoint: endpoint, N: 1, Due: e.o.Now()}); err != nil {
		return err
	}
	e.Wake()
	return nil
}
