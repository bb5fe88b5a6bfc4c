package binance

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
)

// The limits of streams, beside those of the caller's plan. Connections over them are
// refused; a client that breaks another is closed.
const (
	maxStreams  = 1024 // of one connection, as in the original
	maxOpen     = 2000 // connections in all
	maxPerKey   = 20   // of one key, or one network without a key
	maxMessage  = 64 << 10
	maxRate     = 20   // messages of a client a second, and at once; the original reads 5
	busQueue    = 4096 // events that wait for one connection; more, and it is closed
	tick        = 100 * time.Millisecond
	writeWithin = 10 * time.Second
	pingEvery   = 20 * time.Second
	pongWithin  = time.Minute
	liveEvery   = 2 * time.Second // how often a stream looks whether its key is accepted
	useEvery    = 5               // every so many times it counts as a use of the key
)

// session is one connection. All of it belongs to the goroutine of run.
type session struct {
	f        *face
	conn     *websocket.Conn
	caller   *access.Caller
	slot     *gate.Connection
	origin   *http.Request // where it comes from, without the key
	sub      market.Subscription
	list     []*channel // in the order they were asked for
	by       map[market.Topic][]*channel
	combined bool
}

// asked is a client's message.
type asked struct {
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	ID     json.RawMessage `json:"id"`
}

// batch is what the bus brought.
type batch struct {
	events []market.Event
	lost   int64
}

// serveStream opens a stream, with the streams that its address names.
func (f *face) serveStream(w http.ResponseWriter, r *http.Request, path string) {
	fail := func(err error) {
		status, e := apiErrorOf(err)
		send(w, status, e)
	}
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		w.Header().Set("Upgrade", "websocket")
		fail(bad(-1130, "This is a WebSocket: open it with a client for it."))
		return
	}
	c := gate.Caller(r.Context())
	if c == nil {
		c = &access.Caller{}
	}
	var names []string
	if rest, ok := strings.CutPrefix(path, "/ws/"); ok && rest != "" {
		names = strings.Split(rest, "/")
	}
	combined := strings.HasPrefix(path, "/stream")
	if v := r.URL.Query().Get("streams"); combined && v != "" {
		names = strings.Split(v, "/")
	}
	// Clients name a connection by a word that is no stream, such as /ws/0.
	names = slices.DeleteFunc(names, func(n string) bool { return !strings.Contains(n, "@") })
	s := &session{f: f, caller: c, combined: combined, by: map[market.Topic][]*channel{}, origin: gate.Origin(r)}
	list, err := s.read(r.Context(), names)
	if err != nil {
		fail(err)
		return
	}
	key := c.Party()
	if all, own, ok := f.crowd.Enter(key); !ok {
		fail(fault.New(fault.Exhausted, "%d streams are open, and %d of this key or network; at most %d and %d may be: close one, or subscribe to several in one", all, own, maxOpen, maxPerKey))
		return
	}
	leave := func() { f.crowd.Leave(key) }
	if s.slot, err = f.opt.Gate.Connect(c); err != nil {
		leave()
		fail(err)
		return
	}
	leave = func() { s.slot.Disconnect(); f.crowd.Leave(key) }
	if err := s.slot.Subscribe(len(list)); err != nil {
		leave()
		fail(err)
		return
	}
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{OriginPatterns: f.opt.Origins})
	if err != nil {
		leave()
		return // Accept has answered
	}
	conn.SetReadLimit(maxMessage)
	s.conn = conn
	f.opt.Go(func(ctx context.Context) { // the request ends here: a stream is none
		defer leave()
		s.run(ctx, list)
	})
}

// read reads names of streams, leaving out those there are already.
func (s *session) read(ctx context.Context, names []string) ([]*channel, error) {
	var out []*channel
	for _, n := range names {
		c, err := s.f.channel(ctx, n)
		if err != nil {
			return nil, err
		}
		if same := func(o *channel) bool { return o.name == n }; !slices.ContainsFunc(s.list, same) && !slices.ContainsFunc(out, same) {
			out = append(out, c)
		}
		if len(s.list)+len(out) > maxStreams {
			return nil, bad(-1130, "at most %d streams go in one connection", maxStreams)
		}
	}
	return out, nil
}

