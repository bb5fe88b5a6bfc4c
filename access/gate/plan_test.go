package gate

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/accesstest"
	"github.com/assayhq/assay/access/limit"
	"github.com/assayhq/assay/fault"
)

func setApp(t *testing.T, g *Gate, a App) {
	t.Helper()
	if err := g.SetApp(t.Context(), owner, a); err != nil {
		t.Fatal(err)
	}
}

func setPlan(t *testing.T, g *Gate, p limit.Plan) {
	t.Helper()
	if err := g.SetPlan(t.Context(), owner, p); err != nil {
		t.Fatal(err)
	}
}

// violated are the policies that an error names.
func violated(err error) []string {
	var e *Exceeded
	if fault.Of(err) != fault.Exhausted || !errors.As(err, &e) {
		return nil
	}
	return e.Policies
}

func TestAPlanLimitsADayAndARotationChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // begins at midnight UTC
		g := open(t, accesstest.NewMemory().Link(), Options{})
		k := create(t, g, Spec{Org: "acme", App: "bot"})
		setPlan(t, g, limit.Plan{Name: "tiny", Version: 1, Rate: 100, Burst: 100, Daily: 5, Monthly: 7})
		setApp(t, g, App{Org: "acme", Name: "bot", Plan: "tiny"})
		next, err := g.Rotate(t.Context(), owner, k.Ring.ID, RotateSpec{})
		if err != nil {
			t.Fatal(err)
		}
		for i, tok := range []string{k.Token, next.Token, k.Token, next.Token, k.Token} {
			l, err := g.Allow(caller(t, g, tok), 1)
			if err != nil || l.Day.Remaining != int64(4-i) {
				t.Fatalf("request %d: %+v %v", i, l, err)
			}
		}
		c := caller(t, g, next.Token)
		time.Sleep(time.Hour)
		l, err := g.Allow(c, 1)
		if got := violated(err); !slices.Equal(got, []string{"day"}) || l.RetryAfter != 23*time.Hour {
			t.Fatalf("above the day: %v %+v %v", got, l, err)
		}
		h := http.Header{}
		l.Set(h)
		if got := h.Get("Ratelimit-Policy"); got != `"burst";q=100;w=1, "day";q=5;w=86400;qu="requests", "month";q=7;qu="requests"` {
			t.Error(got)
		}
		if h.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		time.Sleep(23 * time.Hour)
		for range 2 {
			if _, err := g.Allow(c, 1); err != nil {
				t.Fatal("the next day:", err)
			}
		}
		if _, err := g.Allow(c, 4); !slices.Equal(violated(err), []string{"day", "month"}) {
			t.Fatal("above day and month:", err)
		}
	})
}

func TestRequestsAtTheSameTimeAreLimited(t *testing.T) {
	g := open(t, accesstest.NewMemory().Link(), Options{})
	k := create(t, g, Spec{})
	setPlan(t, g, limit.Plan{Name: "two", Version: 1, Concurrency: 2})
	setApp(t, g, App{Org: "default", Name: "default", Plan: "two"})
	c := caller(t, g, k.Token)
	one, _, err := g.Enter(c, 1)
	if err != nil {
		t.Fatal(err)
	}
	two, _, err := g.Enter(c, 1)
	if err != nil {
		t.Fatal(err)
	}
	done, l, err := g.Enter(c, 1)
	if !slices.Equal(violated(err), []string{"concurrency"}) || l.Allowed {
		t.Fatal("a third:", err)
	}
	done() // of a refusal gives nothing back
	if _, _, err := g.Enter(c, 1); err == nil {
		t.Fatal("a refused request made room")
	}
	one()
	three, _, err := g.Enter(c, 1)
	if err != nil {
		t.Fatal("after one had ended:", err)
	}
	two()
	three()
	if n := testing.AllocsPerRun(100, func() {
		done, _, _ := g.Enter(c, 1)
		done()
	}); n > 0 {
		t.Errorf("Enter allocates %v times", n)
	}
}

