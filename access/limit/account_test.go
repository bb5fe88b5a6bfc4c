package limit

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throttled/throttled/v2"

	"github.com/assayhq/assay/fault"
)

var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// clocked is a store of the other limiter: one value and the trace's clock.
type clocked struct {
	now   time.Time
	value int64
}

func (c *clocked) GetWithTime(string) (int64, time.Time, error) { return c.value, c.now, nil }

func (c *clocked) SetIfNotExistsWithTTL(_ string, v int64, _ time.Duration) (bool, error) {
	c.value = v
	return true, nil
}

func (c *clocked) CompareAndSwapWithTTL(_ string, old, v int64, _ time.Duration) (bool, error) {
	if c.value != old {
		return false, nil
	}
	c.value = v
	return true, nil
}

func TestDecisionsAreThoseOfAnIndependentLimiter(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	rates := []int{1, 2, 4, 5, 8, 10, 25, 50, 100, 1000, 1_000_000} // they divide a second
	refused := 0
	for range 300 {
		rate, burst := rates[r.IntN(len(rates))], 1+r.IntN(60)
		s := &clocked{noon, -1}
		other, err := throttled.NewGCRARateLimiterCtx(throttled.WrapStoreWithContext(s), throttled.RateQuota{MaxRate: throttled.PerSec(rate), MaxBurst: burst - 1})
		if err != nil {
			t.Fatal(err)
		}
		b := NewBucket(int64(rate), int64(burst))
		for range 300 {
			s.now = s.now.Add(time.Duration(r.ExpFloat64() * float64(time.Second) / float64(rate)))
			cost := 1 + r.IntN(min(burst, 5))
			no, want, err := other.RateLimitCtx(t.Context(), "k", cost)
			if err != nil {
				t.Fatal(err)
			}
			peek := b.Peek(s.now, int64(cost))
			got := b.Take(s.now, int64(cost))
			if got.Allowed == no || peek.Allowed != got.Allowed || int(got.Rate.Remaining) != want.Remaining || got.Rate.Reset != want.ResetAfter || no && got.RetryAfter != want.RetryAfter {
				t.Fatalf("rate %d burst %d cost %d: %+v, the other says limited %v %+v", rate, burst, cost, got, no, want)
			}
			if no {
				refused++
			}
		}
	}
	if refused < 1000 {
		t.Errorf("only %d refusals: the traces show little", refused)
	}
}

func TestACostAboveTheBurstTakesAFullBucket(t *testing.T) {
	b := NewBucket(10, 5)
	if a := b.Take(noon, 50); !a.Allowed || a.Rate.Remaining != 0 {
		t.Errorf("a full bucket: %+v", a)
	}
	if a := b.Take(noon.Add(499*time.Millisecond), 50); a.Allowed || a.RetryAfter != time.Millisecond {
		t.Errorf("not full yet: %+v", a)
	}
}

func TestARefusalNamesEveryViolatedLimitAndTakesNothing(t *testing.T) {
	a := NewAccount(Plan{Rate: 10, Burst: 20, Daily: 30, Monthly: 35, Concurrency: 1}, Used{})
	if r := a.Enter(noon, 20); !r.Allowed || r.Rate.Remaining != 0 || r.Day.Remaining != 10 || r.Month.Remaining != 15 {
		t.Fatalf("%+v", r)
	}
	r := a.Enter(noon, 20)
	if got := strings.Join(r.Violated.Names(), " "); r.Allowed || got != "burst day month concurrency" || r.RetryAfter != 12*time.Hour {
		t.Errorf("violated %q, retry after %v", got, r.RetryAfter)
	}
	a.Leave()
	later := noon.Add(2 * time.Second)
	if r := a.Enter(later, 10); !r.Allowed || r.Day.Remaining != 0 {
		t.Errorf("a refusal took something: %+v", r)
	}
	if r := a.Take(later, 1); r.Violated != Day {
		t.Errorf("violated %v, want the day", r.Violated)
	}
	// The next day is the next month too.
	if r := a.Take(noon.Add(12*time.Hour), 15); !r.Allowed || r.Day.Remaining != 15 || r.Month.Remaining != 20 {
		t.Errorf("a new day: %+v", r)
	}
	if r := a.Take(noon.Add(11*time.Hour), 16); r.Violated&Day == 0 {
		t.Errorf("a clock that went back opened the old day: %+v", r)
	}
}

