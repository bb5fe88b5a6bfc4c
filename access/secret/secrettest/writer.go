package secrettest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/assayhq/assay/access/secret"
	"github.com/assayhq/assay/fault"
)

// RunWriter runs the stories of a writer. Open gives a new and empty one.
func RunWriter(t *testing.T, open func(t *testing.T) secret.Writer) {
	t.Run("a new name begins with a pending value and no current one", func(t *testing.T) {
		w := open(t)
		id := pend(t, w, "app/key", "one")
		v := read(t, w, "app/key")
		want(t, v, "", "", "one")
		if v.Pending.ID != id {
			t.Errorf("pending is version %s, written was %s", v.Pending.ID, id)
		}
		ok(t, w.Promote(t.Context(), "app/key", id))
		v = read(t, w, "app/key")
		want(t, v, "one", "", "")
		if v.Current.ID != id {
			t.Error("promoting changed the id")
		}
	})
	t.Run("the old one is kept beside the new one, the one before is forgotten", func(t *testing.T) {
		w := open(t)
		for _, v := range []string{"one", "two", "three"} {
			promoted(t, w, "app/key", v)
		}
		want(t, read(t, w, "app/key"), "three", "two", "")
	})
	t.Run("back to the previous value", func(t *testing.T) {
		w := open(t)
		for _, v := range []string{"one", "two", "one"} {
			promoted(t, w, "app/key", v)
		}
		want(t, read(t, w, "app/key"), "one", "two", "")
	})
	t.Run("a pending value leaves the current one alone, and goes without a trace", func(t *testing.T) {
		w := open(t)
		promoted(t, w, "app/key", "one")
		id := pend(t, w, "app/key", "two")
		want(t, read(t, w, "app/key"), "one", "", "two")
		ok(t, w.Discard(t.Context(), "app/key", id))
		want(t, read(t, w, "app/key"), "one", "", "")
		ok(t, w.Discard(t.Context(), "app/key", id))
		kind(t, w.Promote(t.Context(), "app/key", id), fault.Conflict)
		want(t, read(t, w, "app/key"), "one", "", "")
		promoted(t, w, "app/key", "three")
		want(t, read(t, w, "app/key"), "three", "one", "")
	})
	t.Run("a discarded first value leaves nothing", func(t *testing.T) {
		w := open(t)
		ok(t, w.Discard(t.Context(), "app/key", pend(t, w, "app/key", "one")))
		_, err := w.Read(t.Context(), "app/key")
		kind(t, err, fault.Unknown)
		promoted(t, w, "app/key", "two")
		want(t, read(t, w, "app/key"), "two", "", "")
	})
	t.Run("each step may be repeated", func(t *testing.T) {
		w := open(t)
		promoted(t, w, "app/key", "zero")
		id := pend(t, w, "app/key", "one")
		if again := pend(t, w, "app/key", "one"); again != id {
			t.Errorf("the same pending value is version %s and %s", id, again)
		}
		ok(t, w.Promote(t.Context(), "app/key", id))
		ok(t, w.Promote(t.Context(), "app/key", id))
		if again := pend(t, w, "app/key", "one"); again != id {
			t.Errorf("the current value became version %s beside %s", again, id)
		}
		want(t, read(t, w, "app/key"), "one", "zero", "")
	})
	t.Run("another's pending value is not overwritten", func(t *testing.T) {
		w := open(t)
		pend(t, w, "app/key", "mine")
		_, err := w.WritePending(t.Context(), "app/key", secret.Of("yours"))
		kind(t, err, fault.Conflict)
		if strings.Contains(err.Error(), "mine") || strings.Contains(err.Error(), "yours") {
			t.Error("the error holds a value")
		}
		want(t, read(t, w, "app/key"), "", "", "mine")
	})
	t.Run("what is in use is not discarded, what is not pending not promoted", func(t *testing.T) {
		w := open(t)
		old := promoted(t, w, "app/key", "one")
		now := promoted(t, w, "app/key", "two")
		kind(t, w.Discard(t.Context(), "app/key", now), fault.Conflict)
		kind(t, w.Discard(t.Context(), "app/key", old), fault.Conflict)
		kind(t, w.Promote(t.Context(), "app/key", old), fault.Conflict)
		kind(t, w.Promote(t.Context(), "app/key", secret.NewID()), fault.Conflict)
		kind(t, w.Promote(t.Context(), "app/key", ""), fault.Conflict)
		want(t, read(t, w, "app/key"), "two", "one", "")
		kind(t, w.Promote(t.Context(), "other", now), fault.Unknown)
		kind(t, w.Discard(t.Context(), "other", now), fault.Unknown)
	})
	t.Run("names do not touch each other", func(t *testing.T) {
		w := open(t)
		promoted(t, w, "app", "one")
		promoted(t, w, "app/key", "two")
		promoted(t, w, "app-key", "three")
		want(t, read(t, w, "app"), "one", "", "")
		want(t, read(t, w, "app/key"), "two", "", "")
		want(t, read(t, w, "app-key"), "three", "", "")
	})
	t.Run("what cannot be kept is refused", func(t *testing.T) {
		w := open(t)
		for _, v := range []string{"", "\xff\xfe", strings.Repeat("x", secret.MaxValue+1)} {
			_, err := w.WritePending(t.Context(), "app/key", secret.Of(v))
			kind(t, err, fault.Invalid)
		}
		for _, name := range badNames {
			_, err := w.WritePending(t.Context(), name, secret.Of("x"))
			kind(t, err, fault.Invalid)
			kind(t, w.Promote(t.Context(), name, "1"), fault.Invalid)
			kind(t, w.Discard(t.Context(), name, "1"), fault.Invalid)
		}
	})
	t.Run("a call that was given up changes nothing", func(t *testing.T) {
		w := open(t)
		promoted(t, w, "app/key", "one")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := w.WritePending(ctx, "app/key", secret.Of("two"))
		kind(t, err, fault.Unavailable)
		want(t, read(t, w, "app/key"), "one", "", "")
	})
	t.Run("pushing tests before it changes", func(t *testing.T) { runPush(t, open) })
	t.Run("many push at once and one of them is current", func(t *testing.T) {
		w := open(t)
		promoted(t, w, "app/key", "zero")
		race(t, w, func(i int) string { return fmt.Sprintf("value %d", i) })
	})
	t.Run("many push the same at once", func(t *testing.T) {
		w := open(t)
		promoted(t, w, "app/key", "zero")
		race(t, w, func(int) string { return "one" })
		want(t, read(t, w, "app/key"), "one", "zero", "")
	})
}

