package api

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/access/people"
	"github.com/assayhq/assay/fault"
)

// Members is what the api needs of organisations.
type Members interface {
	Members(ctx context.Context, by, org string) ([]people.Member, error)
	SetRole(ctx context.Context, by, org, who string, r people.Role) error
	Invite(ctx context.Context, by, org, email string, r people.Role) (people.Invitation, error)
	Invitations(ctx context.Context, by, org string) ([]people.Invitation, error)
	Withdraw(ctx context.Context, by, org, id string) error
	Join(ctx context.Context, id, code string) (people.Membership, error)
	Role(ctx context.Context, id, org string) (people.Role, error)
	Allow(ctx context.Context, id, org string, a people.Action) error
}

// Member is somebody in an organisation.
type Member struct {
	Account string `json:"account"`
	Email   string `json:"email"`
	Role    string `json:"role" enum:"owner,admin,developer,viewer"`
}

// Invitation is one that nobody has taken yet.
type Invitation struct {
	ID      string    `json:"id"`
	Role    string    `json:"role" enum:"owner,admin,developer,viewer"`
	Email   *string   `json:"email" doc:"Whose it is; null: whoever has the code"`
	By      string    `json:"invited_by"`
	Expires time.Time `json:"expires_at"`
	Code    *string   `json:"code" doc:"For POST /v1/account/join; only in the answer to an invitation without an address, and never again"`
}

type orgIn struct {
	Org     string `path:"org" maxLength:"60" doc:"The organisation, from GET /v1/account"`
	Session string `header:"Assay-Session" maxLength:"128" doc:"From the log-in"`
	Common
}

type memberIn struct {
	Org     string `path:"org" maxLength:"60" doc:"The organisation, from GET /v1/account"`
	ID      string `path:"account" maxLength:"60" doc:"The member, from the list"`
	Session string `header:"Assay-Session" maxLength:"128" doc:"From the log-in"`
	Common
}

type roleIn struct {
	Org     string `path:"org" maxLength:"60" doc:"The organisation, from GET /v1/account"`
	ID      string `path:"account" maxLength:"60" doc:"The member, from the list"`
	Session string `header:"Assay-Session" maxLength:"128" doc:"From the log-in"`
	Body    struct {
		Role string `json:"role" enum:"owner,admin,developer,viewer"`
	}
	Common
}

type inviteIn struct {
	Org     string `path:"org" maxLength:"60" doc:"The organisation, from GET /v1/account"`
	Session string `header:"Assay-Session" maxLength:"128" doc:"From the log-in"`
	Body    struct {
		Email string `json:"email,omitempty" maxLength:"254" doc:"A letter with the code goes there, and only an account with this address can take it. Left out: the code is in the answer"`
		Role  string `json:"role" enum:"owner,admin,developer,viewer"`
	}
	Common
}

type withdrawIn struct {
	Org     string `path:"org" maxLength:"60" doc:"The organisation, from GET /v1/account"`
	ID      string `path:"id" maxLength:"60" doc:"The invitation, from the list"`
	Session string `header:"Assay-Session" maxLength:"128" doc:"From the log-in"`
	Common
}

type joinIn struct {
	Session string `header:"Assay-Session" maxLength:"128" doc:"From the log-in"`
	Body    struct {
		Code string `json:"code" minLength:"1" maxLength:"256" doc:"From the letter, or from whoever invites"`
	}
	Common
}

type orgKeyIn struct {
	Org     string `path:"org" maxLength:"60" doc:"The organisation, from GET /v1/account"`
	Session string `header:"Assay-Session" maxLength:"128" doc:"From the log-in"`
	Body    struct {
		Name   string   `json:"name" minLength:"1" maxLength:"100" doc:"What you will know it by"`
		App    string   `json:"app,omitempty" maxLength:"100" doc:"One that the organisation has; default the first"`
		Scopes []string `json:"scopes" minItems:"1" maxItems:"40" maxLength:"40" doc:"Scopes or presets that the role allows: GET /v1/account lists them"`
	}
	Common
}

type endKeyIn struct {
	Org     string `path:"org" maxLength:"60" doc:"The organisation, from GET /v1/account"`
	ID      string `path:"id" maxLength:"17" doc:"A key, or a ring with all its keys"`
	Session string `header:"Assay-Session" maxLength:"128" doc:"From the log-in"`
	Common
}

// maxRings is how many rings with keys that work an organisation's members may make.
const maxRings = 100

