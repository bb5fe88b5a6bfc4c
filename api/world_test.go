package api

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/accesstest"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/access/idem"
	"github.com/assayhq/assay/access/people"
	"github.com/assayhq/assay/access/watch"
	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/insight/tickers"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/markettest"
	"github.com/assayhq/assay/money"
	"github.com/assayhq/assay/notify"
	"github.com/assayhq/assay/notify/box"
	"github.com/assayhq/assay/notify/webhook"
)

// noon is the moment of the world below.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// world is a small market that stands still: a Board, with a history beside it.
type world struct {
	mu        sync.Mutex
	simulated string
	prices    []market.ConsensusPrice
	quotes    []market.Quote
	books     []market.BookView
	trades    []market.Trade
	broken    any // panics with it
}

func (w *world) Now() time.Time {
	if w.broken != nil {
		panic(w.broken)
	}
	return noon
}
func (w *world) Simulated() (bool, string) { return w.simulated != "", w.simulated }

func (w *world) Venues() []market.VenueState {
	return []market.VenueState{
		{ID: "kraken", Name: "Kraken", State: "live", Since: noon.Add(-time.Hour), Connections: 2, Instruments: 3, Subscribed: 2, LastData: noon.Add(-20 * time.Millisecond),
			Messages: 123456, Reconnects: 1, Gaps: 1, LagP50: 12345 * time.Microsecond, LagP99: 80 * time.Millisecond, Docs: "https://docs.kraken.com/",
			Channels: []market.Channel{market.Trades, market.Quotes, market.Books}, Intervals: []market.Interval{"1m", "1h"}, Quirks: []string{"sizes of a book are text, checked by CRC"}},
		{ID: "binance", Name: "Binance", State: "stale", Since: noon.Add(-time.Minute), Reason: "no data for 60 s", Connections: 1, Instruments: 1, Subscribed: 1, LastData: noon.Add(-time.Minute), Messages: 99, Strange: 2},
	}
}

func (w *world) Instruments() []market.Instrument {
	d := money.MustParse
	return []market.Instrument{
		{Venue: "kraken", Symbol: "BTC/USD", Pair: "BTC-USD", Kind: market.Spot, Base: "BTC", Quote: "USD", Status: market.Trading, PriceTick: d("0.1"), QtyStep: d("0.00000001"), MinQty: d("0.00005")},
		{Venue: "binance", Symbol: "BTCUSDT", Pair: "BTC-USDT", Kind: market.Spot, Base: "BTC", Quote: "USDT", Status: market.Trading, PriceTick: d("0.01"), QtyStep: d("0.00001"), MinNotional: d("5")},
		{Venue: "kraken", Symbol: "ETH/USD", Pair: "ETH-USD", Kind: market.Spot, Base: "ETH", Quote: "USD", Status: market.Halted},
		{Venue: "kraken", Symbol: "PF_XBTUSD", Pair: "BTC-USD-PERP", Kind: market.Perpetual, Base: "BTC", Quote: "USD", Status: market.Trading, PriceTick: d("0.5"), QtyStep: d("0.0001"), Contract: d("1"), Settle: "USD"},
		{Venue: "binance", Symbol: "BTCUSD_PERP", Pair: "BTC-USD-PERP", Kind: market.Perpetual, Base: "BTC", Quote: "USD", Status: market.Trading, Contract: d("100"), Unit: market.InQuote, Settle: "BTC"},
		{Venue: "binance", Symbol: "BTCUSDT_260626", Pair: "BTC-USDT-20260626", Kind: market.Dated, Base: "BTC", Quote: "USDT", Status: market.Trading, Unit: market.InContracts, Settle: "USDT", Expiry: time.Date(2026, 6, 26, 8, 0, 0, 0, time.UTC)},
		{Venue: "kraken", Symbol: "NEW/USD", Pair: "NEW-USD", Kind: market.Spot, Base: "NEW", Quote: "USD", Status: market.StatusUnknown, Guessed: true},
	}
}

func (w *world) Price(a, quote asset.Code) (market.ConsensusPrice, bool) {
	for _, p := range w.prices {
		if p.Asset == a && p.Quote == quote {
			return p, true
		}
	}
	return market.ConsensusPrice{}, false
}

func (w *world) Prices(quote asset.Code) (out []market.ConsensusPrice) {
	for _, p := range w.prices {
		if p.Quote == quote {
			out = append(out, p)
		}
	}
	return out
}

func (w *world) Quotes(p market.Pair) (out []market.Quote) {
	for _, q := range w.quotes {
		if q.Pair == p {
			out = append(out, q)
		}
	}
	return out
}

