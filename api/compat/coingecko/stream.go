package coingecko

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/insight"
	"github.com/assayhq/assay/money"
)

// The limits of streams, beside those of the caller's plan. Connections over them are
// refused; a client that breaks another is closed.
const (
	maxOpen     = 2000 // connections in all
	maxPerKey   = 20   // of one key, or one network without a key
	maxPairs    = 1000 // coins in currencies, of one connection
	maxMessage  = 64 << 10
	maxWaiting  = 8                      // messages of a client that were not read yet
	cadence     = 100 * time.Millisecond // how often prices are looked at: ten times a second at most
	writeWithin = 10 * time.Second
	pingEvery   = 20 * time.Second
	liveEvery   = 2 * time.Second // how often a stream looks whether its key is accepted
)

// Gate is what streams need of the gate.
type Gate interface {
	Connect(c *access.Caller) (*gate.Connection, error)
	Live(c *access.Caller) error
}

// channelName is the one channel there is: prices of coins.
const channelName = "CGSimplePrice"

// wish is a coin in a currency, as a client asked for it.
type wish struct{ coin, in string }

// watched is what was told of it last.
type watched struct {
	asset asset.Code
	in    *currency
	price money.Decimal
	told  bool
}

// session is one connection. All of it belongs to the goroutine of run.
type session struct {
	f          *Face
	conn       *websocket.Conn
	caller     *access.Caller
	slot       *gate.Connection
	identifier string // of the channel, as the client writes it; "" before it subscribes
	watch      map[wish]*watched
	order      []wish
}

// Stream is the handler of the WebSocket of that API: the channel of prices.
func (f *Face) Stream() http.Handler { return http.HandlerFunc(f.stream) }

func (f *Face) stream(w http.ResponseWriter, r *http.Request) {
	if f.opt.Gate == nil {
		f.refuse(w, r, 0, refuseWith(http.StatusNotImplemented, "there are no streams here"))
		return
	}
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		w.Header().Set("Upgrade", "websocket")
		f.refuse(w, r, 0, refuseWith(http.StatusUpgradeRequired, "this is a WebSocket: open it with a client for it"))
		return
	}
	c := gate.Caller(r.Context())
	if c == nil {
		c = &access.Caller{}
	}
	key := c.Party()
	if _, _, ok := f.crowd.Enter(key); !ok {
		f.refuse(w, r, http.StatusTooManyRequests, fault.New(fault.Exhausted, "too many streams are open: at most %d in all and %d of one key or network", maxOpen, maxPerKey))
		return
	}
	slot, err := f.opt.Gate.Connect(c)
	if err != nil {
		f.crowd.Leave(key)
		f.refuse(w, r, 0, err)
		return
	}
	leave := func() { slot.Disconnect(); f.crowd.Leave(key) }
	// Keys are never in cookies, so a page of any origin has only what it was given.
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		leave()
		return // Accept has answered
	}
	conn.SetReadLimit(maxMessage)
	s := &session{f: f, conn: conn, caller: c, slot: slot, watch: map[wish]*watched{}}
	run := func(ctx context.Context) {
		defer leave()
		s.run(ctx)
	}
	if f.opt.Go == nil {
		run(context.WithoutCancel(r.Context()))
		return
	}
	f.opt.Go(run) // the request ends here: a stream is none
}

