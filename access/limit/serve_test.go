package limit

import (
	"testing"
	"time"
)

func serve(t *testing.T, c Call, k Kept, born, now time.Time) (Kept, Grant) {
	t.Helper()
	next, g, _, err := c.Serve(k, born, now, 7)
	if err != nil {
		t.Fatal(err)
	}
	return next, g
}

func TestAnAuthorityGoesOnFromWhatIsKeptOfIt(t *testing.T) {
	born := time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)
	now := born.Add(time.Hour)
	c := Call{App: "a", Plan: Plan{Rate: 100, Burst: 100, Daily: 1000}, Since: 5, Used: Used{At: now, Day: 900, Month: 900}, Ask: Ask{Node: "n", Seq: 1, Min: 60, Want: 60}}
	k, g := serve(t, c, Kept{}, born, now)
	if g.Tokens != 60 || g.Day.Remaining != 100 {
		t.Fatalf("a store that was there for an hour, 900 of 1000 used: %+v", g)
	}
	if k2, g := serve(t, c, k, born, now); g.Tokens != 0 || g.Violated != Burst|Day {
		t.Errorf("40 of the burst and of the day are left, 60 asked for: %+v of %+v", g, k2)
	}
	// The state is lost in a crash, what was saved is not.
	_, g = serve(t, c, Kept{Saved: k.Saved}, now, now.Add(LeaseTTL/2))
	if g.Tokens != 0 || g.Violated&Burst == 0 {
		t.Errorf("granted half a lease after the state was lost: %+v", g)
	}
	if c.Ask.Min, c.Ask.Want = 1, 1; g.Day.Remaining > 40 {
		t.Errorf("%d units of the day are left after a crash, want at most 40", g.Day.Remaining)
	}
	// A node that has not heard of a change of plan does not take it back.
	c.Plan.Rate, c.Plan.Burst, c.Since = 10, 10, 9
	k, _ = serve(t, c, k, born, now)
	c.Plan.Rate, c.Plan.Burst, c.Since = 100, 100, 8
	if _, g = serve(t, c, k, born, now.Add(10*time.Second)); g.Rate.Limit != 10 {
		t.Errorf("the burst is %d after an older node asked, want 10", g.Rate.Limit)
	}
	if _, _, _, err := c.Serve(Kept{State: []byte("{")}, born, now, 7); err == nil {
		t.Error("a damaged state was taken")
	}
}

func TestASmallQuotaCanBeUsedWhole(t *testing.T) {
	born := time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)
	k, got := Kept{}, int64(0)
	for i := range 20 {
		c := Call{App: "a", Plan: Plan{Rate: 100, Burst: 100, Daily: 7}, Ask: Ask{Node: "n", Seq: uint64(i), Min: 1, Want: 2}}
		var g Grant
		k, g = serve(t, c, k, born, born.Add(time.Hour))
		got += g.Tokens
	}
	if got != 7 {
		t.Errorf("%d units of a day with 7 were granted", got)
	}
}
