package gate

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/limit"
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
	return g.prove(text, r)
}

// prove decides about a token. The order matters: nothing is told of a key before the
// secret is proved, and nothing is computed from a token that cannot be one.
func (g *Gate) prove(text string, r *http.Request) (*access.Caller, error) {
	if c, is, err := g.jwts.bearer(g, text, r); is {
		return c, err
	}
	p := g.peppers.Load()
	if p == nil {
		return nil, stale()
	}
	x := p.by[p.newest].take() // also the place for the token, so that nothing is allocated
	defer p.by[p.newest].put(x)
	id, ok := parse(text, &x.in)
	if !ok {
		g.unproved(r, id, nil, false)
		return nil, shape(text)
	}
	s := g.snap.Load()
	if s == nil {
		return nil, stale()
	}
	e, known := s.look(id)
	var proved bool
	if m := p.by[int(e.pepper)]; m == nil || int(e.pepper) == p.newest {
		proved = x.proves(&e.verifier, known)
	} else {
		y := m.take()
		y.in = x.in
		proved = y.proves(&e.verifier, known)
		m.put(y)
	}
	if !g.fresh(false) { // this node may not decide: neither yes nor no
		return nil, stale()
	}
	if !proved {
		behind := g.opt.Node != "" && g.mono()-g.heard.Load() > int64(time.Second)
		if behind && known == 0 {
			return nil, stale() // it may be a key that this node has not heard of yet
		}
		if known == 1 && p.by[int(e.pepper)] == nil {
			return nil, stale() // its pepper is one that this node does not have: neither right nor wrong
		}
		g.unproved(r, id, e, known == 1)
		return nil, wrong
	}
	if err := g.judge(e, r); err != nil {
		return nil, err
	}
	if e.named() == access.Staged {
		g.wishFor(e, wish{ring: e.ring.String(), key: string(e.id[:])})
	} else if int(e.pepper) < p.newest {
		v := p.by[p.newest].verifier(&x.in)
		g.wishFor(e, wish{ring: e.ring.String(), key: string(e.id[:]), verifier: v[:], pepper: p.newest})
	}
	return &e.who().caller, nil
}

func agent(r *http.Request) string {
	if v := r.Header["User-Agent"]; len(v) > 0 {
		return v[0]
	}
	return ""
}

func prefixes(list []netip.Prefix) string {
	var b strings.Builder
	for i, p := range list {
		if i > 0 {
			b.WriteByte(' ')
		}
		if b.Len() > 200 {
			return b.String() + "..."
		}
		b.WriteString(p.String())
	}
	return b.String()
}

// Dead is the cause of the error for a caller that proved a key which is not accepted:
// the state, and the version in the ring to use. Never why.
type Dead struct {
	State     string // revoked, expired, retired, suspended, withdrawn, future
	Ring      string
	Successor int // 0: none
}

// Error names the state.
func (d *Dead) Error() string { return "key is " + d.State }

func (e *entry) dead(at time.Time) error {
	k := access.Key{State: e.named(), NotBefore: timeOf(e.notBefore), Expires: timeOf(e.expires), RetireAt: timeOf(e.retireAt)}
	d := &Dead{State: k.Standing(at), Ring: e.ring.String(), Successor: int(e.successor)}
	text := ""
	switch {
	case d.State == "expired":
		text = " on " + k.Expires.UTC().Format(time.RFC3339)
	case d.State == "future":
		return fault.Wrap(fault.Unauthentic, d, "the key %s begins on %s", e.id[:], k.NotBefore.UTC().Format(time.RFC3339))
	}
	if d.Successor > 0 {
		return fault.Wrap(fault.Unauthentic, d, "the key %s is %s%s: use version %d of ring %s", e.id[:], d.State, text, d.Successor, d.Ring)
	}
	return fault.Wrap(fault.Unauthentic, d, "the key %s is %s%s", e.id[:], d.State, text)
}

func timeOf(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns)
}

// Notice is what a caller should know of its key: it is put into every answer.
type Notice struct {
	State     access.State
	RetireAt  time.Time // zero: none
	Expires   time.Time // zero: never
	Ring      string
	Successor int // version to move to; 0 none
}

// Due tells whether there is anything to say.
func (n *Notice) Due() bool { return n.State == access.Retiring }

// Notice gives the state of a caller's key; ok is false when there is nothing to say.
func (g *Gate) Notice(c *access.Caller) (n Notice, ok bool) {
	s := g.snap.Load()
	if c == nil || c.KeyID == "" || s == nil {
		return n, false
	}
	id, _ := kidOf(c.KeyID)
	e := s.find(id)
	if e == nil || e.named() != access.Retiring {
		return n, false
	}
	return Notice{State: e.named(), RetireAt: timeOf(e.retireAt), Expires: timeOf(e.expires), Ring: e.ring.String(), Successor: int(e.successor)}, true
}