func TestStreamsAndSubscriptionsAreLimitedAndComeBack(t *testing.T) {
	g := open(t, accesstest.NewMemory().Link(), Options{})
	k := create(t, g, Spec{})
	setApp(t, g, App{Org: "default", Name: "default", Plan: "free"}) // one stream, ten subscriptions
	c := caller(t, g, k.Token)
	s, err := g.Connect(c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Connect(c); !slices.Equal(violated(err), []string{"connections"}) {
		t.Fatal("a second stream:", err)
	}
	if err := s.Subscribe(8); err != nil {
		t.Fatal(err)
	}
	if err := s.Subscribe(3); !slices.Equal(violated(err), []string{"subscriptions"}) {
		t.Fatal("eleven:", err)
	}
	s.Unsubscribe(100) // only what it holds
	if err := s.Subscribe(10); err != nil {
		t.Fatal(err)
	}
	s.Disconnect()
	s.Disconnect()
	again, err := g.Connect(c)
	if err != nil {
		t.Fatal("after the first had ended:", err)
	}
	if err := again.Subscribe(10); err != nil {
		t.Fatal("subscriptions of an ended stream are still held:", err)
	}
	if _, err := g.Connect(c); err == nil {
		t.Fatal("ending a stream twice made room for two")
	}
}

func TestAChangeOfPlanHoldsOnEveryNodeAndIsNoFreshBucket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := accesstest.NewMemory()
		ns := nodes(t, m, 2, Options{})
		defer stopAll(ns)
		a, b := ns[0].Gate, ns[1].Gate
		k := create(t, a, Spec{})
		setPlan(t, a, limit.Plan{Name: "tiny", Version: 1, Rate: 1, Burst: 2, Weights: map[string]int64{"book": 7}})
		setApp(t, a, App{Org: "default", Name: "default", Plan: "tiny"})
		time.Sleep(time.Second)
		c := caller(t, b, k.Token)
		if _, err := b.Allow(c, 2); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Allow(c, 1); fault.Of(err) != fault.Exhausted {
			t.Fatal("the plan is not in force on the other node:", err)
		}
		if got := []int{b.Cost(c, "book", 2), b.Cost(c, "candles", 2)}; !slices.Equal(got, []int{7, 2}) {
			t.Error("weights:", got)
		}
		setPlan(t, a, limit.Plan{Name: "tiny", Version: 2, Rate: 1, Burst: 4})
		time.Sleep(500 * time.Millisecond)
		if b.Plan(c).Burst != 4 {
			t.Fatal("the new version has not arrived")
		}
		if _, err := b.Allow(c, 4); fault.Of(err) != fault.Exhausted {
			t.Fatal("the change refilled the bucket:", err)
		}
	})
}

func TestWhatWasUsedSurvivesARestart(t *testing.T) {
	m := accesstest.NewMemory()
	g := open(t, m.Link(), Options{})
	k := create(t, g, Spec{Org: "acme", App: "bot"})
	setPlan(t, g, limit.Plan{Name: "tiny", Version: 1, Rate: 100, Burst: 100, Daily: 10})
	setApp(t, g, App{Org: "acme", Name: "bot", Plan: "tiny"})
	g = open(t, m.Link(), Options{Used: func(org, app string, now time.Time) limit.Used {
		if org != "acme" || app != "bot" {
			t.Errorf("asked for %s/%s", org, app)
		}
		return limit.Used{At: now, Day: 8, Month: 8}
	}})
	c := caller(t, g, k.Token)
	if l, err := g.Allow(c, 2); err != nil || l.Day.Remaining != 0 {
		t.Fatal(l, err)
	}
	if _, err := g.Allow(c, 1); !slices.Equal(violated(err), []string{"day"}) {
		t.Fatal(err)
	}
}

func TestOnlyTheOperatorSaysWhichPlan(t *testing.T) {
	g := open(t, accesstest.NewMemory().Link(), Options{})
	k := create(t, g, Spec{Scopes: []access.Scope{access.KeysWrite, access.KeysGrant}})
	admin := create(t, g, Spec{Org: "ops", Scopes: []access.Scope{access.Admin}})
	by := func(tok string) By { return By{Caller: caller(t, g, tok)} }
	app := App{Org: "default", Name: "default"}
	with := func(plan string, rate int) App { a := app; a.Plan, a.Rate = plan, rate; return a }
	for _, step := range []struct {
		name string
		a    App
		tok  string
		want fault.Kind
	}{
		{"takes a plan", with("enterprise", 0), k.Token, fault.Denied},
		{"raises the default, with keys:grant", with("", 1000), k.Token, fault.Internal},
		{"the operator gives free", with("free", 0), admin.Token, fault.Internal},
		{"leaves its plan", with("", 0), k.Token, fault.Denied},
		{"raises its plan", with("free", 6), k.Token, fault.Denied},
		{"lowers its plan", with("free", 4), k.Token, fault.Internal},
		{"the operator names what is not there", with("gold", 0), admin.Token, fault.Invalid},
	} {
		err := g.SetApp(t.Context(), by(step.tok), step.a)
		if pass := step.want == fault.Internal; pass != (err == nil) || !pass && fault.Of(err) != step.want {
			t.Errorf("%s: %v", step.name, err)
		}
	}
	create(t, g, Spec{Rate: 3}) // a new key with a rate keeps the plan
	if a, err := g.App(t.Context(), "default", "default"); err != nil || a.Plan != "free" || a.Rate != 3 {
		t.Error(a, err)
	}
	p := limit.Plan{Name: "gold", Version: 1}
	if err := g.SetPlan(t.Context(), by(k.Token), p); fault.Of(err) != fault.Denied {
		t.Error("a customer made a plan:", err)
	}
	for _, p.Version = range []int{3, 3} {
		if err := g.SetPlan(t.Context(), by(admin.Token), p); err != nil {
			t.Error(err)
		}
	}
	p.Version, p.Daily = 3, 9
	if err := g.SetPlan(t.Context(), by(admin.Token), p); fault.Of(err) != fault.Conflict {
		t.Error("other content under the same version:", err)
	}
	p.Version = 0
	if err := g.SetPlan(t.Context(), by(admin.Token), p); fault.Of(err) != fault.Invalid {
		t.Error("version 0:", err)
	}
	if names := sorted(g.Plans()); !slices.Equal(names, []string{"business", "enterprise", "free", "gold", "pro"}) {
		t.Error(names)
	}
}

