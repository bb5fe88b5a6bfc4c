package people

import (
	"context"
	"time"

	"github.com/assayhq/assay/fault"
)

// Profile is what somebody sees of the own account.
type Profile struct {
	Account  string
	Email    string
	Created  time.Time
	TOTP     bool
	Recovery int // recovery codes left
	Passkeys []Passkey
	Orgs     []Membership
}

// Profile gives the account with its organisations.
func (p *People) Profile(ctx context.Context, id string) (Profile, error) {
	a, _, err := read[account](ctx, p.o.Store, kindAccount, id)
	if err != nil {
		return Profile{}, err
	}
	out := Profile{Account: id, Email: a.Email, Created: a.Created, TOTP: a.TOTP.Enabled, Recovery: len(a.TOTP.Recovery)}
	for i := range a.Passkeys {
		out.Passkeys = append(out.Passkeys, a.Passkeys[i].Passkey)
	}
	for _, x := range a.Orgs {
		o, _, err := read[org](ctx, p.o.Store, kindOrg, x)
		if err != nil && fault.Of(err) != fault.Unknown {
			return Profile{}, err
		}
		if r := o.Members[id]; r != "" {
			out.Orgs = append(out.Orgs, Membership{x, o.Name, r})
		}
	}
	return out, nil
}

// DeleteAccount ends an account for ever; it needs the password, and a code when there
// is a second factor. Organisations that nobody else is in end with it, and what they
// have (Options.EndOrg); one with other members needs another owner first. When it
// breaks off half-way it can be called again.
func (p *People) DeleteAccount(ctx context.Context, id, password, code string) error {
	a, _, err := read[account](ctx, p.o.Store, kindAccount, id)
	if err != nil {
		return err
	}
	if err := p.reprove(ctx, a, password); err != nil {
		return err
	}
	if a.TOTP.Enabled {
		if err := p.second(ctx, id, code); err != nil {
			return err
		}
	}
	// First whether it can be done, so that it is not half done and then refused.
	for _, x := range a.Orgs {
		o, _, err := read[org](ctx, p.o.Store, kindOrg, x)
		if err != nil && fault.Of(err) != fault.Unknown {
			return err
		}
		if o.Members[id] == "" || len(o.Members) == 1 {
			continue
		}
		delete(o.Members, id)
		if err := o.owned(); err != nil {
			return fault.New(fault.Conflict, "you are the only owner of %q, which has other members: make one of them owner first", o.Name)
		}
	}
	for _, x := range a.Orgs {
		if err := p.leave(ctx, id, x); err != nil {
			return err
		}
	}
	for _, d := range [][2]string{{kindEmail, digest(a.Email)}, {kindAccount, id}} {
		_, version, err := p.o.Store.Get(ctx, d[0], d[1])
		if err == nil {
			var done []Event
			if d[0] == kindAccount {
				done = []Event{{Action: "account.deleted", Actor: id, Subject: id}}
			}
			err = p.o.Store.Delete(ctx, d[0], d[1], version, done...)
		}
		if err != nil && fault.Of(err) != fault.Unknown {
			return err
		}
	}
	return nil
}

// leave takes an account out of an organisation, and ends that when nobody else is in.
func (p *People) leave(ctx context.Context, id, orgID string) error {
	o, version, err := read[org](ctx, p.o.Store, kindOrg, orgID)
	switch {
	case err != nil && fault.Of(err) != fault.Unknown:
		return err
	case err == nil && o.Members[id] == "":
		return nil
	case err == nil && len(o.Members) > 1:
		return p.SetRole(ctx, id, orgID, id, "")
	case err == nil:
		// The version guards against somebody who joins at this moment.
		err := p.o.Store.Delete(ctx, kindOrg, orgID, version, Event{Action: "org.deleted", Actor: id, Org: orgID, Subject: orgID})
		if err != nil {
			return err
		}
	}
	if p.o.EndOrg == nil {
		return nil
	}
	return p.o.EndOrg(ctx, orgID)
}