func TestWhatIsUsedStaysUsedOverChangesAndRestarts(t *testing.T) {
	a := NewAccount(Plan{Rate: 10, Burst: 20, Daily: 100}, Used{})
	a.Take(noon, 15)
	a.Change(Plan{Rate: 100, Burst: 40, Daily: 50}, noon)
	if r := a.Take(noon, 0); r.Rate.Remaining != 25 || r.Day.Remaining != 35 {
		t.Errorf("after the change %+v", r)
	}
	b := NewAccount(a.Plan(), a.Used(noon))
	if r := b.Take(noon, 0); r.Rate.Remaining != 25 || r.Day.Remaining != 35 {
		t.Errorf("after a restart %+v", r)
	}
	a.Change(Plan{}, noon)
	if r := a.Take(noon, 1e9); !r.Allowed {
		t.Errorf("an unlimited plan refuses: %+v", r)
	}
}

func TestManyCallersNeverGetMoreThanThereIs(t *testing.T) {
	a := NewAccount(Plan{Rate: 1, Burst: 700, Daily: 500, Monthly: 600, Concurrency: 3}, Used{})
	var got, held, most atomic.Int64
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 2000 {
				if a.Enter(noon, 1).Allowed {
					got.Add(1)
					if h := held.Add(1); h > 3 {
						most.Store(h)
					}
					held.Add(-1)
					a.Leave()
				}
				if g == 0 && i%50 == 0 {
					a.Change(Plan{Rate: 1, Burst: 700 + int64(i), Daily: 500, Monthly: 600, Concurrency: 3}, noon)
				}
			}
		})
	}
	wg.Wait()
	if got.Load() != 500 || most.Load() > 0 {
		t.Errorf("%d units of 500 were given, %d held at once", got.Load(), most.Load())
	}
	if u := a.Used(noon); u.Day != 500 || u.Month != 500 {
		t.Errorf("used %+v", u)
	}
}

func TestDaysAndMonthsAreThoseOfTheCalendar(t *testing.T) {
	for at := time.Unix(0, 0).UTC(); at.Year() < 2150; at = at.Add(13*time.Hour + 7*time.Nanosecond) {
		y, m, d := at.Date()
		got := dateOf(at)
		want := date{
			at.UnixNano(), uint64(at.Unix() / 86400), uint64(y*12 + int(m) - 1),
			time.Date(y, m, d+1, 0, 0, 0, 0, time.UTC).Sub(at), time.Date(y, m+1, 1, 0, 0, 0, 0, time.UTC).Sub(at),
		}
		if got != want {
			t.Fatalf("%v is %+v, want %+v", at, got, want)
		}
	}
}

func TestStreamsAndSubscriptionsAreCounted(t *testing.T) {
	a := NewAccount(Plan{Connections: 1, Subscriptions: 10}, Used{})
	if !a.Connect() || a.Connect() || !a.Subscribe(8) || a.Subscribe(3) || !a.Subscribe(2) {
		t.Error("counted wrongly")
	}
	a.Disconnect()
	a.Unsubscribe(100) // a mistake must not widen the limit
	if !a.Connect() || !a.Subscribe(10) || a.Subscribe(1) {
		t.Error("given back wrongly")
	}
}

func TestHeadersSayWhatTheDraftSays(t *testing.T) {
	a := NewAccount(Plan{Rate: 50, Burst: 50, Daily: 100000}, Used{})
	r := a.Take(noon, 38)
	h := http.Header{}
	r.Set(h, 0)
	for k, want := range map[string]string{
		"RateLimit-Policy":  `"burst";q=50;w=1, "day";q=100000;w=86400;qu="requests"`,
		"RateLimit":         `"burst";r=12;t=1, "day";r=99962;t=43200`,
		"X-RateLimit-Limit": "50", "X-RateLimit-Remaining": "12", "X-RateLimit-Reset": "1", "Retry-After": "",
	} {
		if got := h.Get(k); got != want {
			t.Errorf("%s: %q, want %q", k, got, want)
		}
	}
	seen := map[string]bool{}
	for random := range uint64(1000) {
		r := Answer{Violated: Burst, RetryAfter: 7500 * time.Millisecond}
		r.Set(h, random)
		seen[h.Get("Retry-After")] = true
	}
	if len(seen) != 3 || !seen["8"] || !seen["10"] {
		t.Errorf("Retry-After is spread over %v, want 8, 9 and 10", seen)
	}
}

