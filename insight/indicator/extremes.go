package indicator

// lows fills out with the lowest of the last values of a column, times is 1, or with
// times -1 the highest, its sign changed: of at least half of n values and at most n, and
// it gives how many. The lowest of n is then the lower of two of those.
//
// The lowest of 4 is that of two pairs, the lowest of 8 that of two fours, and so on: few
// rounds, and in none has the processor anything to guess. (It has one instruction for
// the lesser of two numbers, and Go needs more of them for the greater.)
func lows(n int, times float64, in, out []float64) (have int) {
	a := in[0] * times // the value before, pairs before
	b, c := a, a
	out = out[:len(in)]
	switch {
	case n == 1:
		for i, x := range in {
			out[i] = x * times
		}
		return 1
	case n < 4:
		for i, x := range in {
			x *= times
			out[i] = min(x, a)
			a = x
		}
		return 2
	}
	for i, x := range in {
		x *= times
		pair := min(x, a)
		out[i] = min(pair, c)
		a, b, c = x, pair, b
	}
	for have = 4; have*2 < n; have *= 2 {
		a, b := out[have:], out[:len(out)-have]
		b = b[:len(a)]
		for i := len(a) - 1; i >= 0; i-- {
			a[i] = min(a[i], b[i])
		}
	}
	return have
}

// places is where the close lies in the range of n bars, from the n-th on. It needs room
// in top, which comes to hold something of no use.
func places(n int, high, low, close, top, out []float64) {
	step := n - lows(n, -1, high, top)
	lows(n, 1, low, out)
	a, b, c, d, x := top[step:], top[:len(top)-step], out[step:], out[:len(out)-step], close[step:]
	a, b, d, x = a[:len(c)], b[:len(c)], d[:len(c)], x[:len(c)]
	for i := len(c) - 1; i >= 0; i-- {
		c[i] = place(-min(a[i], b[i]), min(c[i], d[i]), x[i])
	}
}

// place is where x lies between bottom and top, in per cent; 0 when they are the same.
func place(top, bottom, x float64) float64 {
	if d := top - bottom; d != 0 {
		return 100*((x-bottom)/d) + 0 // never -0: which of 0 and -0 is the lower is not for a batch to tell
	}
	return 0
}
