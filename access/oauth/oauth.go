// Package oauth lends short-lived tokens to programs that prove a credential.
//
// It is an OAuth 2 authorization server for one grant, client credentials (RFC 6749
// section 4.4). A client proves itself with client_secret_basic or private_key_jwt
// (RFC 7523) and gets an access token of RFC 9068 that names the credential behind
// it in the claim `cid`. Beside the token endpoint: introspection (RFC 7662),
// revocation (RFC 7009), metadata (RFC 8414, RFC 9728) and the key set (RFC 7517).
//
// The public keys of a client come from its owner (ParseClientKeys), never from an
// address in a header.
//
// It never stores a client, a secret or a token: clients are asked for through
// Clients, private keys leave only sealed. It does not limit rates; the gate in front
// does. What always holds: a token is as alive as its credential, which is asked for
// on every use, so a revocation reaches tokens at once; the key decides the algorithm,
// never the token; a key is published before it signs and stays until the last
// token it signed has ended; an assertion works once.
//
// Server reads the clock through Options.Now. app mounts Server.Handler and calls
// KeySet.Tick; the gate calls Server.Verify for each request with a token.
package oauth

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/fault"
)

const (
	// TokenTTL is how long a token lives unless Options say otherwise.
	TokenTTL = 300 * time.Second
	// Skew is how far clocks may differ when times are checked.
	Skew = 5 * time.Second

	// MaxAssertion is how far in the future the end of an assertion may lie, so
	// that the memory against replays stays small.
	MaxAssertion = 300 * time.Second

	maxToken = 8 << 10
	maxForm  = 32 << 10
)

// Client is who proved to be there.
type Client struct {
	ID     string   // the client_id, the `sub` of its tokens
	Cid    string   // the credential that proved it, the `cid` of its tokens
	Scopes []string // the most it can ask for
	Key    string   // thumbprint of the public key that proved it, the `client_key` of its tokens; "" with a secret
}

// Clients knows clients. Errors: fault.Unauthentic when the proof is wrong, the same
// for an unknown client and after the same work; fault.Unavailable when it cannot tell.
type Clients interface {
	// Authenticate checks a client secret.
	Authenticate(ctx context.Context, id, secret string) (Client, error)
	// PublicKey gives the key kid of client id to check an assertion with. Nothing is
	// proved when it is asked.
	PublicKey(ctx context.Context, id, kid string) (access.ClientKey, error)
	// Proved gives the client that has just proved itself with a key of its own.
	Proved(ctx context.Context, id string) (Client, error)
	// Live tells whether credential cid is accepted now. It is asked on each use
	// of a token, so it must answer from memory.
	Live(cid string) error
}

// Options of a server. Issuer, Resource, Clients and Keys are needed.
type Options struct {
	Issuer   string   // https URL without query and fragment: the `iss` of tokens
	Resource string   // URL of the API that takes the tokens: their `aud`
	Scopes   []string // all scopes, for the metadata
	Clients  Clients
	Keys     *KeySet
	// Introspectors is the scope whose holders may introspect any token; others
	// only their own. Default "tokens:introspect".
	Introspectors string
	// Used remembers assertions, Revoked remembers tokens. Several processes share
	// them or an assertion works once in each. Default: in memory, 100 000 entries.
	Used, Revoked Ledger
	Cache         int // verified tokens remembered, default 65 536
	Now           func() time.Time
	Logger        *slog.Logger // default: none
}

// Server answers OAuth requests and checks tokens.
type Server struct {
	o     Options
	cache *cache
}

