package api

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/access/idem"
	"github.com/assayhq/assay/fault"
)

// Repeats remembers what requests with an Idempotency-Key were answered.
type Repeats = idem.Store

// once is the way into an operation for a request that may be a repetition: enter is
// called for the first one only.
func (x *exchange) once(enter func(*exchange)) {
	op := x.op
	names := x.r.Header[idem.Header]
	switch {
	case op.Idempotent == Never || len(names) == 0 && op.Idempotent == Accepted:
		enter(x)
		return
	case len(names) == 0:
		x.fail(fault.At(fault.Invalid, "header."+idem.Header, "this needs the header %s: a random UUID for each new request, the same for a retry", idem.Header))
		return
	case len(names) > 1:
		x.fail(fault.At(fault.Invalid, "header."+idem.Header, "the header %s was sent %d times; send it once", idem.Header, len(names)))
		return
	case x.caller.KeyID == "":
		x.fail(fault.At(fault.Unauthentic, "header."+idem.Header, "the header %s needs a key: it counts within the key's app", idem.Header))
		return
	}
	asked, err := x.fingerprint()
	if err != nil {
		x.fail(err)
		return
	}
	claim, was, err := idem.Begin(x.r.Context(), x.s.opt.Repeats, x.s.opt.Gate.Now(),
		idem.Scope{App: x.caller.Org + "\x00" + x.caller.App, Route: op.Method + " " + op.Path, Key: names[0]}, asked,
		idem.Policy{Secret: op.secret, Retention: op.keep, Rerun: x.fenced()})
	switch {
	case errors.Is(err, idem.ErrMismatch):
		x.fail(&problemError{status: http.StatusUnprocessableEntity, error: err})
	case errors.Is(err, idem.ErrInFlight):
		x.Header()["Retry-After"] = []string{"1"}
		x.fail(err)
	case err != nil:
		x.fail(err)
	case was != nil:
		h := x.Header()
		media := ""
		for _, v := range was.Header {
			if v[0] == "Content-Type" {
				media = v[1]
			}
			h.Set(v[0], v[1])
		}
		h.Set(idem.HeaderReplayed, "true")
		x.write(was.Status, media, was.Body)
	default:
		x.claim = claim
		enter(x)
	}
}

// fenced tells whether the operation is one transaction with the keeping of its answer
// (byOnce): when its server is killed it was done and answered, or not done. A retry may
// do it then, because whoever had the claim before can write no more. A rotation that
// delivers its key is more than one transaction, so its outcome can be in doubt.
func (x *exchange) fenced() bool {
	_, ok := x.s.opt.Repeats.(idem.Within)
	return ok && (x.op.ID == createKeyOp || x.op.ID == rotateRingOp && !x.pushes())
}

// pushes tells whether the body may ask for the new key to be delivered.
func (x *exchange) pushes() bool {
	var in struct {
		Push bool `json:"push"`
	}
	return x.read == nil || len(x.read.Body) > 0 && json.Unmarshal(x.read.Body, &in) != nil || in.Push
}

// The operations that call byOnce.
const createKeyOp, rotateRingOp = "create-key", "rotate-ring"

// fingerprint is of what is asked for. Where the answer holds a secret, or a key may
// act on its own ring only, with which powers is a part of it: else a weaker key of the
// same app could have the answer that a stronger one was given.
func (x *exchange) fingerprint() ([32]byte, error) {
	p, err := x.parts()
	if err != nil {
		return [32]byte{}, err
	}
	sum, err := p.Fingerprint()
	if err != nil || !x.op.secret && x.op.Scope != access.KeysRotate {
		return sum, err
	}
	return sha256.Sum256([]byte(string(sum[:]) + x.caller.Ring + "\x00" + strings.Join(access.Words(x.caller.Scopes), " "))), nil
}

// keep settles the claim with the answer that is about to be sent. What was done is
// kept; what was refused changed nothing and may be asked for again; what failed on our
// side may have been done or not, so it stays open and retries are told.
//
// The body to send is the one that is kept.
func (x *exchange) keep(status int, media string, b []byte) []byte {
	claim, kept := x.claim, x.kept
	x.claim, x.kept = nil, nil
	switch {
	case claim == nil:
		return b
	case kept != nil && status < 400:
		return kept
	}
	ctx, stop := context.WithTimeout(context.WithoutCancel(x.r.Context()), 5*time.Second) // the caller may be gone; its retry is not
	defer stop()
	var err error
	switch {
	case status < 400:
		err = claim.Finish(ctx, answerOf(status, media, x.Header(), b))
	case status < 500:
		err = claim.Abandon(ctx)
	}
	if err != nil {
		x.s.log.Warn("an answer was not kept for retries; they are told that its outcome is not known", "request_id", x.id, "operation", x.op.ID, "err", err)
	}
	return b
}

func answerOf(status int, media string, h http.Header, b []byte) idem.Answer {
	a := idem.Answer{Status: status, Header: [][2]string{{"Content-Type", media}}, Body: b}
	for _, name := range []string{"Assay-As-Of", "Assay-Quality", "Assay-Sources", "Assay-Simulated", "Location"} {
		if v := h.Get(name); v != "" {
			a.Header = append(a.Header, [2]string{name, v})
		}
	}
	return a
}

// byOnce is by for operations that make a key: the answer to a request that may be
// repeated is kept in the transaction that makes it, so its token is not lost when this
// server is killed the moment after.
func (s *Server) byOnce(ctx context.Context) gate.By {
	b := by(ctx)
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	if x == nil || x.claim == nil {
		return b
	}
	shape := shapeOf[Answer[NewKey]]()
	b.Within = func(tx access.Tx, m *gate.Made) error {
		a := Answer[NewKey]{Data: newKey(m, s.opt.Gate.Now()), Meta: ours}
		s.complete(&a.Meta)
		body := (&cold[NewKey]{&a, shape}).append(nil, x.format, x.number)
		h := http.Header{}
		x.tell(h, &a.Meta)
		done, err := x.claim.FinishIn(tx, answerOf(x.op.status, formats[x.format].media, h, body))
		if done {
			x.kept = body
		} else if err == nil && x.fenced() {
			err = fault.New(fault.TooLarge, "the answer is too long to be kept")
		}
		return err
	}
	return b
}

// secrets are the names of members that are shown once.
var secrets = []string{"Token", "Secret", "Ticket", "Session", "Codes", "SigningSecret"}

// holdsSecret tells whether an answer of a type holds something that is shown once.
func holdsSecret(t reflect.Type) bool {
	if t.Kind() != reflect.Struct {
		return false
	}
	for _, name := range secrets {
		if _, ok := t.FieldByName(name); ok {
			return true
		}
	}
	return false
}
