package app

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/access/oauth"
	"github.com/assayhq/assay/fault"
)

// OAuth says whether and how short-lived tokens are lent for keys.
type OAuth struct {
	Issuer   string        `koanf:"issuer" doc:"address of this installation as its clients know it, such as https://api.example.com; empty: no tokens are lent"`
	Resource string        `koanf:"resource" doc:"address of the API that takes the tokens; empty is the issuer"`
	Alg      string        `koanf:"alg" doc:"signature of the tokens: EdDSA or ES256; empty is EdDSA"`
	Lifetime time.Duration `koanf:"lifetime" doc:"how long a signing key is used; empty is 720h"`
}

// lender lends tokens for keys and takes them back. It is made before the gate and
// filled after it, because each needs the other.
type lender struct {
	server atomic.Pointer[oauth.Server]
	keys   *oauth.KeySet
	gate   *gate.Gate
	log    *slog.Logger
	lease  time.Duration // tokens are refused when revocations were not heard of for so long; 0: 15 min
	gone   *ledger       // revoked tokens

	mu    sync.RWMutex
	lists map[string][]access.Scope // scopes of tokens, as a token writes them
}

// open makes the server behind a lender; nil settings of it leave it closed.
func (l *lender) open(ctx context.Context, cfg OAuth, g *gate.Gate, store access.Store, log *slog.Logger) error {
	if cfg.Issuer == "" {
		return nil
	}
	if cfg.Resource == "" {
		cfg.Resource = strings.TrimSuffix(cfg.Issuer, "/")
	}
	l.gate, l.log = g, log
	var err error
	l.keys, err = oauth.OpenKeySet(ctx, oauth.KeyOptions{
		Store: keySets{store, g}, Alg: cfg.Alg, Lifetime: cfg.Lifetime, Now: g.Now,
		Seal: func(kid string, b []byte) ([]byte, error) { return g.Seal("jwk/"+kid, b) },
		Open: func(kid string, b []byte) ([]byte, error) { return g.Open("jwk/"+kid, b) },
	})
	if err != nil {
		return err
	}
	l.gone = newLedger(kindRevoked, store)
	if err := l.gone.follow(ctx); err != nil {
		return err
	}
	if l.lease <= 0 {
		l.lease = 15 * time.Minute
	}
	scopes, _ := access.ParseScopes([]string{"admin", "trading", string(access.WalletRead), string(access.WalletCreate)})
	s, err := oauth.New(oauth.Options{
		Issuer: cfg.Issuer, Resource: cfg.Resource, Scopes: access.Words(scopes), Clients: clients{g}, Keys: l.keys,
		Used: newLedger(kindUsed, store), Revoked: revocations{l.gone}, Introspectors: string(access.Admin), Now: g.Now, Logger: log,
	})
	if err != nil {
		return err
	}
	l.server.Store(s)
	return nil
}

// verify is the gate's gate.TokenVerifier.
func (l *lender) verify(ctx context.Context, text string) (string, []access.Scope, time.Time, error) {
	s := l.server.Load()
	if s == nil {
		return "", nil, time.Time{}, fault.New(fault.Unauthentic, "no tokens are lent here: send a key, or set oauth.issuer")
	}
	if l.gone.stale() > l.lease {
		return "", nil, time.Time{}, fault.New(fault.Unavailable, "whether tokens were revoked is not known now; try again in a moment, or send the key")
	}
	c, err := s.Verify(ctx, text)
	if err != nil {
		return "", nil, time.Time{}, err
	}
	return c.Cid, l.scopes(c.Scope), time.Unix(c.Expires, 0), nil
}

// maxScopeLists bounds the lists remembered: clients choose the order of scopes.
const maxScopeLists = 1024

