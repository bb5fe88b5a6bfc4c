package kucoin_test

import (
	"testing"

	"github.com/assayhq/assay/market/venue/kucoin"
	"github.com/assayhq/assay/market/venue/venuetest"
)

func TestKuCoin(t *testing.T)        { venuetest.Run(t, &kucoin.Driver) }
func TestKuCoinFutures(t *testing.T) { venuetest.Run(t, &kucoin.Futures) }
func FuzzKuCoin(f *testing.F)        { venuetest.Fuzz(f, &kucoin.Driver) }
func FuzzKuCoinFutures(f *testing.F) { venuetest.Fuzz(f, &kucoin.Futures) }
