package gate

import (
	"testing"

	"github.com/assayhq/assay/market/venue/venuetest"
)

func TestAccount(t *testing.T) { venuetest.Account(t, venuetest.Unconnected("gate"), &Private) }

func FuzzAccount(f *testing.F) { venuetest.FuzzAccount(f, venuetest.Unconnected("gate"), &Private) }

func TestFuturesAccount(t *testing.T) {
	venuetest.Account(t, venuetest.Unconnected("gatefutures"), &FuturesPrivate)
}

func FuzzFuturesAccount(f *testing.F) {
	venuetest.FuzzAccount(f, venuetest.Unconnected("gatefutures"), &FuturesPrivate)
}