func (w *world) Book(v market.VenueID, p market.Pair, depth int) (market.BookView, bool) {
	for _, b := range w.books {
		if b.Venue == v && b.Pair == p {
			b.Bids, b.Asks = b.Bids[:min(depth, len(b.Bids))], b.Asks[:min(depth, len(b.Asks))]
			return b, true
		}
	}
	return market.BookView{}, false
}

func (w *world) LastTrades(v market.VenueID, p market.Pair, limit int) (out []market.Trade) {
	for i := len(w.trades) - 1; i >= 0 && len(out) < limit; i-- {
		if t := w.trades[i]; t.Pair == p && (v == "" || t.Venue == v) {
			out = append(out, t)
		}
	}
	return out
}

func (w *world) OpenCandle(market.VenueID, market.Pair, market.Interval) (market.Candle, bool) {
	return market.Candle{}, false
}

func (w *world) Derivatives(v market.VenueID, p market.Pair) (out []market.DerivativeView) {
	for _, d := range contractViews() {
		if (v == "" || d.Venue == v) && (p == "" || d.Pair == p) {
			out = append(out, d)
		}
	}
	return out
}

func (w *world) AcceptDrift(v market.VenueID) bool { return v == "kraken" }

func (w *world) Drift(v market.VenueID) []market.Finding {
	if v != "" && v != "kraken" {
		return nil
	}
	return []market.Finding{
		{Venue: "kraken", On: "stream", Kind: "new_member", What: "trade.data[].liquidation", Sample: `{"channel":"trade","data":[{"liquidation":true}]}`, Count: 31, First: noon.Add(-time.Hour), Last: noon.Add(-time.Second)},
		{Venue: "kraken", On: "rest", Kind: "strange", What: "/0/public/AssetPairs: status work_in_progress", Sample: `{"error":[],"result":{}}`, Count: 1, First: noon.Add(-2 * time.Hour), Last: noon.Add(-2 * time.Hour)},
	}
}

func (w *world) Scores(v market.VenueID, p market.Pair) []market.Score {
	none := market.Score{Uptime: -1, Frozen: -1, Outliers: -1, Astray: -1, Duplicates: -1, OutOfOrder: -1, SideAgrees: -1, BarsEqual: -1, DepthBid10: math.NaN(), Wash: market.Wash{Benford: -1, Round: -1, Echo: -1, Turnover: -1}}
	whole, pair, new := none, none, none
	whole.Venue, whole.From, whole.To, whole.Uptime, whole.Lag = "kraken", noon.Add(-6*time.Hour), noon, 0.9987, market.Spread{P50: 12, P90: 30.5, P99: 71.84213, N: 90000}
	whole.Offset, whole.OffsetError, whole.OffsetAt = -14*time.Millisecond, 9*time.Millisecond, noon.Add(-time.Minute)
	whole.Gaps, whole.OpenGaps, whole.GapTime, whole.Repaired, whole.Restored, whole.Reconnects, whole.Strange = 3, 1, 90*time.Second, 2, 41, 2, 5
	pair = whole
	pair.Pair, pair.Trades, pair.SpreadBps, pair.AwayBps = "BTC-USD", 7000, market.Spread{P50: 0.11, P90: 0.4, P99: 2, N: 4000}, market.Spread{P50: 0.9, P90: 2, P99: 5, N: 20000}
	pair.DepthBid10, pair.DepthAsk10, pair.DepthBid100, pair.DepthAsk100 = 812345.678, 790000, 5123456.5, 4900000
	pair.Frozen, pair.Outliers, pair.Astray, pair.Duplicates, pair.OutOfOrder, pair.SideChecked, pair.SideAgrees = 0, 0.0001, 0, 0.002, 0, 5100, 0.993
	pair.BarsCompared, pair.BarsEqual, pair.Wash = 350, 0.9971, market.Wash{Benford: 0.004, Round: 0.31, Echo: 0.006, Turnover: 1.7}
	new.Venue, new.To = "bybit", noon
	var out []market.Score
	for _, x := range []market.Score{whole, pair, new} {
		if (v == "" || x.Venue == v) && (p == "" || x.Pair == p) {
			out = append(out, x)
		}
	}
	return out
}

