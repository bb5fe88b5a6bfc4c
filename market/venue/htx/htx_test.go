package htx_test

import (
	"testing"

	"github.com/assayhq/assay/market/venue/htx"
	"github.com/assayhq/assay/market/venue/venuetest"
)

func TestHTX(t *testing.T)     { venuetest.Run(t, &htx.Driver) }
func FuzzHTX(f *testing.F)     { venuetest.Fuzz(f, &htx.Driver) }
func TestHTXSwap(t *testing.T) { venuetest.Run(t, &htx.Swap) }
func FuzzHTXSwap(f *testing.F) { venuetest.Fuzz(f, &htx.Swap) }
