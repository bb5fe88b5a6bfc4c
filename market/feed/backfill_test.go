package feed

import (
	"testing"

	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/market/venue/binance"
	"github.com/assayhq/assay/market/venue/coinbase"
	"github.com/assayhq/assay/market/venue/cryptocom"
	"github.com/assayhq/assay/market/venue/okx"
)

// Only a venue that goes forwards from an id is believed that its first page joins what
// we have: the first page of one that goes backwards is the end of the gap.
func TestWhoPagesByID(t *testing.T) {
	for _, x := range []struct {
		d    *venue.Driver
		byID bool
	}{{&binance.Driver, true}, {&coinbase.Exchange, true}, {&okx.Driver, false}, {&cryptocom.Driver, false}} {
		l := &Live{station: &Station{driver: x.d}}
		if got := l.pagesByID(); got != x.byID {
			t.Errorf("%s pages by id: %v", x.d.Spec.ID, got)
		}
	}
}
