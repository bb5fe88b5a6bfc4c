package emulator

import (
	"context"
	"fmt"
	"time"

	"github.com/coder/websocket"
)

// handshake counts a connection attempt.
func (v *Venue) handshake(now time.Time) (time.Duration, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.rules.handshakes == 0 || v.opt.Unlimited {
		return 0, true
	}
	for len(v.shakes) > 0 && now.Sub(v.shakes[0]) >= v.rules.shakeIn {
		v.shakes = v.shakes[1:]
	}
	if len(v.shakes) >= v.rules.handshakes {
		v.journal.note(Entry{At: now, What: "handshake refused"})
		return v.rules.shakeIn - now.Sub(v.shakes[0]), false
	}
	v.shakes = append(v.shakes, now)
	return 0, true
}

func (c *conn) heardPing() bool {
	c.v.mu.Lock()
	defer c.v.mu.Unlock()
	c.heard = time.Now()
	return c.unhurried()
}

// unhurried counts a client message; one too many ends the connection.
func (c *conn) unhurried() bool {
	r := c.v.rules
	if r.messages == 0 || c.v.opt.Unlimited {
		return true
	}
	now := time.Now()
	for len(c.inbox) > 0 && now.Sub(c.inbox[0]) >= r.messageIn {
		c.inbox = c.inbox[1:]
	}
	c.inbox = append(c.inbox, now)
	if len(c.inbox) > r.messages {
		c.bye(websocket.StatusPolicyViolation, "Too many requests")
		return false
	}
	return true
}

// bye closes after what is queued.
func (c *conn) bye(code websocket.StatusCode, why string) {
	if c.leaving {
		return
	}
	c.leaving = true
	c.v.journal.note(Entry{At: time.Now(), What: "closed", Conn: c.id, Detail: fmt.Sprintf("%d %s", code, why)})
	c.push(item{code: code, why: why}, 0)
}

// every calls do at an interval until the connection leaves or do says no.
func (c *conn) every(d time.Duration, do func(at time.Time) bool) {
	c.v.at(time.Now().Add(d), func(at time.Time) { c.again(d, at, do) })
}

func (c *conn) again(d time.Duration, at time.Time, do func(at time.Time) bool) {
	if c.leaving || !do(at) {
		return
	}
	c.v.at(at.Add(d), func(at time.Time) { c.again(d, at, do) })
}

// deadline closes the connection unless it has subscribed to something by then.
func (c *conn) deadline(d time.Duration, code websocket.StatusCode, why string) {
	c.v.at(time.Now().Add(d), func(time.Time) {
		if !c.fed {
			c.bye(code, why)
		}
	})
}

// ping sends ping frames and cuts a client that does not answer one in time.
func (c *conn) ping(every, patience time.Duration) {
	c.every(every, func(time.Time) bool {
		go func() {
			ctx, cancel := context.WithTimeout(c.ctx, patience)
			defer cancel()
			if c.ws.Ping(ctx) != nil && c.ctx.Err() == nil {
				c.v.mu.Lock()
				c.v.journal.note(Entry{At: time.Now(), What: "closed", Conn: c.id, Detail: "no pong"})
				c.leaving = true
				c.v.mu.Unlock()
				c.cancel()
			}
		}()
		return true
	})
}
