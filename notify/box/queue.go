package box

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/notify"
)

// What waits for an endpoint is a queue: a head, whose id is the endpoint's, with how many
// wait, the earliest due time and what is claimed; and two records for each delivery:
//
//	key/<endpoint>/<event>         the delivery itself
//	wait/<endpoint>/<due>/<event>  its place in the order in which they are due
//
// So whoever asks for what is due reads the heads of endpoints that have something, and a
// few of the records in order of due time, never the queue: an endpoint that is down with
// 10 000 deliveries costs as much as one with three. A claim is noted in the head alone.

type head struct {
	Org   string  `json:"org"`
	Count int     `json:"count"`
	First int64   `json:"first"` // the earliest due time, nanoseconds since 1970
	Held  []claim `json:"held,omitempty"`
}

type claim struct {
	Event string    `json:"event"`
	Until time.Time `json:"until"`
}

// pending is a delivery without its event, which several share.
type pending struct {
	N   int   `json:"n"`
	Due int64 `json:"due"`
}

func keyID(endpoint, event string) string { return "key/" + endpoint + "/" + event }

func waitFrom(endpoint string, due int64) string {
	return fmt.Sprintf("wait/%s/%020d/", endpoint, due)
}

func waitID(endpoint string, due int64, event string) string { return waitFrom(endpoint, due) + event }

// nanos is a due time as a number that sorts as text; times before 1970 are due as at 1970.
func nanos(t time.Time) int64 { return max(0, t.UnixNano()) }

// live counts the claims that hold at now.
func (h *head) live(now time.Time) (n int) {
	for _, c := range h.Held {
		if c.Until.After(now) {
			n++
		}
	}
	return n
}

func (h *head) holds(event string, now time.Time) bool {
	return slices.ContainsFunc(h.Held, func(c claim) bool { return c.Event == event && c.Until.After(now) })
}

func (h *head) release(event string) {
	h.Held = slices.DeleteFunc(h.Held, func(c claim) bool { return c.Event == event })
}

// hold claims a delivery and forgets claims that ran out.
func (h *head) hold(event string, now time.Time) {
	h.Held = slices.DeleteFunc(h.Held, func(c claim) bool { return c.Event == event || !c.Until.After(now) })
	h.Held = append(h.Held, claim{event, now.Add(notify.Lease)})
}

// queue is an endpoint's queue within one transaction.
type queue struct {
	endpoint string
	head
}

func openQueue(tx access.Tx, endpoint string) (*queue, error) {
	h, _, err := get[head](tx, kindQueue, endpoint)
	return &queue{endpoint, h}, err
}

// add lets a delivery wait, or makes one that waits already due earlier.
func (q *queue) add(tx access.Tx, d *notify.Delivery) error {
	due := nanos(d.Due)
	p, waits, err := get[pending](tx, kindDelivery, keyID(q.endpoint, d.Event.ID))
	switch {
	case err != nil || waits && p.Due <= due:
		return err
	case waits:
		if err := tx.Delete(kindDelivery, waitID(q.endpoint, p.Due, d.Event.ID)); err != nil {
			return err
		}
		p.Due = due
	case q.Count >= notify.MaxPending:
		return fault.New(fault.Exhausted, "endpoint %s has %d deliveries waiting; repair or disable it", q.endpoint, notify.MaxPending)
	default:
		p = pending{max(1, d.N), due}
		q.Org = d.Event.Org
		if q.Count++; q.Count == 1 {
			q.First = due
		}
	}
	q.First = min(q.First, due)
	return q.place(tx, d.Event.ID, p)
}

func (q *queue) place(tx access.Tx, event string, p pending) error {
	if err := put(tx, kindDelivery, keyID(q.endpoint, event), p); err != nil {
		return err
	}
	return tx.Put(kindDelivery, waitID(q.endpoint, p.Due, event), []byte("{}"))
}

// again makes a delivery wait for its next attempt.
func (q *queue) again(tx access.Tx, event string, p pending, next time.Time) error {
	if err := tx.Delete(kindDelivery, waitID(q.endpoint, p.Due, event)); err != nil {
		return err
	}
	q.release(event)
	if err := q.place(tx, event, pending{p.N + 1, nanos(next)}); err != nil {
		return err
	}
	q.First = min(q.First, nanos(next))
	return q.settle(tx, p.Due)
}

// remove ends a delivery.
func (q *queue) remove(tx access.Tx, event string, p pending) error {
	for _, id := range []string{keyID(q.endpoint, event), waitID(q.endpoint, p.Due, event)} {
		if err := tx.Delete(kindDelivery, id); err != nil {
			return err
		}
	}
	q.release(event)
	q.Count--
	return q.settle(tx, p.Due)
}

// settle finds the earliest due time again when what was due at left is no longer.
func (q *queue) settle(tx access.Tx, left int64) error {
	if q.Count <= 0 || left != q.First {
		return nil
	}
	next, err := q.list(tx, 1)
	if err != nil {
		return err
	}
	if len(next) == 0 {
		q.Count = 0
		return nil
	}
	q.First = next[0].due
	return nil
}

// save writes the head; an empty queue has none.
func (q *queue) save(tx access.Tx) error {
	if q.Count <= 0 {
		return tx.Delete(kindQueue, q.endpoint)
	}
	return put(tx, kindQueue, q.endpoint, q.head)
}

// place in a queue.
type place struct {
	due   int64
	event string
}

// list gives the deliveries that are due first. It begins at the earliest due time, so
// that it does not read past what has left the queue.
func (q *queue) list(tx access.Tx, limit int) (out []place, err error) {
	rs, err := tx.List(kindDelivery, waitFrom(q.endpoint, q.First), limit)
	if err != nil {
		return nil, err
	}
	for _, r := range rs {
		rest, mine := strings.CutPrefix(r.ID, "wait/"+q.endpoint+"/")
		if !mine {
			break
		}
		due, event, ok := strings.Cut(rest, "/")
		n, err := strconv.ParseInt(due, 10, 64)
		if !ok || err != nil {
			return nil, fault.New(fault.Internal, "the record %s %s has no due time", r.Kind, r.ID)
		}
		out = append(out, place{n, event})
	}
	return out, nil
}

// queues gives every endpoint's queue that has something, by earliest due time.
func queues(tx access.Tx) (out []*queue, err error) {
	for after := ""; ; {
		rs, err := tx.List(kindQueue, after, page)
		if err != nil {
			return nil, err
		}
		for _, r := range rs {
			h, err := decode[head](r)
			if err != nil {
				return nil, err
			}
			out = append(out, &queue{r.ID, h})
		}
		if len(rs) < page {
			slices.SortStableFunc(out, func(a, b *queue) int { return cmp.Compare(a.First, b.First) })
			return out, nil
		}
		after = rs[len(rs)-1].ID
	}
}
