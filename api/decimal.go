package api

import "github.com/assayhq/assay/money"

// appendDecimal is money.Decimal.Append as a function, for the encoders' tables.
func appendDecimal(b []byte, d money.Decimal) []byte { return d.Append(b) }
