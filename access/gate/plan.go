package gate

import (
	"context"
	"encoding/json"
	"maps"
	"reflect"
	"strconv"
	"sync"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/limit"
	"github.com/assayhq/assay/access/rotation"
	"github.com/assayhq/assay/fault"
)

// Plans are records like rings: sealed, versioned and known to every node. The examples
// of package limit are there from the start; a record takes the place of the example of
// its name.
//
// With Options.Lender the rate, the burst and the quotas of a plan hold for all nodes
// together: nodes spend what the app's one authority has lent them (see limit.Authority),
// and never more, whatever fails. Without one, which is right for a single node, each
// node counts by itself. Concurrency, connections and subscriptions are counted by each
// node in both cases: on N nodes behind one address an app can have N times as many.

// fallback is the plan of an app whose own cannot be read: the least there is, because
// what was changed behind our back must not be worth more.
const fallback = "free"

// SetPlan stores a plan, which holds for its apps at once; what they used stays used. A
// version that is not above the stored one is a Conflict, save the same again. It needs
// admin:all.
func (g *Gate) SetPlan(ctx context.Context, by By, p limit.Plan) error {
	content, err := json.Marshal(map[string][]limit.Plan{"plans": {p}})
	if err != nil {
		return fault.Wrap(fault.Invalid, err, "the plan cannot be written as JSON")
	}
	checked, err := limit.ParsePlans(content)
	if err != nil {
		return err
	}
	p = checked[p.Name]
	return g.put(ctx, func(tx access.Tx) error {
		now := g.moment()
		if err := g.may(tx, by, "", access.Admin, "", nil, now); err != nil {
			return err
		}
		switch was, err := g.planIn(tx, p.Name); {
		case err != nil && fault.Of(err) != fault.Invalid: // Invalid: there is none yet
			return err
		case err == nil && reflect.DeepEqual(was, p):
			return nil
		case err == nil && p.Version <= was.Version:
			return fault.At(fault.Conflict, "body.version", "the plan %s has version %d; give the change version %d", p.Name, was.Version, was.Version+1)
		}
		if err := tx.Put(kindPlan, p.Name, g.peppers.Load().seal(kindPlan, p.Name, tx.Epoch(), content)); err != nil {
			return err
		}
		return g.journal(tx, by, &access.Ring{ID: "plan:" + p.Name}, []rotation.Event{{Type: "plan.changed", Detail: map[string]string{
			"plan": p.Name, "version": strconv.Itoa(p.Version)}}}, now)
	})
}

// Plans are the plans in force, by name.
func (g *Gate) Plans() limit.Plans {
	if s := g.snap.Load(); s != nil {
		return maps.Clone(s.plans)
	}
	return nil
}

// Plan is what limits a caller: its app's plan with its own rate and burst, or for a
// caller without a key the network's rate.
func (g *Gate) Plan(c *access.Caller) limit.Plan {
	if t := g.tenantOf(c); t != nil && c.KeyID != "" {
		return t.account.Plan()
	}
	return limit.Plan{Rate: int64(g.opt.PublicRate), Burst: int64(g.opt.PublicBurst)}
}

// Cost is what a request of an endpoint class costs the caller: the weight that its plan
// gives the class, or else usual.
func (g *Gate) Cost(c *access.Caller, class string, usual int) int {
	if c.KeyID == "" {
		return usual
	}
	if t := g.tenantOf(c); t != nil {
		if w, ok := t.account.Plan().Weights[class]; ok {
			return int(w)
		}
	}
	return usual
}

// planIn reads a plan as it is stored; "" is none and its limits mean nothing.
func (g *Gate) planIn(tx access.Tx, name string) (limit.Plan, error) {
	if name == "" {
		return limit.Plan{}, nil
	}
	rec, err := tx.Get(kindPlan, name)
	switch fault.Of(err) {
	case fault.Unknown:
		examples, err := limit.Examples()
		if err != nil {
			return limit.Plan{}, err
		}
		p, ok := examples[name]
		if !ok {
			return p, fault.At(fault.Invalid, "body.plan", "there is no plan %q; there are %v", clip(name), sorted(g.Plans()))
		}
		return p, nil
	}
	if err != nil {
		return limit.Plan{}, err
	}
	p, ok := g.planOf(&rec)
	if !ok {
		return p, fault.New(fault.Internal, "the plan %s was changed outside Assay", clip(name))
	}
	return p, nil
}

