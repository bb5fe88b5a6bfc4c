package stream

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/assayhq/assay/market"
)

// room is one topic with its subscribers. It listens to the bus once, encodes each
// message once and hands the same bytes to every session.
//
// The numbers (seq) of its messages begin at the time of its making in microseconds,
// and rise by one per item: they are never given twice, also not after a restart, so
// that a number of an earlier room is never mistaken for one of this.
type room struct {
	hub *Hub
	topic
	sid    uint32
	prefix []byte // beginning of every message: sid, channel, pair, venue, interval, function
	batch  time.Duration
	once   sync.Once
	cancel context.CancelFunc

	mu      sync.Mutex // may be held when a session's is taken, never the other way
	st      state
	seq     uint64
	owed    int64 // lost events that no message has told yet
	members []*member
	depths  map[int]int // how many members want each depth
	ring    ring
	em      emitter
	current map[int]*frame // how things stand at seq, by depth

	// Guarded by the hub's lock.
	refs int
	idle time.Time // since when refs is 0
}

// member is one session's subscription to a room.
type member struct {
	s     *session
	r     *room
	depth int
	place int // in r.members; guarded by the room's lock
	// Guarded by the session's lock.
	stale bool   // it missed messages and needs to be told how things stand
	lost  int64  // items it missed, not yet told
	seq   uint64 // of the last message sent; used by the session's writer only
}

func (h *Hub) newRoom(t topic) *room {
	h.sids++
	r := &room{hub: h, topic: t, sid: h.sids, batch: h.opt.Batch, depths: map[int]int{}, current: map[int]*frame{}}
	r.ring.maxFrames, r.ring.maxBytes = h.opt.Limits.RingFrames, h.opt.Limits.RingBytes
	r.seq = uint64(time.Now().UnixMicro())
	b := append(r.prefix, `{"sid":`...)
	b = appendUint(b, uint64(r.sid))
	b = appendText(append(b, `,"ch":`...), string(t.ch))
	b = appendText(append(b, `,"pair":`...), string(t.pair))
	if t.venue != "" {
		b = appendText(append(b, `,"venue":`...), string(t.venue))
	}
	if t.interval != "" {
		b = appendText(append(b, `,"interval":`...), string(t.interval))
	}
	if t.study != "" {
		b = appendText(append(b, `,"function":`...), t.study)
	}
	r.prefix = b
	switch t.ch {
	case market.Trades:
		r.st = r.trades()
	case market.Quotes:
		r.st = &tops{r: r}
	case market.Books:
		r.st = &ladder{r: r}
	case market.Derivatives:
		r.st = &standings{r: r}
	case market.Liquidations:
		r.st = r.liquidations()
	case market.Prices:
		r.st = &fair{r: r}
	case indicators:
		r.st, r.batch = h.newStudied(r), max(time.Second, r.batch)
	case market.Candles:
		if base(t.interval) == t.interval {
			r.st = &bars{r: r}
		} else {
			r.st, r.batch = &rolled{r: r}, max(time.Second, r.batch)
		}
	}
	return r
}

// sources are the topics of the bus that the room lives on, and the length of its
// queue there: the pump empties it all the time, so it has to hold one burst.
func (r *room) sources() (depth int, ts []market.Topic) {
	switch r.ch {
	case market.Prices:
		ts = append(ts, market.Topic{Channel: market.Prices, Venue: market.ConsensusVenue, Pair: market.NewPair(r.pair.Base(), usd)})
		if r.pair.Quote() != usd {
			ts = append(ts, market.Topic{Channel: market.Prices, Venue: market.ConsensusVenue, Pair: market.NewPair(r.pair.Quote(), usd)})
		}
		return 32, ts
	case market.Candles, indicators:
		return 64, append(ts, market.Topic{Channel: market.Candles, Venue: r.venue, Pair: r.pair, Interval: base(r.interval)})
	case market.Books:
		return 512, append(ts, market.Topic{Channel: market.Books, Venue: r.venue, Pair: r.pair})
	}
	return 1024, append(ts, market.Topic{Channel: r.ch, Venue: r.venue, Pair: r.pair}, market.Topic{Channel: gaps, Venue: r.venue})
}

// conflates tells whether how things stand makes up for messages that were missed.
// Trades and liquidations are the exception: each is told or counted.
func (r *room) conflates() bool { return r.ch != market.Trades && r.ch != market.Liquidations }

// gaps is the channel on which the feed announces gaps of whole connections.
const gaps market.Channel = "gaps"

