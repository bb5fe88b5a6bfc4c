package secret_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/assayhq/assay/access/secret"
	"github.com/assayhq/assay/access/secret/secrettest"
	"github.com/assayhq/assay/fault"
)

func TestAValueShowsItselfNowhere(t *testing.T) {
	v := secret.Of("hunter2")
	type hides struct {
		v  secret.Value
		vs []secret.Value
		in secret.Versions
	}
	h := hides{v: v, vs: []secret.Value{v}, in: secret.Versions{Current: secret.Version{ID: "1", Value: v}}}
	var out strings.Builder
	for _, form := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%c"} {
		fmt.Fprintf(&out, form+form+form+form, v, &v, h, &h)
	}
	fmt.Fprint(&out, v, h, v.String())
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v, "h", h, "versions", h.in)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v, "h", h, "versions", h.in)
	b, err := json.Marshal(h.in)
	if err != nil || !strings.Contains(string(b), `"Value":"secret"`) {
		t.Errorf("%s, %v", b, err)
	}
	out.Write(b)
	for _, trace := range []string{"hunter2", "68756e74657232", "68756E74657232", "104 117 110"} {
		if strings.Contains(out.String(), trace) {
			t.Errorf("the output holds %s", trace)
		}
	}
	if fmt.Sprint(v) != "secret" || v.Reveal() != "hunter2" {
		t.Error("a value prints as secret, and reveals itself when asked")
	}
}

func TestValuesAreEqualByText(t *testing.T) {
	same := string([]byte("hunter2"))
	if !secret.Of("hunter2").Equal(secret.Of(same)) || secret.Of("hunter2").Equal(secret.Of("hunter1")) || secret.Of("hunter2").Equal(secret.Of("hunter22")) {
		t.Error("Equal does not compare the texts")
	}
	var none secret.Value
	if !none.Equal(secret.Of("")) || !none.Empty() || none.Equal(secret.Of("x")) {
		t.Error("the zero value is not the empty text")
	}
}

func FuzzANameMeansTheSameEverywhere(f *testing.F) {
	for _, s := range []string{"a", "exchange/kraken.key", "a..b", "/a", "a/", "a//b", ".", "a/./b", "-", "_", strings.Repeat("a", 256), strings.Repeat("a", 257)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		err := secret.CheckName(name)
		good := name != "" && len(name) <= 256 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_.-") == "" &&
			!strings.Contains(name, "..") && !strings.Contains("/"+name+"/", "//") && !strings.Contains("/"+name+"/", "/./")
		for _, r := range name {
			good = good && (r < 0x80 && strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_.-", r))
		}
		if (err == nil) != good {
			t.Errorf("%q: %v", name, err)
		}
		if err != nil && fault.Of(err) != fault.Invalid {
			t.Errorf("%q: kind %v", name, fault.Of(err))
		}
	})
}

// memory is the least keeper there is: it shows that the rules of Versions suffice, and
// fails where a story wants it to.
type memory struct {
	held    map[string]secret.Versions
	failing map[string]error // by method
	late    bool             // the change is made although the error is given
	calls   []string
}

func (m *memory) step(method, name string, f func(secret.Versions) (secret.Versions, error)) error {
	m.calls = append(m.calls, method)
	broken := m.failing[method]
	if broken != nil && !m.late {
		return broken
	}
	next, err := f(m.held[name])
	if err != nil {
		return err
	}
	if m.held == nil {
		m.held = map[string]secret.Versions{}
	}
	m.held[name] = next
	return broken
}

func (m *memory) Read(_ context.Context, name string) (secret.Versions, error) {
	if v := m.held[name]; v.Present() {
		return v, m.failing["read"]
	}
	return secret.Versions{}, fault.New(fault.Unknown, "none")
}

func (m *memory) WritePending(_ context.Context, name string, value secret.Value) (id string, err error) {
	err = m.step("write", name, func(v secret.Versions) (next secret.Versions, err error) {
		next, id, err = v.WithPending(value, secret.NewID())
		return next, err
	})
	return id, err
}

func (m *memory) Promote(_ context.Context, name, version string) error {
	return m.step("promote", name, func(v secret.Versions) (secret.Versions, error) { return v.Promoted(version) })
}

func (m *memory) Discard(ctx context.Context, name, version string) error {
	if err := ctx.Err(); err != nil {
		return fault.Wrap(fault.Unavailable, err, "given up")
	}
	return m.step("discard", name, func(v secret.Versions) (secret.Versions, error) { return v.Discarded(version) })
}

func works(context.Context, secret.Value) error { return nil }

func holding(t *testing.T, value string) *memory {
	t.Helper()
	m := &memory{}
	secrettest.Fill(t, m, map[string]secrettest.Kept{"key": {Current: value}})
	m.calls = nil
	return m
}

func TestAFailedTestLeavesTheCurrentValue(t *testing.T) {
	m := holding(t, "one")
	before := m.held["key"].Current.ID
	_, err := secret.Push(t.Context(), m, "key", secret.Of("two"), func(context.Context, secret.Value) error {
		return fault.New(fault.Denied, "whoami answered 403")
	})
	if fault.Of(err) != fault.Denied || !strings.Contains(err.Error(), "current one is unchanged") || !strings.Contains(err.Error(), "403") {
		t.Errorf("%v", err)
	}
	if v := m.held["key"]; v.Current.ID != before || v.Pending.Present() || v.Previous.Present() {
		t.Errorf("%+v", v)
	}
	if got := strings.Join(m.calls, " "); got != "write discard" {
		t.Errorf("the calls were %s", got)
	}
}

