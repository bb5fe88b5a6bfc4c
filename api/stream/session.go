package stream

import (
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
)

// transport is how messages reach one client. Only one send or close runs at a time.
type transport interface {
	send(s *session, items []item) error
	// close says goodbye with a code and reason; it may wait for the client a little.
	close(code int, reason string)
	// abort ends the connection at once and makes a send that is under way fail.
	abort()
}

// item is one message in a session's queue.
type item struct {
	m    *member // nil for what is no data of a topic
	json []byte  // nil: not ready yet, see hold
	last uint64  // number of the last item in it
	n    int64   // items that are missed without it
	lost int64   // items missed before it
	free bool    // does not count against the queue's bounds
}

// text gives the message with what is only true for this session.
func (it *item) text() []byte {
	if it.lost > 0 {
		return spliceCount(it.json, "lost", it.lost)
	}
	return it.json
}

// session is one client's connection: its queue and what it does when the client
// does not keep up. Nobody who puts something into the queue ever waits. Invariants:
//
//	(1) For each member, the messages sent are in the room's order, and whatever is
//	    left out is told in the next one (`lost`), or made good by a snapshot.
//	(2) The queue holds at most the bounds of Limits, besides answers to the client
//	    and what subscribing brings, of which there is at most one per topic.
//	(3) At most one goroutine writes; none lives while there is nothing to write.
type session struct {
	hub    *Hub
	caller *access.Caller    // changed by the goroutine that reads, with the hub's lock held
	key    string            // whose connections are counted together; likewise
	slot   *gate.Connection  // what it counts as among the streams of its app; no change of keys changes it
	origin *http.Request     // where it comes from, for the gate
	tried  time.Time         // of the goroutine that reads: when reauth was last asked for
	told   told              // of the sweep
	used   time.Time         // of the sweep: when its key's use was last noted
	subs   map[topic]*member // used by the goroutine that reads
	order  []*member         // of an SSE stream, in the order asked for; never changed

	mu      sync.Mutex // taken last
	out     transport
	queue   []item
	frames  int // that count against the bounds
	bytes   int
	answers int // waiting messages that are no data
	stale   []*member
	behind  time.Time // since when it has been behind without a pause; zero: it is not
	ready   bool      // out is there
	writing bool
	ended   bool
	code    int
	reason  string
	closed  bool           // close or abort was called
	writers sync.WaitGroup // the writing goroutine; its owner is whoever serves the session

	began atomic.Int64 // when the write under way began, in unix ns; 0: none
	wrote atomic.Int64 // when the last one ended
	halt  atomic.Int32 // the session ends: what of what was handed over is not sent any more
}

// push queues a frame of a room; see (1) and (2). The room's lock is held.
func (s *session) push(m *member, f *frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended:
		return
	case m.stale:
		m.lost += f.count()
		return
	}
	json := f.bytes(m.depth)
	if !s.fits(json) {
		s.hub.stats.conflated.Add(1)
		if s.behind.IsZero() {
			s.behind = time.Now()
		}
		s.forget(m, false)
		if m.r.conflates() || !s.fits(json) {
			m.lost += f.count()
			if m.r.conflates() {
				m.stale = true
				s.stale = append(s.stale, m)
			}
			return
		}
	}
	s.put(item{m: m, json: json, last: f.last, n: f.count() - f.lost, lost: m.lost + f.lost})
	m.lost = 0
	s.kick()
}

// fits tells whether a message finds room. A lone one always does.
func (s *session) fits(json []byte) bool {
	l := &s.hub.opt.Limits
	return s.frames == 0 || s.frames < l.QueueFrames && s.bytes+len(json) <= l.QueueBytes
}

// forget takes a member's waiting messages out of the queue and counts them as lost.
// What subscribing brought stays where nothing else would stand in for it.
func (s *session) forget(m *member, all bool) {
	kept := s.queue[:0]
	for _, it := range s.queue {
		if it.m == m && (all || !it.free || m.r.conflates()) {
			s.account(&it, -1)
			m.lost += it.n + it.lost
			continue
		}
		kept = append(kept, it)
	}
	clear(s.queue[len(kept):])
	s.queue = kept
}

func (s *session) put(it item) {
	s.account(&it, 1)
	s.queue = append(s.queue, it)
}

func (s *session) account(it *item, sign int) {
	switch {
	case it.m == nil:
		s.answers += sign
	case !it.free:
		s.frames += sign
		s.bytes += sign * len(it.json)
	}
}

// restart queues what a new member begins with; earlier messages of it are void.
func (s *session) restart(m *member, frames []*frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	for _, f := range frames {
		s.put(item{m: m, json: f.bytes(m.depth), last: f.last, n: f.count() - f.lost, lost: f.lost, free: true})
	}
	s.kick()
}

// catchUp queues how things stand for a member that missed messages.
func (s *session) catchUp(m *member, f *frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !m.stale || s.ended {
		return
	}
	m.stale = false
	s.put(item{m: m, json: f.bytes(m.depth), last: f.last, lost: m.lost, free: true})
	m.lost = 0
	s.kick()
}

// gone forgets everything of a member that has left its room.
func (s *session) gone(m *member) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(m, true)
	for i, x := range s.stale {
		if x == m {
			s.stale = append(s.stale[:i], s.stale[i+1:]...)
			break
		}
	}
	m.stale = false
}

// maxAnswers is how many answers wait for a client that asks and does not read.
const maxAnswers = 128

