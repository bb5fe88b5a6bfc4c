package oauth

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"sync/atomic"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"

	"github.com/assayhq/assay/fault"
)

// Phase of a signing key. It goes next, current, previous, gone, and never back.
type Phase string

// The phases.
const (
	Next     Phase = "next"     // published, does not sign yet
	Current  Phase = "current"  // signs
	Previous Phase = "previous" // signs no more; its tokens are still accepted
)

// KeyRecord is a signing key as it is stored.
type KeyRecord struct {
	Kid       string    `json:"kid"` // RFC 7638 thumbprint
	Alg       string    `json:"alg"`
	Phase     Phase     `json:"phase"`
	Sealed    []byte    `json:"sealed"` // PKCS #8, sealed by the caller
	Published time.Time `json:"published"`
	Signing   time.Time `json:"signing,omitzero"` // since when it signs
	Until     time.Time `json:"until,omitzero"`   // Previous: accepted before this moment
}

// KeyStore remembers the key set as one document with a version.
type KeyStore interface {
	// LoadKeys gives nil and version 0 when there is none yet.
	LoadKeys(ctx context.Context) (doc []byte, version int64, err error)
	// SaveKeys writes version+1 if the stored version is version, else gives
	// fault.Conflict. It is durable when it returns.
	SaveKeys(ctx context.Context, doc []byte, version int64) error
}

// KeyOptions of a key set. Store, Seal and Open are needed.
type KeyOptions struct {
	Store KeyStore
	// Seal and Open protect private keys; kid is to be bound as additional data.
	Seal func(kid string, private []byte) ([]byte, error)
	Open func(kid string, sealed []byte) ([]byte, error)

	Alg      string        // of new keys: EdDSA (default) or ES256
	TTL      time.Duration // of tokens, default 300 s
	MaxAge   time.Duration // how long others may cache the set, default 1 h
	Lifetime time.Duration // how long a key signs, default 30 d
	// Lag is how late another process may learn of a rotation; default 1 min. It
	// may sign with the old key that long.
	Lag time.Duration
	Now func() time.Time
}

// KeySet signs with one key and publishes the one before and the one after it.
type KeySet struct {
	o    KeyOptions
	turn chan struct{} // whoever changes the set holds its one token
	ring atomic.Pointer[ring]
}

// ring is a key set as it was loaded; it does not change.
type ring struct {
	keys    []*held
	byKid   map[string]*held
	current *held
	jwks    []byte
}

type held struct {
	KeyRecord
	signer crypto.Signer
}

