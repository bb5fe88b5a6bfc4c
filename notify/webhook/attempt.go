package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/notify"
)

// handle makes one attempt and records it. If it cannot be recorded the claim runs out and
// the delivery is made again: that is what at-least-once means.
func (e *Engine) handle(ctx context.Context, d notify.Delivery) {
	a := notify.Attempt{Event: d.Event.ID, Type: d.Event.Type, Endpoint: d.Endpoint, N: d.N, At: e.o.Now()}
	if err := e.attempt(ctx, d, &a); err != nil {
		// Nothing was sent because a store is out of reach; the claim runs out.
		e.o.Log.ErrorContext(ctx, "webhook: delivery not attempted", "event", d.Event.ID, "endpoint", d.Endpoint, "err", err)
		return
	}
	a.Took = max(0, e.o.Now().Sub(a.At))
	var next time.Time
	if a.Outcome == notify.Failed {
		if wait, ok := Wait(d.N, e.o.Random()); ok {
			next = e.o.Now().Add(wait)
		} else {
			a.Outcome = notify.Exhausted
		}
	}
	ctx, cancel := context.WithTimeout(ctx, ledger)
	defer cancel()
	// Before the record: if this process dies between the two, the repetition finds the
	// endpoint disabled.
	if a.Outcome == notify.Gone {
		if err := e.endpoints.Disable(ctx, d.Endpoint, "it answered 410 Gone"); err != nil && fault.Of(err) != fault.Unknown {
			e.o.Log.ErrorContext(ctx, "webhook: endpoint not disabled", "endpoint", d.Endpoint, "err", err)
			return
		}
	}
	if err := e.outbox.Record(ctx, a, next); err != nil {
		e.o.Log.ErrorContext(ctx, "webhook: attempt not recorded, it will be repeated", "event", d.Event.ID, "endpoint", d.Endpoint, "err", err)
		return
	}
	e.o.Log.DebugContext(ctx, "webhook: attempt", "event", a.Event, "endpoint", a.Endpoint, "n", a.N, "status", a.Status, "outcome", a.Outcome)
}

// attempt fills in what became of it. An error means that no attempt could be made and
// none should be counted.
func (e *Engine) attempt(ctx context.Context, d notify.Delivery, a *notify.Attempt) error {
	p, keys, err := e.prepare(ctx, d.Endpoint, a.At)
	if err != nil {
		return err
	}
	if p.State != notify.Enabled || p.Org != d.Event.Org {
		a.Outcome, a.Error = notify.Dropped, "the endpoint is disabled or deleted"
		return nil
	}
	a.Outcome = notify.Failed
	if to, is := strings.CutPrefix(p.URL, MailScheme); is {
		e.post(ctx, d.Event, to, a)
		return nil
	}
	if keys == nil {
		a.Error = "the endpoint has no signing secret that can be used; give it a new one"
		return nil
	}
	u, err := e.guard.parse(p.URL)
	if err != nil {
		a.Error = fault.Public(err)
		return nil
	}
	body, err := d.Event.Payload()
	if err != nil {
		a.Error = fault.Public(err)
		return nil
	}
	sig, err := Sign(d.Event.ID, a.At, body, keys...)
	if err != nil {
		a.Error = fault.Public(err)
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		a.Error = "the endpoint's URL cannot be called"
		return nil
	}
	// The specification writes these in lower case; header names have no case.
	r.Header.Set(HeaderID, d.Event.ID)
	r.Header.Set(HeaderTimestamp, strconv.FormatInt(a.At.Unix(), 10))
	r.Header.Set(HeaderSignature, sig)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", e.o.Agent)
	e.send(r, a)
	return nil
}

// MailScheme begins the address of an endpoint that gets letters: mailto:ops@example.com.
const MailScheme = "mailto:"

// post writes a letter in the place of a request.
func (e *Engine) post(ctx context.Context, ev notify.Event, to string, a *notify.Attempt) {
	if e.o.Mail == nil {
		a.Error = "no mail server is set up here"
		return
	}
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	if err := e.o.Mail(ctx, ev, to); err != nil {
		a.Error = fault.Public(err)
		return
	}
	a.Outcome = notify.Delivered
}

// prepare finds the endpoint and the keys that sign for it, nil when there are none. An
// endpoint that is deleted is the same as a disabled one.
func (e *Engine) prepare(ctx context.Context, id string, at time.Time) (notify.Endpoint, []Key, error) {
	ctx, cancel := context.WithTimeout(ctx, ledger)
	defer cancel()
	p, err := e.endpoints.Endpoint(ctx, id)
	if fault.Of(err) == fault.Unknown && err != nil {
		return notify.Endpoint{State: notify.Disabled}, nil, nil
	}
	if err != nil || p.State != notify.Enabled {
		return p, nil, err
	}
	var keys []Key
	for i := range p.Secrets {
		s := &p.Secrets[i]
		if !s.Live(at) || len(keys) == notify.MaxSecrets {
			continue
		}
		text, err := e.secrets.Secret(ctx, s.Ref)
		var k Key
		if err == nil {
			k, err = ParseKey(text)
		}
		switch {
		case err == nil && (k.mac != nil || k.private != nil):
			keys = append(keys, k)
		case err != nil && fault.Of(err) != fault.Unknown && fault.Of(err) != fault.Invalid:
			return p, nil, err // the keeper of secrets is out of reach
		default:
			// It will be wrong again. The others still sign, so a receiver in the
			// middle of a change of secrets is served.
			e.o.Log.WarnContext(ctx, "webhook: signing secret cannot be used", "endpoint", id, "ref", s.Ref, "err", err)
		}
	}
	return p, keys, nil
}

func (e *Engine) send(r *http.Request, a *notify.Attempt) {
	resp, err := e.client.Do(r)
	if err != nil {
		a.Error = reason(err)
		return
	}
	defer resp.Body.Close()
	// What is not read is not drained either: the connection is closed instead.
	b, err := io.ReadAll(io.LimitReader(resp.Body, notify.MaxResponse))
	// The status decides even when the body breaks off: the receiver has the event.
	a.Status, a.Response = resp.StatusCode, printable(b)
	switch s := resp.StatusCode; {
	case s >= 200 && s <= 299:
		a.Outcome = notify.Delivered
	case s == http.StatusGone:
		a.Outcome, a.Error = notify.Gone, "the endpoint answered 410 Gone and was disabled"
	case s >= 300 && s <= 399:
		a.Error = "the endpoint answered with a redirect, which is not followed; register the final URL"
	default:
		a.Error = "the endpoint answered with status " + strconv.Itoa(s)
	}
	if err != nil && a.Error == "" {
		a.Error = "the answer's body broke off"
	}
}

// reason says why no answer came. The text of a network error is not shown: it holds the
// URL, which may carry a secret, and addresses that our resolver knows.
func reason(err error) string {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f.Public
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer within " + Timeout.String()
	}
	if t, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err); ok && t.Timeout() {
		return "the endpoint is too slow"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "the endpoint's certificate is not valid for its name"
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "the endpoint's certificate is for another name"
	}
	return "the connection failed before an answer came"
}

// printable makes an answer fit for a log and a page: valid UTF-8 without control
// characters other than line breaks and tabs.
func printable(b []byte) string {
	s := strings.Map(func(c rune) rune {
		if c < ' ' && c != '\n' && c != '\t' || c == 0x7f {
			return -1
		}
		return c
	}, strings.ToValidUTF8(string(b), "?"))
	return s
}
