package api

import (
	"context"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/fault"
)

// none is the input of operations without parameters of their own.
type none struct{ Common }

// Key is an API key without its secret.
type Key struct {
	ID       string     `json:"id" doc:"Public part of the token"`
	Name     string     `json:"name"`
	Org      string     `json:"org"`
	App      string     `json:"app" doc:"All keys of an app share one limit"`
	Env      string     `json:"env" enum:"live,test"`
	Scopes   []string   `json:"scopes"`
	Rate     *int       `json:"rate" doc:"Requests per second; null is the server's default"`
	Burst    *int       `json:"burst" doc:"Requests at once"`
	Created  time.Time  `json:"created_at"`
	Expires  *time.Time `json:"expires_at" doc:"Null: never"`
	Revoked  *time.Time `json:"revoked_at"`
	LastUsed *time.Time `json:"last_used_at" doc:"About; null: never"`
}

// NewKey is a key just made, with its token.
type NewKey struct {
	Key
	Token string `json:"token" doc:"Keep it: it is never shown again"`
}

// Me is who the caller is.
type Me struct {
	KeyID  *string  `json:"key_id" doc:"Public part of the key; null without one"`
	Org    string   `json:"org"`
	App    string   `json:"app"`
	Scopes []string `json:"scopes"`
}

// Ticket opens one stream.
type Ticket struct {
	Ticket  string    `json:"ticket"`
	Expires time.Time `json:"expires_at"`
	URL     string    `json:"url" doc:"Where to use it"`
}

func (s *Server) me(ctx context.Context, _ *none) (Answer[Me], error) {
	c := gate.Caller(ctx)
	return Answer[Me]{Data: Me{known(c.KeyID), c.Org, c.App, words(c.Scopes)}, Meta: Meta{Sources: []string{"access"}}}, nil
}

func (s *Server) ticket(ctx context.Context, _ *none) (Answer[Ticket], error) {
	t, until, err := s.opt.Gate.Ticket(gate.Caller(ctx))
	return Answer[Ticket]{Data: Ticket{t, until, "/v1/stream?ticket=" + t}, Meta: Meta{Sources: []string{"access"}}}, err
}

func keyOf(k *access.Key) Key {
	return Key{
		ID: k.ID, Name: k.Name, Org: k.Org, App: k.App, Env: k.Env, Scopes: words(k.Scopes), Rate: known(k.Rate), Burst: known(k.Burst),
		Created: k.Created, Expires: moment(k.Expires), Revoked: moment(k.Revoked), LastUsed: moment(k.LastUsed),
	}
}

type keysIn struct {
	App string `query:"app" maxLength:"100" doc:"Only of this app"`
	Page
	Common
}

func (s *Server) keys(ctx context.Context, in *keysIn) (Answer[[]Key], error) {
	a := Answer[[]Key]{Data: []Key{}, Meta: Meta{Sources: []string{"access"}}}
	c := gate.Caller(ctx)
	if err := s.opt.Gate.Confirm(ctx, c); err != nil {
		return a, err
	}
	list, err := s.opt.Gate.List(ctx)
	if err != nil {
		return a, err
	}
	own := list[:0]
	for _, k := range list {
		if k.Org == c.Org && (in.App == "" || k.App == in.App) {
			own = append(own, k)
		}
	}
	own, err = page(own, in.Page, &a.Meta, filterDigest("keys", c.Org, in.App))
	for i := range own {
		a.Data = append(a.Data, keyOf(&own[i]))
	}
	return a, err
}

type createKeyIn struct {
	Body struct {
		Name    string     `json:"name" minLength:"1" maxLength:"100" doc:"What its owner calls it"`
		App     string     `json:"app,omitempty" maxLength:"100" doc:"Default: the caller's"`
		Env     string     `json:"env,omitempty" enum:"live,test" doc:"Default live"`
		Scopes  []string   `json:"scopes" minItems:"1" maxItems:"20" maxLength:"40" doc:"What it may do"`
		Rate    int        `json:"rate,omitempty" minimum:"0" maximum:"100000" doc:"Requests per second; default the server's"`
		Burst   int        `json:"burst,omitempty" minimum:"0" maximum:"1000000" doc:"Requests at once; default twice the rate"`
		Expires *time.Time `json:"expires_at,omitempty" doc:"Default never"`
	}
	Common
}

func (s *Server) createKey(ctx context.Context, in *createKeyIn) (Answer[NewKey], error) {
	var a Answer[NewKey]
	c := gate.Caller(ctx)
	if err := s.opt.Gate.Confirm(ctx, c); err != nil {
		return a, err
	}
	b := &in.Body
	spec := gate.Spec{Name: b.Name, Org: c.Org, App: b.App, Env: b.Env, Rate: b.Rate, Burst: b.Burst}
	if spec.App == "" {
		spec.App = c.App
	}
	if b.Expires != nil {
		spec.Expires = *b.Expires
	}
	for _, x := range b.Scopes {
		if _, exists := access.Scopes()[access.Scope(x)]; exists && !c.Has(access.Scope(x)) {
			return a, fault.At(fault.Denied, "body.scopes", "the key %s cannot grant %s: it does not have it", c.KeyID, x)
		}
		spec.Scopes = append(spec.Scopes, access.Scope(x))
	}
	token, k, err := s.opt.Gate.Create(ctx, spec)
	if err != nil {
		return a, err
	}
	a.Data = NewKey{keyOf(&k), token}
	a.Meta.Sources = []string{"access"}
	return a, nil
}

type revokeKeyIn struct {
	ID string `path:"id" maxLength:"11" doc:"The key's public part"`
	Common
}

func (s *Server) revokeKey(ctx context.Context, in *revokeKeyIn) (Answer[Key], error) {
	a := Answer[Key]{Meta: Meta{Sources: []string{"access"}}}
	c := gate.Caller(ctx)
	if err := s.opt.Gate.Confirm(ctx, c); err != nil {
		return a, err
	}
	k, err := s.ownKey(ctx, c, in.ID)
	if err != nil {
		return a, err
	}
	if k.Revoked.IsZero() {
		if err := s.opt.Gate.Revoke(ctx, in.ID); err != nil {
			return a, err
		}
		if k, err = s.ownKey(ctx, c, in.ID); err != nil {
			return a, err
		}
	}
	a.Data = keyOf(&k)
	return a, nil
}

// ownKey finds a key of the caller's organisation; of others' keys not even the
// existence is told.
func (s *Server) ownKey(ctx context.Context, c *access.Caller, id string) (access.Key, error) {
	list, err := s.opt.Gate.List(ctx)
	if err != nil {
		return access.Key{}, err
	}
	for _, k := range list {
		if k.ID == id && k.Org == c.Org {
			return k, nil
		}
	}
	return access.Key{}, fault.At(fault.Unknown, "path.id", "there is no key %s", clip(id, 11))
}
