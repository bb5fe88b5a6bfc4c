package stream

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/accesstest"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/access/limit"
	"github.com/assayhq/assay/fault"
)

// lent is the JWT of a key with an end of its own: eyJ.KEY.SECONDS, in seconds from 2000.
func lent(_ context.Context, text string) (string, []access.Scope, time.Time, error) {
	var n int64
	parts := strings.Split(text, ".")
	fmt.Sscan(parts[2], &n)
	until := time.Date(2000, 1, 1, 0, 0, int(n), 0, time.UTC)
	if !time.Now().Before(until) {
		return "", nil, until, fault.New(fault.Unauthentic, "the token has ended")
	}
	return parts[1], []access.Scope{access.StreamRead}, until, nil
}

// guarded runs a story in a house with a real gate; the app acme/bot has two streams with
// three subscriptions together.
func guarded(t *testing.T, limits Limits, story func(t *testing.T, h *house, g *gate.Gate, key gate.Made)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		g, err := gate.New(accesstest.NewMemory().Link(), gate.Options{Static: 24 * time.Hour, Tokens: lent})
		if err != nil {
			t.Fatal(err)
		}
		by := gate.By{Name: "test"}
		key, err := g.Create(t.Context(), by, gate.Spec{Name: "bot", Org: "acme", App: "bot", Scopes: []access.Scope{access.StreamRead}})
		if err != nil {
			t.Fatal(err)
		}
		if err := g.SetPlan(t.Context(), by, limit.Plan{Name: "two", Version: 1, Connections: 2, Subscriptions: 3}); err != nil {
			t.Fatal(err)
		}
		if err := g.SetApp(t.Context(), by, gate.App{Org: "acme", Name: "bot", Plan: "two"}); err != nil {
			t.Fatal(err)
		}
		h := open(t, Options{Auth: g, Limits: limits})
		defer h.stop()
		story(t, h, g, key)
	})
}

// get sends a request for a stream and gives the answer; done ends it.
func (h *house) get(path, token string, kv ...string) (res *http.Response, done func()) {
	h.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	req, _ := http.NewRequestWithContext(ctx, "GET", "http://assay"+path, nil)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(kv); i += 2 {
		req.Header.Set(kv[i], kv[i+1])
	}
	res, err := (&http.Client{Transport: &http.Transport{DialContext: h.line.dial, DisableKeepAlives: true}}).Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	return res, func() { cancel(); io.Copy(io.Discard, res.Body); res.Body.Close() }
}

var upgrade = []string{"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="}

// refused asks for a stream that the plan does not have, and checks what is told.
func (h *house) refused(path, token, policy string, most int, kv ...string) {
	h.t.Helper()
	res, done := h.get(path, token, kv...)
	defer done()
	if res.StatusCode != 429 || res.Header.Get("Content-Type") != "application/problem+json" || res.Header.Get("Retry-After") == "" {
		h.t.Fatalf("%s: %s %v", path, res.Status, res.Header)
	}
	b, _ := io.ReadAll(res.Body)
	want := fmt.Sprintf(`{"policy":"%s","limit":%d,`, policy, most)
	if !strings.Contains(string(b), `"type":"https://iana.org/assignments/http-problem-types#quota-exceeded"`) || !strings.Contains(string(b), `"limits":[`+want) {
		h.t.Errorf("%s: %s", path, b)
	}
}

func (c *client) wants(id int, topic string) envelope {
	c.t.Helper()
	c.say(fmt.Sprintf(`{"op":"subscribe","id":%d,"topics":[%s]}`, id, topic))
	for {
		if e := c.hear(); e.ID == float64(id) {
			return e
		}
	}
}

const (
	btc   = `{"ch":"trades","pair":"BTC-USD"}`
	eth   = `{"ch":"trades","pair":"ETH-USD"}`
	price = `{"ch":"price","asset":"BTC"}`
	asked = "/v1/stream/sse?topics=trades:BTC-USD"
)

