package stream

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/insight/indicator"
	"github.com/assayhq/assay/market"
)

// Auth is what the hub needs of the gate. What else a gate may be able to do, and the
// hub makes use of, are herald, noticer, renewer, witness and tariff.
type Auth interface {
	// Authenticate tells who sends a request, by its headers.
	Authenticate(r *http.Request) (*access.Caller, error)
	// Redeem uses up a ticket: browsers cannot send headers when they open a stream.
	Redeem(ticket string) (*access.Caller, error)
	// Live tells whether a caller's key is still accepted; Unauthentic ends its streams,
	// Unavailable too, for a client to try elsewhere or later. It is asked while the hub
	// is locked: it must not wait.
	Live(c *access.Caller) error
}

// Limits bounds what clients can take. A zero field takes the default in brackets.
type Limits struct {
	Connections  int // in all [10,000]
	PerKey       int // connections of one key, or one network without a key [20]
	Topics       int // subscriptions of one connection [200]
	Rooms        int // topics that are kept for all connections together [5,000]
	Studies      int // and those of indicators among them [1,000]
	MessageBytes int // of a client's message [64 KiB]
	MessageRate  int // client messages a second, and at once [20]
	QueueFrames  int // messages waiting for one connection [256]
	QueueBytes   int // and their bytes, which are shared between connections [1 MiB]
	RingFrames   int // messages a topic keeps for those who come back [1,024]
	RingBytes    int // and their bytes [512 KiB]
}

// Options is what a Hub is made of. Board, Bus and Auth are needed; a zero duration
// takes the default in brackets.
type Options struct {
	Board   market.Board
	Bus     market.Bus
	Auth    Auth
	Candles market.CandleReader // nil: only the intervals that the bus carries
	Logger  *slog.Logger        // nil: silent

	// Problem answers a request that is refused before a stream begins. nil: an
	// RFC 9457 answer made here.
	Problem func(w http.ResponseWriter, r *http.Request, err error)
	// Origins are the web pages, besides those of this host, that may open a stream:
	// host patterns such as "*.example.com"; "*" is every page.
	Origins []string

	Limits       Limits
	Batch        time.Duration // events of a topic within it go in one message [50 ms]; negative: none
	Heartbeat    time.Duration // without data [15 s]
	WriteTimeout time.Duration // for one write [10 s]
	Stuck        time.Duration // how long a client may be behind without a pause [10 s]
	Linger       time.Duration // how long a topic without subscribers is kept for resuming [60 s]

	queue int // of a room at the bus, for tests that want it to lose events; 0: as the channel needs
}

// readTimeout bounds one reading of bars from the store.
const readTimeout = 5 * time.Second

// Hub is the streaming face: it holds the rooms and the sessions.
type Hub struct {
	opt   Options
	names catalogue
	// functions are the indicators that can be asked for; never changed.
	functions []indicator.Function
	bursts    sync.Pool // of *[burst]item
	stats     counters
	wg        sync.WaitGroup // sessions being served, and rooms

	mu       sync.Mutex // taken first
	rooms    map[topic]*room
	sessions map[*session]struct{}
	byKey    map[string]map[*session]struct{} // the same, by session.key
	sids     uint32
	draining bool
	emptied  chan struct{} // closed when draining and the last session has gone
}

// New makes a hub. Nothing is subscribed to before somebody asks; Run keeps it going.
func New(opt Options) (*Hub, error) {
	if opt.Board == nil || opt.Bus == nil || opt.Auth == nil {
		return nil, fault.New(fault.Internal, "the stream needs a board, a bus and a gate")
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	if opt.Problem == nil {
		opt.Problem = refusal
	}
	l := &opt.Limits
	for _, d := range []struct {
		v   *int
		def int
	}{
		{&l.Connections, 10_000}, {&l.PerKey, 20}, {&l.Topics, 200}, {&l.Rooms, 5000}, {&l.Studies, 1000}, {&l.MessageBytes, 64 << 10}, {&l.MessageRate, 20},
		{&l.QueueFrames, 256}, {&l.QueueBytes, 1 << 20}, {&l.RingFrames, 1024}, {&l.RingBytes, 512 << 10},
	} {
		if *d.v == 0 {
			*d.v = d.def
		}
	}
	for _, d := range []struct {
		v   *time.Duration
		def time.Duration
	}{
		{&opt.Batch, 50 * time.Millisecond}, {&opt.Heartbeat, 15 * time.Second}, {&opt.WriteTimeout, 10 * time.Second},
		{&opt.Stuck, 10 * time.Second}, {&opt.Linger, time.Minute},
	} {
		if *d.v == 0 {
			*d.v = d.def
		}
	}
	h := &Hub{opt: opt, rooms: map[topic]*room{}, sessions: map[*session]struct{}{}, byKey: map[string]map[*session]struct{}{}, emptied: make(chan struct{}), functions: indicator.Catalogue()}
	h.bursts.New = func() any { return new([burst]item) }
	if f, ok := opt.Auth.(herald); ok {
		f.Follow(h.ended)
	}
	return h, nil
}

// Handler serves the WebSocket at /v1/stream and server-sent events at /v1/stream/sse.
func (h *Hub) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/stream", h.serveWebSocket)
	mux.HandleFunc("GET /v1/stream/sse", h.serveEvents)
	return mux
}

