package stream

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
)

// porter is a doorman that can do all that a gate can.
type porter struct {
	doorman
	tell    func([]gate.Fate)
	notices map[string]gate.Notice
	uses    map[string]int
	away    bool
}

func (p *porter) Follow(f func([]gate.Fate)) { p.tell = f }

func (p *porter) Live(c *access.Caller) error {
	p.mu.Lock()
	away := p.away
	p.mu.Unlock()
	if away {
		return fault.New(fault.Unavailable, "keys cannot be checked now")
	}
	return p.doorman.Live(c)
}

func (p *porter) Notice(c *access.Caller) (gate.Notice, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n, ok := p.notices[c.KeyID]
	return n, ok
}

func (p *porter) Used(c *access.Caller, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.URL.Path != "" && r.Header.Get("Authorization") == "" {
		p.uses[c.KeyID]++
	}
}

// Reauthenticate takes "asy_KEY"; keys of another app begin with "goodbye".
func (p *porter) Reauthenticate(was *access.Caller, token string, _ *http.Request, need access.Scope) (*access.Caller, error) {
	c, err := p.Redeem(strings.TrimPrefix(token, "asy_"))
	switch {
	case err != nil:
		return nil, fault.New(fault.Unauthentic, "the key is not valid")
	case strings.HasPrefix(c.KeyID, "goodbye"):
		return nil, fault.New(fault.Denied, "a stream goes on with a key of the same app")
	case !c.Has(need):
		return nil, fault.New(fault.Denied, "the key lacks the scope %s", need)
	}
	c.Ring, c.N = "ring_1", 4
	return c, nil
}

// end revokes a key and tells at once.
func (p *porter) end(key string, state access.State) {
	p.revoke(key)
	p.tell([]gate.Fate{{Key: key, Ring: "ring_1", State: state}})
}

// watched runs a story in a house with a porter.
func watched(t *testing.T, opt Options, story func(t *testing.T, h *house, p *porter)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := &porter{doorman: doorman{revoked: map[string]bool{}}, notices: map[string]gate.Notice{}, uses: map[string]int{}}
		opt.Auth = p
		h := open(t, opt)
		defer h.stop()
		story(t, h, p)
	})
}

// ends reads until the connection is closed, and gives all texts and the closing.
func (c *client) ends() (heard []string, e websocket.CloseError) {
	c.t.Helper()
	for {
		s, err := c.raw()
		if err == nil {
			heard = append(heard, s)
			continue
		}
		if !errors.As(err, &e) {
			c.t.Fatalf("closed without a code: %v", err)
		}
		return heard, e
	}
}

func (c *client) trades() {
	c.t.Helper()
	c.say(`{"op":"subscribe","topics":[{"ch":"trades","pair":"BTC-USD","venue":"kraken"}]}`)
	if e := c.hear(); e.Op != "subscribed" {
		c.t.Fatal(e.text)
	}
	if e := c.hear(); e.Type != "snapshot" {
		c.t.Fatal(e.text)
	}
}

func TestTheStreamsOfARevokedKeyEndWithinTheCall(t *testing.T) {
	watched(t, Options{}, func(t *testing.T, h *house, p *porter) {
		for _, state := range []access.State{access.Revoked, access.Suspended} {
			a, other := h.dial("good-"+string(state)), h.dial("good-other")
			a.trades()
			began := time.Now()
			p.end("good-"+string(state), state)
			heard, e := a.ends()
			if d := time.Since(began); d != 0 { // of the bubble: no check came first
				t.Errorf("%s: ended after %s", state, d)
			}
			if e.Code != closeRevoked || e.Reason != "credential_"+string(state) {
				t.Errorf("closed with %d %q", e.Code, e.Reason)
			}
			if len(heard) != 1 || !strings.Contains(heard[0], `"op":"error"`) || !strings.Contains(heard[0], `"code":"unauthentic"`) {
				t.Errorf("last words: %q", heard)
			}
			other.say(`{"op":"ping"}`)
			if e := other.hear(); e.Op != "pong" {
				t.Error(e.text)
			}
			other.bye()
		}
		if n := h.hub.Stats().Revoked; n != 2 {
			t.Errorf("%d counted", n)
		}
	})
}