// answer queues a message that is no data.
func (s *session) answer(json []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	s.put(item{json: json})
	if s.answers > maxAnswers {
		s.stuck("the answers to your messages are not read")
		return
	}
	s.kick()
}

// hold reserves a place in the queue for an answer that is not known yet: nothing
// behind it is sent before fill.
func (s *session) hold() {
	s.mu.Lock()
	s.put(item{})
	s.mu.Unlock()
}

func (s *session) fill(json []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.queue {
		if s.queue[i].m == nil && s.queue[i].json == nil {
			s.queue[i].json = json
			break
		}
	}
	s.kick()
}

// kick starts the writer if there is something to do for it. The lock is held.
func (s *session) kick() {
	if s.writing || s.closed || !s.ready || !s.ended && (len(s.queue) == 0 || s.queue[0].json == nil) {
		return
	}
	s.writing = true
	s.writers.Go(s.write)
}

// burst is how many messages are handed to the transport at once.
const burst = 32

// write sends until the queue is empty, brings members that missed something up to
// date, and says goodbye if the session has ended.
func (s *session) write() {
	buf := s.hub.bursts.Get().(*[burst]item)
	defer s.hub.bursts.Put(buf)
	for {
		out, items, stale := s.next(buf)
		for _, m := range stale {
			m.r.refresh(m)
		}
		if len(stale) > 0 {
			continue
		}
		if len(items) == 0 {
			return
		}
		s.began.Store(time.Now().UnixNano())
		err := out.send(s, items)
		s.wrote.Store(time.Now().UnixNano())
		s.began.Store(0)
		clear(items)
		if err != nil {
			s.abort()
			return
		}
	}
}

// next takes messages out of the queue; none and no stale members: the writer ends.
func (s *session) next(buf *[burst]item) (out transport, items []item, stale []*member) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	if !s.closed {
		for n < burst && n < len(s.queue) && s.queue[n].json != nil {
			buf[n] = s.queue[n]
			s.account(&buf[n], -1)
			n++
		}
	}
	if n > 0 {
		s.queue = append(s.queue[:0], s.queue[n:]...)
		clear(s.queue[len(s.queue) : len(s.queue)+n])
		if len(s.queue) == 0 && cap(s.queue) > burst {
			s.queue = nil
		}
		return s.out, buf[:n], nil
	}
	if len(s.queue) == 0 {
		s.behind = time.Time{}
	}
	if len(s.stale) > 0 && !s.ended {
		stale, s.stale = s.stale, nil
		return nil, nil, stale
	}
	s.writing = false
	if s.ended && !s.closed {
		s.closed = true
		out, code, reason := s.out, s.code, s.reason
		s.writers.Go(func() { out.close(code, reason) })
	}
	return nil, nil, nil
}

// The close codes; see the package's documentation.
const (
	closeRestart = 1012
	closeLater   = 1013
	closeRevoked = 4401
	closeRate    = 4429
)

// What a session that ends leaves out of what its transport has in hands.
const (
	haltData int32 = iota + 1
	haltAll
)

// stuck ends a session whose client does not read: answers are not sent either. The
// lock is held.
func (s *session) stuck(reason string) {
	if s.ended {
		return
	}
	s.queue = nil
	s.hub.stats.slow.Add(1)
	s.halt.Store(haltAll)
	s.end(closeLater, reason)
}

// end closes the session after what is being written. The lock is held.
func (s *session) end(code int, reason string) {
	if s.ended {
		return
	}
	s.ended, s.code, s.reason = true, code, reason
	if code == closeLater || code == closeRevoked {
		s.halt.CompareAndSwap(0, haltData)
	}
	kept := s.queue[:0]
	for _, it := range s.queue { // answers are still sent, data is not
		if it.m == nil && it.json != nil {
			kept = append(kept, it)
		}
	}
	clear(s.queue[len(kept):])
	s.queue, s.stale = kept, nil
	s.kick()
}

// finish is end for those who do not hold the lock; last is sent before it. It tells
// whether the session had not ended before.
func (s *session) finish(code int, reason string, last []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.ended
	if last != nil && !was {
		s.put(item{json: last})
	}
	s.end(code, reason)
	return !was
}

// connect gives the session its transport; false: it was aborted meanwhile. What was
// queued before is sent now.
func (s *session) connect(t transport) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out, s.ready = t, true
	s.kick()
	return !s.closed
}

// abort ends the session at once.
func (s *session) abort() {
	s.mu.Lock()
	s.ended, s.closed = true, true
	s.queue, s.stale = nil, nil
	out := s.out
	s.mu.Unlock()
	out.abort()
}

// tick is called once a second.
func (s *session) tick(now time.Time) {
	o := &s.hub.opt
	if began := s.began.Load(); began != 0 && now.UnixNano()-began > int64(o.WriteTimeout) {
		s.hub.stats.slow.Add(1)
		s.abort()
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended:
	case !s.behind.IsZero() && now.Sub(s.behind) > o.Stuck:
		s.stuck("you read more slowly than the data comes: subscribe to less, or read faster")
	case !s.writing && len(s.queue) == 0 && now.UnixNano()-s.wrote.Load() >= int64(o.Heartbeat):
		b := append(make([]byte, 0, 48), `{"op":"heartbeat","ts":`...)
		s.put(item{json: append(appendMillis(b, now), '}')})
		s.kick()
	}
}
