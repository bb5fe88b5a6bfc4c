package stream

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/assayhq/assay/market"
)

// until hears messages till one is wanted.
func (c *client) until(want func(e *envelope) bool) (heard []envelope) {
	c.t.Helper()
	for {
		e := c.hear()
		heard = append(heard, e)
		if want(&e) {
			return heard
		}
	}
}

// code hears till the connection ends and gives its close code.
func (c *client) code() (websocket.StatusCode, string, []envelope) {
	c.t.Helper()
	var heard []envelope
	for {
		b, err := c.raw()
		if err != nil {
			var ce websocket.CloseError
			if errors.As(err, &ce) {
				return ce.Code, ce.Reason, heard
			}
			return -1, err.Error(), heard
		}
		heard = append(heard, decode(c.t, b))
	}
}

func TestAClientThatWasAwayGoesOnWhereItWas(t *testing.T) {
	inside(t, Options{}, func(t *testing.T, h *house) {
		ask := `{"op":"subscribe","topics":[{"ch":"trades","pair":"BTC-USD","venue":"kraken","from_seq":%d}]}`
		a := h.dial("good")
		a.say(`{"op":"subscribe","topics":[{"ch":"trades","pair":"BTC-USD","venue":"kraken"}]}`)
		a.hear()
		a.hear()
		h.stage.trade("kraken", "BTC-USD", "1", "1", "1", market.Buy)
		seq := a.hear().Seq
		a.bye()
		for i := 2; i <= 5; i++ {
			time.Sleep(100 * time.Millisecond)
			h.stage.trade("kraken", "BTC-USD", fmt.Sprint(i), "1", "1", market.Buy)
		}
		time.Sleep(100 * time.Millisecond)
		b := h.dial("good")
		defer b.bye()
		b.say(fmt.Sprintf(ask, seq))
		if e := b.hear(); e.Topics[0].Resumed == nil || !*e.Topics[0].Resumed {
			t.Fatalf("not resumed: %s", e.text)
		}
		for i := 2; i <= 5; i++ {
			if e := b.hear(); e.First != seq+1 || e.things(t)[0].ID != fmt.Sprint(i) {
				t.Fatalf("after %d: %s", seq, e.text)
			} else {
				seq = e.Seq
			}
		}
		// A number that is not known, as after a restart, gives a snapshot and says so.
		b.say(fmt.Sprintf(ask, 12345))
		if e := b.hear(); e.Topics[0].Resumed == nil || *e.Topics[0].Resumed {
			t.Fatalf("resumed from nowhere: %s", e.text)
		}
		if e := b.hear(); e.Type != "snapshot" || e.Resumed == nil || *e.Resumed || len(e.Data) != 5 {
			t.Fatalf("snapshot: %s", e.text)
		}
	})
}

func TestAForgottenTopicIsClosedAndItsNumbersAreNeverUsedAgain(t *testing.T) {
	inside(t, Options{}, func(t *testing.T, h *house) {
		ask := `{"op":"subscribe","topics":[{"ch":"trades","pair":"BTC-USD","from_seq":%d}]}`
		a := h.dial("good")
		a.say(fmt.Sprintf(ask, 1))
		a.hear()
		seq := a.hear().Seq
		a.bye()
		time.Sleep(2 * time.Minute)
		if st := h.hub.Stats(); st.Rooms != 0 || st.Sessions != 0 {
			t.Fatalf("still there: %+v", st)
		}
		b := h.dial("good")
		defer b.bye()
		b.say(fmt.Sprintf(ask, seq))
		if e := b.hear(); *e.Topics[0].Resumed {
			t.Fatal("resumed in a room that is gone")
		}
	})
}

func TestAStalledReaderHurtsNobodyAndIsCutOff(t *testing.T) {
	inside(t, Options{}, func(t *testing.T, h *house) {
		slow, quick := h.dial("good1"), h.dial("good2")
		defer quick.bye()
		for _, c := range []*client{slow, quick} {
			c.say(`{"op":"subscribe","topics":[{"ch":"trades","pair":"BTC-USD"}]}`)
			c.hear()
			c.hear()
		}
		for i := range 100 { // slow reads no more: not one write to it ends
			at := time.Now()
			h.stage.trade("kraken", "BTC-USD", fmt.Sprint(i), "1", "1", market.Buy)
			if e := quick.hear(); e.things(t)[0].ID != fmt.Sprint(i) || time.Since(at) > 50*time.Millisecond || e.Lost != 0 {
				t.Fatalf("after %s: %s", time.Since(at), e.text)
			}
			time.Sleep(60 * time.Millisecond)
		}
		time.Sleep(8 * time.Second)
		if st := h.hub.Stats(); st.Sessions != 1 || st.Slow != 1 {
			t.Fatalf("the stalled one is still there: %+v", st)
		}
		slow.bye()
	})
}

