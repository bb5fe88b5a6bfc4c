// Package nats brings hints between servers through NATS: whoever changes the control
// plane publishes one, and every server looks at the store at once.
//
// It carries no content: a hint is an empty message that says "look". It is never relied
// on, so core NATS serves and nothing is kept for those who were away: a hint that is
// lost is made good by the next look at the store, a quarter of a second later. It never
// waits for NATS, which may be away at the start, die and come back; and it never tells
// the URL, which may hold a password. What always holds: a change succeeds or fails as
// the store says, whatever becomes of the hint; the hints of the store itself go on; a
// flood of messages wakes a server a hundred times a second at most. app opens it around
// a store that servers share.
package nats

import (
	"context"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/fault"

	wire "github.com/nats-io/nats.go"
)

// Options say where NATS is. URL is needed.
type Options struct {
	URL string // nats://host:4222 or tls://host:4222; several are separated by commas
	// Credentials is a file of a user's JWT and seed, as `nsc` writes it.
	Credentials string
	// CA is a file of certificates by which the server is trusted, in the place of the
	// system's. Certificate and Key are files that prove who this server is.
	CA, Certificate, Key string
	// Subject of the hints. Default "assay.control.changed".
	Subject string
	Logger  *slog.Logger // nil: nobody is told
}

const (
	calm      = 10 * time.Millisecond  // between two hints passed on
	reconnect = 250 * time.Millisecond // between two attempts to reach NATS
	patience  = 2 * time.Second        // an attempt takes at most
)

// Store is a store whose changes are hinted at through NATS. Every other method is that
// of the store within. Any number of goroutines may use it.
type Store struct {
	access.Store
	conn    *wire.Conn
	subject string
	log     *slog.Logger
	told    atomic.Int64 // the latest change that was hinted at
	closed  chan struct{}
	once    sync.Once
	mu      sync.Mutex
	waiters map[chan struct{}]bool
}

// Open begins to connect and gives the store, also while NATS is away. Close it; that
// closes the store within, which Open does not when it fails.
func Open(within access.Store, opt Options) (*Store, error) {
	if opt.Subject == "" {
		opt.Subject = "assay.control.changed"
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Store{Store: within, subject: opt.Subject, log: opt.Logger, closed: make(chan struct{}), waiters: map[chan struct{}]bool{}}
	list := []wire.Option{
		wire.Name("assay"), wire.RetryOnFailedConnect(true), wire.MaxReconnects(-1), wire.ReconnectWait(reconnect), wire.Timeout(patience),
		wire.ReconnectBufSize(-1), // a hint that cannot be sent now is of no use later
		wire.PingInterval(10 * time.Second), wire.MaxPingsOutstanding(2),
		wire.DisconnectErrHandler(func(*wire.Conn, error) { s.say("NATS is away; servers hear of changes by the store alone") }),
		wire.ConnectHandler(func(*wire.Conn) { s.wake() }),
		wire.ReconnectHandler(func(*wire.Conn) { s.log.Info("NATS is back"); s.wake() }), // something may have been missed
		wire.ErrorHandler(func(*wire.Conn, *wire.Subscription, error) { s.say("NATS does not let hints pass") }),
	}
	if (opt.Certificate == "") != (opt.Key == "") {
		return nil, fault.At(fault.Invalid, "control.nats_certificate", "a certificate and its key are given both or neither")
	}
	for _, f := range []struct {
		name, path string
		use        func() wire.Option
	}{
		{"control.nats_credentials", opt.Credentials, func() wire.Option { return wire.UserCredentials(opt.Credentials) }},
		{"control.nats_ca", opt.CA, func() wire.Option { return wire.RootCAs(opt.CA) }},
		{"control.nats_certificate", opt.Certificate, func() wire.Option { return wire.ClientCert(opt.Certificate, opt.Key) }},
	} {
		if f.path == "" {
			continue
		}
		if _, err := os.Stat(f.path); err != nil {
			return nil, fault.Wrap(fault.Invalid, err, "the file of %s cannot be read", f.name)
		}
		list = append(list, f.use())
	}
	var err error
	if s.conn, err = wire.Connect(opt.URL, list...); err != nil {
		// The error may hold the URL, so it is left out.
		return nil, fault.At(fault.Invalid, "control.nats", "NATS cannot be used with these settings; the URL looks like tls://host:4222, and files hold PEM or credentials")
	}
	if _, err := s.conn.Subscribe(s.subject, func(*wire.Msg) { s.wake() }); err != nil {
		s.conn.Close()
		return nil, fault.At(fault.Invalid, "control.nats", "hints cannot be subscribed to as %.80q", s.subject)
	}
	return s, nil
}

// say tells the log; while closing there is nothing to tell.
func (s *Store) say(text string) {
	select {
	case <-s.closed:
	default:
		s.log.Warn(text)
	}
}

// Unwrap gives the store within.
func (s *Store) Unwrap() access.Store { return s.Store }

// Change is the store's; a change that wrote something is hinted at.
func (s *Store) Change(ctx context.Context, f func(access.Tx) error) (int64, error) {
	epoch, err := s.Store.Change(ctx, f)
	for was := s.told.Load(); err == nil && epoch > was; was = s.told.Load() {
		if s.told.CompareAndSwap(was, epoch) {
			_ = s.conn.Publish(s.subject, nil) // never relied on
			break
		}
	}
	return epoch, err
}

func (s *Store) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for w := range s.waiters {
		poke(w)
	}
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // there is one already
	}
}

// Hints gives a channel that is poked by hints through NATS and by those of the store
// within, until ctx or the Store ends. It is never closed.
func (s *Store) Hints(ctx context.Context) (<-chan struct{}, error) {
	inner, err := s.Store.Hints(ctx)
	if err != nil {
		return nil, err
	}
	out, heard := make(chan struct{}, 1), make(chan struct{}, 1)
	s.mu.Lock()
	s.waiters[heard] = true
	s.mu.Unlock()
	go func() {
		defer func() {
			s.mu.Lock()
			delete(s.waiters, heard)
			s.mu.Unlock()
		}()
		for {
			select {
			case <-heard:
			case <-inner:
			case <-s.closed:
				return
			case <-ctx.Done():
				return
			}
			poke(out)
			select {
			case <-time.After(calm):
			case <-s.closed:
				return
			case <-ctx.Done():
				return
			}
		}
	}()
	return out, nil
}

// Close ends the connection and closes the store within.
func (s *Store) Close() error {
	s.once.Do(func() {
		close(s.closed)
		s.conn.Close()
	})
	return s.Store.Close()
}
