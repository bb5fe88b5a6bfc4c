package api

import (
	"context"
	"errors"
	"net/http"
	"net/netip"

	"github.com/assayhq/assay/access/people"
	"github.com/assayhq/assay/fault"
)

// Accounts is what the api needs of people.
type Accounts interface {
	SignUp(ctx context.Context, from netip.Addr, email, password, org string) error
	ConfirmEmail(ctx context.Context, token string) (people.Welcome, error)
	LogIn(ctx context.Context, from netip.Addr, email, password, code string) (token string, s people.Session, err error)
	Session(ctx context.Context, token string) (people.Session, error)
	LogOut(ctx context.Context, token string) error
	ChangePassword(ctx context.Context, token, old, fresh string) error
	BeginTOTP(ctx context.Context, id, password string) (people.Enrolment, error)
	EnableTOTP(ctx context.Context, id, code string) ([]string, error)
	DisableTOTP(ctx context.Context, id, password, code string) error
	RenewRecovery(ctx context.Context, id, password, code string) ([]string, error)
	LogOutEverywhere(ctx context.Context, id string) error
	Places(ctx context.Context, token string) ([]people.Place, error)
	EndPlace(ctx context.Context, token, id string) error
	ForgotPassword(ctx context.Context, from netip.Addr, email string) error
	ResetPassword(ctx context.Context, token, fresh string) error
	Profile(ctx context.Context, id string) (people.Profile, error)
	DeleteAccount(ctx context.Context, id, password, code string) error
	Members
	Passkeys
}

// accountFace tells about people over HTTP. A session stands in the header
// Assay-Session. Not in a cookie: a browser adds cookies to requests that another
// site makes it send, and never a header of this name unless that site's origin is
// allowed (no form can, and a script must ask first). Not in Authorization: that is for keys,
// and neither can pass as the other. Never in an address: those are logged.
//
// No answer tells whether an address has an account.
type accountFace struct {
	a Accounts
	s *Server
}

// SignedUp is the answer to every sign-up, whoever the address belongs to.
type SignedUp struct {
	Next string `json:"next" doc:"What to do now"`
}

// Welcome is what a confirmed sign-up has got.
type Welcome struct {
	Account string `json:"account"`
	Org     string `json:"org"`
	App     string `json:"app"`
	Token   string `json:"token" doc:"The first API key. Keep it: it is never shown again"`
}

// LoggedIn is a session just begun.
type LoggedIn struct {
	Account string `json:"account"`
	Session string `json:"session" doc:"Send it in the header Assay-Session. Keep it as a password"`
}

// Enrolment feeds an authenticator app.
type Enrolment struct {
	Secret string `json:"secret" doc:"Base32, to be typed in"`
	URL    string `json:"url" doc:"otpauth://, to be shown as a QR code by the page itself, never by another server"`
}

// Recovery are codes for the day when the authenticator is lost.
type Recovery struct {
	Codes []string `json:"recovery_codes" doc:"Each works once in the place of a code. They are never shown again"`
}

// Done is the answer when there is nothing to tell.
type Done struct {
	Done bool `json:"done"`
}

type sessionIn struct {
	Session string `header:"Assay-Session" maxLength:"128" doc:"From the log-in"`
	Common
}

type signUpIn struct {
	Body struct {
		Email    string `json:"email" minLength:"3" maxLength:"254"`
		Password string `json:"password" minLength:"1" maxLength:"256" doc:"12 characters or more"`
		Org      string `json:"org" minLength:"1" maxLength:"80" doc:"Name of the organisation"`
	}
	Common
}

type confirmIn struct {
	Body struct {
		Token string `json:"token" minLength:"1" maxLength:"128" doc:"From the letter"`
	}
	Common
}

type logInIn struct {
	Body struct {
		Email    string `json:"email" minLength:"3" maxLength:"254"`
		Password string `json:"password" minLength:"1" maxLength:"256"`
		Code     string `json:"code,omitempty" maxLength:"64" doc:"Of the second factor, or a recovery code; only with a second factor"`
	}
	Common
}

type passwordIn struct {
	Session string `header:"Assay-Session" maxLength:"128" doc:"From the log-in"`
	Body    struct {
		Old string `json:"old" minLength:"1" maxLength:"256"`
		New string `json:"new" minLength:"1" maxLength:"256" doc:"12 characters or more"`
	}
	Common
}

type beginTOTPIn struct {
	Session string `header:"Assay-Session" maxLength:"128" doc:"From the log-in"`
	Body    struct {
		Password string `json:"password" minLength:"1" maxLength:"256" doc:"Again: a session that was left open adds no second factor"`
	}
	Common
}

type enableTOTPIn struct {
	Session string `header:"Assay-Session" maxLength:"128" doc:"From the log-in"`
	Body    struct {
		Code string `json:"code" minLength:"6" maxLength:"16" doc:"That the authenticator shows"`
	}
	Common
}

