package emulator

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"net/http"
	"strings"
	"time"

	"github.com/assayhq/assay/market"
)

// sealed is a request that may carry a proof of who asks, as it came over the wire.
type sealed struct {
	method, host, path, query, body string // the path as it was encoded
	header                          http.Header
}

// claim is what a request says of itself, and how to see whether it is true.
type claim struct {
	key    string
	at     time.Time     // zero: it states no time
	window time.Duration // how old it allows itself to be; 0: the venue's own
	until  time.Time     // states its own end (tokens)
	nonce  int64         // has to rise, where the venue wants that
	once   string        // may be seen once
	phrase func(k *Key) bool
	seal   func(k *Key) bool // whether the signature is made with the key's secret
}

// scheme is how one venue proves who asks, written from its documents and not from the
// connectors' signers: what signs wrongly there has to be wrong here too to go unseen.
type scheme struct {
	private     func(path string) bool          // paths that are not served without a proof
	read        func(s *sealed) (claim, bool)   // false: nothing in the request claims anything
	past, ahead time.Duration                   // how old and how early a time may be; 0: not looked at
	most        time.Duration                   // the longest window a request may ask for
	rising      bool                            // nonces rise, key by key
	deny        func(d denial, s *sealed) reply // the venue's own words
}

// denial is why a signed request is not served.
type denial int

const (
	welcome       denial = iota
	unsigned             // no proof at all
	unknownKey           // nobody has this key
	badSignature         // not made with the key's secret, or over other bytes
	badPassphrase        // the key's passphrase is another
	tooLate              // older than the window
	tooEarly             // from the future
	badNonce             // not greater than the last one
	replayed             // seen before
	noRight              // the key may not do this
)

func (d denial) String() string {
	return [...]string{"welcome", "unsigned", "unknown key", "bad signature", "bad passphrase", "too late", "too early", "bad nonce", "replayed", "no right"}[d]
}

// ring is the keys of a venue and what was seen of each.
type ring struct {
	keys  []*Key
	nonce map[string]int64
	seen  map[string]time.Time // key|once → when it can be forgotten
}

func newRing(keys []*Key) *ring {
	return &ring{keys: keys, nonce: map[string]int64{}, seen: map[string]time.Time{}}
}

func (r *ring) find(name string) *Key {
	for _, k := range r.keys {
		if k.Key == name {
			return k
		}
	}
	return nil
}

// mutant is a venue that was made wrong on purpose, so that tests can show that they
// would see it. Only tests of this package can ask for one.
type mutant struct {
	blind    bool // takes any signature
	jumbled  bool // checksums over bids before asks
	standing bool // book numbers do not rise
}

// check says whose request it is, or why nobody's. Nonces count only behind a good
// signature, so that a stranger cannot burn them.
func (r *ring) check(x *scheme, s *sealed, now time.Time, m mutant) (*Key, denial) {
	c, ok := x.read(s)
	if !ok {
		return nil, unsigned
	}
	k := r.find(c.key)
	switch {
	case k == nil:
		return nil, unknownKey
	case !m.blind && !c.seal(k):
		return k, badSignature
	case c.phrase != nil && !c.phrase(k):
		return k, badPassphrase
	}
	if x.past > 0 {
		past := x.past
		if c.window > 0 {
			past = c.window
		}
		if x.most > 0 {
			past = min(past, x.most)
		}
		switch age := now.Sub(c.at); {
		case c.at.IsZero() || age > past || !c.until.IsZero() && now.After(c.until):
			return k, tooLate
		case age < -x.ahead:
			return k, tooEarly
		}
	}
	if x.rising {
		if last, ok := r.nonce[k.Key]; ok && c.nonce <= last {
			return k, badNonce
		}
		r.nonce[k.Key] = c.nonce
	}
	if c.once != "" {
		id := k.Key + "|" + c.once
		if until, ok := r.seen[id]; ok && now.Before(until) {
			return k, replayed
		}
		for old, until := range r.seen {
			if len(r.seen) > 10000 && now.After(until) {
				delete(r.seen, old)
			}
		}
		r.seen[id] = now.Add(24 * time.Hour)
	}
	return k, welcome
}

// proof is the scheme of a venue; nil where none is known.
func schemeOf(id market.VenueID) *scheme { return schemes[id] }

// The hashes venues use, by how they write them.

func keyed(h func() hash.Hash, secret []byte, parts ...string) []byte {
	m := hmac.New(h, secret)
	for _, p := range parts {
		m.Write([]byte(p))
	}
	return m.Sum(nil)
}

// isHex tells whether stated is the bytes in hexadecimal, small letters.
func isHex(stated string, sum []byte) bool {
	return hmac.Equal([]byte(stated), []byte(hex.EncodeToString(sum)))
}

func isBase64(stated string, sum []byte) bool {
	return hmac.Equal([]byte(stated), []byte(base64.StdEncoding.EncodeToString(sum)))
}

func sum512(text string) string {
	s := sha512.Sum512([]byte(text))
	return hex.EncodeToString(s[:])
}

func sum256(text string) string {
	s := sha256.Sum256([]byte(text))
	return string(s[:])
}

// target is the path with its query.
func (s *sealed) target() string {
	if s.query == "" {
		return s.path
	}
	return s.path + "?" + s.query
}

// hosts are the names a client may have signed: the one it asked, and the venue's own.
func (s *sealed) hosts(own ...string) []string { return append([]string{s.host}, own...) }

func (s *sealed) get(header string) string { return s.header.Get(header) }

// prefix makes a test of private paths.
func prefix(ps ...string) func(string) bool {
	return func(path string) bool {
		for _, p := range ps {
			// A path that ends in "/" is meant with and without it.
			if strings.HasPrefix(path, p) || path+"/" == p {
				return true
			}
		}
		return false
	}
}
