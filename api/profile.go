package api

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"github.com/assayhq/assay/access/people"
	"github.com/assayhq/assay/fault"
)

// Account is the own account.
type Account struct {
	Account  string       `json:"account"`
	Email    string       `json:"email"`
	Created  time.Time    `json:"created_at"`
	TOTP     bool         `json:"totp" doc:"Whether there is a second factor"`
	Recovery int          `json:"recovery_codes_left"`
	Passkeys []Passkey    `json:"passkeys"`
	Orgs     []Membership `json:"orgs"`
}

// Membership is an organisation with what the account is in it.
type Membership struct {
	Org    string   `json:"org"`
	Name   string   `json:"name"`
	Role   string   `json:"role" enum:"owner,admin,developer,viewer"`
	May    []string `json:"may" doc:"What the role may do"`
	Scopes []string `json:"scopes" doc:"The most that a key made by the role may have"`
}

// Place is one session of the account.
type Place struct {
	ID    string    `json:"id" doc:"Names it. It opens nothing"`
	Began time.Time `json:"began_at"`
	Seen  time.Time `json:"seen_at" doc:"Last use, to a minute"`
	From  string    `json:"network"`
	Mine  bool      `json:"current" doc:"The one that asks"`
}

type placeIn struct {
	ID      string `path:"id" maxLength:"16" doc:"From the list"`
	Session string `header:"Assay-Session" maxLength:"128" doc:"From the log-in"`
	Common
}

type forgotIn struct {
	Body struct {
		Email string `json:"email" minLength:"3" maxLength:"254"`
	}
	Common
}

type resetIn struct {
	Body struct {
		Token    string `json:"token" minLength:"1" maxLength:"128" doc:"From the letter"`
		Password string `json:"password" minLength:"1" maxLength:"256" doc:"12 characters or more"`
	}
	Common
}

type proofIn struct {
	Session string `header:"Assay-Session" maxLength:"128" doc:"From the log-in"`
	Body    struct {
		Password string `json:"password" minLength:"1" maxLength:"256"`
		Code     string `json:"code,omitempty" maxLength:"64" doc:"Of the second factor, or a recovery code; only with a second factor"`
	}
	Common
}

// registerProfile adds the operations of somebody on the own account.
func (s *Server) registerProfile(f accountFace) {
	op := func(id, method, path, summary, doc string) Operation {
		return Operation{ID: id, Method: method, Path: "/v1/account" + path, Tag: "Account", Summary: summary, Doc: doc}
	}
	addVisit(s, op("get-account", http.MethodGet, "", "The own account and its organisations", ""), f.profile)
	addVisit(s, op("delete-account", http.MethodPost, "/delete", "Delete the own account",
		"For ever. Organisations that nobody else is in end with it, and their keys are revoked. 409 while it is the only owner of one with other members."), f.delete)
	addVisit(s, op("list-sessions", http.MethodGet, "/sessions", "Sessions of the account", ""), f.places)
	addVisit(s, op("end-session", http.MethodDelete, "/sessions/{id}", "End one session", ""), f.endPlace)
	addVisit(s, op("log-out-everywhere", http.MethodPost, "/logout/everywhere", "End all sessions", "This one too."), f.everywhere)
	forgot := op("forgot-password", http.MethodPost, "/reset", "Ask for a new password",
		"A letter with a token goes to the address when it has an account. The answer is the same when it has none. 503 where no letters can be sent.")
	forgot.status = http.StatusAccepted
	addVisit(s, forgot, f.forgot)
	addVisit(s, op("reset-password", http.MethodPost, "/reset/confirm", "Set a new password with the token of a letter", "Ends all sessions. A second factor stays."), f.reset)
	addVisit(s, op("disable-totp", http.MethodPost, "/totp/disable", "Turn the second factor off", "With the password and a code, or a recovery code."), f.disableTOTP)
	addVisit(s, op("renew-recovery-codes", http.MethodPost, "/totp/recovery", "New recovery codes", "With the password and a code. The ones before end."), f.renew)
}

