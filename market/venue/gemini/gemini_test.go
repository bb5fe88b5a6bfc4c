package gemini_test

import (
	"testing"

	"github.com/assayhq/assay/market/venue/gemini"
	"github.com/assayhq/assay/market/venue/venuetest"
)

func TestGemini(t *testing.T) { venuetest.Run(t, &gemini.Driver) }
func FuzzGemini(f *testing.F) { venuetest.Fuzz(f, &gemini.Driver) }
