// Package compattest is what the tests of compatible faces share: a small market that
// stands still, golden files of requests and answers, and random bad requests.
//
// It is for tests only. The market is a market.Board with a history beside it: two venues
// (binance with BTC-USDT and ETH-USDT, kraken with BTC-USD), prices of BTC and ETH in USD,
// and one-minute bars of an hour. What it tells never changes by itself.
package compattest

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/markettest"
	"github.com/assayhq/assay/money"
)

// Noon is the time of the market.
var Noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// World is the market. It is a market.Board.
type World struct {
	History *markettest.Memory
	Broken  bool // its books are not valid, and venues are down
}

// New makes it.
func New(t testing.TB) *World {
	t.Helper()
	w := &World{History: markettest.NewMemory()}
	b := &market.Batch{}
	for _, s := range []struct {
		of    market.Series
		price int64 // in cents
	}{{market.Series{Venue: "binance", Pair: "BTC-USDT"}, 6_400_000}, {market.Series{Venue: "binance", Pair: "ETH-USDT"}, 300_000},
		{market.Series{Venue: "kraken", Pair: "BTC-USD"}, 6_399_000}, {market.Series{Venue: market.ConsensusVenue, Pair: "BTC-USD"}, 6_399_500}, {market.Series{Venue: market.ConsensusVenue, Pair: "ETH-USD"}, 299_950}} {
		for _, i := range []market.Interval{"1m", "1h", "1d"} {
			for k := range 60 {
				open := i.Start(Noon)
				for range 60 - k {
					open = i.Start(open.Add(-1))
				}
				if i != "1m" && k < 57 {
					continue
				}
				p := func(d int64) market.Candle {
					c := s.price + int64(k)*100 + d
					return market.Candle{O: money.Price{Decimal: money.MustNew(c, 2)}}
				}
				b.Candles = append(b.Candles, market.Candle{Venue: s.of.Venue, Pair: s.of.Pair, Interval: i, Open: open, O: p(0).O, H: p(150).O, L: p(-50).O, C: p(100).O,
					Volume: money.MustQty("1.50000000"), Turnover: money.MustParse("96000.00"), Trades: 12, Complete: true, Known: i.Next(open)})
			}
		}
	}
	b.Trades = append(b.Trades, w.trades()...)
	if err := w.History.Append(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *World) trades() (out []market.Trade) {
	for i := range 10 {
		t := market.Trade{Venue: "binance", Pair: "BTC-USDT", Symbol: "BTCUSDT", ID: fmt.Sprint(1000 + i), Price: money.MustPrice("64060.10"), Qty: money.MustQty("0.10000"), Side: market.Buy, At: Noon.Add(time.Duration(i-10) * time.Second), Received: Noon}
		if i%3 == 0 {
			t.Side = market.Sell
		}
		out = append(out, t)
	}
	return append(out, market.Trade{Venue: "kraken", Pair: "BTC-USD", ID: "T1", Price: money.MustPrice("64050.1"), Qty: money.MustQty("0.2"), Side: market.Sell, At: Noon.Add(-time.Second), Received: Noon})
}

// Now is Noon.
func (w *World) Now() time.Time { return Noon }

// Simulated says that it is.
func (w *World) Simulated() (bool, string) { return true, "a market for tests" }

// Venues are two.
func (w *World) Venues() []market.VenueState {
	state := "live"
	if w.Broken {
		state = "down"
	}
	return []market.VenueState{{ID: "binance", Name: "Binance", State: state}, {ID: "kraken", Name: "Kraken", State: "live"}}
}

// Instruments are those with data, and one without.
func (w *World) Instruments() []market.Instrument {
	d := money.MustParse
	in := func(v market.VenueID, symbol string, p market.Pair) market.Instrument {
		return market.Instrument{Venue: v, Symbol: symbol, Pair: p, Kind: market.Spot, Base: p.Base(), Quote: p.Quote(), Status: market.Trading, PriceTick: d("0.01"), QtyStep: d("0.00001"), MinNotional: d("5")}
	}
	halted := in("binance", "ETHUSDT", "ETH-USDT")
	halted.Status = market.Halted
	return []market.Instrument{in("binance", "BTCUSDT", "BTC-USDT"), halted, in("binance", "XRPUSDT", "XRP-USDT"), in("kraken", "BTC/USD", "BTC-USD")}
}

// Price gives that of BTC and ETH in USD.
func (w *World) Price(a, quote asset.Code) (market.ConsensusPrice, bool) {
	for _, p := range w.Prices(quote) {
		if p.Asset == a {
			return p, true
		}
	}
	return market.ConsensusPrice{}, false
}

// Prices are two, in USD.
func (w *World) Prices(quote asset.Code) []market.ConsensusPrice {
	if quote != "USD" {
		return nil
	}
	return []market.ConsensusPrice{
		{Asset: "BTC", Quote: "USD", Price: money.MustPrice("64055.10"), Low: money.MustPrice("64050"), High: money.MustPrice("64060"), Confidence: 0.9, At: Noon, Computed: Noon},
		{Asset: "ETH", Quote: "USD", Price: money.MustPrice("3000.25"), Confidence: 0.5, At: Noon, Computed: Noon},
	}
}

// Quotes are of BTC.
func (w *World) Quotes(p market.Pair) []market.Quote {
	v := map[market.Pair]market.VenueID{"BTC-USDT": "binance", "BTC-USD": "kraken"}[p]
	if v == "" {
		return nil
	}
	return []market.Quote{{Venue: v, Pair: p, Bid: money.MustPrice("64060.00"), BidQty: money.MustQty("1"), Ask: money.MustPrice("64060.10"), AskQty: money.MustQty("2.5"), At: Noon, Received: Noon}}
}

// Book is of BTC-USDT at binance, at number 42.
func (w *World) Book(v market.VenueID, p market.Pair, depth int) (market.BookView, bool) {
	if v != "binance" || p != "BTC-USDT" {
		return market.BookView{}, false
	}
	b := market.BookView{Venue: v, Pair: p, Seq: 42, At: Noon, Received: Noon, Valid: !w.Broken, Integrity: "sequence"}
	if w.Broken {
		b.Reason = "gap: 3 messages are missing"
		return b, true
	}
	for i := range 30 {
		if depth == 0 || i < depth {
			b.Bids = append(b.Bids, market.Level{Price: money.Price{Decimal: money.MustNew(6_406_000-int64(i)*10, 2)}, Qty: money.MustQty("1.25")})
			b.Asks = append(b.Asks, market.Level{Price: money.Price{Decimal: money.MustNew(6_406_010+int64(i)*10, 2)}, Qty: money.MustQty("0.5")})
		}
	}
	return b, true
}

// LastTrades gives the newest first.
func (w *World) LastTrades(v market.VenueID, p market.Pair, limit int) (out []market.Trade) {
	list := w.trades()
	for i := len(list) - 1; i >= 0 && (limit == 0 || len(out) < limit); i-- {
		if list[i].Pair == p && (v == "" || list[i].Venue == v) {
			out = append(out, list[i])
		}
	}
	return out
}

// OpenCandle is none.
func (w *World) OpenCandle(market.VenueID, market.Pair, market.Interval) (market.Candle, bool) {
	return market.Candle{}, false
}

// Quality says that BTC-USDT and BTC-USD trade.
func (w *World) Quality(v market.VenueID, _ market.Pair) (out []market.Quality) {
	for _, q := range []market.Quality{{Venue: "binance", Pair: "BTC-USDT", Channel: market.Trades, State: "live"}, {Venue: "kraken", Pair: "BTC-USD", Channel: market.Trades, State: "live"}} {
		if v == "" || q.Venue == v {
			out = append(out, q)
		}
	}
	return out
}

// Derivatives are none.
func (*World) Derivatives(market.VenueID, market.Pair) []market.DerivativeView { return nil }

// Liquidations are none.
func (*World) Liquidations(market.VenueID, market.Pair, int) []market.Liquidation { return nil }

var update = flag.Bool("update", false, "rewrite golden files")

// Get asks h and gives the status and body.
func Get(h http.Handler, target string) (int, string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil))
	return w.Code, w.Body.String()
}