func (f accountFace) profile(ctx context.Context, _ netip.Addr, in *sessionIn) (Answer[Account], error) {
	id, err := f.who(ctx, in.Session)
	if err != nil {
		return Answer[Account]{}, err
	}
	p, err := f.a.Profile(ctx, id)
	out := Account{Account: p.Account, Email: p.Email, Created: p.Created, TOTP: p.TOTP, Recovery: p.Recovery, Passkeys: []Passkey{}, Orgs: []Membership{}}
	for _, k := range p.Passkeys {
		out.Passkeys = append(out.Passkeys, passkeyOf(k))
	}
	for _, m := range p.Orgs {
		out.Orgs = append(out.Orgs, membershipOf(m))
	}
	return Answer[Account]{Data: out}, err
}

func membershipOf(m people.Membership) Membership {
	out := Membership{Org: m.Org, Name: m.Name, Role: string(m.Role), Scopes: words(m.Role.Scopes()), May: []string{}}
	for _, a := range m.Role.Actions() {
		out.May = append(out.May, string(a))
	}
	return out
}

func (f accountFace) delete(ctx context.Context, _ netip.Addr, in *proofIn) (Answer[Done], error) {
	id, err := f.who(ctx, in.Session)
	if err != nil {
		return Answer[Done]{}, err
	}
	return Answer[Done]{Data: Done{true}}, f.a.DeleteAccount(ctx, id, in.Body.Password, in.Body.Code)
}

func (f accountFace) places(ctx context.Context, _ netip.Addr, in *sessionIn) (Answer[[]Place], error) {
	a := Answer[[]Place]{Data: []Place{}}
	if in.Session == "" {
		return a, noSession()
	}
	list, err := f.a.Places(ctx, in.Session)
	for _, p := range list {
		a.Data = append(a.Data, Place(p))
	}
	return a, err
}

func (f accountFace) endPlace(ctx context.Context, _ netip.Addr, in *placeIn) (Answer[Done], error) {
	if in.Session == "" {
		return Answer[Done]{}, noSession()
	}
	return Answer[Done]{Data: Done{true}}, f.a.EndPlace(ctx, in.Session, in.ID)
}

func (f accountFace) everywhere(ctx context.Context, _ netip.Addr, in *sessionIn) (Answer[Done], error) {
	id, err := f.who(ctx, in.Session)
	if err != nil {
		return Answer[Done]{}, err
	}
	return Answer[Done]{Data: Done{true}}, f.a.LogOutEverywhere(ctx, id)
}

func (f accountFace) forgot(ctx context.Context, from netip.Addr, in *forgotIn) (Answer[SignedUp], error) {
	return Answer[SignedUp]{Data: SignedUp{"look at your letters: send the token in it to POST /v1/account/reset/confirm within an hour"}}, f.a.ForgotPassword(ctx, from, in.Body.Email)
}

func (f accountFace) reset(ctx context.Context, _ netip.Addr, in *resetIn) (Answer[Done], error) {
	return Answer[Done]{Data: Done{true}}, f.a.ResetPassword(ctx, in.Body.Token, in.Body.Password)
}

func (f accountFace) disableTOTP(ctx context.Context, _ netip.Addr, in *proofIn) (Answer[Done], error) {
	id, err := f.who(ctx, in.Session)
	if err != nil {
		return Answer[Done]{}, err
	}
	return Answer[Done]{Data: Done{true}}, f.a.DisableTOTP(ctx, id, in.Body.Password, in.Body.Code)
}

func (f accountFace) renew(ctx context.Context, _ netip.Addr, in *proofIn) (Answer[Recovery], error) {
	id, err := f.who(ctx, in.Session)
	if err != nil {
		return Answer[Recovery]{}, err
	}
	codes, err := f.a.RenewRecovery(ctx, id, in.Body.Password, in.Body.Code)
	return Answer[Recovery]{Data: Recovery{some(codes)}}, err
}

// pathed says of a fault about what stands in the path where it stands.
func pathed(err error) error {
	if place := map[string]string{"org": "path.org", "member": "path.account", "invitation": "path.id"}[fault.Field(err)]; place != "" {
		return fault.At(fault.Of(err), place, "%s", fault.Public(err))
	}
	return err
}
