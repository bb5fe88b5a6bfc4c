package access

import "time"

// MaxClientKeys is how many public keys a ring may have: two during a change of them,
// for each of two machines.
const MaxClientKeys = 4

// ClientKey is a public key with which the programs of a ring prove themselves
// instead of with a shared secret (RFC 7523). Nothing in it is secret.
type ClientKey struct {
	Kid        string    `json:"kid"`        // what the programs call it
	Alg        string    `json:"alg"`        // the one algorithm it is used with: EdDSA, ES256, PS256 or RS256
	Thumbprint string    `json:"thumbprint"` // of RFC 7638, SHA-256, base64url
	Public     []byte    `json:"public"`     // PKIX, DER
	Added      time.Time `json:"added,omitzero"`
}

// ClientKey gives the public key with an id, or nil.
func (r *Ring) ClientKey(kid string) *ClientKey {
	for i := range r.ClientKeys {
		if r.ClientKeys[i].Kid == kid {
			return &r.ClientKeys[i]
		}
	}
	return nil
}

// Standard gives the key that stands for the ring at t when a client proves itself
// with a public key: the newest active one, so that a successor which nobody has seen
// working is not taken into use by it, nor one that is to be retired kept in use;
// else the newest that is accepted. Nil: none is.
func (r *Ring) Standard(t time.Time) (best *Key) {
	rank := map[State]int{Active: 3, Retiring: 2, Staged: 1}
	for i := range r.Keys {
		k := &r.Keys[i]
		if k.Live(t) && (best == nil || rank[k.State] >= rank[best.State]) {
			best = k
		}
	}
	return best
}
