package risk

import (
	"math"

	"github.com/assayhq/assay/fault"
)

// Scenario is the price that follows when the whole market is worth Cap and the asset has
// Share of it: arithmetic, with no probability.
type Scenario struct {
	Cap    float64 // of the whole market
	Share  float64 // of the asset, as a fraction
	Price  float64 // Cap x Share / supply
	Change float64 // from the price now; 0 where that is not known
}

// Scenarios tables every cap with every share, caps first. supply is units of the asset,
// now its price (0: not known). Invalid: numbers that are none, more than 400 cells.
func Scenarios(caps, shares []float64, supply, now float64) ([]Scenario, error) {
	if !(supply > 0) || math.IsInf(supply, 0) {
		return nil, fault.At(fault.Invalid, "supply", "the supply is a number above zero, not %v", supply)
	}
	if !(now >= 0) || math.IsInf(now, 0) {
		return nil, fault.At(fault.Invalid, "price", "the price is not below zero and finite, not %v", now)
	}
	if n := len(caps) * len(shares); n == 0 || n > 400 {
		return nil, fault.At(fault.Invalid, "caps", "a table has 1 to 400 cells, not %d", n)
	}
	var out []Scenario
	for _, c := range caps {
		if !(c > 0) || math.IsInf(c, 0) {
			return nil, fault.At(fault.Invalid, "caps", "a capitalisation is above zero and finite, not %v", c)
		}
		for _, s := range shares {
			if !(s > 0 && s <= 1) {
				return nil, fault.At(fault.Invalid, "shares", "a share is above 0 and at most 1, not %v", s)
			}
			x := Scenario{Cap: c, Share: s, Price: c * s / supply}
			if math.IsInf(x.Price, 0) {
				return nil, fault.At(fault.Invalid, "supply", "the price is too great for a number: a cap of %v over a supply of %v", c, supply)
			}
			if now > 0 {
				x.Change = x.Price/now - 1
			}
			out = append(out, x)
		}
	}
	return out, nil
}
