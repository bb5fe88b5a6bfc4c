package app

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/accesstest"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/access/secret"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/store/sqlite"
)

var quiet = slog.New(slog.DiscardHandler)

var me = gate.By{Name: "test"}

func FuzzAKeyringIsReadAsItIsWritten(f *testing.F) {
	b := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))
	for _, s := range []string{b, "1:" + b, "1:" + b + ",2:" + b + "@1790000000", "0:" + b, "251:" + b, "1:" + b + ",1:" + b, "1:AAAA", "1:" + b + "@", "1:" + b + "@-1", ",", "", "1", "01:" + b} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		k, err := parseKeyring(text)
		if err != nil {
			if fault.Of(err) != fault.Invalid {
				t.Errorf("%v", err)
			}
			if len(text) > 16 && strings.Contains(err.Error(), text) {
				t.Error("the error quotes the secret")
			}
			return
		}
		if err := k.text().Check(); err != nil {
			t.Fatal(err)
		}
		again, err := parseKeyring(k.text().Reveal())
		if err != nil || len(again) != len(k) {
			t.Fatalf("%v", err)
		}
		for v, p := range k {
			if !bytes.Equal(again[v].key, p.key) || !again[v].from.Equal(p.from) || v < 1 || v > 250 || len(p.key) < 32 {
				t.Errorf("version %d", v)
			}
		}
		if n := k.newest(time.Now()); k[n].key == nil {
			t.Errorf("the newest is %d, which is not there", n)
		}
	})
}

func TestANewVersionWaitsForItsTime(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	k, v, err := keyring{}.next(time.Time{})
	if err != nil || v != 1 || k.newest(now) != 1 {
		t.Fatal(v, err)
	}
	k, v, err = k.next(now.Add(time.Minute))
	if err != nil || v != 2 || k.newest(now) != 1 || k.newest(now.Add(time.Minute)) != 2 {
		t.Fatal(v, err)
	}
	if s := fmt.Sprintf("%v %+v %#v %s", k, k, k, k); strings.Contains(s, "key") {
		t.Error(s)
	}
}

func config(t testing.TB) Config {
	c := Defaults()
	c.Data = t.TempDir()
	return c
}

