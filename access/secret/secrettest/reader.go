// Package secrettest is the exam of the keepers of secrets: stories that every
// secret.Reader and secret.Writer passes, whatever it keeps them in.
//
// It never touches the network or a clock itself and only tests call it. What it holds a
// keeper to is the contract in access/secret, no more.
package secrettest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/assayhq/assay/access/secret"
	"github.com/assayhq/assay/fault"
)

// Kept is what a keeper holds under one name before a story begins.
type Kept struct {
	Current  string
	Previous string // none when empty
}

// Values that a keeper gives back byte by byte.
var difficult = []string{
	"x", " spaces around ", `{"json":"\u0041"}`, "line\nline", "quote \" and \\ backslash",
	"<html>&amp;", "grüße 値 \U0001F511", "$HOME ${HOME} %20 +", "null", "0x10", strings.Repeat("k", secret.MaxValue),
}

var badNames = []string{
	"", "/", "/a", "a/", "a//b", "..", "a/../b", "a..b", ".", "a/./b", "a b", "a\x00b", "a\nb", "naïve", "a%2fb", "a?b", "a#b", `a\b`, "a:b", "a*",
	strings.Repeat("n", secret.MaxName+1),
}

// RunReader runs the stories of a reader. Open gives a new one that holds just what it
// is told.
func RunReader(t *testing.T, open func(t *testing.T, kept map[string]Kept) secret.Reader) {
	t.Run("current and previous are given with their ids", func(t *testing.T) {
		r := open(t, map[string]Kept{"exchange/kraken.key": {Current: "new", Previous: "old"}, "pepper": {Current: "salt"}})
		v := read(t, r, "exchange/kraken.key")
		want(t, v, "new", "old", "")
		if v.Current.ID == v.Previous.ID {
			t.Errorf("two values have one id: %s", v.Current.ID)
		}
		want(t, read(t, r, "pepper"), "salt", "", "")
		if again := read(t, r, "exchange/kraken.key"); again.Current.ID != v.Current.ID || again.Previous.ID != v.Previous.ID {
			t.Error("the ids changed without a change")
		}
	})
	t.Run("a stranger's name is unknown", func(t *testing.T) {
		r := open(t, map[string]Kept{"exchange/kraken.key": {Current: "x"}})
		for _, name := range []string{"exchange", "exchange/kraken", "exchange/kraken.key2", "exchange/kraken.key/x", "pepper"} {
			if v, err := r.Read(t.Context(), name); fault.Of(err) != fault.Unknown || err == nil || v.Present() {
				t.Errorf("%s: %v, %v", name, v, err)
			}
		}
	})
	t.Run("a bad name is refused", func(t *testing.T) {
		r := open(t, nil)
		for _, name := range badNames {
			if _, err := r.Read(t.Context(), name); fault.Of(err) != fault.Invalid || err == nil {
				t.Errorf("%q: %v", name, err)
			}
		}
	})
	t.Run("every byte comes back", func(t *testing.T) {
		kept := map[string]Kept{}
		for i, v := range difficult {
			kept[fmt.Sprintf("difficult/%d", i)] = Kept{Current: v}
		}
		r := open(t, kept)
		for name, k := range kept {
			if got := read(t, r, name).Current.Value.Reveal(); got != k.Current {
				t.Errorf("%s: %.40q came back as %.40q", name, k.Current, got)
			}
		}
	})
	t.Run("a call that was given up gives nothing", func(t *testing.T) {
		r := open(t, map[string]Kept{"pepper": {Current: "salt"}})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		v, err := r.Read(ctx, "pepper")
		if fault.Of(err) != fault.Unavailable || !errors.Is(err, context.Canceled) || v.Present() {
			t.Errorf("%v, %v", v, err)
		}
	})
	t.Run("nothing prints a value", func(t *testing.T) {
		r := open(t, map[string]Kept{"pepper": {Current: "hunter2", Previous: "hunter1"}})
		v := read(t, r, "pepper")
		for _, form := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
			if s := fmt.Sprintf(form+" "+form, r, v); strings.Contains(s, "hunter") || strings.Contains(s, "68756e746572") {
				t.Errorf("%s prints the secret", form)
			}
		}
	})
}

// Fill puts what RunReader asks for into a writer.
func Fill(t *testing.T, w secret.Writer, kept map[string]Kept) {
	t.Helper()
	for name, k := range kept {
		for _, v := range []string{k.Previous, k.Current} {
			if v != "" {
				promoted(t, w, name, v)
			}
		}
	}
}

func read(t *testing.T, r secret.Reader, name string) secret.Versions {
	t.Helper()
	v, err := r.Read(t.Context(), name)
	if err != nil {
		t.Fatalf("reading %s: %v", name, err)
	}
	return v
}

// want compares the values; "" means that there is no such version.
func want(t *testing.T, v secret.Versions, current, previous, pending string) {
	t.Helper()
	for _, c := range []struct {
		stage string
		got   secret.Version
		want  string
	}{{"current", v.Current, current}, {"previous", v.Previous, previous}, {"pending", v.Pending, pending}} {
		if c.got.Present() != (c.want != "") || c.got.Value.Reveal() != c.want {
			t.Errorf("%s is %.40q (version %q), want %.40q", c.stage, c.got.Value.Reveal(), c.got.ID, c.want)
		}
	}
}