// runPush tells Push against the keeper: a failing test leaves everything as it was.
func runPush(t *testing.T, open func(t *testing.T) secret.Writer) {
	w := open(t)
	good := func(context.Context, secret.Value) error { return nil }
	first, err := secret.Push(t.Context(), w, "app/key", secret.Of("one"), good)
	ok(t, err)
	if first.Previous != "" || first.Already {
		t.Errorf("the first receipt is %+v", first)
	}
	_, err = secret.Push(t.Context(), w, "app/key", secret.Of("two"), func(ctx context.Context, v secret.Value) error {
		want(t, read(t, w, "app/key"), "one", "", "two")
		if v.Reveal() != "two" {
			t.Errorf("the test was given %q", v.Reveal())
		}
		return fault.New(fault.Unauthentic, "whoami answered 401")
	})
	kind(t, err, fault.Unauthentic)
	after := read(t, w, "app/key")
	want(t, after, "one", "", "")
	if after.Current.ID != first.Version {
		t.Error("the current version is another one")
	}
	second, err := secret.Push(t.Context(), w, "app/key", secret.Of("two"), good)
	ok(t, err)
	if second.Previous != first.Version || second.Already {
		t.Errorf("the second receipt is %+v", second)
	}
	want(t, read(t, w, "app/key"), "two", "one", "")
	again, err := secret.Push(t.Context(), w, "app/key", secret.Of("two"), good)
	ok(t, err)
	if !again.Already || again.Version != second.Version || again.Previous != first.Version {
		t.Errorf("the repeated receipt is %+v after %+v", again, second)
	}
	_, err = secret.Push(t.Context(), w, "app/key", secret.Of("two"), func(context.Context, secret.Value) error { return errors.New("no") })
	kind(t, err, fault.Conflict)
	want(t, read(t, w, "app/key"), "two", "one", "")
}

// race pushes from many sides. Each push succeeds or is told of the conflict, and in the
// end a value that succeeded is current.
func race(t *testing.T, w secret.Writer, value func(i int) string) {
	t.Helper()
	const sides = 6
	errs := make([]error, sides)
	var all sync.WaitGroup
	for i := range sides {
		all.Go(func() {
			_, errs[i] = secret.Push(t.Context(), w, "app/key", secret.Of(value(i)), func(context.Context, secret.Value) error { return nil })
		})
	}
	all.Wait()
	v := read(t, w, "app/key")
	won := false
	for i, err := range errs {
		if err == nil {
			won = won || v.Current.Value.Reveal() == value(i)
		} else if fault.Of(err) != fault.Conflict {
			t.Errorf("push %d: %v", i, err)
		}
	}
	if !won {
		t.Errorf("%q is current, which no successful push wrote: %v", v.Current.Value.Reveal(), errs)
	}
}

func pend(t *testing.T, w secret.Writer, name, value string) string {
	t.Helper()
	id, err := w.WritePending(t.Context(), name, secret.Of(value))
	ok(t, err)
	if id == "" {
		t.Fatal("the version has no id")
	}
	return id
}

func promoted(t *testing.T, w secret.Writer, name, value string) string {
	t.Helper()
	id := pend(t, w, name, value)
	ok(t, w.Promote(t.Context(), name, id))
	return id
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func kind(t *testing.T, err error, k fault.Kind) {
	t.Helper()
	if err == nil || fault.Of(err) != k {
		t.Errorf("the error is %v (%v), want %v", err, fault.Of(err), k)
	}
}
