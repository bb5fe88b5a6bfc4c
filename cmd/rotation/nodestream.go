package main

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/fault"

	"github.com/coder/websocket"
)

// What a stream says, and what its client says.
const (
	sayTick     = "tick"
	sayRetiring = "credential.retiring" // move to the successor, in place
	sayReauth   = "reauth"              // by the client: with a token; by the server: what came of it
	closeEnded  = websocket.StatusCode(4401)
)

type message struct {
	Type  string `json:"type"`
	Token string `json:"token,omitempty"`
	OK    bool   `json:"ok,omitempty"`
	Text  string `json:"text,omitempty"`
}

// cuts finds the open streams of a key that has ended.
type cuts struct {
	mu      sync.Mutex
	streams map[chan gate.Fate]string // by what key they live
}

func (c *cuts) set(ch chan gate.Fate, key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.streams == nil {
		c.streams = map[chan gate.Fate]string{}
	}
	if key == "" {
		delete(c.streams, ch)
	} else {
		c.streams[ch] = key
	}
}

func (c *cuts) tell(ended []gate.Fate) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for ch, key := range c.streams {
		for _, f := range ended {
			if f.Key == key {
				select {
				case ch <- f:
				default:
				}
			}
		}
	}
}

// beat is how often a stream asks whether its key is still accepted.
const beat = 250 * time.Millisecond

// stream keeps a WebSocket open for as long as its caller's key is accepted. Its client
// is told when that key retires, and may go on with another one in place.
func (n *node) stream(w http.ResponseWriter, r *http.Request) {
	caller := n.enter(w, r, access.StreamRead, "stream")
	if caller == nil {
		return
	}
	ws, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer ws.CloseNow()
	ctx, stop := context.WithCancel(r.Context())
	defer stop()
	said := make(chan message)
	go func() {
		defer stop()
		for {
			_, b, err := ws.Read(ctx)
			if err != nil {
				return
			}
			var m message
			if json.Unmarshal(b, &m) != nil {
				continue
			}
			select {
			case said <- m:
			case <-ctx.Done():
				return
			}
		}
	}()
	say := func(m message) {
		b, _ := json.Marshal(m)
		_ = ws.Write(ctx, websocket.MessageText, b)
	}
	ended := make(chan gate.Fate, 8)
	n.cuts.set(ended, caller.KeyID)
	defer n.cuts.set(ended, "")
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case f := <-ended:
			if f.Key == caller.KeyID { // it may have moved since
				_ = ws.Close(closeEnded, "the key is "+string(f.State))
				return
			}
		case m := <-said:
			if m.Type != sayReauth {
				continue
			}
			at := n.clock.now()
			next, err := n.gate.Reauthenticate(caller, m.Token, r, access.StreamRead)
			if err != nil { // the stream lives by its old key until that ends
				say(message{Type: sayReauth, Text: err.Error()})
				continue
			}
			n.accepted(at, next, "reauth")
			caller = next
			n.cuts.set(ended, caller.KeyID)
			say(message{Type: sayReauth, OK: true})
		case <-tick.C:
			at := n.clock.now()
			if err := n.gate.Live(caller); err != nil {
				code := closeEnded
				if fault.Of(err) == fault.Unavailable {
					code = websocket.StatusTryAgainLater
				}
				_ = ws.Close(code, "the key is not accepted any more")
				return
			}
			n.accepted(at, caller, "stream")
			n.gate.Used(caller, r)
			if _, due := n.gate.Notice(caller); due && i%2 == 0 {
				say(message{Type: sayRetiring})
			} else {
				say(message{Type: sayTick})
			}
		}
	}
}