func TestATestThatOutlastsItsContextIsCleanedUp(t *testing.T) {
	m := holding(t, "one")
	ctx, cancel := context.WithCancel(t.Context())
	_, err := secret.Push(ctx, m, "key", secret.Of("two"), func(ctx context.Context, _ secret.Value) error {
		cancel()
		return ctx.Err()
	})
	if fault.Of(err) != fault.Unavailable || !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if m.held["key"].Pending.Present() {
		t.Error("the pending value stayed")
	}
}

func TestAnErrorThatQuotesTheSecretIsWithheld(t *testing.T) {
	m := holding(t, "one")
	for _, broken := range []error{nil, fault.New(fault.Unavailable, "down")} {
		m.failing = map[string]error{"discard": broken}
		_, err := secret.Push(t.Context(), m, "key", secret.Of("hunter2"), func(_ context.Context, v secret.Value) error {
			return fmt.Errorf("GET /v1/whoami?key=%s: 401", v.Reveal())
		})
		if err == nil || fault.Of(err) != fault.Conflict || strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), "hunter2") {
			t.Errorf("%v", err)
		}
		if broken != nil && !strings.Contains(err.Error(), m.held["key"].Pending.ID) {
			t.Errorf("it does not name the version that stayed: %v", err)
		}
	}
}

func TestALostAnswerIsMadeUpForByPushingAgain(t *testing.T) {
	down := fault.New(fault.Unavailable, "the connection was lost")
	for _, method := range []string{"write", "promote"} {
		for _, late := range []bool{false, true} {
			m := holding(t, "one")
			m.failing, m.late = map[string]error{method: down}, late
			if _, err := secret.Push(t.Context(), m, "key", secret.Of("two"), works); fault.Of(err) != fault.Unavailable || err == nil {
				t.Fatalf("%s: %v", method, err)
			}
			lost := m.held["key"]
			if cur := lost.Current.Value.Reveal(); cur != "one" && !(method == "promote" && late && cur == "two") {
				t.Fatalf("%s: %q is current", method, cur)
			}
			m.failing = nil
			r, err := secret.Push(t.Context(), m, "key", secret.Of("two"), works)
			v := m.held["key"]
			if err != nil || v.Current.Value.Reveal() != "two" || v.Previous.Value.Reveal() != "one" || v.Pending.Present() || r.Version != v.Current.ID || r.Previous != v.Previous.ID {
				t.Errorf("%s, late %v: %v, %+v", method, late, err, r)
			}
			if lost.Pending.Present() && r.Version != lost.Pending.ID {
				t.Errorf("%s: the pending value was written twice", method)
			}
		}
	}
}

func TestNothingIsTestedThatWasNotWritten(t *testing.T) {
	never := func(context.Context, secret.Value) error { t.Error("the test was run"); return nil }
	m := holding(t, "one")
	m.failing = map[string]error{"write": fault.New(fault.Denied, "no")}
	for _, c := range []struct {
		name, value string
		kind        fault.Kind
	}{{"key", "two", fault.Denied}, {"../key", "two", fault.Invalid}, {"key", "", fault.Invalid}} {
		if _, err := secret.Push(t.Context(), m, c.name, secret.Of(c.value), never); fault.Of(err) != c.kind || err == nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
	m.failing = map[string]error{"read": fault.New(fault.Unavailable, "down")}
	if _, err := secret.Push(t.Context(), m, "key", secret.Of("two"), never); fault.Of(err) != fault.Unavailable || err == nil {
		t.Errorf("%v", err)
	}
}

// Whatever is done in whatever order: ids and values stay together, no two stages have
// one version, the current value was pending before, and a refusal changes nothing.
func TestVersionsKeepTheirOrder(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		var v secret.Versions
		wrote := map[string]string{}
		ids := []string{"", "stranger"}
		for step := range 60 {
			was, pendingWas := v, v.Pending.ID
			var err error
			id := ids[r.IntN(len(ids))]
			if r.IntN(2) == 0 {
				id = v.Pending.ID
			}
			switch r.IntN(3) {
			case 0:
				text, fresh := fmt.Sprint("value ", r.IntN(4)), fmt.Sprint(step)
				if v, id, err = v.WithPending(secret.Of(text), fresh); err == nil && id == fresh {
					wrote[id] = text
					ids = append(ids, id)
				}
			case 1:
				if v, err = v.Promoted(id); err == nil && v.Current.ID != id {
					t.Fatalf("seed %d: promoting %s made %s current", seed, id, v.Current.ID)
				}
			case 2:
				if v, err = v.Discarded(id); err == nil && v.Pending.ID == id && id != "" {
					t.Fatalf("seed %d: %s is still pending", seed, id)
				}
			}
			if err != nil && (v.Current.ID != was.Current.ID || v.Previous.ID != was.Previous.ID || v.Pending.ID != was.Pending.ID) {
				t.Fatalf("seed %d: a refusal changed %+v to %+v", seed, was, v)
			}
			if v.Current.ID != was.Current.ID && (v.Current.ID != pendingWas || was.Current.Present() && v.Previous.ID != was.Current.ID) {
				t.Fatalf("seed %d: %+v became %+v", seed, was, v)
			}
			seen := map[string]bool{}
			for _, s := range []secret.Version{v.Current, v.Previous, v.Pending} {
				if s.Present() && (seen[s.ID] || s.Value.Reveal() != wrote[s.ID]) {
					t.Fatalf("seed %d: %+v", seed, v)
				}
				seen[s.ID] = true
			}
		}
	}
}