func openAll(t testing.TB, cfg Config, log *slog.Logger) (access.Store, *gate.Gate, *ownSecrets) {
	t.Helper()
	store, err := OpenControl(cfg, quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	g, o, err := openGate(store, cfg, "node", log)
	if err != nil {
		t.Fatal(err)
	}
	return store, g, o
}

func ask(g *gate.Gate, token string) error {
	r := httptest.NewRequest("GET", "/v1/prices", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	_, err := g.Authenticate(r)
	return err
}

func newKey(t testing.TB, g *gate.Gate) gate.Made {
	t.Helper()
	m, err := g.Create(context.Background(), me, gate.Spec{Name: "test", Scopes: []access.Scope{access.MarketRead}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestThePepperIsNotInTheStoreAndLivesOn(t *testing.T) {
	cfg := config(t)
	store, g, o := openAll(t, cfg, quiet)
	m := newKey(t, g)
	inside, kept, err := gate.StoredPeppers(t.Context(), store)
	if err != nil || len(inside) != 0 || kept == nil || kept.Where != "file" {
		t.Fatalf("%v %v %v", inside, kept, err)
	}
	for _, name := range []string{"secrets.age", "secrets.key"} {
		in, err := os.Stat(filepath.Join(cfg.Data, name))
		if err != nil || in.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, in, err)
		}
	}
	key := o.ring[1].key
	store.Close()
	files, _ := filepath.Glob(filepath.Join(cfg.Data, "*"))
	for _, f := range files {
		b, _ := os.ReadFile(f)
		if bytes.Contains(b, key) || bytes.Contains(b, []byte(base64.StdEncoding.EncodeToString(key))) {
			t.Errorf("%s holds the pepper", f)
		}
	}
	_, g, _ = openAll(t, cfg, quiet)
	if err := ask(g, m.Token); err != nil {
		t.Errorf("after a restart: %v", err)
	}
}

func TestAPepperInsideMovesOut(t *testing.T) {
	cfg := config(t)
	inside := cfg
	inside.Secrets.From = "store"
	store, g, _ := openAll(t, inside, quiet)
	m := newKey(t, g)
	if _, _, err := g.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, public, _ := g.Checkpoint(t.Context())
	store.Close()

	var log bytes.Buffer
	store, g, o := openAll(t, cfg, slog.New(slog.NewTextHandler(&log, nil)))
	if err := ask(g, m.Token); err != nil {
		t.Error(err)
	}
	if !strings.Contains(log.String(), "moved out of the control plane") {
		t.Errorf("nothing was said: %s", log.String())
	}
	if p, _, _ := gate.StoredPeppers(t.Context(), store); len(p) != 0 {
		t.Error("it is still inside")
	}
	newKey(t, g)
	if _, now, err := g.Checkpoint(t.Context()); err != nil || now != public {
		t.Errorf("the audit log's key is another one: %v", err)
	}
	if v, err := o.Read(t.Context(), SignerSecret); err != nil || !v.Current.Present() {
		t.Errorf("the audit log's key did not move: %v", err)
	}
	_ = store.View(t.Context(), func(tx access.Tx) error {
		if _, err := tx.Get("audit", "signer"); fault.Of(err) != fault.Unknown || err == nil {
			t.Errorf("the audit log's key is still inside: %v", err)
		}
		return nil
	})
	store.Close()
	// Nobody begins anew by mistake.
	for _, c := range []struct {
		from string
		kind fault.Kind
	}{{"store", fault.Conflict}, {"file:" + filepath.Join(t.TempDir(), "other.age"), fault.Conflict}} {
		other := cfg
		other.Secrets.From = c.from
		s, err := sqlite.Open(filepath.Join(cfg.Data, "control.db"), sqlite.Options{Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := OpenGate(s, other, "", quiet); fault.Of(err) != c.kind || err == nil {
			t.Errorf("%s: %v", c.from, err)
		}
		s.Close()
	}
}

func TestAMoveThatWasInterruptedIsFinished(t *testing.T) {
	cfg := config(t)
	inside := cfg
	inside.Secrets.From = "store"
	store, g, _ := openAll(t, inside, quiet)
	m := newKey(t, g)
	peppers, _, _ := gate.StoredPeppers(t.Context(), store)
	store.Close()
	// It was written to the file, and the process died before it was taken out.
	k, err := OpenKeeper(cfg, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := replaceSecret(t.Context(), k.Writer, PepperSecret, secret.Value{}, keyring{1: {key: peppers[1]}}.text()); err != nil {
		t.Fatal(err)
	}
	store, g, _ = openAll(t, cfg, quiet)
	if left, _, _ := gate.StoredPeppers(t.Context(), store); len(left) != 0 || ask(g, m.Token) != nil {
		t.Error("the move was not finished")
	}
}

func TestTheEnvironmentIsASource(t *testing.T) {
	cfg := config(t)
	cfg.Secrets.From = "env:"
	store, err := OpenControl(cfg, quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if _, err := OpenGate(store, cfg, "", quiet); fault.Of(err) != fault.Invalid || err == nil || !strings.Contains(err.Error(), "ASSAY_SECRET_PEPPER") {
		t.Errorf("%v", err)
	}
	one := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{1}, 32))
	path := filepath.Join(t.TempDir(), "pepper")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(one)
	t.Setenv("ASSAY_SECRET_PEPPER_FILE", path)
	g, o, err := openGate(store, cfg, "node", quiet)
	if err != nil {
		t.Fatal(err)
	}
	m := newKey(t, g)
	if _, _, err := g.Checkpoint(t.Context()); err != nil { // its key stays inside, encrypted
		t.Error(err)
	}
	if _, _, err := RotatePepper(t.Context(), cfg, store, time.Now()); fault.Of(err) != fault.Conflict || err == nil {
		t.Error(err)
	}
	// A new version by hand: taken without a restart, the old one verifies on.
	write("1:" + one + ",2:" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{2}, 32)))
	if err := o.reload(t.Context(), true); err != nil || g.Pepper() != 2 || ask(g, m.Token) != nil {
		t.Errorf("%v, pepper %d", err, g.Pepper())
	}
	// A source that breaks later on changes nothing, and is told.
	for _, bad := range []string{"1:" + one, "nonsense", "1:" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{9}, 32)) + ",2:" + one} {
		write(bad)
		if err := o.reload(t.Context(), true); err == nil && bad != "1:"+one || strings.Contains(fmt.Sprint(err), one) {
			t.Errorf("%v", err)
		}
		if g.Pepper() != 2 || ask(g, m.Token) != nil {
			t.Errorf("pepper %d", g.Pepper())
		}
	}
	if c := o.check(); !c.OK || !strings.Contains(c.Detail, "cannot be read from env") {
		t.Errorf("%+v", c)
	}
	if _, err := OpenGate(store, cfg, "", quiet); fault.Of(err) != fault.Conflict || err == nil {
		t.Errorf("a start with the pepper of another installation: %v", err)
	}
}

func TestSeveralServersNeedAChoice(t *testing.T) {
	cfg := config(t)
	cfg.Control.URL = "postgres://assay@db/assay"
	if _, err := cfg.from(); fault.Of(err) != fault.Invalid || fault.Field(err) != "secrets.from" {
		t.Error(err)
	}
	cfg.Secrets.From = "store"
	if f, err := cfg.from(); f != inStore || err != nil {
		t.Error(f, err)
	}
}

func TestAnAddressIsReadStrictly(t *testing.T) {
	for _, a := range []string{"", "pepper", "files:x", "env:x", "vault:", "vault:vault.internal/kv", "vault:https://user:pw@v/kv", "vault:https://v/kv?token=x", "vault:https://v/kv?as=a&as=b", "awssm:", "awssm:x/../y", "file:x?identity=x", "awssm:eu-central-1?endpoint=nonsense"} {
		if _, err := openKeeper("secrets.from", a, t.TempDir()); fault.Of(err) != fault.Invalid || err == nil {
			t.Errorf("%s: %v", a, err)
		}
	}
	t.Setenv("ASSAY_SECRET_OTHER_TOKEN", "a token")
	for _, a := range []string{"vault:https://v:8200/kv/assay?as=other", "vault:https://v/a/kv/x?as=other&mount=a/kv&namespace=n", "awssm:eu-central-1/assay"} {
		if k, err := openKeeper("secrets.from", a, t.TempDir()); err != nil || k.Writer == nil {
			t.Errorf("%s: %v", a, err)
		}
	}
	if _, err := LoadConfig("", []string{"ASSAY_SECRET_PEPPER=x", "ASSAY_SECRETS_FROM=env:"}, nil); err != nil {
		t.Error(err)
	}
	if _, err := destinations(Config{Data: t.TempDir(), Secrets: Secrets{Destinations: map[string]string{"a": "env:"}}}); fault.Of(err) != fault.Invalid || err == nil {
		t.Error(err)
	}
}

// shelf is what a keeper holds, and shared one server's door to it.
type shelf struct {
	mu   sync.Mutex
	held map[string]secret.Versions
}

type shared struct {
	*shelf
	shut atomic.Bool
}

func (s *shared) change(name string, f func(secret.Versions) (secret.Versions, error)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shut.Load() {
		return fault.Wrap(fault.Unavailable, errors.New("shut"), "the keeper is shut")
	}
	v, err := f(s.held[name])
	if err == nil {
		s.held[name] = v
	}
	return err
}

func (s *shared) Read(_ context.Context, name string) (out secret.Versions, err error) {
	err = s.change(name, func(v secret.Versions) (secret.Versions, error) {
		if out = v; !v.Present() {
			return v, fault.New(fault.Unknown, "none")
		}
		return v, nil
	})
	return out, err
}

func (s *shared) WritePending(_ context.Context, name string, v secret.Value) (id string, err error) {
	err = s.change(name, func(x secret.Versions) (n secret.Versions, err error) {
		n, id, err = x.WithPending(v, secret.NewID())
		return n, err
	})
	return id, err
}

func (s *shared) Promote(_ context.Context, name, id string) error {
	return s.change(name, func(x secret.Versions) (secret.Versions, error) { return x.Promoted(id) })
}

func (s *shared) Discard(_ context.Context, name, id string) error {
	return s.change(name, func(x secret.Versions) (secret.Versions, error) { return x.Discarded(id) })
}

// twin is one of several servers over one store and one keeper.
func twin(t testing.TB, m *accesstest.Memory, k *shared, node string) (*gate.Gate, *ownSecrets) {
	t.Helper()
	o := &ownSecrets{Keeper: Keeper{Kind: "shared", Reader: k, Writer: k}, store: m.Link(), refresh: time.Minute, log: quiet, turn: make(chan struct{}, 1)}
	inside, kept, err := gate.StoredPeppers(t.Context(), o.store)
	if err != nil {
		t.Fatal(err)
	}
	if o.ring, err = o.settle(t.Context(), inside, kept, nil); err != nil {
		t.Fatal(err)
	}
	opt := gate.Options{Node: node, Static: time.Hour}
	o.options(&opt)
	g, err := gate.New(o.store, opt)
	if err != nil {
		t.Fatal(err)
	}
	o.serve(g)
	return g, o
}

// A new pepper is taken by two servers at different times, one of them while the keeper is
// shut for it: no key is ever wrong anywhere, and keys are digested anew as they are used.
func TestANewPepperLocksNobodyOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, k := accesstest.NewMemory(), &shared{shelf: &shelf{held: map[string]secret.Versions{}}}
		other := &shared{shelf: k.shelf}
		a, oa := twin(t, m, k, "a")
		b, _ := twin(t, m, other, "b")
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for _, g := range []*gate.Gate{a, b} {
			wg.Go(func() { _ = g.Run(ctx) })
		}
		defer wg.Wait()
		defer stop()
		old := newKey(t, a)
		ring, was, err := oa.keyring(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		next, n, err := ring.next(time.Now().Add(3 * time.Minute))
		if err != nil || n != 2 {
			t.Fatal(n, err)
		}
		if err := replaceSecret(t.Context(), k, PepperSecret, was, next.text()); err != nil {
			t.Fatal(err)
		}
		both := func(what, token string) {
			t.Helper()
			for name, g := range map[string]*gate.Gate{"a": a, "b": b} {
				if err := ask(g, token); err != nil && fault.Of(err) == fault.Unauthentic {
					t.Errorf("%s: %s says the key is wrong: %v", what, name, err)
				}
			}
		}
		// Only a can read it, and its time comes.
		other.shut.Store(true)
		for range 5 {
			if err := oa.reload(t.Context(), true); err != nil {
				t.Fatal(err)
			}
			both("while one knows it", old.Token)
			time.Sleep(time.Minute)
		}
		if a.Pepper() != 2 || b.Pepper() != 1 {
			t.Fatalf("a has %d, b %d", a.Pepper(), b.Pepper())
		}
		// a makes a key with it while b cannot ask: b says come back, never that it is wrong.
		young := newKey(t, a)
		time.Sleep(2 * time.Second)
		if err := ask(a, young.Token); err != nil {
			t.Error(err)
		}
		if err := ask(b, young.Token); err == nil || fault.Of(err) != fault.Unavailable {
			t.Errorf("the server that lags behind says %v", err)
		}
		other.shut.Store(false)
		time.Sleep(5 * time.Second) // b finds out by itself, before its next reading is due
		for _, token := range []string{old.Token, young.Token} {
			for _, g := range []*gate.Gate{a, b} {
				if err := ask(g, token); err != nil {
					t.Error(err)
				}
			}
		}
		time.Sleep(5 * time.Second)
		if r, err := a.Ring(t.Context(), "", old.Ring.ID); err != nil || r.Keys[0].Pepper != 2 {
			t.Errorf("the key was not digested anew: %+v %v", r, err)
		}
		// And it works with its new digest, everywhere.
		both("after the new digest", old.Token)
	})
}

