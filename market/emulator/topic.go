package emulator

import (
	"slices"
	"time"

	"github.com/assayhq/assay/market"
)

// topic is one subscribable stream of one pit. Its book state and numbers belong to
// the venue, not to a connection: every subscriber sees the same chain.
type topic struct {
	key      string
	name     string // the venue's channel
	place    string // book, trades, quotes, candles, for the fault plan
	p        *pit
	conns    []*conn
	every    time.Duration // pushes at multiples of it; 0 pushes at each event
	depth    int
	interval market.Interval
	sent     ladder    // book topics: what subscribers were told
	seq      uint64    // number of the last book message
	updates  uint64    // pit.updates as of sent
	sentAt   time.Time // time of the last event included in sent
	last     time.Time // time of the last event in the pit
	shown    rung      // quotes topics: what was shown last, to push only changes
	shownAsk rung
	open     time.Time // candles topics: the bar shown last
	told     int64     // trade topics: the last id told
	quiet    time.Time // last push
	data     any       // the protocol's own
}

// delta is one book message before it is written: what changed, and what it leads to.
type delta struct {
	snapshot    bool
	bids, asks  []rung
	book        ladder // after it, to the topic's depth
	first, last uint64 // Binance's U and u
	seq, prev   uint64 // others' numbers
	at          time.Time
	spoil       bool // write a wrong checksum
}

// join subscribes c to the topic of a key, which mk makes if it does not exist. It
// reports whether c was not subscribed yet.
func (v *Venue) join(c *conn, key string, mk func() *topic) (*topic, bool) {
	t := v.topics[key]
	if t == nil {
		t = mk()
		t.key = key
		t.sentAt, t.last, t.quiet = t.p.last, t.p.last, t.p.last
		t.updates, t.told = t.p.updates, t.p.tape.next-1
		if t.place == "book" {
			t.sent = t.p.book.top(t.depth)
		}
		v.topics[key] = t
		t.p.topics = append(t.p.topics, t)
		if t.every > 0 {
			v.beat(t, time.Now())
		}
	}
	if slices.Contains(t.conns, c) {
		return t, false
	}
	t.conns = append(t.conns, c)
	c.subs[key] = t
	c.fed = true
	return t, true
}

// beat calls the protocol at the topic's interval, on multiples since the start, as
// long as somebody listens.
func (v *Venue) beat(t *topic, now time.Time) {
	n := now.Sub(v.start)/t.every + 1
	v.at(v.start.Add(n*t.every), func(at time.Time) {
		if v.topics[t.key] != t {
			return
		}
		v.proto.beat(t, at)
		v.beat(t, at)
	})
}

// leave ends a subscription; it reports whether there was one.
func (v *Venue) leave(c *conn, key string) bool {
	t := c.subs[key]
	if t == nil {
		return false
	}
	delete(c.subs, key)
	t.conns = slices.DeleteFunc(t.conns, func(x *conn) bool { return x == c })
	if len(t.conns) == 0 {
		delete(v.topics, key)
		t.p.topics = slices.DeleteFunc(t.p.topics, func(x *topic) bool { return x == t })
	}
	return true
}

// delta is what changed in the topic's book since the last message; nil when nothing.
// It moves the topic on.
func (t *topic) delta() *delta {
	now := t.p.book.top(t.depth)
	d := &delta{bids: diff(t.sent.bids, now.bids, false), asks: diff(t.sent.asks, now.asks, true), book: now,
		first: t.updates + 1, last: t.p.updates, prev: t.seq, at: t.last}
	if len(d.bids)+len(d.asks) == 0 {
		return nil
	}
	t.sent, t.updates, t.sentAt = now, t.p.updates, t.last
	return d
}

// snapshot is the topic's book as its subscribers know it.
func (t *topic) snapshot() *delta {
	return &delta{snapshot: true, bids: t.sent.bids, asks: t.sent.asks, book: t.sent, first: t.updates, last: t.updates,
		seq: t.seq, at: t.sentAt}
}

// message is one text on its way to clients.
type message struct {
	place  string // book, trades, quotes, candles, heartbeat, ack, status, notice
	topic  string // the venue's channel
	symbol string
	seq    uint64
	data   []byte
	d      *delta                // book messages: what it was written from …
	render func(d *delta) []byte // … and how to write it again
}

// cast sends a message to all subscribers of a topic.
func (v *Venue) cast(t *topic, m *message) {
	m.place, m.topic, m.symbol = t.place, t.name, t.p.symbol
	if m.data == nil {
		m.data = m.render(m.d)
	}
	t.quiet = t.last
	for _, c := range slices.Clone(t.conns) {
		c.emit(m)
	}
}

// castBook writes a book message and sends it.
func (v *Venue) castBook(t *topic, d *delta, render func(d *delta) []byte) {
	v.cast(t, &message{seq: max(d.seq, d.last*b2u(d.seq == 0)), d: d, render: render})
}

func b2u(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}
