package limit

import (
	"encoding/json"
	"time"

	"github.com/assayhq/assay/fault"
)

// Call is an Ask as it goes to a store that keeps the authorities of all apps: with what
// the authority needs to know of the app. One authority serves all nodes because the
// store runs the calls of one app one after the other, each in a transaction.
type Call struct {
	App   string
	Plan  Plan
	Since int64 // the change of the control plane that Plan is as of; a later one wins
	Used  Used  // what was used before there was any Reservation
	Ask   Ask
}

// Kept is what a store keeps of an app's authority. Both parts are written in the
// transaction that answers a call, and an answer counts only when that was committed.
// State need not survive a crash of the store: without it a new authority begins, which
// knows nothing of open leases and so starts empty. Saved has to survive.
type Kept struct {
	State []byte // nil: none
	Saved Reservation
}

// state is an Authority as it is kept.
type state struct {
	Plan       Plan             `json:"p"`
	Since      int64            `json:"s"`
	Epoch      uint64           `json:"e"`
	Level      int64            `json:"l"`
	At         int64            `json:"t"`
	Open       [][4]int64       `json:"o,omitempty"` // units, until, day, month
	First      uint64           `json:"f"`
	Nodes      map[string]int64 `json:"n"`
	Day, Month [3]int64
}

// Serve answers the call at now, which is by the store's clock and read after the app's
// authority was locked. born is a moment from which on the store has kept every State
// that was written: an authority without one begins there. epoch is a number that is
// unlikely ever to come again; it is used for a new authority alone. durable tells
// whether Saved has changed.
func (c *Call) Serve(k Kept, born, now time.Time, epoch uint64) (next Kept, g Grant, durable bool, err error) {
	a, since, err := c.restore(k, born, epoch)
	if err != nil {
		return k, g, false, err
	}
	p := bare(c.Plan)
	if c.Since >= since {
		if since = c.Since; !same(p, a.plan) {
			a.Change(p, now)
		}
	}
	a.settle(dateOf(now))
	// What a lease may need is saved before it is granted, in the same transaction.
	a.wanted = max(min(c.Ask.Want, a.share()), c.Ask.Min, 0)
	next = k
	if r, ok := a.Due(); ok || k.Saved == (Reservation{}) {
		a.Saved(r)
		next.Saved, durable = r, true
	}
	a.wanted = 0
	g = a.Answer(now, c.Ask)
	next.State, err = a.state(since)
	return next, g, durable, err
}

func (c *Call) restore(k Kept, born time.Time, epoch uint64) (*Authority, int64, error) {
	if len(k.State) == 0 {
		saved := k.Saved
		if saved == (Reservation{}) && !c.Used.At.IsZero() {
			d := dateOf(c.Used.At)
			saved = Reservation{Day: d.day, Month: d.month, DayUnits: c.Used.Day, MonthUnits: c.Used.Month}
		}
		return NewAuthority(bare(c.Plan), epoch, saved, born), c.Since, nil
	}
	var s state
	if err := json.Unmarshal(k.State, &s); err != nil || s.Plan.Rate < 0 || s.Level < 0 {
		return nil, 0, fault.Wrap(fault.Internal, err, "what is kept of the limits of the app %.80q cannot be read", c.App)
	}
	a := &Authority{plan: s.Plan, epoch: s.Epoch, level: s.Level, at: s.At, first: s.First, nodes: s.Nodes, day: pageOf(s.Day), month: pageOf(s.Month)}
	if a.nodes == nil {
		a.nodes = map[string]int64{}
	}
	a.bucket.init(s.Plan.Rate, s.Plan.Burst)
	for _, o := range s.Open {
		a.open = append(a.open, openLease{o[0], o[1], uint64(o[2]), uint64(o[3])})
		a.held += o[0]
	}
	return a, s.Since, nil
}

func (a *Authority) state(since int64) ([]byte, error) {
	s := state{Plan: a.plan, Since: since, Epoch: a.epoch, Level: a.level, At: a.at, First: a.first, Nodes: a.nodes, Day: a.day.kept(), Month: a.month.kept()}
	for _, o := range a.open {
		s.Open = append(s.Open, [4]int64{o.units, o.until, int64(o.day), int64(o.month)})
	}
	return json.Marshal(s)
}

func (p *page) kept() [3]int64 { return [3]int64{int64(p.period), p.used, p.mark} }
func pageOf(k [3]int64) page   { return page{uint64(k[0]), k[1], k[2]} }
func bare(p Plan) Plan         { return Plan{Rate: p.Rate, Burst: p.Burst, Daily: p.Daily, Monthly: p.Monthly} }
func same(p, q Plan) bool {
	return p.Rate == q.Rate && p.Burst == q.Burst && p.Daily == q.Daily && p.Monthly == q.Monthly
}
