// Package fault is the closed list of ways a request or a frame can fail.
//
// It says what kind of failure happened, so that programs can decide; one
// sentence for the caller; and the cause, for the log. It never says how a
// failure is shown: only api/problem maps a Kind to an HTTP status, and only cmd maps
// one to an exit code. Everyone above the ground floor uses it.
package fault

import (
	"errors"
	"fmt"
)

// Kind is what a program may decide on. The list is closed.
type Kind uint8

// The kinds. Internal is the zero value, so that a forgotten kind is never
// mistaken for the caller's mistake.
const (
	Internal    Kind = iota // our defect, or a broken invariant
	Invalid                 // the input is wrong and will be wrong again
	Unknown                 // no such asset, pair, venue, key
	Unauthentic             // who asks is not known
	Denied                  // who asks may not
	Exhausted               // a limit or quota is used up: wait
	Conflict                // the state does not allow it now
	Unavailable             // an upstream or store is out of reach: try again
	Unaccepted              // none of the formats asked for can be produced
	TooLarge                // more than one request may ask for or send
)

var names = [...]string{"internal", "invalid", "unknown", "unauthentic", "denied", "exhausted", "conflict", "unavailable", "unaccepted", "too_large"}

// String is the kind's stable lower-case name, used as the `code` of an error answer.
func (k Kind) String() string {
	if int(k) < len(names) {
		return names[k]
	}
	return "internal"
}

// Kinds lists every kind in declaration order.
func Kinds() []Kind {
	out := make([]Kind, len(names))
	for i := range out {
		out[i] = Kind(i)
	}
	return out
}

// Retryable tells whether the same request may succeed later without change.
func (k Kind) Retryable() bool { return k == Exhausted || k == Unavailable || k == Internal }

// Error carries a kind, a sentence for the caller and a cause for the log.
// Public says what, where and how to fix it, and never holds a secret.
type Error struct {
	Kind   Kind
	Public string
	// Field is the place of the mistake in the caller's terms, such as
	// `query.limit`, or empty.
	Field string
	Cause error
}

// Error is the text for logs: the public sentence and the cause.
func (e *Error) Error() string {
	if e.Cause != nil {
		return e.Public + ": " + e.Cause.Error()
	}
	return e.Public
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Cause }

// New makes an error of a kind with a sentence for the caller.
func New(k Kind, format string, args ...any) error {
	return &Error{Kind: k, Public: fmt.Sprintf(format, args...)}
}

// At is New with the place of the mistake.
func At(k Kind, field, format string, args ...any) error {
	return &Error{Kind: k, Field: field, Public: fmt.Sprintf(format, args...)}
}

// Wrap keeps the cause for the log and tells the caller only the sentence.
func Wrap(k Kind, cause error, format string, args ...any) error {
	return &Error{Kind: k, Public: fmt.Sprintf(format, args...), Cause: cause}
}

// Of gives the kind of the outermost Error in the chain, Internal otherwise.
func Of(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}

// Public gives the sentence for the caller. An error that is no *Error gives a
// general sentence: its text is for the log.
func Public(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Public
	}
	return "something failed on our side; the log has the cause"
}

// Field gives the place of the mistake, or "".
func Field(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Field
	}
	return ""
}
