package emulator

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/coder/websocket"
)

// conn is one client's WebSocket connection.
type conn struct {
	v      *Venue
	id     string // "c1", in order of connecting
	n      int
	path   string
	query  string
	header http.Header // of the handshake
	ws     *websocket.Conn
	gate   *gate
	out    chan item
	ctx    context.Context
	cancel context.CancelFunc
	gone   chan struct{} // closed when both goroutines have ended

	// with the venue's lock
	subs    map[string]*topic
	fed     bool // has ever subscribed
	born    time.Time
	heard   time.Time // last client message
	spoken  time.Time // last data message
	inbox   []time.Time
	leaving bool
	seal    func(c *conn, m *message, data []byte) []byte // puts in what differs by connection
	seq     uint64
	held    []*item
	mute    map[string]time.Time // stalled places, or place|symbol, until when
	lose    map[string]int       // messages a gap still swallows, by channel|symbol
	state   any                  // the protocol's own
}

// item waits for its time to be written. code says to close instead; 1006 closes
// without a word.
type item struct {
	due  time.Time
	data []byte
	code websocket.StatusCode
	why  string
	dead bool // go half-open
}

// stream answers a WebSocket handshake and stays until the connection is gone.
func (v *Venue) stream(w http.ResponseWriter, r *http.Request) {
	if retry, ok := v.handshake(time.Now()); !ok {
		w.Header().Set("Retry-After", fmt.Sprint(int(retry.Seconds())+1))
		http.Error(w, "Too Many Requests", http.StatusTooManyRequests)
		return
	}
	l := &lock{ResponseWriter: w}
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
	defer cancel()
	c := &conn{v: v, path: r.URL.Path, query: r.URL.RawQuery, header: r.Header, out: make(chan item, v.opt.Queue), ctx: ctx, cancel: cancel, gone: make(chan struct{}),
		subs: map[string]*topic{}, mute: map[string]time.Time{}, lose: map[string]int{}}
	ws, err := websocket.Accept(l, r, &websocket.AcceptOptions{InsecureSkipVerify: true, CompressionMode: websocket.CompressionNoContextTakeover,
		OnPingReceived: func(context.Context, []byte) bool { return c.heardPing() }})
	if err != nil {
		return
	}
	ws.SetReadLimit(1 << 20)
	c.ws, c.gate = ws, l.gate
	done := make(chan struct{})
	v.mu.Lock()
	if v.ended {
		v.mu.Unlock()
		ws.CloseNow()
		return
	}
	now := time.Now()
	v.opened++
	c.n, c.id, c.born, c.heard, c.spoken = v.opened, fmt.Sprintf("c%d", v.opened), now, now, now
	v.conns = append(v.conns, c)
	if v.rules.maxAge > 0 {
		v.at(now.Add(v.rules.maxAge), func(time.Time) { c.bye(websocket.StatusGoingAway, "connection is too old") })
	}
	v.proto.open(c)
	v.mu.Unlock()
	go func() {
		c.write()
		close(done)
	}()
	stop := context.AfterFunc(ctx, func() { ws.CloseNow() })
	c.read()
	cancel()
	stop()
	ws.CloseNow()
	<-done
	v.mu.Lock()
	for key := range c.subs {
		v.leave(c, key)
	}
	v.conns = slices.DeleteFunc(v.conns, func(x *conn) bool { return x == c })
	c.leaving = true
	v.mu.Unlock()
	close(c.gone)
}

// read hands the client's messages to the protocol until the connection ends.
func (c *conn) read() {
	for {
		_, data, err := c.ws.Read(c.ctx)
		if err != nil {
			return
		}
		c.v.mu.Lock()
		c.heard = time.Now()
		if !c.leaving && c.unhurried() {
			c.v.proto.receive(c, data)
		}
		c.v.mu.Unlock()
	}
}

// write sends what waits, each at its time.
func (c *conn) write() {
	for {
		select {
		case <-c.ctx.Done():
			return
		case it := <-c.out:
			if d := time.Until(it.due); d > 0 {
				select {
				case <-c.ctx.Done():
					return
				case <-time.After(d):
				}
			}
			switch {
			case it.dead:
				c.gate.dead.Store(true)
			case it.code == 1006:
				c.cancel()
				return
			case it.code != 0:
				c.ws.Close(it.code, it.why)
				c.cancel()
				return
			default:
				kind := frameType(it.data)
				if c.v.rules.binary {
					kind = websocket.MessageBinary
				}
				if c.ws.Write(c.ctx, kind, it.data) != nil {
					c.cancel()
					return
				}
			}
		}
	}
}

// frameType tells how a message travels: as binary if it begins as no text does, which
// packed ones and protocol buffers do.
func frameType(data []byte) websocket.MessageType {
	if len(data) > 0 && data[0] < ' ' {
		return websocket.MessageBinary
	}
	return websocket.MessageText
}

// push queues something to write after the venue's lag and an extra delay.
func (c *conn) push(it item, extra time.Duration) {
	lag := c.v.rules.lag
	if c.v.world.opt.Fast {
		lag = 0
	}
	it.due = time.Now().Add(lag + extra)
	select {
	case c.out <- it:
	default:
		if !c.leaving {
			c.leaving = true
			c.v.journal.note(Entry{At: time.Now(), What: "slow client cut", Conn: c.id})
			c.cancel()
		}
	}
}

// say sends a message that belongs to no topic: acks, status, heartbeats, errors.
func (c *conn) say(place string, data []byte) { c.emit(&message{place: place, data: data}) }

// muted tells whether a stall holds a place.
func (c *conn) muted(key string, now time.Time) bool {
	until, ok := c.mute[key]
	return ok && (until.IsZero() || now.Before(until))
}

// emit sends a message through the fault plan.
func (c *conn) emit(m *message) {
	if c.leaving {
		return
	}
	now := time.Now()
	if c.muted(m.place, now) || c.muted(m.place+"|"+m.symbol, now) {
		return
	}
	fate := c.v.faults.judge(c, m, now)
	if fate.silent {
		return
	}
	data := m.data
	if fate.d != nil {
		data = m.render(fate.d)
	}
	if c.seal != nil {
		data = c.seal(c, m, data)
	}
	if m.place != "heartbeat" {
		c.spoken = now
	}
	it := item{data: data}
	switch {
	case fate.drop:
	case fate.hold:
		c.held = append(c.held, &it)
	default:
		c.push(it, fate.delay)
		if fate.twice {
			c.push(it, fate.delay)
		}
		for _, h := range c.held {
			c.push(*h, 0)
		}
		c.held = nil
	}
	for _, x := range fate.more {
		if c.seal != nil {
			x = c.seal(c, m, x)
		}
		c.push(item{data: x}, 0)
	}
	switch {
	case fate.dead:
		c.push(item{dead: true}, 0)
	case fate.code != 0:
		c.leaving = true
		c.push(item{code: fate.code, why: fate.why}, 0)
	}
}