// Set writes the notice as headers: Assay-Credential, and Sunset (RFC 8594) with the
// date as HTTP writes it.
func (n *Notice) Set(h http.Header) {
	v := `state=` + string(n.State)
	if !n.RetireAt.IsZero() {
		v += `; retire-at="` + n.RetireAt.UTC().Format(time.RFC3339) + `"`
		h["Sunset"] = []string{n.RetireAt.UTC().Format(http.TimeFormat)}
	}
	if n.Successor > 0 {
		v += `; successor="` + n.Ring + " v" + strconv.Itoa(n.Successor) + `"`
	}
	h["Assay-Credential"] = []string{v}
}

// Reauthenticate takes another key for an open stream: the same app's, with at least
// one scope that the stream lives by. The stream goes on as the new caller.
func (g *Gate) Reauthenticate(was *access.Caller, text string, r *http.Request, need access.Scope) (*access.Caller, error) {
	c, err := g.prove(strings.TrimSpace(text), r)
	switch {
	case err != nil:
		return nil, err
	case c.Org != was.Org || c.App != was.App:
		return nil, fault.New(fault.Denied, "a stream goes on with a key of the same app; open another stream")
	case c.Env != was.Env:
		return nil, fault.New(fault.Denied, "a stream of a %s key does not go on with a %s one; open another stream", was.Env, c.Env)
	case !c.Has(need):
		return nil, fault.New(fault.Denied, "the key %s lacks the scope %s, which this needs", c.KeyID, need)
	}
	return c, nil
}

