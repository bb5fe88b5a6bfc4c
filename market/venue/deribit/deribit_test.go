package deribit_test

import (
	"testing"

	"github.com/assayhq/assay/market/venue/deribit"
	"github.com/assayhq/assay/market/venue/venuetest"
)

func TestDeribit(t *testing.T) { venuetest.Run(t, &deribit.Driver) }
func FuzzDeribit(f *testing.F) { venuetest.Fuzz(f, &deribit.Driver) }
