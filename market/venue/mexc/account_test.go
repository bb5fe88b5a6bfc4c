package mexc

import (
	"testing"

	"github.com/assayhq/assay/market/venue/venuetest"
)

func TestAccount(t *testing.T) { venuetest.Account(t, venuetest.Unconnected("mexc"), &Private) }

func FuzzAccount(f *testing.F) { venuetest.FuzzAccount(f, venuetest.Unconnected("mexc"), &Private) }
