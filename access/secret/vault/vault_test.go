package vault_test

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/access/secret"
	"github.com/assayhq/assay/access/secret/secrettest"
	"github.com/assayhq/assay/access/secret/vault"
	"github.com/assayhq/assay/fault"
)

func role(s *server, url string) vault.Options {
	return vault.Options{Address: url, Mount: "kv", Prefix: "assay", RoleID: "the role", SecretID: secret.Of(s.secretID), Now: s.clock, Namespace: s.namespace}
}

func open(t *testing.T, o vault.Options) *vault.Vault {
	t.Helper()
	v, err := vault.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func value(t *testing.T, r secret.Reader) string {
	t.Helper()
	v, err := r.Read(t.Context(), "key")
	if err != nil {
		t.Fatal(err)
	}
	return v.Current.Value.Reveal()
}

func fill(t *testing.T, w secret.Writer, current string) {
	t.Helper()
	secrettest.Fill(t, w, map[string]secrettest.Kept{"key": {Current: current}})
}

func want(t *testing.T, err error, k fault.Kind) {
	t.Helper()
	if err == nil || fault.Of(err) != k {
		t.Errorf("the error is %v (%v), want %v", err, fault.Of(err), k)
	}
}

func TestTheExam(t *testing.T) {
	secrettest.RunReader(t, func(t *testing.T, kept map[string]secrettest.Kept) secret.Reader {
		s, url := newServer(t)
		secrettest.Fill(t, open(t, role(s, url)), kept)
		s.read = true
		return open(t, role(s, url))
	})
	secrettest.RunWriter(t, func(t *testing.T) secret.Writer {
		s, url := newServer(t)
		return open(t, role(s, url))
	})
}

func TestTheTokenIsRenewedBeforeItRunsOut(t *testing.T) {
	s, url := newServer(t)
	v := open(t, role(s, url))
	fill(t, v, "one")
	for range 5 { // 3.5 h: the token may live for 4
		s.age(42 * time.Minute)
		value(t, v)
	}
	if logins, renewals := s.called("PUT auth/approle/login"), s.called("PUT auth/token/renew-self"); logins != 1 || renewals != 5 {
		t.Errorf("%d logins and %d renewals", logins, renewals)
	}
	s.age(42 * time.Minute) // a renewal gives 4 h - 3.5 h - 42 min at most: nothing
	value(t, v)
	if n := s.called("PUT auth/approle/login"); n != 2 {
		t.Errorf("%d logins after the greatest age", n)
	}
}

func TestATokenThatRanOutIsReplaced(t *testing.T) {
	s, url := newServer(t)
	v := open(t, role(s, url))
	fill(t, v, "one")
	s.age(2 * time.Hour)
	value(t, v)
	if logins, renewals := s.called("PUT auth/approle/login"), s.called("PUT auth/token/renew-self"); logins != 2 || renewals != 0 {
		t.Errorf("%d logins and %d renewals", logins, renewals)
	}
}

func TestARevokedTokenIsReplacedOnce(t *testing.T) {
	s, url := newServer(t)
	v := open(t, role(s, url))
	fill(t, v, "one")
	for range 3 {
		s.mu.Lock()
		s.tokens = map[string]*token{"root-token": {root: true}, "spare": {}, s.now.String(): {}}
		s.mu.Unlock()
		if got := value(t, v); got != "one" {
			t.Errorf("%q", got)
		}
		s.age(time.Second)
	}
	if n := s.called("PUT auth/approle/login"); n != 4 {
		t.Errorf("%d logins", n)
	}
}

func TestAMissingPermissionIsDeniedAndNotTriedForEver(t *testing.T) {
	s, url := newServer(t)
	v := open(t, role(s, url))
	fill(t, v, "one")
	s.read = true
	_, err := v.WritePending(t.Context(), "key", secret.Of("two"))
	want(t, err, fault.Denied)
	if n := s.called("PUT kv/data/assay"); n != 4 { // fill: two; then the refused one twice
		t.Errorf("%d writes", n)
	}
	if n := s.called("PUT auth/approle/login"); n != 2 {
		t.Errorf("%d logins", n)
	}
}

func TestAWrongSecretIDIsUnauthentic(t *testing.T) {
	s, url := newServer(t)
	o := role(s, url)
	o.SecretID = secret.Of("hunter2")
	_, err := open(t, o).Read(t.Context(), "key")
	want(t, err, fault.Unauthentic)
	if strings.Contains(err.Error(), "hunter2") {
		t.Error("the error holds the secret id")
	}
}

func TestAGivenTokenIsUsedAsItIs(t *testing.T) {
	s, url := newServer(t)
	o := role(s, url)
	o.RoleID, o.SecretID, o.Token = "", secret.Value{}, secret.Of("root-token")
	v := open(t, o)
	fill(t, v, "one")
	if got := value(t, v); got != "one" || s.called("PUT auth/approle/login") != 0 {
		t.Errorf("%q", got)
	}
	s.read = true // the token is good, the path is not allowed
	_, err := v.WritePending(t.Context(), "key", secret.Of("two"))
	want(t, err, fault.Denied)
	delete(s.tokens, "root-token")
	_, err = v.Read(t.Context(), "key")
	want(t, err, fault.Unauthentic)
}

func TestTheNamespaceIsSent(t *testing.T) {
	s, url := newServer(t)
	s.namespace = "trading/eu"
	fill(t, open(t, role(s, url)), "one")
	o := role(s, url)
	o.Namespace = "other"
	_, err := open(t, o).Read(t.Context(), "key")
	want(t, err, fault.Unauthentic)
}

func TestASealedVaultIsUnavailable(t *testing.T) {
	t.Parallel() // it waits between attempts
	s, url := newServer(t)
	v := open(t, role(s, url))
	fill(t, v, "one")
	s.sealed = true
	_, err := v.Read(t.Context(), "key")
	want(t, err, fault.Unavailable)
	_, err = open(t, role(s, url)).Read(t.Context(), "key") // at the login
	want(t, err, fault.Unavailable)
	s.sealed = false
	if value(t, v) != "one" {
		t.Error("it does not come back")
	}
	o := role(s, "http://127.0.0.1:1")
	_, err = open(t, o).Read(t.Context(), "key")
	want(t, err, fault.Unavailable)
}

func TestALostAnswerIsNotASecondVersion(t *testing.T) {
	t.Parallel() // it waits between attempts
	s, url := newServer(t)
	v := open(t, role(s, url))
	fill(t, v, "one")
	for _, next := range []string{"two", "three"} {
		s.lose["PUT kv/data/assay/key"] = 1
		_, err := secret.Push(t.Context(), v, "key", secret.Of(next), func(context.Context, secret.Value) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
	}
	got, err := v.Read(t.Context(), "key")
	if err != nil || got.Current.Value.Reveal() != "three" || got.Previous.Value.Reveal() != "two" || got.Pending.Present() {
		t.Errorf("%+v, %v", got, err)
	}
	if n := s.entries["assay/key"].version; n != 6 {
		t.Errorf("%d writes were made, want 6", n)
	}
}

func TestRetiredValuesDoNotStayInTheEngine(t *testing.T) {
	s, url := newServer(t)
	v := open(t, role(s, url))
	for _, text := range []string{"one", "two", "three"} {
		fill(t, v, text)
	}
	id, err := v.WritePending(t.Context(), "key", secret.Of("four"))
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Discard(t.Context(), "key", id); err != nil {
		t.Fatal(err)
	}
	if got := s.texts("assay/key"); !slices.Equal(got, []string{"three", "two"}) {
		t.Errorf("the engine holds %q", got)
	}
	if !s.entries["assay/key"].needsCAS {
		t.Error("a write without check-and-set would be let through")
	}
}

func TestAnEntryWrittenByHand(t *testing.T) {
	s, url := newServer(t)
	s.entry("assay/key").version = 1
	s.entry("assay/key").data = map[string]any{"current": "by hand", "owner": "ops"}
	v := open(t, role(s, url))
	if got := value(t, v); got != "by hand" {
		t.Errorf("%q", got)
	}
	fill(t, v, "two")
	got, err := v.Read(t.Context(), "key")
	if err != nil || got.Previous.Value.Reveal() != "by hand" || got.Previous.ID == got.Current.ID {
		t.Errorf("%+v, %v", got, err)
	}
}

// `vault kv delete` hides an entry and keeps its number, with which check-and-set goes on.
func TestADeletedEntryBeginsAnew(t *testing.T) {
	s, url := newServer(t)
	v := open(t, role(s, url))
	fill(t, v, "one")
	s.entries["assay/key"].data = nil
	_, err := v.Read(t.Context(), "key")
	want(t, err, fault.Unknown)
	fill(t, v, "two")
	if got := value(t, v); got != "two" {
		t.Errorf("%q", got)
	}
}

func TestAnswersThatAreNoneAreRefused(t *testing.T) {
	for answer, kind := range map[string]fault.Kind{
		`{"data":{"current":"x"}}`:                                   fault.Invalid, // an engine of version 1
		`{"data":{"data":{"current":7},"metadata":{"version":1}}}`:   fault.Internal,
		`{"data":{"data":{"current":""},"metadata":{"version":1}}}`:  fault.Internal,
		`{"data":{"data":{"current":"x"},"metadata":{"version":1}`:   fault.Unavailable,
		`{"data":{"data":{"other":"x"},"metadata":{"version":1}}}`:   fault.Unknown,
		`{"data":{"data":{"current":"x"},"metadata":{"version":"v"}`: fault.Unavailable,
	} {
		s, url := newServer(t)
		s.raw = []byte(answer)
		_, err := open(t, role(s, url)).Read(t.Context(), "key")
		if err == nil || fault.Of(err) != kind {
			t.Errorf("%s: %v (%v), want %v", answer, err, fault.Of(err), kind)
		}
	}
	s, url := newServer(t)
	s.raw = append([]byte(`{"data":{"pad":"`), bytes.Repeat([]byte("x"), 2<<20)...)
	_, err := open(t, role(s, url)).Read(t.Context(), "key")
	want(t, err, fault.Unavailable)
}

func TestTheProcessesEnvironmentIsNotRead(t *testing.T) {
	t.Setenv("VAULT_TOKEN", "from elsewhere")
	t.Setenv("VAULT_NAMESPACE", "from elsewhere")
	t.Setenv("VAULT_HEADERS", `{"X-Else":"where"}`)
	t.Setenv("VAULT_ADDR", "http://127.0.0.1:1")
	s, url := newServer(t)
	o := role(s, url)
	seen := http.Header{}
	o.HTTP = &http.Client{Transport: watch(func(r *http.Request) { seen = r.Header })}
	fill(t, open(t, o), "one")
	if seen.Get("X-Else") != "" || seen.Get("X-Vault-Namespace") != "" {
		t.Errorf("%v", seen)
	}
}

type watch func(*http.Request)

func (w watch) RoundTrip(r *http.Request) (*http.Response, error) {
	w(r)
	return http.DefaultTransport.RoundTrip(r)
}

func TestOptionsAreChecked(t *testing.T) {
	good := vault.Options{Address: "https://vault.internal:8200", RoleID: "r", SecretID: secret.Of("s")}
	if _, err := vault.Open(good); err != nil {
		t.Error(err)
	}
	for _, spoil := range []func(*vault.Options){
		func(o *vault.Options) { o.Address = "" },
		func(o *vault.Options) { o.Address = "vault.internal:8200" },
		func(o *vault.Options) { o.Address = "unix:///x" },
		func(o *vault.Options) { o.SecretID = secret.Value{} },
		func(o *vault.Options) { o.RoleID = "" },
		func(o *vault.Options) { o.Token = secret.Of("both") },
		func(o *vault.Options) { o.Mount = "../sys" },
		func(o *vault.Options) { o.Prefix = "/a" },
		func(o *vault.Options) { o.AppRole = "a?b" },
		func(o *vault.Options) { o.Namespace = "a b" },
	} {
		o := good
		spoil(&o)
		_, err := vault.Open(o)
		want(t, err, fault.Invalid)
	}
}
