package venue_test

import (
	"testing"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
)

// A word that only begins like a side is none: an auction is no sale.
func TestASideIsAWordNotALetter(t *testing.T) {
	for word, want := range map[string]market.Side{
		"buy": market.Buy, "BUY": market.Buy, "Buy": market.Buy, "b": market.Buy, "bid": market.Buy,
		"sell": market.Sell, "SELL": market.Sell, "Sell": market.Sell, "s": market.Sell, "offer": market.Sell, "ask": market.Sell,
		"": market.NoSide, "auction": market.NoSide, "Auction": market.NoSide, "both": market.NoSide, "settlement": market.NoSide, "1": market.NoSide,
	} {
		if got := venue.SideOf([]byte(word)); got != want {
			t.Errorf("%q is %v, want %v", word, got, want)
		}
	}
}