func (g *Gate) planOf(rec *access.Record) (limit.Plan, bool) {
	content, ok := g.peppers.Load().open(rec.Kind, rec.ID, rec.Epoch, rec.Body)
	if !ok {
		return limit.Plan{}, false
	}
	list, err := limit.ParsePlans(content)
	p, ok := list[rec.ID]
	return p, ok && err == nil
}

// planned takes a plan into the draft; settle puts it in force.
func (g *Gate) planned(d *draft, rec *access.Record) {
	g.examples(d)
	d.replan = true
	d.s.plans = maps.Clone(d.s.plans)
	p, ok := limit.Plan{}, false
	if rec.Body != nil {
		p, ok = g.planOf(rec)
	}
	if !ok {
		g.log.Error("a plan was changed or removed outside Assay; its apps have the plan "+fallback, "plan", rec.ID)
		delete(d.s.plans, rec.ID)
		return
	}
	d.s.plans[p.Name] = p
}

func (g *Gate) examples(d *draft) {
	if d.s.plans != nil {
		return
	}
	list, err := limit.Examples()
	if err != nil {
		g.log.Error("the plans that come with the program cannot be read", "err", err)
		list = limit.Plans{}
	}
	d.s.plans = list
}

// settle puts changed plans and settings in force. It comes after all records were read,
// because an app may come before its plan. Gate.mu is held, so changes of one account
// come one at a time.
func (g *Gate) settle(d *draft) {
	g.examples(d)
	if d.replan {
		for _, part := range d.s.apps {
			for _, t := range part {
				d.resize[t] = true
			}
		}
	}
	now := g.now()
	for t := range d.resize {
		p, ok := d.s.plans[t.own.Plan]
		if !ok && t.own.Plan != "" {
			g.log.Error("an app has a plan that is not there; it has the plan "+fallback, "org", t.org, "app", t.name, "plan", t.own.Plan)
			p, ok = d.s.plans[fallback]
			if !ok {
				p = limit.Plan{Name: fallback, Rate: 1, Burst: 1, Daily: 1, Concurrency: 1, Connections: 1, Subscriptions: 1}
			}
		}
		if p = g.terms(t.own, p); !reflect.DeepEqual(p, t.account.Plan()) {
			t.account.Change(p, now)
			t.pool.change(p)
		}
	}
	clear(d.resize)
}

// Connection is one open stream of an app, with its subscriptions. It holds on to the
// app's account, so what it gives back goes where it was taken from, whatever happened
// to the key meanwhile. Its methods may be called at the same time.
type Connection struct {
	account *limit.Account // nil without a key: visitors are limited by rate alone
	mu      sync.Mutex
	held    int64
	closed  bool
}

// Connect takes one of the streams that the app may have open; the caller calls
// Disconnect once it has ended. The error is Exhausted when the app has none left.
func (g *Gate) Connect(c *access.Caller) (*Connection, error) {
	if c.KeyID == "" {
		return &Connection{}, nil
	}
	t := g.tenantOf(c)
	if t == nil {
		return nil, fault.New(fault.Unauthentic, "the key %s is no longer accepted", c.KeyID)
	}
	if !t.account.Connect() {
		return nil, fault.Wrap(fault.Exhausted, &Exceeded{Policies: []string{"connections"}}, "more than %d streams at the same time: close one", t.account.Plan().Connections)
	}
	return &Connection{account: t.account}, nil
}

// Subscribe takes n subscriptions, all or none. The error is Exhausted when the app's
// streams have not so many left.
func (c *Connection) Subscribe(n int) error {
	if c.account == nil || n <= 0 {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return fault.New(fault.Conflict, "the stream has ended")
	}
	if !c.account.Subscribe(int64(n)) {
		return fault.Wrap(fault.Exhausted, &Exceeded{Policies: []string{"subscriptions"}}, "more than %d subscriptions of all streams together: end some", c.account.Plan().Subscriptions)
	}
	c.held += int64(n)
	return nil
}

// Unsubscribe gives n subscriptions back, at most those that the stream holds.
func (c *Connection) Unsubscribe(n int) {
	if c.account == nil || n <= 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	give := min(int64(n), c.held)
	c.held -= give
	c.account.Unsubscribe(give)
}

// Disconnect gives everything back; a second call does nothing.
func (c *Connection) Disconnect() {
	if c.account == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.closed = true
	c.account.Unsubscribe(c.held)
	c.account.Disconnect()
}
