package okx_test

import (
	"testing"

	"github.com/assayhq/assay/market/venue/okx"
	"github.com/assayhq/assay/market/venue/venuetest"
)

func TestOKX(t *testing.T) { venuetest.Run(t, &okx.Driver) }
func FuzzOKX(f *testing.F) { venuetest.Fuzz(f, &okx.Driver) }
