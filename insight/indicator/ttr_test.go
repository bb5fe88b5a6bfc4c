package indicator

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"math"
	"strings"
	"testing"
)

// ofTTR tells which of our outputs is which series of R's TTR 0.24.3, and with which
// settings. Values are compared from the bar at which both have one; from says where that
// is not soon enough, with the reason.
var ofTTR = []struct {
	series, function, output, settings string
	columns                            []Input // nil: the function's own
	times                              float64 // what ours is multiplied by; 0 is 1
	from                               int
	why                                string
}{
	{series: "vol_close_n20_N365", function: "VOLATILITY", settings: "time_period=19"}, // TTR counts prices, not returns
	{series: "vol_parkinson_n20_N365", function: "PARKINSON"},
	{series: "vol_garman.klass_n20_N365", function: "GARMANKLASS"},
	{series: "vol_rogers.satchell_n20_N365", function: "ROGERSSATCHELL"},
	{series: "vol_yang.zhang_n20_N365", function: "YANGZHANG"},
	{series: "vol_gk.yz_n20_N365", function: "GKYZ"},
	{series: "donchian20.high", function: "DONCHIAN", output: "outUpper"},
	{series: "donchian20.mid", function: "DONCHIAN", output: "outMiddle"},
	{series: "donchian20.low", function: "DONCHIAN", output: "outLower"},
	{series: "cmf20", function: "CMF"},
	{series: "hma20", function: "HMA"},
	{series: "zlema20", function: "ZLEMA", settings: "lag=10.5"},
	{series: "vhf28", function: "VHF"},
	{series: "snr20", function: "SNR", settings: "time_period=20"},
	{series: "emv9.emv", function: "EMV", output: "outEMV", settings: "time_period=9"},
	{series: "emv9.maEMV", function: "EMV", output: "outAverage", settings: "time_period=9"},
	{series: "chvol10", function: "CHAIKINVOL", times: 0.01},
	{series: "tdi20.tdi", function: "TDI", output: "outTDI", from: 59, why: "TTR begins with windows that are not full"},
	{series: "tdi20.di", function: "TDI", output: "outDirection", from: 39, why: "TTR begins with windows that are not full"},
	{series: "aroon20.aroonUp", function: "AROON", output: "outAroonUp", settings: "time_period=20"},
	{series: "aroon20.aroonDn", function: "AROON", output: "outAroonDown", settings: "time_period=20"},
	{series: "aroon20.oscillator", function: "AROONOSC", settings: "time_period=20"},
	{series: "adx14.DIp", function: "PLUS_DI"},
	{series: "adx14.DIn", function: "MINUS_DI"},
	{series: "adx14.DX", function: "DX"},
	{series: "adx14.ADX", function: "ADX"},
	{series: "atr14.tr", function: "TRANGE"},
	{series: "atr14.atr", function: "ATR"},
	{series: "rsi14", function: "RSI"},
	{series: "macd.macd", function: "MACD", output: "outMACD", from: 300, why: "TTR begins the fast mean at the first bar"},
	{series: "macd.signal", function: "MACD", output: "outMACDSignal", from: 300, why: "TTR begins the fast mean at the first bar"},
	{series: "bb20.dn", function: "BBANDS", output: "outRealLowerBand", settings: "time_period=20"},
	{series: "bb20.mavg", function: "BBANDS", output: "outRealMiddleBand", settings: "time_period=20"},
	{series: "bb20.up", function: "BBANDS", output: "outRealUpperBand", settings: "time_period=20"},
	{series: "bb20.pctB", function: "PERCENTB"},
	{series: "cci20", function: "CCI", settings: "time_period=20"},
	{series: "cmo14", function: "CMOU"},
	{series: "mfi14", function: "MFI"},
	{series: "obv", function: "OBV"},
	{series: "ad", function: "AD"},
	{series: "vwma20", function: "VWMA"},
	{series: "vwap20", function: "VWMA"}, // of closes, as it was called
	{series: "evwma20", function: "EVWMA"},
	{series: "dema20", function: "DEMA", settings: "time_period=20"},
	{series: "wma20", function: "WMA", settings: "time_period=20"},
	{series: "ultosc", function: "ULTOSC"},
	{series: "wpr14", function: "WILLR", times: -0.01},
	{series: "smi.SMI", function: "SMI", from: 600, why: "TTR begins with ranges of fewer bars"},
	{series: "smi.signal", function: "SMI", output: "outSignal", from: 600, why: "TTR begins with ranges of fewer bars"},
	{series: "runMAD20", function: "MAD"},
	{series: "runMedian21", function: "MEDIAN"},
	{series: "runCor20_HL", function: "CORREL", settings: "time_period=20", columns: []Input{High, Low}},
	{series: "pbands.dn", function: "PBANDS", output: "outLower"},
	{series: "pbands.center", function: "PBANDS", output: "outMiddle"},
	{series: "pbands.up", function: "PBANDS", output: "outUpper"},
	{series: "gmma.short lag 3", function: "GMMA", output: "outEMA3"},
	{series: "gmma.short lag 5", function: "GMMA", output: "outEMA5"},
	{series: "gmma.short lag 8", function: "GMMA", output: "outEMA8"},
	{series: "gmma.short lag 10", function: "GMMA", output: "outEMA10"},
	{series: "gmma.short lag 12", function: "GMMA", output: "outEMA12"},
	{series: "gmma.short lag 15", function: "GMMA", output: "outEMA15"},
	{series: "gmma.long lag 30", function: "GMMA", output: "outEMA30"},
	{series: "gmma.long lag 35", function: "GMMA", output: "outEMA35"},
	{series: "gmma.long lag 40", function: "GMMA", output: "outEMA40"},
	{series: "gmma.long lag 45", function: "GMMA", output: "outEMA45"},
	{series: "gmma.long lag 50", function: "GMMA", output: "outEMA50"},
	{series: "gmma.long lag 60", function: "GMMA", output: "outEMA60"},
	{series: "runPercentRank50", function: "PERCENTRANK", times: 0.01},
}

