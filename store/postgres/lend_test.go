package postgres_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/assayhq/assay/access/limit"
	"github.com/assayhq/assay/internal/pgtest"
	"github.com/assayhq/assay/store/postgres"

	"github.com/jackc/pgx/v5"
)

func call(app string, p limit.Plan, node string, units int64) limit.Call {
	return limit.Call{App: app, Plan: p, Since: 1, Ask: limit.Ask{Node: node, Seq: 1, Min: 1, Want: units}}
}

func TestNodesThatAskTogetherNeverGetMoreThanThereIs(t *testing.T) {
	url := server(t)
	p := limit.Plan{Daily: 1000}
	first := open(t, postgres.Options{URL: url, Schema: "lend"})
	defer first.Close()
	for { // what has just been made begins with a lease's length of nothing
		g, err := first.Lend(t.Context(), []limit.Call{call("other", p, "z", 1)})
		if err != nil {
			t.Fatal(err)
		}
		if g[0].Tokens > 0 {
			break
		}
		time.Sleep(g[0].Next)
	}
	var mu sync.Mutex
	got := map[string]int64{}
	var wg sync.WaitGroup
	for node := range 4 {
		s := open(t, postgres.Options{URL: url, Schema: "lend"})
		defer s.Close()
		wg.Go(func() {
			for i := range 60 {
				apps := []string{"z/app", "a/app"}
				if i%2 == 1 {
					apps = []string{"m/app", "a/app", "z/app"}
				}
				var calls []limit.Call
				for _, a := range apps {
					calls = append(calls, call(a, p, string(rune('a'+node)), 13))
				}
				grants, err := s.Lend(t.Context(), calls)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				for i, g := range grants {
					got[apps[i]] += g.Tokens
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for _, a := range []string{"a/app", "m/app", "z/app"} {
		if got[a] != 1000 {
			t.Errorf("%s: %d units of a day with 1000 were granted", a, got[a])
		}
	}
}

func TestCallsWithoutAnAppOrWithOneTwiceAreRefused(t *testing.T) {
	s := open(t, postgres.Options{URL: server(t), Schema: "lendbad"})
	defer s.Close()
	p := limit.Plan{Daily: 10}
	for _, calls := range [][]limit.Call{{call("", p, "n", 1)}, {call("a", p, "n", 1), call("a", p, "n", 1)}, {call("a\x00", p, "n", 1)}} {
		if _, err := s.Lend(t.Context(), calls); err == nil {
			t.Errorf("%+v was answered", calls)
		}
	}
}

func TestACrashOfTheDatabaseForgetsLeasesButNoQuota(t *testing.T) {
	if testing.Short() {
		t.Skip("a database of its own is started")
	}
	db := pgtest.Start(t)
	s := open(t, postgres.Options{URL: db.URL()})
	defer s.Close()
	p := limit.Plan{Rate: 1, Burst: 50, Daily: 60}
	spent := int64(0)
	for deadline := time.Now().Add(time.Minute); spent == 0; { // it has just been made, so the bucket begins empty
		g, err := s.Lend(t.Context(), []limit.Call{call("a", p, "n", 50)})
		if err != nil || time.Now().After(deadline) {
			t.Fatal(err, g)
		}
		spent += g[0].Tokens
		time.Sleep(20 * time.Millisecond)
	}
	if err := db.Kill(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
	if _, err := s.Lend(ctx, []limit.Call{call("a", p, "n", 1)}); err == nil {
		t.Error("a grant without a database")
	}
	stop()
	if err := db.Again(); err != nil {
		t.Fatal(err)
	}
	g, err := s.Lend(t.Context(), []limit.Call{call("a", p, "n", 50)})
	if err != nil {
		t.Fatal(err)
	}
	if g[0].Tokens != 0 || g[0].Rate.Remaining != 0 {
		t.Errorf("just after a crash: %+v; open leases are not known, so nothing may be granted", g[0])
	}
	if left := g[0].Day.Remaining; left > 60-spent {
		t.Errorf("%d units of the day are left of 60 after %d were granted", left, spent)
	}
	c, err := pgx.Connect(t.Context(), db.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	var n int
	if err := c.QueryRow(t.Context(), `SELECT count(*) FROM assay.quota`).Scan(&n); err != nil || n != 1 {
		t.Errorf("%d quotas are kept (%v)", n, err)
	}
}
