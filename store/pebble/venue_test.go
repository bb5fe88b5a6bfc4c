package pebble

import (
	"testing"
	"time"

	"github.com/assayhq/assay/market"
)

// A venue whose first append was given up has a number and no frames. The numbers
// of those that came after it must stay theirs when the store is opened again.
func TestVenuesKeepTheirNumbers(t *testing.T) {
	dir := t.TempDir()
	at := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	frame := func(v market.VenueID) []market.Frame {
		return []market.Frame{{Venue: v, Kind: "recv", Data: []byte(v), Received: at}}
	}
	s, err := Open(dir, Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	s.venueOf("ghost")
	if err := s.AppendFrames(t.Context(), frame("kraken")); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(dir, Options{NoSync: true}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.AppendFrames(t.Context(), frame("okx")); err != nil {
		t.Fatal(err)
	}
	for _, v := range []market.VenueID{"kraken", "okx"} {
		n := 0
		for f, err := range s.ReadFrames(t.Context(), v, market.Range{}) {
			if n++; err != nil || string(f.Data) != string(v) {
				t.Errorf("%s has the frame %q, %v", v, f.Data, err)
			}
		}
		if n != 1 {
			t.Errorf("%s has %d frames", v, n)
		}
	}
}
