package emulator

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

type binanceDiff struct {
	First uint64      `json:"U"`
	Last  uint64      `json:"u"`
	Bids  [][2]string `json:"b"`
	Asks  [][2]string `json:"a"`
}

type binanceSnap struct {
	Last uint64      `json:"lastUpdateId"`
	Bids [][2]string `json:"bids"`
	Asks [][2]string `json:"asks"`
}

func (p *paper) pairs(bids, asks [][2]string) {
	for _, r := range bids {
		p.set(false, r[0], r[1])
	}
	for _, r := range asks {
		p.set(true, r[0], r[1])
	}
}

// A client that buffers diffs, takes a snapshot and chains by U and u has the venue's
// book after every message for a minute.
func TestBinanceBookJoinsByTheDocumentedRule(t *testing.T) { checkBinanceChain(t, t, Options{}) }

func checkBinanceChain(j judge, t *testing.T, opt Options) {
	inBubble(t, "binance", opt, func(b *bench) {
		w := b.dial("/ws")
		w.send(`{"method":"SUBSCRIBE","params":["btcusdt@depth@100ms"],"id":7}`)
		if s := w.await("result"); s != `{"result":null,"id":7}` {
			t.Fatal("ack:", s)
		}
		var buffer []binanceDiff
		w.until(2*time.Second, func(s string) {
			var d binanceDiff
			decode(t, s, &d)
			buffer = append(buffer, d)
		})
		var snap binanceSnap
		b.get("/api/v3/depth?symbol=BTCUSDT&limit=5000", &snap)
		book := newPaper()
		book.pairs(snap.Bids, snap.Asks)
		local, applied := snap.Last, 0
		if snap.Last+1 < buffer[0].First {
			t.Fatal("snapshot is older than the buffer")
		}
		apply := func(d binanceDiff) {
			if d.Last <= local && applied == 0 {
				return
			}
			if applied == 0 && !(d.First <= local+1 && local+1 <= d.Last) || applied > 0 && d.First != local+1 {
				j.Errorf("chain breaks: have %d, message is %d..%d", local, d.First, d.Last)
			}
			book.pairs(d.Bids, d.Asks)
			local = d.Last
			applied++
			bids, asks, ok := b.v.Truth("BTCUSDT").At(local)
			if !ok {
				j.Errorf("the venue does not know %d", local)
				return
			}
			if why := book.differs(bids, asks, 0); why != "" {
				j.Errorf("after %d: %s", local, why)
			}
		}
		for _, d := range buffer {
			apply(d)
		}
		w.until(time.Minute, func(s string) {
			var d binanceDiff
			decode(t, s, &d)
			apply(d)
		})
		if applied < 200 {
			t.Fatalf("only %d diffs in a minute", applied)
		}
	})
}

// Trades paged by id, live trades and candles tell the same story.
func TestBinanceTradesPageOnceAndMakeTheCandles(t *testing.T) {
	inBubble(t, "binance", Options{}, func(b *bench) {
		w := b.dial("/stream?streams=ethusdt@aggTrade/ethusdt@kline_1m")
		live := map[int64]bool{}
		closed := map[int64]string{}
		w.until(3*time.Minute, func(s string) {
			var m struct {
				Stream string
				Data   struct {
					A int64 `json:"a"`
					K struct {
						T       int64  `json:"t"`
						X       bool   `json:"x"`
						O, C, V string `json:"-"`
						Close   string `json:"c"`
						Vol     string `json:"v"`
						N       int    `json:"n"`
					} `json:"k"`
				}
			}
			decode(t, s, &m)
			if strings.HasSuffix(m.Stream, "@aggTrade") {
				live[m.Data.A] = true
			} else if m.Data.K.X {
				closed[m.Data.K.T] = fmt.Sprint(m.Data.K.Close, " ", m.Data.K.Vol, " ", m.Data.K.N)
			}
		})
		type agg struct {
			A, T int64
			P, Q string
		}
		seen := map[int64]bool{}
		from := b.v.symbols["ETHUSDT"].tape.since(0)[0].id - binanceAggregate
		for {
			var page []agg
			b.get(fmt.Sprintf("/api/v3/aggTrades?symbol=ETHUSDT&fromId=%d&limit=100", from), &page)
			for _, x := range page {
				if seen[x.A] {
					t.Fatalf("trade %d twice", x.A)
				}
				seen[x.A] = true
				from = x.A + 1
			}
			if len(page) < 100 {
				break
			}
		}
		all := b.v.Trades("ETHUSDT")
		if len(seen) != len(all) || len(all) < 300 {
			t.Fatalf("paged %d trades, the venue has %d", len(seen), len(all))
		}
		for id := range live {
			if !seen[id] {
				t.Fatalf("live trade %d is not in the history", id)
			}
		}
		if len(closed) < 2 {
			t.Fatalf("%d closed candles in 3 minutes", len(closed))
		}
		var rows [][]any
		b.get("/api/v3/klines?symbol=ETHUSDT&interval=1m&limit=1000", &rows)
		if len(rows) < 180 {
			t.Fatalf("%d candles of history", len(rows))
		}
		for i, r := range rows {
			if i > 0 && num(r[0])-num(rows[i-1][0]) != 60000 {
				t.Fatalf("candles %v and %v are not a minute apart", rows[i-1][0], r[0])
			}
			if want, ok := closed[num(r[0])]; ok && want != fmt.Sprint(r[4], " ", r[5], " ", r[8]) {
				t.Errorf("candle %v: stream %s, REST %v %v %v", r[0], want, r[4], r[5], r[8])
			}
		}
	})
}

