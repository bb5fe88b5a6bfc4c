package api

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"github.com/assayhq/assay/access/people"
	"github.com/assayhq/assay/fault"
)

// Passkeys is what the api needs of passkeys.
type Passkeys interface {
	BeginPasskey(ctx context.Context, id, password, code string) (people.Ceremony, error)
	AddPasskey(ctx context.Context, id, ceremony, name string, response []byte) (people.Passkey, error)
	RemovePasskey(ctx context.Context, id, passkeyID, password string) error
	BeginPasskeyLogIn(ctx context.Context, from netip.Addr) (people.Ceremony, error)
	LogInPasskey(ctx context.Context, from netip.Addr, ceremony string, response []byte) (token string, s people.Session, err error)
}

// Ceremony is one begun.
type Ceremony struct {
	Ceremony string `json:"ceremony" doc:"Send it back with the answer, within five minutes. It works once"`
	Options  string `json:"options" doc:"JSON for navigator.credentials.create or get: parse it with PublicKeyCredential.parseCreationOptionsFromJSON or parseRequestOptionsFromJSON"`
}

// Passkey is one of the account.
type Passkey struct {
	ID    string     `json:"id"`
	Name  string     `json:"name"`
	Added time.Time  `json:"added_at"`
	Used  *time.Time `json:"last_used_at" doc:"Null: never"`
}

type addPasskeyIn struct {
	Session string `header:"Assay-Session" maxLength:"128" doc:"From the log-in"`
	Body    struct {
		Ceremony string `json:"ceremony" minLength:"1" maxLength:"128"`
		Name     string `json:"name" minLength:"1" maxLength:"80" doc:"What you will know it by"`
		Response string `json:"response" minLength:"2" maxLength:"16384" doc:"JSON of the credential: JSON.stringify(credential.toJSON())"`
	}
	Common
}

type removePasskeyIn struct {
	ID      string `path:"id" maxLength:"40" doc:"From GET /v1/account"`
	Session string `header:"Assay-Session" maxLength:"128" doc:"From the log-in"`
	Body    struct {
		Password string `json:"password" minLength:"1" maxLength:"256"`
	}
	Common
}

type passkeyLogInIn struct {
	Body struct {
		Ceremony string `json:"ceremony" minLength:"1" maxLength:"128"`
		Response string `json:"response" minLength:"2" maxLength:"16384" doc:"JSON of the credential"`
	}
	Common
}

// registerPasskeys adds the operations on passkeys.
func (s *Server) registerPasskeys(f accountFace) {
	op := func(id, path string, status int, summary, doc string) Operation {
		return Operation{ID: id, Method: http.MethodPost, Path: "/v1/account/passkeys" + path, Tag: "Account", status: status, Summary: summary, Doc: doc}
	}
	addVisit(s, op("begin-passkey", "/begin", http.StatusCreated, "Begin to add a passkey", "With the password, and a code when there is a second factor. 503 where the setting people.origin is empty."), f.beginPasskey)
	addVisit(s, op("add-passkey", "", http.StatusCreated, "Add a passkey", "With the answer of the authenticator."), f.addPasskey)
	addVisit(s, op("remove-passkey", "/{id}/remove", 0, "Remove a passkey", "With the password."), f.removePasskey)
	addVisit(s, op("begin-passkey-log-in", "/login/begin", http.StatusCreated, "Begin a log-in with a passkey", "Without an address: the passkey says whose it is. It takes the place of password and code."), f.beginPasskeyLogIn)
	addVisit(s, op("log-in-passkey", "/login", http.StatusCreated, "Begin a session with a passkey", "With the answer of the authenticator. A passkey that counts backwards was copied and is refused."), f.logInPasskey)
}

func ceremonyOf(c people.Ceremony) Answer[Ceremony] {
	return Answer[Ceremony]{Data: Ceremony{c.Token, c.Options}}
}

func passkeyOf(k people.Passkey) Passkey { return Passkey{k.ID, k.Name, k.Added, moment(k.Used)} }

// bodied says of a fault about an answer of an authenticator that it stands in the body.
func bodied(err error) error {
	switch f := fault.Field(err); f {
	case "ceremony", "response", "name":
		return fault.At(fault.Of(err), "body."+f, "%s", fault.Public(err))
	}
	return err
}

func (f accountFace) beginPasskey(ctx context.Context, _ netip.Addr, in *proofIn) (Answer[Ceremony], error) {
	id, err := f.who(ctx, in.Session)
	if err != nil {
		return Answer[Ceremony]{}, err
	}
	c, err := f.a.BeginPasskey(ctx, id, in.Body.Password, in.Body.Code)
	return ceremonyOf(c), err
}

func (f accountFace) addPasskey(ctx context.Context, _ netip.Addr, in *addPasskeyIn) (Answer[Passkey], error) {
	id, err := f.who(ctx, in.Session)
	if err != nil {
		return Answer[Passkey]{}, err
	}
	k, err := f.a.AddPasskey(ctx, id, in.Body.Ceremony, in.Body.Name, []byte(in.Body.Response))
	return Answer[Passkey]{Data: passkeyOf(k)}, bodied(err)
}

func (f accountFace) removePasskey(ctx context.Context, _ netip.Addr, in *removePasskeyIn) (Answer[Done], error) {
	id, err := f.who(ctx, in.Session)
	if err == nil {
		err = f.a.RemovePasskey(ctx, id, in.ID, in.Body.Password)
	}
	return Answer[Done]{Data: Done{true}}, err
}

func (f accountFace) beginPasskeyLogIn(ctx context.Context, from netip.Addr, _ *none) (Answer[Ceremony], error) {
	c, err := f.a.BeginPasskeyLogIn(ctx, from)
	return ceremonyOf(c), err
}

func (f accountFace) logInPasskey(ctx context.Context, from netip.Addr, in *passkeyLogInIn) (Answer[LoggedIn], error) {
	token, s, err := f.a.LogInPasskey(ctx, from, in.Body.Ceremony, []byte(in.Body.Response))
	return Answer[LoggedIn]{Data: LoggedIn{s.Account, token}}, bodied(err)
}