// notTTR are the series that are meant to differ, each with its reason.
var notTTR = map[string]string{
	"kst.kst":                   "TTR takes logarithmic changes, Pring relative ones",
	"kst.signal":                "TTR takes logarithmic changes, Pring relative ones",
	"sar.sar":                   "TTR begins below the first low by a deviation; ours is TA-Lib's",
	"atr14.trueHigh":            "a part of TRANGE that has no function of its own",
	"atr14.trueLow":             "a part of TRANGE that has no function of its own",
	"dpo10_shifted_uses_future": "TTR writes the value beside a price of the past: see TestTheDetrendedPriceKnowsNoFuture",
}

func readTTR(t *testing.T) map[string][]*float64 {
	z, err := gzip.NewReader(shared(t, "golden/ttr0243_btc_1d.jsonl.gz"))
	if err != nil {
		t.Fatal(err)
	}
	series := map[string][]*float64{}
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var g struct {
			Name   string
			Values []*float64
		}
		if err := json.Unmarshal(lines.Bytes(), &g); err != nil {
			t.Fatal(err)
		}
		series[g.Name] = g.Values
	}
	return series
}

// TestGoldenTTR compares with what R's TTR gives on four years of daily bars, to 1e-8.
func TestGoldenTTR(t *testing.T) {
	golden := readTTR(t)
	m := readBars(t, "candles_1d/binance_2017_2022/BTC_USDT.csv.gz")
	list := Catalogue()
	compared := map[string]bool{}
	for _, c := range ofTTR {
		compared[c.series] = true
		t.Run(c.series, func(t *testing.T) {
			f, err := Find(list, c.function)
			if err != nil {
				t.Fatal(err)
			}
			set := map[string]string{}
			if k, x, ok := strings.Cut(c.settings, "="); ok {
				set[k] = x
			}
			v, err := f.Set(set)
			if err != nil {
				t.Fatal(err)
			}
			names := c.columns
			if names == nil {
				names = f.Inputs
			}
			var in [][]float64
			for _, k := range names {
				in = append(in, m[k])
			}
			output := 0
			for i, o := range f.Outputs {
				if o.Name == c.output {
					output = i
				}
			}
			if c.output != "" && f.Outputs[output].Name != c.output {
				t.Fatalf("there is no output %s", c.output)
			}
			got, want := mustBatch(t, f, v, in)[output], golden[c.series]
			if len(want) != len(got) {
				t.Fatalf("%d values, TTR has %d", len(got), len(want))
			}
			times, size, n := c.times, 0.0, 0.0
			if times == 0 {
				times = 1
			}
			for _, w := range want {
				if w != nil {
					size, n = size+math.Abs(*w), n+1
				}
			}
			size /= n
			for at := max(f.Begin(v), c.from); at < len(got); at++ {
				if want[at] == nil {
					t.Fatalf("bar %d: %v, TTR has no value", at, got[at])
				}
				g, w := got[at]*times, *want[at]
				if e := math.Abs(g-w) / math.Max(math.Abs(w), 1e-3*size); !(e <= 1e-8 || g == w) {
					t.Fatalf("bar %d: %v, TTR %v: off by %.2g", at, g, w, e)
				}
			}
		})
	}
	for name := range golden {
		if compared[name] == (notTTR[name] != "") {
			t.Errorf("the series %s is compared and excused, or neither", name)
		}
	}
	t.Logf("%d of %d series compared, %d meant to differ", len(compared), len(golden), len(notTTR))
}

// TTR's detrended price of a bar contains prices of the six bars after it. Ours is the
// same figure at the bar at which it can be known.
func TestTheDetrendedPriceKnowsNoFuture(t *testing.T) {
	const shift = 10/2 + 1
	want := readTTR(t)["dpo10_shifted_uses_future"]
	m := readBars(t, "candles_1d/binance_2017_2022/BTC_USDT.csv.gz")
	f, _ := Find(Catalogue(), "DPO")
	v, _ := f.Set(map[string]string{"time_period": "10"})
	got := mustBatch(t, f, v, [][]float64{m[Close]})[0]
	for at := f.Begin(v); at < len(got); at++ {
		if w := *want[at-shift]; math.Abs(got[at]-w) > 1e-8*math.Max(1, math.Abs(w)) {
			t.Fatalf("bar %d: %v, TTR at bar %d: %v", at, got[at], at-shift, w)
		}
	}
}
