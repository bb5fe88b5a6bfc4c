package upbit

import (
	"testing"

	"github.com/assayhq/assay/market/venue/venuetest"
)

func TestAccount(t *testing.T) {
	venuetest.Account(t, venuetest.QuoteFirst(venuetest.Unconnected("upbit")), &Private)
}

func FuzzAccount(f *testing.F) {
	venuetest.FuzzAccount(f, venuetest.QuoteFirst(venuetest.Unconnected("upbit")), &Private)
}