// run is the connection's life. It waits for what it starts.
func (s *session) run(parent context.Context, first []*channel) {
	// A read that is called off cuts the connection, and there is a goodbye to say first.
	ctx, cancel := context.WithCancel(context.WithoutCancel(parent))
	s.sub = s.f.opt.Bus.Subscribe(ctx, busQueue)
	messages, batches, dead := make(chan []byte), make(chan batch), make(chan struct{}, 2)
	var wg sync.WaitGroup
	wg.Go(func() { s.listen(ctx, messages); dead <- struct{}{} })
	wg.Go(func() { s.pump(ctx, batches) })
	wg.Go(func() {
		if s.ping(ctx) != nil && ctx.Err() == nil {
			dead <- struct{}{}
		}
	})
	s.add(first)
	code, reason := s.serve(ctx, parent.Done(), messages, batches, dead)
	if code != 0 {
		s.conn.Close(code, reason) // waits for the client a little
	}
	cancel()
	s.conn.CloseNow()
	s.sub.Close()
	wg.Wait()
}

// serve runs until the connection ends or has to; code 0: it is gone already.
func (s *session) serve(ctx context.Context, stop <-chan struct{}, messages <-chan []byte, batches <-chan batch, dead <-chan struct{}) (websocket.StatusCode, string) {
	t := time.NewTicker(tick)
	defer t.Stop()
	allowed, looked, looks := float64(maxRate), time.Now(), 0
	last := looked
	for {
		var err error
		select {
		case <-stop:
			return websocket.StatusServiceRestart, "the server restarts: connect again"
		case <-dead:
			return 0, ""
		case m := <-messages:
			now := time.Now()
			allowed = min(maxRate, allowed+now.Sub(last).Seconds()*maxRate)
			if last = now; allowed < 1 {
				return websocket.StatusPolicyViolation, "Too many requests"
			}
			allowed--
			err = s.handle(ctx, m)
		case b := <-batches:
			if b.lost > 0 {
				return websocket.StatusTryAgainLater, "you read more slowly than the data comes: subscribe to less, or read faster"
			}
			err = s.events(ctx, b.events)
		case now := <-t.C:
			if now.Sub(looked) >= liveEvery {
				looked = now
				if err := s.f.opt.Gate.Live(s.caller); err != nil {
					return websocket.StatusPolicyViolation, "the key is no longer accepted"
				}
				if looks++; looks%useEvery == 0 {
					s.f.opt.Gate.Used(s.caller, s.origin)
				}
			}
			err = s.tick(ctx, now)
		}
		if err != nil {
			return 0, ""
		}
	}
}

// listen hands on what the client says.
func (s *session) listen(ctx context.Context, to chan<- []byte) {
	for {
		_, m, err := s.conn.Read(ctx)
		if err != nil {
			return
		}
		select {
		case to <- m:
		case <-ctx.Done():
			return
		}
	}
}

// pump hands on what the bus brings. While the client is not ready the bus queues, and
// says how much it had to drop.
func (s *session) pump(ctx context.Context, to chan<- batch) {
	for {
		events, lost, err := s.sub.Next(ctx, nil)
		if err != nil {
			return
		}
		select {
		case to <- batch{events, lost}:
		case <-ctx.Done():
			return
		}
	}
}

// ping asks for a sign of life, as the original does.
func (s *session) ping(ctx context.Context) error {
	t := time.NewTicker(pingEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		within, cancel := context.WithTimeout(ctx, pongWithin)
		err := s.conn.Ping(within)
		cancel()
		if err != nil {
			return err
		}
	}
}

func (s *session) write(ctx context.Context, b []byte) error {
	within, cancel := context.WithTimeout(ctx, writeWithin)
	defer cancel()
	return s.conn.Write(within, websocket.MessageText, b)
}

func (s *session) add(list []*channel) {
	for _, c := range list {
		s.list = append(s.list, c)
		if t, ok := s.f.topic(c); ok {
			s.by[t] = append(s.by[t], c)
			s.sub.Add(t)
		}
	}
}

