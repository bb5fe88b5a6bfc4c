package emulator

import (
	"math/big"
	"math/bits"
)

// wide is an unsigned sum too large for 64 bits: prices in ticks times sizes in lots.
type wide struct{ hi, lo uint64 }

func (w wide) plus(o wide) wide {
	lo, c := bits.Add64(w.lo, o.lo, 0)
	hi, _ := bits.Add64(w.hi, o.hi, c)
	return wide{hi, lo}
}

// times is a×b; both must be non-negative.
func times(a, b int64) wide {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	return wide{hi, lo}
}

func (w wide) big() *big.Int {
	x := new(big.Int).SetUint64(w.hi)
	return x.Lsh(x, 64).Or(x, new(big.Int).SetUint64(w.lo))
}

// over is w÷d rounded down; 0 when d is 0.
func (w wide) over(d int64) int64 {
	if d <= 0 {
		return 0
	}
	return new(big.Int).Quo(w.big(), big.NewInt(d)).Int64()
}

// append writes w as a decimal with scale digits after the point, cut to show decimals.
func (w wide) append(b []byte, scale, show int) []byte {
	x := w.big()
	for ; scale > show; scale-- {
		x.Quo(x, big.NewInt(10))
	}
	s := x.String()
	for len(s) <= scale {
		s = "0" + s
	}
	b = append(b, s[:len(s)-scale]...)
	if scale > 0 {
		b = append(append(b, '.'), s[len(s)-scale:]...)
	}
	return b
}
