package mexc_test

import (
	"testing"

	"github.com/assayhq/assay/market/venue/mexc"
	"github.com/assayhq/assay/market/venue/venuetest"
)

func TestMEXC(t *testing.T) { venuetest.Run(t, &mexc.Driver) }
func FuzzMEXC(f *testing.F) { venuetest.Fuzz(f, &mexc.Driver) }
