package emulator

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/money"
)

// ticket asks where to connect, as a client has to, and gives the path with its token.
func (b *bench) ticket() string {
	r, err := b.http.Post("http://venue/api/v1/bullet-public", "application/json", strings.NewReader("{}"))
	if err != nil {
		b.Fatal(err)
	}
	defer r.Body.Close()
	var a struct {
		Data struct {
			Token           string
			InstanceServers []struct{ Endpoint string }
		}
	}
	text := new(strings.Builder)
	if err := r.Write(text); err != nil {
		b.Fatal(err)
	}
	_, body, _ := strings.Cut(text.String(), "\r\n\r\n")
	body = body[strings.IndexByte(body, '{') : strings.LastIndexByte(body, '}')+1]
	decode(b.T, body, &a)
	if a.Data.InstanceServers[0].Endpoint != "ws://venue/" {
		b.Fatal(body)
	}
	return "/?token=" + a.Data.Token
}

// Without a ticket nobody is heard; without pings nobody stays.
func TestKuCoinTicketsAndPings(t *testing.T) {
	inBubble(t, "kucoin", Options{}, func(b *bench) {
		w := b.dial("/?token=invented")
		w.await(`"type":"error"`)
		if w.until(time.Minute, func(string) {}) {
			t.Fatal("a connection without a ticket stays open")
		}
		if r, _ := b.get("/api/v1/bullet-public", nil); r.StatusCode != http.StatusMethodNotAllowed {
			t.Error("a ticket is to be posted for")
		}
		w = b.dial(b.ticket())
		w.await(`"type":"welcome"`)
		w.send(`{"id":"7","type":"ping"}`)
		w.await(`{"id":"7","type":"pong"`)
		w.send(`{"id":8,"type":"subscribe","topic":"/market/match:NO-PE","response":true}`)
		w.await(`"code":404`)
		start := time.Now()
		if w.until(time.Hour, func(string) {}) || time.Since(start) > 31*time.Second {
			t.Fatalf("without pings open for %v", time.Since(start))
		}
		if r, body := b.get("/api/v3/market/orderbook/level2?symbol=BTC-USDT", nil); r.StatusCode != 401 || !strings.Contains(body, "400001") {
			t.Errorf("the whole book is for signed requests: %d %s", r.StatusCode, body)
		}
	})
}

// A whole book is the venue's 50 best levels at its time; rows of a difference are
// numbered without a hole.
func TestKuCoinSpotBooks(t *testing.T) {
	inBubble(t, "kucoin", Options{}, func(b *bench) {
		w := b.dial(b.ticket())
		w.send(`{"id":"1","type":"subscribe","topic":"/spotMarket/level2Depth50:BTC-USDT","response":true}`)
		w.send(`{"id":"2","type":"subscribe","topic":"/market/level2:BTC-USDT","response":true}`)
		whole, rows, last := 0, 0, int64(0)
		w.until(20*time.Second, func(s string) {
			var m struct {
				Topic string
				Data  struct {
					Asks, Bids [][2]string
					Timestamp  int64
					Start      int64 `json:"sequenceStart"`
					End        int64 `json:"sequenceEnd"`
					Changes    struct{ Asks, Bids [][3]string }
				}
			}
			decode(t, s, &m)
			switch m.Topic {
			case "/market/level2:BTC-USDT":
				if n := len(m.Data.Changes.Asks) + len(m.Data.Changes.Bids); last != 0 && m.Data.Start != last+1 || int64(n) != m.Data.End-m.Data.Start+1 {
					t.Fatalf("%d rows from %d to %d after %d", n, m.Data.Start, m.Data.End, last)
				}
				last = m.Data.End
				rows++
			case "/spotMarket/level2Depth50:BTC-USDT":
				book := newPaper()
				book.pairs(m.Data.Bids, m.Data.Asks)
				bids, asks, ok := b.v.Truth("BTC-USDT").AtTime(time.UnixMilli(m.Data.Timestamp))
				if why := book.differs(bids, asks, 50); !ok || why != "" {
					t.Fatalf("%v %s", ok, why)
				}
				whole++
			}
		})
		if whole < 30 || rows < 50 {
			t.Fatalf("%d whole books, %d differences", whole, rows)
		}
	})
}

// One change a message, joined to the snapshot, is the venue's book after each event.
func TestKuCoinFuturesBooks(t *testing.T) {
	inBubble(t, "kucoinfutures", Options{}, func(b *bench) {
		w := b.dial(b.ticket())
		w.send(`{"id":"1","type":"subscribe","topic":"/contractMarket/level2:XBTUSDTM","response":true}`)
		w.await(`"type":"ack"`)
		time.Sleep(time.Second)
		var a struct {
			Data struct {
				Sequence   int64
				Bids, Asks [][2]any
			}
		}
		b.get("/api/v1/level2/snapshot?symbol=XBTUSDTM", &a)
		book, last, checked := newPaper(), a.Data.Sequence, 0
		inContracts := func(ask bool, price, n string) {
			qty, _ := money.MustParse(n).Mul(money.MustParse("0.001"))
			book.set(ask, price, qty.String())
		}
		for _, r := range a.Data.Bids {
			inContracts(false, r[0].(string), r[1].(interface{ String() string }).String())
		}
		for _, r := range a.Data.Asks {
			inContracts(true, r[0].(string), r[1].(interface{ String() string }).String())
		}
		w.until(20*time.Second, func(s string) {
			var m struct {
				Data struct {
					Sequence int64
					Change   string
				}
			}
			decode(t, s, &m)
			if m.Data.Sequence <= last {
				return
			}
			if m.Data.Sequence != last+1 {
				t.Fatalf("%d after %d", m.Data.Sequence, last)
			}
			last = m.Data.Sequence
			part := strings.Split(m.Data.Change, ",")
			inContracts(part[1] == "sell", part[0], part[2])
			if bids, asks, ok := b.v.Truth("XBTUSDTM").At(uint64(last)); ok {
				if why := book.differs(bids, asks, 0); why != "" {
					t.Fatalf("at %d: %s", last, why)
				}
				checked++
			}
		})
		if checked < 50 {
			t.Fatalf("%d books compared", checked)
		}
	})
}
