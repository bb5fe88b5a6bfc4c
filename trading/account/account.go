// Package account asks exchanges what an account of their customer has: balances, open
// orders and fills.
//
// It is the one place that sends signed requests, and it sends only those that read: it
// knows no call that places, changes or cancels anything. What always holds: a signature
// is sent to the exchange's own address, encrypted, and follows no redirect; no error
// carries an address with its query, a header or a body; an answer that is not whole is
// an error, not a shorter list. The app opens one for a command and forgets it then.
package account

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/trading"
)

const (
	maxAnswer = 64 << 20 // bytes of an answer; instrument lists have 20 MB
	mostPages = 500      // of one question
	smallSkew = 2 * time.Second
)

// Options are what a Reader is made of.
type Options struct {
	Driver *venue.Driver
	Keys   venue.Credentials
	// Code turns the venue's name of an asset into ours.
	Code   func(symbol string) string
	Client *http.Client // nil: one with a timeout
	// Base overrides the venue's address, for tests and proxies. It is https, or on this
	// machine.
	Base string
	Now  func() time.Time // nil: the clock
}

// Reader asks one venue about one account. Not safe for concurrent use: venues want each
// nonce to be greater than the one before.
type Reader struct {
	d      *venue.Driver
	keys   venue.Credentials
	table  *venue.Table
	client *http.Client
	base   string // of private calls
	public string
	now    func() time.Time
	skew   time.Duration // the venue's clock less ours, where it matters
	nonce  int64
}

// New checks that what is needed is there. It asks nothing yet.
func New(o Options) (*Reader, error) {
	p := o.Driver.Private
	if p == nil {
		return nil, fault.At(fault.Unknown, "venue", "accounts of %s cannot be read here yet", o.Driver.Spec.Name)
	}
	if err := o.Keys.Check(p.Needs); err != nil {
		return nil, err
	}
	r := &Reader{d: o.Driver, keys: o.Keys, table: venue.NewTable(o.Driver, o.Code), base: o.Base, public: o.Base, now: o.Now}
	if r.base == "" {
		r.base, r.public = p.Base, o.Driver.Spec.Base
	}
	if r.base == "" {
		r.base = r.public
	}
	r.base, r.public = strings.TrimSuffix(r.base, "/"), strings.TrimSuffix(r.public, "/")
	if err := safe(r.base); err != nil {
		return nil, err
	}
	if r.now == nil {
		r.now = time.Now
	}
	c := http.Client{Timeout: 30 * time.Second}
	if o.Client != nil {
		c = *o.Client
	}
	// A redirect would take the signature elsewhere.
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	r.client = &c
	return r, nil
}

// safe refuses to send what proves who asks over an open line.
func safe(base string) error {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" {
		return fault.At(fault.Invalid, "endpoints", "the address of the exchange is no address: write https://HOST")
	}
	ip := net.ParseIP(u.Hostname())
	if u.Scheme != "https" && u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fault.At(fault.Invalid, "endpoints", "signed requests are sent encrypted or not at all: write https:// for %s", u.Host)
	}
	return nil
}

// Learn asks for the venue's instruments, so that pairs and the sizes of contracts are
// known, and notices on the way how far the venue's clock is from ours.
func (r *Reader) Learn(ctx context.Context) error {
	a := venue.Ask{What: venue.AskInstruments}
	for range mostPages {
		q, err := r.d.REST.Request(a)
		if err != nil {
			return err
		}
		c := venue.Call{Path: q.Path, Body: q.Body, Open: true}
		status, body, err := r.send(ctx, r.public, c.Unsigned())
		if err != nil {
			return err
		}
		if status/100 != 2 {
			return r.refused(r.d.REST.Failure, status, body)
		}
		u, err := url.Parse(r.public + q.Path)
		if err != nil {
			return fault.Wrap(fault.Internal, err, "the address of %s's instruments", r.d.Spec.Name)
		}
		var got market.Batch
		if err := r.d.REST.Decode(u, body, r.table, &got); err != nil {
			return err
		}
		more := false
		if r.d.REST.Next != nil {
			a, more = r.d.REST.Next(a, &got)
		}
		if !more {
			return nil
		}
	}
	return fault.New(fault.Unavailable, "the list of instruments of %s does not end", r.d.Spec.Name)
}

// Instrument gives the venue's instrument of a pair.
func (r *Reader) Instrument(p market.Pair) (*market.Instrument, error) {
	in, ok := r.table.ByPair(p)
	if !ok {
		return nil, fault.At(fault.Unknown, "pair", "%s does not trade %s", r.d.Spec.Name, p)
	}
	return in, nil
}

