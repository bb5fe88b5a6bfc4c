package grade

import (
	"cmp"
	"math"
	"slices"
)

// phi is the distribution function of the standard normal distribution.
func phi(x float64) float64 { return 0.5 * math.Erfc(-x/math.Sqrt2) }

// meanSD is the mean and the sample deviation (n-1). A series of equal values has
// deviation zero exactly.
func meanSD(x []float64) (mean, sd float64) {
	if len(x) == 0 {
		return math.NaN(), math.NaN()
	}
	for _, v := range x {
		mean += v
	}
	mean /= float64(len(x))
	if len(x) < 2 || flat(x) {
		return mean, 0
	}
	ss := 0.0
	for _, v := range x {
		ss += float64((v - mean) * (v - mean))
	}
	return mean, math.Sqrt(ss / float64(len(x)-1))
}

// quantile is the q-th quantile with linear interpolation between neighbours. It reorders
// x. The first from values must be known to be the smallest; 0 for none.
func quantile(x []float64, q float64, from int) float64 {
	at := q * float64(len(x)-1)
	k := int(at)
	choose(x, from, k)
	lo := x[k]
	if k+1 >= len(x) {
		return lo
	}
	hi := slices.Min(x[k+1:])
	return lo + float64((at-float64(k))*(hi-lo))
}

// choose puts the k-th smallest value at k, with none greater before it and none smaller
// after; what stands before lo is known to be smallest.
func choose(x []float64, lo, k int) {
	hi := len(x) - 1
	for lo < hi {
		p := x[(lo+hi)/2]
		i, j := lo, hi
		for i <= j {
			for x[i] < p {
				i++
			}
			for x[j] > p {
				j--
			}
			if i <= j {
				x[i], x[j] = x[j], x[i]
				i++
				j--
			}
		}
		switch {
		case k <= j:
			hi = j
		case k >= i:
			lo = i
		default:
			return
		}
	}
}

// rank scores a part as the percentile among those who have it: for each asset the share
// of assets below it plus half of those equal, itself included, times 100.
func rank(p part, sign float64, all []Scores, column []float64, order []int) {
	order = order[:0]
	for i := range all {
		if all[i].why[p] == ok {
			column[i] = sign * all[i].raw[p]
			order = append(order, i)
		}
	}
	if len(order) < MinPeers {
		for _, i := range order {
			all[i].why[p] = fewPeers
		}
		return
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(column[a], column[b]) })
	n := float64(len(order))
	for i := 0; i < len(order); {
		j := i
		for j < len(order) && column[order[j]] == column[order[i]] {
			j++
		}
		for _, x := range order[i:j] {
			all[x].score[p] = 100 * (float64(i) + float64(j-i)/2) / n
		}
		i = j
	}
}

// Spearman is the rank correlation of pairs, equal values sharing the mean of their
// ranks. NaN when there are fewer than three, or one side does not vary.
func Spearman(a, b []float64) float64 {
	if len(a) != len(b) || len(a) < 3 {
		return math.NaN()
	}
	return pearson(ranks(a), ranks(b))
}

func ranks(x []float64) []float64 {
	order := make([]int, len(x))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(x[a], x[b]) })
	out := make([]float64, len(x))
	for i := 0; i < len(order); {
		j := i
		for j < len(order) && x[order[j]] == x[order[i]] {
			j++
		}
		for _, k := range order[i:j] {
			out[k] = float64(i+j-1) / 2
		}
		i = j
	}
	return out
}

func pearson(a, b []float64) float64 {
	ma, _ := meanSD(a)
	mb, _ := meanSD(b)
	var ab, aa, bb float64
	for i := range a {
		x, y := a[i]-ma, b[i]-mb
		ab += float64(x * y)
		aa += float64(x * x)
		bb += float64(y * y)
	}
	if aa == 0 || bb == 0 {
		return math.NaN()
	}
	return ab / math.Sqrt(float64(aa*bb))
}
