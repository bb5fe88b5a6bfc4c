package gate

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"sync"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/fault"
)

// TicketLife is how long a ticket waits to be used.
const TicketLife = 30 * time.Second

// maxTickets bounds the tickets in memory; maxTicketsEach those of one app.
const (
	maxTickets     = 10_000
	maxTicketsEach = 100
)

// tickets are passes for one stream each. A browser cannot send headers when it opens
// a WebSocket, so it trades its key for a ticket first, which may stand in the address.
// Only digests are kept.
type tickets struct {
	mu   sync.Mutex
	open map[[32]byte]pass
	each map[app]int
}

type pass struct {
	caller *access.Caller
	until  time.Time
}

// Ticket gives a pass that opens one stream as the caller, within TicketLife.
func (g *Gate) Ticket(c *access.Caller) (ticket string, until time.Time, err error) {
	var raw [16]byte
	rand.Read(raw[:])
	ticket = base64.RawURLEncoding.EncodeToString(raw[:])
	now := g.now()
	until = now.Add(TicketLife)
	t, a := &g.tickets, app{c.Org, c.App}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.open) >= maxTickets || t.each[a] >= maxTicketsEach {
		t.expire(now)
	}
	if len(t.open) >= maxTickets || t.each[a] >= maxTicketsEach {
		return "", time.Time{}, fault.New(fault.Exhausted, "too many tickets wait to be used: use them, or wait %s", TicketLife)
	}
	if t.open == nil {
		t.open, t.each = map[[32]byte]pass{}, map[app]int{}
	}
	t.open[sha256.Sum256([]byte(ticket))] = pass{c, until}
	t.each[a]++
	return ticket, until, nil
}

// Redeem uses a ticket up and gives the caller it was made for.
func (g *Gate) Redeem(ticket string) (*access.Caller, error) {
	now, t := g.now(), &g.tickets
	id := sha256.Sum256([]byte(ticket))
	t.mu.Lock()
	p, ok := t.open[id]
	if ok {
		t.remove(id, p)
	}
	t.mu.Unlock()
	if !ok || !now.Before(p.until) {
		return nil, fault.At(fault.Unauthentic, "query.ticket", "the ticket is not valid: it works once, within %s of its making", TicketLife)
	}
	return p.caller, g.Live(p.caller)
}

func (t *tickets) remove(id [32]byte, p pass) {
	delete(t.open, id)
	a := app{p.caller.Org, p.caller.App}
	if t.each[a]--; t.each[a] <= 0 {
		delete(t.each, a)
	}
}

func (t *tickets) expire(now time.Time) {
	for id, p := range t.open {
		if !now.Before(p.until) {
			t.remove(id, p)
		}
	}
}

func (t *tickets) sweep(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expire(now)
}

// drop forgets the tickets of a key.
func (t *tickets) drop(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, p := range t.open {
		if p.caller.KeyID == key {
			t.remove(id, p)
		}
	}
}
