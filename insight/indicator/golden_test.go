package indicator

import (
	"bufio"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// differences from TA-Lib 0.4.0 that are meant, each with its reason. The values of such
// an output are compared from the given bar on, or not at all for -1.
var differences = map[string]struct {
	from int
	why  string
}{}

// shared finds a file of the recordings that lie beside the module, where there are any.
func shared(t *testing.T, path string) *os.File {
	dir := os.Getenv("ASSAY_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared")
	}
	f, err := os.Open(filepath.Join(dir, "data", path))
	if err != nil {
		t.Skipf("no reference data here (%v): set ASSAY_SHARED to compare with TA-Lib", err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// readBars reads a file of ts_ms,open,high,low,close,volume.
func readBars(t *testing.T, path string) map[Input][]float64 {
	z, err := gzip.NewReader(shared(t, path))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(z).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	m := map[Input][]float64{}
	for _, row := range rows[1:] {
		for i, k := range []Input{Time, OpenPrice, High, Low, Close, Vol} {
			x, err := strconv.ParseFloat(row[i], 64)
			if err != nil {
				t.Fatal(err)
			}
			m[k] = append(m[k], x)
		}
	}
	m[Real], m[Real1], m[Periods] = m[Close], m[High], m[High]
	return m
}

// TestGoldenTALib compares every output of every function with what TA-Lib's C gives on
// four years of daily bars.
func TestGoldenTALib(t *testing.T) {
	z, err := gzip.NewReader(shared(t, "golden/talib040_btc_1d.jsonl.gz"))
	if err != nil {
		t.Fatal(err)
	}
	m := readBars(t, "candles_1d/binance_2017_2022/BTC_USDT.csv.gz")
	list := Catalogue()
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 16<<20)
	compared, absent := 0, 0
	for lines.Scan() {
		var g struct {
			Func, Out string
			Opt       map[string]float64
			Begin     int
			Values    []*float64
		}
		if err := json.Unmarshal(lines.Bytes(), &g); err != nil {
			t.Fatal(err)
		}
		f, err := Find(list, g.Func)
		if err != nil {
			absent++
			continue
		}
		compared++
		t.Run(g.Func+"/"+g.Out, func(t *testing.T) {
			set := map[string]string{}
			for k, v := range g.Opt {
				set[k] = strconv.FormatFloat(v, 'g', -1, 64)
			}
			v, err := f.Set(set)
			if err != nil {
				t.Fatal(err)
			}
			if def, _ := f.Set(nil); fmt.Sprint(def) != fmt.Sprint(v) || len(set) != len(f.Params) {
				t.Errorf("defaults are %v, TA-Lib's %v", def, g.Opt)
			}
			if b := f.Begin(v); b != g.Begin {
				t.Errorf("begins at %d, TA-Lib at %d", b, g.Begin)
			}
			var in [][]float64
			for _, i := range f.Inputs {
				in = append(in, m[i])
			}
			out, err := f.Batch(v, in)
			if err != nil {
				t.Fatal(err)
			}
			for i, o := range f.Outputs {
				if o.Name != g.Out {
					continue
				}
				d, meant := differences[g.Func+"/"+g.Out]
				if meant && d.from < 0 {
					t.Skip(d.why)
				}
				worst, size := 0.0, 0.0
				for _, w := range g.Values {
					if w != nil {
						size += math.Abs(*w) / float64(len(g.Values))
					}
				}
				for j, w := range g.Values {
					at := g.Begin + j
					got := out[i][at]
					switch {
					case meant && at < d.from:
					case w == nil:
						if got-got == 0 {
							t.Fatalf("bar %d: %v, TA-Lib has no number", at, got)
						}
					case o.Integer() && got != *w:
						t.Fatalf("bar %d: %v, TA-Lib %v", at, got, *w)
					default:
						// Values that cancel to nearly nothing are judged by the size of the series.
						e := math.Abs(got-*w) / math.Max(math.Abs(*w), 1e-3*size)
						if *w == got {
							e = 0
						}
						if !(e <= 1e-9) {
							t.Fatalf("bar %d: %v, TA-Lib %v: off by %.2g", at, got, *w, e)
						}
						worst = max(worst, e)
					}
				}
				return
			}
			t.Errorf("there is no output %s", g.Out)
		})
	}
	t.Logf("%d outputs compared, %d of functions that are not there", compared, absent)
	if absent > 0 {
		t.Errorf("%d outputs of TA-Lib are of functions that are not there", absent)
	}
}
