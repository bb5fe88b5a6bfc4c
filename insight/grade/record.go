package grade

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/assayhq/assay/insight"
)

// Horizons are the days over which outcomes are looked at.
func Horizons() []int { return []int{1, 7, 14, 30} }

const (
	resamples = 1000
	minBlocks = 4
)

// Panel are grades and closes of many assets over consecutive days: the rows of Grade,
// Coverage and Close are assets, the columns days from First on; NaN is none. Grade and
// Coverage may have fewer columns than Close.
type Panel struct {
	First    int32
	Grade    [][]float64
	Coverage [][]float64
	Close    [][]float64
}

// IC tells how a panel's grades went with the logarithm of the price h days later over
// the price at the grade's close. An asset that has no close on that day is taken at its
// last one before: what died stays in, at the price it died at. Outcomes after the last
// day that any asset has are not known and do not count. The result has no kind, formula
// and times: those are the caller's. The bootstrap draws blocks of whole weeks, no shorter
// than h, with a fixed seed: the same panel gives the same bits.
func IC(p Panel, h int) (r insight.GradeRecord, first, last int32) {
	r.Horizon = h
	end := p.end()
	var a, b []float64
	type block struct{ sum, n float64 }
	var blocks []block
	weeks := int32(max(7, h)+6) / 7
	current := int32(math.MinInt32)
	var sum, universe, coverage, graded float64
	for d := 0; d+h <= end; d++ {
		a, b = a[:0], b[:0]
		for i := range p.Grade {
			if d >= len(p.Grade[i]) || math.IsNaN(p.Grade[i][d]) {
				continue
			}
			g := p.Grade[i][d]
			out := p.outcome(i, d, h)
			if math.IsNaN(out) {
				continue
			}
			a, b = append(a, g), append(b, out)
			if i < len(p.Coverage) && d < len(p.Coverage[i]) && !math.IsNaN(p.Coverage[i][d]) {
				coverage += p.Coverage[i][d]
				graded++
			}
			if g != 50 && out != 0 {
				r.Calls++
				if (g > 50) == (out > 0) {
					r.Hits++
				}
			}
		}
		r.N += len(a)
		if len(a) < MinPeers {
			continue
		}
		ic := Spearman(a, b)
		if math.IsNaN(ic) {
			continue
		}
		day := p.First + int32(d)
		if r.Days == 0 {
			first = day
		}
		last = day
		r.Days++
		sum += ic
		universe += float64(len(a))
		if k := day / 7 / weeks; k != current {
			current = k
			blocks = append(blocks, block{})
		}
		blocks[len(blocks)-1].sum += ic
		blocks[len(blocks)-1].n++
	}
	if graded > 0 {
		r.Coverage = coverage / graded
	}
	if r.Days == 0 {
		return r, first, last
	}
	r.Universe = universe / float64(r.Days)
	mean := sum / float64(r.Days)
	r.IC = &mean
	if len(blocks) < minBlocks {
		return r, first, last
	}
	random := rand.New(rand.NewPCG(uint64(h), 1))
	draws := make([]float64, resamples)
	for i := range draws {
		s, n := 0.0, 0.0
		for range blocks {
			k := blocks[random.IntN(len(blocks))]
			s += k.sum
			n += k.n
		}
		draws[i] = s / n
	}
	_, sd := meanSD(draws)
	slices.Sort(draws)
	low, high := draws[resamples/40], draws[resamples-1-resamples/40]
	r.Error, r.Low, r.High = &sd, &low, &high
	return r, first, last
}

// end is the last column with a close of any asset, -1 for none.
func (p *Panel) end() int {
	end := -1
	for _, c := range p.Close {
		for d := len(c) - 1; d > end; d-- {
			if !math.IsNaN(c[d]) {
				end = d
			}
		}
	}
	return end
}

func (p *Panel) outcome(i, d, h int) float64 {
	c := p.Close[i]
	if d >= len(c) || math.IsNaN(c[d]) {
		return math.NaN()
	}
	for e := min(d+h, len(c)-1); e > d; e-- {
		if !math.IsNaN(c[e]) {
			return math.Log(c[e] / c[d])
		}
	}
	return math.NaN() // nothing was traded after the grade: there is no price to leave at
}
