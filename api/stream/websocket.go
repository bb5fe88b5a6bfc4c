package stream

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/assayhq/assay/fault"
)

// serveWebSocket is a connection from its first byte to its last.
func (h *Hub) serveWebSocket(w http.ResponseWriter, r *http.Request) {
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		w.Header().Set("Upgrade", "websocket")
		h.refuse(w, r, fault.At(fault.Invalid, "header.Upgrade", "this is a WebSocket: open it with a WebSocket client, or use GET /v1/stream/sse?topics=trades:BTC-USD"))
		return
	}
	s, err := h.admit(r)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true}) // admit has judged the origin
	if err != nil {
		h.dismiss(s)
		return // Accept has answered
	}
	conn.SetReadLimit(int64(h.opt.Limits.MessageBytes))
	go func() { // the server's goroutine ends here: it holds the request and a deep stack
		defer h.dismiss(s) // which the hub's wait group waits for
		if s.connect(&socket{conn}) {
			s.listen(conn)
		}
	}()
}

func (h *Hub) refuse(w http.ResponseWriter, r *http.Request, err error) {
	h.stats.refused.Add(1)
	h.opt.Problem(w, r, err)
}

// socket is the transport of a WebSocket. Writes have no context: the hub's sweep
// watches over their time, which costs nothing per message.
type socket struct{ c *websocket.Conn }

func (t *socket) send(s *session, items []item) error {
	n := 0
	for i := range items {
		if halt := s.halt.Load(); halt == haltAll && i > 0 {
			break
		} else if halt == haltData && items[i].m != nil {
			continue
		}
		b := items[i].text()
		if err := t.c.Write(context.Background(), websocket.MessageText, b); err != nil {
			return err
		}
		n += len(b)
		s.hub.stats.sent.Add(1)
		s.began.Store(time.Now().UnixNano())
	}
	s.hub.stats.sentBytes.Add(int64(n))
	return nil
}

func (t *socket) close(code int, reason string) { t.c.Close(websocket.StatusCode(code), reason) }
func (t *socket) abort()                        { t.c.CloseNow() }

// nowhere stands in before a connection is there.
type nowhere struct{}

func (nowhere) send(*session, []item) error { return io.ErrClosedPipe }
func (nowhere) close(int, string)           {}
func (nowhere) abort()                      {}

// listen reads the client's messages until the connection ends.
func (s *session) listen(conn *websocket.Conn) {
	rate := float64(s.hub.opt.Limits.MessageRate)
	allowed, last, over := rate, time.Now(), 0
	var buf bytes.Buffer
	for {
		kind, r, err := conn.Reader(context.Background())
		if err != nil {
			return
		}
		buf.Reset()
		if _, err := buf.ReadFrom(r); err != nil {
			return
		}
		now := time.Now()
		allowed = min(rate, allowed+now.Sub(last).Seconds()*rate)
		last = now
		switch {
		case kind != websocket.MessageText:
			s.finish(int(websocket.StatusUnsupportedData), "messages are JSON text", nil)
		case allowed < 1:
			if over++; over > 5*s.hub.opt.Limits.MessageRate {
				s.finish(closeRate, "too many messages: at most "+itoa(s.hub.opt.Limits.MessageRate)+" a second", nil)
			}
			s.sorry(nil, fault.New(fault.Exhausted, "at most %d messages a second are read; this one was not: several topics can go in one", s.hub.opt.Limits.MessageRate))
		default:
			allowed--
			s.handle(buf.Bytes())
			clear(buf.Bytes()) // it may have held a key
		}
		if buf.Cap() > 4<<10 {
			buf = bytes.Buffer{}
		}
	}
}

// handle answers one message.
func (s *session) handle(msg []byte) {
	q, err := parse(msg)
	if err == nil {
		q.topics, err = s.hub.expand(q.topics)
	}
	if err != nil {
		s.sorry(q.id, err)
		return
	}
	switch q.op {
	case "ping":
		b := reply("pong", q.id)
		b = append(b, `,"ts":`...)
		s.answer(append(appendMillis(b, time.Now()), '}'))
	case "subscribe":
		err = s.subscribe(q.topics, func(done []joined) []byte { return appendJoined(reply("subscribed", q.id), done) })
	case "unsubscribe":
		err = s.unsubscribed(&q)
	case "reauth":
		err = s.reauth(&q)
	}
	if err != nil {
		s.sorry(q.id, err)
	}
}

// unsubscribed leaves the topics named, or none of them if one is not subscribed to.
func (s *session) unsubscribed(q *request) error {
	var leave []*member
	for i := range q.topics {
		w := &q.topics[i]
		if err := s.hub.check(w); err != nil {
			return err
		}
		m := s.subs[w.topic]
		if m == nil {
			return fault.At(fault.Unknown, w.where, "this topic is not subscribed to here")
		}
		leave = append(leave, m)
	}
	bySID := map[uint32]*member{}
	for _, m := range s.subs {
		bySID[m.r.sid] = m
	}
	for _, sid := range q.sids {
		m := bySID[sid]
		if m == nil {
			return fault.At(fault.Unknown, "sids", "there is no subscription %d here", sid)
		}
		leave = append(leave, m)
	}
	b := append(reply("unsubscribed", q.id), `,"sids":[`...)
	for i, m := range leave {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendUint(b, uint64(m.r.sid))
		if s.subs[m.r.topic] == m { // named twice
			s.unsubscribe(m)
		}
	}
	s.answer(append(b, "]}"...))
	return nil
}

// sorry answers with an error.
func (s *session) sorry(id []byte, err error) {
	if k := fault.Of(err); k == fault.Internal {
		s.hub.opt.Logger.Error("a stream request failed", "err", err)
	}
	s.answer(failure(id, err))
}

// failure is an `error` message.
func failure(id []byte, err error) []byte {
	b := append(reply("error", id), `,"error":`...)
	b, _ = appendProblem(b, err)
	return append(b, '}')
}

// reply begins an answer.
func reply(op string, id []byte) []byte {
	b := append(make([]byte, 0, 256), `{"op":"`...)
	b = append(b, op...)
	b = append(b, '"')
	if id != nil {
		b = append(b, `,"id":`...)
		b = append(b, id...)
	}
	return b
}

// appendJoined lists topics as subscribed to.
func appendJoined(b []byte, done []joined) []byte {
	b = append(b, `,"topics":[`...)
	for i, j := range done {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, j.m.r.prefix...)
		if j.m.depth > 0 {
			b = append(b, `,"depth":`...)
			b = appendUint(b, uint64(j.m.depth))
		}
		if j.asked {
			b = append(b, `,"resumed":`...)
			if j.resumed {
				b = append(b, "true"...)
			} else {
				b = append(b, "false"...)
			}
		}
		b = append(b, '}')
	}
	return append(b, "]}"...)
}
