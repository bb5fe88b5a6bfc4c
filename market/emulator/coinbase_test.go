package emulator

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

type coinbaseMessage struct {
	Channel  string
	Sequence int64 `json:"sequence_num"`
	Events   []struct {
		Type    string
		Product string `json:"product_id"`
		Updates []struct {
			Side  string
			At    time.Time `json:"event_time"`
			Price string    `json:"price_level"`
			Size  string    `json:"new_quantity"`
		}
		Trades []struct {
			ID    string `json:"trade_id"`
			Price string
			Side  string
			Time  time.Time
		}
	}
}

// Every message of the connection has the next number, whatever its channel; the book
// made from updates is the venue's; trades carry the maker's side.
func TestCoinbaseSequenceBookAndMakerSide(t *testing.T) {
	inBubble(t, "coinbase", Options{}, func(b *bench) {
		w := b.dial("/")
		for _, ch := range []string{"heartbeats", "level2", "market_trades", "ticker"} {
			w.send(fmt.Sprintf(`{"type":"subscribe","product_ids":["BTC-USD"],"channel":"%s"}`, ch))
		}
		sides := map[string]bool{}
		for _, x := range b.v.Trades("BTC-USD") {
			sides[x.ID] = x.Side == 1
		}
		next, updates, trades, beats := int64(0), 0, 0, 0
		book := newPaper()
		var prints []string
		w.until(time.Minute, func(s string) {
			var m coinbaseMessage
			decode(t, s, &m)
			if m.Sequence != next {
				t.Fatalf("number %d, want %d: %.200s", m.Sequence, next, s)
			}
			next++
			switch m.Channel {
			case "heartbeats":
				beats++
			case "l2_data":
				e := m.Events[0]
				for _, u := range e.Updates {
					book.set(u.Side == "offer", u.Price, u.Size)
				}
				bids, asks, ok := b.v.Truth("BTC-USD").AtTime(e.Updates[0].At)
				if why := book.differs(bids, asks, 0); !ok || why != "" {
					t.Fatalf("after %d updates: %v %s", updates, ok, why)
				}
				updates++
			case "market_trades":
				for _, x := range m.Events[0].Trades {
					prints = append(prints, x.ID+" "+x.Side)
					trades++
				}
			}
		})
		for _, x := range b.v.Trades("BTC-USD") {
			sides[x.ID] = x.Side == 1
		}
		for _, p := range prints {
			id, side, _ := strings.Cut(p, " ")
			if bought, ok := sides[id]; !ok || (side == "SELL") != bought {
				t.Fatalf("trade %s is shown as %s; a taker bought: %v", id, side, bought)
			}
		}
		if updates < 100 || trades < 20 || beats < 58 || beats > 61 {
			t.Fatalf("%d updates, %d trades, %d heartbeats", updates, trades, beats)
		}
	})
}

// Who subscribes to nothing within five seconds is cut.
func TestCoinbaseSubscribeDeadline(t *testing.T) {
	inBubble(t, "coinbase", Options{}, func(b *bench) {
		w := b.dial("/")
		start := time.Now()
		if w.until(time.Minute, func(string) {}) {
			t.Fatal("still open")
		}
		if d := time.Since(start); d < 5*time.Second || d > 6*time.Second {
			t.Fatalf("cut after %v", d)
		}
	})
}

// Candles: newest first, no rows for empty intervals, at most 350.
func TestCoinbaseCandles(t *testing.T) {
	inBubble(t, "coinbase", Options{}, func(b *bench) {
		now := time.Now().Unix()
		var a struct {
			Candles []struct{ Start, Open, Volume string }
		}
		b.get(fmt.Sprintf("/api/v3/brokerage/market/products/LTC-EUR/candles?granularity=ONE_MINUTE&start=%d&end=%d", now-6000, now), nil)
		b.get(fmt.Sprintf("/api/v3/brokerage/market/products/LTC-USD/candles?granularity=ONE_MINUTE&start=%d&end=%d", now-6000, now), &a)
		if len(a.Candles) < 60 || a.Candles[0].Start < a.Candles[1].Start {
			t.Fatalf("%d candles, first %v", len(a.Candles), a.Candles[:2])
		}
		r, body := b.get(fmt.Sprintf("/api/v3/brokerage/market/products/LTC-USD/candles?granularity=ONE_MINUTE&start=%d&end=%d", now-60000, now), nil)
		if r.StatusCode != 400 || !strings.Contains(body, "less than 350") {
			t.Fatal(r.StatusCode, body)
		}
	})
}

// Coinbase Exchange: snapshot and diffs without numbers, maker's side in matches,
// trades paged by cursor headers.
func TestCoinbaseExchangeBookAndCursors(t *testing.T) {
	inBubble(t, "coinbaseexchange", Options{}, func(b *bench) {
		w := b.dial("/")
		w.send(`{"type":"subscribe","product_ids":["ETH-USD"],"channels":["level2"]}`)
		w.await("require authentication")
		w.send(`{"type":"subscribe","product_ids":["ETH-USD"],"channels":["level2_batch","matches","heartbeat"]}`)
		w.await("subscriptions")
		book, n, matches, beats, last := newPaper(), 0, 0, 0, int64(0)
		w.until(time.Minute, func(s string) {
			var m struct {
				Type       string
				Time       time.Time
				Bids, Asks [][2]string
				Changes    [][3]string
				Sequence   int64
			}
			decode(t, s, &m)
			switch m.Type {
			case "match":
				if m.Sequence <= last {
					t.Fatal("match sequence went back")
				}
				last = m.Sequence
				matches++
			case "heartbeat":
				beats++
			case "snapshot", "l2update":
				book.pairs(m.Bids, m.Asks)
				for _, c := range m.Changes {
					book.set(c[0] == "sell", c[1], c[2])
				}
				bids, asks, ok := b.v.Truth("ETH-USD").AtTime(m.Time)
				if why := book.differs(bids, asks, 0); !ok || why != "" {
					t.Fatalf("after %d: %s", n, why)
				}
				n++
			}
		})
		if n < 100 || matches < 10 || beats < 58 {
			t.Fatalf("%d book messages, %d matches, %d heartbeats", n, matches, beats)
		}
		seen, after := map[int64]bool{}, ""
		for {
			var page []struct {
				ID int64 `json:"trade_id"`
			}
			r, _ := b.get("/products/ETH-USD/trades?limit=100"+after, &page)
			for _, x := range page {
				if seen[x.ID] {
					t.Fatal("twice", x.ID)
				}
				seen[x.ID] = true
			}
			time.Sleep(100 * time.Millisecond)
			after = "&after=" + r.Header.Get("CB-AFTER")
			if len(page) < 100 {
				break
			}
		}
		newest, want := int64(0), 0
		for id := range seen {
			newest = max(newest, id)
		}
		for _, x := range b.v.Trades("ETH-USD") {
			if id, _ := strconv.ParseInt(x.ID, 10, 64); id <= newest {
				want++
			}
		}
		if len(seen) != want {
			t.Fatalf("%d trades paged of %d", len(seen), want)
		}
	})
}
