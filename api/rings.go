package api

import (
	"context"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/fault"
)

// Ring is what keys are versions of.
type Ring struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Org      string    `json:"org"`
	App      string    `json:"app"`
	Env      string    `json:"env" enum:"live,test"`
	Created  time.Time `json:"created_at"`
	Keys     []Key     `json:"keys" doc:"Newest first"`
	Push     *PushToIn `json:"push,omitempty" doc:"Where new keys are delivered; left out: they are given to whoever rotates"`
	Rotation *Rotation `json:"rotation,omitempty" doc:"The latest one; left out: there was none"`
}

// Rotation is one change of keys.
type Rotation struct {
	ID       string     `json:"id"`
	Phase    string     `json:"phase" enum:"staged,migrating,suspended,done,rolled_back"`
	From     int        `json:"from" doc:"Version"`
	To       int        `json:"to" doc:"Version"`
	Reason   string     `json:"reason"`
	Started  time.Time  `json:"started_at"`
	RetireAt time.Time  `json:"retire_at" doc:"When the old key is refused, once the new one was used"`
	Ended    *time.Time `json:"ended_at"`
	Push     *Pushed    `json:"push,omitempty"`
}

// Pushed is the delivery of a new key to a keeper of secrets.
type Pushed struct {
	To   string `json:"to" doc:"Destination, as the settings name it"`
	Name string `json:"name" doc:"Of the secret there, behind the organisation's"`
	Step string `json:"step" enum:"staged,pushed,failed" doc:"staged: on its way; pushed: its client gets it; failed: it was withdrawn"`
}

func pushedOf(x *access.Rotation) *Pushed {
	if x == nil || x.Push.To == "" {
		return nil
	}
	return &Pushed{x.Push.To, x.Push.Name, string(x.Push.Step)}
}

// Migration is how far the traffic of a ring has moved.
type Migration struct {
	Ring       string      `json:"ring"`
	Phase      *string     `json:"phase" doc:"Null: there was no rotation"`
	RetireAt   *time.Time  `json:"retire_at"`
	Known      int         `json:"known" doc:"Ways of use known of the old keys in the last 14 days"`
	Moved      int         `json:"moved" doc:"Of them seen with the new key and not with the old one since"`
	Quiet      bool        `json:"quiet" doc:"The old keys were not used for longer than their callers ever pause"`
	Forecast   *time.Time  `json:"forecast" doc:"When the last will have moved, going on as now; null: too little to tell"`
	Stragglers []Straggler `json:"stragglers" doc:"Busiest first"`
}

// Straggler is somebody who still uses an old key.
type Straggler struct {
	Key       string    `json:"key"`
	Network   string    `json:"network"`
	Agent     string    `json:"agent" doc:"Client and version"`
	Endpoint  string    `json:"endpoint"`
	PerMinute float64   `json:"per_minute" doc:"Statistic"`
	Count     int64     `json:"count"`
	Refused   int64     `json:"refused"`
	First     time.Time `json:"first_seen_at"`
	Last      time.Time `json:"last_seen_at"`
	Mixed     bool      `json:"mixed" doc:"The same network and client are seen with the new key too: some of several have moved"`
}

func (s *Server) ringOf(ctx context.Context, r *access.Ring) (Ring, error) {
	keys, err := s.keysOf(ctx, *r)
	out := Ring{ID: r.ID, Name: r.Name, Org: r.Org, App: r.App, Env: r.Env, Created: r.Created, Keys: keys}
	if p := r.Policy.Push; p.To != "" {
		out.Push = &PushToIn{p.To, p.Name}
	}
	if x := r.Rotation; x != nil {
		out.Rotation = &Rotation{ID: x.ID, Phase: string(x.Phase), From: x.From, To: x.To, Reason: x.Reason, Started: x.Started, RetireAt: x.RetireAt, Ended: moment(x.Ended), Push: pushedOf(x)}
	}
	return out, err
}

type ringsIn struct {
	App string `query:"app" maxLength:"100" doc:"Only of this app"`
	Page
	Common
}