// scopes reads the scopes of a verified token; the same text gives the same list.
func (l *lender) scopes(text string) []access.Scope {
	l.mu.RLock()
	list, ok := l.lists[text]
	l.mu.RUnlock()
	if ok {
		return list
	}
	for w := range strings.FieldsSeq(text) {
		list = append(list, access.Scope(w))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lists == nil || len(l.lists) >= maxScopeLists {
		l.lists = map[string][]access.Scope{}
	}
	l.lists[text] = list
	return list
}

// run turns the signing keys over until ctx ends.
func (l *lender) run(ctx context.Context) error {
	if l.keys == nil {
		return nil
	}
	done := make(chan struct{})
	go func() { defer close(done); l.gone.run(ctx, l.log) }()
	defer func() { <-done }()
	return every(ctx, 30*time.Second, func() {
		if err := l.keys.Tick(ctx); err != nil && ctx.Err() == nil {
			l.log.Warn("signing keys could not be looked after; tokens are lent with the one there is", "err", err)
		}
	})
}

// paths are where the handler is to be reached.
func (l *lender) paths() []string {
	if l.server.Load() == nil {
		return nil
	}
	return []string{oauth.PathToken, oauth.PathIntrospect, oauth.PathRevoke, oauth.PathJWKS, oauth.PathServer, oauth.PathResource}
}

// requestKey is where a request's context keeps the request, for the adapter that
// judges from where a key is used.
type requestKey struct{}

// handler answers OAuth requests. Each costs its network one unit, and whoever proves
// a key pays one of its app's too.
func (l *lender) handler() http.Handler {
	next := l.server.Load().Handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if limit, err := l.gate.Visit(r); err != nil {
			h := w.Header()
			limit.Set(h)
			h.Set("Content-Type", "application/json")
			h.Set("Cache-Control", "no-store")
			if h.Get("Retry-After") == "" {
				h.Set("Retry-After", "1")
			}
			w.WriteHeader(http.StatusTooManyRequests)
			_ = json.NewEncoder(w).Encode(map[string]string{"error": "temporarily_unavailable", "error_description": fault.Public(err)}) // the client has gone: nobody to tell
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), requestKey{}, r)))
	})
}

// clients are the gate's keys as OAuth clients: the client id is a ring's or a key's
// id, the secret is the key's token. With a ring's id a client stays the same when its
// key is rotated.
type clients struct{ g *gate.Gate }

// Authenticate is of oauth.Clients. The gate judges the key as it does for any request
// from the same place, so networks and hours hold for the lending too.
func (c clients) Authenticate(ctx context.Context, id, secret string) (oauth.Client, error) {
	no := fault.New(fault.Unauthentic, "the client is not known or its secret is wrong")
	if !strings.HasPrefix(secret, "asy_") { // a lent token lends no other
		return oauth.Client{}, no
	}
	probe, err := probe(ctx)
	if err != nil {
		return oauth.Client{}, err
	}
	probe.Header.Set("Authorization", "Bearer "+secret)
	caller, err := c.g.Authenticate(probe)
	if err != nil {
		return oauth.Client{}, err
	}
	if id != caller.KeyID && id != caller.Ring {
		return oauth.Client{}, no
	}
	return c.client(id, caller)
}

// PublicKey is of oauth.Clients. A client with public keys is a ring: they stay when its
// secret is rotated.
func (c clients) PublicKey(ctx context.Context, id, kid string) (access.ClientKey, error) {
	no := fault.New(fault.Unauthentic, "the client or its public key is not known")
	if !strings.HasPrefix(id, "ring_") || !access.ValidName(id) {
		return access.ClientKey{}, no
	}
	r, err := c.g.Ring(ctx, "", id)
	if err != nil {
		return access.ClientKey{}, err
	}
	if k := r.ClientKey(kid); k != nil {
		return *k, nil
	}
	return access.ClientKey{}, no
}

// Proved is of oauth.Clients.
func (c clients) Proved(ctx context.Context, id string) (oauth.Client, error) {
	probe, err := probe(ctx)
	if err != nil {
		return oauth.Client{}, err
	}
	caller, err := c.g.Vouch(probe, id)
	if err != nil {
		return oauth.Client{}, err
	}
	return c.client(id, caller)
}

// client takes a unit from a caller's limit and makes a client of him.
func (c clients) client(id string, caller *access.Caller) (oauth.Client, error) {
	if _, err := c.g.Allow(caller, 1); err != nil {
		return oauth.Client{}, err
	}
	return oauth.Client{ID: id, Cid: caller.KeyID, Scopes: access.Words(caller.Scopes)}, nil
}

// probe is a request for the gate to judge from the same place as the one in ctx.
func probe(ctx context.Context) (*http.Request, error) {
	r, _ := ctx.Value(requestKey{}).(*http.Request)
	if r == nil {
		return nil, fault.New(fault.Internal, "a client was to be proved without its request")
	}
	return (&http.Request{
		Method: r.Method, URL: &url.URL{Path: r.URL.Path}, RemoteAddr: r.RemoteAddr,
		Header: http.Header{"User-Agent": r.Header["User-Agent"], "X-Forwarded-For": r.Header["X-Forwarded-For"]},
	}).WithContext(ctx), nil
}

