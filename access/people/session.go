package people

import (
	"context"
	"time"

	"github.com/assayhq/assay/fault"
)

// Session is somebody who is logged in. Its token is not in it.
type Session struct {
	Account string    `json:"account"`
	Began   time.Time `json:"began"`
	// Seen is the last use, written at most once a minute.
	Seen       time.Time `json:"seen"`
	Generation int       `json:"generation"` // of the account when it began
}

const sessionGrain = time.Minute

func (p *People) begin(ctx context.Context, a account) (string, Session, error) {
	now, token := p.o.Now(), secret()
	s := Session{Account: a.ID, Began: now, Seen: now, Generation: a.Generation}
	return token, s, write(ctx, p.o.Store, kindSession, digest(token), s, 0)
}

// Session gives who a token stands for, or fault.Unauthentic. A use prolongs the
// session up to its absolute end.
func (p *People) Session(ctx context.Context, token string) (Session, error) {
	ended := fault.New(fault.Unauthentic, "the session is not known or has ended: log in")
	if token == "" || len(token) > 128 {
		return Session{}, ended
	}
	id := digest(token)
	s, version, err := read[Session](ctx, p.o.Store, kindSession, id)
	if err != nil {
		if fault.Of(err) == fault.Unknown {
			return Session{}, ended
		}
		return Session{}, err
	}
	now := p.o.Now()
	a, _, err := read[account](ctx, p.o.Store, kindAccount, s.Account)
	if err != nil && fault.Of(err) != fault.Unknown {
		return Session{}, err
	}
	if err != nil || a.Generation != s.Generation || now.Sub(s.Began) >= p.o.Absolute || now.Sub(s.Seen) >= p.o.Idle {
		_ = p.o.Store.Delete(ctx, kindSession, id, version) // refused either way
		return Session{}, ended
	}
	if now.Sub(s.Seen) >= min(sessionGrain, p.o.Idle/4) {
		s.Seen = now
		err := write(ctx, p.o.Store, kindSession, id, s, version)
		switch {
		case err == nil:
		case fault.Of(err) == fault.Conflict:
			// Used, or ended, by another request at this moment: only the store knows.
			if s, _, err = read[Session](ctx, p.o.Store, kindSession, id); err != nil {
				if fault.Of(err) == fault.Unknown {
					return Session{}, ended
				}
				return Session{}, err
			}
		default:
			return Session{}, err
		}
	}
	return s, nil
}

// LogOut ends a session. An unknown token is no error.
func (p *People) LogOut(ctx context.Context, token string) error {
	for try := 0; ; try++ {
		_, version, err := p.o.Store.Get(ctx, kindSession, digest(token))
		if err == nil {
			err = p.o.Store.Delete(ctx, kindSession, digest(token), version)
		}
		if err == nil || fault.Of(err) == fault.Unknown {
			return nil
		}
		if fault.Of(err) != fault.Conflict || try == 7 {
			return err
		}
	}
}

// LogOutEverywhere ends all sessions of an account.
func (p *People) LogOutEverywhere(ctx context.Context, id string) error {
	_, err := update(ofSelf(ctx, "account.sessions_ended", id), p.o.Store, kindAccount, id, func(a *account) error { a.Generation++; return nil })
	return err
}
