package gate

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"sync"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/rotation"
	"github.com/assayhq/assay/access/signing"
	"github.com/assayhq/assay/fault"
)

// A signer stands beside the snapshot, not in it: few keys have one, and there may be a
// million without. It never changes while its key lives.

// SecretPattern finds the secrets of signers in text; give it to secret scanners.
const SecretPattern = `asyh_[0-9A-Za-z]{43}`

// signers are the keys that sign, by kid.
type signers struct {
	nonces *signing.Nonces // what this node saw: a replay here costs the store nothing

	mu    sync.RWMutex
	of    map[string]signing.Material
	rings map[string][]string // ring -> its kids in of
}

// put takes a ring's signers in, in the place of what they were, all at once: requests
// of its keys go on meanwhile.
func (s *signers) put(g *Gate, r *access.Ring) {
	var fresh []signing.Material
	for i := range r.Keys {
		k := &r.Keys[i]
		if k.Signer == nil {
			continue
		}
		m := signing.Material{Kid: k.ID}
		if k.Signer.Alg == access.Ed25519 {
			m.Ed25519 = ed25519.PublicKey(k.Signer.Public)
		} else if secret, ok := g.peppers.Load().decrypt(k.Signer.Sealed, aboutSigner+k.ID); ok {
			m.HMAC = secret
		} else {
			g.log.Error("the secret of a signer cannot be opened; nothing that its key signs is accepted", "ring", r.ID, "key", k.ID)
		}
		fresh = append(fresh, m)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(r.ID)
	if fresh != nil && s.of == nil {
		s.of, s.rings, s.nonces = map[string]signing.Material{}, map[string][]string{}, signing.NewNonces(signing.NonceOptions{})
	}
	for _, m := range fresh {
		s.of[m.Kid] = m
		s.rings[r.ID] = append(s.rings[r.ID], m.Kid)
	}
}

// drop takes a ring's signers out.
func (s *signers) drop(ring string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(ring)
}

// forget is drop for who holds s.mu.
func (s *signers) forget(ring string) {
	for _, k := range s.rings[ring] {
		delete(s.of, k)
	}
	delete(s.rings, ring)
}

func (s *signers) find(kid string) (m signing.Material, n *signing.Nonces, ok bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	m, ok = s.of[kid]
	return m, s.nonces, ok
}

// Signs tells whether the caller's key has a signer: what it changes must be signed. The
// caller itself says so, because its ring may have been deleted since it was admitted.
func (g *Gate) Signs(c *access.Caller) bool { return c.Signs }

// Proof tells what a signature proved.
type Proof struct {
	KeyID     string
	Algorithm string // access.Ed25519 or access.HMAC
	// Digest is the SHA-256 of the text that was signed.
	Digest [32]byte
	// Skew is by how much the request's time was behind the server's.
	Skew time.Duration
}

// Signed checks that the signer of the caller's key signed a request, about now and for
// the first time on any node. It is asked after Authenticate, so whoever is told what
// is wrong has proved to have the key. A key without a signer signs nothing.
//
// The nonce is remembered in the memory of this node and, for all others and for the
// time after a restart, in the store: each signed request costs one change of it.
func (g *Gate) Signed(ctx context.Context, c *access.Caller, p signing.Parts) (Proof, error) {
	m, nonces, ok := g.signers.find(c.KeyID)
	switch {
	case c.KeyID == "":
		return Proof{}, fault.New(fault.Unauthentic, "this needs a key with a signer: make one with `assay key create --sign`")
	case !ok && c.Signs: // its ring was deleted since the caller was admitted
		return Proof{}, fault.New(fault.Unauthentic, "the key %s is no longer accepted", c.KeyID)
	case !ok:
		return Proof{}, fault.New(fault.Denied, "the key %s has no signer, which this needs: rotate it with `sign`, or make one with `assay key create --sign`", c.KeyID)
	case m.Ed25519 == nil && m.HMAC == nil:
		return Proof{}, fault.New(fault.Unavailable, "the signer of key %s cannot be opened with the pepper of this server", c.KeyID)
	}
	now := g.now()
	at, err := signing.Verify(now, p, m, book{g, ctx, nonces}, g.opt.Window)
	if err != nil {
		return Proof{}, err
	}
	out := Proof{KeyID: c.KeyID, Algorithm: access.Ed25519, Digest: at.Digest, Skew: now.Sub(at.Time)}
	if m.HMAC != nil {
		out.Algorithm = access.HMAC
	}
	return out, nil
}

const kindNonce = "_nonce"

// nonceKept is how long a nonce stays in the store: longer than any window, and than
// clocks of servers differ.
const nonceKept = 4 * signing.MaxWindow

// book is the memory of nonces for one request: this node's first, then the store's.
type book struct {
	g     *Gate
	ctx   context.Context
	local *signing.Nonces
}

// Use is signing.NonceBook's. A record's id begins with the time that was signed, the
// same for every copy of a request on every node, so that the oldest are the first and
// each insertion takes some that are over with it: there are never many more than the
// requests of nonceKept.
func (b book) Use(now time.Time, kid, nonce string, until time.Time) error {
	if err := b.local.Use(now, kid, nonce, until); err != nil {
		return err
	}
	id := fmt.Sprintf("%015d/%s/%s", until.Add(-b.g.opt.Window).UnixMilli(), kid, nonce)
	over := fmt.Sprintf("%015d", now.Add(-nonceKept).UnixMilli())
	_, err := b.g.store.Change(b.ctx, func(tx access.Tx) error {
		switch _, err := tx.Get(kindNonce, id); {
		case err == nil:
			return signing.Used()
		case fault.Of(err) != fault.Unknown:
			return err
		}
		old, err := tx.List(kindNonce, "", 4)
		if err != nil {
			return err
		}
		for _, r := range old {
			if r.ID >= over {
				break
			}
			if err := tx.Delete(kindNonce, r.ID); err != nil {
				return err
			}
		}
		return tx.Put(kindNonce, id, []byte{})
	})
	return unavailableOr(err)
}

// aboutSigner is what a signer's secret is bound to, with the key's id.
const aboutSigner = "signer of key "

// newSigner makes the signer of a new key from what was asked for, with the secret to
// show once when the server makes it.
func (g *Gate) newSigner(sign, kid string, inherit *access.Signer) (s *access.Signer, secret string, err error) {
	s = inherit
	if sign != "" {
		if s, err = access.ParseSigner(sign); err != nil {
			return nil, "", err
		}
	}
	if s == nil || s.Alg == access.Ed25519 {
		return s, "", nil
	}
	t, _ := newToken("live")
	secret = "asyh_" + string(t[prefixLen+kidLen:bodyLen])
	return &access.Signer{Alg: access.HMAC, Sealed: g.peppers.Load().encrypt([]byte(secret), aboutSigner+kid)}, secret, nil
}

// nextSigner is newSigner for a successor of old.
func (g *Gate) nextSigner(sign, kid string, old *access.Key, grant bool) (*access.Signer, string, error) {
	var inherit *access.Signer
	if old != nil {
		inherit = old.Signer
	}
	if sign == "none" {
		if inherit != nil && !grant {
			return nil, "", fault.At(fault.Denied, "body.sign", "the successor would not sign, as key %s does; that needs the scope %s", old.ID, access.KeysGrant)
		}
		return nil, "", nil
	}
	return g.newSigner(sign, kid, inherit)
}

// told adds to the first event what became of the signer.
func told(events []rotation.Event, old *access.Key, s *access.Signer) []rotation.Event {
	text := s.String()
	if s == nil {
		if old == nil || old.Signer == nil {
			return events
		}
		text = "none: taken away"
	}
	if events[0].Detail == nil {
		events[0].Detail = map[string]string{}
	}
	events[0].Detail["signer"] = text
	return events
}

// reseal encrypts the secret of a key's signer under the newest pepper.
func (g *Gate) reseal(k *access.Key) {
	if k.Signer == nil || k.Signer.Alg != access.HMAC {
		return
	}
	p := g.peppers.Load()
	if secret, ok := p.decrypt(k.Signer.Sealed, aboutSigner+k.ID); ok {
		k.Signer = &access.Signer{Alg: access.HMAC, Sealed: p.encrypt(secret, aboutSigner+k.ID)}
	}
}

// accepted is the newest key of a ring that is accepted, or nil.
func accepted(r *access.Ring, now time.Time) *access.Key {
	for i := len(r.Keys) - 1; i >= 0; i-- {
		if r.Keys[i].Live(now) {
			k := r.Keys[i]
			return &k
		}
	}
	return nil
}

// TradeLife is the most a live key that places orders lives without a list of networks.
const TradeLife = 90 * 24 * time.Hour

// mayTrade refuses live keys that place orders and are not bound enough for it.
func mayTrade(env string, scopes []access.Scope, signs bool, b *access.Bounds, expires, now time.Time) error {
	switch {
	case env != "live" || !access.Has(scopes, access.OrdersPlace):
	case !signs:
		return fault.At(fault.Invalid, "body.sign", "a live key that places orders must sign: give sign as ed25519: with your public key, or hmac (or make a test key)")
	case len(b.Networks) == 0 && (expires.IsZero() || expires.Sub(now) > TradeLife):
		return fault.At(fault.Invalid, "body.networks", "a live key that places orders needs a list of networks, or an end within %d days", TradeLife/(24*time.Hour))
	}
	return nil
}

// tradingLife is the lifetime of a successor that must have one and is given none: a
// rotation neither loses the end of a key nor fails for want of one.
func tradingLife(r *access.Ring, s RotateSpec, old *access.Key) time.Duration {
	scopes, nets := s.Scopes, s.Bounds.Networks
	if old != nil && scopes == nil {
		scopes = old.Scopes
	}
	if old != nil && len(nets) == 0 {
		nets = old.Bounds.Networks
	}
	if r.Env == "live" && access.Has(scopes, access.OrdersPlace) && len(nets) == 0 && r.Policy.Lifetime == 0 {
		return TradeLife
	}
	return 0
}
