package feed_test

import (
	"testing"
	"time"

	"github.com/assayhq/assay/market/feed"
	"github.com/assayhq/assay/market/venue/bybit"
)

// Spot and perpetual may have the same symbol: the gap of one does not end because the
// other's book goes on.
func TestAGapEndsWithItsOwnBook(t *testing.T) {
	k := feed.NewIntake(&bybit.Driver, func(s string) string { return s })
	at := time.Date(2026, 8, 9, 10, 0, 0, 0, time.UTC)
	book := []byte(`{"topic":"orderbook.200.BTCUSDT","type":"snapshot","ts":1786269600000,"data":{"s":"BTCUSDT","b":[["60000","1"]],"a":[["60001","1"]],"u":7,"seq":1},"cts":1786269600000}`)
	tell := func(id, section string) (*feed.Conn, int) {
		c, ok := k.Conn(id)
		if !ok {
			var err error
			if c, err = k.Connect(id, "wss://stream.bybit.com/v5/public/"+section, at); err != nil {
				t.Fatal(err)
			}
		}
		b, err := c.Frame(book, at, 0)
		if err != nil || len(b.Books) != 1 {
			t.Fatalf("%v %+v", err, b)
		}
		return c, len(b.Gaps)
	}
	spot, _ := tell("1", "spot")
	tell("2", "linear")
	spot.Close(at, "lost")
	if _, gaps := tell("2", "linear"); gaps != 0 {
		t.Errorf("the perpetual's book ended %d gaps of spot", gaps)
	}
	if _, gaps := tell("3", "spot"); gaps != 1 {
		t.Errorf("the book of spot is back and %d gaps ended", gaps)
	}
}
