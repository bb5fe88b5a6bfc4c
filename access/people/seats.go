package people

import (
	"context"
	"slices"
	"time"

	"github.com/assayhq/assay/fault"
)

// Place is a session as its owner sees it in a list.
type Place struct {
	ID    string // names it; the token cannot be told from it
	Began time.Time
	Seen  time.Time // last use, to a minute
	From  string    // network
	Mine  bool      // the one that asks
}

const placeLen = 16 // of the digest's 64 digits

// Places lists the sessions of whoever a token stands for, newest first.
func (p *People) Places(ctx context.Context, token string) ([]Place, error) {
	me, err := p.Session(ctx, token)
	if err != nil {
		return nil, err
	}
	a, _, err := read[account](ctx, p.o.Store, kindAccount, me.Account)
	if err != nil {
		return nil, err
	}
	var out []Place
	now := p.o.Now()
	for _, x := range a.Sessions {
		s, _, err := read[Session](ctx, p.o.Store, kindSession, x.ID)
		if err != nil && fault.Of(err) != fault.Unknown {
			return nil, err
		}
		if err != nil || s.Generation != a.Generation || now.Sub(s.Began) >= p.o.Absolute || now.Sub(s.Seen) >= p.o.Idle {
			continue
		}
		out = append(out, Place{ID: x.ID[:placeLen], Began: s.Began, Seen: s.Seen, From: x.From, Mine: x.ID == digest(token)})
	}
	return out, nil
}

// EndPlace ends one session of whoever a token stands for.
func (p *People) EndPlace(ctx context.Context, token, id string) error {
	me, err := p.Session(ctx, token)
	if err != nil {
		return err
	}
	_, err = update(ctx, p.o.Store, kindAccount, me.Account, func(a *account) error {
		n := len(a.Sessions)
		a.Sessions = slices.DeleteFunc(a.Sessions, func(s seat) bool { return len(id) == placeLen && s.ID[:placeLen] == id })
		if len(a.Sessions) == n {
			return fault.At(fault.Unknown, "path.id", "there is no such session")
		}
		return nil
	}, Event{Action: "account.session_ended", Actor: me.Account, Subject: me.Account})
	return err
}

// LogOut ends a session. An unknown token is no error.
func (p *People) LogOut(ctx context.Context, token string) error {
	id := digest(token)
	for try := 0; ; try++ {
		s, version, err := read[Session](ctx, p.o.Store, kindSession, id)
		if err == nil {
			err = p.o.Store.Delete(ctx, kindSession, id, version)
		}
		switch {
		case err == nil:
			_, err = update(ctx, p.o.Store, kindAccount, s.Account, func(a *account) error {
				a.Sessions = slices.DeleteFunc(a.Sessions, func(s seat) bool { return s.ID == id })
				return nil
			})
			if fault.Of(err) == fault.Unknown || fault.Of(err) == fault.Conflict {
				err = nil // the session is gone; a place without one is not listed
			}
			return err
		case fault.Of(err) == fault.Unknown:
			return nil
		case fault.Of(err) != fault.Conflict || try == 7:
			return err
		}
	}
}

// LogOutEverywhere ends all sessions of an account.
func (p *People) LogOutEverywhere(ctx context.Context, id string) error {
	_, err := update(ctx, p.o.Store, kindAccount, id, func(a *account) error {
		a.Generation++
		a.Sessions = nil
		return nil
	}, Event{Action: "account.sessions_ended", Actor: id, Subject: id})
	return err
}
