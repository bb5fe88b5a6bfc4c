package gate_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/accesstest"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/access/limit"
	"github.com/assayhq/assay/fault"
)

// authority is a gate.Lender in memory, at some distance.
type authority struct {
	mu    sync.Mutex
	born  time.Time
	apps  map[string]limit.Kept
	calls int
	away  time.Duration
	cut   error
}

func (a *authority) Lend(ctx context.Context, calls []limit.Call) (out []limit.Grant, err error) {
	a.mu.Lock()
	away, cut := a.away, a.cut
	a.mu.Unlock()
	select {
	case <-time.After(away):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if cut != nil {
		return nil, cut
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls += len(calls)
	for _, c := range calls {
		next, g, _, err := c.Serve(a.apps[c.App], a.born, time.Now(), 1)
		if err != nil {
			return nil, err
		}
		a.apps[c.App] = next
		out = append(out, g)
	}
	return out, nil
}

func (a *authority) set(away time.Duration, cut error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.away, a.cut = away, cut
}

// two gates over one store and one authority, with a caller of each for one app.
func two(t *testing.T, ctx context.Context, plan limit.Plan) (a *authority, g [2]*gate.Gate, c [2]*access.Caller) {
	a = &authority{born: time.Now().Add(-time.Hour), apps: map[string]limit.Kept{}, away: time.Millisecond}
	m := accesstest.NewMemory()
	var token string
	for i := range g {
		var err error
		if g[i], err = gate.New(m.Link(), gate.Options{Node: string(rune('a' + i)), Lender: a}); err != nil {
			t.Fatal(err)
		}
		go g[i].Run(ctx)
		if i == 0 {
			k, err := g[0].Create(ctx, gate.By{}, gate.Spec{Name: "x", App: "x", Scopes: []access.Scope{access.MarketRead}})
			if err == nil {
				err = g[0].SetPlan(ctx, gate.By{}, plan)
			}
			if err == nil {
				err = g[0].SetApp(ctx, gate.By{}, gate.App{Org: k.Ring.Org, Name: "x", Plan: plan.Name})
			}
			if err != nil {
				t.Fatal(err)
			}
			token = k.Token
		}
	}
	time.Sleep(time.Second)
	for i := range g {
		r := httptest.NewRequest("GET", "/v1/me", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		var err error
		if c[i], err = g[i].Authenticate(r); err != nil {
			t.Fatal(err)
		}
	}
	return a, g, c
}

func allowed(g [2]*gate.Gate, c [2]*access.Caller, tries int) (n int, kinds map[fault.Kind]int) {
	kinds = map[fault.Kind]int{}
	for i := range tries {
		if _, err := g[i%2].Allow(c[i%2], 1); err != nil {
			kinds[fault.Of(err)]++
		} else {
			n++
		}
	}
	return n, kinds
}

func TestTwoNodesShareOneBurstAndOneQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		a, g, c := two(t, ctx, limit.Plan{Name: "p", Version: 1, Rate: 1, Burst: 100, Daily: 150})
		n, kinds := allowed(g, c, 200)
		if n > 101 || n < 95 || kinds[fault.Exhausted] != 200-n {
			t.Errorf("%d of 200 were allowed with a burst of 100, refusals %v", n, kinds)
		}
		time.Sleep(3 * time.Minute)
		more, _ := allowed(g, c, 200)
		if n += more; n > 150 || n < 145 {
			t.Errorf("%d were allowed on a day with 150", n)
		}
		a.mu.Lock()
		if a.calls > 120 {
			t.Errorf("%d calls for 400 requests", a.calls)
		}
		a.mu.Unlock()
		stop()
		synctest.Wait()
	})
}

func TestARequestWaitsForUnitsNoLongerThanFiftyMilliseconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		a, g, c := two(t, ctx, limit.Plan{Name: "p", Version: 1, Rate: 100, Burst: 100})
		a.set(20*time.Millisecond, nil)
		began := time.Now()
		if _, err := g[0].Allow(c[0], 1); err != nil || time.Since(began) > 21*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		a.set(300*time.Millisecond, nil)
		time.Sleep(2 * time.Second) // what it held is over
		began = time.Now()
		if _, err := g[0].Allow(c[0], 1); fault.Of(err) != fault.Unavailable || time.Since(began) != 50*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		stop()
		time.Sleep(5 * time.Second)
	})
}

func TestANodeAdriftGivesAShareOfTheRateAndNothingOfAQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		a, g, c := two(t, ctx, limit.Plan{Name: "p", Version: 1, Rate: 100, Burst: 200})
		if n, _ := allowed(g, c, 40); n != 40 {
			t.Fatalf("%d of 40 were allowed", n)
		}
		time.Sleep(6 * time.Second) // nodes are counted
		allowed(g, c, 2)
		a.set(0, errors.New("cut off"))
		time.Sleep(3 * time.Second)
		allowed(g, c, 2) // they notice
		time.Sleep(time.Second)
		n := 0
		for range 1000 { // ten seconds, 200 tries in each
			m, kinds := allowed(g, c, 2)
			if n += m; kinds[fault.Unavailable] > 0 {
				t.Fatalf("refusals %v", kinds)
			}
			time.Sleep(10 * time.Millisecond)
		}
		if n < 950 || n > 1000+102 { // 2 nodes, 50 a second each, and a second of it at once
			t.Errorf("%d were allowed in 10 s by two nodes adrift, the rate is 100", n)
		}
		a.set(time.Millisecond, nil)
		time.Sleep(2 * time.Second)
		if n, _ := allowed(g, c, 100); n < 100 {
			t.Errorf("%d of 100 were allowed afterwards", n)
		}
		if err := g[0].SetPlan(ctx, gate.By{}, limit.Plan{Name: "p", Version: 2, Rate: 100, Burst: 200, Monthly: 1e6}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		a.set(0, errors.New("cut off"))
		allowed(g, c, 2)
		time.Sleep(2 * time.Second)
		if n, kinds := allowed(g, c, 10); n > 0 || kinds[fault.Unavailable] != 10 {
			t.Errorf("%d were allowed that nobody can count, refusals %v", n, kinds)
		}
		stop()
		time.Sleep(5 * time.Second)
	})
}