// Read asks, page by page, and gives everything that was said. Fills that pages tell
// twice are there once, and those before From or after To are left out.
func (r *Reader) Read(ctx context.Context, a venue.AccountAsk) (*trading.Account, error) {
	p := r.d.Private
	a.Account = r.keys.Reveal(venue.FieldAccount)
	all, from, to := &trading.Account{}, a.From, a.To
	type id struct{ symbol, order, fill string }
	seen := map[id]bool{}
	for range mostPages {
		c, err := p.Request(a)
		if err != nil {
			return nil, err
		}
		status, body, err := r.call(ctx, c)
		if err != nil {
			return nil, err
		}
		if status/100 != 2 {
			return nil, r.refused(p.Failure, status, body)
		}
		var got trading.Account
		if err := p.Decode(a, body, r.table, &got); err != nil {
			return nil, err
		}
		all.Balances = append(all.Balances, got.Balances...)
		all.Orders = append(all.Orders, got.Orders...)
		all.Notices = append(all.Notices, got.Notices...)
		for _, f := range got.Fills {
			if !f.At.IsZero() && (f.At.Before(from) || !to.IsZero() && !f.At.Before(to)) {
				continue // a page can reach beyond what was asked for
			}
			if k := (id{f.Symbol, f.OrderID, f.ID}); f.ID == "" || !seen[k] {
				seen[k] = true
				all.Fills = append(all.Fills, f)
			}
		}
		more := false
		if p.Next != nil {
			a, more = p.Next(a, &got)
		}
		if !more {
			return all, nil
		}
	}
	return nil, fault.At(fault.TooLarge, "since", "%s has more %s than %d pages: ask for less", r.d.Spec.Name, a.What, mostPages)
}

// call signs and sends.
func (r *Reader) call(ctx context.Context, c venue.Call) (int, []byte, error) {
	u, err := url.Parse(r.base)
	if err != nil {
		return 0, nil, fault.Wrap(fault.Internal, err, "the address of %s", r.d.Spec.Name)
	}
	c.Host = u.Host
	m := venue.Moment{Time: r.now().Add(r.skew)}
	r.nonce = max(r.nonce+1, m.Time.UnixMilli())
	m.Nonce = r.nonce
	if _, err := rand.Read(m.Random[:]); err != nil {
		return 0, nil, err
	}
	s, err := r.d.Private.Sign(c, r.keys, m)
	if err != nil {
		return 0, nil, err
	}
	return r.send(ctx, r.base, s)
}

func (r *Reader) send(ctx context.Context, base string, s venue.Signed) (int, []byte, error) {
	var body io.Reader
	if s.Body != "" {
		body = strings.NewReader(s.Body)
	}
	req, err := http.NewRequestWithContext(ctx, s.Method, base+s.Path, body)
	if err != nil {
		return 0, nil, fault.New(fault.Invalid, "the request to %s is none", r.d.Spec.Name) // err has the address
	}
	req.Header.Set("User-Agent", "assay")
	req.Header.Set("Accept", "application/json")
	for name, v := range s.Header {
		req.Header.Set(name, v)
	}
	before := r.now()
	res, err := r.client.Do(req)
	if err != nil {
		// The address in the error can hold the key and the signature.
		if e := (*url.Error)(nil); errors.As(err, &e) {
			err = e.Err
		}
		if ctx.Err() != nil {
			return 0, nil, ctx.Err()
		}
		return 0, nil, fault.Wrap(fault.Unavailable, err, "%s cannot be reached", r.d.Spec.Name)
	}
	defer res.Body.Close()
	r.compare(before, r.now(), res.Header.Get("Date"))
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return 0, nil, fault.Wrap(fault.Unavailable, err, "the answer of %s was cut off", r.d.Spec.Name)
	case len(b) > maxAnswer:
		return 0, nil, fault.New(fault.TooLarge, "the answer of %s is larger than %d MB", r.d.Spec.Name, maxAnswer>>20)
	case res.StatusCode/100 == 3:
		return 0, nil, fault.New(fault.Unavailable, "%s sends us elsewhere (HTTP %d), and a signed request follows nobody", r.d.Spec.Name, res.StatusCode)
	}
	return res.StatusCode, b, nil
}

// compare notices when our clock is too far from the venue's for its window. The header
// has whole seconds, so that less than two tell nothing.
func (r *Reader) compare(before, after time.Time, date string) {
	at, err := http.ParseTime(date)
	if err != nil || r.d.Private.Window == 0 {
		return
	}
	skew := at.Add(500 * time.Millisecond).Sub(before.Add(after.Sub(before) / 2))
	if skew.Abs() < smallSkew {
		skew = 0
	}
	r.skew = skew
}

// refused makes an error of an answer with an error status.
func (r *Reader) refused(read func(int, []byte) error, status int, body []byte) error {
	if read != nil {
		if err := read(status, body); err != nil {
			return err
		}
	}
	kind := fault.Invalid
	switch {
	case status == http.StatusUnauthorized:
		kind = fault.Unauthentic
	case status == http.StatusForbidden:
		kind = fault.Denied
	case status == http.StatusTooManyRequests:
		kind = fault.Exhausted
	case status >= 500:
		kind = fault.Unavailable
	}
	return fault.New(kind, "%s refused the request (HTTP %d)", r.d.Spec.Name, status)
}