// The whole way over the network: the settings name a destination, the ring is rotated
// by REST, and the client finds its key where it looks.
func TestAKeyIsPushedOverTheAPI(t *testing.T) {
	cfg := config(t)
	cfg.Listen, cfg.Backfill = "127.0.0.1:0", false
	cfg.Secrets.Destinations = map[string]string{"clients": "file:" + filepath.Join(t.TempDir(), "clients.age")}
	a, err := New(cfg, "test", quiet)
	if err != nil {
		t.Fatal(err)
	}
	l, err := a.Listen()
	if err != nil {
		t.Fatal(err)
	}
	admin, err := a.Gate.Create(t.Context(), me, gate.Spec{Name: "admin", Org: "acme", Scopes: []access.Scope{"admin"}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx, l) }()
	defer func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	call := func(method, path, token, body string) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, "http://"+l.Addr().String()+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		if body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		w, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Body.Close()
		var b bytes.Buffer
		_, _ = b.ReadFrom(w.Body)
		return w.StatusCode, b.String()
	}
	if code, body := call("POST", "/v1/keys", admin.Token, `{"name":"bot","scopes":["market:read"],"policy":{"push":{"to":"https://evil.example","name":"x"}}}`); code != 400 && code != 422 {
		t.Errorf("%d %s", code, body)
	}
	first, err := a.Gate.Create(t.Context(), me, gate.Spec{Name: "bot", Org: "acme", Scopes: []access.Scope{access.MarketRead}})
	if err != nil {
		t.Fatal(err)
	}
	if code, body := call("POST", "/v1/rings/"+first.Ring.ID+"/push", admin.Token, `{"to":"clients","name":"bot"}`); code != 200 {
		t.Fatalf("%d %s", code, body)
	}
	code, body := call("POST", "/v1/rings/"+first.Ring.ID+"/rotate", admin.Token, `{"push":true}`)
	if code != 201 || strings.Contains(body, "asy_") || !strings.Contains(body, `"step":"pushed"`) {
		t.Fatalf("%d %s", code, body)
	}
	k, err := OpenKeeper(cfg, "clients")
	if err != nil {
		t.Fatal(err)
	}
	v, err := k.Read(t.Context(), "acme/bot")
	if err != nil {
		t.Fatal(err)
	}
	if code, body := call("GET", "/v1/me", v.Current.Value.Reveal(), ""); code != 200 || !strings.Contains(body, first.Ring.ID) {
		t.Errorf("%d %s", code, body)
	}
	if code, _ := call("GET", "/v1/me", first.Token, ""); code != 200 {
		t.Errorf("the old key: %d", code)
	}
	if code, body := call("GET", "/readyz", "", ""); code != 200 && code != 503 || !strings.Contains(body, `"secrets"`) {
		t.Errorf("%d %s", code, body)
	}
}
