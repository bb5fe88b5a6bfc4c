package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/access/oauth"
	"github.com/assayhq/assay/fault"
)

// ClientKeys sets the public keys with which the programs of a ring prove themselves.
type ClientKeys interface {
	SetClientKeys(ctx context.Context, by gate.By, ring string, keys []access.ClientKey) (*access.Ring, error)
}

// JWK is a public key of RFC 7517 as it is sent. What makes a key private is among its
// fields so that it is noticed and refused.
type JWK struct {
	Kty     string   `json:"kty" maxLength:"10" doc:"OKP, EC or RSA"`
	Crv     string   `json:"crv,omitempty" maxLength:"20" doc:"Ed25519 or P-256"`
	X       string   `json:"x,omitempty" maxLength:"100"`
	Y       string   `json:"y,omitempty" maxLength:"100"`
	N       string   `json:"n,omitempty" maxLength:"1000" doc:"RSA, 2048 to 4096 bits"`
	E       string   `json:"e,omitempty" maxLength:"20"`
	Kid     string   `json:"kid,omitempty" maxLength:"128" doc:"Default: the key's thumbprint"`
	Alg     string   `json:"alg,omitempty" enum:"EdDSA,ES256,PS256,RS256" doc:"RSA keys must say which: PS256 or RS256"`
	Use     string   `json:"use,omitempty" enum:"sig"`
	KeyOps  []string `json:"key_ops,omitempty" maxItems:"10" maxLength:"20"`
	D       string   `json:"d,omitempty" maxLength:"1000" doc:"Of a private key, which is refused"`
	K       string   `json:"k,omitempty" maxLength:"1000" doc:"Of a shared secret, which is refused"`
	Issued  int64    `json:"iat,omitempty" doc:"Not looked at"`
	Expires int64    `json:"exp,omitempty" doc:"Not looked at"`
}

// ClientKey is a public key of a ring's programs.
type ClientKey struct {
	Kid        string    `json:"kid" doc:"To be named in the header of assertions"`
	Alg        string    `json:"alg" enum:"EdDSA,ES256,PS256,RS256" doc:"The one algorithm that it is used with"`
	Thumbprint string    `json:"thumbprint" doc:"RFC 7638, SHA-256. Tokens lent for the key have it as client_key"`
	Added      time.Time `json:"added_at"`
}

type jwksIn struct {
	ID   string `path:"id" maxLength:"17" doc:"A ring, or a key in it"`
	Body struct {
		Keys []JWK `json:"keys" maxItems:"4" doc:"All public keys of the ring. Empty takes all away"`
	}
	Common
}

func (s *Server) registerClientKeys(k ClientKeys) {
	if k == nil {
		return
	}
	f := clientKeyFace{s, k}
	add(s, Operation{ID: "list-client-keys", Method: http.MethodGet, Path: "/v1/rings/{id}/jwks", Scope: access.KeysRead, Cost: 1, Tag: "Keys",
		Summary: "Public keys of a ring's programs", Doc: "With one of them a program gets tokens from /oauth/token without a shared secret (private_key_jwt, RFC 7523)."}, f.list)
	add(s, Operation{ID: "set-client-keys", Method: http.MethodPost, Path: "/v1/rings/{id}/jwks", Scope: access.KeysWrite, Cost: 5, Tag: "Keys",
		Summary: "Set the public keys of a ring's programs",
		Doc:     "The body is a JWK set and takes the place of the one before. To change a key without a refused request: send both, move the programs, send the new one alone. Tokens that were lent for a key that is taken away end at once. The caller needs the scopes of the ring's keys itself, or keys:grant."}, f.set)
}

type clientKeyFace struct {
	s *Server
	k ClientKeys
}

func (f clientKeyFace) list(ctx context.Context, in *ringIn) (Answer[[]ClientKey], error) {
	r, err := f.s.opt.Gate.Ring(ctx, gate.Caller(ctx).Org, in.ID)
	if err != nil {
		return Answer[[]ClientKey]{}, err
	}
	return clientKeysOf(r), nil
}

func (f clientKeyFace) set(ctx context.Context, in *jwksIn) (Answer[[]ClientKey], error) {
	if in.Body.Keys == nil {
		in.Body.Keys = []JWK{}
	}
	doc, err := json.Marshal(in.Body)
	if err != nil {
		return Answer[[]ClientKey]{}, fault.At(fault.Invalid, "body.keys", "this is not a JWK set")
	}
	keys, err := oauth.ParseClientKeys(doc)
	if err != nil {
		return Answer[[]ClientKey]{}, fault.At(fault.Of(err), "body.keys", "%s", fault.Public(err))
	}
	r, err := f.k.SetClientKeys(ctx, by(ctx), in.ID, keys)
	if err != nil {
		return Answer[[]ClientKey]{}, err
	}
	return clientKeysOf(r), nil
}

func clientKeysOf(r *access.Ring) Answer[[]ClientKey] {
	a := Answer[[]ClientKey]{Data: []ClientKey{}, Meta: ours}
	for _, k := range r.ClientKeys {
		a.Data = append(a.Data, ClientKey{k.Kid, k.Alg, k.Thumbprint, k.Added})
	}
	return a
}