func (s *Server) rings(ctx context.Context, in *ringsIn) (Answer[[]Ring], error) {
	a := Answer[[]Ring]{Data: []Ring{}, Meta: ours}
	c := gate.Caller(ctx)
	list, err := s.opt.Gate.Rings(ctx, c.Org, in.App)
	if err != nil {
		return a, err
	}
	if list, err = page(list, in.Page, &a.Meta, filterDigest("rings", c.Org, in.App)); err != nil {
		return a, err
	}
	for i := range list {
		r, err := s.ringOf(ctx, &list[i])
		if err != nil {
			return a, err
		}
		a.Data = append(a.Data, r)
	}
	return a, nil
}

type ringIn struct {
	ID string `path:"id" maxLength:"17" doc:"A ring, or a key in it"`
	Common
}

func (s *Server) ring(ctx context.Context, in *ringIn) (Answer[Ring], error) {
	a := Answer[Ring]{Meta: ours}
	r, err := s.opt.Gate.Ring(ctx, gate.Caller(ctx).Org, in.ID)
	if err != nil {
		return a, err
	}
	a.Data, err = s.ringOf(ctx, r)
	return a, err
}

func (s *Server) stragglers(ctx context.Context, in *ringIn) (Answer[Migration], error) {
	a := Answer[Migration]{Meta: ours}
	r, m, err := s.opt.Gate.Migration(ctx, gate.Caller(ctx).Org, in.ID)
	if err != nil {
		return a, err
	}
	a.Data = Migration{Ring: r.ID, Phase: known(string(m.Phase)), RetireAt: moment(m.RetireAt), Known: m.Known, Moved: m.Moved, Quiet: m.Quiet, Forecast: moment(m.Forecast), Stragglers: []Straggler{}}
	for _, x := range m.Stragglers {
		a.Data.Stragglers = append(a.Data.Stragglers, Straggler{x.Key, x.Network, x.Agent, x.Endpoint, x.PerMinute, x.Count, x.Refused, x.First, x.Last, x.Mixed})
	}
	return a, nil
}

type rotateIn struct {
	ID   string `path:"id" maxLength:"17" doc:"A ring, or a key in it"`
	Body struct {
		Overlap  int64    `json:"overlap_seconds,omitempty" minimum:"0" maximum:"2592000" doc:"From the first use of the new key to the refusal of the old one; default the ring's policy"`
		Scopes   []string `json:"scopes,omitempty" maxItems:"40" maxLength:"40" doc:"Default: as before. More than before needs keys:grant"`
		Networks []string `json:"networks,omitempty" maxItems:"100" maxLength:"49" doc:"Default: as before"`
		Reason   string   `json:"reason,omitempty" enum:"rotation,schedule,emergency,rehearsal" doc:"Default rotation"`
		Sign     string   `json:"sign,omitempty" maxLength:"140" doc:"The successor's signer: ed25519: with the public key in base64, hmac, or none. Default: as before, with a fresh secret for hmac. None needs keys:grant"`
		Force    bool     `json:"force,omitempty" doc:"Allow an overlap under 65 minutes, or one more accepted key than the policy"`
		Push     bool     `json:"push,omitempty" doc:"Deliver the new key to where the ring's policy says; the answer has no token then"`
	}
	Common
}

func (s *Server) rotate(ctx context.Context, in *rotateIn) (Answer[NewKey], error) {
	a := Answer[NewKey]{Meta: ours}
	spec := gate.RotateSpec{Overlap: time.Duration(in.Body.Overlap) * time.Second, Force: in.Body.Force, Reason: in.Body.Reason, Sign: in.Body.Sign, Push: in.Body.Push}
	for _, x := range in.Body.Scopes {
		spec.Scopes = append(spec.Scopes, access.Scope(x))
	}
	var err error
	if spec.Bounds.Networks, err = networks(in.Body.Networks); err != nil {
		return a, err
	}
	made, err := s.opt.Gate.Rotate(ctx, s.byOnce(ctx), in.ID, spec)
	if err != nil {
		return a, err
	}
	a.Data = newKey(&made, s.opt.Gate.Now())
	if in.Body.Push {
		a.Data.Pushed = pushedOf(made.Ring.Rotation)
	}
	return a, nil
}

func (s *Server) changed(ctx context.Context, r *access.Ring, err error) (Answer[Ring], error) {
	a := Answer[Ring]{Meta: ours}
	if err != nil {
		return a, err
	}
	a.Data, err = s.ringOf(ctx, r)
	return a, err
}

func (s *Server) confirmRing(ctx context.Context, in *ringIn) (Answer[Ring], error) {
	r, err := s.opt.Gate.Confirm(ctx, by(ctx), in.ID)
	return s.changed(ctx, r, err)
}