func TestTradesMissedByASlowReaderAreCounted(t *testing.T) {
	inside(t, Options{Limits: Limits{QueueFrames: 4}}, func(t *testing.T, h *house) {
		c := h.dial("good")
		defer c.bye()
		c.say(`{"op":"subscribe","topics":[{"ch":"trades","pair":"BTC-USD"}]}`)
		c.hear()
		next := c.hear().Seq + 1
		const n = 200
		go func() {
			for i := range n {
				h.stage.trade("kraken", "BTC-USD", fmt.Sprint(i), "1", "1", market.Buy)
				time.Sleep(20 * time.Millisecond)
			}
		}()
		got, lost := 0, 0
		for got+lost < n {
			time.Sleep(250 * time.Millisecond) // slower than a message in 50 ms
			e := c.hear()
			if e.First != next+uint64(e.Lost) {
				t.Fatalf("expected %d and %d lost: %s", next, e.Lost, e.text)
			}
			next = e.Seq + 1
			got += len(e.Data)
			lost += int(e.Lost)
		}
		if lost == 0 || got == 0 || got+lost != n {
			t.Fatalf("got %d, lost %d of %d", got, lost, n)
		}
	})
}

func TestASlowReaderOfABookGetsAFreshOneInsteadOfAllChanges(t *testing.T) {
	inside(t, Options{Limits: Limits{QueueFrames: 4}}, func(t *testing.T, h *house) {
		h.stage.update("kraken", "BTC-USD", true, 0, levels("10", "1"), levels("11", "1"))
		c := h.dial("good")
		defer c.bye()
		c.say(`{"op":"subscribe","topics":[{"ch":"books","pair":"BTC-USD","venue":"kraken"}]}`)
		c.hear()
		c.hear()
		go func() {
			for i := range 100 {
				h.stage.update("kraken", "BTC-USD", false, 0, levels("10", fmt.Sprint(i+1)), nil)
				time.Sleep(60 * time.Millisecond)
			}
		}()
		fresh := false
		for qty := ""; qty != "100"; {
			time.Sleep(400 * time.Millisecond)
			e := c.hear()
			x := e.things(t)
			qty = x[len(x)-1].Bids[0][1]
			fresh = fresh || e.Type == "snapshot" && e.Lost > 0
		}
		if !fresh {
			t.Error("no snapshot made up for the changes")
		}
	})
}

func TestOneThatNeverCatchesUpIsClosedWith1013(t *testing.T) {
	inside(t, Options{Limits: Limits{QueueFrames: 8}}, func(t *testing.T, h *house) {
		c := h.dial("good")
		defer c.bye()
		c.say(`{"op":"subscribe","topics":[{"ch":"trades","pair":"BTC-USD"}]}`)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		defer wg.Wait()
		defer cancel()
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				h.stage.trade("kraken", "BTC-USD", fmt.Sprint(i), "1", "1", market.Buy)
				time.Sleep(10 * time.Millisecond)
			}
		})
		start := time.Now()
		for {
			time.Sleep(time.Second) // far too slow
			_, err := c.raw()
			if err == nil {
				continue
			}
			if code := websocket.CloseStatus(err); code != 1013 {
				t.Errorf("code %d: %v", code, err)
			}
			break
		}
		if d := time.Since(start); d > 40*time.Second {
			t.Errorf("after %s", d)
		}
		if st := h.hub.Stats(); st.Slow != 1 {
			t.Errorf("%+v", st)
		}
	})
}

func TestWhatTheBusLosesIsToldToAll(t *testing.T) {
	h := open(t, Options{}) // in real time: a bubble's does not pass while somebody waits for a lock
	defer h.stop()
	h.stage.update("kraken", "BTC-USD", true, 0, levels("10", "1"), levels("11", "1"))
	c := h.dial("good")
	defer c.bye()
	c.say(`{"op":"subscribe","topics":[{"ch":"trades","pair":"BTC-USD"},{"ch":"books","pair":"BTC-USD","venue":"kraken"}]}`)
	c.hear()
	c.hear()
	c.hear()
	// The rooms stand in a flush while more comes than their queues hold.
	var tr, bk *room
	for tp, r := range h.hub.rooms {
		if tp.ch == market.Trades {
			tr = r
		} else {
			bk = r
		}
	}
	tr.mu.Lock()
	bk.mu.Lock()
	h.stage.trade("kraken", "BTC-USD", "first", "1", "1", market.Buy)
	h.stage.update("kraken", "BTC-USD", false, 0, levels("10", "2"), nil)
	time.Sleep(150 * time.Millisecond)
	for i := range 1500 {
		h.stage.trade("kraken", "BTC-USD", fmt.Sprint(i), "1", "1", market.Buy)
		h.stage.update("kraken", "BTC-USD", false, 0, levels("10", fmt.Sprint(i+3)), nil)
	}
	tr.mu.Unlock()
	bk.mu.Unlock()
	var got, lost int64
	qty := ""
	for got+lost < 1501 || qty != "1502" {
		e := c.hear()
		if e.Ch == "trades" {
			got += int64(len(e.Data))
			lost += e.Lost
			continue
		}
		x := e.things(t)
		qty = x[len(x)-1].Bids[0][1]
	}
	if lost != 1500-1024 {
		t.Errorf("lost %d", lost)
	}
}

