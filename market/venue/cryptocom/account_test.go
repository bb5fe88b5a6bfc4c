package cryptocom

import (
	"testing"

	"github.com/assayhq/assay/market/venue/venuetest"
)

func TestAccount(t *testing.T) { venuetest.Account(t, venuetest.Unconnected("cryptocom"), &Private) }

func FuzzAccount(f *testing.F) {
	venuetest.FuzzAccount(f, venuetest.Unconnected("cryptocom"), &Private)
}
