package people

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/assayhq/assay/fault"
)

// Passkeys follow Web Authentication level 2. They are discoverable and the
// authenticator proves its user (by PIN or biometrics), so one is both factors, and no
// address is asked for: there is nothing to tell about who has an account. Attestation
// is not asked for; which make of authenticator somebody has is his own affair.

// Passkey is one as its owner sees it.
type Passkey struct {
	ID    string    `json:"id"`
	Name  string    `json:"name"`
	Added time.Time `json:"added"`
	Used  time.Time `json:"used,omitzero"`
}

type passkey struct {
	Passkey
	Credential webauthn.Credential `json:"credential"`
}

// rite is a ceremony that was begun. It is taken out of the store before its answer is
// looked at, so that no answer is looked at twice.
type rite struct {
	Account string               `json:"account"` // "" of a log-in
	Data    webauthn.SessionData `json:"data"`
	Expires time.Time            `json:"expires"`
}

// Ceremony is one begun: Token is to be sent back with the answer, Options are for
// navigator.credentials, as JSON.
type Ceremony struct {
	Token   string
	Options string
}

const (
	maxPasskeys = 10
	maxAnswer   = 16 << 10 // bytes of an authenticator's answer
	riteTime    = 5 * time.Minute
)

func relyingParty(origin, name string) (*webauthn.WebAuthn, error) {
	if origin == "" {
		return nil, nil
	}
	u, err := url.Parse(origin)
	if err != nil || u.Hostname() == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil ||
		u.Scheme != "https" && (u.Scheme != "http" || u.Hostname() != "localhost") {
		return nil, fault.At(fault.Invalid, "people.origin", "the origin of passkeys is such as https://console.example.com, without a path; http only on localhost")
	}
	w, err := webauthn.New(&webauthn.Config{RPID: u.Hostname(), RPDisplayName: name, RPOrigins: []string{origin}})
	if err != nil {
		return nil, fault.At(fault.Invalid, "people.origin", "passkeys cannot be used with this origin: %v", err)
	}
	return w, nil
}

// holder is an account as the protocol sees it.
type holder struct{ a *account }

// WebAuthnID is of webauthn.User: the id of the account, 30 random characters.
func (h holder) WebAuthnID() []byte { return []byte(h.a.ID) }

// WebAuthnName is of webauthn.User.
func (h holder) WebAuthnName() string { return h.a.Email }

// WebAuthnDisplayName is of webauthn.User.
func (h holder) WebAuthnDisplayName() string { return h.a.Email }

// WebAuthnCredentials is of webauthn.User.
func (h holder) WebAuthnCredentials() []webauthn.Credential {
	var out []webauthn.Credential
	for i := range h.a.Passkeys {
		out = append(out, h.a.Passkeys[i].Credential)
	}
	return out
}

func noPasskeys() error {
	return fault.New(fault.Unavailable, "there are no passkeys here: the setting people.origin opens them")
}

// open begins a ceremony.
func (p *People) open(ctx context.Context, id string, options any, data *webauthn.SessionData) (Ceremony, error) {
	doc, err := json.Marshal(options)
	if err != nil {
		return Ceremony{}, fault.Wrap(fault.Internal, err, "the options of a passkey cannot be written")
	}
	token := secret()
	err = write(ctx, p.o.Store, kindRite, digest(token), rite{id, *data, p.o.Now().Add(riteTime)}, 0)
	return Ceremony{token, string(doc)}, err
}

// take ends a ceremony: nobody can answer it again.
func (p *People) take(ctx context.Context, token, id string) (rite, error) {
	gone := fault.At(fault.Unauthentic, "ceremony", "this ceremony is not known, was answered or has expired: begin again")
	if token == "" || len(token) > 128 {
		return rite{}, gone
	}
	r, version, err := read[rite](ctx, p.o.Store, kindRite, digest(token))
	if err == nil {
		err = p.o.Store.Delete(ctx, kindRite, digest(token), version)
	}
	switch {
	case err != nil && (fault.Of(err) == fault.Unknown || fault.Of(err) == fault.Conflict):
		return rite{}, gone
	case err != nil:
		return rite{}, err
	case r.Account != id, !p.o.Now().Before(r.Expires):
		return rite{}, gone
	}
	return r, nil
}