// contractViews are three contracts: one of which all is known, an inverse one of which
// something is old, and one that counts contracts.
func contractViews() []market.DerivativeView {
	p, q, d := money.MustPrice, money.MustQty, money.MustParse
	ago := func(n time.Duration) time.Time { return noon.Add(-n) }
	return []market.DerivativeView{
		{Derivative: market.Derivative{Venue: "binance", Pair: "BTC-USD-PERP", Has: 15, Mark: p("64010.5"), Index: p("64020.00"), Funding: d("-0.00012"), Interval: 8 * time.Hour, FundingAt: noon.Add(4 * time.Hour), Interest: q("2500000"), At: ago(time.Second), Received: ago(time.Second), Marks: market.Outlier},
			MarkAt: ago(time.Second), IndexAt: ago(time.Second), EstimateAt: ago(time.Hour), InterestAt: ago(time.Minute), StaleAfter: 2 * time.Minute},
		{Derivative: market.Derivative{Venue: "kraken", Pair: "BTC-USD-PERP", Has: 15, Mark: p("64012.0"), Index: p("64000.0"), Funding: d("0.0000100"), FundingAt: noon.Add(time.Hour), Interest: q("1234.5678"), Received: ago(time.Second)},
			MarkAt: ago(time.Second), IndexAt: ago(2 * time.Second), EstimateAt: ago(3 * time.Second), InterestAt: ago(4 * time.Second), Paid: payments(1)[0], StaleAfter: 2 * time.Minute},
		{Derivative: market.Derivative{Venue: "binance", Pair: "BTC-USDT-20260626", Has: market.StatedMark | market.StatedInterest, Mark: p("65000"), Interest: q("77"), At: ago(time.Hour), Received: ago(time.Hour)},
			MarkAt: ago(time.Hour), InterestAt: ago(time.Hour), StaleAfter: 2 * time.Minute},
	}
}

// payments are settled funding of two venues, hourly and every eight hours.
func payments(n int) (out []market.Derivative) {
	for i := range n {
		at := noon.Add(-time.Duration(i) * time.Hour)
		out = append(out, market.Derivative{Venue: "kraken", Pair: "BTC-USD-PERP", Has: market.StatedFunding, Settled: true, Funding: money.MustNew(int64(10+i), 7), Interval: time.Hour, FundingAt: at, Received: at.Add(10 * time.Second)})
		if i%8 == 4 {
			out = append(out, market.Derivative{Venue: "binance", Pair: "BTC-USD-PERP", Has: market.StatedFunding | market.StatedMark, Mark: money.MustPrice("64001.25"), Settled: true, Funding: money.MustParse("-0.00012"), FundingAt: at, Received: at.Add(20 * time.Second)})
		}
	}
	return out
}

func (w *world) Liquidations(v market.VenueID, p market.Pair, limit int) (out []market.Liquidation) {
	for _, l := range liquidated() {
		if (v == "" || l.Venue == v) && (p == "" || l.Pair == p) && len(out) < limit {
			out = append(out, l)
		}
	}
	return out
}

// correctedBars are two minutes: one that was in doubt, repaired, and then had late trades,
// and one that the venue's own bar took the place of, twice.
func correctedBars() (out []market.Candle) {
	p, q := money.MustPrice, money.MustQty
	for i := range 2 {
		c := market.Candle{Venue: "kraken", Pair: "ETH-USD", Interval: "1m", Open: noon.Add(time.Duration(i-60) * time.Minute), O: p("3000.5"), H: p("3002"), L: p("2999"), C: p("3001"), Volume: q("12.5"), Turnover: money.MustParse("37512.5"), Trades: 42, Complete: true}
		c.Known = c.Open.Add(time.Minute)
		out = append(out, c)
		for n := range 3 {
			c.Known = c.Known.Add(5 * time.Minute)
			switch {
			case i == 1 && n == 2:
				continue
			case i == 1:
				c.C, c.Trades, c.Turnover, c.Marks = p(fmt.Sprint("3001.", n+1)), -1, money.Decimal{}, market.VenueBar
			case n == 2:
				c.Volume, c.Trades = q("13.25"), 43
				fallthrough
			default:
				c.Revision, c.Complete, c.Marks = n+1, n > 0, market.Revised
			}
			out = append(out, c)
		}
	}
	return out
}

// liquidated are liquidations, newest first.
func liquidated() (out []market.Liquidation) {
	for i := range 6 {
		at := noon.Add(-time.Duration(i/2) * time.Minute)
		l := market.Liquidation{Venue: "kraken", Pair: "BTC-USD-PERP", ID: fmt.Sprint("L", i), Side: market.Sell, Price: money.MustPrice("63990.5"), Qty: money.MustQty("0.25"), At: at, Received: at.Add(9 * time.Millisecond)}
		if i%3 == 1 {
			l.Venue, l.ID, l.Side, l.Qty, l.Marks = "binance", "", market.Buy, money.MustQty("1000"), market.Outlier
		}
		out = append(out, l)
	}
	return out
}

