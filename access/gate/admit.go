package gate

import (
	"context"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/fault"
)

// PublicOrg is the Org of a caller without a key; its App is the network it asks from.
const PublicOrg = "public"

// Authenticate finds out who sends a request. The key stands in Authorization as a
// Bearer token, or in X-API-Key. Without a key the caller is a public one, where the
// gate is open to such, and Unauthentic otherwise. The caller must not be changed.
func (g *Gate) Authenticate(r *http.Request) (*access.Caller, error) {
	if leaked(r.URL.RawQuery) {
		return nil, fault.At(fault.Invalid, "query", "a key in the address ends up in logs and histories: send it as `Authorization: Bearer asy_...`, and replace this one")
	}
	text, err := credential(r.Header)
	if err != nil {
		return nil, err
	}
	if text == "" {
		if len(g.opt.Public) == 0 {
			return nil, fault.New(fault.Unauthentic, "a key is needed: send it as `Authorization: Bearer asy_...`")
		}
		return g.visits.caller(network(g.ClientAddr(r)), g), nil
	}
	t, id, ok := parse(text)
	if !ok {
		return nil, fault.New(fault.Unauthentic, "this is not a key of Assay: %s", shape(text))
	}
	s := g.snap.Load()
	if s == nil {
		return nil, fault.New(fault.Unavailable, "keys cannot be checked now; try again in a moment")
	}
	e := s.keys[id]
	known := e != nil
	if !known {
		e = nobody
	}
	if !s.macs.matches(&t, &e.key.Verifier, known) {
		return nil, fault.New(fault.Unauthentic, "the key is not valid")
	}
	now := g.now().UnixNano()
	switch {
	case e.revoked:
		return nil, fault.New(fault.Unauthentic, "the key %s was revoked on %s", e.key.ID, e.key.Revoked.UTC().Format(time.RFC3339))
	case e.expires != 0 && now >= e.expires:
		return nil, fault.New(fault.Unauthentic, "the key %s expired on %s", e.key.ID, e.key.Expires.UTC().Format(time.RFC3339))
	case now-g.alive.Load() > int64(g.opt.MaxStale):
		return nil, fault.New(fault.Unavailable, "keys cannot be checked now; try again in a moment")
	}
	if now-e.used.Load() > int64(time.Second) { // a second is exact enough, and spares the cache line
		e.used.Store(now)
	}
	return &e.caller, nil
}

// credential takes the one key out of the headers. The same key twice is one key.
func credential(h http.Header) (string, error) {
	found := ""
	for _, v := range h["Authorization"] {
		scheme, rest, _ := strings.Cut(strings.TrimSpace(v), " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return "", fault.At(fault.Unauthentic, "header.Authorization", "the scheme %q is not used here: send `Authorization: Bearer asy_...`", clip(scheme))
		}
		rest = strings.TrimSpace(rest)
		if rest == "" {
			return "", fault.At(fault.Unauthentic, "header.Authorization", "the key is missing after Bearer")
		}
		if found != "" && found != rest {
			return "", two
		}
		found = rest
	}
	for _, v := range h["X-Api-Key"] {
		v = strings.TrimSpace(v)
		if v == "" {
			continue
		}
		if found != "" && found != v {
			return "", two
		}
		found = v
	}
	return found, nil
}

var two = fault.At(fault.Invalid, "header", "the request holds two different keys; send one")

// shape says what is wrong with a text that is no token, without repeating it.
func shape(s string) string {
	switch {
	case !strings.HasPrefix(s, "asy_live_") && !strings.HasPrefix(s, "asy_test_"):
		return "it does not begin with asy_live_ or asy_test_"
	case len(s) != TokenLen:
		return "it is shorter or longer than a key; was it copied whole?"
	}
	return "its checksum does not fit; was it copied right?"
}

// leaked finds keys in a query string: by their form, or by the usual names.
func leaked(query string) bool {
	if query == "" {
		return false
	}
	if strings.Contains(query, "asy_live_") || strings.Contains(query, "asy_test_") {
		return true
	}
	for query != "" {
		var part string
		part, query, _ = strings.Cut(query, "&")
		name, _, _ := strings.Cut(part, "=")
		switch {
		case len(name) < 6 || len(name) > 13:
		case strings.EqualFold(name, "api_key"), strings.EqualFold(name, "apikey"), strings.EqualFold(name, "api-key"),
			strings.EqualFold(name, "x-api-key"), strings.EqualFold(name, "access_token"), strings.EqualFold(name, "authorization"):
			return true
		}
	}
	return false
}

// Live tells whether the caller's key is still accepted; streams ask it now and then.
func (g *Gate) Live(c *access.Caller) error {
	if c.KeyID == "" {
		return nil
	}
	id, _ := kidOf(c.KeyID)
	s := g.snap.Load()
	if s == nil {
		return fault.New(fault.Unavailable, "keys cannot be checked now; try again in a moment")
	}
	e := s.keys[id]
	if e == nil || e.revoked || (e.expires != 0 && g.now().UnixNano() >= e.expires) {
		return fault.New(fault.Unauthentic, "the key %s is no longer accepted", c.KeyID)
	}
	return nil
}

