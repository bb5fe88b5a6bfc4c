package gate

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"testing"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/accesstest"
)

// many fills a gate's snapshot with n rings of one key each, in n/1000+1 apps. ASSAY_BENCH_KEYS
// sets n.
func many(b *testing.B) (*Gate, []string) {
	n := 100_000
	if v, err := strconv.Atoi(os.Getenv("ASSAY_BENCH_KEYS")); err == nil {
		n = v
	}
	g := open(b, accesstest.NewMemory().Link(), Options{})
	var before, after runtime.MemStats
	tokens := make([]string, 0, n/50+1)
	p := g.peppers.Load()
	runtime.GC()
	runtime.ReadMemStats(&before)
	d := newDraft(g.snap.Load())
	for i := range n {
		t, id := newToken("live")
		v := p.by[p.newest].verifier(&t)
		r := &access.Ring{ID: "ring_" + string(id[:]) + "x", Org: "acme", App: fmt.Sprint(i % (n/1000 + 1)), Env: "live", Keys: []access.Key{{
			ID: string(id[:]), N: 1, State: access.Active, Verifier: v[:], Pepper: p.newest, Scopes: reads}}}
		d.put(r, g)
		if i%50 == 0 {
			tokens = append(tokens, "Bearer "+string(t[:]))
		}
	}
	g.snap.Store(d.s)
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.Logf("%d keys: %.0f bytes a key in memory, rings' index included", n, float64(after.HeapAlloc-before.HeapAlloc)/float64(n))
	return g, tokens
}

func BenchmarkDecision(b *testing.B) {
	g, tokens := many(b)
	r := bearer("")
	heads := make([][]string, len(tokens))
	for i, t := range tokens {
		heads[i] = []string{t}
	}
	b.Run("accept", func(b *testing.B) {
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			r.Header["Authorization"] = heads[i%len(heads)]
			i += 7919
			if _, err := g.Authenticate(r); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("unknown", func(b *testing.B) {
		b.ReportAllocs()
		t, _ := newToken("live")
		r.Header["Authorization"] = []string{"Bearer " + string(t[:])}
		for b.Loop() {
			if _, err := g.Authenticate(r); err == nil {
				b.Fatal()
			}
		}
	})
	b.Run("malformed", func(b *testing.B) {
		b.ReportAllocs()
		bad := tokens[0][7:7+TokenLen-1] + "!"
		r.Header["Authorization"] = []string{"Bearer " + bad}
		for b.Loop() {
			if _, err := g.Authenticate(r); err == nil {
				b.Fatal()
			}
		}
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