// New makes a server.
func New(o Options) (*Server, error) {
	for name, s := range map[string]string{"Issuer": o.Issuer, "Resource": o.Resource} {
		u, err := url.Parse(s)
		if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || (u.Scheme != "https" && u.Scheme != "http") {
			return nil, fault.At(fault.Invalid, name, "%s must be a URL such as https://api.example.com", name)
		}
	}
	if o.Clients == nil || o.Keys == nil {
		return nil, fault.New(fault.Invalid, "an OAuth server needs Clients and Keys")
	}
	o.Issuer = strings.TrimSuffix(o.Issuer, "/")
	if o.Introspectors == "" {
		o.Introspectors = "tokens:introspect"
	}
	if o.Used == nil {
		o.Used = NewMemoryLedger(0)
	}
	if o.Revoked == nil {
		o.Revoked = NewMemoryLedger(0)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Server{o: o, cache: newCache(o.Cache)}, nil
}

// Claims are what a token says (RFC 9068 section 2.2), and cid.
type Claims struct {
	Issuer   string `json:"iss"`
	Subject  string `json:"sub"`
	Audience string `json:"aud"`
	ClientID string `json:"client_id"`
	Scope    string `json:"scope"` // space-delimited
	ID       string `json:"jti"`
	Issued   int64  `json:"iat"` // seconds since 1970
	Expires  int64  `json:"exp"` // seconds since 1970
	Cid      string `json:"cid"` // the credential behind the token
	// Key is the thumbprint of the public key that proved the client; its tokens end
	// when it is taken away.
	Key string `json:"client_key,omitempty"`
}

// Has tells whether the token grants a scope.
func (c *Claims) Has(scope string) bool {
	for s := range strings.SplitSeq(c.Scope, " ") {
		if s == scope {
			return true
		}
	}
	return false
}

// issue makes a token for a client that was just proved.
func (s *Server) issue(c Client, scope string) (string, time.Duration, error) {
	// Asked again: between the proof and here the credential may have been revoked,
	// and a revoked one must never mint.
	if err := s.o.Clients.Live(c.Cid); err != nil {
		return "", 0, err
	}
	now := s.o.Now()
	ttl := s.o.Keys.TTL()
	body, err := json.Marshal(Claims{
		Issuer: s.o.Issuer, Subject: c.ID, Audience: s.o.Resource, ClientID: c.ID, Scope: scope,
		ID: rand.Text(), Issued: now.Unix(), Expires: now.Add(ttl).Unix(), Cid: c.Cid, Key: c.Key,
	})
	if err != nil {
		return "", 0, fault.Wrap(fault.Internal, err, "the token could not be made")
	}
	t, err := s.o.Keys.sign(body, "at+jwt")
	return t, ttl, err
}

// Verify tells what a token says, or fault.Unauthentic. A token that was verified
// before is not verified again, but its end, its key, its revocation and the life of
// its credential are checked each time.
func (s *Server) Verify(_ context.Context, token string) (Claims, error) {
	sum, known := s.cache.get(token)
	now := s.o.Now()
	if known == nil {
		v, err := s.open(token, now)
		if err != nil {
			return Claims{}, err
		}
		s.cache.put(sum, v)
		known = v
	} else if now.Unix() >= known.claims.Expires {
		return Claims{}, fault.New(fault.Unauthentic, "the token has expired: get a new one")
	} else if !s.o.Keys.accepts(known.kid, now) {
		return Claims{}, errToken()
	}
	if s.o.Revoked.Has(known.claims.ID) {
		return Claims{}, fault.New(fault.Unauthentic, "the token was revoked")
	}
	if k := known.claims.Key; k != "" && s.o.Revoked.Has(KeyName(known.claims.ClientID, k)) {
		return Claims{}, fault.New(fault.Unauthentic, "the public key that the token was lent for was taken away")
	}
	if err := s.o.Clients.Live(known.claims.Cid); err != nil {
		return Claims{}, err
	}
	return known.claims, nil
}

func errToken() error { return fault.New(fault.Unauthentic, "the token is not valid") }

// open checks signature and claims of a token that is seen for the first time.
func (s *Server) open(token string, now time.Time) (*verified, error) {
	h, err := header(token)
	if err != nil {
		return nil, err
	}
	if t := strings.ToLower(h.Typ); t != "at+jwt" && t != "application/at+jwt" {
		return nil, errToken() // an assertion or an ID token is no access token
	}
	key, ok := s.o.Keys.public(h.Kid, now)
	if !ok {
		return nil, errToken()
	}
	body, err := check(token, h, key, algorithm(key))
	if err != nil {
		return nil, err
	}
	v := &verified{kid: h.Kid}
	if err := json.Unmarshal(body, &v.claims); err != nil {
		return nil, errToken()
	}
	c := &v.claims
	switch {
	case c.Issuer != s.o.Issuer, c.Audience != s.o.Resource, c.ID == "", c.Cid == "", c.Subject == "":
		return nil, errToken()
	case now.Unix() >= c.Expires:
		return nil, fault.New(fault.Unauthentic, "the token has expired: get a new one")
	case c.Issued > now.Add(Skew).Unix():
		return nil, errToken()
	}
	return v, nil
}

// grant chooses the scopes of a token: what is asked for, all when nothing is, never
// more than the client has.
func grant(asked string, has []string) (string, bool) {
	if asked == "" {
		return strings.Join(has, " "), true
	}
	var out []string
	for sc := range strings.SplitSeq(asked, " ") {
		if !slices.Contains(has, sc) {
			return "", false
		}
		if !slices.Contains(out, sc) {
			out = append(out, sc)
		}
	}
	return strings.Join(out, " "), true
}

// algorithm is the one algorithm that a public key is used with.
func algorithm(key crypto.PublicKey) string {
	switch k := key.(type) {
	case ed25519.PublicKey:
		return EdDSA
	default:
		if isP256(k) {
			return ES256
		}
	}
	return ""
}
