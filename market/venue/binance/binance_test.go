package binance_test

import (
	"testing"

	"github.com/assayhq/assay/market/venue/binance"
	"github.com/assayhq/assay/market/venue/venuetest"
)

func TestBinance(t *testing.T) { venuetest.Run(t, &binance.Driver) }
func FuzzBinance(f *testing.F) { venuetest.Fuzz(f, &binance.Driver) }
func TestFutures(t *testing.T) { venuetest.Run(t, &binance.Futures) }
func FuzzFutures(f *testing.F) { venuetest.Fuzz(f, &binance.Futures) }
func TestCoin(t *testing.T)    { venuetest.Run(t, &binance.Coin) }
func FuzzCoin(f *testing.F)    { venuetest.Fuzz(f, &binance.Coin) }