// OpenKeySet loads the set, or makes the first one: its current key signs at once,
// because nobody has cached an older set.
func OpenKeySet(ctx context.Context, o KeyOptions) (*KeySet, error) {
	if o.Store == nil || o.Seal == nil || o.Open == nil {
		return nil, fault.New(fault.Invalid, "a key set needs Store, Seal and Open")
	}
	if o.Alg == "" {
		o.Alg = EdDSA
	}
	if o.Alg != EdDSA && o.Alg != ES256 {
		return nil, fault.At(fault.Invalid, "Alg", "the signing algorithm must be %s or %s", EdDSA, ES256)
	}
	for p, def := range map[*time.Duration]time.Duration{&o.TTL: TokenTTL, &o.MaxAge: time.Hour, &o.Lifetime: 30 * 24 * time.Hour, &o.Lag: time.Minute} {
		if *p <= 0 {
			*p = def
		}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	k := &KeySet{o: o, turn: make(chan struct{}, 1)}
	k.turn <- struct{}{}
	return k, k.Tick(ctx)
}

// TTL is how long tokens live.
func (k *KeySet) TTL() time.Duration { return k.o.TTL }

// MaxAge is how long the published set may be cached.
func (k *KeySet) MaxAge() time.Duration { return k.o.MaxAge }

// Lead is how long a key is published before it signs: 24 h or twice MaxAge,
// whichever is longer.
func (k *KeySet) Lead() time.Duration { return max(24*time.Hour, 2*k.o.MaxAge) }

// Keep is how long a key is accepted after it stopped signing: the life of its last
// token, with the skew of clocks and the lag of other processes.
func (k *KeySet) Keep() time.Duration { return k.o.TTL + Skew + k.o.Lag }

// JWKS is the published set as JSON.
func (k *KeySet) JWKS() []byte { return k.ring.Load().jwks }

// Records lists the keys as they are stored, oldest first.
func (k *KeySet) Records() []KeyRecord {
	var out []KeyRecord
	for _, h := range k.ring.Load().keys {
		out = append(out, h.KeyRecord)
	}
	return out
}

// Tick loads what other processes did and does what is due: drops previous keys
// whose time is over, rotates when the current key has signed for its lifetime and
// the next one was published long enough, publishes a next one. Call it each Lag or
// more often.
func (k *KeySet) Tick(ctx context.Context) error {
	return k.change(ctx, func(recs []KeyRecord, now time.Time) ([]KeyRecord, error) {
		cur, next := find(recs, Current), find(recs, Next)
		if cur != nil && next != nil && now.Sub(cur.Signing) >= k.o.Lifetime && now.Sub(next.Published) >= k.Lead() {
			k.promote(cur, next, now)
		}
		return recs, nil
	})
}

// Rotate makes the next key current now. fault.Conflict when it has not been
// published long enough; Drop is for emergencies.
func (k *KeySet) Rotate(ctx context.Context) error {
	return k.change(ctx, func(recs []KeyRecord, now time.Time) ([]KeyRecord, error) {
		cur, next := find(recs, Current), find(recs, Next)
		if next == nil || now.Sub(next.Published) < k.Lead() {
			return nil, fault.New(fault.Conflict, "the next signing key must be published for %v before it signs; drop the current key if it is in wrong hands", k.Lead())
		}
		k.promote(cur, next, now)
		return recs, nil
	})
}

// Drop removes a key at once, whatever its phase, with every token it signed. When it
// was the current one, the next one signs from now. Programs that cached the set
// accept the key until MaxAge has passed; Verify does not.
func (k *KeySet) Drop(ctx context.Context, kid string) error {
	return k.change(ctx, func(recs []KeyRecord, now time.Time) ([]KeyRecord, error) {
		for i := range recs {
			if recs[i].Kid != kid {
				continue
			}
			was := recs[i].Phase
			recs = append(recs[:i:i], recs[i+1:]...)
			if next := find(recs, Next); was == Current && next != nil {
				next.Phase, next.Signing = Current, now
			}
			return recs, nil
		}
		return nil, fault.At(fault.Unknown, "kid", "there is no such signing key")
	})
}

func (k *KeySet) promote(cur, next *KeyRecord, now time.Time) {
	if cur != nil {
		cur.Phase, cur.Until = Previous, now.Add(k.Keep())
	}
	next.Phase, next.Signing = Current, now
}

func find(recs []KeyRecord, p Phase) *KeyRecord {
	for i := range recs {
		if recs[i].Phase == p {
			return &recs[i]
		}
	}
	return nil
}

// change loads the set, lets f change it, completes it and stores it. When another
// process was faster it begins again.
func (k *KeySet) change(ctx context.Context, f func([]KeyRecord, time.Time) ([]KeyRecord, error)) error {
	select {
	case <-k.turn:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { k.turn <- struct{}{} }()
	for try := 0; ; try++ {
		doc, version, err := k.o.Store.LoadKeys(ctx)
		if err != nil {
			return err
		}
		var recs []KeyRecord
		if doc != nil {
			if err := json.Unmarshal(doc, &recs); err != nil {
				return fault.Wrap(fault.Internal, err, "the stored key set cannot be read")
			}
		}
		now := k.o.Now()
		if recs, err = f(recs, now); err != nil {
			return err
		}
		if recs, err = k.complete(recs, now); err != nil {
			return err
		}
		fresh, err := json.Marshal(recs)
		if err != nil {
			return fault.Wrap(fault.Internal, err, "the key set cannot be written")
		}
		if string(fresh) != string(doc) {
			err := k.o.Store.SaveKeys(ctx, fresh, version)
			if fault.Of(err) == fault.Conflict && err != nil && try < 3 {
				continue
			}
			if err != nil {
				return err
			}
		}
		r, err := k.load(recs)
		if err != nil {
			return err
		}
		k.ring.Store(r)
		return nil
	}
}

// complete drops what is over and makes what is missing.
func (k *KeySet) complete(recs []KeyRecord, now time.Time) ([]KeyRecord, error) {
	kept := recs[:0:0]
	for _, r := range recs {
		if r.Phase != Previous || now.Before(r.Until) {
			kept = append(kept, r)
		}
	}
	for _, p := range []Phase{Current, Next} {
		if find(kept, p) != nil {
			continue
		}
		r, err := k.make(now)
		if err != nil {
			return nil, err
		}
		if r.Phase = p; p == Current {
			r.Signing = now
		}
		kept = append(kept, r)
	}
	return kept, nil
}

func (k *KeySet) make(now time.Time) (KeyRecord, error) {
	var private crypto.Signer
	var err error
	if k.o.Alg == ES256 {
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	} else {
		_, private, err = ed25519.GenerateKey(rand.Reader)
	}
	if err != nil {
		return KeyRecord{}, fault.Wrap(fault.Internal, err, "no signing key could be made")
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return KeyRecord{}, fault.Wrap(fault.Internal, err, "no signing key could be made")
	}
	r := KeyRecord{Alg: k.o.Alg, Published: now}
	if _, r.Kid, err = publish(private.Public()); err != nil {
		return KeyRecord{}, err
	}
	if r.Sealed, err = k.o.Seal(r.Kid, der); err != nil {
		return KeyRecord{}, fault.Wrap(fault.Unavailable, err, "the signing key could not be sealed")
	}
	return r, nil
}

// load opens the private keys. Keys that are open already are not opened again.
func (k *KeySet) load(recs []KeyRecord) (*ring, error) {
	old := k.ring.Load()
	r := &ring{byKid: map[string]*held{}}
	set := jwk.NewSet()
	for _, rec := range recs {
		h := &held{KeyRecord: rec}
		if old != nil && old.byKid[rec.Kid] != nil {
			h.signer = old.byKid[rec.Kid].signer
		} else {
			der, err := k.o.Open(rec.Kid, rec.Sealed)
			if err != nil {
				return nil, fault.Wrap(fault.Unavailable, err, "the signing key %s cannot be opened", rec.Kid)
			}
			private, err := x509.ParsePKCS8PrivateKey(der)
			if err != nil {
				return nil, fault.New(fault.Internal, "the signing key %s is not PKCS #8", rec.Kid)
			}
			signer, ok := private.(crypto.Signer)
			if !ok || algorithm(signer.Public()) != rec.Alg {
				return nil, fault.New(fault.Internal, "the signing key %s is not for %s", rec.Kid, rec.Alg)
			}
			h.signer = signer
		}
		pub, kid, err := publish(h.signer.Public())
		if err != nil {
			return nil, err
		}
		if kid != rec.Kid {
			return nil, fault.New(fault.Internal, "the signing key %s was exchanged for another", rec.Kid)
		}
		if err := set.AddKey(pub); err != nil {
			return nil, fault.Wrap(fault.Internal, err, "the key set cannot be published")
		}
		r.keys, r.byKid[rec.Kid] = append(r.keys, h), h
		if rec.Phase == Current {
			r.current = h
		}
	}
	var err error
	if r.jwks, err = json.Marshal(set); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "the key set cannot be published")
	}
	return r, nil
}