// Authorize tells whether the caller may do what needs a scope. What is strict is
// checked against the store itself when this node has not heard from it lately.
func (g *Gate) Authorize(ctx context.Context, c *access.Caller, s access.Scope) error {
	if s == "" {
		return nil
	}
	if !c.Has(s) && !(s != access.OrdersPlace && s != access.OrdersCancel && c.Has(access.Admin)) {
		if c.KeyID == "" {
			return fault.New(fault.Unauthentic, "this needs a key with the scope %s: send it as `Authorization: Bearer asy_...`", s)
		}
		return fault.New(fault.Denied, "the key %s lacks the scope %s, which this needs", c.KeyID, s)
	}
	if s.Strict() && (!g.fresh(true) || g.lends.adrift()) {
		return g.Certain(ctx, c)
	}
	return nil
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

// The refusals of tokens that prove nothing, made once: whoever sends many of them
// shall cost little.
var (
	wrong    = fault.New(fault.Unauthentic, "the key is not valid")
	foreign  = fault.New(fault.Unauthentic, "this is not a key of Assay: it does not begin with asy_live_ or asy_test_")
	torn     = fault.New(fault.Unauthentic, "this is not a key of Assay: it is shorter or longer than a key; was it copied whole?")
	mistyped = fault.New(fault.Unauthentic, "this is not a key of Assay: its checksum does not fit; was it copied right?")
)

// shape says what is wrong with a text that is no token, without repeating it.
func shape(s string) error {
	switch {
	case !strings.HasPrefix(s, "asy_live_") && !strings.HasPrefix(s, "asy_test_"):
		return foreign
	case len(s) != TokenLen:
		return torn
	}
	return mistyped
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

// Live tells whether the caller's key, and the token that was lent for it if one was
// sent, is still accepted; streams ask it now and then.
func (g *Gate) Live(c *access.Caller) error {
	if c.KeyID == "" {
		return nil
	}
	id, _ := kidOf(c.KeyID)
	s := g.snap.Load()
	if s == nil || !g.fresh(false) {
		return stale()
	}
	at := g.now()
	e := s.find(id)
	switch {
	case e == nil:
		return fault.New(fault.Unauthentic, "the key %s is no longer accepted", c.KeyID)
	case !e.live(at.UnixNano()):
		return e.dead(at)
	case !c.Until.IsZero() && !at.Before(c.Until):
		return fault.Wrap(fault.Unauthentic, &Dead{State: "expired", Ring: c.Ring}, "the token for the key %s ended at %s: ask for another", c.KeyID, c.Until.UTC().Format(time.RFC3339))
	}
	return nil
}

// Origin keeps of the request that opened a stream what Used judges a key's use by. The
// rest, and the key with it, can be forgotten; the copies hold nothing of the header's memory.
func Origin(r *http.Request) *http.Request {
	o := &http.Request{Method: r.Method, RemoteAddr: strings.Clone(r.RemoteAddr), URL: &url.URL{Path: strings.Clone(r.URL.Path)}, Header: http.Header{}}
	for _, name := range []string{"User-Agent", "X-Forwarded-For"} {
		for _, v := range r.Header[name] {
			o.Header[name] = append(o.Header[name], strings.Clone(v))
		}
	}
	return o
}

// Used notes that a stream lives by the caller's key, as each request does.
func (g *Gate) Used(c *access.Caller, r *http.Request) {
	if c.KeyID == "" {
		return
	}
	id, _ := kidOf(c.KeyID)
	if s := g.snap.Load(); s != nil {
		if e := s.find(id); e != nil {
			g.note(e, network(g.ClientAddr(r)), agent(r), r.URL.Path, g.now().UnixNano(), false)
			if e.named() == access.Staged { // its first use may not have been written down
				g.wishFor(e, wish{ring: e.ring.String(), key: string(e.id[:])})
			}
		}
	}
}

// Certain asks the store itself whether the caller's key is accepted.
func (g *Gate) Certain(ctx context.Context, c *access.Caller) error {
	err := g.store.View(ctx, func(tx access.Tx) error {
		return g.may(tx, By{Caller: c}, c.Org, "", c.Ring, nil, g.now())
	})
	if fault.Of(err) == fault.Denied { // the key is accepted; scopes are not the question here
		return nil
	}
	if err != nil && fault.Of(err) != fault.Unauthentic {
		return fault.Wrap(fault.Unavailable, err, "keys cannot be checked now; try again in a moment")
	}
	return err
}

// Allow takes cost units from the caller's limits: the app's rate and quotas, or the
// network's rate for a caller without a key. The error is Exhausted, with an *Exceeded
// as its cause, when they are not there; then nothing was taken.
func (g *Gate) Allow(c *access.Caller, cost int) (Limit, error) {
	if c.KeyID == "" {
		return g.visits.take(c, g, cost)
	}
	t := g.tenantOf(c)
	if t == nil {
		return Limit{}, fault.New(fault.Unauthentic, "the key %s is no longer accepted", c.KeyID)
	}
	a, err := t.take(g, int64(cost), false)
	return Limit{Answer: a}, err
}

// Enter is Allow that also takes one of the requests the app may make at the same time.
// Whoever was allowed calls done once when the request has ended; done is never nil.
func (g *Gate) Enter(c *access.Caller, cost int) (done func(), l Limit, err error) {
	if c.KeyID == "" {
		l, err = g.visits.take(c, g, cost)
		return nothing, l, err
	}
	t := g.tenantOf(c)
	if t == nil {
		return nothing, l, fault.New(fault.Unauthentic, "the key %s is no longer accepted", c.KeyID)
	}
	a, err := t.take(g, int64(cost), true)
	if !a.Allowed {
		return nothing, Limit{Answer: a}, err
	}
	return t.leave, Limit{Answer: a}, nil
}

func nothing() {}

// tenantOf is the app a key belongs to, or nil when its last key ended between
// Authenticate and here.
func (g *Gate) tenantOf(c *access.Caller) *tenant {
	if s := g.snap.Load(); s != nil {
		return s.tenant(app{c.Org, c.App})
	}
	return nil
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
	// policy is the value of RateLimit-Policy for all of them. Nothing writes into it.
	policy []string
}

type visitor struct {
	caller access.Caller
	bucket *limit.Bucket
}

const maxVisitors = 1 << 16

func (v *visitors) caller(p netip.Prefix, g *Gate) *access.Caller {
	v.mu.Lock()
	defer v.mu.Unlock()
	if x := v.seen[p]; x != nil {
		return &x.caller
	}
	v.begin(g)
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
		bucket: limit.NewBucket(int64(g.opt.PublicRate), int64(g.opt.PublicBurst)),
	}
}

// begin makes what is there before the first visitor. v.mu is held.
func (v *visitors) begin(g *Gate) {
	if v.seen != nil {
		return
	}
	v.seen = map[netip.Prefix]*visitor{}
	v.rest = newVisitor("the rest", g)
	h := http.Header{}
	a := limit.NewAccount(limit.Plan{Rate: int64(g.opt.PublicRate), Burst: int64(g.opt.PublicBurst)}, limit.Used{}).Take(time.Time{}, 0)
	a.Set(h, 0) // so that limit alone knows the header's form
	v.policy = h["Ratelimit-Policy"]
}

func (v *visitors) bucket(c *access.Caller, g *Gate) *limit.Bucket {
	p, err := netip.ParsePrefix(c.App)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.begin(g)
	if x := v.seen[p]; err == nil && x != nil {
		return x.bucket
	}
	return v.rest.bucket
}

// take asks the bucket of a visitor's network.
func (v *visitors) take(c *access.Caller, g *Gate, cost int) (Limit, error) {
	b := v.bucket(c, g)
	l := Limit{Answer: b.Take(g.now(), int64(cost)), policy: v.policy}
	if !l.Allowed {
		return l, exceeded(&l.Answer, limit.Plan{Rate: int64(g.opt.PublicRate), Burst: int64(g.opt.PublicBurst)})
	}
	return l, nil
}

// sweep forgets networks whose limit is full again.
func (v *visitors) sweep(now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for p, x := range v.seen {
		if x.bucket.Idle(now) {
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
