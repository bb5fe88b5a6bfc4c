// Package accesstest is the exam of access.KeyStore.
//
// A store of keys passes it in two lines. Its stories say what the contract means:
// what survives a reopen, which changes other processes notice, what a second
// revocation does. It never looks inside a store and never waits.
package accesstest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/fault"
)

// Store is an access.KeyStore that can be closed and opened again.
type Store interface {
	access.KeyStore
	Close() error
}

var morning = time.Date(2024, 5, 6, 9, 0, 0, 123456789, time.UTC)

func key(id string) access.Key {
	k := access.Key{
		ID: id, Name: "reporting – nightly", Org: "acme", App: "books", Env: "live", PepperVersion: 3,
		Scopes: []access.Scope{access.StreamRead, access.MarketRead}, Rate: 25, Burst: 100, Created: morning, Expires: morning.AddDate(1, 0, 0),
	}
	for i := range k.Verifier {
		k.Verifier[i], k.Seal[i] = byte(i), byte(255-i)
	}
	copy(k.Verifier[:], id)
	return k
}

// RunKeys examines a KeyStore. open opens what lives in dir, which may be open
// already: that is how two processes share it.
func RunKeys(t *testing.T, open func(t *testing.T, dir string) Store) {
	stories := []struct {
		name string
		tell func(t *testing.T, open func(*testing.T) Store)
	}{
		{"a key comes back as it was created", created},
		{"an unknown key is unknown", unknown},
		{"an id is given once", twice},
		{"a revoked key stays, with the first time of revocation", revoked},
		{"last uses go forward only", touched},
		{"the epoch rises with every change and with nothing else", epoch},
		{"settings are put, replaced and never guessed", settings},
		{"two processes share the store", shared},
		{"many writers take turns", writers},
		{"a cancelled context ends every call", cancelled},
	}
	for _, s := range stories {
		t.Run(strings.ReplaceAll(s.name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			s.tell(t, func(t *testing.T) Store { return open(t, dir) })
		})
	}
}

func no(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func kind(t *testing.T, err error, want fault.Kind) {
	t.Helper()
	if err == nil || fault.Of(err) != want {
		t.Fatalf("got %v, want an error of kind %v", err, want)
	}
}

func equal(t *testing.T, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got\n  %+v\nwant\n  %+v", got, want)
	}
}

func created(t *testing.T, open func(*testing.T) Store) {
	s := open(t)
	full, bare := key("aaaaaaaaaaa"), access.Key{ID: "bbbbbbbbbbb", Env: "test"}
	full.LastUsed = morning.Add(time.Hour)
	bare.Created = morning.Add(time.Minute)
	no(t, s.CreateKey(t.Context(), bare))
	no(t, s.CreateKey(t.Context(), full))
	for range 2 {
		got, err := s.Key(t.Context(), full.ID)
		no(t, err)
		equal(t, got, full)
		all, err := s.Keys(t.Context())
		no(t, err)
		equal(t, all, []access.Key{full, bare})
		no(t, s.Close())
		s = open(t)
	}
	no(t, s.Close())
}

func unknown(t *testing.T, open func(*testing.T) Store) {
	s := open(t)
	defer s.Close()
	_, err := s.Key(t.Context(), "nobody00000")
	kind(t, err, fault.Unknown)
	kind(t, s.RevokeKey(t.Context(), "nobody00000", morning), fault.Unknown)
	no(t, s.Touch(t.Context(), map[string]time.Time{"nobody00000": morning}))
	all, err := s.Keys(t.Context())
	no(t, err)
	equal(t, len(all), 0)
	bad := key("ccccccccccc")
	bad.Env = "staging"
	kind(t, s.CreateKey(t.Context(), bad), fault.Invalid)
}

func twice(t *testing.T, open func(*testing.T) Store) {
	s := open(t)
	defer s.Close()
	no(t, s.CreateKey(t.Context(), key("aaaaaaaaaaa")))
	other := key("aaaaaaaaaaa")
	other.Org = "mallory"
	kind(t, s.CreateKey(t.Context(), other), fault.Conflict)
	got, err := s.Key(t.Context(), "aaaaaaaaaaa")
	no(t, err)
	equal(t, got.Org, "acme")
}

func revoked(t *testing.T, open func(*testing.T) Store) {
	s := open(t)
	no(t, s.CreateKey(t.Context(), key("aaaaaaaaaaa")))
	no(t, s.RevokeKey(t.Context(), "aaaaaaaaaaa", morning.Add(time.Hour)))
	no(t, s.RevokeKey(t.Context(), "aaaaaaaaaaa", morning.Add(2*time.Hour)))
	no(t, s.Close())
	s = open(t)
	defer s.Close()
	want := key("aaaaaaaaaaa")
	want.Revoked = morning.Add(time.Hour)
	got, err := s.Key(t.Context(), "aaaaaaaaaaa")
	no(t, err)
	equal(t, got, want)
}