func (w *world) Quality(v market.VenueID, p market.Pair) []market.Quality {
	all := []market.Quality{
		{Venue: "kraken", Pair: "BTC-USD", Channel: market.Books, State: "live", LastData: noon.Add(-time.Second), Events: 5000, Marks: map[string]int64{}, Integrity: "checksum", StaleAfter: 30 * time.Second},
		{Venue: "kraken", Pair: "BTC-USD", Channel: market.Trades, State: "live", LastData: noon.Add(-2 * time.Second), Events: 700, Marks: map[string]int64{"outlier": 1, "late": 2}, Gaps: 1, Repaired: 1, StaleAfter: time.Minute},
		{Venue: "binance", Pair: "BTC-USDT", Channel: market.Trades, State: "stale", LastData: noon.Add(-time.Minute), Events: 90, Marks: map[string]int64{"duplicate": 4}, Gaps: 1, OpenGaps: 1, StaleAfter: 30 * time.Second},
	}
	var out []market.Quality
	for _, q := range all {
		if (v == "" || q.Venue == v) && (p == "" || q.Pair == p) {
			out = append(out, q)
		}
	}
	return out
}

func newWorld() *world {
	p, q := money.MustPrice, money.MustQty
	w := &world{
		prices: []market.ConsensusPrice{
			{Asset: "BTC", Quote: "USD", Price: p("64000.10"), Low: p("63999.5"), High: p("64001"), Confidence: 0.87654, At: noon.Add(-100 * time.Millisecond), Computed: noon.Add(-50 * time.Millisecond), Marks: market.PegAssumed,
				Sources: []market.Contribution{
					{Venue: "kraken", Pair: "BTC-USD", Price: p("64000.10"), Raw: p("64000.10"), Rate: money.MustParse("1"), Weight: 1, At: noon.Add(-100 * time.Millisecond), Status: market.Used},
					{Venue: "binance", Pair: "BTC-USDT", Price: p("63000"), Raw: p("63000.00"), Rate: money.MustParse("1"), At: noon.Add(-time.Minute), Status: market.IsStale},
					{Venue: "binance", Pair: "BTC-EUR", Raw: p("59000.00"), At: noon, Status: market.NoRate},
				}},
			{Asset: "ETH", Quote: "USD", Price: p("3000"), Confidence: 0.5, At: noon.Add(-time.Hour), Computed: noon, Marks: market.Stale,
				Sources: []market.Contribution{{Venue: "kraken", Pair: "ETH-USD", Price: p("3000"), Raw: p("3000"), Rate: money.MustParse("1"), Weight: 1, At: noon.Add(-time.Hour), Status: market.Used}}},
		},
		quotes: []market.Quote{
			{Venue: "kraken", Pair: "BTC-USD", Bid: p("64000.0"), BidQty: q("0.50000000"), Ask: p("64000.1"), AskQty: q("1.25000000"), At: noon.Add(-time.Second), Received: noon.Add(-990 * time.Millisecond)},
			{Venue: "binance", Pair: "BTC-USD", Bid: p("64002"), BidQty: q("1"), Ask: p("64001"), AskQty: q("2"), Received: noon.Add(-time.Second), Marks: market.Crossed},
		},
		books: []market.BookView{
			{Venue: "kraken", Pair: "BTC-USD", Seq: 42, At: noon.Add(-time.Second), Received: noon.Add(-time.Second), Valid: true, Integrity: "checksum",
				Bids: []market.Level{{Price: p("64000.0"), Qty: q("0.50000000")}, {Price: p("63999.9"), Qty: q("3")}},
				Asks: []market.Level{{Price: p("64000.1"), Qty: q("1.25")}}},
			{Venue: "binance", Pair: "BTC-USDT", Received: noon, Integrity: "sequence", Reason: "gap: 3 messages are missing"},
		},
	}
	for i := range 10 {
		t := market.Trade{Venue: "kraken", Pair: "BTC-USD", ID: "T" + string(rune('0'+i)), Price: p("64000.10"), Qty: q("0.1000"), Side: market.Buy,
			At: noon.Add(time.Duration(i/3-10) * time.Second), Received: noon.Add(time.Duration(i/3-10)*time.Second + 7*time.Millisecond)}
		switch i {
		case 3:
			t.Side, t.ID, t.Received = market.NoSide, "", time.Time{}
		case 4:
			t.Side, t.Marks, t.Aggregate = market.Sell, market.Late|market.Outlier, true
		}
		w.trades = append(w.trades, t)
	}
	return w
}

