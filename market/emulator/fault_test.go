package emulator

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/assayhq/assay/market"
)

var onlyBTC = []market.Pair{"BTC-USDT", "BTC-USD"}

// chain follows Binance diffs and reports the sizes of holes and of steps back.
func chain(t *testing.T, w *wire, d time.Duration) (holes, repeats []uint64, n int) {
	last := uint64(0)
	w.until(d, func(s string) {
		if !strings.Contains(s, "depthUpdate") {
			return
		}
		var m binanceDiff
		decode(t, s, &m)
		switch {
		case last != 0 && m.First > last+1:
			holes = append(holes, m.First-last-1)
		case last != 0 && m.First <= last:
			repeats = append(repeats, m.Last)
		}
		last = m.Last
		n++
	})
	return holes, repeats, n
}

func depthOf(b *bench) *wire {
	w := b.dial("/ws")
	w.send(`{"method":"SUBSCRIBE","params":["btcusdt@depth@100ms"],"id":1}`)
	w.await("result")
	return w
}

// Lost, doubled and swapped messages show in Binance's numbers, once for each entry
// of the journal.
func TestFaultsOfOneMessageShowInTheNumbers(t *testing.T) {
	for _, x := range []struct {
		fault          Fault
		holes, repeats int
	}{
		{Fault{Kind: Drop, Skip: 20}, 1, 0},
		{Fault{Kind: Gap, Skip: 20, Len: 5}, 1, 0},
		{Fault{Kind: Duplicate, Skip: 20, Count: 2}, 0, 2},
		{Fault{Kind: Reorder, Skip: 20}, 2, 1}, // over the held one, and from it to the next
	} {
		inBubble(t, "binance", Options{Pairs: onlyBTC, Faults: &FaultPlan{Faults: []Fault{x.fault}}}, func(b *bench) {
			holes, repeats, n := chain(t, depthOf(b), 20*time.Second)
			if len(holes) != x.holes || len(repeats) != x.repeats || n < 60 {
				t.Errorf("%s: holes %v, repeats %v in %d messages", x.fault.Kind, holes, repeats, n)
			}
			if b.v.Journal().Count(string(x.fault.Kind)) == 0 {
				t.Errorf("%s is not in the journal", x.fault.Kind)
			}
			for _, e := range b.v.Journal().Entries() {
				if e.Symbol != "BTCUSDT" || e.Seq == 0 || e.Conn != "c1" || e.Undetectable {
					t.Errorf("%s: %v", x.fault.Kind, e)
				}
			}
		})
	}
}

// A delayed message holds up all behind it, and nothing is lost.
func TestDelay(t *testing.T) {
	inBubble(t, "binance", Options{Pairs: onlyBTC, Faults: &FaultPlan{Faults: []Fault{{Kind: Delay, Skip: 30, For: Duration(4 * time.Second)}}}}, func(b *bench) {
		w := depthOf(b)
		longest, last := time.Duration(0), time.Now()
		w.until(20*time.Second, func(string) {
			longest, last = max(longest, time.Since(last)), time.Now()
		})
		if longest < 4*time.Second || longest > 6*time.Second {
			t.Fatalf("longest silence %v", longest)
		}
	})
}

// A stall stops the data while heartbeats go on; when it ends, the numbers tell.
func TestStallKeepsHeartbeats(t *testing.T) {
	inBubble(t, "coinbase", Options{Pairs: onlyBTC, Faults: &FaultPlan{Faults: []Fault{{Kind: Stall, After: Duration(10 * time.Second), For: Duration(30 * time.Second)}}}}, func(b *bench) {
		w := b.dial("/")
		w.send(`{"type":"subscribe","product_ids":["BTC-USD"],"channel":"level2"}`)
		w.send(`{"type":"subscribe","channel":"heartbeats"}`)
		beats, data, next := 0, 0, int64(0)
		w.until(time.Minute, func(s string) {
			var m coinbaseMessage
			decode(t, s, &m)
			if m.Sequence != next {
				t.Fatal("a stall must not look like a loss")
			}
			next++
			since := time.Since(b.v.start)
			if since > 12*time.Second && since < 38*time.Second {
				if m.Channel == "heartbeats" {
					beats++
				} else {
					data++
				}
			}
		})
		if beats < 25 || data > 0 {
			t.Fatalf("%d heartbeats, %d data messages in the stall", beats, data)
		}
	})
}

