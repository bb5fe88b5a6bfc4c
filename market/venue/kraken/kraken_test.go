package kraken_test

import (
	"testing"

	"github.com/assayhq/assay/market/venue/kraken"
	"github.com/assayhq/assay/market/venue/venuetest"
)

func TestKraken(t *testing.T) { venuetest.Run(t, &kraken.Driver) }
func FuzzKraken(f *testing.F) { venuetest.Fuzz(f, &kraken.Driver) }
