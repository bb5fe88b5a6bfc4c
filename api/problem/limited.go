package problem

import (
	"errors"
	"time"

	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/access/limit"
)

// QuotaExceeded is the problem type of a caller above its limits, after limit.HeaderDraft.
const QuotaExceeded = "https://iana.org/assignments/http-problem-types#quota-exceeded"

// Violation is a limit that a request breaks, as it stands.
type Violation struct {
	Policy    string `json:"policy" enum:"burst,day,month,concurrency,connections,subscriptions" doc:"Its name, as in RateLimit-Policy"`
	Limit     int64  `json:"limit" doc:"The most there is: units for burst, day and month, things at the same time for the others"`
	Remaining *int64 `json:"remaining" doc:"What is left; null: not told, less than was asked for"`
	Reset     *int64 `json:"reset" doc:"Seconds until all of it is there again; null: it comes back as soon as something of the app's ends"`
}

// Limited is an error for a caller above its limits, with all that it breaks.
type Limited struct {
	Err      error
	Violated []Violation
}

// Error is the error's text for logs.
func (l *Limited) Error() string { return l.Err.Error() }

// Unwrap gives the error itself, which has the kind and the sentence.
func (l *Limited) Unwrap() error { return l.Err }

// Names are the policies that are broken, as the draft lists them in violated-policies.
func (l *Limited) Names() []string {
	var names []string
	for _, v := range l.Violated {
		names = append(names, v.Policy)
	}
	return names
}

// Limit adds to an error of the gate how the caller stands against what it breaks: under
// plan p, and by answer a, which may be nil where no units were asked for. Other errors stay
// as they are.
func Limit(err error, p limit.Plan, a *limit.Answer) error {
	e, ok := errors.AsType[*gate.Exceeded](err)
	if !ok {
		return err
	}
	l := &Limited{Err: err}
	for _, name := range e.Policies {
		l.Violated = append(l.Violated, violation(name, &p, a))
	}
	return l
}

func violation(name string, p *limit.Plan, a *limit.Answer) Violation {
	v, s := Violation{Policy: name}, (*limit.Standing)(nil)
	switch name {
	case "burst":
		v.Limit = p.Burst
	case "day":
		v.Limit = p.Daily
	case "month":
		v.Limit = p.Monthly
	case "concurrency":
		v.Limit, v.Remaining = p.Concurrency, new(int64)
	case "connections":
		v.Limit, v.Remaining = p.Connections, new(int64)
	case "subscriptions": // several are taken at once, or none: some may be left
		v.Limit = p.Subscriptions
	}
	if a != nil {
		s = map[string]*limit.Standing{"burst": &a.Rate, "day": &a.Day, "month": &a.Month}[name]
	}
	if s != nil {
		reset := int64((s.Reset + time.Second - 1) / time.Second)
		v.Limit, v.Remaining, v.Reset = s.Limit, &s.Remaining, &reset
	}
	return v
}
