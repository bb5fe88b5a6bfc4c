package coinbase

import (
	"testing"

	"github.com/assayhq/assay/market/venue/venuetest"
)

func TestAccount(t *testing.T) { venuetest.Account(t, &Driver, &Private) }

func FuzzAccount(f *testing.F) { venuetest.FuzzAccount(f, &Driver, &Private) }

func TestExchangeAccount(t *testing.T) { venuetest.Account(t, &Exchange, &ExchangePrivate) }

func FuzzExchangeAccount(f *testing.F) { venuetest.FuzzAccount(f, &Exchange, &ExchangePrivate) }
