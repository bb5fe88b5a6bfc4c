package gate_test

import (
	"testing"

	"github.com/assayhq/assay/market/venue/gate"
	"github.com/assayhq/assay/market/venue/venuetest"
)

func TestGate(t *testing.T)        { venuetest.Run(t, &gate.Driver) }
func TestGateFutures(t *testing.T) { venuetest.Run(t, &gate.Futures) }
func FuzzGate(f *testing.F)        { venuetest.Fuzz(f, &gate.Driver) }
func FuzzGateFutures(f *testing.F) { venuetest.Fuzz(f, &gate.Futures) }