// run serves the connection until it, its key or ctx ends.
func (s *session) run(parent context.Context) {
	ctx, cancel := context.WithCancel(parent)
	defer s.conn.CloseNow() //nolint:errcheck // it is over either way
	messages := make(chan []byte, maxWaiting)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() {
		defer close(messages)
		for {
			_, b, err := s.conn.Read(ctx)
			if err != nil {
				return
			}
			select {
			case messages <- b:
			case <-ctx.Done():
				return
			}
		}
	})
	id := uuid()
	if err := s.say(ctx, object{{"code", 3000}, {"message", "Connection established"}, {"uuid", id}}); err != nil {
		return
	}
	if err := s.say(ctx, object{{"type", "welcome"}, {"sid", id}}); err != nil {
		return
	}
	prices, pings, lives := time.NewTicker(cadence), time.NewTicker(pingEvery), time.NewTicker(liveEvery)
	defer prices.Stop()
	defer pings.Stop()
	defer lives.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			s.conn.Close(websocket.StatusServiceRestart, "the server restarts: connect again") //nolint:errcheck // it is over either way
			return
		case b, ok := <-messages:
			if !ok {
				return
			}
			err = s.hear(ctx, b)
		case <-prices.C:
			err = s.tell(ctx)
		case <-pings.C:
			within, done := context.WithTimeout(ctx, writeWithin)
			err = s.conn.Ping(within)
			done()
		case <-lives.C:
			if s.caller.KeyID != "" && s.f.opt.Gate.Live(s.caller) != nil {
				s.conn.Close(websocket.StatusPolicyViolation, "the key is no longer accepted") //nolint:errcheck // it is over either way
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// uuid names a connection; it is no secret.
func uuid() string {
	var b [16]byte
	rand.Read(b[:]) //nolint:errcheck // it never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func (s *session) say(ctx context.Context, o object) error {
	within, done := context.WithTimeout(ctx, writeWithin)
	defer done()
	return s.conn.Write(within, websocket.MessageText, o.appendJSON(nil))
}

// words of a client: a command, and for data a text that is JSON itself.
type command struct {
	Command    string `json:"command"`
	Identifier string `json:"identifier"`
	Data       string `json:"data"`
}

type choice struct {
	Action string          `json:"action"`
	Coins  json.RawMessage `json:"coin_id"`
	In     json.RawMessage `json:"vs_currencies"`
}

// The codes of what is said about a client's message.
const (
	codeDone  = 2000
	codeWrong = 4000
)

func (s *session) wrong(ctx context.Context, text string) error {
	return s.say(ctx, object{{"code", codeWrong}, {"message", text}})
}

// hear does what a client says.
func (s *session) hear(ctx context.Context, b []byte) error {
	var c command
	if json.Unmarshal(b, &c) != nil {
		return s.wrong(ctx, "the message is no command in JSON")
	}
	var id struct{ Channel string }
	known := json.Unmarshal([]byte(c.Identifier), &id) == nil && id.Channel == channelName
	switch {
	case c.Command == "subscribe" && known:
		s.identifier = c.Identifier
		return s.say(ctx, object{{"type", "confirm_subscription"}, {"identifier", c.Identifier}})
	case c.Command == "subscribe":
		return s.say(ctx, object{{"type", "reject_subscription"}, {"identifier", c.Identifier}, {"message", "the only channel here is " + channelName}})
	case c.Command == "unsubscribe":
		s.slot.Unsubscribe(len(s.watch))
		s.identifier, s.watch, s.order = "", map[wish]*watched{}, nil
		return s.say(ctx, object{{"type", "confirm_unsubscription"}, {"identifier", c.Identifier}})
	case c.Command == "message" && known && s.identifier != "":
		var d choice
		if json.Unmarshal([]byte(c.Data), &d) != nil {
			return s.wrong(ctx, "data is a text that is JSON itself")
		}
		return s.choose(ctx, d)
	case c.Command == "message":
		return s.wrong(ctx, "subscribe to "+channelName+" first")
	}
	return s.wrong(ctx, "the commands are subscribe, unsubscribe and message")
}

// texts reads a list, or one word.
func texts(raw json.RawMessage) (out []string) {
	if json.Unmarshal(raw, &out) == nil {
		return out
	}
	var one string
	if json.Unmarshal(raw, &one) != nil || one == "" {
		return nil
	}
	return strings.Split(one, ",")
}

// choose adds coins in currencies, or takes them away.
func (s *session) choose(ctx context.Context, d choice) error {
	coins, in := texts(d.Coins), texts(d.In)
	if len(in) == 0 {
		in = []string{"usd"}
	}
	if len(coins)*len(in) > maxPairs || len(coins) == 0 {
		return s.wrong(ctx, "coin_id and vs_currencies name 1 to 1000 pairs")
	}
	for _, coin := range coins {
		for _, unit := range in {
			w := wish{strings.ToLower(strings.TrimSpace(coin)), strings.ToLower(strings.TrimSpace(unit))}
			if err := s.change(ctx, d.Action, w); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *session) change(ctx context.Context, action string, w wish) error {
	_, has := s.watch[w]
	switch action {
	case "set_tokens":
		a, known := s.f.coins[w.coin]
		c := find(w.in)
		switch {
		case !known:
			return s.wrong(ctx, "coin not found")
		case c == nil:
			return s.wrong(ctx, "invalid vs_currency")
		case has:
		case len(s.watch) >= maxPairs:
			return s.wrong(ctx, "a connection has at most 1000 pairs")
		default:
			if err := s.slot.Subscribe(1); err != nil {
				return s.wrong(ctx, fault.Public(err))
			}
			s.watch[w] = &watched{asset: a.Code, in: c}
			s.order = append(s.order, w)
			s.f.asked.note(w.coin, s.f.opt.Board.Now())
		}
		return s.say(ctx, object{{"code", codeDone}, {"message", "Subscribed to " + w.coin + " in " + w.in}})
	case "unset_tokens":
		if has {
			delete(s.watch, w)
			s.slot.Unsubscribe(1)
			kept := s.order[:0]
			for _, x := range s.order {
				if x != w {
					kept = append(kept, x)
				}
			}
			s.order = kept
		}
		return s.say(ctx, object{{"code", codeDone}, {"message", "Unsubscribed from " + clipped(w.coin) + " in " + clipped(w.in)}})
	}
	return s.wrong(ctx, "action is set_tokens or unset_tokens")
}

func clipped(s string) string { return s[:min(len(s), 60)] }

// tell sends the prices that changed since they were told last; the first one at once.
func (s *session) tell(ctx context.Context) error {
	for _, w := range s.order {
		x := s.watch[w]
		p, ok := s.f.opt.Board.Price(x.asset, x.in.code())
		if !ok || x.told && p.Price.Equal(x.price) {
			continue
		}
		x.price, x.told = p.Price.Decimal, true
		v := view{in: x.in}
		if y, err := s.f.opt.Market.Figures(ctx, x.asset, x.in.code()); err == nil {
			v.Figures = y
		}
		o := object{{"c", "C1"}, {"i", w.coin}, {"vs", w.in}, {"p", usual.of(x.in.scaled(number{x.price, true}))}, {"pp", v.change(insight.Day)},
			{"m", v.amount(v.Cap)}, {"v", v.amount(v.Volume24h)}, {"t", number{money.MustNew(p.At.UnixMilli(), 3), true}}}
		if err := s.say(ctx, o); err != nil {
			return err
		}
	}
	return nil
}
