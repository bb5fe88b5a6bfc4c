package api

import (
	"context"
	"net/netip"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/fault"
)

// none is the input of operations without parameters of their own.
type none struct{ Common }

// Key is an API key without its secret.
type Key struct {
	ID        string     `json:"id" doc:"Public part of the token"`
	Ring      string     `json:"ring" doc:"What it is a version of"`
	Version   int        `json:"version" doc:"1, 2, 3 ... in its ring"`
	Name      string     `json:"name" doc:"Of the ring"`
	Org       string     `json:"org"`
	App       string     `json:"app" doc:"All keys of an app share one limit"`
	Env       string     `json:"env" enum:"live,test"`
	State     string     `json:"state" enum:"staged,active,retiring,suspended,retired,withdrawn,revoked,expired,future"`
	Scopes    []string   `json:"scopes"`
	Networks  []string   `json:"networks" doc:"Where it may be used from; empty: everywhere"`
	Signer    *string    `json:"signer" doc:"Who signs its requests: ed25519: with the public key, or hmac; null: nobody"`
	Reason    string     `json:"reason" doc:"Why it was made"`
	Created   time.Time  `json:"created_at"`
	Confirmed *time.Time `json:"confirmed_at" doc:"First use by its client; null for the first key of a ring, which needs none"`
	Expires   *time.Time `json:"expires_at" doc:"Null: never"`
	RetireAt  *time.Time `json:"retire_at" doc:"From when it is refused, because a successor is in use"`
	Ended     *time.Time `json:"ended_at" doc:"When it was suspended, retired, withdrawn or revoked"`
	UndoUntil *time.Time `json:"undo_until" doc:"Until when a suspension can be undone"`
	LastUsed  *time.Time `json:"last_used_at" doc:"About; null: not seen"`
}

// NewKey is a key just made, with its token.
type NewKey struct {
	Key
	Token         string  `json:"token,omitempty" doc:"Keep it: it is never shown again. Left out when the key was pushed"`
	SigningSecret string  `json:"signing_secret,omitempty" doc:"What requests are signed with, when the server made it. Keep it: it is never shown again"`
	Pushed        *Pushed `json:"pushed,omitempty" doc:"Where the key was delivered; left out when it was not"`
}

func newKey(m *gate.Made, now time.Time) NewKey {
	return NewKey{Key: keyOf(m.Ring, m.Key, time.Time{}, now), Token: m.Token, SigningSecret: m.Secret}
}

// Ticket opens one stream.
type Ticket struct {
	Ticket  string    `json:"ticket"`
	Expires time.Time `json:"expires_at"`
	URL     string    `json:"url" doc:"Where to use it"`
}

// Receipt says where a revocation has arrived.
type Receipt struct {
	Complete  bool      `json:"complete" doc:"True: the keys open nothing anywhere"`
	Epoch     int64     `json:"epoch" doc:"Of the change"`
	Keys      []string  `json:"keys" doc:"That ended now"`
	Acked     []string  `json:"acked" doc:"Nodes that decide by it"`
	Fenced    []string  `json:"fenced" doc:"Nodes that are out of touch and decide nothing any more"`
	Pending   []Pending `json:"pending" doc:"Nodes that may still accept the keys"`
	ElapsedMS float64   `json:"elapsed_ms"`
}

// Pending is a node that has not acknowledged a change.
type Pending struct {
	Node   string  `json:"node"`
	LeftMS float64 `json:"left_ms" doc:"It decides nothing any more after this time at the latest"`
}

var ours = Meta{Sources: []string{"access"}}

func (s *Server) ticket(ctx context.Context, _ *none) (Answer[Ticket], error) {
	t, until, err := s.opt.Gate.Ticket(gate.Caller(ctx))
	return Answer[Ticket]{Data: Ticket{t, until, "/v1/stream?ticket=" + t}, Meta: ours}, err
}

// keyOf tells a key as of now.
func keyOf(r *access.Ring, k *access.Key, used, now time.Time) Key {
	out := Key{
		ID: k.ID, Ring: r.ID, Version: k.N, Name: r.Name, Org: r.Org, App: r.App, Env: r.Env, State: k.Standing(now), Scopes: words(k.Scopes), Networks: []string{}, Signer: known(k.Signer.String()),
		Reason: k.Reason, Created: k.Created, Confirmed: moment(k.Confirmed), Expires: moment(k.Expires), RetireAt: moment(k.RetireAt),
		Ended: moment(k.Ended), UndoUntil: moment(k.UndoUntil), LastUsed: moment(used),
	}
	for _, p := range k.Bounds.Networks {
		out.Networks = append(out.Networks, p.String())
	}
	return out
}

