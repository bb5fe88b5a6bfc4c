package people

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/assayhq/assay/fault"
)

// ChangePassword needs the old password, also of who is logged in, and ends all other
// sessions.
func (p *People) ChangePassword(ctx context.Context, token, old, fresh string) error {
	me, err := p.Session(ctx, token)
	if err != nil {
		return err
	}
	a, _, err := read[account](ctx, p.o.Store, kindAccount, me.Account)
	if err != nil {
		return err
	}
	if err := acceptable(fresh, a.Email); err != nil {
		return err
	}
	if err := p.reprove(ctx, a, old); err != nil {
		return err
	}
	hash, err := p.hash(ctx, fresh)
	if err != nil {
		return err
	}
	mine := digest(token)
	b, err := update(ctx, p.o.Store, kindAccount, me.Account, func(b *account) error {
		if b.Hash != a.Hash {
			return fault.New(fault.Conflict, "the password was changed at the same time by somebody else")
		}
		b.Hash = hash
		b.Generation++
		b.Sessions = slices.DeleteFunc(b.Sessions, func(s seat) bool { return s.ID != mine })
		return nil
	}, Event{Action: "account.password_changed", Actor: me.Account, Subject: me.Account})
	if err != nil {
		return err
	}
	_, err = update(ctx, p.o.Store, kindSession, mine, func(s *Session) error { s.Generation = b.Generation; return nil })
	if err != nil && fault.Of(err) == fault.Unknown {
		return nil // logged out at this moment
	}
	return err
}

// reset is a letter that lets its reader set a new password.
type reset struct {
	Account string    `json:"account"` // "": of nobody
	Hash    string    `json:"hash"`    // digest of the password hash that is replaced: it works once
	Expires time.Time `json:"expires"`
}

// ForgotPassword sends a letter with a token that sets a new password. The answer and
// the work are the same whether the address has an account or not.
func (p *People) ForgotPassword(ctx context.Context, from netip.Addr, email string) error {
	email, err := address(email)
	if err != nil {
		return err
	}
	if err := p.prefixes.enter(p.o.Now(), "reset "+prefix(from)); err != nil {
		return err // never forgiven, as with sign-ups
	}
	if err := p.pairs.enter(p.o.Now(), "letter "+digest(email)); err != nil {
		return err
	}
	a, found, err := p.byEmail(ctx, digest(email))
	if err != nil {
		return err
	}
	l := Letter{To: email, Kind: "reset", Token: secret()}
	x := reset{Account: a.ID, Hash: digest(a.Hash), Expires: p.o.Now().Add(p.o.Reset)}
	if !found {
		l.Kind, x.Account = "nobody", ""
	}
	if err := write(ctx, p.o.Store, kindReset, digest(l.Token), x, 0); err != nil {
		return err
	}
	return p.o.Mail(ctx, l)
}

// ResetPassword sets a new password with the token of a letter, and ends all sessions.
// A second factor stays: who has only the mailbox does not get in.
func (p *People) ResetPassword(ctx context.Context, token, fresh string) error {
	bad := fault.At(fault.Unauthentic, "token", "this token is not known, was used or has expired: ask for another letter")
	if len(token) > 128 {
		return bad
	}
	id := digest(token)
	x, version, err := read[reset](ctx, p.o.Store, kindReset, id)
	if err != nil {
		if fault.Of(err) == fault.Unknown {
			return bad
		}
		return err
	}
	if x.Account == "" || !p.o.Now().Before(x.Expires) {
		_ = p.o.Store.Delete(ctx, kindReset, id, version) // refused either way
		return bad
	}
	a, _, err := read[account](ctx, p.o.Store, kindAccount, x.Account)
	if err != nil {
		if fault.Of(err) == fault.Unknown {
			return bad
		}
		return err
	}
	if err := acceptable(fresh, a.Email); err != nil {
		return err
	}
	hash, err := p.hash(ctx, fresh)
	if err != nil {
		return err
	}
	_, err = update(ctx, p.o.Store, kindAccount, x.Account, func(a *account) error {
		if digest(a.Hash) != x.Hash {
			return bad
		}
		a.Hash = hash
		a.Generation++
		a.Sessions = nil
		a.Known = nil // whoever knew the old password may have been on any of them
		return nil
	}, Event{Action: "account.password_reset", Actor: x.Account, Subject: x.Account})
	if err != nil {
		return err
	}
	_ = p.o.Store.Delete(ctx, kindReset, id, version) // it works no more: the hash is another
	return nil
}
