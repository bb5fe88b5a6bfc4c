package stream

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/assayhq/assay/fault"
)

// maxEventTopics bounds the topics of one event stream: every id names a number of
// each of them.
const maxEventTopics = 20

// serveEvents streams the topics of the address as server-sent events.
func (h *Hub) serveEvents(w http.ResponseWriter, r *http.Request) {
	wishes, err := h.eventTopics(r)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	s, err := h.admit(r)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	defer h.dismiss(s)
	t := &events{w: w, rc: http.NewResponseController(w), over: make(chan struct{})}
	s.order = make([]*member, len(wishes))
	t.mu.Lock() // nothing is sent before the header
	s.connect(t)
	if err := s.subscribe(wishes, func(done []joined) []byte { return appendJoined(reply("subscribed", nil), done) }); err != nil {
		s.connect(nowhere{})
		t.mu.Unlock()
		h.refuse(w, r, err)
		return
	}
	hd := w.Header()
	hd.Set("Content-Type", "text/event-stream")
	hd.Set("Cache-Control", "no-store")
	hd.Set("X-Accel-Buffering", "no") // nginx would hold the events back
	if origin := r.Header.Get("Origin"); origin != "" {
		hd.Set("Access-Control-Allow-Origin", origin)
		hd.Add("Vary", "Origin")
	}
	t.rc.SetWriteDeadline(time.Time{}) // the server's own would end the stream
	w.WriteHeader(http.StatusOK)
	_, err = w.Write([]byte("retry: 2000\n\n"))
	t.rc.Flush()
	t.mu.Unlock()
	if err != nil {
		return
	}
	select {
	case <-r.Context().Done():
	case <-t.over:
	}
}

// eventTopics reads the topics and where to go on.
func (h *Hub) eventTopics(r *http.Request) ([]wish, error) {
	q := r.URL.Query()
	for name := range q {
		switch name {
		case "topics", "ticket", "last_event_id":
		default:
			return nil, strange("query", name, []string{"topics", "ticket", "last_event_id"})
		}
	}
	text := strings.Join(q["topics"], ",")
	if text == "" {
		return nil, fault.At(fault.Invalid, "query.topics", "name topics, such as ?topics=trades:BTC-USD@kraken,price:BTC-USD")
	}
	wishes, err := grammar(text)
	if err == nil {
		wishes, err = h.expand(wishes)
	}
	if err != nil {
		return nil, err
	}
	if len(wishes) > maxEventTopics {
		return nil, fault.At(fault.Invalid, "query.topics", "an event stream carries %d topics at most: open another, or a WebSocket", maxEventTopics)
	}
	for i := range wishes {
		for _, w := range wishes[:i] {
			if w.topic == wishes[i].topic {
				return nil, fault.At(fault.Invalid, wishes[i].where, "this topic stands twice")
			}
		}
	}
	last := r.Header.Get("Last-Event-ID")
	if last == "" {
		last = q.Get("last_event_id")
	}
	if last != "" {
		numbers := strings.Split(last, ".")
		for i := range wishes {
			wishes[i].resume = true // an id that is not ours resumes nothing, and the client is told
			if len(numbers) == len(wishes) {
				wishes[i].from, _ = strconv.ParseUint(numbers[i], 36, 63)
			}
		}
	}
	return wishes, nil
}

// events is the transport of server-sent events. The id of an event holds the last
// number of every topic, in the order of the address.
type events struct {
	mu   sync.Mutex
	w    http.ResponseWriter
	rc   *http.ResponseController
	buf  []byte
	once sync.Once
	over chan struct{} // closed when the stream is to end
}

func (t *events) send(s *session, items []item) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.buf[:0]
	for i := range items {
		it := &items[i]
		if it.m == nil && strings.HasPrefix(string(it.json), `{"op":"heartbeat"`) {
			b = append(b, ": heartbeat\n\n"...)
			continue
		}
		if it.m != nil {
			it.m.seq = it.last
			b = append(b, "id: "...)
			for k, m := range s.order {
				if k > 0 {
					b = append(b, '.')
				}
				b = strconv.AppendUint(b, m.seq, 36)
			}
			b = append(b, '\n')
		}
		b = append(b, "data: "...)
		b = append(b, it.text()...)
		b = append(b, "\n\n"...)
	}
	_, err := t.w.Write(b)
	if err == nil {
		err = t.rc.Flush()
	}
	s.hub.stats.sent.Add(int64(len(items)))
	s.hub.stats.sentBytes.Add(int64(len(b)))
	if t.buf = b; cap(b) > 64<<10 {
		t.buf = nil
	}
	return err
}

func (t *events) close(code int, reason string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := append(t.buf[:0], `data: {"op":"close","code":`...)
	b = strconv.AppendInt(b, int64(code), 10)
	b = appendText(append(b, `,"reason":`...), reason)
	t.w.Write(append(b, "}\n\n"...))
	t.rc.Flush()
	t.once.Do(func() { close(t.over) })
}

func (t *events) abort() {
	t.rc.SetWriteDeadline(time.Unix(1, 0))
	t.once.Do(func() { close(t.over) })
}

func itoa(n int) string { return strconv.Itoa(n) }
