package coinbase_test

import (
	"testing"

	"github.com/assayhq/assay/market/venue/coinbase"
	"github.com/assayhq/assay/market/venue/venuetest"
)

func TestCoinbase(t *testing.T)         { venuetest.Run(t, &coinbase.Driver) }
func TestCoinbaseExchange(t *testing.T) { venuetest.Run(t, &coinbase.Exchange) }
func FuzzCoinbase(f *testing.F)         { venuetest.Fuzz(f, &coinbase.Driver) }
func FuzzCoinbaseExchange(f *testing.F) { venuetest.Fuzz(f, &coinbase.Exchange) }
