package emulator

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/assayhq/assay/market"
)

type htxBook struct {
	Ch, Rep string
	Tick    struct {
		Seq  uint64 `json:"seqNum"`
		Prev uint64 `json:"prevSeqNum"`
		Bids, Asks,
		Event json.RawMessage
		Version uint64
	}
	Data struct {
		Seq        uint64 `json:"seqNum"`
		Bids, Asks [][2]json.Number
	}
}

func (p *paper) rows(t *testing.T, ask bool, raw json.RawMessage) {
	var rows [][2]json.Number
	decode(t, string(raw), &rows)
	for _, r := range rows {
		p.set(ask, r[0].String(), r[1].String())
	}
}

// The base that is asked for on the connection and the changes make the venue's book, and
// each change names its predecessor.
func TestHTXBookIsAskedForOnItsConnection(t *testing.T) {
	inBubble(t, "htx", Options{Pairs: onlyBTC}, func(b *bench) {
		w := b.dial("/feed")
		w.send(`{"sub":"market.btcusdt.mbp.150","id":"1"}`)
		w.await(`"subbed":"market.btcusdt.mbp.150"`)
		time.Sleep(time.Second)
		w.send(`{"req":"market.btcusdt.mbp.150","id":"2"}`)
		book, last, n := newPaper(), uint64(0), 0
		beat := 0
		w.until(time.Minute, func(s string) {
			var m htxBook
			decode(t, s, &m)
			switch {
			case strings.Contains(s, `"ping"`):
				beat++
				w.send(strings.Replace(s, "ping", "pong", 1))
			case m.Rep != "":
				last = m.Data.Seq
				for _, r := range m.Data.Bids {
					book.set(false, r[0].String(), r[1].String())
				}
				for _, r := range m.Data.Asks {
					book.set(true, r[0].String(), r[1].String())
				}
			case last > 0 && m.Tick.Seq > last:
				if m.Tick.Prev != last {
					t.Fatalf("a change after %d, have %d", m.Tick.Prev, last)
				}
				last = m.Tick.Seq
				book.rows(t, false, m.Tick.Bids)
				book.rows(t, true, m.Tick.Asks)
				bids, asks, ok := b.v.Truth("btcusdt").At(last)
				if why := book.differs(bids, asks, 140); !ok || why != "" {
					t.Fatalf("at %d: %v %s", last, ok, why)
				}
				n++
			}
		})
		if n < 100 || beat < 10 {
			t.Fatalf("%d changes, %d pings", n, beat)
		}
		w.send(`{"sub":"market.btcusdt.trade.detail","id":"3"}`)
		w.await("invalid topic")
	})
}

// Who does not answer two pings is cut.
func TestHTXPingsMustBeAnswered(t *testing.T) {
	for id, path := range map[market.VenueID]string{"htx": "/ws", "htxswap": "/linear-swap-notification"} {
		inBubble(t, id, Options{}, func(b *bench) {
			start := time.Now()
			w := b.dial(path)
			if w.until(time.Minute, func(string) {}) || websocket.CloseStatus(w.err) != websocket.StatusPolicyViolation {
				t.Fatalf("%s: still open, or ended by %v", id, w.err)
			}
			if d := time.Since(start); d < 14*time.Second || d > 16*time.Second {
				t.Errorf("%s closed after %v", id, d)
			}
		})
	}
}

// Numbers are written as the venue's Java writes them.
func TestHTXNumbers(t *testing.T) {
	for _, x := range []struct {
		n     int64
		scale int
		want  string
	}{{0, 2, "0.0"}, {6500001, 2, "65000.01"}, {65000, 0, "65000.0"}, {12, 6, "1.2E-5"}, {1, 3, "0.001"}, {9, 4, "9.0E-4"}, {40_000_000, 0, "4.0E7"}, {1234567891, 2, "1.234567891E7"}} {
		if got := htxNumber(x.n, x.scale); got != x.want {
			t.Errorf("%d at %d: %s, want %s", x.n, x.scale, got, x.want)
		}
	}
}

// Contracts: versions rise by one from the snapshot, trades and open interest count both
// sides, and funding has a history in pages.
func TestHTXSwapBooksTradesAndFunding(t *testing.T) {
	inBubble(t, "htxswap", Options{Pairs: []market.Pair{"BTC-USDT-PERP"}}, func(b *bench) {
		w := b.dial("/linear-swap-ws")
		w.send(`{"sub":"market.BTC-USDT.depth.size_150.high_freq","data_type":"incremental","id":"1"}`)
		w.send(`{"sub":"market.BTC-USDT.trade.detail","id":"2"}`)
		last, n, trades := uint64(0), 0, 0
		w.until(time.Minute, func(s string) {
			if strings.Contains(s, `"ping"`) {
				w.send(strings.Replace(s, "ping", "pong", 1))
			}
			if strings.Contains(s, `"ch":"market.BTC-USDT.trade.detail"`) {
				var m struct {
					Tick struct{ Data []struct{ Amount int64 } }
				}
				decode(t, s, &m)
				for _, x := range m.Tick.Data {
					trades++
					if x.Amount%2 != 0 {
						t.Errorf("a trade of %d contracts, both sides together", x.Amount)
					}
				}
			}
			if !strings.Contains(s, "high_freq") || strings.Contains(s, "subbed") {
				return
			}
			var m htxBook
			decode(t, s, &m)
			if snapshot := strings.Contains(s, `"event":"snapshot"`); snapshot != (last == 0) || !snapshot && m.Tick.Version != last+1 {
				t.Fatalf("version %d (snapshot %v), have %d", m.Tick.Version, snapshot, last)
			}
			last = m.Tick.Version
			n++
		})
		if n < 100 || trades == 0 {
			t.Fatalf("%d changes, %d trades", n, trades)
		}
		rows, before := 0, int64(1<<62)
		for page := 1; ; page++ {
			var a struct {
				Data struct {
					Total int `json:"total_page"`
					Data  []struct {
						At int64 `json:"funding_time,string"`
					}
				}
			}
			b.get(fmt.Sprintf("/linear-swap-api/v1/swap_historical_funding_rate?contract_code=BTC-USDT&page_index=%d&page_size=50", page), &a)
			for _, x := range a.Data.Data {
				if x.At >= before || x.At%(8*time.Hour).Milliseconds() != 0 {
					t.Fatalf("funding at %d, before it %d", x.At, before)
				}
				before = x.At
				rows++
			}
			if len(a.Data.Data) < 50 || page == a.Data.Total {
				break
			}
		}
		if rows != 300 {
			t.Errorf("%d payments", rows)
		}
	})
}