// start subscribes at the bus, reads the present and begins to pump. The caller's
// session keeps the hub's wait group above zero.
func (r *room) start() {
	ctx, cancel := context.WithCancel(context.Background())
	r.mu.Lock()
	r.cancel = cancel
	sub := r.subscribe(ctx)
	r.st.begin()
	r.mu.Unlock()
	r.hub.wg.Go(func() { r.run(ctx, sub) })
}

func (r *room) stop() {
	r.once.Do(func() {}) // a room that was never started has nothing to stop
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cancel != nil {
		r.cancel()
	}
}

func (r *room) subscribe(ctx context.Context) market.Subscription {
	depth, ts := r.sources()
	if r.hub.opt.queue > 0 {
		depth = r.hub.opt.queue
	}
	return r.hub.opt.Bus.Subscribe(ctx, depth, ts...)
}

// run pumps until ctx ends. A bus that closes the subscription is subscribed to
// again, and what was missed meanwhile counts as lost.
func (r *room) run(ctx context.Context, sub market.Subscription) {
	for {
		err := r.pump(ctx, sub)
		sub.Close()
		if ctx.Err() != nil {
			return
		}
		r.hub.opt.Logger.Warn("the bus closed a subscription; subscribing again", "ch", r.ch, "pair", r.pair, "venue", r.venue, "err", err)
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return
		}
		sub = r.subscribe(ctx)
		r.flush(nil, 1)
	}
}

// maxPending is how many events wait for a flush at most.
const maxPending = 4096

// pump sends the first event after a pause at once and then at most one message per
// batch time.
func (r *room) pump(ctx context.Context, sub market.Subscription) error {
	var pending []market.Event
	var last time.Time
	for {
		var lost int64
		var err error
		if pending, lost, err = sub.Next(ctx, pending[:0]); err != nil {
			return err
		}
		if wait := r.batch - time.Since(last); wait > 0 {
			window, cancel := context.WithTimeout(ctx, wait)
			for len(pending) < maxPending {
				var n int64
				pending, n, err = sub.Next(window, pending)
				lost += n
				if err != nil {
					break
				}
			}
			cancel()
		}
		r.flush(pending, lost)
		clear(pending)
		last = time.Now()
	}
}

// flush applies events and sends what came of them.
func (r *room) flush(events []market.Event, lost int64) {
	h := r.hub
	h.stats.events.Add(int64(len(events)))
	h.stats.busLost.Add(lost)
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.emitter()
	e.lost = r.owed
	r.st.take(events, lost, e)
	frames := e.result()
	r.seq, r.owed = e.seq, e.lost
	if len(frames) == 0 {
		return
	}
	clear(r.current)
	h.stats.encoded.Add(int64(len(frames)))
	for _, f := range frames {
		r.ring.add(f)
		for _, m := range r.members {
			m.s.push(m, f)
		}
	}
}

// stands gives the message that tells a newcomer how things stand. The lock is held.
func (r *room) stands(depth int) *frame {
	if f := r.current[depth]; f != nil {
		return f
	}
	e := r.emitter()
	e.newcomer = true
	r.st.now(e, depth)
	f := e.result()[0]
	r.current[depth] = f
	return f
}

// join makes m a member and queues what it needs first: what it missed since its
// last number if that is still known, else how things stand. queue is called under
// the room's lock, so nothing comes between.
func (r *room) join(m *member, w *wish) (resumed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m.place = len(r.members)
	r.members = append(r.members, m)
	m.depth = w.depth
	r.depths[w.depth]++
	if w.resume {
		if missed, ok := r.ring.after(w.from, r.seq); ok {
			m.seq = w.from
			m.s.restart(m, missed)
			return true
		}
	}
	f := r.stands(m.depth)
	if w.resume {
		f = &frame{json: splice(f.json, "resumed", "false"), last: f.last}
	}
	m.s.restart(m, []*frame{f})
	return false
}

// refresh tells a member who missed messages how things stand.
func (r *room) refresh(m *member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m.place >= 0 {
		m.s.catchUp(m, r.stands(m.depth))
	}
}

func (r *room) leave(m *member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m.place < 0 {
		return
	}
	last := len(r.members) - 1
	r.members[m.place] = r.members[last]
	r.members[m.place].place = m.place
	r.members[last] = nil
	r.members = slices.Delete(r.members, last, last+1)
	m.place = -1
	if r.depths[m.depth]--; r.depths[m.depth] == 0 {
		delete(r.depths, m.depth)
	}
}
