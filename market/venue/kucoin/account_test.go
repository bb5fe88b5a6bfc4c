package kucoin

import (
	"testing"

	"github.com/assayhq/assay/market/venue/venuetest"
)

func TestAccount(t *testing.T) { venuetest.Account(t, venuetest.Unconnected("kucoin"), &Private) }

func FuzzAccount(f *testing.F) { venuetest.FuzzAccount(f, venuetest.Unconnected("kucoin"), &Private) }

func TestFuturesAccount(t *testing.T) {
	venuetest.Account(t, venuetest.Unconnected("kucoinfutures"), &FuturesPrivate)
}

func FuzzFuturesAccount(f *testing.F) {
	venuetest.FuzzAccount(f, venuetest.Unconnected("kucoinfutures"), &FuturesPrivate)
}
