package binance_test

import (
	"testing"

	"github.com/assayhq/assay/market/venue/binance"
	"github.com/assayhq/assay/market/venue/venuetest"
)

func TestBinance(t *testing.T) { venuetest.Run(t, &binance.Driver) }
func FuzzBinance(f *testing.F) { venuetest.Fuzz(f, &binance.Driver) }
