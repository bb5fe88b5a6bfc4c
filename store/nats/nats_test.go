package nats_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/accesstest"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/store/nats"

	"github.com/nats-io/nats-server/v2/server"
	wire "github.com/nats-io/nats.go"
)

// mute is a way to a store that hints at nothing itself.
type mute struct{ *accesstest.Link }

func (mute) Hints(context.Context) (<-chan struct{}, error) { return nil, nil }

func broker(t *testing.T, o server.Options) *server.Server {
	t.Helper()
	o.Host, o.NoLog, o.NoSigs = "127.0.0.1", true, true
	if o.Port == 0 {
		o.Port = server.RANDOM_PORT
	}
	s, err := server.NewServer(&o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the NATS server does not begin")
	}
	return s
}

func open(t *testing.T, within access.Store, o nats.Options) *nats.Store {
	t.Helper()
	s, err := nats.Open(within, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func hints(t *testing.T, s access.Store) <-chan struct{} {
	t.Helper()
	h, err := s.Hints(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func put(t *testing.T, s access.Store) int64 {
	t.Helper()
	n, err := s.Change(t.Context(), func(tx access.Tx) error { return tx.Put("thing", "a", nil) })
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// hear waits for a hint that comes after something, done over and over.
func hear(t *testing.T, h <-chan struct{}, what string, again func()) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); {
		again()
		select {
		case <-h:
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
	t.Fatal("no hint ", what)
}

func drain(h <-chan struct{}) {
	for {
		select {
		case <-h:
		case <-time.After(100 * time.Millisecond):
			return
		}
	}
}

type safe struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safe) Write(p []byte) (int, error) { s.mu.Lock(); defer s.mu.Unlock(); return s.b.Write(p) }
func (s *safe) String() string              { s.mu.Lock(); defer s.mu.Unlock(); return s.b.String() }

func TestAChangeWakesOtherServersAlsoAfterNATSDiedAndCameBack(t *testing.T) {
	var log safe
	b := broker(t, server.Options{Username: "assay", Password: "hunter2"})
	m := accesstest.NewMemory()
	url := strings.Replace(b.ClientURL(), "nats://", "nats://assay:hunter2@", 1)
	o := nats.Options{URL: url, Logger: slog.New(slog.NewTextHandler(&log, nil))}
	one, two := open(t, mute{m.Link()}, o), open(t, mute{m.Link()}, o)
	h := hints(t, two)
	hear(t, h, "from the other", func() { put(t, one) })
	drain(h)
	port := b.Addr().String()
	b.Shutdown()
	b.WaitForShutdown()
	if n := put(t, one); n == 0 { // NATS is no part of a change
		t.Error("a change without NATS has no epoch")
	}
	drain(h)
	_, digits, _ := strings.Cut(port, ":")
	var p int
	for _, c := range digits {
		p = p*10 + int(c-'0')
	}
	broker(t, server.Options{Username: "assay", Password: "hunter2", Port: p})
	hear(t, h, "of its own after NATS came back", func() {})
	hear(t, h, "from the other after NATS came back", func() { put(t, one) })
	if strings.Contains(log.String(), "hunter2") {
		t.Error("the password is in the log: ", log.String())
	}
	if !strings.Contains(log.String(), "NATS is away") || !strings.Contains(log.String(), "NATS is back") {
		t.Error("the log does not say what happened: ", log.String())
	}
}

func TestServersBeginWithoutNATSAndKeepTheHintsOfTheStore(t *testing.T) {
	m := accesstest.NewMemory()
	s := open(t, m.Link(), nats.Options{URL: "nats://127.0.0.1:1"})
	h := hints(t, s)
	hear(t, h, "of the store", func() { put(t, s) })
}

func TestAFloodOfHintsWakesAServerAHundredTimesASecondAtMost(t *testing.T) {
	b := broker(t, server.Options{})
	s := open(t, mute{accesstest.NewMemory().Link()}, nats.Options{URL: b.ClientURL(), Subject: "x"})
	c, err := wire.Connect(b.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	h := hints(t, s)
	hear(t, h, "at all", func() { _ = c.Publish("x", nil) })
	drain(h)
	began, n := time.Now(), 0
	for time.Since(began) < 200*time.Millisecond {
		_ = c.Publish("x", []byte("anything"))
		select {
		case <-h:
			n++
		default:
		}
	}
	if most := int(time.Since(began)/(10*time.Millisecond)) + 2; n == 0 || n > most {
		t.Errorf("%d wakes, at most %d are right", n, most)
	}
}

func TestNothingIsHintedAtWhenNothingWasWritten(t *testing.T) {
	b := broker(t, server.Options{})
	m := accesstest.NewMemory()
	one, two := open(t, mute{m.Link()}, nats.Options{URL: b.ClientURL()}), open(t, mute{m.Link()}, nats.Options{URL: b.ClientURL()})
	h := hints(t, two)
	hear(t, h, "from the other", func() { put(t, one) })
	drain(h)
	for range 3 {
		if _, err := one.Change(t.Context(), func(access.Tx) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-h:
		t.Error("a change that wrote nothing was hinted at")
	case <-time.After(200 * time.Millisecond):
	}
}

func TestSettingsThatCannotWorkAreRefusedWithoutTellingTheURL(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, o := range []nats.Options{
		{URL: "nats://me:hunter2@127.0.0.1:1", Credentials: "/no/such/file"},
		{URL: "nats://me:hunter2@127.0.0.1:1", CA: empty},
		{URL: "nats://me:hunter2@127.0.0.1:1", Certificate: empty},
		{URL: "nats://me:hunter2@127.0.0.1:1", Certificate: empty, Key: empty},
		{URL: "nats://me:hunter2@127.0.0.1:x"},
		{URL: "nats://me:hunter2@127.0.0.1:1", Subject: "not a subject"},
	} {
		s, err := nats.Open(accesstest.NewMemory().Link(), o)
		if err == nil {
			s.Close()
			t.Errorf("%+v was taken", o)
			continue
		}
		if fault.Of(err) != fault.Invalid || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%+v: %v", o, err)
		}
	}
}
