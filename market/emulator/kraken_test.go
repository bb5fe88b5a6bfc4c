package emulator

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"
	"time"
)

type krakenBook struct {
	Channel, Type string
	Data          []struct {
		Symbol     string
		Bids, Asks []struct{ Price, Qty json.Number }
		Checksum   uint32
		Timestamp  time.Time
	}
}

// cut keeps the best n levels, as a client of Kraken must after every message.
func (p *paper) cut(n int) {
	for _, ask := range []bool{false, true} {
		for i, px := range p.best(ask) {
			if i >= n {
				if ask {
					delete(p.asks, px)
				} else {
					delete(p.bids, px)
				}
			}
		}
	}
}

// krakenText is a decimal with fixed places, without point and leading zeros.
func krakenText(s string, places int) string {
	whole, frac, _ := strings.Cut(s, ".")
	for len(frac) < places {
		frac += "0"
	}
	return strings.TrimLeft(whole+frac, "0")
}

func (p *paper) krakenSum(pd, qd int) uint32 {
	text := ""
	for _, ask := range []bool{true, false} {
		for i, px := range p.best(ask) {
			if i == 10 {
				break
			}
			q := p.bids[px]
			if ask {
				q = p.asks[px]
			}
			text += krakenText(px, pd) + krakenText(q, qd)
		}
	}
	return crc32.ChecksumIEEE([]byte(text))
}

// A client that truncates to its depth has the venue's book and the venue's checksum
// after every message; numbers come as JSON numbers.
func TestKrakenBookAgreesWithEveryChecksum(t *testing.T) { checkKrakenSums(t, t, Options{}) }

func checkKrakenSums(j judge, t *testing.T, opt Options) {
	inBubble(t, "kraken", opt, func(b *bench) {
		w := b.dial("/v2")
		if s := w.await("status"); !strings.Contains(s, `"system":"online"`) {
			t.Fatal(s)
		}
		w.send(`{"method":"subscribe","params":{"channel":"instrument"},"req_id":1}`)
		var ins struct {
			Data struct {
				Pairs []struct {
					Symbol string
					Price  int `json:"price_precision"`
					Qty    int `json:"qty_precision"`
				}
			}
		}
		decode(t, w.await(`"channel":"instrument","type":"snapshot"`), &ins)
		pd, qd := 0, 0
		for _, p := range ins.Data.Pairs {
			if p.Symbol == "BTC/USD" {
				pd, qd = p.Price, p.Qty
			}
		}
		for _, depth := range []int{10, 100} {
			w.send(fmt.Sprintf(`{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"],"depth":%d},"req_id":2}`, depth))
			w.await(`"method":"subscribe","result":{"channel":"book"`)
			book, n := newPaper(), 0
			w.until(time.Minute, func(s string) {
				if !strings.Contains(s, `"channel":"book"`) || strings.Contains(s, `"method"`) {
					return
				}
				var m krakenBook
				decode(t, s, &m)
				d := m.Data[0]
				if m.Type == "snapshot" {
					book = newPaper()
				}
				for _, r := range d.Bids {
					book.set(false, r.Price.String(), r.Qty.String())
				}
				for _, r := range d.Asks {
					book.set(true, r.Price.String(), r.Qty.String())
				}
				book.cut(depth)
				if sum := book.krakenSum(pd, qd); sum != d.Checksum {
					j.Errorf("message %d: checksum %d, venue says %d: %s", n, sum, d.Checksum, s)
				}
				bids, asks, ok := b.v.Truth("BTC/USD").AtTime(d.Timestamp)
				if why := book.differs(bids, asks, depth); !ok || why != "" {
					t.Fatalf("message %d at %v: %v %s", n, d.Timestamp, ok, why)
				}
				n++
			})
			if n < 60 {
				t.Fatalf("%d book messages", n)
			}
			w.send(fmt.Sprintf(`{"method":"unsubscribe","params":{"channel":"book","symbol":["BTC/USD"],"depth":%d}}`, depth))
			w.await(`"method":"unsubscribe"`)
		}
	})
}

