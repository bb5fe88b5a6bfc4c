package htx

import (
	"testing"

	"github.com/assayhq/assay/market/venue/venuetest"
)

func TestAccount(t *testing.T) { venuetest.Account(t, venuetest.Unconnected("htx"), &Private) }

func FuzzAccount(f *testing.F) { venuetest.FuzzAccount(f, venuetest.Unconnected("htx"), &Private) }

func TestSwapAccount(t *testing.T) {
	venuetest.Account(t, venuetest.Unconnected("htxswap"), &SwapPrivate)
}

func FuzzSwapAccount(f *testing.F) {
	venuetest.FuzzAccount(f, venuetest.Unconnected("htxswap"), &SwapPrivate)
}
