package bitfinex_test

import (
	"bytes"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/market/venue/bitfinex"
	"github.com/assayhq/assay/market/venue/venuetest"
)

func TestBitfinex(t *testing.T) { venuetest.Run(t, &bitfinex.Driver) }
func FuzzBitfinex(f *testing.F) { venuetest.Fuzz(f, &bitfinex.Driver) }

// decode reads frames one after another and gives the feed and what the last one said.
func decode(t *testing.T, frames ...string) (*venue.Table, venue.Feed, *market.Batch) {
	t.Helper()
	table := venue.NewTable(&bitfinex.Driver, func(s string) string { return s })
	f := bitfinex.Driver.Current().Open(table, &url.URL{})
	out := &market.Batch{}
	for _, frame := range frames {
		out.Reset()
		if err := f.Decode([]byte(frame), out); err != nil {
			t.Fatal(frame, err)
		}
	}
	return table, f, out
}

// The venue ends channels by the number it gave them, the newest where there are several;
// what it has not confirmed is not ended.
func TestChannelsEndByTheirNumber(t *testing.T) {
	table, f, _ := decode(t,
		`{"event":"subscribed","channel":"book","chanId":17,"symbol":"tBTCUSD","prec":"P0"}`,
		`{"event":"subscribed","channel":"trades","chanId":18,"symbol":"tBTCUSD"}`,
		`{"event":"subscribed","channel":"book","chanId":19,"symbol":"tBTCUSD","prec":"P0"}`)
	btc, eth := table.Find([]byte("tBTCUSD")), table.Find([]byte("tETHUSD"))
	got := f.(venue.Leaver).Unsubscribe([]venue.Sub{{Channel: market.Books, Instrument: btc}, {Channel: market.Books, Instrument: eth}, {Channel: market.Trades, Instrument: btc}}, 3)
	want := [][]byte{[]byte(`{"event":"unsubscribe","chanId":19}`), []byte(`{"event":"unsubscribe","chanId":18}`)}
	if !slices.EqualFunc(got, want, bytes.Equal) {
		t.Errorf("%s", got)
	}
}

// What a connection sends beside its data is asked for once.
func TestFlagsAreSetOnce(t *testing.T) {
	table, _, _ := decode(t)
	subs := []venue.Sub{{Channel: market.Books, Instrument: table.Find([]byte("tBTCUSD"))}}
	for id, want := range map[int]int{1: 2, 2: 1} {
		if got := bitfinex.Driver.Current().Subscribe(subs, id); len(got) != want {
			t.Errorf("request %d: %s", id, got)
		}
	}
}

// Messages of another program's tests: trades of pairs and of funding mixed.
func TestTradesOfOthers(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(os.Getenv("ASSAY_SHARED"), "data/market/rest-samples/gocryptotrader/bitfinex_wsAllTrades.json"))
	if err != nil {
		t.Skipf("SKIPPED: no samples here (%v); set ASSAY_SHARED", err)
	}
	frames := []string{`{"event":"subscribed","channel":"trades","chanId":18788,"symbol":"tBTCUSD"}`}
	seen := []int{}
	for _, l := range bytes.Split(bytes.TrimSpace(text), []byte("\n")) {
		frames = append(frames, string(l))
		_, _, out := decode(t, frames...)
		seen = append(seen, len(out.Trades))
		if len(out.Notices) > 0 {
			t.Errorf("%s: %+v", l, out.Notices)
		}
	}
	if !slices.Equal(seen, []int{3, 1, 0, 0, 0}) {
		t.Errorf("trades by message: %v", seen)
	}
}
