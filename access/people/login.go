package people

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/assayhq/assay/fault"
)

// ErrSecondFactor is the cause when the password was right and a code is needed. It
// is told only to whoever has the password.
var ErrSecondFactor = errors.New("second factor needed")

const maxKnown = 8 // networks that are remembered with an account

// LogIn proves a person and begins a session. code is a TOTP code or a recovery
// code, or empty. Failures: fault.Unauthentic, with the cause ErrSecondFactor when only
// the code is missing or wrong; fault.Exhausted when this network, or strangers to
// this account, must wait.
func (p *People) LogIn(ctx context.Context, from netip.Addr, email, password, code string) (token string, s Session, err error) {
	email, err = address(email)
	if err != nil || len(password) > maxPassword || len(code) > 64 {
		return "", s, wrong()
	}
	now, net, mail := p.o.Now(), prefix(from), digest(email)
	a, found, err := p.byEmail(ctx, mail)
	if err != nil {
		return "", s, err
	}
	// Counted before the work, so that many attempts at once are counted too.
	if err := p.pairs.enter(now, mail+" "+net); err != nil {
		return "", s, err
	}
	if err := p.prefixes.enter(now, net); err != nil && !slices.Contains(a.Known, net) {
		return "", s, err
	}
	if !slices.Contains(a.Known, net) {
		if err := p.accounts.enter(now, mail); err != nil {
			return "", s, err
		}
	}
	hash := a.Hash
	if !found {
		hash = p.dummy
	}
	ok, stale, err := p.matches(ctx, password, hash)
	if err != nil {
		return "", s, err
	}
	if !ok || !found {
		return "", s, wrong()
	}
	if a.TOTP.Enabled {
		if err := p.second(ctx, a.ID, code); err != nil {
			return "", s, err
		}
	}
	fresh := ""
	if stale {
		if fresh, err = p.hash(ctx, password); err != nil {
			return "", s, err
		}
	}
	old := a.Hash
	token = secret()
	a, err = update(ctx, p.o.Store, kindAccount, a.ID, func(a *account) error {
		if a.Hash != old { // the password was changed meanwhile: this log-in proved the old one
			return wrong()
		}
		if fresh != "" {
			a.Hash = fresh
		}
		a.admit(token, net, now)
		return nil
	})
	if err != nil {
		return "", s, err
	}
	p.pairs.forget(mail + " " + net)
	p.prefixes.forgive(net)
	s, err = p.begin(ctx, a, token)
	return token, s, err
}

// admit notes a log-in from a network and gives it the first seat.
func (a *account) admit(token, net string, now time.Time) {
	a.Known = slices.DeleteFunc(a.Known, func(k string) bool { return k == net })
	a.Known = append([]string{net}, a.Known[:min(len(a.Known), maxKnown-1)]...)
	a.Sessions = append([]seat{{ID: digest(token), Began: now, From: net}}, a.Sessions[:min(len(a.Sessions), maxSessions-1)]...)
}

// byEmail reads an account; for an unknown address it reads as many documents.
func (p *People) byEmail(ctx context.Context, mail string) (a account, found bool, err error) {
	id, _, err := read[string](ctx, p.o.Store, kindEmail, mail)
	if err != nil {
		if fault.Of(err) != fault.Unknown {
			return a, false, err
		}
		id = "acc_nobody"
	}
	a, _, err = read[account](ctx, p.o.Store, kindAccount, id)
	if err != nil && fault.Of(err) != fault.Unknown {
		return a, false, err
	}
	return a, err == nil, nil
}

// reprove asks a person who is logged in for the password again, with the limits of
// a log-in.
func (p *People) reprove(ctx context.Context, a account, password string) error {
	if len(password) > maxPassword {
		return wrong()
	}
	key := "reprove " + a.ID
	if err := p.pairs.enter(p.o.Now(), key); err != nil {
		return err
	}
	ok, _, err := p.matches(ctx, password, a.Hash)
	if err != nil {
		return err
	}
	if !ok {
		return wrong()
	}
	p.pairs.forget(key)
	return nil
}

// prefix is the network of an address: /24 of IPv4, /48 of IPv6.
func prefix(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	bits := 48
	if a.Is4() {
		bits = 24
	}
	n, err := a.Prefix(bits)
	if err != nil {
		return "unknown"
	}
	return strings.ToLower(n.String())
}
