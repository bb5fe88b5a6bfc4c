package notifytest

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/notify"
)

// Outbox is what the exam needs of an implementation.
type Outbox interface {
	notify.Outbox
	notify.History
}

var noon = time.Date(2026, 3, 2, 12, 0, 0, 123456000, time.UTC)

// Sample is the n-th delivery to an endpoint of the organisation "acme", due at noon on
// 2 March 2026.
func Sample(endpoint string, n int) notify.Delivery {
	return notify.Delivery{Endpoint: endpoint, N: 1, Due: noon, Event: notify.Event{
		ID: fmt.Sprintf("msg_%s%d", endpoint, n), Type: notify.KeyRevoked, At: noon, Org: "acme", App: "books",
		Data: json.RawMessage(`{"key":"k1"}`),
	}}
}

func attempt(d notify.Delivery, out notify.Outcome) notify.Attempt {
	return notify.Attempt{Event: d.Event.ID, Type: d.Event.Type, Endpoint: d.Endpoint, N: d.N, At: noon, Took: time.Second, Status: 500, Outcome: out, Error: "status 500", Response: "oh"}
}

// RunOutbox examines an outbox. open opens what lives in dir; the exam opens it twice
// where two processes share it, or where one died without closing it.
func RunOutbox(t *testing.T, open func(t *testing.T, dir string) Outbox) {
	stories := []struct {
		name string
		tell func(t *testing.T, open func() Outbox)
	}{
		{"what is enqueued comes back whole when it is due", whole},
		{"a claimed delivery is given to nobody else until the lease ends", claimed},
		{"a claim survives a reopen and so does the delivery", reopened},
		{"only a recorded result removes a delivery", recorded},
		{"a failed attempt is due again later as the next attempt", again},
		{"an overtaken attempt changes nothing unless it delivered", overtaken},
		{"one endpoint holds few claims and others go ahead", fair},
		{"one organisation holds a bounded number of claims", fairOrg},
		{"enqueuing twice is once and the earlier time counts", twice},
		{"a full endpoint refuses all of a call", full},
		{"history gives events and attempts, the last first", history},
		{"the longest due goes first", order},
		{"many deliverers never hold the same delivery", many},
		{"a cancelled context ends every call", cancelled},
	}
	for _, s := range stories {
		t.Run(strings.ReplaceAll(s.name, " ", "_"), func(t *testing.T) {
			dir := t.TempDir()
			s.tell(t, func() Outbox { return open(t, dir) })
		})
	}
}

