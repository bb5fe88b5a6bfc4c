package kucoin

import (
	"strings"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/book"
	"github.com/assayhq/assay/market/venue"
)

// The topics of futures that are read.
const (
	execution  = "/contractMarket/execution"
	tickerV2   = "/contractMarket/tickerV2"
	changes    = "/contractMarket/level2"
	instrument = "/contract/instrument"
)

// granularities are the intervals of futures, in minutes.
var granularities = map[market.Interval]string{
	"1m": "1", "5m": "5", "15m": "15", "30m": "30", "1h": "60", "2h": "120", "4h": "240", "8h": "480", "12h": "720", "1d": "1440",
}

// Futures is KuCoin's perpetual and dated contracts.
var Futures = venue.Driver{
	Spec: venue.Spec{
		ID: "kucoinfutures", Name: "KuCoin Futures", Docs: "https://www.kucoin.com/docs-new/introduction",
		Stream: "wss://ws-api-futures.kucoin.com", Base: "https://api-futures.kucoin.com",
		Budgets:    []venue.Budget{{Name: "public", Rate: venue.Rate{N: 2000, Per: 30 * time.Second}}},
		Handshakes: venue.Rate{N: 30, Per: time.Minute},
		History:    "candles since listing; trades only the latest 100; settled funding since listing",
		Quirks: []string{
			"Sizes of linear contracts are contracts on the wire and are given in base, by the multiplier; those of inverse ones are dollars.",
			"Books are whole: differences are joined to a snapshot by REST and rise by one.",
			"Open interest is told by REST only; the stream has mark, index and funding.",
			"The stream's candles are not read, because their volume is documented as wrong.",
			"No feed of liquidations is public.",
		},
	},
	Dialects: []venue.Dialect{dialect("futures", time.Time{}, book.Rule{Join: book.RESTRange}, map[market.Channel]string{
		market.Trades: execution, market.Quotes: tickerV2, market.Books: changes, market.Derivatives: instrument,
	})},
	REST: venue.REST{Request: futuresAsk, Decode: futuresAnswer, Failure: failure, Next: futuresNext, Intervals: venue.IntervalList(granularities),
		Derivatives: true, Funding: true},
	Private: &FuturesPrivate,
	Guess:   guessContract,
}

// guessContract reads XBTUSDTM, a perpetual settled in USDT, and XBTUSDM, one settled in
// its coin whose contract is a dollar. A dated contract tells its day in its description only.
func guessContract(key string) (market.Instrument, bool) {
	name, ok := strings.CutSuffix(key, "M")
	base, quote, split := venue.Split(name, []string{"USDT", "USDC", "USD"})
	in := market.Instrument{Symbol: key, Kind: market.Perpetual, Base: asset.Code(base), Quote: asset.Code(quote), Settle: asset.Code(quote), Unit: market.InContracts}
	if quote == "USD" {
		in.Settle, in.Unit = in.Base, market.InQuote
	}
	if in.Settle == "XBT" {
		in.Settle = "BTC"
	}
	return in, ok && split
}