// BeginPasskey begins to add a passkey; it needs the password, and a code when there is a
// second factor.
func (p *People) BeginPasskey(ctx context.Context, id, password, code string) (Ceremony, error) {
	if p.passkeys == nil {
		return Ceremony{}, noPasskeys()
	}
	a, _, err := read[account](ctx, p.o.Store, kindAccount, id)
	if err != nil {
		return Ceremony{}, err
	}
	if err := p.reprove(ctx, a, password); err != nil {
		return Ceremony{}, err
	}
	if a.TOTP.Enabled {
		if err := p.second(ctx, id, code); err != nil {
			return Ceremony{}, err
		}
	}
	var known []protocol.CredentialDescriptor
	for _, c := range (holder{&a}).WebAuthnCredentials() {
		known = append(known, c.Descriptor())
	}
	options, data, err := p.passkeys.BeginRegistration(holder{&a},
		webauthn.WithConveyancePreference(protocol.PreferNoAttestation), webauthn.WithExclusions(known),
		webauthn.WithAuthenticatorSelection(protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: protocol.ResidentKeyRequired(), UserVerification: protocol.VerificationRequired}))
	if err != nil {
		return Ceremony{}, fault.Wrap(fault.Internal, err, "a passkey could not be begun")
	}
	return p.open(ctx, id, options, data)
}

// AddPasskey ends what BeginPasskey began, with the answer of the authenticator as JSON.
func (p *People) AddPasskey(ctx context.Context, id, ceremony, name string, response []byte) (Passkey, error) {
	if p.passkeys == nil {
		return Passkey{}, noPasskeys()
	}
	if name = strings.TrimSpace(name); name == "" || len(name) > maxName || strings.ContainsFunc(name, unicode.IsControl) {
		return Passkey{}, fault.At(fault.Invalid, "name", "the name of a passkey must have 1 to %d bytes", maxName)
	}
	r, err := p.take(ctx, ceremony, id)
	if err != nil {
		return Passkey{}, err
	}
	bad := fault.At(fault.Unauthentic, "response", "the answer of the authenticator is not valid: begin again")
	if len(response) > maxAnswer {
		return Passkey{}, bad
	}
	a, _, err := read[account](ctx, p.o.Store, kindAccount, id)
	if err != nil {
		return Passkey{}, err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(response)
	if err != nil {
		return Passkey{}, bad
	}
	c, err := p.passkeys.CreateCredential(holder{&a}, r.Data, parsed)
	if err != nil {
		return Passkey{}, bad
	}
	c.Attestation = webauthn.CredentialAttestation{} // not asked for, so not kept
	k := passkey{Passkey{ID: "pk_" + digest(string(c.ID))[:16], Name: name, Added: p.o.Now()}, *c}
	_, err = update(ctx, p.o.Store, kindAccount, id, func(a *account) error {
		switch {
		case slices.ContainsFunc(a.Passkeys, func(o passkey) bool { return o.ID == k.ID }):
			return fault.New(fault.Conflict, "this passkey is there already")
		case len(a.Passkeys) >= maxPasskeys:
			return fault.New(fault.Exhausted, "an account has at most %d passkeys: remove one", maxPasskeys)
		}
		a.Passkeys = append(a.Passkeys, k)
		return nil
	}, Event{Action: "account.passkey_added", Actor: id, Subject: id, Detail: map[string]string{"passkey": k.ID}})
	return k.Passkey, err
}

// RemovePasskey takes a passkey away; it needs the password.
func (p *People) RemovePasskey(ctx context.Context, id, passkeyID, password string) error {
	a, _, err := read[account](ctx, p.o.Store, kindAccount, id)
	if err != nil {
		return err
	}
	if err := p.reprove(ctx, a, password); err != nil {
		return err
	}
	_, err = update(ctx, p.o.Store, kindAccount, id, func(a *account) error {
		n := len(a.Passkeys)
		a.Passkeys = slices.DeleteFunc(a.Passkeys, func(o passkey) bool { return o.ID == passkeyID })
		if len(a.Passkeys) == n {
			return fault.At(fault.Unknown, "path.id", "there is no such passkey")
		}
		return nil
	}, Event{Action: "account.passkey_removed", Actor: id, Subject: id, Detail: map[string]string{"passkey": passkeyID}})
	return err
}

// BeginPasskeyLogIn begins a log-in with a passkey, for whoever it will turn out to be.
func (p *People) BeginPasskeyLogIn(ctx context.Context, from netip.Addr) (Ceremony, error) {
	if p.passkeys == nil {
		return Ceremony{}, noPasskeys()
	}
	if err := p.prefixes.enter(p.o.Now(), "passkey "+prefix(from)); err != nil {
		return Ceremony{}, err
	}
	options, data, err := p.passkeys.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return Ceremony{}, fault.Wrap(fault.Internal, err, "a log-in with a passkey could not be begun")
	}
	return p.open(ctx, "", options, data)
}

