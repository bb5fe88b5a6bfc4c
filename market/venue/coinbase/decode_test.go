package coinbase

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
)

func same(s string) string { return s }

func streamOf(t testing.TB, addr string) venue.Feed {
	t.Helper()
	u, err := url.Parse(addr)
	if err != nil {
		t.Fatal(err)
	}
	return Driver.Current().Open(venue.NewTable(&Driver, same), u)
}

// snapshot writes a first book message of n levels on each side, as the venue does.
func snapshot(n int) []byte {
	var b strings.Builder
	b.WriteString(`{"channel":"l2_data","timestamp":"2026-08-09T21:05:48.483587501Z","sequence_num":13,"events":[{"type":"snapshot","product_id":"BTC-USD","updates":[`)
	for i := range 2 * n {
		side, price := "bid", 6500000-i
		if i >= n {
			side, price = "offer", 6500001+i-n
		}
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"side":"%s","event_time":"2026-08-09T21:05:48.%dZ","price_level":"%d.%02d","new_quantity":"0.%08d"}`, side, 170326+i%3, price/100, price%100, 1+i*7919%99999999)
	}
	b.WriteString(`]}]}`)
	return []byte(b.String())
}

func BenchmarkSnapshot(b *testing.B) {
	frame := snapshot(10000)
	f := streamOf(b, "wss://advanced-trade-ws.coinbase.com")
	var out market.Batch
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	for b.Loop() {
		out.Reset()
		if err := f.Decode(frame, &out); err != nil {
			b.Fatal(err)
		}
	}
}

// The hot loop knows how the venue writes a level today; whatever else it may write
// must give the same book.
func TestLevelsInAnyForm(t *testing.T) {
	const want = "snapshot 13 bids 100.5 1, 99 0 asks 101 2.50"
	for name, updates := range map[string]string{
		"as today": `{"side":"bid","event_time":"2026-08-09T21:05:48.1Z","price_level":"100.5","new_quantity":"1"},{"side":"bid","event_time":"2026-08-09T21:05:48.1Z","price_level":"99","new_quantity":"0"},{"side":"offer","event_time":"2026-08-09T21:05:48.1Z","price_level":"101","new_quantity":"2.50"}`,
		"mixed":    `{"side":"offer","event_time":"2026-08-09T21:05:48.1Z","price_level":"101","new_quantity":"2.50"},{"side":"bid","event_time":"2026-08-09T21:05:48.1Z","price_level":"100.5","new_quantity":"1"},{"side":"bid","event_time":"2026-08-09T21:05:48.1Z","price_level":"99","new_quantity":"0"}`,
		"turned":   `{"new_quantity":"1","price_level":"100.5","side":"bid"}, { "event_time" : "x" , "side" : "bid" , "price_level" : 99 , "new_quantity" : 0 } ,{"price_level":"101","new_quantity":"2.50","more":[{}],"side":"offer"}`,
		"new keys": `{"side":"bid","event_time":"2026-08-09T21:05:48.1Z","price_level":"100.5","new_quantity":"1","n":3},{"side":"bid","event_time":null,"price_level":"99","new_quantity":"0"},{"side":"ask","price_level":"101","new_quantity":"2.50"}`,
	} {
		for _, frame := range []string{
			`{"channel":"l2_data","sequence_num":13,"events":[{"type":"snapshot","product_id":"BTC-USD","updates":[` + updates + `]}]}`,
			`{"events":[{"updates":[` + updates + `],"product_id":"BTC-USD","type":"snapshot"}],"sequence_num":13,"channel":"l2_data"}`,
		} {
			var out market.Batch
			if err := streamOf(t, "").Decode([]byte(frame), &out); err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if got := written(&out); got != want {
				t.Errorf("%s: got %s", name, got)
			}
		}
	}
}

func written(out *market.Batch) string {
	if len(out.Books) != 1 {
		return strconv.Itoa(len(out.Books)) + " books"
	}
	u := &out.Books[0]
	side := func(levels []market.Level) string {
		var s []string
		for _, l := range levels {
			s = append(s, l.Price.String()+" "+l.Qty.String())
		}
		return strings.Join(s, ", ")
	}
	kind := "update"
	if u.Snapshot {
		kind = "snapshot"
	}
	return fmt.Sprintf("%s %d bids %s asks %s", kind, out.Seq, side(u.Bids), side(u.Asks))
}

func TestALevelWithoutASideIsAnError(t *testing.T) {
	for _, level := range []string{`{"side":"middle","price_level":"1","new_quantity":"1"}`, `{"side":"bid","price_level":"1"}`, `{"side":"bid","event_time":"x","price_level":"one","new_quantity":"1"}`} {
		var out market.Batch
		frame := `{"channel":"l2_data","sequence_num":1,"events":[{"type":"update","product_id":"BTC-USD","updates":[` + level + `]}]}`
		if err := streamOf(t, "").Decode([]byte(frame), &out); err == nil {
			t.Errorf("%s was accepted", level)
		}
	}
}
