package gate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/limit"
	"github.com/assayhq/assay/access/rotation"
	"github.com/assayhq/assay/fault"
)

// Limit is how the caller stands after a request.
type Limit struct {
	limit.Answer
	policy []string // of visitors, whose bucket does not know it
}

// Set writes the limit as headers, see limit.Answer.Set. Retry-After is spread a little,
// always later, so that those refused together do not come back together.
func (l *Limit) Set(h http.Header) {
	if l.policy != nil {
		h["Ratelimit-Policy"] = l.policy
	}
	if l.Allowed || l.Violated != 0 { // else nothing was decided
		l.Answer.Set(h, rand.Uint64())
	}
}

// Exceeded is the cause of the error for a caller above its limits.
type Exceeded struct {
	Policies   []string      // that the request breaks: burst, day, month, concurrency, connections, subscriptions
	RetryAfter time.Duration // 0: when something in progress ends
}

// Error names the policies.
func (e *Exceeded) Error() string { return "above " + strings.Join(e.Policies, ", ") }

func exceeded(a *limit.Answer, p limit.Plan) error {
	var what []string
	for _, x := range []struct {
		bit  limit.Policy
		text string
	}{
		{limit.Burst, fmt.Sprintf("more than %d units per second (%d at once)", p.Rate, p.Burst)},
		{limit.Day, fmt.Sprintf("more than the %d units of this day (UTC)", p.Daily)},
		{limit.Month, fmt.Sprintf("more than the %d units of this month (UTC)", p.Monthly)},
		{limit.Concurrency, fmt.Sprintf("more than %d requests at the same time", p.Concurrency)},
	} {
		if a.Violated&x.bit != 0 {
			what = append(what, x.text)
		}
	}
	wait := "wait for one to end"
	if a.RetryAfter > 0 {
		wait = "wait " + a.RetryAfter.Round(10*time.Millisecond).String()
	}
	return fault.Wrap(fault.Exhausted, &Exceeded{a.Violated.Names(), a.RetryAfter}, "%s: %s", strings.Join(what, ", and "), wait)
}

func (t *tenant) refused(a *limit.Answer) error {
	if a.Allowed {
		return nil
	}
	return exceeded(a, t.account.Plan())
}

// maxRate bounds what an app may be given.
const maxRate = math.MaxInt32 / 4

// App is what an app has of its own, beside its keys. Limits belong to it and not to a
// key, so a rotation changes nothing of them.
type App struct {
	Org   string `json:"org"`
	Name  string `json:"name"`
	Rate  int    `json:"rate"`           // units per second instead of the plan's; 0 is the plan's
	Burst int    `json:"burst"`          // 0 is the plan's, or twice Rate when that is given
	Plan  string `json:"plan,omitempty"` // "" is the gate's default: Options.Rate and Burst, and nothing else limited
}

func appID(org, name string) string {
	sum := sha256.Sum256([]byte(strconv.Itoa(len(org)) + org + name))
	return hex.EncodeToString(sum[:12])
}

// terms are the limits of an app with these settings, under the plan that they name.
func (g *Gate) terms(a App, p limit.Plan) limit.Plan {
	if a.Plan == "" {
		p = limit.Plan{Rate: int64(g.opt.Rate), Burst: int64(g.opt.Burst)}
	}
	if a.Rate > 0 {
		p.Rate, p.Burst = int64(a.Rate), 2*int64(a.Rate)
	}
	if a.Burst > 0 && p.Rate > 0 {
		p.Burst = int64(a.Burst)
	}
	return p
}

// SetApp gives an app its plan, rate and burst, in the place of those it had. More than
// its plan allows is given only by who has keys:grant, or admin:all when the app has a
// plan by name; which plan that is, is for admin:all alone.
func (g *Gate) SetApp(ctx context.Context, by By, a App) error {
	return g.put(ctx, func(tx access.Tx) error { return g.putApp(tx, by, a) })
}

// put runs a change of limits and makes it hold here.
func (g *Gate) put(ctx context.Context, f func(access.Tx) error) error {
	if err := g.ready(ctx); err != nil {
		return err
	}
	if _, err := g.store.Change(ctx, f); err != nil {
		return unavailable(err)
	}
	g.follow(ctx)
	return nil
}

