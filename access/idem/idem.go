// Package idem makes a repeated request happen once.
//
// A client names a request with an Idempotency-Key (draft-ietf-httpapi-idempotency-
// key-header-07). The name is looked up within (app, route, key) and nowhere else: the
// API key that signs is no part of it, so a retry after a rotation, with the new
// key, is still the same request. The first request gets a Claim; every later one
// gets the same status, headers and bytes, flagged as a replay.
//
// It does no I/O of its own and reads no clock: time and the store are arguments.
// What always holds: between two requests with the same name at most one gets a
// Claim within the retention; a request that differs from the first is refused; only
// the holder of the Claim can write the answer. When the holder vanishes (a crash),
// nobody knows whether the request happened: it is never run again by itself, the
// caller is told, unless the Policy says that running it twice does no harm. Where the
// request is one transaction of the store that keeps the answers, FinishIn leaves no
// such doubt. api calls it around every route that takes the header.
package idem

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/fault"
)

const (
	// Header names a request.
	Header = "Idempotency-Key"
	// HeaderReplayed is "true" on an answer that was given before.
	HeaderReplayed = "Idempotency-Replayed"

	// Retention is how long an answer is kept; OrderRetention for orders.
	Retention      = 24 * time.Hour
	OrderRetention = 7 * 24 * time.Hour

	// SecretRetention is how long an answer that holds a secret is kept.
	SecretRetention = 10 * time.Minute

	maxKey    = 255
	maxHeader = 16
)

// Refusals that a face tells apart; all have kind fault.Conflict.
var (
	// ErrMismatch: another request had this name. HTTP 422.
	ErrMismatch = errors.New("fingerprint mismatch")
	// ErrInFlight: the same request is being worked on. HTTP 409.
	ErrInFlight = errors.New("in flight")
	// ErrOutcome: the first request was broken off; whether it happened is not known. HTTP 409.
	ErrOutcome = errors.New("outcome unknown")
	// ErrForgotten: the request was done, and its answer is no longer kept because it held
	// a secret. HTTP 409.
	ErrForgotten = errors.New("answer forgotten")
)

// Scope is where a name counts. No part of it is a credential.
type Scope struct {
	App   string // who asks: the app, not its key
	Route string // method and pattern, such as "POST /v1/orders"
	Key   string // the header's value, 1 to 255 visible ASCII characters
}

// ID is the record's name in a store: SHA-256 over the parts with their lengths, so
// that no two scopes run together.
func (s Scope) ID() [32]byte {
	h := sha256.New()
	for _, part := range []string{s.App, s.Route, s.Key} {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(part)))
		h.Write(n[:])
		h.Write([]byte(part))
	}
	return [32]byte(h.Sum(nil))
}

// Answer is what was answered, to be answered again byte by byte.
type Answer struct {
	Status int
	Header [][2]string // name and value, in order; at most 16
	Body   []byte
}

// Record is what a store keeps under an ID.
type Record struct {
	Fingerprint [32]byte  // of the first request
	Holder      [16]byte  // random, of the claim that may finish it
	App         string    // of the scope: what one app may keep is bounded
	Lease       time.Time // until when the holder is believed to be at work
	Expires     time.Time // when the name is free again
	Until       time.Time // when the answer is forgotten; zero: when the name is free
	Done        bool
	Answer      Answer // when Done
}

// Store keeps records. Every method is atomic and durable when it returns.
type Store interface {
	// Insert writes rec under id unless a record stands there that has not
	// expired at now; then it gives that one and false. No room is fault.Exhausted.
	Insert(ctx context.Context, now time.Time, id [32]byte, rec Record) (Record, bool, error)
	// Replace writes rec under id if the record there has the holder was, else
	// gives fault.Conflict.
	Replace(ctx context.Context, id [32]byte, was [16]byte, rec Record) error
	// Delete removes the record under id if it has the holder was.
	Delete(ctx context.Context, id [32]byte, was [16]byte) error
}

// Policy of a route. The zero value suits everything but orders.
type Policy struct {
	Retention time.Duration // default 24 h
	// Lease is how long a request may take before its outcome counts as unknown.
	// Default 1 min.
	Lease time.Duration
	// Rerun lets the next retry run a request whose outcome is unknown. Only for
	// routes where happening twice does no harm; never for orders.
	Rerun bool
	// Secret forgets the answer after SecretRetention; the name stays taken.
	Secret  bool
	MaxBody int // bytes of a kept answer, default 256 KiB
}

func (p Policy) filled() Policy {
	if p.Retention <= 0 {
		p.Retention = Retention
	}
	if p.Lease <= 0 {
		p.Lease = time.Minute
	}
	if p.MaxBody <= 0 {
		p.MaxBody = 256 << 10
	}
	return p
}

// Claim is the right to do the request and to write its answer.
type Claim struct {
	store   Store
	id      [32]byte
	rec     Record
	maxBody int
}

