package people

import (
	"context"
	"slices"
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

// seat is a session as its account knows it: one that has none is over.
type seat struct {
	ID    string    `json:"id"` // digest of the token
	Began time.Time `json:"began"`
	From  string    `json:"from"` // network
}

const maxSessions = 20 // of an account; one more ends the oldest

func (a *account) seated(id string) bool {
	return slices.ContainsFunc(a.Sessions, func(s seat) bool { return s.ID == id })
}

func (p *People) begin(ctx context.Context, a account, token string) (Session, error) {
	now := p.o.Now()
	s := Session{Account: a.ID, Began: now, Seen: now, Generation: a.Generation}
	return s, write(ctx, p.o.Store, kindSession, digest(token), s, 0)
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
	if err != nil || a.Generation != s.Generation || !a.seated(id) || now.Sub(s.Began) >= p.o.Absolute || now.Sub(s.Seen) >= p.o.Idle {
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