// registerAccounts adds the operations on accounts to the registry. None asks for a
// key; each takes one unit of the limit of the network it comes from.
func (s *Server) registerAccounts(f accountFace) {
	op := func(id, path string, status int, summary, doc string) Operation {
		return Operation{ID: id, Method: http.MethodPost, Path: "/v1/account/" + path, Tag: "Account", status: status, Summary: summary, Doc: doc}
	}
	addVisit(s, op("sign-up", "signup", http.StatusAccepted, "Begin an account",
		"A letter goes to the address, and the account begins with the token in it. The answer is the same whether the address has an account or not. 503 where no letters can be sent."), f.signUp)
	addVisit(s, op("confirm-account", "confirm", http.StatusCreated, "Prove the address and get a first key",
		"With the token of the letter, in the body: not in the address, which is logged. The key is in this answer and nowhere else."), f.confirm)
	addVisit(s, op("log-in", "login", http.StatusCreated, "Begin a session",
		"The same 401 for an unknown address and for a wrong password. With a second factor, `code` is needed too, which is told only to whoever has the password. After some failures there is a wait (429)."), f.logIn)
	addVisit(s, op("log-out", "logout", 0, "End the session", "A session that is over already is no mistake."), f.logOut)
	addVisit(s, op("change-password", "password", 0, "Change the password", "Ends all other sessions."), f.password)
	addVisit(s, op("begin-totp", "totp/begin", http.StatusCreated, "Begin a second factor",
		"Give the secret to an authenticator app. It is not asked for before it is enabled."), f.beginTOTP)
	addVisit(s, op("enable-totp", "totp/enable", 0, "Turn the second factor on", "With a code that the app shows."), f.enableTOTP)
	s.registerProfile(f)
	s.registerMembers(f)
	s.registerPasskeys(f)
}

// addVisit registers an operation that needs no key and is limited by network. from is
// where the request comes from.
func addVisit[I, T any](s *Server, op Operation, handle func(ctx context.Context, from netip.Addr, in *I) (Answer[T], error)) {
	shape := shapeOf[Answer[T]]()
	serve[I, T](s, op, func(ctx context.Context, in *I, x *exchange) {
		g := s.opt.Gate
		limit, err := g.Visit(x.r)
		limit.Set(x.Header())
		if err != nil {
			x.fail(err)
			return
		}
		a, err := handle(ctx, g.ClientAddr(x.r), in)
		if err != nil {
			x.fail(placed(err))
			return
		}
		a.Meta = Meta{Sources: []string{"access"}}
		x.send(orOK(a.status, x.op.status), &a.Meta, &cold[T]{&a, shape})
	})
}

// placed says where in the body a field stands that people find wrong, and names the
// second factor as what is missing, so that a page can ask for it.
func placed(err error) error {
	if errors.Is(err, people.ErrSecondFactor) {
		return fault.At(fault.Unauthentic, "body.code", "%s", fault.Public(err))
	}
	switch field := fault.Field(err); field {
	case "email", "password", "org", "token", "code", "role":
		return fault.At(fault.Of(err), "body."+field, "%s", fault.Public(err))
	}
	return err
}

func (f accountFace) signUp(ctx context.Context, from netip.Addr, in *signUpIn) (Answer[SignedUp], error) {
	b := &in.Body
	err := f.a.SignUp(ctx, from, b.Email, b.Password, b.Org)
	return Answer[SignedUp]{Data: SignedUp{"look at your letters: send the token in it to POST /v1/account/confirm within a day"}}, err
}

func (f accountFace) confirm(ctx context.Context, _ netip.Addr, in *confirmIn) (Answer[Welcome], error) {
	w, err := f.a.ConfirmEmail(ctx, in.Body.Token)
	return Answer[Welcome]{Data: Welcome{w.Account, w.Org, w.App, w.Key}}, err
}

func (f accountFace) logIn(ctx context.Context, from netip.Addr, in *logInIn) (Answer[LoggedIn], error) {
	b := &in.Body
	token, s, err := f.a.LogIn(ctx, from, b.Email, b.Password, b.Code)
	return Answer[LoggedIn]{Data: LoggedIn{s.Account, token}}, err
}

func (f accountFace) logOut(ctx context.Context, _ netip.Addr, in *sessionIn) (Answer[Done], error) {
	if in.Session == "" {
		return Answer[Done]{}, noSession()
	}
	return Answer[Done]{Data: Done{true}}, f.a.LogOut(ctx, in.Session)
}

func (f accountFace) password(ctx context.Context, _ netip.Addr, in *passwordIn) (Answer[Done], error) {
	if in.Session == "" {
		return Answer[Done]{}, noSession()
	}
	err := f.a.ChangePassword(ctx, in.Session, in.Body.Old, in.Body.New)
	if fault.Field(err) == "password" {
		err = fault.At(fault.Of(err), "body.new", "%s", fault.Public(err))
	}
	return Answer[Done]{Data: Done{true}}, err
}

func (f accountFace) beginTOTP(ctx context.Context, _ netip.Addr, in *beginTOTPIn) (Answer[Enrolment], error) {
	id, err := f.who(ctx, in.Session)
	if err != nil {
		return Answer[Enrolment]{}, err
	}
	e, err := f.a.BeginTOTP(ctx, id, in.Body.Password)
	return Answer[Enrolment]{Data: Enrolment{e.Secret, e.URL}}, err
}

func (f accountFace) enableTOTP(ctx context.Context, _ netip.Addr, in *enableTOTPIn) (Answer[Recovery], error) {
	id, err := f.who(ctx, in.Session)
	if err != nil {
		return Answer[Recovery]{}, err
	}
	codes, err := f.a.EnableTOTP(ctx, id, in.Body.Code)
	return Answer[Recovery]{Data: Recovery{some(codes)}}, err
}

// who gives the account of a session.
func (f accountFace) who(ctx context.Context, token string) (string, error) {
	if token == "" {
		return "", noSession()
	}
	s, err := f.a.Session(ctx, token)
	return s.Account, err
}

func noSession() error {
	return fault.At(fault.Unauthentic, "header.Assay-Session", "log in with POST /v1/account/login, and send the session in the header Assay-Session")
}
