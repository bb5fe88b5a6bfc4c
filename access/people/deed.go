package people

import "context"

// Deed is what a write to the Store is about: something for the audit log. The store
// that keeps such a log takes it from the context of Put (DeedOf) and writes both in one
// transaction, so that there is neither without the other.
type Deed struct {
	Action  string // member.role_changed, account.password_changed ...
	Actor   string // account
	Org     string // "" when it is of the account alone
	Subject string // account that it happened to
	Detail  map[string]string
}

type deedKey struct{}

func deed(ctx context.Context, d Deed) context.Context {
	return context.WithValue(ctx, deedKey{}, d)
}

// ofSelf is a deed of an account on itself.
func ofSelf(ctx context.Context, action, id string) context.Context {
	return deed(ctx, Deed{Action: action, Actor: id, Subject: id})
}

// DeedOf gives what the write is about, when it is about anything.
func DeedOf(ctx context.Context) (Deed, bool) {
	d, ok := ctx.Value(deedKey{}).(Deed)
	return d, ok
}