func worldHistory(t testing.TB, w *world) *markettest.Memory {
	h := markettest.NewMemory()
	b := &market.Batch{Trades: w.trades}
	p, q := money.MustPrice, money.MustQty
	for i := range 5 {
		c := market.Candle{Venue: market.ConsensusVenue, Pair: "BTC-USD", Interval: "1h", Open: noon.Add(time.Duration(i-4) * time.Hour), O: p("64000.10"), H: p("64100"), L: p("63900.5"), C: p("64050"),
			Volume: q("12.50000000"), Turnover: money.MustParse("800123.45"), Trades: 321, Complete: i < 4, Known: noon.Add(time.Duration(i-3) * time.Hour)}
		switch i {
		case 1:
			c.Turnover, c.Trades, c.Marks = money.Decimal{}, -1, market.VenueBar|market.Backfilled
		case 2:
			c.Volume, c.Turnover, c.Trades, c.Revision = money.Qty{}, money.Decimal{}, 0, 2
		case 4:
			c.Known = noon
		}
		b.Candles = append(b.Candles, c)
	}
	b.Candles = append(b.Candles, riskDays()...)
	b.Gaps = []market.Gap{
		{ID: "g1", Venue: "kraken", Pair: "BTC-USD", Channel: market.Trades, Kind: market.SequenceGap, From: noon.Add(-3 * time.Hour), To: noon.Add(-3*time.Hour + time.Minute), Missing: 3, Detail: "numbers 17 to 19 are missing", Repaired: noon.Add(-2 * time.Hour), RepairedBy: market.ByTrades, Restored: 3},
		{ID: "g2", Venue: "binance", Kind: market.Silence, From: noon.Add(-time.Minute), Missing: -1, Detail: `no data, "60 s", of any channel`},
	}
	b.Candles = append(b.Candles, correctedBars()...)
	b.Derivatives, b.Liquidations = payments(10), liquidated()
	for i := range 4 {
		at := noon.Add(-time.Duration(i) * time.Second)
		d := market.Derivative{Venue: "kraken", Pair: "BTC-USD-PERP", Has: 15, Mark: p("64012.0"), Index: p("64000.5"), Funding: money.MustParse("0.0000100"), FundingAt: noon.Add(time.Hour), Interest: q("1234.5678"), At: at, Received: at.Add(time.Millisecond)}
		if i == 3 {
			d.Has, d.Index, d.Interest, d.FundingAt, d.Marks = market.StatedMark, money.Price{}, money.Qty{}, time.Time{}, market.OutOfOrder
		}
		b.Derivatives = append(b.Derivatives, d)
	}
	if err := h.Append(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	return h
}

// worldTickers tells of minutes of Bitcoin at Kraken since yesterday at 18:30, and of
// Ethereum since noon three days ago, which has not traded for a day and an hour.
func worldTickers(t testing.TB, w *world) *tickers.Desk {
	h := markettest.NewMemory()
	b := &market.Batch{}
	p, q := money.MustPrice, money.MustQty
	minute := func(pair market.Pair, ago time.Duration, price string) {
		b.Candles = append(b.Candles, market.Candle{Venue: "kraken", Pair: pair, Interval: "1m", Open: noon.Add(-ago), O: p(price), H: p(price), L: p(price), C: p(price),
			Volume: q("0.50000000"), Turnover: money.MustParse("32000.05"), Trades: 4, Complete: true, Known: noon.Add(time.Minute - ago)})
	}
	for i := range 36 {
		minute("BTC-USD", time.Duration(i)*30*time.Minute, fmt.Sprintf("640%02d.1", i))
	}
	minute("ETH-USD", 72*time.Hour, "3100")
	minute("ETH-USD", 25*time.Hour, "3000")
	if err := h.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	return tickers.New(w, h)
}

const worldCatalogue = `[
 {"code":"BTC","name":"Bitcoin","symbol":"BTC","kind":"coin","decimals":8,"coingecko_id":"bitcoin","tokenmetrics_id":3375,"purpose":"Money without a bank","consensus":"proof-of-work","block_seconds":600,"supply":{"policy":"capped","max":"21000000"},"links":{"website":"https://bitcoin.org"},"aliases":[{"symbol":"XBT"}],"classes":[{"class":"proof-of-work","reason":"Blocks are mined.","source":"The Bitcoin white paper"}]},
 {"code":"ETH","name":"Ether","symbol":"ETH","kind":"coin","decimals":18,"coingecko_id":"ethereum","other_names":["Ethereum"],"classes":[{"class":"proof-of-stake","reason":"Blocks are approved by stake, \"since\" 2022.","source":"EIP-3675"}]},
 {"code":"USDT","name":"Tether","symbol":"USDT","kind":"stablecoin","peg":"USD","contracts":[{"chain":"ethereum","address":"0xdAC17F958D2ee523a2206206994597C13D831ec7","decimals":6}],"classes":[{"class":"stablecoin","reason":"Made to hold the dollar.","source":"The issuer"}]},
 {"code":"AAA","name":"Twin & Sons","kind":"token"},
 {"code":"BBB","name":"Twin & Sons","kind":"token"},
 {"code":"USD","name":"US dollar","symbol":"USD","kind":"fiat","decimals":2}
]`

func catalogue(t testing.TB) *asset.Catalogue {
	c, err := asset.Parse([]byte(worldCatalogue))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// fixture is a server over the world, with a key that may do everything.
type fixture struct {
	*Server
	world *world
	store *accesstest.Link
	gate  *gate.Gate
	key   string
	own   *access.Key // behind key
	hook  string      // id of an endpoint with a failed delivery
	log   *strings.Builder

	signers signers
	sent    http.Header // of the last signed request
}

// ids are those of all keys there are.
func (f *fixture) ids(t testing.TB) (out []string) {
	rings, err := f.gate.Rings(context.Background(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	for i := range rings {
		for j := range rings[i].Keys {
			out = append(out, rings[i].Keys[j].ID)
		}
	}
	return out
}

func newFixture(t testing.TB, change func(*Options)) *fixture {
	t.Helper()
	f := &fixture{world: newWorld(), store: accesstest.NewMemory().Link(), log: &strings.Builder{}}
	var err error
	if f.gate, err = gate.New(f.store, gate.Options{Static: time.Hour}); err != nil {
		t.Fatal(err)
	}
	made := f.make(t, access.MarketRead, access.StreamRead, access.Ops, access.KeysRead, access.KeysWrite, access.AuditRead, access.WebhooksWrite, access.UsageRead)
	f.key, f.own = made.Token, made.Key
	h := worldHistory(t, f.world)
	opt := Options{Market: plainMarket{}, Tickers: worldTickers(t, f.world), Grades: plainGrades{}, Backfills: plainBackfills{}, Repairs: plainRepairs{}, Accounts: anna{}, ClientKeys: clientKeys{f}, Board: f.world, History: h, Candles: h, Assets: catalogue(t), Gate: f.gate, Version: "1.2.3",
		Logger: slog.New(slog.NewTextHandler(lockedWriter{f}, nil)), Meter: fixedMeter{}}
	opt.Webhooks = f.notices(t)
	if opt.Repeats, err = idem.NewRecords(f.store, idem.RecordOptions{Seal: f.gate.Seal, Open: f.gate.Open}); err != nil {
		t.Fatal(err)
	}
	opt.Alerts = &watch.Desk{Store: f.store, Gate: f.gate}
	if change != nil {
		change(&opt)
	}
	if f.Server, err = New(opt); err != nil {
		t.Fatal(err)
	}
	return f
}

// anna is the one person with an account; her password is "right password".
type anna struct{}

func (anna) SignUp(_ context.Context, _ netip.Addr, email, password, _ string) error {
	if len(password) < 12 {
		return fault.At(fault.Invalid, "password", "the password must have 12 characters or more and at most 256 bytes")
	}
	return nil
}

func (anna) ConfirmEmail(_ context.Context, token string) (people.Welcome, error) {
	if token != "letter" {
		return people.Welcome{}, fault.At(fault.Unauthentic, "token", "this confirmation is not known, was used or has expired: sign up again")
	}
	return people.Welcome{Account: "acc_1", Org: "org_1", App: "app_1", Key: "first-key"}, nil
}

func (anna) LogIn(_ context.Context, _ netip.Addr, email, password, code string) (string, people.Session, error) {
	switch {
	case email != "anna@example.com" || password != "right password":
		return "", people.Session{}, fault.New(fault.Unauthentic, "the e-mail or the password is wrong")
	case code != "123456":
		return "", people.Session{}, fault.Wrap(fault.Unauthentic, people.ErrSecondFactor, "the code of the second factor is needed")
	}
	return "session", people.Session{Account: "acc_1"}, nil
}

func (anna) Session(_ context.Context, token string) (people.Session, error) {
	if token != "session" {
		return people.Session{}, fault.New(fault.Unauthentic, "the session is not known or has ended: log in")
	}
	return people.Session{Account: "acc_1"}, nil
}

func (anna) LogOut(context.Context, string) error { return nil }

func (anna) ChangePassword(ctx context.Context, token, old, fresh string) error {
	_, err := anna{}.Session(ctx, token)
	switch {
	case err != nil:
		return err
	case len(fresh) < 12:
		return fault.At(fault.Invalid, "password", "the password must have 12 characters or more and at most 256 bytes")
	case old != "right password":
		return fault.New(fault.Unauthentic, "the e-mail or the password is wrong")
	}
	return nil
}

func (anna) BeginTOTP(context.Context, string, string) (people.Enrolment, error) {
	return people.Enrolment{Secret: "ABC", URL: "otpauth://totp/Assay:anna@example.com?secret=ABC"}, nil
}

func (anna) EnableTOTP(_ context.Context, _, code string) ([]string, error) {
	if code != "123456" {
		return nil, fault.Wrap(fault.Unauthentic, people.ErrSecondFactor, "the code is wrong or was used: wait for the next one")
	}
	return []string{"R1", "R2"}, nil
}

func (anna) DisableTOTP(_ context.Context, _, password, code string) error {
	return proved(password, code)
}

func (anna) RenewRecovery(_ context.Context, _, password, code string) ([]string, error) {
	return []string{"R3", "R4"}, proved(password, code)
}

func (anna) DeleteAccount(_ context.Context, _, password, code string) error {
	return proved(password, code)
}

func proved(password, code string) error {
	switch {
	case password != "right password":
		return fault.New(fault.Unauthentic, "the e-mail or the password is wrong")
	case code != "123456":
		return fault.Wrap(fault.Unauthentic, people.ErrSecondFactor, "the code of the second factor is needed")
	}
	return nil
}

func (anna) LogOutEverywhere(context.Context, string) error { return nil }

var annaBegan = time.Date(2026, 3, 1, 11, 0, 0, 0, time.UTC)

func (anna) Places(_ context.Context, token string) ([]people.Place, error) {
	_, err := anna{}.Session(context.Background(), token)
	return []people.Place{{ID: "0123456789abcdef", Began: annaBegan, Seen: annaBegan.Add(time.Minute), From: "192.0.2.0/24", Mine: true}}, err
}

func (anna) EndPlace(_ context.Context, _, id string) error {
	if id != "0123456789abcdef" {
		return fault.At(fault.Unknown, "path.id", "there is no such session")
	}
	return nil
}

func (anna) ForgotPassword(context.Context, netip.Addr, string) error { return nil }

func (anna) ResetPassword(_ context.Context, token, fresh string) error {
	if token != "letter" {
		return fault.At(fault.Unauthentic, "token", "this token is not known, was used or has expired: ask for another letter")
	}
	return nil
}

func (anna) Profile(context.Context, string) (people.Profile, error) {
	return people.Profile{Account: "acc_1", Email: "anna@example.com", Created: annaBegan, TOTP: true, Recovery: 9,
		Orgs: []people.Membership{{Org: "acme", Name: "Acme", Role: people.Developer}}}, nil
}

func (anna) Members(_ context.Context, _, org string) ([]people.Member, error) {
	return []people.Member{{Account: "acc_1", Email: "anna@example.com", Role: people.Owner}}, anna{}.Allow(context.Background(), "", org, "")
}

func (anna) SetRole(_ context.Context, _, org, who string, r people.Role) error {
	if who == "acc_1" && r != people.Owner {
		return fault.New(fault.Conflict, "an organisation needs an owner: make somebody else owner first")
	}
	return anna{}.Allow(context.Background(), "", org, "")
}

func (anna) Invite(_ context.Context, by, org, email string, r people.Role) (people.Invitation, error) {
	x := people.Invitation{ID: "inv_1", Role: r, Email: email, By: by, Expires: annaBegan.Add(7 * 24 * time.Hour)}
	if email == "" {
		x.Code = "acme.CODE"
	}
	return x, anna{}.Allow(context.Background(), "", org, "")
}

func (anna) Invitations(_ context.Context, _, org string) ([]people.Invitation, error) {
	x, err := anna{}.Invite(context.Background(), "acc_1", org, "bob@example.com", people.Viewer)
	return []people.Invitation{x}, err
}

func (anna) Withdraw(_ context.Context, _, _, id string) error {
	if id != "inv_1" {
		return fault.At(fault.Unknown, "invitation", "there is no such invitation")
	}
	return nil
}

func (anna) Join(_ context.Context, _, code string) (people.Membership, error) {
	if code != "acme.CODE" {
		return people.Membership{}, fault.At(fault.Unauthentic, "code", "this invitation is not known, is for another address, was used or has expired: ask for a new one")
	}
	return people.Membership{Org: "acme", Name: "Acme", Role: people.Viewer}, nil
}

func (anna) Role(_ context.Context, _, org string) (people.Role, error) {
	return people.Developer, anna{}.Allow(context.Background(), "", org, "")
}

func (anna) Allow(_ context.Context, _, org string, _ people.Action) error {
	if org != "acme" {
		return fault.At(fault.Unknown, "org", "there is no such organisation")
	}
	return nil
}

func (anna) BeginPasskey(_ context.Context, _, password, code string) (people.Ceremony, error) {
	return people.Ceremony{Token: "rite", Options: `{"publicKey":{"challenge":"AAAA"}}`}, proved(password, code)
}

func (anna) AddPasskey(_ context.Context, _, ceremony, name string, _ []byte) (people.Passkey, error) {
	return people.Passkey{ID: "pk_1", Name: name, Added: annaBegan}, answered(ceremony)
}

func answered(ceremony string) error {
	if ceremony != "rite" {
		return fault.At(fault.Unauthentic, "ceremony", "this ceremony is not known, was answered or has expired: begin again")
	}
	return nil
}

func (anna) RemovePasskey(_ context.Context, _, _, password string) error {
	return proved(password, "123456")
}

func (anna) BeginPasskeyLogIn(context.Context, netip.Addr) (people.Ceremony, error) {
	return anna{}.BeginPasskey(context.Background(), "", "right password", "123456")
}

func (anna) LogInPasskey(_ context.Context, _ netip.Addr, ceremony string, _ []byte) (string, people.Session, error) {
	return "session", people.Session{Account: "acc_1"}, answered(ceremony)
}

// clientKeys sets public keys without ending tokens: none are lent here.
type clientKeys struct{ f *fixture }

func (c clientKeys) SetClientKeys(ctx context.Context, by gate.By, ring string, keys []access.ClientKey) (*access.Ring, error) {
	return c.f.gate.SetClientKeys(ctx, by, ring, keys, nil)
}

// notices makes a box with one endpoint, which has missed one delivery.
func (f *fixture) notices(t testing.TB) *box.Box {
	t.Helper()
	b, err := box.New(f.store, box.Options{CheckURL: new(webhook.Guard).CheckURL, Seal: f.gate.Seal, Open: f.gate.Open, Now: f.gate.Now})
	if err != nil {
		t.Fatal(err)
	}
	h, _, err := b.Register(t.Context(), box.Spec{Org: "acme", URL: "https://down.example.org/in", Events: []string{"*"}})
	if err != nil {
		t.Fatal(err)
	}
	f.hook = h.ID
	now := f.gate.Now().UTC()
	e := notify.Event{ID: "msg_golden", Type: notify.KeyRevoked, At: now, Org: "acme", App: "bot"}
	if err := b.Enqueue(t.Context(), notify.Delivery{Event: e, Endpoint: h.ID, N: 1, Due: now}); err != nil {
		t.Fatal(err)
	}
	a := notify.Attempt{Event: e.ID, Type: e.Type, Endpoint: h.ID, N: 1, At: now, Took: 120 * time.Millisecond, Status: 503, Outcome: notify.Exhausted, Error: "the endpoint answered with status 503", Response: "down"}
	if err := b.Record(t.Context(), a, time.Time{}); err != nil {
		t.Fatal(err)
	}
	return b
}

// fixedMeter counts nothing and always tells the same.
type fixedMeter struct{}

func (fixedMeter) Add(context.Context, Use) {}

func (fixedMeter) AsOf(now time.Time) time.Time { return now.Add(-10 * time.Second) }

func (fixedMeter) Usage(_, app string, start, _ time.Time, by string) []Usage {
	out := []Usage{{Start: period(by, start), App: "bot", Requests: 1200, Refused: 31, Failed: 2, Units: 2310, Bytes: 5_123_456}}
	if app == "" {
		out = append(out, Usage{Start: period(by, start), App: "site", Requests: 3, Units: 3, Bytes: 1000})
	}
	return out
}

type lockedWriter struct{ f *fixture }

func (w lockedWriter) Write(b []byte) (int, error) {
	w.f.world.mu.Lock()
	defer w.f.world.mu.Unlock()
	return w.f.log.Write(b)
}

func (f *fixture) create(t testing.TB, scopes ...access.Scope) string {
	return f.make(t, scopes...).Token
}

func (f *fixture) make(t testing.TB, scopes ...access.Scope) gate.Made {
	made, err := f.gate.Create(t.Context(), gate.By{Name: "test"}, gate.Spec{Name: "all", Org: "acme", App: "bot", Scopes: scopes, Rate: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// ask sends a request with the key; kv are headers, and "Authorization", "" sends none.
func (f *fixture) ask(method, target, body string, kv ...string) *httptest.ResponseRecorder {
	var r *http.Request
	if body != "" {
		r = httptest.NewRequest(method, target, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
	} else {
		r = httptest.NewRequest(method, target, nil)
	}
	r.Header.Set("Authorization", "Bearer "+f.key)
	for i := 0; i+1 < len(kv); i += 2 {
		if kv[i+1] == "" {
			r.Header.Del(kv[i])
		} else {
			r.Header.Set(kv[i], kv[i+1])
		}
	}
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	return w
}

func (f *fixture) get(target string, kv ...string) *httptest.ResponseRecorder {
	return f.ask("GET", target, "", kv...)
}
