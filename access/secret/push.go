package secret

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/assayhq/assay/fault"
)

// cleaning is how long Push may take to discard after its context has ended.
const cleaning = 10 * time.Second

// Receipt tells what Push did.
type Receipt struct {
	Name     string
	Version  string // that of the value, now current
	Previous string // the version that stays usable beside it, or ""
	Already  bool   // the value was current before: nothing was written
}

// Push puts a value in the place of the current one: it writes the value as pending,
// tests it, promotes it and keeps the old one as previous. The test receives the value
// and tells whether it works, such as by asking /v1/whoami with it. When the test fails,
// the pending version is discarded and the current one was never touched. When promoting
// fails, the pending version stays, for the answer may be lost and not the change.
// Calling Push again with the same value goes on where the last call stopped.
//
// The error has the test's kind, or Conflict when it had none. An error text that
// contains the value is withheld.
func Push(ctx context.Context, w Writer, name string, v Value, test func(ctx context.Context, v Value) error) (Receipt, error) {
	if err := CheckName(name); err != nil {
		return Receipt{}, err
	}
	if err := v.Check(); err != nil {
		return Receipt{}, err
	}
	before, err := w.Read(ctx, name)
	if err != nil && fault.Of(err) != fault.Unknown {
		return Receipt{}, err
	}
	id, err := w.WritePending(ctx, name, v)
	if err != nil {
		return Receipt{}, err
	}
	r := Receipt{Name: name, Version: id, Previous: before.Current.ID}
	if id == before.Current.ID {
		r.Already, r.Previous = true, before.Previous.ID
	}
	if err := test(ctx, v); err != nil {
		return Receipt{}, r.failed(ctx, w, v, err)
	}
	if r.Already {
		return r, nil
	}
	if err := w.Promote(ctx, name, id); err != nil {
		return Receipt{}, err
	}
	return r, nil
}

// failed discards what did not pass its test and gives the error to tell.
func (r Receipt) failed(ctx context.Context, w Writer, v Value, cause error) error {
	kind := fault.Conflict
	var known *fault.Error
	switch {
	case errors.As(cause, &known):
		kind = known.Kind
	case errors.Is(cause, context.Canceled), errors.Is(cause, context.DeadlineExceeded):
		kind = fault.Unavailable
	}
	if strings.Contains(cause.Error(), v.Reveal()) {
		cause = errors.New("its error is withheld, for it contains the secret")
	}
	if r.Already {
		return fault.Wrap(kind, cause, "secret %s: the value failed its test; it is the current one and was left in place", r.Name)
	}
	// The test may have failed because ctx ended: what was written is still taken back.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleaning)
	defer cancel()
	if err := w.Discard(ctx, r.Name, r.Version); err != nil {
		return fault.Wrap(kind, errors.Join(cause, err), "secret %s: the new value failed its test and could not be discarded; version %s may still be pending", r.Name, r.Version)
	}
	return fault.Wrap(kind, cause, "secret %s: the new value failed its test and was discarded; the current one is unchanged", r.Name)
}