// App gives an app's settings as they are stored; zero ones when it has none.
func (g *Gate) App(ctx context.Context, org, name string) (a App, err error) {
	if err := g.ready(ctx); err != nil {
		return a, err
	}
	err = g.store.View(ctx, func(tx access.Tx) error {
		a, err = g.appIn(tx, org, name)
		return err
	})
	return a, err
}

func (g *Gate) appIn(tx access.Tx, org, name string) (App, error) {
	rec, err := tx.Get(kindApp, appID(org, name))
	if fault.Of(err) == fault.Unknown {
		return App{Org: org, Name: name}, nil
	}
	if err != nil {
		return App{}, err
	}
	a, ok := g.appOf(&rec)
	if !ok {
		return App{}, fault.New(fault.Internal, "the settings of the app %s of %s were changed outside Assay", clip(name), clip(org))
	}
	return a, nil
}

// resize is putApp that keeps the plan.
func (g *Gate) resize(tx access.Tx, by By, a App) error {
	was, err := g.appIn(tx, a.Org, a.Name)
	if err != nil {
		return err
	}
	a.Plan = was.Plan
	return g.putApp(tx, by, a)
}

func (g *Gate) putApp(tx access.Tx, by By, a App) error {
	switch {
	case a.Rate < 0 || a.Rate > maxRate:
		return fault.At(fault.Invalid, "body.rate", "rate is 0 to %d units per second", maxRate)
	case a.Burst < 0 || a.Burst > maxRate:
		return fault.At(fault.Invalid, "body.burst", "burst is 0 to %d units", maxRate)
	}
	now := g.moment()
	was, err := g.appIn(tx, a.Org, a.Name)
	if err != nil {
		return err
	}
	p, err := g.planIn(tx, a.Plan)
	if err != nil {
		return err
	}
	need := access.KeysWrite
	most, given := g.terms(App{Plan: a.Plan}, p), g.terms(a, p)
	switch more := most.Rate > 0 && (given.Rate > most.Rate || given.Burst > most.Burst); {
	case a.Plan != was.Plan, more && a.Plan != "":
		need = access.Admin
	case more: // who may give more than the default is who may give what he has not
		need = access.KeysGrant
	}
	if err := g.may(tx, by, a.Org, need, "", nil, now); err != nil {
		return err
	}
	content, err := json.Marshal(a)
	if err != nil {
		return err
	}
	id := appID(a.Org, a.Name)
	if err := tx.Put(kindApp, id, g.peppers.Load().seal(kindApp, id, tx.Epoch(), content)); err != nil {
		return err
	}
	detail := map[string]string{"rate": strconv.Itoa(a.Rate), "burst": strconv.Itoa(a.Burst)}
	if a.Plan != was.Plan {
		detail["plan"] = a.Plan
	}
	return g.journal(tx, by, &access.Ring{Org: a.Org, App: a.Name}, []rotation.Event{{Type: "app.changed", Detail: detail}}, now)
}

func (g *Gate) appOf(rec *access.Record) (a App, ok bool) {
	content, ok := g.peppers.Load().open(rec.Kind, rec.ID, rec.Epoch, rec.Body)
	return a, ok && json.Unmarshal(content, &a) == nil && appID(a.Org, a.Name) == rec.ID
}

// sized takes an app's settings into the draft; settle puts them in force.
func (g *Gate) sized(d *draft, rec *access.Record) {
	if rec.Body == nil {
		return
	}
	a, ok := g.appOf(rec)
	if !ok {
		g.log.Error("the settings of an app were changed outside Assay; they are not used", "app", rec.ID)
		return
	}
	key := app{a.Org, a.Name}
	t := d.tenant(key, func() *tenant { return g.newTenant(d, key) })
	t.own = a
	d.resize[t] = true
}

// newTenant makes an app with what it used so far. How exact that is after a crash
// depends on whoever answers Options.Used: a meter that writes before it answers forgets
// nothing, one that flushes once a second at most the units of that second. The rate
// bucket starts full, so a restart can be worth one burst.
func (g *Gate) newTenant(d *draft, a app) *tenant {
	if d.now.IsZero() {
		d.now = g.now()
	}
	var u limit.Used
	if g.opt.Used != nil {
		u = g.opt.Used(a.org, a.name, d.now)
	}
	t := &tenant{app: a, account: limit.NewAccount(g.terms(App{}, limit.Plan{}), u)}
	t.leave = t.account.Leave
	t.pool = g.lend(t, u)
	return t
}