func TestAnEventStreamOfARevokedKeyEndsWithAnError(t *testing.T) {
	watched(t, Options{}, func(t *testing.T, h *house, p *porter) {
		_, r, bye := h.sse("topics=trades:BTC-USD", "")
		defer bye()
		event(t, r)
		event(t, r)
		p.end("good", access.Revoked)
		if _, d := event(t, r); !strings.Contains(d, `"op":"error"`) || !strings.Contains(d, `"code":"unauthentic"`) {
			t.Error(d)
		}
		if _, d := event(t, r); !strings.Contains(d, `"code":4401,"reason":"credential_revoked"`) {
			t.Error(d)
		}
	})
}

func TestAGateThatMayNotDecideSendsItsStreamsElsewhere(t *testing.T) {
	watched(t, Options{}, func(t *testing.T, h *house, p *porter) {
		c := h.dial("good")
		p.mu.Lock()
		p.away = true
		p.mu.Unlock()
		heard, e := c.ends()
		if e.Code != closeLater || len(heard) != 1 || !strings.Contains(heard[0], `"code":"unavailable"`) {
			t.Errorf("%d %q", e.Code, heard)
		}
		if s := h.hub.Stats(); s.Revoked+s.Slow != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestARetiringKeyIsToldThreeTimes(t *testing.T) {
	watched(t, Options{Heartbeat: 100 * time.Hour}, func(t *testing.T, h *house, p *porter) {
		c := h.dial("good")
		defer c.bye()
		date := time.Now().Add(3 * time.Hour)
		p.mu.Lock()
		p.notices["good"] = gate.Notice{State: access.Retiring, RetireAt: date, Ring: "ring_1", Successor: 4}
		p.mu.Unlock()
		for _, left := range []time.Duration{3 * time.Hour, time.Hour, 5 * time.Minute} {
			e := c.hear()
			want := fmt.Sprintf(`{"op":"notice","notice":"credential.retiring","state":"retiring","retire_at":%q,"ring":"ring_1","successor":4}`, date.UTC().Format(time.RFC3339))
			if e.text != want {
				t.Errorf("%s, not\n%s", e.text, want)
			}
			if got := time.Until(date); got > left || got < left-2*time.Second {
				t.Errorf("told %s before the date, not %s", got, left)
			}
		}
		time.Sleep(4 * time.Minute)
		c.say(`{"op":"ping"}`)
		if e := c.hear(); e.Op != "pong" {
			t.Error("told again:", e.text)
		}
	})
}

func TestAStreamThatChangesItsKeyUnderLoadLosesAndRepeatsNothing(t *testing.T) {
	watched(t, Options{}, func(t *testing.T, h *house, p *porter) {
		c := h.dial("good-old")
		defer c.bye()
		c.trades()
		const n = 600
		var wg sync.WaitGroup
		wg.Go(func() {
			for i := range n {
				h.stage.trade("kraken", "BTC-USD", fmt.Sprint(i), "1", "1", market.Buy)
				time.Sleep(10 * time.Millisecond)
			}
		})
		wg.Go(func() {
			for i := range 4 {
				time.Sleep(1100 * time.Millisecond)
				c.say(fmt.Sprintf(`{"op":"reauth","id":%d,"token":"asy_good-%d"}`, i, i))
			}
			p.end("good-old", access.Revoked) // it is none of this session's any more
		})
		var ids []string
		var answers []string
		var seq uint64
		for len(ids) < n {
			e := c.hear()
			if e.Op != "" {
				answers = append(answers, e.text)
				continue
			}
			if e.Lost != 0 || seq != 0 && e.First != seq+1 {
				t.Fatalf("after %d: %s", seq, e.text)
			}
			seq = e.Seq
			for _, x := range e.things(t) {
				ids = append(ids, x.ID)
			}
		}
		wg.Wait()
		for i, id := range ids {
			if id != fmt.Sprint(i) {
				t.Fatalf("trade %d is %s", i, id)
			}
		}
		if len(answers) != 4 || answers[3] != `{"op":"reauth","id":3,"key":"good-3","ring":"ring_1","version":4}` || strings.Contains(strings.Join(answers, ""), "asy_") {
			t.Errorf("%q", answers)
		}
		p.end("good-3", access.Revoked)
		if _, e := c.ends(); e.Code != closeRevoked {
			t.Error("it does not follow its new key:", e)
		}
	})
}

func TestAStreamGoesOnWithItsKeyWhenAnotherIsRefused(t *testing.T) {
	watched(t, Options{}, func(t *testing.T, h *house, p *porter) {
		c := h.dial("good")
		defer c.bye()
		c.trades()
		p.revoke("good-dead")
		for _, x := range [][2]string{
			{`"token":"asy_goodbye"`, "denied"}, {`"token":"asy_poor"`, "denied"}, {`"token":"asy_none"`, "unauthentic"}, {`"token":"asy_good-dead"`, "unauthentic"},
			{`"token":5`, "invalid"}, {`"x":1`, "invalid"}, {`"token":""`, "invalid"}, {`"asy_good":1`, "invalid"}, {`"token":"` + strings.Repeat("asy_", 2100) + `"`, "invalid"},
		} {
			time.Sleep(time.Second)
			c.say(`{"op":"reauth","id":1,` + x[0] + `}`)
			e := c.hear()
			if e.Op != "error" || e.ID != 1.0 || e.Error["code"] != x[1] {
				t.Errorf("%s: %s", x[0], e.text)
			}
			if strings.Contains(e.text, "asy_good") || strings.Contains(e.text, "asy_poor") || strings.Contains(e.text, "asy_none") {
				t.Errorf("told the token: %s", e.text)
			}
		}
		time.Sleep(time.Second)
		c.say(`{"op":"reauth","token":"asy_goodbye"}`)
		c.hear()
		c.say(`{"op":"reauth","token":"asy_good-2"}`)
		if e := c.hear(); e.Error["code"] != "exhausted" {
			t.Errorf("a second attempt within a second: %s", e.text)
		}
		h.stage.trade("kraken", "BTC-USD", "1", "1", "1", market.Buy)
		if e := c.hear(); e.Type != "update" {
			t.Error(e.text)
		}
		p.end("good", access.Revoked)
		if _, e := c.ends(); e.Code != closeRevoked {
			t.Error(e)
		}
	})
}

func TestConnectionsCountForTheKeyTheyHaveNow(t *testing.T) {
	watched(t, Options{Limits: Limits{PerKey: 1}}, func(t *testing.T, h *house, p *porter) {
		a, b := h.dial("good-a"), h.dial("good-b")
		defer a.bye()
		a.say(`{"op":"reauth","token":"asy_good-b"}`)
		if e := a.hear(); e.Error["code"] != "exhausted" {
			t.Fatal(e.text)
		}
		b.bye()
		time.Sleep(time.Second)
		a.say(`{"op":"reauth","token":"asy_good-b"}`)
		if e := a.hear(); e.Op != "reauth" {
			t.Fatal(e.text)
		}
		if _, resp, err := h.try("good-b"); err == nil || resp.StatusCode != 429 {
			t.Error("a second connection of b")
		}
		c := h.dial("good-a") // a's place is free
		c.bye()
		synctest.Wait()
		h.hub.mu.Lock()
		defer h.hub.mu.Unlock()
		var keys []string
		for k := range h.hub.byKey {
			keys = append(keys, k)
		}
		if !slices.Equal(keys, []string{"good-b"}) {
			t.Errorf("indexed: %v", keys)
		}
	})
}

func TestAnOpenStreamIsAUseOfItsKeyEveryTenSeconds(t *testing.T) {
	watched(t, Options{Heartbeat: time.Hour}, func(t *testing.T, h *house, p *porter) {
		c := h.dial("good")
		defer c.bye()
		time.Sleep(time.Minute + time.Second/2)
		p.mu.Lock()
		defer p.mu.Unlock()
		if n := p.uses["good"]; n != 6 {
			t.Errorf("%d uses in a minute", n)
		}
	})
}