// Version 1 speaks arrays and texts; its checksums are over the texts as sent.
func TestKrakenVersionOne(t *testing.T) {
	inBubble(t, "kraken", Options{}, func(b *bench) {
		w := b.dial("/")
		w.send(`{"event":"subscribe","pair":["XBT/USD"],"subscription":{"name":"book","depth":10}}`)
		w.await(`"subscriptionStatus"`)
		book, n := newPaper(), 0
		w.until(time.Minute, func(s string) {
			if s[0] != '[' {
				return
			}
			var m []json.RawMessage
			decode(t, s, &m)
			sum := ""
			for _, raw := range m[1 : len(m)-2] {
				var side struct {
					As, Bs, A, B [][]string
					C            string
				}
				decode(t, string(raw), &side)
				for _, r := range append(side.As, side.A...) {
					book.set(true, r[0], r[1])
				}
				for _, r := range append(side.Bs, side.B...) {
					book.set(false, r[0], r[1])
				}
				sum = side.C
			}
			book.cut(10)
			if want := fmt.Sprint(book.krakenSum(5, 8)); sum != "" && sum != want {
				t.Fatalf("checksum %s, ours %s: %s", sum, want, s)
			}
			n++
		})
		if n < 60 {
			t.Fatalf("%d book messages", n)
		}
	})
}

// The whole kept history pages by since, each trade once, and OHLC gives 720 bars.
func TestKrakenHistory(t *testing.T) {
	inBubble(t, "kraken", Options{}, func(b *bench) {
		time.Sleep(time.Minute)
		want := b.v.Trades("BTC/USD")
		seen, since := 0, "0"
		for since != "" {
			var a struct {
				Error  []string
				Result map[string]any
			}
			b.get("/0/public/Trades?pair=XBTUSD&count=100&since="+since, &a)
			if len(a.Error) > 0 {
				time.Sleep(10 * time.Second) // the venue's limit
				continue
			}
			page := a.Result["XXBTZUSD"].([]any)
			for _, x := range page {
				if seen < len(want) && fmt.Sprint(x.([]any)[6]) != want[seen].ID {
					t.Fatalf("trade %d is %v, want %s", seen, x, want[seen].ID)
				}
				seen++
			}
			since = a.Result["last"].(string)
			if len(page) < 100 {
				since = ""
			}
		}
		if seen < len(want) {
			t.Fatalf("%d trades, the venue has %d", seen, len(want))
		}
		if b.v.AfterLimit() > 0 {
			t.Fatal("waiting ten seconds was not enough")
		}
		time.Sleep(10 * time.Second)
		var o struct{ Result map[string]any }
		b.get("/0/public/OHLC?pair=XBTUSD&interval=1", &o)
		if n := len(o.Result["XXBTZUSD"].([]any)); n < 180 || n > 720 {
			t.Fatalf("%d bars", n)
		}
	})
}

// Idle connections with subscriptions get heartbeats; unknown pairs and depths are
// refused in the venue's words.
func TestKrakenAnswers(t *testing.T) {
	inBubble(t, "kraken", Options{}, func(b *bench) {
		w := b.dial("/v2")
		w.send(`{"method":"subscribe","params":{"channel":"book","symbol":["FOO/BAR"]},"req_id":5}`)
		if s := w.await(`"error"`); !strings.Contains(s, "Currency pair not supported FOO/BAR") || !strings.Contains(s, `"req_id":5`) {
			t.Error(s)
		}
		w.send(`{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"],"depth":7}}`)
		w.await("Subscription depth not supported")
		w.send(`{"method":"ping","req_id":9}`)
		w.await(`{"method":"pong","req_id":9`)
		w.send(`{"method":"subscribe","params":{"channel":"instrument"}}`)
		w.await(`{"channel":"heartbeat"}`)
	})
}
