package dump_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/store/dump"
)

func pack(t testing.TB, name string, data []byte, how string) []byte {
	t.Helper()
	var out bytes.Buffer
	var err error
	switch how {
	case "":
		return data
	case ".gz":
		w := gzip.NewWriter(&out)
		_, err = w.Write(data)
		err = errors.Join(err, w.Close())
	default:
		z := zip.NewWriter(&out)
		w, e := z.Create(name)
		if e != nil {
			t.Fatal(e)
		}
		_, err = w.Write(data)
		err = errors.Join(err, z.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestFilesThatAreNoDumpsAreRefused(t *testing.T) {
	for name, text := range map[string]string{
		"empty":        "",
		"blank":        "\n\n \n",
		"words":        "once upon a time\n",
		"book":         "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount\n",
		"book updates": "symbol,timestamp,first_update_id,last_update_id,side,update_type,price,qty,pu\n",
		"json lines":   `{"topic":"orderbook.500"}`,
		"cut zip":      "PK\x03\x04 and no more",
		"cut gzip":     "\x1f\x8b\x08",
	} {
		_, err := dump.New(name, strings.NewReader(text), int64(len(text)))
		if fault.Of(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
		if strings.HasPrefix(name, "book") && !strings.Contains(err.Error(), "books are not imported") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := dump.Open(filepath.Join(t.TempDir(), "none.csv")); fault.Of(err) != fault.Invalid {
		t.Errorf("no file: %v", err)
	}
	if _, err := dump.Open(t.TempDir()); fault.Of(err) != fault.Invalid {
		t.Errorf("a folder: %v", err)
	}
}

func TestReadingNeedsAVenueAndAPairAndHappensOnce(t *testing.T) {
	f := file(t, "x", []byte("1714953600,1,2,BUY\n"))
	ask := func(o dump.Options) (last error) {
		for _, last = range f.Read(o) {
		}
		return last
	}
	for field, o := range map[string]dump.Options{"venue": {Pair: "A-B"}, "pair": {Venue: "v"}} {
		if err := ask(o); fault.Field(err) != field {
			t.Errorf("without a %s: %v", field, err)
		}
	}
	if err := ask(into); err != nil {
		t.Error(err)
	}
	if err := ask(into); fault.Of(err) != fault.Conflict {
		t.Errorf("reading twice: %v", err)
	}
}

func TestBatchesHoldSoManyRowsAndBadOnesDoNotCutThem(t *testing.T) {
	var text strings.Builder
	for i := range 25 {
		fmt.Fprintf(&text, "%d,1,2,BUY\n", 1714953600+i)
		if i%7 == 0 {
			text.WriteString("oops,1,2,BUY\n")
		}
	}
	o := into
	o.Rows = 10
	var sizes []int
	bad := 0
	for b, err := range file(t, "x", []byte(text.String())).Read(o) {
		if err != nil {
			bad++
			continue
		}
		sizes = append(sizes, len(b.Trades))
	}
	if fmt.Sprint(sizes) != "[10 10 5]" || bad != 4 {
		t.Errorf("batches of %v, %d bad rows", sizes, bad)
	}
}

func TestDamageEndsReadingAfterWhatIsWhole(t *testing.T) {
	whole := pack(t, "x.csv", []byte(strings.Repeat("1,sell,25.3,7.5,1714953600042\n", 200000)), ".gz")
	for name, data := range map[string][]byte{
		"half.csv.gz": whole[:len(whole)/2],
		"half.json":   []byte(`[[1714953600042,"5",null,"sell",1,2,3],[1714953600042,"6",nul`),
		"comma.json":  []byte(`[[1714953600042,"5",null,"sell",1,2,3] [1714953600042,"6",null,"sell",1,2,3]]`),
	} {
		f := file(t, name, data)
		var last error
		for _, err := range f.Read(into) {
			last = err
		}
		if f.Good == 0 || fault.Of(last) != fault.Invalid || !strings.Contains(last.Error(), "damaged") {
			t.Errorf("%s: %d good rows, ends with %v", name, f.Good, last)
		}
	}
}

// What is wrong in a file must not fill the memory: a line that never ends, a quote
// that is never closed and a row without its bracket each cost one row.
func TestOneBadRowIsOneBadRowHoweverLong(t *testing.T) {
	long := strings.Repeat("9", 1<<20)
	csv := file(t, "x.csv", []byte("1,sell,25.3,7.5,1714953600042\n2,sell,"+long+",7.5,1714953600042\n3,\"sell,1,1,1714953600042\n4,sell,25.3,7.5,1714953600042\n"))
	rows, bad := drain(t, csv, into)
	if len(rows) != 2 || len(bad) != 2 || !strings.Contains(bad[0], "x.csv:2: this line is longer than 64 kB") || !strings.Contains(bad[1], "x.csv:3: a quote is opened") {
		t.Errorf("%d rows, bad %.200q", len(rows), bad)
	}
	list := file(t, "x.json", []byte(`[[1714953600042,"5",null,"sell",1,2,3],[`+long+`],[1714953600042,"6",null,"sell",1,2,3]] more`))
	rows, bad = drain(t, list, into)
	if len(rows) != 2 || len(bad) != 2 || !strings.Contains(bad[0], "this row is longer") || !strings.Contains(bad[1], "the list has ended") {
		t.Errorf("%d rows, bad %.200q", len(rows), bad)
	}
}

func TestUnitsOfTimeAreToldApart(t *testing.T) {
	for text, want := range map[string]string{
		"1714953600": "2024-05-06T00:00:00Z", "1714953600123": "2024-05-06T00:00:00.123Z", "1714953600123456": "2024-05-06T00:00:00.123456Z",
		"1714953600123456789": "2024-05-06T00:00:00.123456789Z", "1714953600.5": "2024-05-06T00:00:00.5Z", "1714953600123.25": "2024-05-06T00:00:00.12325Z",
		"1714953600.0000000001": "2024-05-06T00:00:00Z",
	} {
		rows, bad := drain(t, file(t, "x", []byte(text+",1,2,BUY\n")), into)
		if len(bad) > 0 || !strings.Contains(rows[0], "at "+want+" ") {
			t.Errorf("%s is %v %v, want %s", text, rows, bad, want)
		}
	}
}

func TestNamesOfFilesSayWhatIsInThem(t *testing.T) {
	klines := "1714953600000,1,1,1,1,1,1714953659999,1,1,1,1,0\n"
	for name, want := range map[string]string{
		"BTCUSDT-1m-2024-05.zip":       "binance BTCUSDT BTC-USDT 1m",
		"BTCUSDT-1mo-2024.csv":         "binance BTCUSDT BTC-USDT 1M",
		"binance_ETHBTC.csv":           "binance ETHBTC ETH-BTC ",
		"WSTETH-USDT-1d.csv":           "binance WSTETH-USDT WSTETH-USDT 1d",
		"candles_btc_usd_4h.csv":       "binance BTC-USD BTC-USD 4h",
		"spot klines 1000SATSUSDT.csv": "binance 1000SATSUSDT 1000SATS-USDT ",
		"XBTEUR.csv":                   "binance XBTEUR BTC-EUR ",
		"BTCUSDT-futures.csv":          "binance BTCUSDT  ",
		"2024-05-06.csv":               "binance   ",
	} {
		h := file(t, name, []byte(klines)).Hint
		if got := fmt.Sprintf("%s %s %s %s", h.Venue, h.Symbol, h.Pair, h.Interval); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// FuzzRead feeds damaged files: every row is counted once, what is wrong is said in
// words, and what is read is whole.
func FuzzRead(f *testing.F) {
	paths, _ := filepath.Glob("testdata/*.txtar")
	for _, p := range paths {
		text, err := os.ReadFile(p)
		if err != nil {
			f.Fatal(err)
		}
		data := txtar.Parse(text).Files[0].Data
		f.Add(data)
		f.Add(pack(f, "x", data, ".gz"))
		f.Add(pack(f, "x", data, ".zip"))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := dump.New("BTCUSDT", bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		defer r.Close()
		var good, bad int64
		o := into
		o.Rows = 3
		for b, err := range r.Read(o) {
			var row *dump.RowError
			switch {
			case errors.As(err, &row):
				if bad++; row.What == "" || row.Fix == "" {
					t.Errorf("an error without words: %+v", row)
				}
			case err != nil:
				continue
			}
			if err != nil {
				continue
			}
			good += int64(len(b.Trades) + len(b.Quotes) + len(b.Candles))
			for _, v := range b.Trades {
				if v.At.IsZero() || v.Price.Sign() <= 0 || v.Marks != market.Imported {
					t.Errorf("half a trade: %+v", v)
				}
			}
			for _, v := range b.Candles {
				if v.Open.IsZero() || v.Interval == "" || v.H.Cmp(v.L.Decimal) < 0 || v.Marks&market.Imported == 0 {
					t.Errorf("half a candle: %+v", v)
				}
			}
		}
		if good != r.Good || bad != r.Bad {
			t.Errorf("%d good and %d bad came, %d and %d were counted", good, bad, r.Good, r.Bad)
		}
	})
}

func BenchmarkRead(b *testing.B) {
	for name, line := range map[string]string{
		"aggtrades": "77,0.45000000,12.10000000,101,103,1714953600123,True,True\n",
		"klines":    "1714953600000,0.4500,0.4510,0.4490,0.4505,1000.0,1714953659999,450.25,17,1,1,0\n",
	} {
		b.Run(name, func(b *testing.B) {
			const rows = 100_000
			data := []byte(strings.Repeat(line, rows))
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				f, err := dump.New("ADAUSDT", bytes.NewReader(data), int64(len(data)))
				if err != nil {
					b.Fatal(err)
				}
				for _, err := range f.Read(into) {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.N*rows)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
