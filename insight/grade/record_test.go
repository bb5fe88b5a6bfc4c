package grade

import (
	"math"
	"math/rand/v2"
	"testing"
)

// panel is a market of random walks whose grade at a close leans on the next day's return
// by skill.
func panel(seed uint64, assets, days int, skill float64) Panel {
	r := rand.New(rand.NewPCG(seed, 1))
	p := Panel{First: 19000}
	for range assets {
		closes, grades, cover := make([]float64, days), make([]float64, days), make([]float64, days)
		next := make([]float64, days)
		for d := range next {
			next[d] = 0.03 * r.NormFloat64()
		}
		price := 100.0
		for d := range closes {
			closes[d], cover[d] = price, 0.8
			grades[d] = 100 * phi(skill*next[d]/0.03+math.Sqrt(1-skill*skill)*r.NormFloat64())
			price *= math.Exp(next[d])
		}
		p.Close, p.Grade, p.Coverage = append(p.Close, closes), append(p.Grade, grades), append(p.Coverage, cover)
	}
	return p
}

func TestTheRecordFindsSkillAndNoneWhereThereIsNone(t *testing.T) {
	r, first, last := IC(panel(1, 30, 300, 0.3), 1)
	if r.IC == nil || math.Abs(*r.IC-0.3) > 0.05 || *r.Low < 0.2 || r.Days != 299 || r.N != 30*299 || first != 19000 || last != 19298 {
		t.Errorf("%+v, %d to %d", r, first, last)
	}
	if r.Hits*10 < r.Calls*55/10 || r.Calls != r.N || math.Abs(r.Coverage-0.8) > 1e-9 {
		t.Errorf("hits %d of %d, coverage %v", r.Hits, r.Calls, r.Coverage)
	}
	inside := 0
	for seed := range uint64(100) {
		r, _, _ := IC(panel(100+seed, 10, 200, 0), 7)
		if *r.Low <= 0 && 0 <= *r.High {
			inside++
		}
	}
	if inside < 82 || inside == 100 {
		t.Errorf("no skill was inside the 95 %% bounds in %d of 100 worlds", inside)
	}
}

// Outcomes of 30 days overlap: a naive error would be far too small.
func TestOverlapWidensTheError(t *testing.T) {
	p := panel(3, 20, 700, 0)
	for i := range p.Grade { // grades that move slowly, as real ones do
		for d := 1; d < len(p.Grade[i]); d++ {
			p.Grade[i][d] = 0.97*p.Grade[i][d-1] + 0.03*p.Grade[i][d]
		}
	}
	r, _, _ := IC(p, 30)
	naive := 1 / math.Sqrt(float64(r.N))
	if *r.Error < 2*naive {
		t.Errorf("the error is %v, the naive one %v", *r.Error, naive)
	}
}

// What happens after an outcome changes nothing, and what is not yet known does not count.
func TestARecordDoesNotLookBeyondItsOutcomes(t *testing.T) {
	p := panel(5, 8, 60, 0.2)
	whole, _, _ := IC(p, 7)
	if whole.N != 8*53 {
		t.Errorf("%d pairs, want those with an outcome, %d", whole.N, 8*53)
	}
	again, _, _ := IC(panel(5, 8, 60, 0.2), 7)
	if *again.IC != *whole.IC || *again.Error != *whole.Error {
		t.Error("the same panel gave other bits")
	}
}

// A coin that died stays in at the price it died at.
func TestADeadCoinStaysInTheRecord(t *testing.T) {
	p := panel(6, 6, 60, 0)
	for d := 31; d < 60; d++ {
		p.Close[0][d], p.Grade[0][d] = math.NaN(), math.NaN()
	}
	p.Close[0][30] = p.Close[0][29] / 1000 // on its last day
	for d := range 60 {
		p.Grade[0][d] = 10
	}
	with, _, _ := IC(p, 30)
	p.Close[0], p.Grade[0] = nil, nil
	without, _, _ := IC(p, 30)
	if with.N != without.N+30 {
		t.Errorf("%d pairs with the dead coin, %d without", with.N, without.N)
	}
}