func TestPlansAreCheckedAndTheHigherVersionWins(t *testing.T) {
	ex, err := Examples()
	if err != nil {
		t.Fatal(err)
	}
	free := ex["free"]
	if len(ex) != 4 || free.Cost("book") != 2 || free.Cost("other") != 1 || time.Duration(free.History) != 168*time.Hour {
		t.Errorf("the examples are %+v", ex)
	}
	newer, err := ParsePlans([]byte(`{"plans":[{"name":"free","version":3,"rate":9,"burst":9},{"name":"free","version":2}]}`))
	if err != nil {
		t.Fatal(err)
	}
	both, err := ex.With(newer)
	if err != nil || both["free"].Rate != 9 || ex["free"].Rate != 5 {
		t.Errorf("replaced to %+v, %v", both["free"], err)
	}
	if back, err := both.With(ex); err != nil || back["free"].Version != 3 {
		t.Errorf("a lower version replaced a higher: %+v %v", back["free"], err)
	}
	free.Rate++
	if _, err := ex.With(Plans{"free": free}); fault.Of(err) != fault.Conflict {
		t.Errorf("the same version with other content: %v", err)
	}
	for field, file := range map[string]string{
		"plans":                 `{"plans":[]}`,
		"plans.name":            `{"plans":[{"name":"No","version":1}]}`,
		"plans.a.version":       `{"plans":[{"name":"a"}]}`,
		"plans.a.rate":          `{"plans":[{"name":"a","version":1,"rate":-1}]}`,
		"plans.a.burst":         `{"plans":[{"name":"a","version":1,"rate":1}]}`,
		"plans.a.daily_units":   `{"plans":[{"name":"a","version":1,"daily_units":9,"monthly_units":8}]}`,
		"plans.a.weights":       `{"plans":[{"name":"a","version":1,"weights":{"x":-1}}]}`,
		"":                      `{"plans":[{"name":"a","version":1,"brust":1}]}`,
		"plans.a.history":       `{"plans":[{"name":"a","version":1,"history":"-1h"}]}`,
		"plans.a.monthly_units": `{"plans":[{"name":"a","version":1,"monthly_units":1000000000000000}]}`,
	} {
		if _, err := ParsePlans([]byte(file)); fault.Of(err) != fault.Invalid || fault.Field(err) != field {
			t.Errorf("%s: %v at %q, want an error at %q", file, err, fault.Field(err), field)
		}
	}
}

func FuzzParsePlans(f *testing.F) {
	f.Add(examples)
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParsePlans(b)
		if err != nil {
			return
		}
		for _, v := range p {
			a := NewAccount(v, Used{})
			a.Enter(noon, MaxUnits)
			if a.Take(noon.Add(time.Hour), 1); v.Rate > 0 && a.Used(noon).Full.After(noon.AddDate(64, 0, 0)) {
				t.Fatal(a.Used(noon))
			}
			out, err := json.Marshal(map[string]any{"plans": []Plan{v}})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := ParsePlans(out); err != nil {
				t.Fatalf("%s does not read back: %v", out, err)
			}
		}
	})
}

func BenchmarkTake(b *testing.B) {
	a := NewAccount(Plan{Rate: 1e9, Burst: 1e9, Daily: MaxUnits, Monthly: MaxUnits, Concurrency: 100}, Used{})
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			a.Take(noon, 1)
		}
	})
}

func BenchmarkEnterLeave(b *testing.B) {
	a := NewAccount(Plan{Rate: 1e9, Burst: 1e9, Daily: MaxUnits, Monthly: MaxUnits, Concurrency: 100}, Used{})
	now := noon
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Microsecond)
		if a.Enter(now, 1).Allowed {
			a.Leave()
		}
	}
}

func BenchmarkSet(b *testing.B) {
	a := NewAccount(Plan{Rate: 50, Burst: 50, Daily: 100000, Monthly: 1e6}, Used{})
	r, h := a.Take(noon, 1), http.Header{}
	b.ReportAllocs()
	for b.Loop() {
		r.Set(h, 0)
	}
}