// keysOf tells the keys of rings, the newest of each first.
func (s *Server) keysOf(ctx context.Context, rings ...access.Ring) (out []Key, err error) {
	ids := make([]string, len(rings))
	for i := range rings {
		ids[i] = rings[i].ID
	}
	used, err := s.opt.Gate.LastUse(ctx, ids...)
	if err != nil {
		return nil, err
	}
	now := s.opt.Gate.Now()
	for i := range rings {
		r := &rings[i]
		for j := len(r.Keys) - 1; j >= 0; j-- {
			out = append(out, keyOf(r, &r.Keys[j], used[r.Keys[j].ID], now))
		}
	}
	return out, nil
}

// by is who asks.
func by(ctx context.Context) gate.By { return gate.ByOf(ctx) }

type keysIn struct {
	App string `query:"app" maxLength:"100" doc:"Only of this app"`
	Page
	Common
}

func (s *Server) keys(ctx context.Context, in *keysIn) (Answer[[]Key], error) {
	a := Answer[[]Key]{Data: []Key{}, Meta: ours}
	c := gate.Caller(ctx)
	rings, err := s.opt.Gate.Rings(ctx, c.Org, in.App)
	if err != nil {
		return a, err
	}
	all, err := s.keysOf(ctx, rings...)
	if err != nil {
		return a, err
	}
	all, err = page(all, in.Page, &a.Meta, filterDigest("keys", c.Org, in.App))
	a.Data = append(a.Data, all...)
	return a, err
}

// PolicyIn is how the keys of a ring follow one another.
type PolicyIn struct {
	Overlap      int64  `json:"overlap_seconds,omitempty" minimum:"0" maximum:"2592000" doc:"From the first use of a new key to the refusal of the old one; default 7 days, 1 day with scopes that can do harm"`
	Confirm      int64  `json:"confirm_seconds,omitempty" minimum:"0" doc:"In which a new key must be used, or it is withdrawn; default 7 days"`
	Undo         int64  `json:"undo_seconds,omitempty" minimum:"0" doc:"In which a suspension can be undone; default 3 days"`
	Deadline     string `json:"deadline,omitempty" enum:"enforce,extend,brownout" doc:"What happens to an old key that is still used at its date; default enforce"`
	Lifetime     int64  `json:"lifetime_seconds,omitempty" minimum:"0" doc:"Of each new key; default for ever"`
	Every        int64  `json:"every_seconds,omitempty" minimum:"0" doc:"Rotate on this schedule; default not"`
	Proven       bool   `json:"proven,omitempty" doc:"Retire an old key early when all its traffic was seen with the new one"`
	MaxAccepting int    `json:"max_accepting,omitempty" minimum:"0" maximum:"5" doc:"Keys accepted at a time; default 2"`

	Push *PushToIn `json:"push,omitempty" doc:"Where new keys are delivered; default they are given to whoever rotates. With a schedule the server rotates by itself"`
}

// PushToIn is where new keys of a ring are delivered.
type PushToIn struct {
	To   string `json:"to" maxLength:"40" doc:"A destination that the settings of this installation name; empty: nowhere"`
	Name string `json:"name" maxLength:"256" doc:"Of the secret there, behind the organisation's: bot is the secret acme/bot of the organisation acme"`
}

func (p *PolicyIn) policy() access.Policy {
	s := func(n int64) time.Duration { return time.Duration(min(n, 1<<32)) * time.Second }
	var to access.PushTo
	if p.Push != nil {
		to = access.PushTo{To: p.Push.To, Name: p.Push.Name}
	}
	return access.Policy{Push: to, MaxAccepting: p.MaxAccepting, Overlap: s(p.Overlap), Confirm: s(p.Confirm), Undo: s(p.Undo),
		Deadline: access.Deadline(p.Deadline), Lifetime: s(p.Lifetime), Every: s(p.Every), Proven: p.Proven}
}

