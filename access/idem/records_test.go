package idem_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/accesstest"
	. "github.com/assayhq/assay/access/idem"
	"github.com/assayhq/assay/fault"
)

var (
	noon  = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	scope = Scope{App: "acme/bot", Route: "POST /v1/keys", Key: "8e03978e"}
	print = [32]byte{1}
)

// xor seals for tests: it hides, and is bound to what it is about.
func xor(about string, b []byte) ([]byte, error) {
	out := bytes.Clone(b)
	for i := range out {
		out[i] ^= 0x55 ^ about[i%len(about)]
	}
	return out, nil
}

func records(t testing.TB, l access.Store, o RecordOptions) *Records {
	t.Helper()
	o.Seal, o.Open = xor, xor
	r, err := NewRecords(l, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func count(t testing.TB, l access.Store) (n int, text string) {
	t.Helper()
	if err := l.View(t.Context(), func(tx access.Tx) error {
		for _, kind := range []string{"_idem", "_idemdue", "_idemcount"} {
			list, err := tx.List(kind, "", 10_000)
			if err != nil {
				return err
			}
			n += len(list)
			for _, r := range list {
				text += string(r.Body)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return n, text
}

func begin(t testing.TB, r *Records, at time.Time, s Scope, p Policy) (*Claim, *Answer) {
	t.Helper()
	c, a, err := Begin(t.Context(), r, at, s, print, p)
	if err != nil {
		t.Fatal(err)
	}
	return c, a
}

func TestAnotherServerKnowsWhatOneAnswered(t *testing.T) {
	m := accesstest.NewMemory()
	a, b := records(t, m.Link(), RecordOptions{}), records(t, m.Link(), RecordOptions{})
	c, _ := begin(t, a, noon, scope, Policy{})
	if _, _, err := Begin(t.Context(), b, noon, scope, print, Policy{}); !errors.Is(err, ErrInFlight) {
		t.Fatal(err)
	}
	if err := c.Finish(t.Context(), Answer{Status: 201, Header: [][2]string{{"Location", "/x"}}, Body: []byte("token asy_live_1")}); err != nil {
		t.Fatal(err)
	}
	if _, got := begin(t, b, noon.Add(time.Hour), scope, Policy{}); got == nil || got.Status != 201 || string(got.Body) != "token asy_live_1" || got.Header[0][1] != "/x" {
		t.Fatalf("%+v", got)
	}
	if _, _, err := Begin(t.Context(), b, noon, scope, [32]byte{2}, Policy{}); !errors.Is(err, ErrMismatch) {
		t.Fatal(err)
	}
	if _, text := count(t, m.Link()); strings.Contains(text, "asy_live") {
		t.Fatal("the answer lies open")
	}
}

func TestOfASecretNothingStaysAfterTenMinutes(t *testing.T) {
	m := accesstest.NewMemory()
	r := records(t, m.Link(), RecordOptions{})
	c, _ := begin(t, r, noon, scope, Policy{Secret: true})
	if err := c.Finish(t.Context(), Answer{Status: 201, Body: bytes.Repeat([]byte("secret"), 1000)}); err != nil {
		t.Fatal(err)
	}
	begin(t, r, noon.Add(SecretRetention-1), scope, Policy{Secret: true})
	late := noon.Add(SecretRetention)
	if _, _, err := Begin(t.Context(), r, late, scope, print, Policy{Secret: true}); !errors.Is(err, ErrForgotten) || fault.Of(err) != fault.Conflict {
		t.Fatal(err)
	}
	if n, err := r.Sweep(t.Context(), late); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if _, text := count(t, m.Link()); len(text) > 600 {
		t.Fatal("the answer is still there", len(text))
	}
	if _, _, err := Begin(t.Context(), r, noon.Add(Retention-1), scope, print, Policy{Secret: true}); !errors.Is(err, ErrForgotten) {
		t.Fatal(err)
	}
	if c, _ := begin(t, r, noon.Add(Retention), scope, Policy{Secret: true}); c == nil {
		t.Fatal("the name is not free again")
	}
}

func TestWhatIsOverLeavesNoTrace(t *testing.T) {
	m := accesstest.NewMemory()
	l := m.Link()
	r := records(t, l, RecordOptions{})
	for i := range 250 {
		s := scope
		s.App, s.Key = fmt.Sprint("app", i%3), fmt.Sprint(i)
		c, _ := begin(t, r, noon, s, Policy{Secret: i%2 == 0})
		switch i % 5 {
		case 0:
			if err := c.Abandon(t.Context()); err != nil {
				t.Fatal(err)
			}
		case 1: // its server is killed
		default:
			if err := c.Finish(t.Context(), Answer{Status: 200}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n, err := r.Sweep(t.Context(), noon.Add(time.Minute)); n != 0 || err != nil {
		t.Fatal("swept too early", n, err)
	}
	if _, err := r.Sweep(t.Context(), noon.Add(Retention)); err != nil {
		t.Fatal(err)
	}
	if n, text := count(t, l); n != 0 {
		t.Fatal(n, text)
	}
	left, _, _, err := l.Since(t.Context(), 0, []string{"_idem", "_idemdue", "_idemcount"}, 100)
	if err != nil || len(left) != 0 {
		t.Fatal("deleted records are still told", len(left), err)
	}
	// Without a sweep, new names take the old ones out.
	for i := range 300 {
		s := scope
		s.Key = fmt.Sprint(i)
		begin(t, r, noon.Add(time.Duration(i)*time.Hour), s, Policy{})
	}
	if n, _ := count(t, l); n > 60 {
		t.Fatal(n, "records pile up")
	}
}

func TestOneAppCannotTakeTheRoomOfAll(t *testing.T) {
	l := accesstest.NewMemory().Link()
	r := records(t, l, RecordOptions{PerApp: 3, Total: 5})
	take := func(app, key string, at time.Time) error {
		_, _, err := Begin(context.Background(), r, at, Scope{app, "r", key}, print, Policy{})
		return err
	}
	for i := range 3 {
		if err := take("a", fmt.Sprint(i), noon); err != nil {
			t.Fatal(err)
		}
	}
	if err := take("a", "3", noon); fault.Of(err) != fault.Exhausted {
		t.Fatal(err)
	}
	if err := errors.Join(take("b", "0", noon), take("b", "1", noon)); err != nil {
		t.Fatal(err)
	}
	if err := take("b", "2", noon); fault.Of(err) != fault.Exhausted {
		t.Fatal(err)
	}
	if err := take("a", "3", noon.Add(Retention)); err != nil {
		t.Fatal("room that is free again is not used:", err)
	}
}

func TestALateHolderWritesNothing(t *testing.T) {
	r := records(t, accesstest.NewMemory().Link(), RecordOptions{})
	first, _ := begin(t, r, noon, scope, Policy{})
	if _, _, err := Begin(t.Context(), r, noon.Add(time.Minute), scope, print, Policy{}); !errors.Is(err, ErrOutcome) {
		t.Fatal(err)
	}
	second, _ := begin(t, r, noon.Add(time.Minute), scope, Policy{Rerun: true})
	if err := first.Finish(t.Context(), Answer{Status: 500}); fault.Of(err) != fault.Conflict {
		t.Fatal(err)
	}
	if err := errors.Join(first.Abandon(t.Context()), second.Finish(t.Context(), Answer{Status: 201})); err != nil {
		t.Fatal(err)
	}
	if err := second.Abandon(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, a := begin(t, r, noon.Add(2*time.Minute), scope, Policy{}); a == nil || a.Status != 201 {
		t.Fatal("an answer that was given is gone")
	}
}

func TestAnAnswerThatWasChangedIsNotGiven(t *testing.T) {
	l := accesstest.NewMemory().Link()
	r, err := NewRecords(l, RecordOptions{Seal: xor, Open: func(string, []byte) ([]byte, error) {
		return nil, fault.New(fault.Internal, "a sealed record was changed outside Assay")
	}})
	if err != nil {
		t.Fatal(err)
	}
	c, _ := begin(t, r, noon, scope, Policy{})
	if err := c.Finish(t.Context(), Answer{Status: 200}); err != nil {
		t.Fatal(err)
	}
	if _, a, err := Begin(t.Context(), r, noon, scope, print, Policy{}); a != nil || fault.Of(err) != fault.Internal {
		t.Fatal(a, err)
	}
}
