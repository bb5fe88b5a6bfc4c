package coingecko

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/money"
)

// line is a connection to a stream.
type line struct {
	t    *testing.T
	conn *websocket.Conn
}

func (s *service) dial(t *testing.T) line {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c, _, err := websocket.Dial(ctx, strings.Replace(strings.TrimSuffix(s.url, "/api/v3"), "http", "ws", 1)+"/v1x?x_cg_pro_api_key="+s.key, nil) //nolint:bodyclose // there is none
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.CloseNow() }) //nolint:errcheck // it is over
	return line{t, c}
}

func (l line) next() (m map[string]any) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), 20*time.Second)
	defer cancel()
	_, b, err := l.conn.Read(ctx)
	if err != nil {
		l.t.Fatal(err)
	}
	if err := json.Unmarshal(b, &m); err != nil {
		l.t.Fatal(err, string(b))
	}
	return m
}

func (l line) say(text string) {
	l.t.Helper()
	if err := l.conn.Write(l.t.Context(), websocket.MessageText, []byte(text)); err != nil {
		l.t.Fatal(err)
	}
}

const identifier = `"identifier":"{\"channel\":\"CGSimplePrice\"}"`

func TestAStreamTellsPricesAsTheyChange(t *testing.T) {
	s := serve(t)
	l := s.dial(t)
	if m := l.next(); m["code"] != 3000.0 || len(m["uuid"].(string)) != 36 {
		t.Error(m)
	}
	if m := l.next(); m["type"] != "welcome" || m["sid"] == "" {
		t.Error(m)
	}
	l.say(`{"command":"message",` + identifier + `,"data":"{}"}`)
	if m := l.next(); m["code"] != 4000.0 {
		t.Error("data before a subscription:", m)
	}
	l.say(`{"command":"subscribe",` + identifier + `}`)
	if m := l.next(); m["type"] != "confirm_subscription" || m["identifier"] != `{"channel":"CGSimplePrice"}` {
		t.Error(m)
	}
	l.say(`{"command":"message",` + identifier + `,"data":"{\"coin_id\":[\"bitcoin\",\"nothing\"],\"vs_currencies\":[\"usd\"],\"action\":\"set_tokens\"}"}`)
	if m := l.next(); m["code"] != 2000.0 || m["message"] != "Subscribed to bitcoin in usd" {
		t.Error(m)
	}
	if m := l.next(); m["code"] != 4000.0 || m["message"] != "coin not found" {
		t.Error(m)
	}
	if m := l.next(); m["c"] != "C1" || m["i"] != "bitcoin" || m["vs"] != "usd" || m["p"] != 64000.25 || m["t"] != 1772366400.0 || m["m"] == nil || m["v"] == nil || m["pp"] == nil {
		t.Error(m)
	}
	p := money.MustPrice("65000.5")
	s.w.moved.Store(&p)
	if m := l.next(); m["p"] != 65000.5 {
		t.Error(m)
	}
	l.say(`{"command":"message",` + identifier + `,"data":"{\"coin_id\":\"bitcoin\",\"action\":\"unset_tokens\"}"}`)
	if m := l.next(); m["message"] != "Unsubscribed from bitcoin in usd" {
		t.Error(m)
	}
}

func TestNonsenseInAStreamIsAnswered(t *testing.T) {
	s := serve(t)
	l := s.dial(t)
	l.next()
	l.next()
	for _, text := range []string{"", "{", "[]", `{"command":"fly"}`, `{"command":"message","identifier":"x"}`, "null", `"\u0000"`} {
		l.say(text)
		if m := l.next(); m["code"] != 4000.0 {
			t.Error(text, m)
		}
	}
	l.say(`{"command":"subscribe","identifier":"{\"channel\":\"OnchainTrade\"}"}`)
	if m := l.next(); m["type"] != "reject_subscription" {
		t.Error(m)
	}
	if res, b := s.get(t, "/../../v1x?x_cg_pro_api_key="+s.key); res.StatusCode == 200 {
		t.Error("a stream without a WebSocket:", b)
	}
}

func TestARevokedKeyEndsItsStream(t *testing.T) {
	s := serve(t)
	l := s.dial(t)
	l.next()
	l.next()
	if _, err := s.g.Revoke(t.Context(), gate.By{Name: "test"}, gate.Target{Ring: s.ring}, "lost", gate.WaitNone); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, _, err := l.conn.Read(ctx); websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
		t.Error(err)
	}
}