// The venue refuses what it does not know, in its own words.
func TestBinanceRefusals(t *testing.T) {
	inBubble(t, "binance", Options{}, func(b *bench) {
		for path, want := range map[string]string{
			"/api/v3/depth?symbol=NOPE":                             `400 {"code":-1121,"msg":"Invalid symbol."}`,
			"/api/v3/depth?symbol=BTCUSDT&foo=1":                    `400 {"code":-1104,"msg":"Not all sent parameters were read; read '1' parameter(s) but was sent '2'."}`,
			"/api/v3/klines?symbol=BTCUSDT&interval=7m":             `400 {"code":-1120,"msg":"Invalid interval."}`,
			"/api/v3/depth":                                         `400 {"code":-1102,"msg":"Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."}`,
			"/api/v3/aggTrades?symbol=BTCUSDT&fromId=1&startTime=1": `400 {"code":-1128,"msg":"Combination of optional parameters invalid."}`,
		} {
			r, body := b.get(path, nil)
			if got := fmt.Sprint(r.StatusCode, " ", body); got != want {
				t.Errorf("%s: %s, want %s", path, got, want)
			}
			if r.Header.Get("X-Assay-Simulated") != "true" {
				t.Errorf("%s is not marked as simulated", path)
			}
		}
	})
}

// Weight is told in every answer; whoever goes on after a 429 is counted, then banned
// for longer each time.
func TestBinanceWeightThenBan(t *testing.T) {
	inBubble(t, "binance", Options{}, func(b *bench) {
		r, _ := b.get("/api/v3/depth?symbol=BTCUSDT&limit=5000", nil)
		if w := r.Header.Get("X-MBX-USED-WEIGHT-1M"); w != "250" {
			t.Fatalf("used weight %q after a full depth", w)
		}
		for r.StatusCode == 200 {
			r, _ = b.get("/api/v3/depth?symbol=BTCUSDT&limit=5000", nil)
		}
		if r.StatusCode != 429 || r.Header.Get("Retry-After") == "" {
			t.Fatalf("status %d, Retry-After %q", r.StatusCode, r.Header.Get("Retry-After"))
		}
		if b.v.AfterLimit() != 0 {
			t.Fatal("counted before the client nagged")
		}
		for range 4 {
			b.get("/api/v3/time", nil)
		}
		if b.v.AfterLimit() != 4 {
			t.Fatalf("%d requests counted after the 429, want 4", b.v.AfterLimit())
		}
		r, body := b.get("/api/v3/time", nil)
		if r.StatusCode != 418 || r.Header.Get("Retry-After") != "120" || !strings.Contains(body, "banned until") {
			t.Fatalf("%d %s %s", r.StatusCode, r.Header.Get("Retry-After"), body)
		}
		time.Sleep(121 * time.Second)
		if r, _ = b.get("/api/v3/time", nil); r.StatusCode != 200 {
			t.Fatalf("still %d after the ban", r.StatusCode)
		}
	})
}

// Six client messages in a second end the connection with 1008; a connection ends
// after 24 hours.
func TestBinanceSessionRules(t *testing.T) {
	inBubble(t, "binance", Options{Pairs: someMarkets, MaxAge: 10 * time.Minute}, func(b *bench) {
		w := b.dial("/ws")
		for i := range 6 {
			w.send(fmt.Sprintf(`{"method":"LIST_SUBSCRIPTIONS","id":%d}`, i))
		}
		w.until(time.Second, func(string) {})
		if w.err == nil || !strings.Contains(w.err.Error(), "1008") && !strings.Contains(w.err.Error(), "StatusPolicyViolation") {
			t.Fatalf("after six messages: %v", w.err)
		}
		w = b.dial("/ws/ltcusdt@trade")
		start := time.Now()
		if w.until(time.Hour, func(string) {}) {
			t.Fatal("the connection outlived its age")
		}
		if d := time.Since(start); d < 10*time.Minute || d > 10*time.Minute+time.Second {
			t.Fatalf("closed after %v", d)
		}
	})
}
