package idem

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/assayhq/assay/fault"
)

var (
	noon  = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	scope = Scope{App: "app_1", Route: "POST /v1/orders", Key: "8e03978e"}
	order = [32]byte{1}
)

func TestARetryGetsTheSameBytesAndAnotherRequestIsRefused(t *testing.T) {
	m := NewMemory(0, 0)
	p := Policy{Retention: OrderRetention}
	c, a, err := Begin(t.Context(), m, noon, scope, order, p)
	if c == nil || a != nil || err != nil {
		t.Fatal(c, a, err)
	}
	_, _, err = Begin(t.Context(), m, noon, scope, order, p)
	if !errors.Is(err, ErrInFlight) || fault.Of(err) != fault.Conflict || fault.Field(err) == "" {
		t.Fatal(err)
	}
	body := []byte(`{"order":"o1"}`)
	if err := c.Finish(t.Context(), Answer{Status: 201, Header: [][2]string{{"Location", "/v1/orders/o1"}}, Body: body}); err != nil {
		t.Fatal(err)
	}
	body[0] = 'X' // the store has its own copy
	for _, at := range []time.Time{noon, noon.Add(OrderRetention - 1)} {
		c, a, err = Begin(t.Context(), m, at, scope, order, p)
		if c != nil || err != nil || a.Status != 201 || string(a.Body) != `{"order":"o1"}` || a.Header[0][1] != "/v1/orders/o1" {
			t.Fatal(c, a, err)
		}
		a.Body[0] = 'Y'
	}
	if _, _, err = Begin(t.Context(), m, noon, scope, [32]byte{2}, p); !errors.Is(err, ErrMismatch) {
		t.Fatal(err)
	}
	if c, _, err = Begin(t.Context(), m, noon.Add(OrderRetention), scope, [32]byte{2}, p); c == nil {
		t.Fatal("the name is not free after its retention", err)
	}
}

func TestAppsAndRoutesDoNotShareNames(t *testing.T) {
	m := NewMemory(0, 0)
	seen := map[[32]byte]bool{}
	for _, s := range []Scope{scope, {"app_2", scope.Route, scope.Key}, {scope.App, "POST /v1/x", scope.Key}, {scope.App, scope.Route, "x"}, {"app_1P", "OST /v1/orders", scope.Key}} {
		if c, _, err := Begin(t.Context(), m, noon, s, order, Policy{}); c == nil || seen[s.ID()] {
			t.Fatal(s, err)
		}
		seen[s.ID()] = true
	}
}

func TestABrokenOffOrderIsNotRunAgain(t *testing.T) {
	m := NewMemory(0, 0)
	first, _, _ := Begin(t.Context(), m, noon, scope, order, Policy{})
	later := noon.Add(time.Minute)
	if _, _, err := Begin(t.Context(), m, later, scope, order, Policy{}); !errors.Is(err, ErrOutcome) {
		t.Fatal(err)
	}
	second, _, err := Begin(t.Context(), m, later, scope, order, Policy{Rerun: true})
	if err != nil {
		t.Fatal(err)
	}
	// the first comes back late: its answer does not count
	if err := first.Finish(t.Context(), Answer{Status: 500}); fault.Of(err) != fault.Conflict {
		t.Fatal(err)
	}
	if err := first.Abandon(t.Context()); err != nil || m.Len() != 1 {
		t.Fatal("a lost claim freed the name", err)
	}
	if err := second.Finish(t.Context(), Answer{Status: 201}); err != nil {
		t.Fatal(err)
	}
	if err := second.Finish(t.Context(), Answer{Status: 202}); fault.Of(err) != fault.Conflict {
		t.Fatal("an answer was changed", err)
	}
}

func TestARequestThatDidNothingFreesItsName(t *testing.T) {
	m := NewMemory(0, 0)
	c, _, _ := Begin(t.Context(), m, noon, scope, order, Policy{})
	if err := c.Abandon(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c, _, err := Begin(t.Context(), m, noon, scope, order, Policy{}); c == nil {
		t.Fatal(err)
	}
}

func TestOfManyAtOnceOneRuns(t *testing.T) {
	m := NewMemory(0, 0)
	var ran atomic.Int32
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			for {
				c, a, err := Begin(t.Context(), m, noon, scope, order, Policy{})
				switch {
				case c != nil:
					ran.Add(1)
					if err := c.Finish(t.Context(), Answer{Status: 201}); err != nil {
						t.Error(err)
					}
					return
				case a != nil:
					return
				case !errors.Is(err, ErrInFlight):
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if ran.Load() != 1 {
		t.Fatalf("ran %d times", ran.Load())
	}
}

func TestAFullStoreRefusesAndKeepsWhatItHas(t *testing.T) {
	m := NewMemory(2, 10)
	var claims []*Claim
	for i := range 2 {
		c, _, err := Begin(t.Context(), m, noon, Scope{"a", "r", fmt.Sprint(i)}, order, Policy{})
		if err != nil {
			t.Fatal(err)
		}
		claims = append(claims, c)
	}
	third := Scope{"a", "r", "3"}
	if _, _, err := Begin(t.Context(), m, noon, third, order, Policy{}); fault.Of(err) != fault.Exhausted {
		t.Fatal(err)
	}
	if err := claims[0].Finish(t.Context(), Answer{Body: make([]byte, 11)}); fault.Of(err) != fault.Exhausted {
		t.Fatal(err)
	}
	if err := claims[0].Finish(t.Context(), Answer{Body: make([]byte, 10)}); err != nil {
		t.Fatal(err)
	}
	if c, _, err := Begin(t.Context(), m, noon.Add(Retention), third, order, Policy{}); c == nil || m.Len() != 1 || m.bytes != 0 {
		t.Fatal(err, m.Len(), m.bytes)
	}
}

func TestNamesAndAnswersHaveLimits(t *testing.T) {
	m := NewMemory(0, 0)
	for _, k := range []string{"", "a b", "a\n", "é", strings.Repeat("k", 256)} {
		if _, _, err := Begin(t.Context(), m, noon, Scope{"a", "r", k}, order, Policy{}); fault.Of(err) != fault.Invalid {
			t.Fatalf("%q: %v", k, err)
		}
	}
	c, _, _ := Begin(t.Context(), m, noon, scope, order, Policy{MaxBody: 3})
	if err := c.Finish(t.Context(), Answer{Body: []byte("four")}); fault.Of(err) != fault.TooLarge {
		t.Fatal(err)
	}
}
