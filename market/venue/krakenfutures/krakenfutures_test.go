package krakenfutures_test

import (
	"testing"

	"github.com/assayhq/assay/market/venue/krakenfutures"
	"github.com/assayhq/assay/market/venue/venuetest"
)

func TestKrakenFutures(t *testing.T) { venuetest.Run(t, &krakenfutures.Driver) }
func FuzzKrakenFutures(f *testing.F) { venuetest.Fuzz(f, &krakenfutures.Driver) }
