package gate

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/fault"
)

// TokenVerifier checks a short-lived token that was lent for a key: its signature,
// issuer, audience, end and revocation. It gives the id of the key behind it, the scopes
// that the token was made with, and when it ends. It answers from memory.
type TokenVerifier func(ctx context.Context, text string) (cid string, scopes []access.Scope, until time.Time, err error)

// jwts are tokens in place of keys. A token is never more than the key behind it: the
// key's state, bounds and lease are judged on each use, and its scopes are those that
// token and key both have.
type jwts struct {
	verify TokenVerifier // nil: none are accepted
}

// narrowed is a key's caller with the scopes that it has by tokens with some scopes. One
// is remembered with each caller of a key, so it goes when the key's ring changes.
type narrowed struct {
	scopes []access.Scope // of the token
	caller access.Caller
}

const maxJWT = 8 << 10

// isJWT tells by the form whether a text is a JWT: three parts, the first of which is
// a JSON object in base64url. It proves nothing.
func isJWT(text string) bool {
	return strings.HasPrefix(text, "eyJ") && strings.Count(text, ".") == 2
}

// bearer decides about a JWT as prove does about a key's token. is is false when the
// text is no JWT, or when none are accepted here: it is then judged as a key's token.
// Nothing is told of a key before the token is verified.
func (j *jwts) bearer(g *Gate, text string, r *http.Request) (c *access.Caller, is bool, err error) {
	if j.verify == nil || !isJWT(text) {
		return nil, false, nil
	}
	if len(text) > maxJWT {
		return nil, true, fault.New(fault.Unauthentic, "the token is longer than %d bytes, so it is none of ours", maxJWT)
	}
	s := g.snap.Load()
	if s == nil || !g.fresh(false) {
		return nil, true, stale()
	}
	cid, scopes, until, err := j.verify(r.Context(), text)
	if err != nil {
		return nil, true, err
	}
	id, ok := kidOf(cid)
	if !ok {
		return nil, true, fault.New(fault.Unauthentic, "the token is not valid")
	}
	e := s.find(id)
	if e == nil {
		return nil, true, fault.New(fault.Unauthentic, "the key %s behind the token is no longer accepted", cid)
	}
	if err := g.judge(e, r); err != nil {
		return nil, true, err
	}
	if e.named() == access.Staged {
		g.wishFor(e, wish{ring: e.ring.String(), key: string(e.id[:])})
	}
	return e.who().narrowed(scopes, until), true, nil
}

// judge tells whether a key whose secret was proved, or that is behind a verified
// token, may be used for a request: state and dates, network, hours, brown-out. It notes the use.
func (g *Gate) judge(e *entry, r *http.Request) error {
	at := g.now()
	now := at.UnixNano()
	addr := g.ClientAddr(r)
	if !e.live(now) {
		g.note(e, network(addr), agent(r), r.URL.Path, now, true)
		g.ended(r, e, addr, at)
		return e.dead(at)
	}
	if b := e.terms.bounds; b != nil {
		if !b.Here(addr) {
			g.outside(r, e, addr, at, "network")
			return fault.New(fault.Denied, "the key %s may not be used from %s: its networks are %s", e.id[:], addr, prefixes(b.Networks))
		}
		if !b.Now(at) {
			g.outside(r, e, addr, at, "hours")
			return fault.New(fault.Denied, "the key %s may not be used at this hour (UTC)", e.id[:])
		}
	}
	g.note(e, network(addr), agent(r), r.URL.Path, now, false)
	if e.terms.brownout && r.Method != http.MethodDelete && e.brown(at, draw()) {
		return fault.New(fault.Unavailable, "the key %s is being retired and some of its requests are refused to make that known: use version %d of ring %s", e.id[:], e.successor, e.ring)
	}
	return nil
}

// narrowed gives the caller of a verified token with these scopes and this end: the same
// caller as the last time, when they are the same.
func (of *holder) narrowed(scopes []access.Scope, until time.Time) *access.Caller {
	if n := of.narrow.Load(); n != nil && n.caller.Until.Equal(until) && slices.Equal(n.scopes, scopes) {
		return &n.caller
	}
	n := &narrowed{slices.Clone(scopes), of.caller}
	n.caller.Until = until
	n.caller.Scopes = make([]access.Scope, 0, len(scopes))
	for _, s := range of.caller.Scopes {
		if access.Has(scopes, s) {
			n.caller.Scopes = append(n.caller.Scopes, s)
		}
	}
	of.narrow.Store(n)
	return &n.caller
}

// Visit takes one unit from the limit of the network that a request comes from, for
// what is open to callers without a key, whatever scopes those have.
func (g *Gate) Visit(r *http.Request) (Limit, error) {
	return g.Allow(g.visits.caller(network(g.ClientAddr(r)), g), 1)
}

// sealedAbout keeps what Seal makes apart from the tokens that are kept for a repeated
// request under the same key.
const sealedAbout = "assay: sealed for others, 1\x00"

// Seal encrypts what another part keeps in a store, with AES-256-GCM under a key
// derived from the newest pepper. about is bound to it: what is sealed about one
// thing does not open as another. Who takes a pepper away loses what it sealed.
func (g *Gate) Seal(about string, plain []byte) ([]byte, error) {
	p := g.peppers.Load()
	if p == nil {
		return nil, stale()
	}
	return p.encrypt(plain, sealedAbout+about), nil
}

// Open gives back what Seal was given. It does not tell a changed seal from one about
// another thing.
func (g *Gate) Open(about string, sealed []byte) ([]byte, error) {
	p := g.peppers.Load()
	if p == nil {
		return nil, stale()
	}
	if len(sealed) == 0 || p.by[int(sealed[0])] == nil {
		return nil, fault.New(fault.Internal, "a sealed record was made with a pepper that is not here")
	}
	plain, ok := p.decrypt(sealed, sealedAbout+about)
	if !ok {
		return nil, fault.New(fault.Internal, "a sealed record was changed outside Assay")
	}
	return plain, nil
}
