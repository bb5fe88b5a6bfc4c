package upbit_test

import (
	"testing"

	"github.com/assayhq/assay/market/venue/upbit"
	"github.com/assayhq/assay/market/venue/venuetest"
)

func TestUpbit(t *testing.T) { venuetest.Run(t, &upbit.Driver) }
func FuzzUpbit(f *testing.F) { venuetest.Fuzz(f, &upbit.Driver) }