// SetClientKeys is of api.ClientKeys: gate.Gate's, with the tokens ended that were lent
// for the keys taken away, in the same transaction.
func (l *lender) SetClientKeys(ctx context.Context, by gate.By, ring string, keys []access.ClientKey) (*access.Ring, error) {
	if l.server.Load() == nil {
		return nil, fault.New(fault.Unavailable, "no tokens are lent here, so public keys have no use: the setting oauth.issuer opens it")
	}
	r, err := l.gate.SetClientKeys(ctx, by, ring, keys, endTokens(l.gone, l.gate, l.keys.TTL()))
	if err == nil {
		err = l.gone.follow(ctx)
	}
	return r, err
}

// SetClientKeys does it where no server runs, such as for the command line.
func SetClientKeys(ctx context.Context, g *gate.Gate, store access.Store, by gate.By, ring string, keys []access.ClientKey) (*access.Ring, error) {
	return g.SetClientKeys(ctx, by, ring, keys, endTokens(newLedger(kindRevoked, store), g, oauth.TokenTTL))
}

// endTokens notes the tokens lent for public keys as revoked until the last has ended.
func endTokens(gone *ledger, g *gate.Gate, ttl time.Duration) func(access.Tx, string, []string) error {
	return func(tx access.Tx, client string, prints []string) error {
		now := g.Now()
		for _, p := range prints {
			// A minute more: a token may be on its way out at this moment.
			if err := gone.put(tx, now, oauth.KeyName(client, p), now.Add(ttl+time.Minute), true); err != nil {
				return err
			}
		}
		return nil
	}
}

// revocations is the ledger of revoked tokens, which holds here when Add returns.
type revocations struct{ *ledger }

// Add is of oauth.Ledger.
func (r revocations) Add(ctx context.Context, now time.Time, id string, until time.Time) error {
	if err := r.ledger.Add(ctx, now, id, until); err != nil {
		return err
	}
	return r.follow(ctx)
}

// Live is of oauth.Clients.
func (c clients) Live(cid string) error {
	if cid == "" { // the gate takes this for a caller without a key
		return fault.New(fault.Unauthentic, "the token names no key")
	}
	return c.g.Live(&access.Caller{KeyID: cid})
}

// keySets keeps the set of signing keys in the control plane, sealed as a whole, so
// that a set that was changed outside Assay signs nothing.
type keySets struct {
	store access.Store
	gate  *gate.Gate
}

const kindKeySet, idKeySet = "jwks", "set"

func aboutKeySet(version uint64) string { return "jwks/" + strconv.FormatUint(version, 10) }

// LoadKeys is of oauth.KeyStore.
func (k keySets) LoadKeys(ctx context.Context) (doc []byte, version int64, err error) {
	var body []byte
	err = k.store.View(ctx, func(tx access.Tx) error {
		rec, err := tx.Get(kindKeySet, idKeySet)
		body = rec.Body
		return err
	})
	if err != nil {
		if fault.Of(err) == fault.Unknown {
			return nil, 0, nil
		}
		return nil, 0, outOfReach(err)
	}
	if len(body) < 8 {
		return nil, 0, fault.New(fault.Internal, "the stored signing keys are cut short")
	}
	v := binary.BigEndian.Uint64(body)
	doc, err = k.gate.Open(aboutKeySet(v), body[8:])
	return doc, int64(v), err
}

// SaveKeys is of oauth.KeyStore.
func (k keySets) SaveKeys(ctx context.Context, doc []byte, version int64) error {
	next := uint64(version) + 1
	sealed, err := k.gate.Seal(aboutKeySet(next), doc)
	if err != nil {
		return err
	}
	body := append(binary.BigEndian.AppendUint64(nil, next), sealed...)
	_, err = k.store.Change(ctx, func(tx access.Tx) error {
		var stored uint64
		rec, err := tx.Get(kindKeySet, idKeySet)
		switch {
		case err == nil && len(rec.Body) >= 8:
			stored = binary.BigEndian.Uint64(rec.Body)
		case err != nil && fault.Of(err) != fault.Unknown:
			return err
		}
		if stored != uint64(version) {
			return fault.New(fault.Conflict, "the signing keys were changed by another process")
		}
		return tx.Put(kindKeySet, idKeySet, body)
	})
	return outOfReach(err)
}

// outOfReach says a store's failure as what it is to a caller: a matter of time.
func outOfReach(err error) error {
	if err != nil && fault.Of(err) == fault.Internal {
		return fault.Wrap(fault.Unavailable, err, "the control plane cannot be read or written now; try again in a moment")
	}
	return err
}
