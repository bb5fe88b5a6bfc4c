package grade

import (
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/asset"
)

// recordings is the folder of data that lies beside the module, where there is one.
func recordings(t *testing.T, path string) string {
	dir := os.Getenv("ASSAY_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared")
	}
	p := filepath.Join(dir, "data", path)
	if _, err := os.Stat(p); err != nil {
		t.Skipf("NOT TESTED: no recorded data here (%v): set ASSAY_SHARED", err)
	}
	return p
}

func unzip(t *testing.T, path string) io.Reader {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func rowsOf(t *testing.T, path string) [][]string {
	rows, err := csv.NewReader(unzip(t, path)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows[1:]
}

func num(t *testing.T, s string) float64 {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func dailyBars(t *testing.T, path string) *Bars {
	b := &Bars{}
	for _, r := range rowsOf(t, path) {
		b.add(int32(num(t, r[0])/1000/daySeconds), num(t, r[2]), num(t, r[3]), num(t, r[4]), num(t, r[5]))
	}
	return b
}

// How near our open formula comes to grades that a vendor sells without one.
func TestOurTABesideTheVendors(t *testing.T) {
	path := recordings(t, "vendor_grades/tm_btc_2021_2022H1.csv.gz")
	m := machine(t)
	b := &Bars{}
	var theirs []float64
	for _, r := range rowsOf(t, path) {
		d, err := time.Parse(time.DateOnly, r[0])
		if err != nil {
			t.Fatal(err)
		}
		b.add(int32(d.Unix()/daySeconds), num(t, r[2]), num(t, r[3]), num(t, r[4]), num(t, r[5]))
		theirs = append(theirs, num(t, r[6]))
	}
	var ours, beside, r20 []float64
	out := make([]Scores, 1)
	for i := 90; i < len(theirs); i++ {
		m.Day(b.Day[i], []Member{{Asset: "BTC", Bars: b, Last: i}}, out)
		ours, beside = append(ours, out[0].Value[kTA]), append(beside, theirs[i])
		r20 = append(r20, b.Close[i]/b.Close[i-20])
	}
	rho, alone := Spearman(ours, beside), Spearman(r20, beside)
	t.Logf("Spearman with the vendor's TA grade of BTC over %d days: our TA %.3f, 20-day return alone %.3f", len(ours), rho, alone)
	if rho < 0.75 {
		t.Errorf("our TA has a rank correlation of %.3f with the vendor's", rho)
	}
}

// On Coin Metrics' own numbers: MVRV = cap/realised and NVT = cap/adjusted transfer value.
func TestOnChainIdentities(t *testing.T) {
	dir := recordings(t, "onchain_coinmetrics")
	files, _ := filepath.Glob(filepath.Join(dir, "*.csv.gz"))
	if len(files) == 0 {
		t.Fatal("no files")
	}
	compared := map[string]int{}
	for _, f := range files {
		name := filepath.Base(f)
		code, _, _ := strings.Cut(name, ".")
		got, err := ReadChain(name, unzip(t, f), code, func(s string) (asset.Code, bool) { return asset.Code(strings.ToUpper(s)), true })
		if err != nil {
			t.Fatal(err)
		}
		s := got[asset.Code(strings.ToUpper(code))]
		all, err := csv.NewReader(unzip(t, f)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		at := map[string]int{}
		for i, h := range all[0] {
			at[h] = i
		}
		for i, r := range all[1:] {
			for col, ours := range map[string]float64{"CapMVRVCur": s.mvrv(i), "NVTAdj": s.nvt(i, 1), "NVTAdj90": s.nvt(i, 90)} {
				text := r[at[col]]
				if text == "" || math.IsNaN(ours) || math.IsInf(ours, 0) {
					continue
				}
				want := num(t, text)
				if math.Abs(ours-want) > 1e-8*math.Max(1, math.Abs(want)) { // the file has eight decimals
					t.Errorf("%s row %d: %s is %v, ours %v", name, i, col, want, ours)
				}
				compared[col]++
			}
		}
	}
	t.Logf("equal to 1e-8: %v", compared)
	for _, col := range []string{"CapMVRVCur", "NVTAdj", "NVTAdj90"} {
		if compared[col] < 100 {
			t.Errorf("%s was compared %d times only", col, compared[col])
		}
	}
}

// The measures of quant are those of insight's definitions, as quantstats has them.
func TestQuantMeasuresEqualQuantstats(t *testing.T) {
	var golden map[string]json.RawMessage
	text, err := os.ReadFile(recordings(t, "golden/quantstats081_risk.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &golden); err != nil {
		t.Fatal(err)
	}
	var btc map[string]any
	if err := json.Unmarshal(golden["BTC"], &btc); err != nil {
		t.Fatal(err)
	}
	b := dailyBars(t, recordings(t, "candles_1d/binance_2017_2022/BTC_USDT.csv.gz"))
	r := make([]float64, len(b.Close)) // the first return is zero, as there
	for i := 1; i < len(r); i++ {
		r[i] = b.Close[i]/b.Close[i-1] - 1
	}
	s := Nothing()
	six(r, make([]float64, len(r)), pSharpe, &s)
	for p, name := range map[part]string{pSharpe: "sharpe", pSortino: "sortino", pDrawdown: "max_drawdown", pVolatility: "volatility", pTail: "tail_ratio", pProfit: "profit_factor"} {
		want, ok := btc[name].(float64)
		if !ok {
			t.Errorf("the golden file has no %s: %v", name, btc)
			continue
		}
		if math.Abs(s.raw[p]-math.Abs(want)) > 1e-9*math.Abs(want) {
			t.Errorf("%s is %v, quantstats says %v", name, s.raw[p], want)
		}
	}
}

// Grades of real coins over four years, and what the record says of them.
func TestTheRecordOnRealCoins(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(recordings(t, "candles_1d/binance_2017_2022"), "*.csv.gz"))
	var bars []*Bars
	first, last := int32(math.MaxInt32), int32(0)
	for _, f := range files {
		b := dailyBars(t, f)
		bars = append(bars, b)
		first, last = min(first, b.Day[0]), max(last, b.Day[len(b.Day)-1])
	}
	m := machine(t)
	p := Panel{First: first}
	n := int(last-first) + 1
	for range bars {
		g, c := make([]float64, n), make([]float64, n)
		for i := range g {
			g[i], c[i] = math.NaN(), math.NaN()
		}
		p.Grade, p.Close = append(p.Grade, g), append(p.Close, c)
	}
	next := make([]int, len(bars))
	var members []Member
	var who []int
	out := make([]Scores, len(bars))
	for d := first; d <= last; d++ {
		members, who = members[:0], who[:0]
		for i, b := range bars {
			for next[i] < len(b.Day) && b.Day[next[i]] < d {
				next[i]++
			}
			if k := next[i]; k < len(b.Day) && b.Day[k] == d {
				members, who = append(members, Member{Bars: b, Last: k}), append(who, i)
				p.Close[i][d-first] = b.Close[k]
			}
		}
		m.Day(d, members, out[:len(members)])
		for j, i := range who {
			p.Grade[i][d-first] = out[j].Value[kTrader]
		}
	}
	for _, h := range Horizons() {
		r, _, _ := IC(p, h)
		t.Logf("trader grade, %d coins, %d days ahead: IC %+.3f +- %.3f, 95 %% [%+.3f, %+.3f], %d days, hits %.1f %% of %d", len(bars), h, *r.IC, *r.Error, *r.Low, *r.High, r.Days, 100*float64(r.Hits)/float64(r.Calls), r.Calls)
		if math.Abs(*r.IC) > 0.2 {
			t.Errorf("an IC of %v would be too good: something looks ahead", *r.IC)
		}
	}
}

// The sample of public repositories: what can be had of technology.
func TestTechnologyOfRealRepositories(t *testing.T) {
	r := unzip(t, recordings(t, "dev_activity/commits_daily.csv.gz"))
	got, strange, err := ReadActivity("commits_daily.csv", r, func(repo, _ string) (asset.Code, bool) { return asset.Code(repo), true })
	if err != nil || len(strange) > 0 {
		t.Fatal(err, strange)
	}
	var members []Member
	day := int32(math.MaxInt32) // when all of them were still looked at
	for a, s := range got {
		day = min(day, s.Last())
		b := &Bars{}
		b.add(s.Last(), 1, 1, 1, 1)
		members = append(members, Member{Asset: a, Bars: b, Activity: s})
	}
	out := make([]Scores, len(members))
	machine(t).Day(day, members, out)
	graded := 0
	for i := range out {
		t.Logf("%-28s technology %.0f with coverage %.2f: %v commits, %v author days", members[i].Asset, out[i].Value[kTechnology], out[i].Coverage[kTechnology], out[i].raw[pCommits], out[i].raw[pAuthors])
		if !math.IsNaN(out[i].Value[kTechnology]) {
			graded++
		}
	}
	if graded < MinPeers {
		t.Errorf("%d of %d repositories have a grade", graded, len(out))
	}
}