func (s *session) events(ctx context.Context, events []market.Event) error {
	now := s.f.opt.Board.Now()
	for i := range events {
		e := &events[i]
		for _, c := range s.by[market.Topic{Channel: e.Channel, Venue: s.f.venue(), Pair: e.Pair}] {
			if m := s.f.event(c, e, now); m != nil {
				if err := s.write(ctx, wrap(c.name, m, s.combined)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// tick tells the channels whose time has come.
func (s *session) tick(ctx context.Context, wall time.Time) error {
	now := s.f.opt.Board.Now()
	for _, c := range s.list {
		if c.every == 0 || wall.Before(c.due) {
			continue
		}
		c.due = wall.Add(c.every - tick/2)
		list, err := s.f.tell(ctx, c, now)
		if err != nil {
			s.f.opt.Logger.Warn("a stream could not be computed", "stream", c.name, "err", err)
			continue
		}
		for _, m := range list {
			if err := s.write(ctx, wrap(c.name, m, s.combined)); err != nil {
				return err
			}
		}
	}
	return nil
}

// handle answers one message of the client.
func (s *session) handle(ctx context.Context, m []byte) error {
	var q asked
	d := json.NewDecoder(bytes.NewReader(m))
	d.DisallowUnknownFields()
	if err := d.Decode(&q); err != nil || d.More() {
		if !json.Valid(m) {
			return s.refuse(ctx, nil, &apiError{Code: 3, Msg: "Invalid JSON"})
		}
		return s.refuse(ctx, nil, &apiError{Code: 2, Msg: "Invalid request: fields are method, params and id"})
	}
	if id := string(q.ID); id == "" || id[0] == '{' || id[0] == '[' || id[0] == 't' || id[0] == 'f' || len(id) > 64 {
		if id != "" {
			return s.refuse(ctx, nil, &apiError{Code: 2, Msg: "Invalid request: request ID must be a whole number, a text of at most 36 letters, or null"})
		}
		q.ID = json.RawMessage("null")
	}
	switch q.Method {
	case "SUBSCRIBE", "UNSUBSCRIBE":
		var names []string
		if json.Unmarshal(q.Params, &names) != nil {
			return s.refuse(ctx, q.ID, &apiError{Code: 2, Msg: "Invalid request: params must be a list of names of streams"})
		}
		if q.Method == "UNSUBSCRIBE" {
			s.drop(names)
			return s.reply(ctx, q.ID, nil)
		}
		return s.subscribe(ctx, names, q.ID)
	case "LIST_SUBSCRIPTIONS":
		names := []string{}
		for _, c := range s.list {
			names = append(names, c.name)
		}
		return s.reply(ctx, q.ID, names)
	case "GET_PROPERTY", "SET_PROPERTY":
		return s.property(ctx, &q)
	}
	return s.refuse(ctx, q.ID, &apiError{Code: 2, Msg: "Invalid request: unknown method; use SUBSCRIBE, UNSUBSCRIBE, LIST_SUBSCRIPTIONS, SET_PROPERTY or GET_PROPERTY"})
}

func (s *session) subscribe(ctx context.Context, names []string, id json.RawMessage) error {
	list, err := s.read(ctx, names)
	if err == nil {
		err = s.slot.Subscribe(len(list))
	}
	if err != nil {
		_, e := apiErrorOf(err)
		if e.Code == -1130 || e.Code == -1121 {
			e = &apiError{Code: 2, Msg: "Invalid request: " + e.Msg}
		}
		return s.refuse(ctx, id, e)
	}
	s.add(list)
	return s.reply(ctx, id, nil)
}

func (s *session) drop(names []string) {
	was := len(s.list)
	for _, n := range names {
		k := slices.IndexFunc(s.list, func(c *channel) bool { return c.name == n })
		if k < 0 {
			continue // as in the original, that is no mistake
		}
		c := s.list[k]
		s.list = slices.Delete(s.list, k, k+1)
		t, listens := s.f.topic(c)
		if !listens {
			continue
		}
		s.by[t] = slices.DeleteFunc(s.by[t], func(o *channel) bool { return o == c })
		if len(s.by[t]) == 0 {
			delete(s.by, t)
			s.sub.Remove(t)
		}
	}
	s.slot.Unsubscribe(was - len(s.list))
}

func (s *session) property(ctx context.Context, q *asked) error {
	var p []any
	if json.Unmarshal(q.Params, &p) != nil || len(p) == 0 || p[0] != "combined" {
		return s.refuse(ctx, q.ID, &apiError{Code: 0, Msg: "Unknown property; there is combined"})
	}
	if q.Method == "GET_PROPERTY" {
		return s.reply(ctx, q.ID, s.combined)
	}
	on, ok := false, false
	if len(p) == 2 {
		on, ok = p[1].(bool)
	}
	if !ok {
		return s.refuse(ctx, q.ID, &apiError{Code: 1, Msg: "Invalid value type: expected Boolean"})
	}
	s.combined = on
	return s.reply(ctx, q.ID, nil)
}

func (s *session) reply(ctx context.Context, id json.RawMessage, result any) error {
	b, err := json.Marshal(struct {
		Result any             `json:"result"`
		ID     json.RawMessage `json:"id"`
	}{result, id})
	if err != nil {
		return err
	}
	return s.write(ctx, b)
}

func (s *session) refuse(ctx context.Context, id json.RawMessage, e *apiError) error {
	if id == nil {
		id = json.RawMessage("null")
	}
	b, err := json.Marshal(struct {
		Error *apiError       `json:"error"`
		ID    json.RawMessage `json:"id"`
	}{e, id})
	if err != nil {
		return err
	}
	return s.write(ctx, b)
}
