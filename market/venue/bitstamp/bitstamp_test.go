package bitstamp_test

import (
	"testing"

	"github.com/assayhq/assay/market/venue/bitstamp"
	"github.com/assayhq/assay/market/venue/venuetest"
)

func TestBitstamp(t *testing.T) { venuetest.Run(t, &bitstamp.Driver) }
func FuzzBitstamp(f *testing.F) { venuetest.Fuzz(f, &bitstamp.Driver) }
