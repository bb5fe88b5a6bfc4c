package emulator

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

func (b *bench) info(body string, into any) (int, string) {
	b.Helper()
	r, err := b.http.Post("http://venue/info", "application/json", strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		b.Fatal(err)
	}
	if into != nil {
		if err := json.Unmarshal(text, into); err != nil {
			b.Fatalf("%s: %v in %.300s", body, err, text)
		}
	}
	return r.StatusCode, string(text)
}

// Every book is the venue's best twenty levels at the time it states, the slow and the fast.
func TestHyperliquidBooksAreWhole(t *testing.T) {
	for fast, least := range map[string]int{"": 50, `,"fast":true`: 250} {
		inBubble(t, "hyperliquid", Options{}, func(b *bench) {
			w := b.dial("/ws")
			w.send(`{"method":"subscribe","subscription":{"type":"l2Book","coin":"BTC"` + fast + `}}`)
			w.await(`"channel":"subscriptionResponse"`)
			n := 0
			w.until(30*time.Second, func(s string) {
				var m struct {
					Data struct {
						Time   int64
						Fast   bool
						Levels [2][]struct{ Px, Sz string }
					}
				}
				decode(t, s, &m)
				book := newPaper()
				for i, side := range m.Data.Levels {
					for _, r := range side {
						book.set(i == 1, r.Px, r.Sz)
					}
				}
				bids, asks, ok := b.v.Truth("BTC").AtTime(time.UnixMilli(m.Data.Time))
				if why := book.differs(bids[:20], asks[:20], 0); !ok || why != "" || m.Data.Fast != (fast != "") {
					t.Fatalf("at %d: %v %s", m.Data.Time, ok, why)
				}
				n++
			})
			if n < least {
				t.Errorf("%d books, %q", n, fast)
			}
		})
	}
}

// All of REST is POST; what it cannot read it says in text, and an unknown coin is null.
func TestHyperliquidAnswers(t *testing.T) {
	inBubble(t, "hyperliquid", Options{}, func(b *bench) {
		if r, _ := b.get("/info", nil); r.StatusCode != 405 {
			t.Error("GET", r.StatusCode)
		}
		if code, body := b.info(`{"type":"novelty"}`, nil); code != 422 || !strings.HasPrefix(body, "Failed to deserialize") {
			t.Error(code, body)
		}
		if code, body := b.info(`{"type":"l2Book","coin":"NOPE"}`, nil); code != 500 || body != "null" {
			t.Error(code, body)
		}
		for _, body := range []string{`{"type":"exchangeStatus"}`, `{"type":"meta"}`, `{"type":"spotMeta"}`, `{"type":"metaAndAssetCtxs"}`, `{"type":"allMids"}`, `{"type":"l2Book","coin":"BTC"}`, `{"type":"recentTrades","coin":"@106"}`} {
			var any json.RawMessage
			if code, text := b.info(body, &any); code != 200 || strings.Contains(text, "%!") {
				t.Error(body, code, text)
			}
		}
		var k []struct{ T int64 }
		from := time.Now().Add(-time.Hour).Truncate(time.Minute)
		b.info(fmt.Sprintf(`{"type":"candleSnapshot","req":{"coin":"ETH","interval":"1m","startTime":%d,"endTime":%d}}`, from.UnixMilli(), from.Add(10*time.Minute).UnixMilli()-1), &k)
		if len(k) != 10 {
			t.Errorf("%d candles of ten minutes", len(k))
		}
		w := b.dial("/ws")
		w.send(`{"method":"ping"}`)
		w.await(`{"channel":"pong"}`)
		w.send(`{"method":"subscribe","subscription":{"type":"trades","coin":"NOPE"}}`)
		w.await(`Invalid subscription`)
		start := time.Now()
		if w.until(5*time.Minute, func(string) {}) || time.Since(start) > 70*time.Second {
			t.Errorf("open %v in silence", time.Since(start))
		}
		for range 60 {
			b.info(`{"type":"meta"}`, nil)
		}
		if code, _ := b.info(`{"type":"meta"}`, nil); code != 429 {
			t.Error("after 1200 of weight", code)
		}
	})
}
