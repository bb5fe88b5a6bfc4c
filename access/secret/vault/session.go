package vault

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/assayhq/assay/access/secret"
	"github.com/assayhq/assay/fault"
	"github.com/hashicorp/vault/api"
)

// session holds the login token: it logs in when there is none, renews it when two
// thirds of its time are over and logs in anew when it is refused.
type session struct {
	api      *api.Client
	now      func() time.Time
	approle  string
	roleID   string
	secretID secret.Value
	fixed    bool // a token was given: there is nothing to log in with

	turn chan struct{} // of one: whoever holds it may change what follows
	made int           // tokens so far
	span time.Duration // the token's time to live, 0: for ever
	from time.Time     // when span began
	more bool          // whether it may be renewed
}

func newSession(c *api.Client, o Options) *session {
	s := &session{api: c, now: o.Now, approle: o.AppRole, roleID: o.RoleID, secretID: o.SecretID, turn: make(chan struct{}, 1)}
	if o.RoleID == "" {
		s.fixed, s.made = true, 1
		c.SetToken(o.Token.Reveal())
	}
	return s
}

// do runs a call with a valid token. A call that is denied is tried once more with a
// new login, since a token that was revoked or has run out gives the same answer as a
// missing permission.
func (s *session) do(ctx context.Context, what string, call func(*api.Client) error) error {
	used, err := s.ready(ctx, 0)
	if err != nil {
		return err
	}
	if err = call(s.api); !denied(err) {
		return kind(err, what)
	}
	if s.fixed {
		// The default policy lets every valid token look at itself.
		if _, look := s.api.Auth().Token().LookupSelfWithContext(ctx); denied(look) {
			return fault.Wrap(fault.Unauthentic, err, "the vault does not know our token: it ran out or was revoked")
		}
		return kind(err, what)
	}
	if _, err := s.ready(ctx, used); err != nil {
		return err
	}
	return kind(call(s.api), what)
}

// ready sees to a valid token that is not the refused one, and gives its number.
func (s *session) ready(ctx context.Context, refused int) (int, error) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return 0, fault.Wrap(fault.Unavailable, ctx.Err(), "the login at the vault was given up")
	}
	if s.fixed {
		return s.made, nil
	}
	age := s.now().Sub(s.from)
	switch {
	case s.made == 0 || s.made == refused || s.span > 0 && age >= s.span:
		return s.made, s.login(ctx)
	case s.span > 0 && age >= s.span*2/3:
		if s.more && s.renew(ctx) {
			return s.made, nil
		}
		if err := s.login(ctx); err != nil && fault.Of(err) != fault.Unavailable {
			return s.made, err
		} // out of reach: the old token is still valid, the call tells
	}
	return s.made, nil
}

func (s *session) login(ctx context.Context) error {
	began := s.now()
	c, err := s.api.CloneWithHeaders() // with the namespace and without the old token
	if err != nil {
		return fault.Wrap(fault.Internal, err, "the vault's client cannot be copied")
	}
	c.ClearToken()
	out, err := c.Logical().WriteWithContext(ctx, "auth/"+s.approle+"/login", map[string]any{"role_id": s.roleID, "secret_id": s.secretID.Reveal()})
	if k := fault.Of(kind(err, "")); err != nil && (k == fault.Invalid || k == fault.Denied) { // Vault answers 400, OpenBao 400 or 403
		return fault.Wrap(fault.Unauthentic, err, "the vault refuses the AppRole login: check the role id and the secret id at auth/%s", s.approle)
	}
	if err != nil {
		return kind(err, "log in")
	}
	if out == nil || out.Auth == nil || out.Auth.ClientToken == "" {
		return fault.New(fault.Internal, "the vault's login gave no token")
	}
	s.api.SetToken(out.Auth.ClientToken)
	s.made++
	s.span, s.from, s.more = time.Duration(out.Auth.LeaseDuration)*time.Second, began, out.Auth.Renewable
	return nil
}

// renew asks for the same time once more. A vault may give less, at the token's greatest
// age: less than half calls for a login instead.
func (s *session) renew(ctx context.Context) bool {
	began := s.now()
	out, err := s.api.Auth().Token().RenewSelfWithContext(ctx, int(s.span/time.Second))
	if err != nil || out == nil || out.Auth == nil {
		return false
	}
	got := time.Duration(out.Auth.LeaseDuration) * time.Second
	if got > 0 && got < s.span/2 {
		return false
	}
	s.span, s.from, s.more = got, began, out.Auth.Renewable
	return true
}

func denied(err error) bool {
	var r *api.ResponseError
	return errors.As(err, &r) && r.StatusCode == http.StatusForbidden
}

// kind gives an answer of the API its kind.
func kind(err error, what string) error {
	if err == nil {
		return nil
	}
	var r *api.ResponseError
	if !errors.As(err, &r) {
		return fault.Wrap(fault.Unavailable, err, "the vault was not reached to %s", what)
	}
	switch c := r.StatusCode; {
	case c == http.StatusBadRequest && stale(r):
		return fault.Wrap(fault.Conflict, err, "the vault did not %s: it was changed meanwhile", what)
	case c == http.StatusForbidden:
		return fault.Wrap(fault.Denied, err, "our role may not %s: its policy lacks the path", what)
	case c == http.StatusNotFound:
		return fault.Wrap(fault.Unknown, err, "the vault has nothing to %s: check the mount", what)
	case c == http.StatusRequestEntityTooLarge:
		return fault.Wrap(fault.TooLarge, err, "the vault did not %s: it is too large", what)
	case c == http.StatusTooManyRequests, c == http.StatusPreconditionFailed, c >= 500:
		return fault.Wrap(fault.Unavailable, err, "the vault could not %s now: it answered %d", what, c)
	case c >= 400:
		return fault.Wrap(fault.Invalid, err, "the vault did not %s: it answered %d", what, c)
	}
	return fault.Wrap(fault.Internal, err, "the vault did not %s: it answered %d", what, r.StatusCode)
}

// stale tells whether a check-and-set found another version. The vault has no code for
// it, only this text.
func stale(r *api.ResponseError) bool {
	for _, e := range r.Errors {
		if e == "check-and-set parameter did not match the current version" {
			return true
		}
	}
	return false
}

// maxAnswer is the most that an answer may hold, in bytes: three values, each escaped
// to six times its length at worst, and a little more.
const maxAnswer = 18*secret.MaxValue + 64<<10