// Run sends heartbeats, watches over slow clients and revoked keys, and closes topics
// nobody wants any more, until ctx ends. Then it ends all streams and waits for
// every goroutine of the hub.
func (h *Hub) Run(ctx context.Context) error {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case now := <-t.C:
			h.sweep(now)
		case <-ctx.Done():
			h.shut()
			return nil
		}
	}
}

// Drain tells every client to connect again, elsewhere or later, and closes the
// streams; new ones are refused. It returns when the last has gone or ctx has ended.
func (h *Hub) Drain(ctx context.Context) error {
	for i, s := range h.close() {
		b := append(make([]byte, 0, 64), `{"op":"reconnect","after_ms":`...)
		b = appendUint(b, uint64(i%64)*50) // spread, so that not all come back at once
		s.finish(closeRestart, "the server restarts: connect again", append(b, '}'))
	}
	select {
	case <-h.emptied:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close refuses new sessions from now on and gives those there are.
func (h *Hub) close() []*session {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.draining {
		h.draining = true
		if len(h.sessions) == 0 {
			close(h.emptied)
		}
	}
	return h.all()
}

// shut ends everything without ceremony.
func (h *Hub) shut() {
	for _, s := range h.close() {
		s.finish(closeRestart, "the server stops", nil)
	}
	select {
	case <-h.emptied:
	case <-time.After(2 * time.Second):
		h.mu.Lock()
		left := h.all()
		h.mu.Unlock()
		for _, s := range left {
			s.abort()
		}
		<-h.emptied
	}
	h.mu.Lock()
	rooms := h.rooms
	h.rooms = map[topic]*room{}
	h.mu.Unlock()
	for _, r := range rooms {
		r.stop()
	}
	h.wg.Wait()
}

func (h *Hub) all() []*session {
	out := make([]*session, 0, len(h.sessions))
	for s := range h.sessions {
		out = append(out, s)
	}
	return out
}

// sweep is what happens once a second.
func (h *Hub) sweep(now time.Time) {
	h.mu.Lock()
	all := h.holders()
	var idle []*room
	for t, r := range h.rooms {
		if r.refs == 0 && now.Sub(r.idle) >= h.opt.Linger {
			delete(h.rooms, t)
			idle = append(idle, r)
		}
	}
	h.mu.Unlock()
	for _, r := range idle {
		r.stop()
	}
	for _, k := range all {
		h.review(k, now)
	}
}

// room gives the room of a topic, making it if need be; release gives it back.
func (h *Hub) room(t topic) (*room, error) {
	h.mu.Lock()
	r := h.rooms[t]
	var old *room
	if r == nil {
		if len(h.rooms) >= h.opt.Limits.Rooms {
			if old = h.idlest(); old == nil {
				h.mu.Unlock()
				return nil, fault.New(fault.Exhausted, "%d topics are streamed already, the most this installation allows: try again later", h.opt.Limits.Rooms)
			}
			delete(h.rooms, old.topic)
		} else if t.ch == indicators {
			var full bool
			if old, full = h.crowded(); full {
				h.mu.Unlock()
				return nil, fault.New(fault.Exhausted, "%d indicators are streamed already, the most this installation allows: try again later", h.opt.Limits.Studies)
			}
			if old != nil {
				delete(h.rooms, old.topic)
			}
		}
		r = h.newRoom(t)
		h.rooms[t] = r
	}
	r.refs++
	h.mu.Unlock()
	if old != nil {
		old.stop()
	}
	r.once.Do(r.start)
	return r, nil
}

func (h *Hub) idlest() (old *room) {
	for _, r := range h.rooms {
		if r.refs == 0 && (old == nil || r.idle.Before(old.idle)) {
			old = r
		}
	}
	return old
}

func (h *Hub) release(r *room) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r.refs--; r.refs == 0 {
		r.idle = time.Now()
	}
}

// Stats counts since the start, and what there is now.
type Stats struct {
	Sessions, Rooms, Subscriptions int   // now
	Accepted, Refused              int64 // connections
	Events, BusLost                int64 // taken from the bus, and lost there because a room was too slow
	Encoded, Sent, SentBytes       int64 // messages encoded, and those sent to clients
	Conflated                      int64 // times a client's queue was full
	Slow, Revoked                  int64 // connections closed for being stuck, and for their key
}

type counters struct {
	accepted, refused, events, busLost, encoded, sent, sentBytes, conflated, slow, revoked atomic.Int64
}

// Stats gives the figures.
func (h *Hub) Stats() Stats {
	c := &h.stats
	h.mu.Lock()
	defer h.mu.Unlock()
	out := Stats{
		Sessions: len(h.sessions), Rooms: len(h.rooms),
		Accepted: c.accepted.Load(), Refused: c.refused.Load(), Events: c.events.Load(), BusLost: c.busLost.Load(),
		Encoded: c.encoded.Load(), Sent: c.sent.Load(), SentBytes: c.sentBytes.Load(),
		Conflated: c.conflated.Load(), Slow: c.slow.Load(), Revoked: c.revoked.Load(),
	}
	for _, r := range h.rooms {
		out.Subscriptions += r.refs
	}
	return out
}
