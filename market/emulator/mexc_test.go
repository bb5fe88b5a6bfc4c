package emulator

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// fields reads a protocol buffer into its fields of bytes and of numbers.
func fields(t *testing.T, b string) (texts map[protowire.Number][]string, numbers map[protowire.Number]uint64) {
	texts, numbers = map[protowire.Number][]string{}, map[protowire.Number]uint64{}
	for in := []byte(b); len(in) > 0; {
		n, kind, size := protowire.ConsumeTag(in)
		if size < 0 {
			t.Fatal("no protocol buffer")
		}
		in = in[size:]
		if kind == protowire.BytesType {
			v, size := protowire.ConsumeBytes(in)
			texts[n], in = append(texts[n], string(v)), in[size:]
		} else {
			x, size := protowire.ConsumeVarint(in)
			numbers[n], in = x, in[size:]
		}
	}
	return texts, numbers
}

// A snapshot and the changes after it make the venue's book, and no number is missing.
func TestMEXCBookJoinsItsSnapshot(t *testing.T) {
	inBubble(t, "mexc", Options{Pairs: onlyBTC}, func(b *bench) {
		w := b.dial("/ws")
		w.send(`{"method":"SUBSCRIPTION","params":["spot@public.aggre.depth.v3.api.pb@100ms@BTCUSDT","spot@public.nothing@BTCUSDT"],"id":7}`)
		w.await("Not Subscribed successfully! [spot@public.nothing@BTCUSDT]")
		w.await(`{"id":7,"code":0,"msg":"spot@public.aggre.depth`)
		time.Sleep(time.Second)
		var s struct {
			Last       uint64 `json:"lastUpdateId"`
			Bids, Asks [][2]string
		}
		b.get("/api/v3/depth?symbol=BTCUSDT&limit=5000", &s)
		book, last, n := newPaper(), s.Last, 0
		for _, r := range s.Bids {
			book.set(false, r[0], r[1])
		}
		for _, r := range s.Asks {
			book.set(true, r[0], r[1])
		}
		w.until(30*time.Second, func(frame string) {
			if strings.HasPrefix(frame, "{") {
				return
			}
			texts, _ := fields(t, frame)
			body, _ := fields(t, texts[313][0])
			from, _ := strconv.ParseUint(body[4][0], 10, 64)
			to, _ := strconv.ParseUint(body[5][0], 10, 64)
			if to <= last {
				return
			}
			if from > last+1 {
				t.Fatalf("changes from %d, have %d", from, last)
			}
			for side, n := range []protowire.Number{2, 1} {
				for _, l := range body[n] {
					level, _ := fields(t, l)
					book.set(side == 1, level[1][0], level[2][0])
				}
			}
			last = to
			bids, asks, ok := b.v.Truth("BTCUSDT").At(last)
			if why := book.differs(bids, asks, 0); !ok || why != "" {
				t.Fatalf("at %d: %v %s", last, ok, why)
			}
			n++
		})
		if n < 50 {
			t.Fatalf("%d messages", n)
		}
	})
}

// A connection has thirty subscriptions at most, answers PING, and ends without any.
func TestMEXCSessions(t *testing.T) {
	inBubble(t, "mexc", Options{}, func(b *bench) {
		w := b.dial("/ws")
		w.send(`{"method":"PING"}`)
		w.await("PONG")
		start := time.Now()
		w.until(time.Hour, func(string) {})
		if d := time.Since(start); d > 31*time.Second {
			t.Errorf("without a subscription open for %v", d)
		}
		w = b.dial("/ws")
		symbols, _ := b.v.Symbols()
		var names []string
		for _, s := range symbols {
			for _, c := range []string{"deals", "depth", "bookTicker"} {
				names = append(names, fmt.Sprintf(`"spot@public.aggre.%s.v3.api.pb@100ms@%s"`, c, s), fmt.Sprintf(`"spot@public.aggre.%s.v3.api.pb@10ms@%s"`, c, s))
			}
		}
		w.send(`{"method":"SUBSCRIPTION","params":[` + strings.Join(names[:31], ",") + `],"id":1}`)
		w.await("Not Subscribed successfully! [" + strings.Trim(names[30], `"`) + "]")
	})
}

// Past trades have no ids, and a time of more than an hour is refused.
func TestMEXCPastTradesHaveNoIDs(t *testing.T) {
	inBubble(t, "mexc", Options{Pairs: onlyBTC}, func(b *bench) {
		var rows []struct {
			A *int64
			T int64
		}
		now := b.v.stamp(time.Now()).UnixMilli()
		b.get(fmt.Sprintf("/api/v3/aggTrades?symbol=BTCUSDT&limit=1000&startTime=%d&endTime=%d", now-600_000, now), &rows)
		if len(rows) < 10 {
			t.Fatalf("%d trades in ten minutes", len(rows))
		}
		for i, r := range rows {
			if r.A != nil || r.T < now-600_000 || i > 0 && r.T > rows[i-1].T {
				t.Fatalf("row %d: %+v", i, r)
			}
		}
		if r, _ := b.get(fmt.Sprintf("/api/v3/aggTrades?symbol=BTCUSDT&startTime=%d&endTime=%d", now-4_000_000, now), nil); r.StatusCode != 400 {
			t.Errorf("more than an hour: %d", r.StatusCode)
		}
		if r, body := b.get("/api/v3/depth?symbol=NOTHING", nil); r.StatusCode != 400 || !strings.Contains(body, `"code":-1121`) {
			t.Errorf("%d %s", r.StatusCode, body)
		}
	})
}
