package binance

import (
	"net/url"
	"strings"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/book"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/money"
)

// futures is what differs between the two futures exchanges: USD-M is linear and counts
// base, COIN-M is inverse and counts contracts.
// Sources: https://developers.binance.com/docs/derivatives (2026-07), checked on
// recordings of 2021 of both.
type futures struct {
	api  string // the prefix of its paths
	coin bool
}

var (
	usd  = futures{api: "/fapi/v1/"}
	coin = futures{api: "/dapi/v1/", coin: true}
)

// Futures is Binance USD-M futures: perpetuals and dated futures paid in USDT or USDC.
var Futures = venue.Driver{
	Spec: venue.Spec{
		ID: "binanceusdm", Name: "Binance USD-M Futures", Docs: "https://developers.binance.com/docs/derivatives/usds-margined-futures/general-info",
		Stream: "wss://fstream.binance.com", Base: "https://fapi.binance.com",
		Budgets: budgets, Handshakes: shakes,
		History: "aggregated trades of the last year, all candles and all funding since listing",
		Quirks:  append([]string{"Streams are on two paths since 2026: books and quotes on /public, all else on /market."}, quirks...),
	},
	Dialects: []venue.Dialect{usd.dialect("futures", func(s venue.Sub) string {
		if s.Channel == market.Books || s.Channel == market.Quotes {
			return "/public/stream"
		}
		return "/market/stream"
	})},
	REST:    usd.rest(),
	Private: &USDMPrivate,
	Guess:   usd.guess,
}

// Coin is Binance COIN-M futures: perpetuals and dated futures in dollars, paid in coins.
var Coin = venue.Driver{
	Spec: venue.Spec{
		ID: "binancecoinm", Name: "Binance COIN-M Futures", Docs: "https://developers.binance.com/docs/derivatives/coin-margined-futures/general-info",
		Stream: "wss://dstream.binance.com", Base: "https://dapi.binance.com",
		Budgets: budgets, Handshakes: shakes,
		History: "aggregated trades of the last year, all candles and all funding since listing",
		Quirks:  append([]string{"Contracts are of 100 dollars (BTC) or 10; sizes are given in dollars, volumes of candles in coins."}, quirks...),
	},
	Dialects: []venue.Dialect{coin.dialect("futures", nil)},
	REST:     coin.rest(),
	Guess:    coin.guess,
}

var (
	budgets = []venue.Budget{
		{Name: "weight", Rate: venue.Rate{N: 2400, Per: time.Minute}},
		{Name: "funding", Rate: venue.Rate{N: 500, Per: 5 * time.Minute}},
	}
	shakes = venue.Rate{N: 300, Per: 5 * time.Minute}
	quirks = []string{
		"Trades are aggregates of one taker's executions at one price: single ones need a key to page through.",
		"The maker flag m is turned into the taker's side.",
		"Numbers of books are shared by all markets and jump: each update names its predecessor.",
		"Of liquidations the stream tells one a second and symbol at most, with the order's price and size.",
		"Open interest is told by request only.",
	}
)

func (f *futures) dialect(name string, path func(venue.Sub) string) venue.Dialect {
	quiet := map[market.Channel]time.Duration{market.Books: 60 * time.Second, market.Quotes: 60 * time.Second, market.Derivatives: 30 * time.Second}
	return venue.Dialect{
		Name: name, Path: "/stream", PathFor: path,
		Channels:    []market.Channel{market.Trades, market.Quotes, market.Books, market.Candles, market.Derivatives, market.Liquidations},
		Open:        func(t *venue.Table, _ *url.URL) venue.Feed { return &feed{t: t, contracts: f.coin} },
		Subscribe:   func(subs []venue.Sub, id int) [][]byte { return request("SUBSCRIBE", contractStream, subs, id) },
		Unsubscribe: func(subs []venue.Sub, id int) [][]byte { return request("UNSUBSCRIBE", contractStream, subs, id) },
		Session: venue.Session{
			Idle: 4 * time.Minute, // it pings every three
			// 1,024 streams are allowed; we keep to the 200 that were allowed before.
			MaxSubs: 200, Batch: 100, MaxLife: 24 * time.Hour,
			Messages: venue.Rate{N: 8, Per: time.Second}, // 10 allowed, pongs count
			Silence:  quiet,
		},
		Book: book.Rule{Join: book.RESTRange},
	}
}

func contractStream(s venue.Sub) string {
	name := strings.ToLower(s.Instrument.Symbol)
	switch s.Channel {
	case market.Trades:
		return name + "@aggTrade"
	case market.Derivatives:
		return name + "@markPrice@1s"
	case market.Liquidations:
		return name + "@forceOrder"
	case market.Candles:
		if s.Interval == "1s" {
			return "" // spot alone has it
		}
	}
	return stream(s)
}

// guess reads BTCUSDT and BTCUSDT_260327; and of COIN-M BTCUSD_PERP and BTCUSD_260327.
func (f *futures) guess(key string) (market.Instrument, bool) {
	symbol := strings.ToUpper(key)
	name, day, dated := strings.Cut(symbol, "_")
	if f.coin && day == "PERP" {
		dated = false
	} else if f.coin && !dated {
		return market.Instrument{}, false
	}
	b, q, ok := venue.Split(name, quotes)
	in := market.Instrument{Symbol: symbol, Kind: market.Perpetual, Base: asset.Code(b), Quote: asset.Code(q), Settle: asset.Code(q), Contract: money.MustParse("1")}
	if f.coin { // what a contract is worth is not in its name
		in.Settle, in.Contract, in.Unit = in.Base, money.Decimal{}, market.InContracts
	}
	if dated {
		expiry, err := time.Parse("060102", day)
		if err != nil || !ok {
			return market.Instrument{}, false
		}
		in.Kind, in.Expiry, in.Pair = market.Dated, expiry.Add(8*time.Hour), market.Future(in.Base, in.Quote, expiry)
	}
	return in, ok
}