func TestAnAppHasTheStreamsAndSubscriptionsOfItsPlan(t *testing.T) {
	guarded(t, Limits{}, func(t *testing.T, h *house, g *gate.Gate, key gate.Made) {
		a := h.dial(key.Token)
		if e := a.wants(1, btc+","+eth); e.Op != "subscribed" {
			t.Fatal(e.text)
		}
		h.refused("/v1/stream/sse?topics=trades:BTC-USD,trades:ETH-USD", key.Token, "subscriptions", 3)
		res, done := h.get(asked, key.Token)
		if res.StatusCode != 200 {
			t.Fatal(res.Status)
		}

		// Two streams and three subscriptions: no more by any way in.
		h.refused("/v1/stream", key.Token, "connections", 2, upgrade...)
		h.refused(asked, key.Token, "connections", 2)
		c, err := g.Authenticate(&http.Request{Header: http.Header{"Authorization": {"Bearer " + key.Token}}, URL: res.Request.URL})
		if err != nil {
			t.Fatal(err)
		}
		ticket, _, err := g.Ticket(c)
		if err != nil {
			t.Fatal(err)
		}
		h.refused("/v1/stream?ticket="+ticket, "", "connections", 2, upgrade...)

		// A subscription too many is told, and the stream goes on.
		e := a.wants(2, price)
		b, _ := json.Marshal(e.Error)
		if e.Op != "error" || e.Error["code"] != "exhausted" || !strings.Contains(string(b), `"limits":[{"limit":3,"policy":"subscriptions","remaining":null,"reset":null}]`) {
			t.Fatal(e.text)
		}
		if e := a.wants(3, btc); e.Op != "subscribed" { // the same again is no other
			t.Fatal(e.text)
		}
		a.say(`{"op":"unsubscribe","id":4,"topics":[` + eth + `]}`)
		if e := a.wants(5, price); e.Op != "subscribed" {
			t.Fatal(e.text)
		}

		// Another key of the app changes nothing.
		next, err := g.Rotate(t.Context(), gate.By{Name: "test"}, key.Ring.ID, gate.RotateSpec{})
		if err != nil {
			t.Fatal(err)
		}
		a.say(`{"op":"reauth","id":6,"token":"` + next.Token + `"}`)
		for e := a.hear(); e.ID != 6.0; e = a.hear() {
		}
		h.refused("/v1/stream", next.Token, "connections", 2, upgrade...)
		if e := a.wants(7, eth); e.Op != "error" {
			t.Fatal(e.text)
		}

		// What ends comes back.
		done()
		synctest.Wait()
		if e := a.wants(8, eth); e.Op != "subscribed" {
			t.Fatal(e.text)
		}
		other := h.dial(key.Token)
		defer other.bye()
		h.refused("/v1/stream", next.Token, "connections", 2, upgrade...)
		a.bye()
		synctest.Wait()
		third := h.dial(next.Token)
		defer third.bye()
		if e := third.wants(1, btc+","+eth+","+price); e.Op != "subscribed" {
			t.Fatal(e.text)
		}
	})
}

func TestNothingIsKeptOfAThousandStreams(t *testing.T) {
	guarded(t, Limits{}, func(t *testing.T, h *house, g *gate.Gate, key gate.Made) {
		for i := range 1000 {
			switch i % 6 {
			case 0: // in good order
				c := h.dial(key.Token)
				c.wants(1, btc+","+eth)
				c.conn.Close(websocket.StatusNormalClosure, "")
			case 1: // without a word
				c := h.dial(key.Token)
				c.wants(1, btc+","+eth+","+price)
				c.bye()
			case 2: // no subscription is there for it
				c := h.dial(key.Token)
				if e := c.wants(1, btc+","+eth+","+price+`,{"ch":"trades","pair":"SOL-EUR"}`); e.Op != "error" {
					t.Fatal(e.text)
				}
				c.bye()
			case 3: // an event stream that is left
				_, done := h.get(asked, key.Token)
				done()
			case 4: // an event stream that is refused
				h.refused("/v1/stream/sse?topics=trades:BTC-USD,trades:ETH-USD,price:BTC-USD,trades:SOL-EUR", key.Token, "subscriptions", 3)
			case 5: // a WebSocket that is none
				res, done := h.get("/v1/stream", key.Token, "Connection", "Upgrade", "Upgrade", "websocket")
				if res.StatusCode/100 != 4 {
					t.Fatal(res.Status)
				}
				done()
			}
			synctest.Wait()
		}
		a, b := h.dial(key.Token), h.dial(key.Token)
		defer a.bye()
		defer b.bye()
		if e := a.wants(1, btc+","+eth+","+price); e.Op != "subscribed" {
			t.Error("subscriptions were kept:", e.text)
		}
		h.refused("/v1/stream", key.Token, "connections", 2, upgrade...)
		if e := b.wants(1, btc); e.Op != "error" {
			t.Error("subscriptions were given back twice:", e.text)
		}
	})
}