// LogInPasskey ends what BeginPasskeyLogIn began and begins a session. An authenticator
// that counts its uses and counts backwards was copied: it is refused.
func (p *People) LogInPasskey(ctx context.Context, from netip.Addr, ceremony string, response []byte) (token string, s Session, err error) {
	if p.passkeys == nil {
		return "", s, noPasskeys()
	}
	bad := fault.At(fault.Unauthentic, "response", "the passkey is not known, or its answer is not valid: begin again")
	r, err := p.take(ctx, ceremony, "")
	if err != nil {
		return "", s, err
	}
	if len(response) > maxAnswer {
		return "", s, bad
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(response)
	if err != nil {
		return "", s, bad
	}
	var a account
	var trouble error // of the store, which the library would swallow
	c, err := p.passkeys.ValidateDiscoverableLogin(func(_, handle []byte) (webauthn.User, error) {
		if len(handle) > 64 || !strings.HasPrefix(string(handle), "acc_") {
			return nil, errors.New("no account")
		}
		var err error
		if a, _, err = read[account](ctx, p.o.Store, kindAccount, string(handle)); err != nil {
			if k := fault.Of(err); k != fault.Unknown && k != fault.Invalid {
				trouble = err
			}
			return nil, err
		}
		return holder{&a}, nil
	}, r.Data, parsed)
	if trouble != nil {
		return "", s, trouble
	}
	if err != nil {
		return "", s, bad
	}
	now, net := p.o.Now(), prefix(from)
	token = secret()
	a, err = update(ctx, p.o.Store, kindAccount, a.ID, func(a *account) error {
		i := slices.IndexFunc(a.Passkeys, func(k passkey) bool { return bytes.Equal(k.Credential.ID, c.ID) })
		if i < 0 {
			return bad // removed meanwhile
		}
		k := &a.Passkeys[i]
		// Against what is stored now, not what was read before: two copies may answer
		// at the same time.
		if was, is := k.Credential.Authenticator.SignCount, parsed.Response.AuthenticatorData.Counter; (was != 0 || is != 0) && is <= was {
			return fault.At(fault.Unauthentic, "response", "this passkey was used elsewhere with the same count, so there is a copy of it: log in with the password and remove it")
		}
		k.Credential.Authenticator.SignCount = parsed.Response.AuthenticatorData.Counter
		k.Credential.Flags = c.Flags
		k.Used = now
		a.admit(token, net, now)
		return nil
	})
	if err != nil {
		return "", s, err
	}
	p.prefixes.forgive("passkey " + net)
	s, err = p.begin(ctx, a, token)
	return token, s, err
}
