// Package hyperliquid reads Hyperliquid: its own perpetuals, settled in USDC, and its
// spot markets. All of REST is POST to one path, so what an answer is stands in the
// fragment of the address: /info#l2Book,BTC.
//
// Source: hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api (seen 2026-08), of
// the fast book its announcement of 2026-06-17. Pure; see package venue.
package hyperliquid

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/book"
	"github.com/assayhq/assay/market/venue"
)

// intervals leave out three days, weeks and months: it is not said when theirs begin.
var intervals = map[market.Interval]string{
	"1m": "1m", "3m": "3m", "5m": "5m", "15m": "15m", "30m": "30m", "1h": "1h", "2h": "2h", "4h": "4h", "8h": "8h", "12h": "12h", "1d": "1d",
}

// Driver is Hyperliquid.
var Driver = venue.Driver{
	Spec: venue.Spec{
		ID: "hyperliquid", Name: "Hyperliquid", Docs: "https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api",
		Stream: "wss://api.hyperliquid.xyz", Base: "https://api.hyperliquid.xyz",
		Budgets:    []venue.Budget{{Name: "weight", Rate: venue.Rate{N: 1200, Per: time.Minute}}},
		Handshakes: venue.Rate{N: 30, Per: time.Minute}, // not said; 100 may be open
		History:    "the latest 5,000 candles of each interval; of trades only the newest few; funding since listing",
		Quirks: []string{
			"Books are whole each time, at most 20 levels a side, from the fast feed; a lost one is harmless.",
			"Prices have at most five significant digits, so the real price step grows with the price; the step that is stated is the smallest.",
			"Funding is the rate per hour; the index is the oracle price of the venue's validators.",
			"What is said of funding, open interest, mark and oracle carries no time.",
			"Spot markets are called by numbers on the wire (@107); their names are made of their tokens, and UBTC is not BTC.",
			"Perpetuals that others deploy (dex:COIN) are not listed, and liquidations are told to those concerned only.",
			"Candles have no turnover; those of three days, weeks and months are left out.",
			"A funding history without a beginning starts with the first row there is.",
		},
	},
	Dialects: []venue.Dialect{{
		Name:      "ws",
		Channels:  []market.Channel{market.Trades, market.Quotes, market.Books, market.Candles, market.Derivatives},
		Path:      "/ws",
		Open:      open,
		Subscribe: func(subs []venue.Sub, _ int) [][]byte { return request("subscribe", subs) },
		Unsubscribe: func(subs []venue.Sub, _ int) [][]byte {
			return request("unsubscribe", subs)
		},
		Session: venue.Session{
			Ping: []byte(`{"method":"ping"}`), PingEvery: 30 * time.Second, Idle: 75 * time.Second, // it closes after 60 s of silence
			Silence: map[market.Channel]time.Duration{market.Books: 30 * time.Second, market.Quotes: 60 * time.Second},
			MaxSubs: 1000, Messages: venue.Rate{N: 2000, Per: time.Minute},
		},
		Book: book.Rule{Join: book.Replace},
	}},
	REST:    venue.REST{Request: ask, Decode: answer, Failure: failure, Next: next, Intervals: venue.IntervalList(intervals), Derivatives: true, Funding: true},
	Private: &Private,
	Guess:   guess,
}

// request writes a frame for each subscription: the venue takes one at a time.
func request(method string, subs []venue.Sub) [][]byte {
	var out [][]byte
	for _, s := range subs {
		if what := subscription(s); what != "" {
			out = append(out, []byte(`{"method":"`+method+`","subscription":{`+what+`}}`))
		}
	}
	return out
}

func subscription(s venue.Sub) string {
	coin := `,"coin":` + quoted(s.Instrument.Symbol)
	switch s.Channel {
	case market.Trades:
		return `"type":"trades"` + coin
	case market.Quotes:
		return `"type":"bbo"` + coin
	case market.Books:
		return `"type":"l2Book"` + coin + `,"fast":true`
	case market.Derivatives:
		if s.Instrument.Kind != market.Spot {
			return `"type":"activeAssetCtx"` + coin
		}
	case market.Candles:
		if i := intervals[s.Interval]; i != "" {
			return `"type":"candle"` + coin + `,"interval":"` + i + `"`
		}
	}
	return ""
}

// quoted is a JSON string.
func quoted(s string) string {
	b, _ := json.Marshal(s) // a string always marshals
	return string(b)
}

// settle is what its perpetuals are priced and settled in.
const settle = "USDC"

// guess reads BTC and kPEPE (perpetuals), PURR/USDC (spot) and dex:COIN (a perpetual that
// somebody else deployed: its symbol stands for it). @107 needs the list of spot markets.
func guess(key string) (market.Instrument, bool) {
	in := market.Instrument{Symbol: key, RESTSymbol: key, Kind: market.Perpetual, Base: asset.Code(key), Quote: settle, Settle: settle}
	if base, ok := strings.CutSuffix(key, "/"+settle); ok && plain(base) {
		return market.Instrument{Symbol: key, RESTSymbol: key, Kind: market.Spot, Base: asset.Code(base), Quote: settle}, true
	}
	if dex, coin, ok := strings.Cut(key, ":"); ok && plain(dex) && plain(coin) {
		in.Base, in.Quote, in.Pair = asset.Code(coin), settle, market.Pair(strings.ToUpper(key))
		return in, true
	}
	return in, plain(key)
}

// plain tells whether a name has letters and digits only.
func plain(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}) < 0
}
