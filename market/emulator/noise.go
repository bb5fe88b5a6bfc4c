package emulator

import "math"

// mix turns three numbers into one well-spread one (the finaliser of splitmix64).
func mix(a, b, c uint64) uint64 {
	x := (a ^ b*0x9e3779b97f4a7c15) + c*0xd6e8feb86659fd93
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// label turns a name into a number, for seeds.
func label(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

// bell is a nearly normal number (mean 0, deviation 1) belonging to a lattice point.
func bell(seed, octave, index uint64) float64 {
	x := mix(seed, octave, index)
	s := int64(x&0xffff) + int64(x>>16&0xffff) + int64(x>>32&0xffff) + int64(x>>48) - 2*0xffff
	return float64(s) / 37837.0
}

// octaves is how many doublings of one second the walk is made of: 2^19 s is six days.
const octaves = 20

// walk is a random walk that can be read at any time in any order: a sum of
// interpolated noises whose periods double and whose heights grow with the square
// root of the period. The deviation after one second is about one.
func walk(seed uint64, ns int64) float64 {
	return noises(seed, ns, 0, octaves)
}

// swing is what walk leaves out: the octaves of six days to a year.
func swing(seed uint64, ns int64) float64 { return noises(seed, ns, octaves, octaves+6) }

// noises adds the octaves from first up to, not including, end.
func noises(seed uint64, ns int64, first, end uint64) float64 {
	sum, height, period := 0.0, 0.5*math.Pow(2, float64(first)/2), int64(1e9)<<first
	for k := first; k < end; k++ {
		i := ns / period
		f := float64(ns-i*period) / float64(period)
		a, b := bell(seed, k, uint64(i)), bell(seed, k, uint64(i)+1)
		sum += height * (a + (b-a)*f)
		height *= math.Sqrt2
		period *= 2
	}
	return sum
}
