package emulator

import (
	"bytes"
	"fmt"
	"io"
	"net/url"
)

// keeper is a protocol that keeps accounts: it answers what a key may see and do.
type keeper interface {
	// writes tells whether a request changes something.
	writes(q *query) bool
	// account answers a request whose key was found good.
	account(q *query, a *account) reply
}

// private answers what needs a proof: own is false for public requests. A public path
// that carries a proof has it checked too, as venues do.
func (v *Venue) private(q *query) (a reply, own bool) {
	x := schemeOf(v.id)
	if x == nil {
		return reply{}, false
	}
	s := &sealed{method: q.r.Method, host: q.r.Host, path: q.r.URL.EscapedPath(), query: q.r.URL.RawQuery, header: q.r.Header, body: string(q.post())}
	q.r.Body = io.NopCloser(bytes.NewReader(q.body))
	if !x.private(s.path) {
		return reply{}, false
	}
	k, why := v.ring.check(x, s, q.clock(), v.opt.mutant)
	keep, keeps := v.proto.(keeper)
	if why == welcome && keeps && k.ReadOnly && keep.writes(q) {
		why = noRight
	}
	if why != welcome {
		v.journal.note(Entry{At: q.now, What: "refused", Channel: q.path, Detail: why.String()})
		return x.deny(why, s), true
	}
	if !keeps {
		return reply{}, false // the proof was good; what the path does is not emulated
	}
	return keep.account(q, k.account), true
}

// form is the parameters of query and body.
func (q *query) form() url.Values {
	f := url.Values{}
	for _, text := range []string{q.r.URL.RawQuery, string(q.post())} {
		if more, err := url.ParseQuery(text); err == nil {
			for k, x := range more {
				f[k] = x
			}
		}
	}
	return f
}

// listText joins rows as a JSON array.
func listText(rows [][]byte) []byte {
	return fmt.Appendf(nil, "[%s]", bytes.Join(rows, []byte{','}))
}

// Accounts tells whether the venue keeps simulated accounts: orders, fills and balances.
func (v *Venue) Accounts() bool {
	_, ok := v.proto.(keeper)
	return ok
}
