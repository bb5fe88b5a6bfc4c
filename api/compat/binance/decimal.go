package binance

import "github.com/assayhq/assay/money"

const zero = "0.00000000"

// text writes a decimal with eight places as the original does, or with more where it has
// more: no digit is lost.
func text(d money.Decimal) string {
	if d.Scale() < 8 {
		if e, err := d.Rescale(8); err == nil {
			d = e
		}
	}
	return d.String()
}

// sum is the whole of a Sum, in eight places.
func sum(s *money.Sum) money.Decimal {
	d, _ := s.Decimal(8)
	return d
}