// Begin asks whether the request named by s may be done. Exactly one of the results
// is set: a Claim to do it, the Answer that was given before, or an error, among
// them those of this package. fingerprint is of what is asked for, without time,
// nonce and key (signing.Parts.Fingerprint makes one).
func Begin(ctx context.Context, st Store, now time.Time, s Scope, fingerprint [32]byte, p Policy) (*Claim, *Answer, error) {
	if err := s.check(); err != nil {
		return nil, nil, err
	}
	p = p.filled()
	rec := Record{Fingerprint: fingerprint, App: s.App, Lease: now.Add(p.Lease), Expires: now.Add(p.Retention)}
	if p.Secret {
		rec.Until = now.Add(SecretRetention)
	}
	rand.Read(rec.Holder[:])
	claim := &Claim{store: st, id: s.ID(), rec: rec, maxBody: p.MaxBody}
	was, mine, err := st.Insert(ctx, now, claim.id, rec)
	if err != nil {
		return nil, nil, err
	}
	if mine {
		return claim, nil, nil
	}
	switch {
	case subtle.ConstantTimeCompare(was.Fingerprint[:], fingerprint[:]) == 0:
		return nil, nil, refuse(ErrMismatch, "another request was sent with this %s: take a new key for a new request, the same request for a retry", Header)
	case was.Done && !was.Until.IsZero() && !now.Before(was.Until):
		return nil, nil, refuse(ErrForgotten, "the request with this %s was done, and its answer, which held a secret, was kept for %d minutes only: end what it made, then send a new key", Header, SecretRetention/time.Minute)
	case was.Done:
		return nil, &was.Answer, nil
	case now.Before(was.Lease):
		return nil, nil, refuse(ErrInFlight, "the request with this %s is being worked on: try again in a second", Header)
	case !p.Rerun:
		return nil, nil, refuse(ErrOutcome, "the first request with this %s was broken off and its outcome is not known: look at the state it would have changed, then send a new key", Header)
	}
	if err := st.Replace(ctx, claim.id, was.Holder, rec); err != nil {
		if fault.Of(err) == fault.Conflict { // another retry was faster
			return nil, nil, refuse(ErrInFlight, "the request with this %s is being worked on: try again in a second", Header)
		}
		return nil, nil, err
	}
	return claim, nil, nil
}

func refuse(cause error, format string, args ...any) error {
	err := fault.Wrap(fault.Conflict, cause, format, args...).(*fault.Error)
	err.Field = "header." + Header
	return err
}

// Finish writes the answer, before it is sent. After an error the answer must not be
// sent as if it were kept: the outcome stays unknown to retries.
func (c *Claim) Finish(ctx context.Context, a Answer) error {
	if len(a.Body) > c.maxBody || len(a.Header) > maxHeader {
		return fault.New(fault.TooLarge, "an answer that is kept for retries may have %d bytes and %d headers", c.maxBody, maxHeader)
	}
	rec := c.rec
	rec.Done, rec.Answer = true, a
	return c.store.Replace(ctx, c.id, rec.Holder, rec)
}

// Within is a Store whose records can be written in a transaction of somebody else.
type Within interface {
	// ReplaceIn is Replace in tx.
	ReplaceIn(tx access.Tx, id [32]byte, was [16]byte, rec Record) error
}

// FinishIn is Finish in the transaction that does the request: it was done exactly when
// its answer is kept, wherever its server is killed. done is false when the store cannot
// do that; Finish is to be called then. It may be called again when the transaction is.
func (c *Claim) FinishIn(tx access.Tx, a Answer) (done bool, err error) {
	st, ok := c.store.(Within)
	if !ok || len(a.Body) > c.maxBody || len(a.Header) > maxHeader {
		return false, nil
	}
	rec := c.rec
	rec.Done, rec.Answer = true, a
	err = st.ReplaceIn(tx, c.id, rec.Holder, rec)
	return err == nil, err
}

// Abandon frees the name. Only for requests that certainly changed nothing, such
// as those refused before any work; a retry will run.
func (c *Claim) Abandon(ctx context.Context) error {
	return c.store.Delete(ctx, c.id, c.rec.Holder)
}

func (s Scope) check() error {
	if s.App == "" || s.Route == "" || len(s.App) > maxKey || len(s.Route) > maxKey {
		return fault.New(fault.Internal, "an idempotency scope needs an app and a route of at most %d bytes", maxKey)
	}
	ok := len(s.Key) >= 1 && len(s.Key) <= maxKey
	for i := range len(s.Key) {
		ok = ok && s.Key[i] > ' ' && s.Key[i] < 0x7f
	}
	if !ok {
		return fault.At(fault.Invalid, "header."+Header, "the header %s must be 1 to %d visible ASCII characters; a random UUID is good", Header, maxKey)
	}
	return nil
}
