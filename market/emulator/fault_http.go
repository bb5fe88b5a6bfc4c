package emulator

import (
	"fmt"
	"slices"
	"time"

	"github.com/coder/websocket"
)

// old is how old the book of a REST snapshot shall be.
func (in *injector) old(q *query) time.Duration {
	for _, w := range in.works {
		if w.Kind == OldSnapshot && in.hits(w, "rest", q.path, q.get("symbol"), "", q.now) {
			d := time.Duration(w.For)
			if d == 0 {
				d = 30 * time.Second
			}
			in.v.journal.note(Entry{At: q.now, What: string(w.Kind), Channel: q.path, Symbol: q.get("symbol"), Detail: d.String()})
			return d
		}
	}
	return 0
}

// answer lets the plan answer instead of the venue.
func (in *injector) answer(q *query) (reply, bool) {
	for _, w := range in.works {
		if w.Kind != TooMany && w.Kind != Banned && w.Kind != Page || !in.hits(w, "rest", q.path, q.get("symbol"), "", q.now) {
			continue
		}
		in.v.journal.note(Entry{At: q.now, What: string(w.Kind), Channel: q.path})
		if w.Kind == Page {
			status := w.Status
			if status == 0 {
				status = 502
			}
			return reply{status: status, mime: "text/html", body: fmt.Appendf(nil, "<html><head><title>%d</title></head><body><center><h1>%d</h1></center></body></html>", status, status)}, true
		}
		d := time.Duration(w.For)
		if d == 0 {
			d = 5 * time.Second
			if w.Kind == Banned {
				d = 2 * time.Minute
			}
		}
		until := q.now.Add(d)
		in.v.meter.punish(q.address, until, w.Kind == Banned)
		return in.v.proto.refuse(q, refusal{banned: w.Kind == Banned, retry: d, until: until, forced: true}), true
	}
	return reply{}, false
}

// maul damages an answer.
func (in *injector) maul(q *query, a reply) reply {
	for _, w := range in.works {
		if w.Kind != Truncated && w.Kind != Empty || !in.hits(w, "rest", q.path, q.get("symbol"), "", q.now) {
			continue
		}
		in.v.journal.note(Entry{At: q.now, What: string(w.Kind), Channel: q.path})
		a.body = a.body[:len(a.body)/2]
		if w.Kind == Empty {
			a.body = nil
		}
	}
	return a
}

// leaveSoon announces a planned shutdown to a client and closes after its grace.
func (v *Venue) leaveSoon(c *conn) {
	grace := v.proto.farewell(c)
	v.at(time.Now().Add(grace), func(time.Time) { c.bye(websocket.StatusServiceRestart, "planned restart") })
}

// AnnounceShutdown sends every client the venue's notice of a planned restart, and
// closes the connections after the grace the venue gives (at once where it has no
// notice). New connections are taken as before.
func (v *Venue) AnnounceShutdown() {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, c := range slices.Clone(v.conns) {
		v.leaveSoon(c)
	}
}