func TestTheStreamsOfARevokedKeyGiveBackWhatTheyHeld(t *testing.T) {
	guarded(t, Limits{}, func(t *testing.T, h *house, g *gate.Gate, key gate.Made) {
		by := gate.By{Name: "test"}
		next, err := g.Create(t.Context(), by, gate.Spec{Name: "other", Org: "acme", App: "bot", Scopes: []access.Scope{access.StreamRead}})
		if err != nil {
			t.Fatal(err)
		}
		a, b := h.dial(key.Token), h.dial(key.Token)
		a.wants(1, btc+","+eth)
		if _, err := g.Revoke(t.Context(), by, gate.Target{Ring: key.Ring.ID}, "lost", gate.WaitNone); err != nil {
			t.Fatal(err)
		}
		a.ends()
		b.ends()
		synctest.Wait()
		c, d := h.dial(next.Token), h.dial(next.Token)
		defer c.bye()
		defer d.bye()
		if e := d.wants(1, btc+","+eth+","+price); e.Op != "subscribed" {
			t.Error(e.text)
		}
	})
}

func TestAStreamEndsWithTheTokenItWasOpenedWith(t *testing.T) {
	guarded(t, Limits{}, func(t *testing.T, h *house, g *gate.Gate, key gate.Made) {
		if err := g.SetApp(t.Context(), gate.By{Name: "test"}, gate.App{Org: "acme", Name: "bot"}); err != nil {
			t.Fatal(err)
		}
		token := func(seconds int) string { return fmt.Sprintf("eyJ.%s.%d", key.Key.ID, seconds) }
		type ear struct {
			c    *client
			over chan websocket.CloseError
			last string
		}
		listen := func(token string) *ear {
			e := &ear{c: h.dial(token), over: make(chan websocket.CloseError, 1)}
			go func() { // reads all the time, as a client does: nobody is cut for being slow
				heard, end := e.c.ends()
				e.last = strings.Join(heard[max(0, len(heard)-1):], "")
				e.over <- end
			}()
			return e
		}
		short, long, renewed, moved, whole := listen(token(60)), listen(token(600)), listen(token(60)), listen(token(60)), listen(key.Token)
		time.Sleep(2 * time.Second)
		renewed.c.say(`{"op":"reauth","id":1,"token":"` + token(600) + `"}`)
		moved.c.say(`{"op":"reauth","id":1,"token":"` + key.Token + `"}`)

		end := <-short.over
		until := time.Date(2000, 1, 1, 0, 1, 0, 0, time.UTC)
		if end.Code != closeRevoked || end.Reason != "credential_expired" || time.Since(until) > 2*time.Second || time.Now().Before(until) {
			t.Errorf("closed at %s with %v", time.Now(), end)
		}
		if !strings.Contains(short.last, `"code":"unauthentic"`) || !strings.Contains(short.last, "the token for the key") {
			t.Errorf("last words: %q", short.last)
		}
		if _, _, err := h.try(token(60)); err == nil {
			t.Error("an ended token opens a stream")
		}
		for _, e := range []*ear{long, renewed} {
			if end := <-e.over; end.Reason != "credential_expired" || time.Since(until) < 9*time.Minute || time.Since(until) > 9*time.Minute+2*time.Second {
				t.Errorf("closed after %s with %v", time.Since(until), end)
			}
		}
		time.Sleep(time.Minute)
		for name, e := range map[string]*ear{"moved": moved, "whole": whole} {
			if len(e.over) > 0 {
				t.Error(name, "ended:", <-e.over, e.last)
			}
			go e.c.conn.Close(websocket.StatusNormalClosure, "")
			<-e.over
		}
	})
}

func TestARefusedSubscriptionCountsForNothing(t *testing.T) {
	guarded(t, Limits{Rooms: 2, PerKey: 1}, func(t *testing.T, h *house, g *gate.Gate, key gate.Made) {
		c := h.dial(key.Token)
		defer c.bye()
		for i := range 5 {
			if e := c.wants(i, btc+","+eth+","+price); e.Op != "error" || !strings.Contains(e.text, "topics are streamed already") {
				t.Fatal(e.text)
			}
			if _, _, err := h.try(key.Token); err == nil { // within the plan, and above what a key may have
				t.Fatal("a key has two streams")
			}
		}
		if e := c.wants(9, btc+","+eth); e.Op != "subscribed" {
			t.Error(e.text)
		}
		c.bye()
		synctest.Wait()
		h.dial(key.Token).bye()
	})
}