type createKeyIn struct {
	Body struct {
		Name     string     `json:"name" minLength:"1" maxLength:"100" doc:"What its owner calls it"`
		App      string     `json:"app,omitempty" maxLength:"100" doc:"Default: the caller's"`
		Env      string     `json:"env,omitempty" enum:"live,test" doc:"Default live"`
		Scopes   []string   `json:"scopes" minItems:"1" maxItems:"40" maxLength:"40" doc:"What it may do: scopes, or the presets read-only, agent, trading, admin"`
		Networks []string   `json:"networks,omitempty" maxItems:"100" maxLength:"49" doc:"Where it may be used from, as addresses or CIDR; default everywhere"`
		Rate     int        `json:"rate,omitempty" minimum:"0" maximum:"100000" doc:"Requests per second of the app; default as it is"`
		Burst    int        `json:"burst,omitempty" minimum:"0" maximum:"1000000" doc:"Requests at once; default twice the rate"`
		Expires  *time.Time `json:"expires_at,omitempty" doc:"Default never"`
		Sign     string     `json:"sign,omitempty" maxLength:"140" doc:"Who signs what its requests change: ed25519: with your public key in base64, or hmac for a secret that is shown once. Default nobody; live keys that place orders need it"`
		Policy   PolicyIn   `json:"policy,omitempty" doc:"How its successors follow"`
	}
	Common
}

func networks(list []string) (out []netip.Prefix, err error) {
	for _, t := range list {
		p, e := netip.ParsePrefix(t)
		if e != nil {
			a, e2 := netip.ParseAddr(t)
			if e2 != nil || a.Zone() != "" {
				return nil, fault.At(fault.Invalid, "body.networks", "%q is no address or network; write 203.0.113.7 or 203.0.113.0/24", clip(t, 60))
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		if p != p.Masked() {
			return nil, fault.At(fault.Invalid, "body.networks", "%s has bits behind its length; the network is %s", p, p.Masked())
		}
		if p.Addr().Is4In6() {
			return nil, fault.At(fault.Invalid, "body.networks", "%s is an IPv4 network written as IPv6; write it as IPv4", p)
		}
		out = append(out, p)
	}
	return out, nil
}

func (s *Server) createKey(ctx context.Context, in *createKeyIn) (Answer[NewKey], error) {
	a := Answer[NewKey]{Meta: ours}
	c, b := gate.Caller(ctx), &in.Body
	spec := gate.Spec{Name: b.Name, Org: c.Org, App: b.App, Env: b.Env, Rate: b.Rate, Burst: b.Burst, Policy: b.Policy.policy(), Sign: b.Sign}
	if spec.App == "" {
		spec.App = c.App
	}
	if b.Expires != nil {
		spec.Expires = *b.Expires
	}
	var err error
	if spec.Bounds.Networks, err = networks(b.Networks); err != nil {
		return a, err
	}
	for _, x := range b.Scopes {
		spec.Scopes = append(spec.Scopes, access.Scope(x))
	}
	made, err := s.opt.Gate.Create(ctx, s.byOnce(ctx), spec)
	if err != nil {
		return a, err
	}
	a.Data = newKey(&made, s.opt.Gate.Now())
	return a, nil
}

type revokeKeyIn struct {
	ID    string `path:"id" maxLength:"17" doc:"A key's public part, or a ring"`
	Wait  string `query:"wait" enum:"all,quorum,none" default:"all" doc:"For how many nodes to wait: all of them, more than half, or none"`
	Cause string `query:"cause" maxLength:"40" doc:"Why, for the audit log, such as compromise; default requested"`
	Common
}

// longestWait is how long a revocation waits for its receipt: more than a lease.
const longestWait = 20 * time.Second

func (s *Server) revokeKey(ctx context.Context, in *revokeKeyIn) (Answer[Receipt], error) {
	t := gate.Target{}
	if len(in.ID) > 5 && in.ID[:5] == "ring_" {
		t.Ring = in.ID
	} else {
		t.Keys = []string{in.ID}
	}
	wait, stop := context.WithTimeout(ctx, longestWait)
	defer stop()
	r, err := s.opt.Gate.Revoke(wait, by(ctx), t, in.Cause, gate.Wait(in.Wait))
	return Answer[Receipt]{Data: receiptOf(&r), Meta: ours}, err
}

func receiptOf(r *gate.Receipt) Receipt {
	out := Receipt{Complete: r.Complete(), Epoch: r.Epoch, Keys: some(r.Keys), Acked: some(r.Acked), Fenced: some(r.Fenced), Pending: []Pending{}, ElapsedMS: millis(r.Elapsed)}
	for _, p := range r.Pending {
		out.Pending = append(out.Pending, Pending{p.Node, millis(p.Left)})
	}
	return out
}

// some is a list that is never null.
func some(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
