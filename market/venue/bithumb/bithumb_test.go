package bithumb_test

import (
	"testing"

	"github.com/assayhq/assay/market/venue/bithumb"
	"github.com/assayhq/assay/market/venue/venuetest"
)

func TestBithumb(t *testing.T) { venuetest.Run(t, &bithumb.Driver) }
func FuzzBithumb(f *testing.F) { venuetest.Fuzz(f, &bithumb.Driver) }
