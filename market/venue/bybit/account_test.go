package bybit

import (
	"testing"

	"github.com/assayhq/assay/market/venue/venuetest"
)

func TestAccount(t *testing.T) { venuetest.Account(t, &Driver, &Private) }

func FuzzAccount(f *testing.F) { venuetest.FuzzAccount(f, &Driver, &Private) }
