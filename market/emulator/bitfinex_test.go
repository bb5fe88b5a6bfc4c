package emulator

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"
	"time"
)

// bitfinexPaper is a book kept from rows, with the texts of the wire.
type bitfinexPaper struct{ *paper }

func (p bitfinexPaper) row(t *testing.T, raw json.RawMessage) {
	t.Helper()
	var r []json.Number
	decode(t, string(raw), &r)
	amount, ask := strings.CutPrefix(r[2].String(), "-")
	if r[1] == "0" {
		amount = "0"
	}
	p.set(ask, r[0].String(), amount)
}

func (p bitfinexPaper) sum() int32 {
	var parts []string
	bids, asks := p.best(false), p.best(true)
	for i := range 25 {
		if i < len(bids) {
			parts = append(parts, bids[i], p.bids[bids[i]])
		}
		if i < len(asks) {
			parts = append(parts, asks[i], "-"+p.asks[asks[i]])
		}
	}
	return int32(crc32.ChecksumIEEE([]byte(strings.Join(parts, ":"))))
}

// A client that applies the rows has the venue's checksum whenever one comes, the venue's
// book at that time, and a number on every message that rises by one.
func TestBitfinexBookAgreesWithEveryChecksum(t *testing.T) {
	inBubble(t, "bitfinex", Options{}, func(b *bench) {
		w := b.dial("/ws/2")
		w.await(`"event":"info","version":2`)
		w.send(`{"event":"conf","flags":229376}`)
		w.await(`{"event":"conf","status":"OK","flags":229376}`)
		w.send(`{"event":"subscribe","channel":"book","symbol":"tBTCUSD","prec":"P0","freq":"F0","len":"25"}`)
		w.send(`{"event":"subscribe","channel":"trades","symbol":"tBTCUSD"}`)
		book, sums, seq := bitfinexPaper{newPaper()}, 0, 0
		number := 0
		w.until(time.Minute, func(s string) {
			if s[0] == '{' {
				if strings.Contains(s, `"subscribed","channel":"book"`) {
					var ack struct{ ChanID int }
					decode(t, s, &ack)
					number = ack.ChanID
				}
				return
			}
			var m []json.RawMessage
			decode(t, s, &m)
			seq++
			if got := string(m[len(m)-2]); got != fmt.Sprint(seq) {
				t.Fatalf("message %s is numbered %s, want %d", s, got, seq)
			}
			switch payload := string(m[1]); {
			case string(m[0]) != fmt.Sprint(number) || payload == `"hb"`:
			case payload == `"cs"`:
				sums++
				if got := fmt.Sprint(book.sum()); got != string(m[2]) {
					t.Fatalf("checksum %d: ours %s, theirs %s", sums, got, m[2])
				}
				var at int64
				decode(t, string(m[4]), &at)
				bids, asks, ok := b.v.Truth("tBTCUSD").AtTime(time.UnixMilli(at))
				if why := book.differs(bids, asks, 25); !ok || why != "" {
					t.Fatalf("checksum %d at %d: %v %s", sums, at, ok, why)
				}
			case strings.HasPrefix(payload, "[["):
				var rows []json.RawMessage
				decode(t, payload, &rows)
				for _, r := range rows {
					book.row(t, r)
				}
			default:
				book.row(t, m[1])
			}
		})
		if sums < 60 {
			t.Fatalf("%d checksums", sums)
		}
	})
}

// Refusals, the cap on channels, ends by number, and heartbeats of quiet channels.
func TestBitfinexAnswers(t *testing.T) {
	inBubble(t, "bitfinex", Options{}, func(b *bench) {
		w := b.dial("/ws/2")
		w.send(`{"event":"subscribe","channel":"book","symbol":"tNOPE"}`)
		w.await(`"msg":"symbol: invalid","code":10300,"channel":"book","symbol":"tNOPE"`)
		w.send(`{"event":"subscribe","channel":"status","key":"deriv:tBTCF0:USTF0"}`)
		w.await(`"subscribed","channel":"status","chanId":10001,"key":"deriv:tBTCF0:USTF0"`)
		w.send(`{"event":"subscribe","channel":"status","key":"deriv:tBTCF0:USTF0"}`)
		w.await(`"subscribe: dup","code":10301`)
		w.send(`{"event":"unsubscribe","chanId":10001}`)
		w.await(`{"event":"unsubscribed","status":"OK","chanId":10001}`)
		w.send(`{"event":"unsubscribe","chanId":10001}`)
		w.await(`"code":10401`)
		w.send(`{"event":"ping","cid":7}`)
		w.await(`"cid":7`)
		for _, i := range []string{"1m", "5m", "15m", "30m", "1h", "4h", "6h", "12h", "1D"} {
			for _, s := range []string{"tBTCUSD", "tETHUSD", "tLTCUSD"} {
				w.send(fmt.Sprintf(`{"event":"subscribe","channel":"candles","key":"trade:%s:%s"}`, i, s))
			}
		}
		w.await(`"subscribe: limit","code":10305`)
		w.await(`,"hb"]`)
	})
}

// The whole kept history pages by time, each trade once; candles are rows with the close
// before the high; too many requests are refused in the venue's words.
func TestBitfinexHistory(t *testing.T) {
	inBubble(t, "bitfinex", Options{}, func(b *bench) {
		time.Sleep(time.Minute)
		want := b.v.Trades("tBTCUSD")
		seen, start := 0, int64(1)
		for more := true; more; {
			var page [][]json.Number
			b.get(fmt.Sprintf("/v2/trades/tBTCUSD/hist?limit=100&sort=1&start=%d", start), &page)
			for _, x := range page {
				at, _ := x[1].Int64()
				if seen < len(want) && x[0].String() == want[seen].ID {
					seen++
				}
				start = at
			}
			more = len(page) == 100
			time.Sleep(2 * time.Second)
		}
		if seen < len(want) {
			t.Fatalf("%d trades, the venue has %d", seen, len(want))
		}
		var bars [][]json.Number
		b.get("/v2/candles/trade:1m:tBTCUSD/hist?limit=10000", &bars)
		if len(bars) < 100 || key(bars[0][3].String()) < key(bars[0][4].String()) {
			t.Fatalf("%d bars, the newest %v", len(bars), bars[0])
		}
		body := ""
		for range 31 {
			_, body = b.get("/v2/book/tBTCUSD/P0?len=25", nil)
		}
		if body != `["error",11010,"ratelimit: error"]` {
			t.Error(body)
		}
		time.Sleep(time.Minute)
		if _, body = b.get("/v2/book/tNOPE/P0", nil); body != `["error",10020,"symbol: invalid"]` {
			t.Error(body)
		}
	})
}
