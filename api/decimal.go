package api

import "github.com/assayhq/assay/money"

// twoDigits are the texts of 00 to 99.
const twoDigits = "00010203040506070809" + "10111213141516171819" + "20212223242526272829" + "30313233343536373839" + "40414243444546474849" +
	"50515253545556575859" + "60616263646566676869" + "70717273747576777879" + "80818283848586878889" + "90919293949596979899"

// tens are the powers of ten that a uint64 holds.
var tens = [...]uint64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19}

// appendDecimal is money.Decimal.Append, two digits at a time: long answers are little
// else than decimals. The tests hold the two against each other.
func appendDecimal(b []byte, d money.Decimal) []byte {
	coef, scale := d.Coef(), d.Scale()
	if d.IsNeg() {
		b = append(b, '-')
	}
	var buf [24]byte
	i := len(buf)
	if scale > 0 {
		whole := coef / tens[scale]
		part := coef - whole*tens[scale]
		coef = whole
		stop := i - scale
		for i-2 >= stop {
			q := part / 100
			r := (part - q*100) * 2
			part = q
			i -= 2
			buf[i], buf[i+1] = twoDigits[r], twoDigits[r+1]
		}
		if i > stop {
			i--
			buf[i] = byte('0' + part)
		}
		i--
		buf[i] = '.'
	}
	for coef >= 100 {
		q := coef / 100
		r := (coef - q*100) * 2
		coef = q
		i -= 2
		buf[i], buf[i+1] = twoDigits[r], twoDigits[r+1]
	}
	if coef >= 10 {
		i -= 2
		buf[i], buf[i+1] = twoDigits[coef*2], twoDigits[coef*2+1]
	} else {
		i--
		buf[i] = byte('0' + coef)
	}
	return append(b, buf[i:]...)
}
