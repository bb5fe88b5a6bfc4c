package binance

import (
	"testing"

	"github.com/assayhq/assay/market/venue/venuetest"
)

func TestAccount(t *testing.T) { venuetest.Account(t, &Driver, &Private) }

func FuzzAccount(f *testing.F) { venuetest.FuzzAccount(f, &Driver, &Private) }

func TestUSDMAccount(t *testing.T) {
	venuetest.Account(t, venuetest.Unconnected("binanceusdm"), &USDMPrivate)
}

func FuzzUSDMAccount(f *testing.F) {
	venuetest.FuzzAccount(f, venuetest.Unconnected("binanceusdm"), &USDMPrivate)
}