// Golden compares the answers to requests with testdata/NAME.txt.
func Golden(t *testing.T, h http.Handler, name string, targets ...string) {
	t.Helper()
	var b bytes.Buffer
	for _, target := range targets {
		code, body := Get(h, target)
		fmt.Fprintf(&b, "GET %s\n%d\n%s\n\n", target, code, strings.TrimSpace(body))
	}
	file := filepath.Join("testdata", name+".txt")
	if *update {
		os.MkdirAll("testdata", 0o755) //nolint:errcheck // WriteFile tells
		if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got, old := strings.Split(b.String(), "\n\n"), strings.Split(string(want), "\n\n")
	for i := range max(len(got), len(old)) {
		if i >= len(got) || i >= len(old) || got[i] != old[i] {
			t.Fatalf("%s differs (-update rewrites it):\ngot  %.1000s\nwant %.1000s", file, at(got, i), at(old, i))
		}
	}
}

func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return ""
}

// junk are values that nobody should send.
var junk = []string{"", "-1", "0", "99999999999999999999", "1e309", "NaN", "nul\x00l", "\xff\xfe", "'; drop table", "<script>", "[]", "[\"", "{}", "%", "../../etc/passwd", "𝔅𝔗ℭ", "btcusdt", "BTC-USD", "true", "null",
	strings.Repeat("9", 300), strings.Repeat("(", 300), strings.Repeat("A", 4000), "1970-13-45", "-9223372036854775808", "9223372036854775807", "1h1h", "1m", "{a=\"", "[5m]", "!@#$%^&*", "\u202e", "+08:61", "rate(", "1+"}

// Abuse sends 300 random bad requests, each within five seconds: known paths with broken
// parameters, and unknown ones. check judges every answer that is no success.
func Abuse(t *testing.T, h http.Handler, paths, params []string, check func(t *testing.T, target string, code int, body string)) {
	t.Helper()
	r := rand.New(rand.NewPCG(7, 7))
	refused := 0
	for range 300 {
		q := url.Values{}
		for range 1 + r.IntN(4) {
			name := params[r.IntN(len(params))]
			if r.IntN(8) == 0 {
				name = junk[r.IntN(len(junk))]
			}
			q.Add(name, junk[r.IntN(len(junk))])
		}
		target := paths[r.IntN(len(paths))]
		if r.IntN(10) == 0 {
			target += "/" + url.PathEscape(junk[r.IntN(len(junk))])
		}
		target += "?" + q.Encode()
		method := http.MethodGet
		if r.IntN(12) == 0 {
			method = []string{"POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS"}[r.IntN(6)]
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, target, nil).WithContext(ctx))
		if ctx.Err() != nil {
			t.Fatalf("%s %.200s: no answer within 5 s", method, target)
		}
		cancel()
		if w.Code >= 500 {
			t.Errorf("%s %.300s: %d %.200s", method, target, w.Code, w.Body)
		}
		if w.Code != http.StatusOK {
			refused++
			check(t, target, w.Code, w.Body.String())
		}
	}
	if refused < 200 {
		t.Errorf("only %d of 300 bad requests were refused", refused)
	}
}