func no(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func due(t *testing.T, o Outbox, now time.Time, limit, want int) []notify.Delivery {
	t.Helper()
	ds, err := o.Due(t.Context(), now, limit)
	no(t, err)
	if len(ds) != want {
		t.Fatalf("%d deliveries are due at %v, want %d", len(ds), now, want)
	}
	return ds
}

func whole(t *testing.T, open func() Outbox) {
	o, d := open(), Sample("a", 1)
	no(t, o.Enqueue(t.Context(), d))
	due(t, o, noon.Add(-time.Second), 10, 0)
	got := due(t, o, noon, 10, 1)[0]
	if !got.Event.At.Equal(d.Event.At) || !got.Due.Equal(d.Due) {
		t.Fatalf("times changed: %v", got)
	}
	got.Event.At, got.Due = d.Event.At, d.Due
	if !reflect.DeepEqual(got, d) {
		t.Fatalf("got %+v, want %+v", got, d)
	}
}

func claimed(t *testing.T, open func() Outbox) {
	o := open()
	no(t, o.Enqueue(t.Context(), Sample("a", 1)))
	due(t, o, noon, 10, 1)
	due(t, o, noon, 10, 0)
	due(t, o, noon.Add(notify.Lease-time.Second), 10, 0)
	d := due(t, o, noon.Add(notify.Lease), 10, 1)[0]
	if d.N != 1 {
		t.Fatalf("attempt %d: a lost claim is no attempt", d.N)
	}
}

func reopened(t *testing.T, open func() Outbox) {
	o := open()
	no(t, o.Enqueue(t.Context(), Sample("a", 1)))
	due(t, o, noon, 10, 1)
	o = open() // the first died between claim and record
	due(t, o, noon, 10, 0)
	due(t, o, noon.Add(notify.Lease), 10, 1)
}

func recorded(t *testing.T, open func() Outbox) {
	o := open()
	no(t, o.Enqueue(t.Context(), Sample("a", 1)))
	d := due(t, o, noon, 10, 1)[0]
	no(t, o.Record(t.Context(), attempt(d, notify.Delivered), time.Time{}))
	due(t, open(), noon.Add(time.Hour), 10, 0)
}

func again(t *testing.T, open func() Outbox) {
	o := open()
	no(t, o.Enqueue(t.Context(), Sample("a", 1)))
	d := due(t, o, noon, 10, 1)[0]
	no(t, o.Record(t.Context(), attempt(d, notify.Failed), noon.Add(5*time.Second)))
	due(t, o, noon.Add(4*time.Second), 10, 0)
	if d := due(t, o, noon.Add(5*time.Second), 10, 1)[0]; d.N != 2 {
		t.Fatalf("attempt %d, want 2", d.N)
	}
}

func overtaken(t *testing.T, open func() Outbox) {
	o := open()
	no(t, o.Enqueue(t.Context(), Sample("a", 1)))
	first := due(t, o, noon, 10, 1)[0]
	second := due(t, o, noon.Add(notify.Lease), 10, 1)[0]
	later := noon.Add(time.Hour)
	no(t, o.Record(t.Context(), attempt(second, notify.Failed), later))
	no(t, o.Record(t.Context(), attempt(first, notify.Failed), noon))
	no(t, o.Record(t.Context(), attempt(first, notify.Exhausted), time.Time{}))
	due(t, o, later.Add(-time.Second), 10, 0)
	if d := due(t, o, later, 10, 1)[0]; d.N != 2 {
		t.Fatalf("attempt %d, want 2", d.N)
	}
	no(t, o.Record(t.Context(), attempt(first, notify.Delivered), time.Time{}))
	due(t, o, later.Add(time.Hour), 10, 0)
	no(t, o.Record(t.Context(), attempt(first, notify.Failed), later)) // of what is gone
	due(t, o, later.Add(time.Hour), 10, 0)
}

func fair(t *testing.T, open func() Outbox) {
	o := open()
	for i := range 20 {
		no(t, o.Enqueue(t.Context(), Sample("slow", i)))
	}
	d := Sample("quick", 1)
	d.Due = noon.Add(time.Second)
	no(t, o.Enqueue(t.Context(), d))
	got := due(t, o, noon.Add(time.Second), 10, notify.MaxHeld+1)
	if got[notify.MaxHeld].Endpoint != "quick" {
		t.Fatal("the quick endpoint waits for the slow one")
	}
	no(t, o.Record(t.Context(), attempt(got[0], notify.Delivered), time.Time{}))
	due(t, o, noon.Add(time.Second), 10, 1) // one place is free again
}

func fairOrg(t *testing.T, open func() Outbox) {
	o := open()
	for i := range 2 * notify.MaxHeldOrg {
		no(t, o.Enqueue(t.Context(), Sample(fmt.Sprintf("e%d", i), i)))
	}
	other := Sample("other", 1)
	other.Event.Org, other.Due = "initech", noon.Add(time.Second)
	no(t, o.Enqueue(t.Context(), other))
	due(t, o, noon.Add(time.Second), 100, notify.MaxHeldOrg+1)
}

func twice(t *testing.T, open func() Outbox) {
	o, d := open(), Sample("a", 1)
	no(t, o.Enqueue(t.Context(), d, d))
	c := due(t, o, noon, 10, 1)[0]
	no(t, o.Record(t.Context(), attempt(c, notify.Failed), noon.Add(time.Hour)))
	d.Due = noon.Add(2 * time.Hour)
	no(t, o.Enqueue(t.Context(), d)) // later: ignored
	d.Due = noon.Add(time.Minute)
	no(t, o.Enqueue(t.Context(), d))
	if c = due(t, o, noon.Add(time.Minute), 10, 1)[0]; c.N != 2 {
		t.Fatalf("attempt %d, want 2", c.N)
	}
	no(t, o.Record(t.Context(), attempt(c, notify.Delivered), time.Time{}))
	no(t, o.Enqueue(t.Context(), d)) // a replay of what is done begins again
	if c = due(t, o, noon.Add(time.Minute), 10, 1)[0]; c.N != 1 {
		t.Fatalf("attempt %d, want 1", c.N)
	}
}

func full(t *testing.T, open func() Outbox) {
	o := open()
	ds := make([]notify.Delivery, notify.MaxPending/10)
	for i := range 10 {
		for j := range ds {
			ds[j] = Sample("a", i*len(ds)+j)
		}
		no(t, o.Enqueue(t.Context(), ds...))
	}
	no(t, o.Enqueue(t.Context(), ds[0])) // it waits already
	err := o.Enqueue(t.Context(), Sample("b", 1), Sample("a", notify.MaxPending))
	if fault.Of(err) != fault.Exhausted {
		t.Fatalf("got %v, want Exhausted", err)
	}
	for _, d := range due(t, o, noon, 10, notify.MaxHeld) {
		if d.Endpoint != "a" {
			t.Fatal("a refused call left something behind")
		}
	}
}

func history(t *testing.T, open func() Outbox) {
	o, d := open(), Sample("a", 1)
	no(t, o.Enqueue(t.Context(), d, Sample("b", 2)))
	want := attempt(d, notify.Failed)
	no(t, o.Record(t.Context(), want, noon.Add(time.Second)))
	d.N = 2
	no(t, o.Record(t.Context(), attempt(d, notify.Delivered), time.Time{}))
	got, err := o.Attempts(t.Context(), "a", 10)
	no(t, err)
	if len(got) != 2 || got[0].Outcome != notify.Delivered {
		t.Fatalf("got %+v", got)
	}
	if !got[1].At.Equal(want.At) {
		t.Fatalf("the time became %v", got[1].At)
	}
	got[1].At = want.At
	if got[1] != want {
		t.Fatalf("got %+v, want %+v", got[1], want)
	}
	if got, err = o.Attempts(t.Context(), "a", 1); err != nil || len(got) != 1 {
		t.Fatalf("got %d attempts, %v", len(got), err)
	}
	e, err := o.Event(t.Context(), d.Event.ID)
	no(t, err)
	if string(e.Data) != string(d.Event.Data) {
		t.Fatalf("got %s", e.Data)
	}
	if _, err := o.Event(t.Context(), "msg_none"); fault.Of(err) != fault.Unknown {
		t.Fatalf("got %v, want Unknown", err)
	}
}

func order(t *testing.T, open func() Outbox) {
	o := open()
	for i, after := range []int{3, 1, 2} {
		d := Sample(fmt.Sprint("e", after), i)
		d.Due = noon.Add(time.Duration(after) * time.Second)
		no(t, o.Enqueue(t.Context(), d))
	}
	for _, want := range []string{"e1", "e2", "e3"} {
		if d := due(t, o, noon.Add(time.Minute), 1, 1)[0]; d.Endpoint != want {
			t.Fatalf("got %s, want %s", d.Endpoint, want)
		}
	}
}

func many(t *testing.T, open func() Outbox) {
	o := open()
	const n = 60
	for i := range n {
		d := Sample(fmt.Sprint("e", i), i)
		d.Event.Org = fmt.Sprint("org", i)
		no(t, o.Enqueue(t.Context(), d))
	}
	var mu sync.Mutex
	seen := map[string]int{}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				ds, err := o.Due(t.Context(), noon, 3)
				if err != nil {
					t.Error(err)
				}
				if len(ds) == 0 {
					return
				}
				mu.Lock()
				for _, d := range ds {
					seen[d.Event.ID]++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(seen) != n {
		t.Fatalf("%d deliveries were claimed, want %d", len(seen), n)
	}
	for id, k := range seen {
		if k != 1 {
			t.Errorf("%s was claimed %d times", id, k)
		}
	}
}

func cancelled(t *testing.T, open func() Outbox) {
	o, d := open(), Sample("a", 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if o.Enqueue(ctx, d) == nil || o.Record(ctx, attempt(d, notify.Failed), noon) == nil {
		t.Fatal("a cancelled call succeeded")
	}
	if _, err := o.Due(ctx, noon, 1); err == nil {
		t.Fatal("a cancelled Due succeeded")
	}
}