func TestAPlanChangedBehindOurBackIsWorthNoMore(t *testing.T) {
	m := accesstest.NewMemory()
	s := m.Link()
	g := open(t, s, Options{})
	k := create(t, g, Spec{})
	setPlan(t, g, limit.Plan{Name: "tiny", Version: 1, Rate: 1, Burst: 2, Daily: 1000})
	setApp(t, g, App{Org: "default", Name: "default", Plan: "tiny"})
	_, err := s.Change(t.Context(), func(tx access.Tx) error {
		rec, err := tx.Get(kindPlan, "tiny")
		if err != nil {
			return err
		}
		return tx.Put(kindPlan, "tiny", bytes.Replace(rec.Body, []byte("1000"), []byte("9000"), 1))
	})
	if err != nil {
		t.Fatal(err)
	}
	g = open(t, s, Options{})
	examples, err := limit.Examples()
	if err != nil {
		t.Fatal(err)
	}
	if p := g.Plan(caller(t, g, k.Token)); p.Daily != examples["free"].Daily || p.Rate != examples["free"].Rate {
		t.Errorf("%+v", p)
	}
}

func TestVisitorsAreToldTheirPolicy(t *testing.T) {
	g := open(t, accesstest.NewMemory().Link(), Options{Public: []access.Scope{access.MarketRead}, PublicRate: 5, PublicBurst: 10})
	c, err := g.Authenticate(httptest.NewRequest("GET", "/", nil))
	if err != nil {
		t.Fatal(err)
	}
	l, err := g.Allow(c, 3)
	h := http.Header{}
	l.Set(h)
	if err != nil || h.Get("Ratelimit-Policy") != `"burst";q=10;w=2` || h.Get("X-Ratelimit-Remaining") != "7" {
		t.Error(h, err)
	}
	done, _, err := g.Enter(c, 8)
	if !slices.Equal(violated(err), []string{"burst"}) {
		t.Error(err)
	}
	done()
}

func TestPlansChangeWhileManyAsk(t *testing.T) {
	g := open(t, accesstest.NewMemory().Link(), Options{})
	k := create(t, g, Spec{})
	c := caller(t, g, k.Token)
	const daily = 500
	setPlan(t, g, limit.Plan{Name: "p0", Version: 1, Rate: 1e6, Burst: 1e6, Daily: daily})
	setApp(t, g, App{Org: "default", Name: "default", Plan: "p0"})
	var wg sync.WaitGroup
	var mu sync.Mutex
	passed := 0
	for range 4 {
		wg.Go(func() {
			for range 300 {
				if done, _, err := g.Enter(c, 1); err == nil {
					mu.Lock()
					passed++
					mu.Unlock()
					done()
				}
			}
		})
	}
	for i := range 10 {
		p := limit.Plan{Name: fmt.Sprint("p", i+1), Version: 1, Rate: 1e6, Burst: 1e6 - int64(i), Daily: daily}
		setPlan(t, g, p)
		setApp(t, g, App{Org: "default", Name: "default", Plan: p.Name})
	}
	wg.Wait()
	if passed > daily { // fewer only when the day ends in between
		t.Errorf("%d of %d passed", passed, daily)
	}
}

func BenchmarkEnter(b *testing.B) {
	g, err := New(accesstest.NewMemory().Link(), Options{Rate: maxRate})
	if err != nil {
		b.Fatal(err)
	}
	made, err := g.Create(b.Context(), owner, Spec{Name: "bench", Scopes: []access.Scope{access.MarketRead}})
	if err != nil {
		b.Fatal(err)
	}
	c, err := g.Authenticate(bearer(made.Token))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		done, _, _ := g.Enter(c, g.Cost(c, "book", 1))
		done()
	}
}
