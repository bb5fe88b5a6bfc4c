package people

import (
	"context"
	"crypto/rand"
	"net/netip"
	"strings"
	"time"
	"unicode"

	"github.com/assayhq/assay/fault"
)

// pending is a sign-up whose e-mail is not proved. The names are drawn at once, so
// that a confirmation that was broken off goes on with the same ones.
type pending struct {
	Email   string    `json:"email"`
	Hash    string    `json:"hash"`
	OrgName string    `json:"org_name"`
	Account string    `json:"account"`
	Org     string    `json:"org"`
	App     string    `json:"app"`
	Expires time.Time `json:"expires"`
}

// Welcome is what a confirmed sign-up has got.
type Welcome struct {
	Account, Org, App string // ids
	Key               string // token of the first API key: secret, shown once
}

// String hides the key.
func (w Welcome) String() string { return "account " + w.Account }

// GoString hides the key.
func (w Welcome) GoString() string { return w.String() }

// SignUp begins an account. The answer and the work are the same whether the address
// has an account or not; the difference is in the letter, which only the owner of the
// address reads. Nothing is taken: the address stays free until it is confirmed.
func (p *People) SignUp(ctx context.Context, from netip.Addr, email, password, orgName string) error {
	email, err := address(email)
	if err != nil {
		return err
	}
	if err := acceptable(password, email); err != nil {
		return err
	}
	if orgName = strings.TrimSpace(orgName); orgName == "" || len(orgName) > maxName || strings.ContainsFunc(orgName, unicode.IsControl) {
		return fault.At(fault.Invalid, "org", "the name of the organisation must have 1 to %d bytes", maxName)
	}
	if err := p.prefixes.enter(p.o.Now(), "signup "+prefix(from)); err != nil {
		return err // never forgiven: letters are sent to people who may not have asked
	}
	if err := p.pairs.enter(p.o.Now(), "letter "+digest(email)); err != nil {
		return err // the same for every address, with or without an account
	}
	hash, err := p.hash(ctx, password)
	if err != nil {
		return err
	}
	token := secret()
	pd := pending{
		Email: email, Hash: hash, OrgName: orgName, Expires: p.o.Now().Add(p.o.Confirm),
		Account: "acc_" + rand.Text(), Org: "org_" + rand.Text(), App: "app_" + rand.Text(),
	}
	// Written in both cases: the work is the same, and a confirmation of an address
	// that is taken is refused.
	if err := write(ctx, p.o.Store, kindPending, digest(token), pd, 0); err != nil {
		return err
	}
	l := Letter{To: email, Kind: "confirm", Token: token}
	_, _, err = p.o.Store.Get(ctx, kindEmail, digest(email))
	switch {
	case err == nil:
		l = Letter{To: email, Kind: "known"}
	case fault.Of(err) != fault.Unknown:
		return err
	}
	return p.o.Mail(ctx, l)
}

// ConfirmEmail ends a sign-up with the token of the letter. When it fails half-way, such as
// because no key can be made, the same token can be used again.
func (p *People) ConfirmEmail(ctx context.Context, token string) (Welcome, error) {
	bad := fault.At(fault.Unauthentic, "token", "this confirmation is not known, was used or has expired: sign up again")
	id := digest(token)
	pd, version, err := read[pending](ctx, p.o.Store, kindPending, id)
	if fault.Of(err) == fault.Unknown && err != nil {
		return Welcome{}, bad
	}
	if err != nil {
		return Welcome{}, err
	}
	now := p.o.Now()
	if !now.Before(pd.Expires) {
		_ = p.o.Store.Delete(ctx, kindPending, id, version) // refused either way
		return Welcome{}, bad
	}
	// The address decides who wins when two people confirm it.
	err = write(ctx, p.o.Store, kindEmail, digest(pd.Email), pd.Account, 0)
	if fault.Of(err) == fault.Conflict && err != nil {
		owner, _, e := read[string](ctx, p.o.Store, kindEmail, digest(pd.Email))
		if e != nil {
			return Welcome{}, e
		}
		if owner != pd.Account {
			return Welcome{}, fault.At(fault.Conflict, "email", "this address has an account already: log in")
		}
	} else if err != nil {
		return Welcome{}, err
	}
	for _, d := range []struct {
		kind, id string
		v        any
	}{
		{kindAccount, pd.Account, account{ID: pd.Account, Email: pd.Email, Hash: pd.Hash, Created: now, Orgs: []string{pd.Org}}},
		{kindOrg, pd.Org, org{ID: pd.Org, Name: pd.OrgName, Members: map[string]Role{pd.Account: Owner}}},
	} {
		ev := Event{Action: d.kind + ".created", Actor: pd.Account, Org: pd.Org, Subject: d.id}
		if err := write(ctx, p.o.Store, d.kind, d.id, d.v, 0, ev); err != nil && fault.Of(err) != fault.Conflict {
			return Welcome{}, err
		}
	}
	key, err := p.o.FreeKey(ctx, pd.Org, pd.App)
	if err != nil {
		return Welcome{}, fault.Wrap(fault.Unavailable, err, "the account is made, its first key is not: use the link again in a minute")
	}
	if err := p.o.Store.Delete(ctx, kindPending, id, version); err != nil {
		return Welcome{}, err
	}
	return Welcome{Account: pd.Account, Org: pd.Org, App: pd.App, Key: key}, nil
}
