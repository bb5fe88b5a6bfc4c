package cryptocom_test

import (
	"testing"

	"github.com/assayhq/assay/market/venue/cryptocom"
	"github.com/assayhq/assay/market/venue/venuetest"
)

func TestCryptocom(t *testing.T) { venuetest.Run(t, &cryptocom.Driver) }
func FuzzCryptocom(f *testing.F) { venuetest.Fuzz(f, &cryptocom.Driver) }