// publish gives the JWK of a public key and its name.
func publish(pub crypto.PublicKey) (jwk.Key, string, error) {
	key, err := jwk.Import(pub)
	if err != nil {
		return nil, "", fault.Wrap(fault.Internal, err, "the public key has no JWK")
	}
	sum, err := key.Thumbprint(crypto.SHA256)
	if err != nil || len(sum) != sha256.Size {
		return nil, "", fault.Wrap(fault.Internal, err, "the public key has no thumbprint")
	}
	kid := base64.RawURLEncoding.EncodeToString(sum)
	for name, v := range map[string]any{jwk.KeyIDKey: kid, jwk.AlgorithmKey: jwaOf(algorithm(pub)), jwk.KeyUsageKey: "sig"} {
		if err := key.Set(name, v); err != nil {
			return nil, "", fault.Wrap(fault.Internal, err, "the public key has no JWK")
		}
	}
	return key, kid, nil
}

// sign makes a compact JWS with the current key.
func (k *KeySet) sign(body []byte, typ string) (string, error) {
	cur := k.ring.Load().current
	h := jws.NewHeaders()
	if err := h.Set(jws.KeyIDKey, cur.Kid); err != nil {
		return "", fault.Wrap(fault.Internal, err, "the token could not be signed")
	}
	if err := h.Set(jws.TypeKey, typ); err != nil {
		return "", fault.Wrap(fault.Internal, err, "the token could not be signed")
	}
	out, err := jws.Sign(body, jws.WithKey(jwaOf(cur.Alg), cur.signer, jws.WithProtectedHeaders(h)))
	if err != nil {
		return "", fault.Wrap(fault.Internal, err, "the token could not be signed")
	}
	return string(out), nil
}

// public gives the key that a token may be signed with at now. The next key is among
// them: another process may have rotated already.
func (k *KeySet) public(kid string, now time.Time) (crypto.PublicKey, bool) {
	h := k.ring.Load().byKid[kid]
	if h == nil || h.Phase == Previous && !now.Before(h.Until) {
		return nil, false
	}
	return h.signer.Public(), true
}

func (k *KeySet) accepts(kid string, now time.Time) bool {
	h := k.ring.Load().byKid[kid]
	return h != nil && (h.Phase != Previous || now.Before(h.Until))
}
