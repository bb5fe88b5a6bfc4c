package figures

import "github.com/assayhq/assay/money"

// cents bounds the decimals of what is summed or converted.
const cents = 8

// times is d×e: exact where 19 digits hold it, else with as many decimals as fit.
func times(d, e money.Decimal) (money.Decimal, bool) {
	if p, err := d.Mul(e); err == nil {
		return p, true
	}
	if p, err := d.Trim().Mul(e.Trim()); err == nil {
		return p, true
	}
	for scale := cents; scale >= 0; scale-- {
		if p, err := d.MulRound(e, scale); err == nil {
			return p, true
		}
	}
	return money.Decimal{}, false
}

// over is d÷e with at most scale decimals, fewer where digits do not suffice.
func over(d, e money.Decimal, scale int) (money.Decimal, bool) {
	if e.Sign() <= 0 {
		return money.Decimal{}, false
	}
	for ; scale >= 0; scale-- {
		if q, err := d.Quo(e, scale); err == nil {
			return q, true
		}
	}
	return money.Decimal{}, false
}

// plus is d+e, with fewer decimals where digits do not suffice.
func plus(d, e money.Decimal) money.Decimal {
	if s, err := d.Add(e); err == nil {
		return s
	}
	for scale := max(d.Scale(), e.Scale()) - 1; scale >= 0; scale-- {
		if s, err := d.Round(scale).Add(e.Round(scale)); err == nil {
			return s
		}
	}
	return d
}

// one is the rate of a currency in itself.
func one() money.Decimal { return money.MustNew(1, 0) }

// percent is how now stands to then: 100 (now/then - 1). A statistic.
func percent(now, then money.Decimal) float64 {
	t := then.Float64()
	if t == 0 {
		return 0
	}
	return 100 * (now.Float64()/t - 1)
}