// Kraken's checksum reveals a corrupted sum and a ghost level; a crossed message
// crosses the client's book.
func TestBookLies(t *testing.T) {
	for _, kind := range []FaultKind{BadChecksum, Ghost, Crossed} {
		inBubble(t, "kraken", Options{Pairs: onlyBTC, Faults: &FaultPlan{Faults: []Fault{{Kind: kind, Skip: 10}}}}, func(b *bench) {
			w := b.dial("/v2")
			w.send(`{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"],"depth":10}}`)
			book, wrong, crossed, n := newPaper(), 0, 0, 0
			w.until(2*time.Minute, func(s string) {
				if !strings.Contains(s, `"channel":"book","type"`) || wrong > 0 || crossed > 0 {
					return
				}
				var m krakenBook
				decode(t, s, &m)
				for _, r := range m.Data[0].Bids {
					book.set(false, r.Price.String(), r.Qty.String())
				}
				for _, r := range m.Data[0].Asks {
					book.set(true, r.Price.String(), r.Qty.String())
				}
				book.cut(10)
				n++
				if book.krakenSum(1, 8) != m.Data[0].Checksum {
					wrong++
				}
				if key(book.best(false)[0]) > key(book.best(true)[0]) {
					crossed++
				}
			})
			if n < 11 || wrong+crossed == 0 || (kind == Crossed) != (crossed > 0) || b.v.Journal().Count(string(kind)) != 1 {
				t.Fatalf("%s: after %d messages %d wrong sums, %d crossings; %v", kind, n, wrong, crossed, b.v.Journal())
			}
		})
	}
	inBubble(t, "coinbaseexchange", Options{Pairs: onlyBTC, Faults: &FaultPlan{Faults: []Fault{{Kind: Ghost}, {Kind: Drop, Place: "book", Skip: 5}}}}, func(b *bench) {
		w := b.dial("/")
		w.send(`{"type":"subscribe","product_ids":["BTC-USD"],"channels":["level2_batch"]}`)
		w.until(20*time.Second, func(string) {})
		for _, e := range b.v.Journal().Entries() {
			if !e.Undetectable {
				t.Fatalf("nothing on this wire shows %v", e)
			}
		}
		if len(b.v.Journal().Entries()) != 2 {
			t.Fatal(b.v.Journal())
		}
	})
}

// OKX numbers may restart lower; the link to the last message stays, and the truth
// knows both numberings.
func TestSequenceReset(t *testing.T) {
	inBubble(t, "okx", Options{Pairs: onlyBTC, Faults: &FaultPlan{Faults: []Fault{{Kind: SequenceReset, Skip: 50}}}}, func(b *bench) {
		w := b.dial("/ws/v5/public")
		w.send(`{"op":"subscribe","args":[{"channel":"books","instId":"BTC-USDT"}]}`)
		last, resets := int64(0), 0
		w.until(30*time.Second, func(s string) {
			if !strings.Contains(s, "action") {
				return
			}
			var m okxBooks
			decode(t, s, &m)
			if d := m.Data[0]; d.Prev != -1 {
				if d.Prev != last {
					t.Fatal("the chain broke")
				}
				if d.Seq < d.Prev {
					resets++
				}
			}
			last = m.Data[0].Seq
			if _, _, ok := b.v.Truth("BTC-USDT").At(uint64(last)); !ok {
				t.Fatal("the venue forgot", last)
			}
		})
		if resets != 1 {
			t.Fatalf("%d resets", resets)
		}
	})
}

