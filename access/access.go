// Package access says who may ask: keys, their scopes and limits, and the caller
// that a request turned out to be.
//
// These are the nouns and the small interfaces they need; no I/O, no clock. Secrets
// never appear here: a key is stored as a keyed digest of its token. The full model
// of rings, versions and rotation stands on this floor later. gate decides with it,
// store/sqlite remembers it, accesstest examines the stores, api asks.
package access

import (
	"context"
	"time"
)

// Scope is something a caller may do.
type Scope string

// The scopes. Market data is read with MarketRead; the rest wait for their services.
const (
	MarketRead Scope = "market:read"
	StreamRead Scope = "stream:read"
	Ops        Scope = "ops:read" // health details, quality and metrics of this installation
	KeysWrite  Scope = "keys:write"
)

// Scopes lists every scope with what it allows, for help texts and docs.
func Scopes() map[Scope]string {
	return map[Scope]string{
		MarketRead: "read assets, venues, prices, quotes, books, trades, candles and data quality",
		StreamRead: "open WebSocket streams of the same data",
		Ops:        "read health details and metrics of this installation",
		KeysWrite:  "create and revoke keys",
	}
}

// Key is one API key as it is remembered. Its token is not in it.
type Key struct {
	ID            string // public part of the token: 11 base62 characters
	Name          string // what the owner calls it
	Org, App      string // who owns it; limits belong to the app
	Env           string // "live" or "test"
	Verifier      [32]byte
	PepperVersion int
	Scopes        []Scope
	Rate          int // requests per second, 0 the default
	Burst         int // 0 twice the rate
	Created       time.Time
	Expires       time.Time // zero: never
	Revoked       time.Time // zero: not
	LastUsed      time.Time // about: written now and then
	Seal          [32]byte  // over all fields that grant something
}

// Has tells whether the key grants a scope.
func (k *Key) Has(s Scope) bool {
	for _, x := range k.Scopes {
		if x == s {
			return true
		}
	}
	return false
}

// Live tells whether the key is accepted at t. The only clock is the argument.
func (k *Key) Live(t time.Time) bool {
	return k.Revoked.IsZero() && (k.Expires.IsZero() || t.Before(k.Expires))
}

// Caller is who a request turned out to come from.
type Caller struct {
	KeyID  string
	Org    string
	App    string
	Scopes []Scope
}

// Has tells whether the caller may do s.
func (c *Caller) Has(s Scope) bool {
	for _, x := range c.Scopes {
		if x == s {
			return true
		}
	}
	return false
}

// KeyStore remembers keys and a few settings of the control plane. Every method
// that changes something has been made durable when it returns.
type KeyStore interface {
	CreateKey(ctx context.Context, k Key) error
	// Key gives fault.Unknown when there is none.
	Key(ctx context.Context, id string) (Key, error)
	Keys(ctx context.Context) ([]Key, error)
	RevokeKey(ctx context.Context, id string, at time.Time) error
	// Touch records last uses.
	Touch(ctx context.Context, used map[string]time.Time) error
	// Setting gives nil and no error when the name was never put.
	Setting(ctx context.Context, name string) ([]byte, error)
	PutSetting(ctx context.Context, name string, value []byte) error
	// Epoch rises with every change of keys, so that other processes notice.
	Epoch(ctx context.Context) (int64, error)
}
