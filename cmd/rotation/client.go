package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// source is where the clients of a ring read their secret: a file, a vault.
type source struct{ token atomic.Pointer[string] }

func (s *source) set(token string) { s.token.Store(&token) }
func (s *source) read() string     { return *s.token.Load() }

// holder is a client's two slots: the key in use, and the one before it.
type holder struct {
	source *source
	mu     sync.Mutex
	now    string
	before string
}

func newHolder(s *source) *holder { return &holder{source: s, now: s.read()} }

func (h *holder) token() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

// spare is the key before the one in use: a server that has not heard of a new key yet
// still knows that.
func (h *holder) spare() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.before
}

// refresh reads the source again and tells whether it has another key.
func (h *holder) refresh() bool {
	t := h.source.read()
	h.mu.Lock()
	defer h.mu.Unlock()
	if t == h.now {
		return false
	}
	h.now, h.before = t, h.now
	return true
}

// tally counts what happened to the clients.
type tally struct {
	requests, failed, dropped     atomic.Int64
	ticks, moves, reauths, reopen atomic.Int64
	unavailable                   atomic.Int64 // answers 503 and broken connections, all retried
	spares                        atomic.Int64 // requests that a server let in with the spare key only
	mu                            sync.Mutex
	took                          []time.Duration
	reasons                       io.Writer
}

func (t *tally) reason(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(t.reasons, format+"\n", args...)
}

func (t *tally) done(d time.Duration) {
	t.requests.Add(1)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.took = append(t.took, d)
}

// client is one simulated client that keeps the rules: it reads its source again when an
// answer says that its key retires or has ended, tries once more then, and goes to
// another server when one is out of reach.
type client struct {
	f       *fleet
	tally   *tally
	agent   string
	holder  *holder
	watches bool // it looks at its source by itself, as one that watches a file
}

// reply is one answer.
type reply struct {
	status int
	notice bool
	text   string
}

// ask sends one request.
func (f *fleet) ask(ctx context.Context, server int, token, agent string) (reply, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+f.servers[server].config.Listen+"/v1/me", nil)
	if err != nil {
		return reply{}, err
	}
	r.Header["Authorization"] = []string{"Bearer " + token}
	r.Header["User-Agent"] = []string{agent}
	res, err := f.http.Do(r)
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	out := reply{status: res.StatusCode, notice: res.Header.Get("Assay-Credential") != ""}
	if res.StatusCode != http.StatusOK {
		var t trouble
		_ = json.Unmarshal(b, &t)
		out.text = t.Detail
	}
	return out, err
}

// retries is how long a client tries while servers are out of reach.
const retries = 30 * time.Second

// request is one request with its allowed retries.
func (c *client) request(ctx context.Context) {
	began := time.Now()
	server, token := rand.IntN(servers), c.holder.token()
	reread, spared := false, false
	pause := 20 * time.Millisecond
	var last string
	for {
		res, err := c.f.ask(ctx, server, token, c.agent)
		if ctx.Err() != nil {
			return
		}
		switch {
		case err != nil || res.status == http.StatusServiceUnavailable:
			c.tally.unavailable.Add(1)
			if last = res.text; err != nil {
				last = err.Error()
			}
			if time.Since(began) > retries {
				c.fail(fmt.Sprintf("out of reach for %v: %s", retries, last))
				return
			}
			if sleep(ctx, pause) != nil {
				return
			}
			pause = min(2*pause, time.Second)
			server = (server + 1) % servers
			continue
		case res.status == http.StatusOK:
			if spared {
				c.tally.spares.Add(1)
			}
			if res.notice && c.holder.refresh() {
				c.tally.moves.Add(1)
			}
			c.tally.done(time.Since(began))
			return
		case res.status == http.StatusUnauthorized:
			last = res.text
			// Once after reading the source again, once with the key it had before.
			if now := c.holder.token(); !reread && (c.holder.refresh() || now != token) {
				reread, token = true, c.holder.token()
				continue
			}
			if spare := c.holder.spare(); !spared && !ended(res.text) && spare != "" {
				spared, token = true, spare
				continue
			}
		}
		c.fail(fmt.Sprintf("server %s: %d %s (before: %s)", c.f.servers[server].config.Name, res.status, res.text, last))
		return
	}
}

// ended tells whether a 401 is about a key that is over, rather than one not known.
func ended(text string) bool {
	for _, w := range []string{"suspended", "retired", "withdrawn", "revoked", "expired"} {
		if strings.Contains(text, " is "+w) {
			return true
		}
	}
	return false
}

func (c *client) fail(why string) {
	c.tally.requests.Add(1)
	c.tally.failed.Add(1)
	c.tally.reason("failed at %.3fs: %s: key %s: %s", float64(c.f.clock.now())/1e9, c.agent, kidOf(c.holder.token()), why)
}

// kidOf is the public part of a token.
func kidOf(token string) string {
	const prefix, length = len("asy_live_"), 11
	if len(token) < prefix+length {
		return ""
	}
	return token[prefix : prefix+length]
}

// run sends requests at a rate until ctx ends.
func (c *client) run(ctx context.Context, rate float64) {
	gap := time.Duration(float64(time.Second) / rate)
	next := time.Now().Add(rand.N(gap))
	for sleep(ctx, time.Until(next)) == nil {
		if c.watches && c.holder.refresh() {
			c.tally.moves.Add(1)
		}
		c.request(ctx)
		if next = next.Add(gap); time.Since(next) > time.Second {
			next = time.Now() // it cannot keep up; it does not make up for it either
		}
	}
}

// percentile of durations; they are sorted on the way.
func percentile(d []time.Duration, p float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	slices.Sort(d)
	return d[min(int(p*float64(len(d))), len(d)-1)]
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