// A snapshot can be older than all that was buffered: the client must fetch again.
func TestOldSnapshot(t *testing.T) {
	for _, id := range []market.VenueID{"binance", "bitstamp"} {
		inBubble(t, id, Options{Pairs: onlyBTC, Faults: &FaultPlan{Faults: []Fault{{Kind: OldSnapshot, For: Duration(20 * time.Second)}}}}, func(b *bench) {
			time.Sleep(30 * time.Second)
			if id == "bitstamp" {
				var snap struct {
					Micro string `json:"microtimestamp"`
				}
				b.get("/api/v2/order_book/btcusd/", &snap)
				if age := time.Since(microTime(snap.Micro)); age < 20*time.Second {
					t.Fatal(age)
				}
				return
			}
			w := depthOf(b)
			first := binanceDiff{}
			decode(t, w.await("depthUpdate"), &first)
			var snap binanceSnap
			b.get("/api/v3/depth?symbol=BTCUSDT&limit=5000", &snap)
			if snap.Last+1 >= first.First {
				t.Fatalf("snapshot %d is not before the buffer %d", snap.Last, first.First)
			}
			b.get("/api/v3/depth?symbol=BTCUSDT&limit=5000", &snap)
			if snap.Last+1 < first.First {
				t.Fatal("the second one is old too")
			}
		})
	}
}

// Closing codes arrive as planned, and 1006 is an end without a word.
func TestCloseCodes(t *testing.T) {
	for _, code := range []int{1000, 1001, 1006, 1011} {
		inBubble(t, "binance", Options{Pairs: onlyBTC, Faults: &FaultPlan{Faults: []Fault{{Kind: Close, Skip: 10, Code: code}}}}, func(b *bench) {
			w := depthOf(b)
			if w.until(time.Minute, func(string) {}) {
				t.Fatal("still open")
			}
			got := int(websocket.CloseStatus(w.err))
			if code == 1006 && got != -1 || code != 1006 && got != code {
				t.Errorf("closed with %d (%v), want %d", got, w.err, code)
			}
		})
	}
}

// A half-open connection neither ends nor speaks, and takes what the client writes.
func TestHalfOpen(t *testing.T) {
	inBubble(t, "kraken", Options{Pairs: onlyBTC, Faults: &FaultPlan{Faults: []Fault{{Kind: HalfOpen, After: Duration(5 * time.Second)}}}}, func(b *bench) {
		w := b.dial("/v2")
		w.send(`{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"]}}`)
		w.until(6*time.Second, func(string) {})
		n := 0
		if open := w.until(5*time.Minute, func(string) { n++ }); !open || n > 0 {
			t.Fatalf("open %v, %d messages", open, n)
		}
		w.send(`{"method":"ping"}`)
		if open := w.until(time.Minute, func(string) { n++ }); !open || n > 0 {
			t.Fatal("the dead line answered a ping")
		}
	})
}

