package gate

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/accesstest"
	"github.com/assayhq/assay/access/limit"
)

// crowd is a snapshot of n keys in memory, each a ring of its own, of n/1000+1 apps
// that have three limits and one network each. ASSAY_BENCH_KEYS sets n.
type crowd struct {
	*Gate
	n       int
	tokens  []string // of every fiftieth key
	rings   []string // theirs
	perKey  float64  // bytes
	perUsed float64  // bytes more of a key that was used on this node
}

func many(b testing.TB) *crowd {
	n := 100_000
	if v, err := strconv.Atoi(os.Getenv("ASSAY_BENCH_KEYS")); err == nil {
		n = v
	}
	c := &crowd{Gate: open(b, accesstest.NewMemory().Link(), Options{}), n: n}
	c.tokens, c.rings = make([]string, 0, n/50+1), make([]string, 0, n/50+1)
	p := c.peppers.Load()
	before := heap()
	d := newDraft(c.snap.Load())
	for i := range n {
		t, id := newToken("live")
		r := ring(i, n, id, p.by[p.newest].verifier(&t), p.newest)
		d.put(&r, c.Gate)
		if i%50 == 0 {
			c.tokens, c.rings = append(c.tokens, string(t[:])), append(c.rings, r.ID)
		}
	}
	kept := float64(len(c.tokens) * (80 + 32 + 17))
	c.snap.Store(d.s)
	d = nil
	c.perKey = (float64(heap()-before) - kept) / float64(n)
	plan := limit.Plan{Name: "bench", Rate: 1 << 28, Burst: 1 << 28, Daily: 1 << 38, Monthly: 1 << 38}
	for _, part := range c.snap.Load().apps {
		for _, t := range part {
			t.account.Change(plan, time.Now())
		}
	}
	before = heap()
	r := from(10, 1)
	for _, t := range c.tokens {
		r.Header["Authorization"] = []string{"Bearer " + t}
		if _, err := c.Authenticate(r); err != nil {
			b.Fatal(err)
		}
	}
	c.perUsed = float64(heap()-before) / float64(len(c.tokens))
	b.Logf("%d keys: %.0f bytes a key, %.0f more once it was used here", n, c.perKey, c.perUsed)
	return c
}

func ring(i, n int, id kid, v [32]byte, pepper int) access.Ring {
	return access.Ring{ID: "ring_" + string(id[:]) + "x", Org: "acme", App: fmt.Sprint("app ", i%(n/1000+1)), Env: "live", Name: "bench", Created: time.Unix(1.7e9, 0).UTC(),
		Policy: access.Policy{}.WithDefaults(reads), Keys: []access.Key{{
			ID: string(id[:]), N: 1, State: access.Active, Verifier: v[:], Pepper: pepper, Scopes: reads, Created: time.Unix(1.7e9, 0).UTC(), CreatedBy: "cli", Reason: "created",
			Bounds: access.Bounds{Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("10.0.0.0/8")}}}}}
}

func from(a, b byte) *http.Request {
	r := bearer("")
	r.RemoteAddr = fmt.Sprintf("10.%d.%d.1:4711", a, b)
	return r
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkDecision decides about requests with keys chosen at random. "decide" is the
// whole of it: key, network, the app's rate and two quotas; the others are parts, and
// refusals. Beside the time it tells the CPU time, which a busy machine changes least,
// and percentiles, each measured with the two clock readings that are in it.
func BenchmarkDecision(b *testing.B) {
	c := many(b)
	heads := make([][]string, len(c.tokens))
	for i, t := range c.tokens {
		heads[i] = []string{"Bearer " + t}
	}
	r := from(10, 1)
	i := 0
	next := func() { // a request that was just read is near the processor: so the token is read here
		r.Header["Authorization"] = heads[i%len(heads)]
		i += 7919
		if strings.IndexByte(r.Header["Authorization"][0], '!') >= 0 {
			b.Fatal()
		}
	}
	measured(b, "decide", next, func() bool {
		who, err := c.Authenticate(r)
		if err != nil {
			return false
		}
		done, _, err := c.Enter(who, 1)
		done()
		return err == nil
	})
	few := heads[:min(len(heads), 64)]
	measured(b, "decide again", func() { // keys that were used a moment ago, as most are
		r.Header["Authorization"] = few[i%len(few)]
		i++
	}, func() bool {
		who, err := c.Authenticate(r)
		if err != nil {
			return false
		}
		done, _, err := c.Enter(who, 1)
		done()
		return err == nil
	})
	measured(b, "authenticate", next, func() bool {
		_, err := c.Authenticate(r)
		return err == nil
	})
	unknown, _ := newToken("live")
	for name, text := range map[string]string{"unknown": string(unknown[:]), "malformed": c.tokens[0][:TokenLen-1] + "!", "foreign": "sk_live_0123456789"} {
		r := from(10, 1)
		r.Header["Authorization"] = []string{"Bearer " + text}
		measured(b, name, func() {}, func() bool {
			_, err := c.Authenticate(r)
			return err != nil
		})
	}
}

func measured(b *testing.B, name string, before func(), f func() bool) {
	b.Run(name, func(b *testing.B) {
		b.ReportAllocs()
		took := make([]int32, 0, 1<<20)
		start := cpu()
		for b.Loop() {
			before()
			at := time.Now()
			if !f() {
				b.Fatal(name)
			}
			if len(took) < cap(took) {
				took = append(took, int32(min(time.Since(at), time.Second)))
			}
		}
		b.ReportMetric(float64(cpu()-start)/float64(b.N), "cpu-ns/op")
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/2]), "p50-ns")
		b.ReportMetric(float64(took[len(took)*99/100]), "p99-ns")
	})
}