// Confirm asks the store itself whether the caller's key is accepted. Whoever changes
// keys is asked so: a key revoked anywhere must not make another in the second before
// the news arrives.
func (g *Gate) Confirm(ctx context.Context, c *access.Caller) error {
	s := g.snap.Load()
	if s == nil {
		return fault.New(fault.Unavailable, "keys cannot be checked now; try again in a moment")
	}
	k, err := g.store.Key(ctx, c.KeyID)
	switch {
	case err != nil && fault.Of(err) == fault.Unknown:
		return fault.Wrap(fault.Unauthentic, err, "the key %s is no longer accepted", c.KeyID)
	case err != nil:
		return unavailable(err)
	case !s.macs.sealed(&k) || !k.Live(g.now()):
		return fault.New(fault.Unauthentic, "the key %s is no longer accepted", c.KeyID)
	}
	return nil
}

// Allow takes cost units from the caller's limit: the app's, or the network's for a
// caller without a key. The error is Exhausted when they are not there.
func (g *Gate) Allow(c *access.Caller, cost int) (Limit, error) {
	var b *bucket
	if c.KeyID == "" {
		b = g.visits.bucket(c, g)
	} else if s := g.snap.Load(); s != nil {
		b = s.apps[app{c.Org, c.App}]
	}
	if b == nil { // revoked between Authenticate and here
		return Limit{}, fault.New(fault.Unauthentic, "the key %s is no longer accepted", c.KeyID)
	}
	l := b.take(g.now(), cost)
	if !l.Allowed {
		return l, fault.New(fault.Exhausted, "more than %d requests per second (%d at once): wait %s", l.Rate, l.Burst, l.RetryAfter.Round(10*time.Millisecond))
	}
	return l, nil
}

// ClientAddr is where a request comes from: the peer, or, when that is a trusted
// proxy, the right-most address of X-Forwarded-For that is none.
func (g *Gate) ClientAddr(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	addr := peer.Addr().Unmap()
	if err != nil || !g.proxy(addr) {
		return addr
	}
	hops := strings.Split(strings.Join(r.Header["X-Forwarded-For"], ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		a, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		addr = a.Unmap()
		if !g.proxy(addr) {
			break
		}
	}
	return addr
}

func (g *Gate) proxy(a netip.Addr) bool {
	for _, p := range g.opt.Proxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// network is the /24 or /48 an address belongs to.
func network(a netip.Addr) netip.Prefix {
	bits := 24
	if a.Is6() {
		bits = 48
	}
	p, _ := a.WithZone("").Prefix(bits)
	return p
}

// visitors are the networks that asked without a key lately. At most maxVisitors are
// kept; when there are more, the newcomers share one limit: a flood from everywhere
// costs bounded memory and is limited as a whole.
type visitors struct {
	mu   sync.Mutex
	seen map[netip.Prefix]*visitor
	rest *visitor
}

type visitor struct {
	caller access.Caller
	bucket *bucket
}

const maxVisitors = 1 << 16

func (v *visitors) caller(p netip.Prefix, g *Gate) *access.Caller {
	v.mu.Lock()
	defer v.mu.Unlock()
	if x := v.seen[p]; x != nil {
		return &x.caller
	}
	if v.seen == nil {
		v.seen = map[netip.Prefix]*visitor{}
		v.rest = newVisitor("the rest", g)
	}
	if len(v.seen) >= maxVisitors {
		return &v.rest.caller
	}
	x := newVisitor(p.String(), g)
	v.seen[p] = x
	return &x.caller
}

func newVisitor(name string, g *Gate) *visitor {
	return &visitor{
		caller: access.Caller{Org: PublicOrg, App: name, Scopes: g.opt.Public},
		bucket: newBucket(g.opt.PublicRate, g.opt.PublicBurst),
	}
}

func (v *visitors) bucket(c *access.Caller, g *Gate) *bucket {
	p, err := netip.ParsePrefix(c.App)
	v.mu.Lock()
	defer v.mu.Unlock()
	if x := v.seen[p]; err == nil && x != nil {
		return x.bucket
	}
	if v.rest == nil {
		v.rest = newVisitor("the rest", g)
	}
	return v.rest.bucket
}

// sweep forgets networks whose limit is full again.
func (v *visitors) sweep(now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for p, x := range v.seen {
		if x.bucket.idle(now) {
			delete(v.seen, p)
		}
	}
}

// callerKey is where a request's context keeps its caller.
type callerKey struct{}

// WithCaller gives a context that knows the caller.
func WithCaller(ctx context.Context, c *access.Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// Caller gives the caller that a context knows, or nil.
func Caller(ctx context.Context) *access.Caller {
	c, _ := ctx.Value(callerKey{}).(*access.Caller)
	return c
}
