// Package all lists the exchanges Assay can connect to. To add one, write its
// folder beside this and add one line here. Only app and cmd import it.
package all

import (
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/market/venue/binance"
	"github.com/assayhq/assay/market/venue/bitfinex"
	"github.com/assayhq/assay/market/venue/bitget"
	"github.com/assayhq/assay/market/venue/bithumb"
	"github.com/assayhq/assay/market/venue/bitstamp"
	"github.com/assayhq/assay/market/venue/bybit"
	"github.com/assayhq/assay/market/venue/coinbase"
	"github.com/assayhq/assay/market/venue/cryptocom"
	"github.com/assayhq/assay/market/venue/deribit"
	"github.com/assayhq/assay/market/venue/gate"
	"github.com/assayhq/assay/market/venue/gemini"
	"github.com/assayhq/assay/market/venue/htx"
	"github.com/assayhq/assay/market/venue/hyperliquid"
	"github.com/assayhq/assay/market/venue/kraken"
	"github.com/assayhq/assay/market/venue/krakenfutures"
	"github.com/assayhq/assay/market/venue/kucoin"
	"github.com/assayhq/assay/market/venue/mexc"
	"github.com/assayhq/assay/market/venue/okx"
	"github.com/assayhq/assay/market/venue/upbit"
)

// Drivers lists every exchange, in the order in which they are shown.
func Drivers() []*venue.Driver {
	return []*venue.Driver{
		&binance.Coin,
		&binance.Driver,
		&binance.Futures,
		&bitfinex.Driver,
		&bitget.Driver,
		&bithumb.Driver,
		&bitstamp.Driver,
		&bybit.Driver,
		&coinbase.Driver,
		&coinbase.Exchange,
		&cryptocom.Driver,
		&deribit.Driver,
		&gate.Driver,
		&gate.Futures,
		&gemini.Driver,
		&htx.Driver,
		&htx.Swap,
		&hyperliquid.Driver,
		&kraken.Driver,
		&krakenfutures.Driver,
		&kucoin.Driver,
		&kucoin.Futures,
		&mexc.Driver,
		&okx.Driver,
		&upbit.Driver,
	}
}

// Driver finds an exchange by its id.
func Driver(id market.VenueID) (*venue.Driver, bool) {
	for _, d := range Drivers() {
		if d.Spec.ID == id {
			return d, true
		}
	}
	return nil, false
}