// registerMembers adds the operations on organisations.
func (s *Server) registerMembers(f accountFace) {
	op := func(id, method, path, summary, doc string) Operation {
		return Operation{ID: id, Method: method, Path: "/v1/orgs/{org}" + path, Tag: "Account", Summary: summary, Doc: doc}
	}
	made := func(o Operation) Operation { o.status = http.StatusCreated; return o }
	addVisit(s, op("list-members", http.MethodGet, "/members", "Who is in an organisation", "For its members. 404 for everybody else, as for an organisation that there is not."), f.members)
	addVisit(s, op("set-role", http.MethodPost, "/members/{account}", "Change the role of a member", "Owners are made and unmade by owners, others by admins too. 409 when no owner would be left."), f.setRole)
	addVisit(s, op("remove-member", http.MethodDelete, "/members/{account}", "Remove a member, or leave", "Keys that a member has made stay: they belong to the organisation. 409 when no owner would be left."), f.remove)
	addVisit(s, made(op("invite-member", http.MethodPost, "/invitations", "Invite somebody", "By letter, or with a code that is in the answer once. It works once, within a week, while whoever invites may still give the role.")), f.invite)
	addVisit(s, op("list-invitations", http.MethodGet, "/invitations", "Invitations that nobody has taken yet", ""), f.invitations)
	addVisit(s, op("withdraw-invitation", http.MethodDelete, "/invitations/{id}", "Take an invitation back", ""), f.withdraw)
	join := made(op("join-org", http.MethodPost, "", "Join an organisation", "With the code of an invitation."))
	join.Path = "/v1/account/join"
	addVisit(s, join, f.join)
	addVisit(s, made(op("create-org-key", http.MethodPost, "/keys", "Make a key as a member", "It belongs to the organisation and has at most the scopes of the role. The token is in this answer and nowhere else.")), f.createKey)
	addVisit(s, op("list-org-keys", http.MethodGet, "/keys", "Keys of an organisation, without their secrets", ""), f.keys)
	addVisit(s, op("revoke-org-key", http.MethodDelete, "/keys/{id}", "Revoke a key as a member", "At once and for ever, with a receipt."), f.endKey)
}

func (f accountFace) members(ctx context.Context, _ netip.Addr, in *orgIn) (Answer[[]Member], error) {
	a := Answer[[]Member]{Data: []Member{}}
	id, err := f.who(ctx, in.Session)
	if err != nil {
		return a, err
	}
	list, err := f.a.Members(ctx, id, in.Org)
	for _, m := range list {
		a.Data = append(a.Data, Member{m.Account, m.Email, string(m.Role)})
	}
	return a, pathed(err)
}

func (f accountFace) setRole(ctx context.Context, _ netip.Addr, in *roleIn) (Answer[Done], error) {
	id, err := f.who(ctx, in.Session)
	if err == nil {
		err = f.a.SetRole(ctx, id, in.Org, in.ID, people.Role(in.Body.Role))
	}
	return Answer[Done]{Data: Done{true}}, pathed(err)
}

func (f accountFace) remove(ctx context.Context, _ netip.Addr, in *memberIn) (Answer[Done], error) {
	id, err := f.who(ctx, in.Session)
	if err == nil {
		err = f.a.SetRole(ctx, id, in.Org, in.ID, "")
	}
	return Answer[Done]{Data: Done{true}}, pathed(err)
}

func (f accountFace) invite(ctx context.Context, _ netip.Addr, in *inviteIn) (Answer[Invitation], error) {
	id, err := f.who(ctx, in.Session)
	if err != nil {
		return Answer[Invitation]{}, err
	}
	x, err := f.a.Invite(ctx, id, in.Org, in.Body.Email, people.Role(in.Body.Role))
	return Answer[Invitation]{Data: invitationOf(x)}, pathed(err)
}

func invitationOf(x people.Invitation) Invitation {
	return Invitation{x.ID, string(x.Role), known(x.Email), x.By, x.Expires, known(x.Code)}
}

func (f accountFace) invitations(ctx context.Context, _ netip.Addr, in *orgIn) (Answer[[]Invitation], error) {
	a := Answer[[]Invitation]{Data: []Invitation{}}
	id, err := f.who(ctx, in.Session)
	if err != nil {
		return a, err
	}
	list, err := f.a.Invitations(ctx, id, in.Org)
	for _, x := range list {
		a.Data = append(a.Data, invitationOf(x))
	}
	return a, pathed(err)
}

