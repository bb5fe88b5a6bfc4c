package hyperliquid_test

import (
	"testing"

	"github.com/assayhq/assay/market/venue/hyperliquid"
	"github.com/assayhq/assay/market/venue/venuetest"
)

func TestHyperliquid(t *testing.T) { venuetest.Run(t, &hyperliquid.Driver) }
func FuzzHyperliquid(f *testing.F) { venuetest.Fuzz(f, &hyperliquid.Driver) }