// HTTP faults: the venue's too-many forms, bans, pages, cut and empty bodies.
func TestHTTPFaults(t *testing.T) {
	plan := func(k FaultKind) Options { return Options{Faults: &FaultPlan{Faults: []Fault{{Kind: k}}}} }
	for _, x := range []struct {
		id     market.VenueID
		kind   FaultKind
		path   string
		status int
		body   string
	}{
		{"binance", TooMany, "/api/v3/time", 429, `"code":-1003`},
		{"binance", Banned, "/api/v3/time", 418, `banned until`},
		{"kraken", TooMany, "/0/public/Time", 200, `{"error":["EAPI:Rate limit exceeded"]}`},
		{"kraken", Banned, "/0/public/Time", 200, `EGeneral:Temporary lockout`},
		{"okx", TooMany, "/api/v5/public/time", 429, `"code":"50011"`},
		{"bybit", TooMany, "/v5/market/time", 200, `"retCode":10006`},
		{"bybit", Banned, "/v5/market/time", 403, `access too frequent`},
		{"coinbase", TooMany, "/api/v3/brokerage/time", 429, `rate_limit_exceeded`},
		{"coinbaseexchange", TooMany, "/time", 429, `Public rate limit exceeded`},
		{"bitget", TooMany, "/api/v2/public/time", 429, `"code":"429"`},
		{"bitget", Banned, "/api/v2/public/time", 403, `"code":"429"`},
		{"cryptocom", TooMany, "/exchange/v1/public/get-tickers", 429, `"code":42901`},
		{"cryptocom", Banned, "/exchange/v1/public/get-tickers", 403, `"code":42901`},
		{"gate", TooMany, "/api/v4/spot/time", 429, `"label":"TOO_MANY_REQUESTS"`},
		{"gatefutures", TooMany, "/api/v4/futures/usdt/contracts", 429, `"label":"TOO_MANY_REQUESTS"`},
		{"kucoin", TooMany, "/api/v1/timestamp", 429, `"code":"429000"`},
		{"bitstamp", TooMany, "/api/v2/ticker/btcusd/", 429, `400.002`},
		{"binance", Page, "/api/v3/time", 502, `<html>`},
		{"binance", Truncated, "/api/v3/time", 200, `{"server`},
		{"binance", Empty, "/api/v3/time", 200, ``},
	} {
		inBubble(t, x.id, plan(x.kind), func(b *bench) {
			r, body := b.get(x.path, nil)
			if r.StatusCode != x.status || !strings.Contains(body, x.body) || x.kind == Empty && body != "" || x.kind == Truncated && strings.HasSuffix(body, "}") {
				t.Errorf("%s %s: %d %q", x.id, x.kind, r.StatusCode, body)
			}
			if x.kind == TooMany {
				b.get(x.path, nil)
				if b.v.AfterLimit() != 1 {
					t.Errorf("%s: %d requests counted after the limit", x.id, b.v.AfterLimit())
				}
				time.Sleep(6 * time.Second)
				if _, body := b.get(x.path, nil); strings.Contains(body, x.body) {
					t.Errorf("%s: still refused: %s", x.id, body)
				}
			}
		})
	}
}

// A subscription can stay without an answer or be refused; both leave the client
// without data.
func TestSubscriptionFaults(t *testing.T) {
	subscribe := map[market.VenueID][2]string{
		"binance":          {"/ws", `{"method":"SUBSCRIBE","params":["btcusdt@depth@100ms"],"id":1}`},
		"kraken":           {"/v2", `{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"]}}`},
		"coinbase":         {"/", `{"type":"subscribe","product_ids":["BTC-USD"],"channel":"level2"}`},
		"coinbaseexchange": {"/", `{"type":"subscribe","product_ids":["BTC-USD"],"channels":["level2_batch"]}`},
		"okx":              {"/ws/v5/public", `{"op":"subscribe","args":[{"channel":"books","instId":"BTC-USDT"}]}`},
		"bybit":            {"/v5/public/spot", `{"op":"subscribe","args":["orderbook.50.BTCUSDT"]}`},
		"bitget":           {"/v3/ws/public", `{"op":"subscribe","args":[{"instType":"spot","topic":"books","symbol":"BTCUSDT"}]}`},
		"cryptocom":        {"/exchange/v1/market", `{"id":1,"method":"subscribe","params":{"channels":["book.BTC_USD.50"],"book_subscription_type":"SNAPSHOT_AND_UPDATE","book_update_frequency":10}}`},
		"gate":             {"/ws/v4/", `{"time":1,"channel":"spot.obu","event":"subscribe","payload":["ob.BTC_USDT.50"]}`},
		"kucoin":           {"/?token=" + kucoinToken(42, 1), `{"id":"1","type":"subscribe","topic":"/spotMarket/level2Depth50:BTC-USDT"}`},
		"bitstamp":         {"/", `{"event":"bts:subscribe","data":{"channel":"diff_order_book_btcusd"}}`},
	}
	for id, s := range subscribe {
		for _, kind := range []FaultKind{NoAck, Refuse} {
			inBubble(t, id, Options{Pairs: onlyBTC, Faults: &FaultPlan{Faults: []Fault{{Kind: kind}}}}, func(b *bench) {
				w := b.dial(s[0])
				w.send(s[1])
				var got []string
				w.until(4*time.Second, func(s string) {
					if (!strings.Contains(s, "status") || strings.Contains(s, `"error"`)) && !strings.Contains(s, "heartbeat") && !strings.Contains(s, "welcome") {
						got = append(got, s)
					}
				})
				if kind == NoAck && len(got) > 0 || kind == Refuse && (len(got) != 1 || !strings.Contains(strings.ToLower(got[0]), "err") && !strings.Contains(got[0], "false")) {
					t.Errorf("%s %s: %v", id, kind, got)
				}
				w.send(s[1])
				w.until(4*time.Second, func(s string) { got = append(got, s) })
				if len(got) < 5 {
					t.Errorf("%s %s: the second try got %v", id, kind, got)
				}
			})
		}
	}
}

