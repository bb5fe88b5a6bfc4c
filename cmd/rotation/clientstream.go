package main

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/coder/websocket"
)

// hold keeps a stream open until ctx ends. When the stream says that its key retires, the
// next key is given to it in place. A stream that ends because its server was killed is
// opened again at another one; any other end is counted as dropped.
func (c *client) hold(ctx context.Context) {
	server := rand.IntN(servers)
	pause := 20 * time.Millisecond
	for ctx.Err() == nil {
		s := c.f.servers[server]
		deaths := s.deaths.Load()
		ws, token, refused, err := c.open(ctx, server)
		if err != nil {
			if ctx.Err() != nil {
				return
			}
			if refused {
				c.fail("a stream was refused: " + err.Error())
			}
			c.tally.unavailable.Add(1)
			if sleep(ctx, pause) != nil {
				return
			}
			pause = min(2*pause, time.Second)
			server = (server + 1) % servers
			continue
		}
		pause = 20 * time.Millisecond
		err = c.follow(ctx, ws, token)
		_ = ws.CloseNow()
		if ctx.Err() != nil {
			return
		}
		if s.deaths.Load() == deaths {
			// The end of the process is noted before it is killed, so this was no kill.
			c.tally.dropped.Add(1)
			c.tally.reason("dropped at %.3fs: %s at %s: key %s: %v", float64(c.f.clock.now())/1e9, c.agent, s.config.Name, kidOf(c.holder.token()), err)
		}
		c.tally.reopen.Add(1)
		server = (server + 1) % servers
	}
}

// open opens a stream with the holder's key, or with the spare one at a server that does
// not know that yet. refused is when it does not want either.
func (c *client) open(ctx context.Context, server int) (ws *websocket.Conn, token string, refused bool, err error) {
	c.holder.refresh()
	for _, token = range []string{c.holder.token(), c.holder.spare()} {
		if token == "" {
			continue
		}
		dial, stop := context.WithTimeout(ctx, 10*time.Second)
		var res *http.Response
		ws, res, err = websocket.Dial(dial, "ws://"+c.f.servers[server].config.Listen+"/v1/stream", &websocket.DialOptions{
			HTTPClient: c.f.http, HTTPHeader: http.Header{"Authorization": {"Bearer " + token}, "User-Agent": {c.agent}},
		})
		stop()
		if err == nil {
			c.tally.requests.Add(1)
			return ws, token, false, nil
		}
		if refused = res != nil && res.StatusCode == http.StatusUnauthorized; !refused {
			return nil, "", false, err
		}
	}
	return nil, "", refused, err
}

// follow reads a stream until it ends.
func (c *client) follow(ctx context.Context, ws *websocket.Conn, given string) error {
	asked := false // for an answer to the key that the stream was given last
	for {
		read, stop := context.WithTimeout(ctx, 20*time.Second)
		_, b, err := ws.Read(read)
		stop()
		if err != nil {
			return err
		}
		var m message
		if err := json.Unmarshal(b, &m); err != nil {
			return errors.New("the stream says what is no JSON")
		}
		switch m.Type {
		case sayTick:
			c.tally.ticks.Add(1)
			if c.watches && c.holder.refresh() {
				c.tally.moves.Add(1)
			}
		case sayRetiring:
			c.tally.ticks.Add(1)
			if c.holder.refresh() {
				c.tally.moves.Add(1)
			}
		case sayReauth:
			if asked = false; m.OK {
				c.tally.reauths.Add(1)
			} else {
				given = "" // not known there yet: again with the next message
			}
		}
		if t := c.holder.token(); t != given && !asked {
			given, asked = t, true
			b, err := json.Marshal(message{Type: sayReauth, Token: t})
			if err != nil {
				return err
			}
			if err := ws.Write(ctx, websocket.MessageText, b); err != nil {
				return err
			}
		}
	}
}
