package gate

import (
	"time"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
)

// usdt is where the contracts settled in USDT are asked for.
const usdt = "/api/v4/futures/usdt/"

// Futures is Gate's perpetual contracts that are settled in USDT.
var Futures = venue.Driver{
	Spec: venue.Spec{
		ID: "gatefutures", Name: "Gate Futures", Docs: "https://www.gate.com/docs/developers/futures/ws/en/",
		Stream: "wss://fx-ws.gateio.ws", Base: "https://api.gateio.ws",
		Header:     map[string]string{"X-Gate-Size-Decimal": "1"}, // without it sizes of contracts that can be parted are cut
		Budgets:    budgets("instruments", "book", "trades", "candles", "contract", "funding"),
		Handshakes: venue.Rate{N: 300, Per: 5 * time.Minute},
		History:    "trades by time; candles of the latest 10,000 intervals; settled funding since listing",
		Quirks: []string{
			"Sizes are contracts on the wire; they are given in base, by the multiplier of the contract.",
			"Books are the best 400 levels of each side.",
			"Trades by which the venue's insurance fund takes positions over are among the trades, at prices off the book.",
			"Of a liquidation the stream tells the order's price and signed size; a negative size is read as a sell, as with the venue's orders, since its documentation does not say.",
			"Until August 2026 at most one liquidation per contract and second was told.",
			"Candles of the stream state no turnover, and those of all kinds leave out trades of the insurance fund.",
		},
	},
	Dialects: dialects(futures, "/v4/ws/usdt", market.Trades, market.Quotes, market.Books, market.Candles, market.Derivatives, market.Liquidations),
	REST: venue.REST{Request: futuresAsk, Decode: futuresAnswer, Failure: failure, Next: futuresNext, Intervals: venue.IntervalList(intervals),
		Derivatives: true, Funding: true},
	Private: &FuturesPrivate,
	Guess: func(key string) (market.Instrument, bool) {
		in, ok := guess(key)
		in.Kind, in.Unit, in.Settle = market.Perpetual, market.InContracts, in.Quote
		return in, ok
	},
}