func TestARevokedKeyEndsItsStreamsWithinTwoSeconds(t *testing.T) {
	inside(t, Options{}, func(t *testing.T, h *house) {
		a, b := h.dial("good-a"), h.dial("good-b")
		defer b.bye()
		h.door.revoke("good-a")
		at := time.Now()
		if code, reason, _ := a.code(); code != 4401 || time.Since(at) > 2*time.Second {
			t.Errorf("closed with %d (%s) after %s", code, reason, time.Since(at))
		}
		b.say(`{"op":"ping","id":1}`)
		if e := b.hear(); e.Op != "pong" {
			t.Error(e.text)
		}
	})
}

func TestAtARestartEveryClientIsToldToComeBack(t *testing.T) {
	inside(t, Options{}, func(t *testing.T, h *house) {
		c := h.dial("good")
		go h.hub.Drain(t.Context())
		code, _, heard := c.code()
		if code != 1012 || len(heard) != 1 || heard[0].Op != "reconnect" {
			t.Errorf("%d %+v", code, heard)
		}
		synctest.Wait()
		if _, resp, err := h.try("good"); err == nil || resp.StatusCode != 503 {
			t.Errorf("a new one came in: %v", err)
		}
	})
}

func TestQuietConnectionsGetHeartbeats(t *testing.T) {
	inside(t, Options{}, func(t *testing.T, h *house) {
		c := h.dial("good")
		defer c.bye()
		for range 3 {
			at := time.Now()
			if e := c.hear(); e.Op != "heartbeat" || time.Since(at) > 17*time.Second {
				t.Fatalf("after %s: %s", time.Since(at), e.text)
			}
		}
	})
}

func TestWhoMayComeIn(t *testing.T) {
	inside(t, Options{Limits: Limits{PerKey: 2, Topics: 1}}, func(t *testing.T, h *house) {
		for key, want := range map[string]int{"bad": 401, "poor": 403} {
			if _, resp, err := h.try(key); err == nil || resp.StatusCode != want || !strings.Contains(resp.Header.Get("Content-Type"), "problem+json") {
				t.Errorf("%s: %v", key, err)
			}
		}
		a, b := h.dial("good"), h.dial("good")
		defer b.bye()
		if _, resp, err := h.try("good"); err == nil || resp.StatusCode != 429 {
			t.Errorf("a third: %v", err)
		}
		h.dial("good-other").bye()
		a.bye()
		time.Sleep(time.Second)
		c := h.dial("good")
		defer c.bye()
		c.say(`{"op":"subscribe","topics":[{"ch":"trades","pair":"BTC-USD"},{"ch":"trades","pair":"ETH-USD"}]}`)
		if e := c.hear(); e.Op != "error" || e.Error["code"] != "exhausted" {
			t.Error(e.text)
		}
		if st := h.hub.Stats(); st.Rooms != 0 {
			t.Errorf("a refused subscription left %+v", st)
		}
	})
}

func TestChatterersAreSlowedThenClosed(t *testing.T) {
	inside(t, Options{}, func(t *testing.T, h *house) {
		c := h.dial("good")
		defer c.bye()
		heard := make(chan struct{})
		pongs, errs := 0, 0
		var code websocket.StatusCode
		go func() {
			defer close(heard)
			var all []envelope
			code, _, all = c.code()
			for _, e := range all {
				if e.Op == "pong" {
					pongs++
				} else if e.Op == "error" && e.Error["code"] == "exhausted" {
					errs++
				}
			}
		}()
		for range 200 {
			if c.conn.Write(t.Context(), websocket.MessageText, []byte(`{"op":"ping"}`)) != nil {
				break
			}
		}
		<-heard
		if pongs != 20 || errs < 90 || code != 4429 {
			t.Errorf("%d pongs, %d errors, code %d", pongs, errs, code)
		}
	})
}

func TestOneWhoAsksAndDoesNotReadIsClosed(t *testing.T) {
	inside(t, Options{}, func(t *testing.T, h *house) {
		c := h.dial("good")
		defer c.bye()
		for i := 0; i < 20; i++ {
			c.say(`{"op":"ping"}`)
		}
		time.Sleep(15 * time.Second)
		if st := h.hub.Stats(); st.Sessions != 0 {
			t.Errorf("%+v", st)
		}
	})
}

func TestOnlyPagesOfThisHostOrAllowedOnesMayOpenStreams(t *testing.T) {
	for origin, want := range map[string]bool{
		"": true, "https://assay.test": true, "https://app.example.com": true, "https://example.com.evil.test": false, "null": false, "://": false,
	} {
		h := &Hub{opt: Options{Origins: []string{"*.example.com"}}}
		r := httptest.NewRequest("GET", "http://assay.test/v1/stream", nil)
		r.Header.Set("Origin", origin)
		if origin == "" {
			r.Header.Del("Origin")
		}
		if got := h.welcome(r); got != want {
			t.Errorf("%q: %v", origin, got)
		}
	}
}
