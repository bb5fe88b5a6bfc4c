package bybit_test

import (
	"testing"

	"github.com/assayhq/assay/market/venue/bybit"
	"github.com/assayhq/assay/market/venue/venuetest"
)

func TestBybit(t *testing.T) { venuetest.Run(t, &bybit.Driver) }
func FuzzBybit(f *testing.F) { venuetest.Fuzz(f, &bybit.Driver) }