// Every venue can say something nobody knows, and what is text stays valid JSON.
func TestUnknownMessages(t *testing.T) {
	for _, id := range IDs() {
		inBubble(t, id, Options{}, func(b *bench) {
			b.v.mu.Lock()
			defer b.v.mu.Unlock()
			for _, enum := range []bool{false, true} {
				var any map[string]any
				if said := b.v.proto.strange(enum); frameType(said) == websocket.MessageText {
					decode(t, strings.ReplaceAll(string(said), "\x00", "7"), &any)
				}
			}
		})
	}
}

// Planned restarts are announced where the venue does so, before the close.
func TestPlannedShutdown(t *testing.T) {
	for id, x := range map[market.VenueID]struct {
		path, notice string
		grace        time.Duration
	}{"binance": {"/ws/btcusdt@depth", "serverShutdown", 10 * time.Minute}, "bitstamp": {"/", "bts:request_reconnect", 10 * time.Second}, "okx": {"/ws/v5/public", `"code":"64008"`, time.Minute}} {
		inBubble(t, id, Options{Pairs: onlyBTC}, func(b *bench) {
			w := b.dial(x.path)
			if id == "okx" {
				w.send(`{"op":"subscribe","args":[{"channel":"books","instId":"BTC-USDT"}]}`)
				w.await("subscribe")
			}
			time.Sleep(100 * time.Millisecond)
			b.v.AnnounceShutdown()
			w.await(x.notice)
			start := time.Now()
			if w.until(time.Hour, func(string) {}) {
				t.Fatal("not closed")
			}
			if d := time.Since(start); d < x.grace-time.Second || d > x.grace+time.Second {
				t.Errorf("%s closed after %v", id, d)
			}
		})
	}
}

// Plans are read from JSON and from plain YAML, and unknown keys and kinds are refused.
func TestParseFaults(t *testing.T) {
	yaml := `
# a bad day
seed: 7
faults:
  - kind: gap
    place: book
    symbol: BTCUSDT   # only this one
    after: 20s
    len: 4
  - {kind: close, conn: c1, code: 1011, skip: 100}
`
	js := `{"seed":7,"faults":[{"kind":"gap","place":"book","symbol":"BTCUSDT","after":"20s","len":4},{"kind":"close","conn":"c1","code":1011,"skip":100}]}`
	a, err1 := ParseFaults([]byte(yaml))
	b, err2 := ParseFaults([]byte(js))
	if err1 != nil || err2 != nil || fmt.Sprint(*a) != fmt.Sprint(*b) || len(a.Faults) != 2 || a.Faults[0].Len != 4 {
		t.Fatalf("%+v %v\n%+v %v", a, err1, b, err2)
	}
	for _, bad := range []string{`{"faults":[{"kind":"gravity"}]}`, `{"faults":[{"kind":"drop","colour":"red"}]}`, "faults:\n  - drop"} {
		if _, err := ParseFaults([]byte(bad)); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
}
