package bitget_test

import (
	"testing"

	"github.com/assayhq/assay/market/venue/bitget"
	"github.com/assayhq/assay/market/venue/venuetest"
)

func TestBitget(t *testing.T) { venuetest.Run(t, &bitget.Driver) }
func FuzzBitget(f *testing.F) { venuetest.Fuzz(f, &bitget.Driver) }