func (s *Server) rollbackRing(ctx context.Context, in *ringIn) (Answer[Ring], error) {
	r, err := s.opt.Gate.Rollback(ctx, by(ctx), in.ID)
	return s.changed(ctx, r, err)
}

type extendIn struct {
	ID   string `path:"id" maxLength:"17" doc:"A ring, or a key in it"`
	Body struct {
		RetireAt time.Time `json:"retire_at" doc:"When the old keys are to be refused"`
	}
	Common
}

func (s *Server) extendRing(ctx context.Context, in *extendIn) (Answer[Ring], error) {
	r, err := s.opt.Gate.Extend(ctx, by(ctx), in.ID, in.Body.RetireAt)
	return s.changed(ctx, r, err)
}

type retireIn struct {
	ID    string `path:"id" maxLength:"11" doc:"The key's public part"`
	Force bool   `query:"force" doc:"Even when no successor was seen working"`
	Common
}

func (s *Server) retireKey(ctx context.Context, in *retireIn) (Answer[Ring], error) {
	r, err := s.opt.Gate.Retire(ctx, by(ctx), in.ID, in.Force)
	return s.changed(ctx, r, err)
}

func (s *Server) undoKey(ctx context.Context, in *ringIn) (Answer[Ring], error) {
	r, err := s.opt.Gate.Undo(ctx, by(ctx), in.ID)
	return s.changed(ctx, r, err)
}

// Node is one process that decides by the same keys.
type Node struct {
	ID     string  `json:"id"`
	Name   string  `json:"name"`
	Epoch  int64   `json:"epoch" doc:"The change of keys it decides by"`
	LeftMS float64 `json:"lease_left_ms" doc:"At or below 0 it decides nothing any more"`
}

func (s *Server) nodes(ctx context.Context, _ *none) (Answer[[]Node], error) {
	a := Answer[[]Node]{Data: []Node{}, Meta: ours}
	list, err := s.opt.Gate.Nodes(ctx)
	for _, n := range list {
		a.Data = append(a.Data, Node{n.ID, n.Name, n.Epoch, millis(n.Left)})
	}
	return a, err
}

type incidentIn struct {
	Body struct {
		Ring         string     `json:"ring,omitempty" maxLength:"17"`
		App          string     `json:"app,omitempty" maxLength:"100"`
		Org          string     `json:"org,omitempty" maxLength:"100" doc:"Default: the caller's"`
		Keys         []string   `json:"keys,omitempty" maxItems:"500" maxLength:"11"`
		MintedBefore *time.Time `json:"minted_before,omitempty"`
		Pepper       int        `json:"pepper,omitempty" minimum:"0" doc:"Keys made with this version of the pepper"`
		Cause        string     `json:"cause,omitempty" maxLength:"40" doc:"Default compromise"`
	}
	Common
}

func (s *Server) incident(ctx context.Context, in *incidentIn) (Answer[Receipt], error) {
	b := &in.Body
	t := gate.Target{Ring: b.Ring, App: b.App, Org: b.Org, Keys: b.Keys, Pepper: b.Pepper}
	if b.MintedBefore != nil {
		t.MintedBefore = *b.MintedBefore
	}
	if b.Ring == "" && b.App == "" && b.Org == "" && len(b.Keys) == 0 && b.MintedBefore == nil && b.Pepper == 0 {
		return Answer[Receipt]{}, fault.At(fault.Invalid, "body", "say what to revoke: keys, ring, app, org, minted_before or pepper")
	}
	if b.Cause == "" {
		b.Cause = "compromise"
	}
	wait, stop := context.WithTimeout(ctx, longestWait)
	defer stop()
	r, err := s.opt.Gate.Revoke(wait, by(ctx), t, b.Cause, gate.WaitAll)
	return Answer[Receipt]{Data: receiptOf(&r), Meta: ours}, err
}

type pushToIn struct {
	ID   string `path:"id" maxLength:"17" doc:"A ring, or a key in it"`
	Body PushToIn
	Common
}

func (s *Server) pushRing(ctx context.Context, in *pushToIn) (Answer[Ring], error) {
	r, err := s.opt.Gate.SetPush(ctx, by(ctx), in.ID, access.PushTo{To: in.Body.To, Name: in.Body.Name})
	return s.changed(ctx, r, err)
}
