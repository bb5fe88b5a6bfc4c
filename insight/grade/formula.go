package grade

import "github.com/assayhq/assay/insight"

// MinCoverage is the part of a formula's weight that must have input.
const MinCoverage = 0.5

// kindCount is how many kinds there are; a kind's number is its place in insight.GradeKinds.
const kindCount = 10

const (
	kTA = iota
	kQuant
	kQuantLong
	kLiquidity
	kTrader
	kTechnology
	kValuation
	kFundamental
	kInvestor
	kCombined
)

// term is a weighted part, or with part < 0 another grade.
type term struct {
	part   part
	kind   int
	weight float64
}

type formula struct {
	id      string
	version int
	title   string
	text    string
	horizon string
	shrunk  part // the part whose bars it is shrunk by, as quant is; -1 for none
	terms   []term
}

func of(p part, w float64) term     { return term{part: p, weight: w} }
func from(kind int, w float64) term { return term{part: -1, kind: kind, weight: w} }

// equal gives parts the same weight.
func equal(ps ...part) []term {
	var out []term
	for _, p := range ps {
		out = append(out, of(p, 1/float64(len(ps))))
	}
	return out
}

// formulas is the table of all formulas, by kind. A change of any of them takes a new
// version. docs/insight/grades.md is held against it by a test.
func formulas() [kindCount]formula {
	return [kindCount]formula{
		kTA: {"assay-ta", 1, "Technical analysis", "0.35 momentum + 0.20 ema-crossover + 0.15 rsi-14 + 0.20 donchian-55 + 0.10 volume-confirmation", "days to weeks", -1,
			[]term{of(pMomentum, 0.35), of(pCrossover, 0.20), of(pRSI, 0.15), of(pChannel, 0.20), of(pVolume, 0.10)}},
		kQuant: {"assay-quant", 1, "Return against risk, one year", "50 + (m - 50) n/(n+90); m = mean percentile of six measures, n = returns used, at most 365", "a year", pSharpe,
			equal(pSharpe, pSortino, pDrawdown, pVolatility, pTail, pProfit)},
		kQuantLong: {"assay-quant-long", 1, "Return against risk, three years", "50 + (m - 50) n/(n+90); m = mean percentile of six measures, n = returns used, at most 1095", "three years", pSharpeLong,
			equal(pSharpeLong, pSortinoLong, pDrawdownLong, pVolatilityLong, pTailLong, pProfitLong)},
		kLiquidity: {"assay-liquidity", 1, "Liquidity", "percentile of turnover-30d", "a month", -1, []term{of(pTurnover, 1)}},
		kTrader:    {"assay-trader", 1, "Trader", "0.8 ta + 0.2 quant", "days to weeks", -1, []term{from(kTA, 0.8), from(kQuant, 0.2)}},
		kTechnology: {"assay-technology", 1, "Technology", "mean percentile of commits, author days, top-author share (less is better) and release interval (less is better)", "a quarter", -1,
			equal(pCommits, pAuthors, pTopAuthor, pReleases)},
		kValuation: {"assay-valuation", 1, "Valuation", "mean percentile of -NVT, -MVRV-Z, -FDV/cap and -FDV/TVL", "months", -1, equal(pNVT, pMVRVZ, pFDVCap, pFDVTVL)},
		kFundamental: {"assay-fundamental", 1, "Fundamental", "mean percentile of liquidity, venues, -holder concentration, growth of active addresses, fees and -unlocks", "months", -1,
			equal(pTurnover, pVenues, pHolders, pAddresses, pFees, pUnlocks)},
		kInvestor: {"assay-investor", 1, "Investor", "0.35 fundamental + 0.25 technology + 0.20 valuation + 0.20 quant-long", "months to years", -1,
			[]term{from(kFundamental, 0.35), from(kTechnology, 0.25), from(kValuation, 0.20), from(kQuantLong, 0.20)}},
		kCombined: {"assay-combined", 1, "Combined", "0.7 trader + 0.2 sentiment + 0.1 liquidity", "days to weeks", -1,
			[]term{from(kTrader, 0.7), of(pSentiment, 0.2), from(kLiquidity, 0.1)}},
	}
}

// Formulas describes the formulas in force, in the order of insight.GradeKinds.
func (m *Machine) Formulas() []insight.Formula {
	out := make([]insight.Formula, kindCount)
	for k := range m.formulas {
		f := &m.formulas[k]
		out[k] = insight.Formula{Kind: m.kinds[k], ID: f.id, Version: f.version, Title: f.title, Text: f.text, Horizon: f.horizon}
		for _, t := range f.terms {
			out[k].Components = append(out[k].Components, m.component(t))
		}
	}
	return out
}

func (m *Machine) component(t term) insight.Component {
	if t.part < 0 {
		f := &m.formulas[t.kind]
		return insight.Component{Name: string(m.kinds[t.kind]), Weight: t.weight, Formula: f.text, Inputs: []string{f.id}, Source: "this formula's own answer"}
	}
	s := &m.parts[t.part]
	return insight.Component{Name: s.name, Weight: t.weight, Formula: s.formula, Inputs: s.inputs, Source: s.source}
}