func (f accountFace) withdraw(ctx context.Context, _ netip.Addr, in *withdrawIn) (Answer[Done], error) {
	id, err := f.who(ctx, in.Session)
	if err == nil {
		err = f.a.Withdraw(ctx, id, in.Org, in.ID)
	}
	return Answer[Done]{Data: Done{true}}, pathed(err)
}

func (f accountFace) join(ctx context.Context, _ netip.Addr, in *joinIn) (Answer[Membership], error) {
	id, err := f.who(ctx, in.Session)
	if err != nil {
		return Answer[Membership]{}, err
	}
	m, err := f.a.Join(ctx, id, in.Body.Code)
	return Answer[Membership]{Data: membershipOf(m)}, err
}

func (f accountFace) createKey(ctx context.Context, _ netip.Addr, in *orgKeyIn) (Answer[NewKey], error) {
	var none Answer[NewKey]
	id, err := f.who(ctx, in.Session)
	if err != nil {
		return none, err
	}
	if err := f.a.Allow(ctx, id, in.Org, people.ManageKeys); err != nil {
		return none, pathed(err)
	}
	role, err := f.a.Role(ctx, id, in.Org)
	if err != nil {
		return none, pathed(err)
	}
	scopes, unknown := access.ParseScopes(in.Body.Scopes)
	if unknown != "" {
		return none, fault.At(fault.Invalid, "body.scopes", "there is no scope or preset %q", clip(unknown, 40))
	}
	if missing, ok := access.Subset(scopes, role.Scopes()); !ok {
		return none, fault.At(fault.Denied, "body.scopes", "a %s cannot give a key the scope %s", role, missing)
	}
	rings, err := f.s.opt.Gate.Rings(ctx, in.Org, "")
	if err != nil {
		return none, err
	}
	// Apps are not made here: each would bring limits of its own.
	if in.Body.App == "" && len(rings) > 0 {
		in.Body.App = rings[len(rings)-1].App
	}
	if !slices.ContainsFunc(rings, func(r access.Ring) bool { return r.App == in.Body.App }) {
		return none, fault.At(fault.Unknown, "body.app", "the organisation has no such app")
	}
	alive := 0
	for i := range rings {
		alive += min(1, rings[i].Accepting(f.s.opt.Gate.Now()))
	}
	if alive >= maxRings {
		return none, fault.New(fault.Exhausted, "an organisation has at most %d keys that are made by its members: revoke some", maxRings)
	}
	made, err := f.s.opt.Gate.Create(ctx, gate.By{Name: id}, gate.Spec{Name: in.Body.Name, Org: in.Org, App: in.Body.App, Scopes: scopes})
	if err != nil {
		return none, err
	}
	return Answer[NewKey]{Data: NewKey{Key: keyOf(made.Ring, made.Key, time.Time{}, f.s.opt.Gate.Now()), Token: made.Token}}, nil
}

func (f accountFace) keys(ctx context.Context, _ netip.Addr, in *orgIn) (Answer[[]Key], error) {
	a := Answer[[]Key]{Data: []Key{}}
	id, err := f.who(ctx, in.Session)
	if err != nil {
		return a, err
	}
	if err := f.a.Allow(ctx, id, in.Org, people.SeeUsage); err != nil {
		return a, pathed(err)
	}
	rings, err := f.s.opt.Gate.Rings(ctx, in.Org, "")
	if err != nil {
		return a, err
	}
	rings = rings[:min(len(rings), maxRings*2)] // of an organisation with more, GET /v1/keys gives pages
	list, err := f.s.keysOf(ctx, rings...)
	a.Data = append(a.Data, list...)
	return a, err
}

func (f accountFace) endKey(ctx context.Context, _ netip.Addr, in *endKeyIn) (Answer[Receipt], error) {
	id, err := f.who(ctx, in.Session)
	if err != nil {
		return Answer[Receipt]{}, err
	}
	if err := f.a.Allow(ctx, id, in.Org, people.ManageKeys); err != nil {
		return Answer[Receipt]{}, pathed(err)
	}
	r, err := f.s.opt.Gate.Ring(ctx, in.Org, in.ID) // of another organisation there is none
	if err != nil {
		return Answer[Receipt]{}, err
	}
	t := gate.Target{Org: in.Org, Ring: r.ID}
	if in.ID != r.ID {
		t.Keys = []string{in.ID}
	}
	wait, stop := context.WithTimeout(ctx, longestWait)
	defer stop()
	rec, err := f.s.opt.Gate.Revoke(wait, gate.By{Name: id}, t, "requested", gate.WaitAll)
	return Answer[Receipt]{Data: receiptOf(&rec)}, err
}
