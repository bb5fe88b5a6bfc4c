// Package access says who may ask: organisations with apps, rings of keys, the
// scopes and bounds of a key, and the caller that a request turned out to be.
//
// A ring is the stable thing that an owner refers to; the keys in it are its
// versions, several of which may be accepted at a time, which is what makes a
// rotation lossless. Limits belong to the app, never to a key, so that a rotation
// changes nothing of what a client may do.
//
// These are the nouns and the small interfaces they need; no I/O, no clock. Secrets
// never appear here: a key is stored as a keyed digest of its token. rotation holds
// the rules by which a ring changes, gate decides with the result, store/sqlite and
// store/postgres remember it, accesstest examines the stores, api asks.
package access

import (
	"slices"
	"strings"
	"time"
)

// Scope is something a caller may do.
type Scope string

// The scopes. Those of services that are still to come are there already, so that keys
// need not be made again.
const (
	MarketRead    Scope = "market:read"
	StreamRead    Scope = "stream:read"
	ChainRead     Scope = "chain:read"
	AnalyticsRead Scope = "analytics:read"
	WalletRead    Scope = "wallet:read"
	WalletCreate  Scope = "wallet:create"
	AccountRead   Scope = "account:read"
	OrdersRead    Scope = "orders:read"
	OrdersPlace   Scope = "orders:place"
	OrdersCancel  Scope = "orders:cancel"
	UsageRead     Scope = "usage:read"
	WebhooksWrite Scope = "webhooks:write"
	KeysRead      Scope = "keys:read"
	KeysRotate    Scope = "keys:rotate:self"
	KeysWrite     Scope = "keys:write"
	KeysGrant     Scope = "keys:grant"
	AuditRead     Scope = "audit:read"
	Ops           Scope = "ops:read"
	Admin         Scope = "admin:all"
)

// Scopes lists every scope with what it allows, for help texts and docs.
func Scopes() map[Scope]string {
	return map[Scope]string{
		MarketRead:    "read assets, venues, prices, quotes, books, trades, candles and data quality, and figures, indicators, risk and grades of them",
		StreamRead:    "open WebSocket streams of the same data",
		ChainRead:     "read blocks, transactions and addresses (a later service)",
		AnalyticsRead: "read learned signals (a later service); indicators, risk and grades need market:read",
		WalletRead:    "read wallets (a later service)",
		WalletCreate:  "make wallets and addresses (a later service)",
		AccountRead:   "read exchange accounts and balances (a later service)",
		OrdersRead:    "read orders (a later service)",
		OrdersPlace:   "place orders; a live key needs a signer, and networks or an end within 90 days (a later service)",
		OrdersCancel:  "cancel orders (a later service)",
		UsageRead:     "read what the organisation's apps have used",
		WebhooksWrite: "manage the organisation's webhook endpoints",
		KeysRead:      "list the organisation's key rings, keys and stragglers",
		KeysRotate:    "rotate the ring that the key itself belongs to",
		KeysWrite:     "create, rotate and revoke the organisation's keys, with scopes that the caller has",
		KeysGrant:     "give keys scopes that the caller does not have",
		AuditRead:     "read the organisation's audit log and its proofs",
		Ops:           "read health details, quality and metrics of this installation",
		Admin:         "act for every organisation of this installation",
	}
}

// Strict tells whether a scope can do harm that cannot be undone: spend, open or
// close. What needs it is refused while this node is not certain that its keys are
// the latest ones.
func (s Scope) Strict() bool {
	switch s {
	case WalletCreate, OrdersPlace, OrdersCancel, WebhooksWrite, KeysRotate, KeysWrite, KeysGrant, Admin:
		return true
	}
	return false
}

// Presets are sets of scopes under a name.
func Presets() map[string][]Scope {
	read := []Scope{MarketRead, StreamRead, ChainRead, AnalyticsRead}
	return map[string][]Scope{
		"read-only": read,
		"agent":     append(slices.Clone(read), UsageRead, KeysRotate),
		"trading":   append(slices.Clone(read), AccountRead, OrdersRead, OrdersPlace, OrdersCancel, KeysRotate),
		"admin":     append(slices.Clone(read), UsageRead, WebhooksWrite, KeysRead, KeysRotate, KeysWrite, KeysGrant, AuditRead, Ops, Admin),
	}
}

// Has tells whether scopes holds s.
func Has(scopes []Scope, s Scope) bool { return slices.Contains(scopes, s) }

// Subset tells whether every scope of a is in b, and names the first that is not.
func Subset(a, b []Scope) (missing Scope, ok bool) {
	for _, s := range a {
		if !slices.Contains(b, s) {
			return s, false
		}
	}
	return "", true
}

// Caller is who a request turned out to come from. It is shared by all requests with
// the same key: nobody changes it.
type Caller struct {
	KeyID  string // "" without a key
	Ring   string
	N      int // version of the key in its ring
	Org    string
	App    string
	Env    string
	Scopes []Scope
	Bounds Bounds
	Until  time.Time // when the token that was lent for the key ends; zero: the key itself was sent
	Signs  bool      // the key has a signer: what it changes must be signed
}

// Party is whose connections and requests are counted together: those of a key, or,
// without one, of a network; "" for nil. No key has a slash.
func (c *Caller) Party() string {
	switch {
	case c == nil:
		return ""
	case c.KeyID != "":
		return c.KeyID
	}
	return c.Org + "/" + c.App
}

// Has tells whether the caller may do s.
func (c *Caller) Has(s Scope) bool { return slices.Contains(c.Scopes, s) }

// Words gives scopes as strings.
func Words(scopes []Scope) []string {
	out := make([]string, len(scopes))
	for i, s := range scopes {
		out[i] = string(s)
	}
	return out
}

// ParseScopes reads scope names and names of presets. unknown is the first that is neither.
func ParseScopes(words []string) (scopes []Scope, unknown string) {
	all, presets := Scopes(), Presets()
	for _, w := range words {
		w = strings.TrimSpace(w)
		if p, ok := presets[w]; ok {
			scopes = append(scopes, p...)
		} else if _, ok := all[Scope(w)]; ok {
			scopes = append(scopes, Scope(w))
		} else {
			return nil, w
		}
	}
	slices.Sort(scopes)
	return slices.Compact(scopes), ""
}