func cpu() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkChange is what a change of one ring costs in memory: the next snapshot.
func BenchmarkChange(b *testing.B) {
	c := many(b)
	p := c.peppers.Load()
	i := 0
	measured(b, "rotate", func() {}, func() bool {
		t, id := newToken("live")
		r := ring(i, c.n, id, p.by[p.newest].verifier(&t), p.newest)
		r.ID = c.rings[i%len(c.rings)]
		r.Keys[0].N = i
		i++
		d := newDraft(c.snap.Load())
		d.put(&r, c.Gate)
		c.settle(d)
		c.snap.Store(d.s)
		return true
	})
}

// shelf is a store that gives the same records in pages, as fast as any could.
type shelf struct {
	*accesstest.Link
	records []access.Record // of epochs 1, 2, 3 ...
}

func (s shelf) Since(_ context.Context, epoch int64, _ []string, limit int) ([]access.Record, int64, bool, error) {
	to := min(int(epoch)+limit, len(s.records))
	return s.records[epoch:to], int64(to), to < len(s.records), nil
}

// BenchmarkColdStart makes the first snapshot of all keys, without the time of a store.
func BenchmarkColdStart(b *testing.B) {
	n := 100_000
	if v, err := strconv.Atoi(os.Getenv("ASSAY_BENCH_KEYS")); err == nil {
		n = v
	}
	s := shelf{accesstest.NewMemory().Link(), make([]access.Record, 0, n)}
	p := open(b, s.Link, Options{}).peppers.Load()
	for i := range n {
		t, id := newToken("live")
		r := ring(i, n, id, p.by[p.newest].verifier(&t), p.newest)
		content, _ := json.Marshal(r)
		s.records = append(s.records, access.Record{Kind: kindRing, ID: r.ID, Epoch: int64(i + 1), Body: p.seal(kindRing, r.ID, int64(i+1), content)})
	}
	start := cpu()
	for b.Loop() {
		g := open(b, s, Options{})
		for keys := 0; keys < n; keys, _ = g.Size() { // New may have run out of time
			if err := g.sync(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric((cpu()-start).Seconds()/float64(b.N), "cpu-s/op")
}

// BenchmarkToken is a request with a short-lived token in place of a key, beside what
// the check of the token itself costs.
func BenchmarkToken(b *testing.B) {
	list := []access.Scope{access.MarketRead}
	var id string
	g := open(b, accesstest.NewMemory().Link(), Options{Tokens: func(context.Context, string) (string, []access.Scope, time.Time, error) {
		return id, list, time.Time{}, nil
	}})
	id = create(b, g, Spec{}).Key.ID
	r := bearer("eyJ" + strings.Repeat("a", 100) + "." + strings.Repeat("b", 400) + "." + strings.Repeat("c", 86))
	measured(b, "cached", func() {}, func() bool {
		_, err := g.Authenticate(r)
		return err == nil
	})
}

func BenchmarkRotate(b *testing.B) {
	g := open(b, accesstest.NewMemory().Link(), Options{})
	k := create(b, g, Spec{Rehearsal: true})
	for b.Loop() {
		if _, err := g.Rotate(b.Context(), owner, k.Ring.ID, RotateSpec{}); err != nil {
			b.Fatal(err)
		}
		if _, err := g.Rollback(b.Context(), owner, k.Ring.ID); err != nil {
			b.Fatal(err)
		}
	}
}