func touched(t *testing.T, open func(*testing.T) Store) {
	s := open(t)
	defer s.Close()
	no(t, s.CreateKey(t.Context(), key("aaaaaaaaaaa")))
	no(t, s.CreateKey(t.Context(), key("bbbbbbbbbbb")))
	no(t, s.Touch(t.Context(), map[string]time.Time{"aaaaaaaaaaa": morning.Add(2), "bbbbbbbbbbb": morning, "zzzzzzzzzzz": morning}))
	no(t, s.Touch(t.Context(), map[string]time.Time{"aaaaaaaaaaa": morning.Add(1), "bbbbbbbbbbb": morning.Add(5)}))
	no(t, s.Touch(t.Context(), nil))
	for id, want := range map[string]time.Time{"aaaaaaaaaaa": morning.Add(2), "bbbbbbbbbbb": morning.Add(5)} {
		got, err := s.Key(t.Context(), id)
		no(t, err)
		equal(t, got.LastUsed, want)
	}
}

func epoch(t *testing.T, open func(*testing.T) Store) {
	s := open(t)
	last, err := s.Epoch(t.Context())
	no(t, err)
	step := func(what string, rises bool) {
		t.Helper()
		n, err := s.Epoch(t.Context())
		no(t, err)
		if rises && n <= last || !rises && n != last {
			t.Fatalf("%s: the epoch went from %d to %d", what, last, n)
		}
		last = n
	}
	no(t, s.CreateKey(t.Context(), key("aaaaaaaaaaa")))
	step("a new key", true)
	_ = s.CreateKey(t.Context(), key("aaaaaaaaaaa"))
	step("a refused key", false)
	no(t, s.Touch(t.Context(), map[string]time.Time{"aaaaaaaaaaa": morning}))
	step("a use", false)
	no(t, s.PutSetting(t.Context(), "x", nil))
	step("a setting", false)
	no(t, s.RevokeKey(t.Context(), "aaaaaaaaaaa", morning))
	step("a revocation", true)
	no(t, s.RevokeKey(t.Context(), "aaaaaaaaaaa", morning))
	step("a second revocation", false)
	no(t, s.Close())
	s = open(t)
	defer s.Close()
	step("a reopen", false)
}

func settings(t *testing.T, open func(*testing.T) Store) {
	s := open(t)
	got, err := s.Setting(t.Context(), "pepper")
	no(t, err)
	if got != nil {
		t.Fatalf("a setting that was never put is %q", got)
	}
	no(t, s.PutSetting(t.Context(), "pepper", []byte{0, 1, 255}))
	no(t, s.PutSetting(t.Context(), "empty", nil))
	no(t, s.PutSetting(t.Context(), "other", []byte("one")))
	no(t, s.PutSetting(t.Context(), "other", []byte("two")))
	no(t, s.Close())
	s = open(t)
	defer s.Close()
	for name, want := range map[string][]byte{"pepper": {0, 1, 255}, "other": []byte("two"), "empty": {}} {
		got, err := s.Setting(t.Context(), name)
		no(t, err)
		equal(t, got, want)
	}
	kind(t, s.PutSetting(t.Context(), "", nil), fault.Invalid)
}

func shared(t *testing.T, open func(*testing.T) Store) {
	serve, command := open(t), open(t)
	defer serve.Close()
	before, err := serve.Epoch(t.Context())
	no(t, err)
	no(t, command.CreateKey(t.Context(), key("aaaaaaaaaaa")))
	no(t, command.PutSetting(t.Context(), "greeting", []byte("hello")))
	no(t, command.Close())
	after, err := serve.Epoch(t.Context())
	no(t, err)
	if after <= before {
		t.Fatalf("the other process does not notice: epoch %d, then %d", before, after)
	}
	got, err := serve.Key(t.Context(), "aaaaaaaaaaa")
	no(t, err)
	equal(t, got, key("aaaaaaaaaaa"))
	v, err := serve.Setting(t.Context(), "greeting")
	no(t, err)
	equal(t, v, []byte("hello"))
}

func writers(t *testing.T, open func(*testing.T) Store) {
	const each = 15
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			s := open(t)
			defer s.Close()
			for i := range each {
				if err := s.CreateKey(t.Context(), key(fmt.Sprintf("w%di%08d", w, i))); err != nil {
					t.Errorf("writer %d: %v", w, err)
					return
				}
				if _, err := s.Keys(t.Context()); err != nil {
					t.Errorf("writer %d: %v", w, err)
				}
			}
		})
	}
	all.Wait()
	s := open(t)
	defer s.Close()
	got, err := s.Keys(t.Context())
	no(t, err)
	equal(t, len(got), 4*each)
	n, err := s.Epoch(t.Context())
	no(t, err)
	if n < 4*each {
		t.Fatalf("%d changes, epoch %d", 4*each, n)
	}
}

func cancelled(t *testing.T, open func(*testing.T) Store) {
	s := open(t)
	defer s.Close()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	_, keyErr := s.Key(ctx, "aaaaaaaaaaa")
	_, keysErr := s.Keys(ctx)
	_, settingErr := s.Setting(ctx, "x")
	_, epochErr := s.Epoch(ctx)
	for what, err := range map[string]error{
		"CreateKey": s.CreateKey(ctx, key("aaaaaaaaaaa")), "RevokeKey": s.RevokeKey(ctx, "aaaaaaaaaaa", morning), "PutSetting": s.PutSetting(ctx, "x", nil),
		"Touch": s.Touch(ctx, map[string]time.Time{"aaaaaaaaaaa": morning}), "Key": keyErr, "Keys": keysErr, "Setting": settingErr, "Epoch": epochErr,
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want context.Canceled", what, err)
		}
	}
}
