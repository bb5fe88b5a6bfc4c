package export

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/parquet-go/parquet-go"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/feed"
	"github.com/assayhq/assay/market/markettest"
	"github.com/assayhq/assay/money"
)

// bars are minutes with everything that can be strange about one: the largest and the
// smallest numbers there are, negative ones, unknown values, marks, a hole, and a time of
// knowing between two milliseconds.
func bars() []market.Candle {
	p, q := money.MustPrice, money.MustQty
	at := func(n int) time.Time { return dawn.Add(time.Duration(n) * time.Minute) }
	c := func(n int, open string) market.Candle {
		return market.Candle{Venue: "kraken", Pair: "BTC-USD", Interval: "1m", Open: at(n), O: p(open), H: p("64100.50"), L: p("-3"), C: p("100.25"),
			Volume: q("1.50000000"), Turnover: money.MustParse("96000.75"), Trades: 7, Complete: true, Known: at(n + 1).Add(12 * time.Millisecond)}
	}
	out := []market.Candle{c(0, "64000.10"), c(1, "9999999999999999999"), c(2, "0.9999999999999999999"), c(4, "0.0000000000000000001"), c(5, "-12.5"), c(6, "-9999999999999999999"), c(7, "0")}
	out[1].Turnover, out[1].Trades, out[1].Marks = money.Decimal{}, -1, market.VenueBar|market.Backfilled
	out[2].Known = time.Time{}
	out[3].Known = at(5).Add(1500 * time.Microsecond)
	out[4].Revision, out[4].Complete = 3, false
	out[5].Volume, out[5].Turnover, out[5].Trades = money.Qty{}, money.Decimal{}, 0
	return out
}

// known is a time of knowing as it must be told: rounded up.
func known(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	ms := t.UnixMilli()
	if t.Nanosecond()%1e6 != 0 {
		ms++
	}
	return ms
}

func markText(m market.Mark) string { return strings.Join(m.Names(), ";") }

func trades() []market.Trade {
	p, q := money.MustPrice, money.MustQty
	t := func(n int, id string) market.Trade {
		at := dawn.Add(time.Duration(n) * time.Second)
		return market.Trade{Venue: "kraken", Pair: "BTC-USD", ID: id, Price: p("64000.10"), Qty: q("0.010"), Side: market.Sell, At: at, Received: at.Add(40 * time.Millisecond)}
	}
	out := []market.Trade{t(1, "1"), t(2, ""), t(3, `a,"b"`), t(4, "4")}
	out[1].Side, out[1].Received = market.NoSide, time.Time{}
	out[3].Marks, out[3].Aggregate, out[3].Received = market.Late, true, dawn.Add(time.Hour)
	return out
}

func shelf(t testing.TB) Source {
	h := markettest.NewMemory()
	if err := h.Append(t.Context(), &market.Batch{Candles: bars(), Trades: trades()}); err != nil {
		t.Fatal(err)
	}
	return Source{History: h, Candles: h, Now: func() time.Time { return dawn.Add(time.Hour) }}
}

func indicators(t testing.TB, list string) []Indicator {
	out, err := ParseIndicators(list)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func run(t testing.TB, src Source, r Request) ([]byte, Summary) {
	t.Helper()
	e, err := Open(t.Context(), src, r)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	sum, err := e.Run(t.Context(), &out)
	if err != nil {
		t.Fatal(err)
	}
	if p := e.Progress(time.Now()); !p.Done || p.Percent != 100 || p.Rows != sum.Rows || sum.Bytes != int64(out.Len()) {
		t.Errorf("progress at the end is %+v, the summary %+v, the file %d bytes", p, sum, out.Len())
	}
	return out.Bytes(), sum
}

func TestTextKeepsTheDigitsThatAreStored(t *testing.T) {
	b, _ := run(t, shelf(t), minutes(CSV))
	rows, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	if err != nil || len(rows) != len(bars())+1 {
		t.Fatal(len(rows), err)
	}
	for i, c := range bars() {
		got := strings.Join(rows[i+1], "|")
		turnover, trades := c.Turnover.String(), "7"
		switch i {
		case 1:
			turnover, trades = "", ""
		case 5:
			trades = "0"
		}
		know := ""
		if ms, ok := known(c.Known).(int64); ok {
			know = time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z")
		}
		want := strings.Join([]string{"kraken", "BTC-USD", "1m", c.Open.Format("2006-01-02T15:04:05.000Z"), c.Open.Add(time.Minute).Format("2006-01-02T15:04:05.000Z"), know,
			c.O.String(), c.H.String(), c.L.String(), c.C.String(), c.Volume.String(), turnover, trades, map[bool]string{true: "true", false: "false"}[c.Complete], map[bool]string{true: "3", false: "0"}[i == 4], markText(c.Marks)}, "|")
		if got != want {
			t.Errorf("row %d\ngot  %s\nwant %s", i, got, want)
		}
	}
	b, _ = run(t, shelf(t), minutes(NDJSON))
	for i, line := range bytes.Split(bytes.TrimSpace(b), []byte("\n")) {
		var row struct {
			Open     string
			Turnover *string
			Trades   *int64
			Marks    *string
		}
		if err := json.Unmarshal(line, &row); err != nil {
			t.Fatal(err)
		}
		if row.Open != bars()[i].O.String() || (row.Turnover == nil) != (i == 1) || (row.Trades == nil) != (i == 1) || (row.Marks == nil) != (i != 1) {
			t.Errorf("row %d is %s", i, line)
		}
	}
}

func TestBinaryFormatsReadBackAsTheSameNumbers(t *testing.T) {
	b, _ := run(t, shelf(t), minutes(Parquet))
	f, err := parquet.OpenFile(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	column := -1
	for i, path := range f.Schema().Columns() {
		if path[0] == "open" {
			column = i
		}
	}
	pages := f.RowGroups()[0].ColumnChunks()[column].Pages()
	defer pages.Close()
	page, err := pages.ReadPage()
	if err != nil {
		t.Fatal(err)
	}
	values := make([]parquet.Value, 16)
	n, err := page.Values().ReadValues(values)
	if err != nil && !errors.Is(err, io.EOF) || n != len(bars()) {
		t.Fatal(n, err)
	}
	r, err := ipc.NewFileReader(bytes.NewReader(must(run(t, shelf(t), minutes(Arrow)))))
	if err != nil {
		t.Fatal(err)
	}
	rec, err := r.RecordBatch(0)
	if err != nil {
		t.Fatal(err)
	}
	arrow := rec.Column(rec.Schema().FieldIndices("open")[0]).(*array.Decimal128)
	for i, c := range bars() {
		hi, lo := wide(c.O.Decimal)
		var want [16]byte
		for k := range 8 {
			want[7-k], want[15-k] = byte(uint64(hi)>>(8*k)), byte(lo>>(8*k))
		}
		if !bytes.Equal(values[i].ByteArray(), want[:]) {
			t.Errorf("parquet has % x for %s", values[i].ByteArray(), c.O)
		}
		if got, err := money.Parse([]byte(arrow.Value(i).ToString(decimals))); err != nil || !got.Equal(c.O.Decimal) {
			t.Errorf("arrow has %s for %s (%v)", arrow.Value(i).ToString(decimals), c.O, err)
		}
	}
}

func must(b []byte, _ Summary) []byte { return b }

func TestOnlyWhatWasKnownInTime(t *testing.T) {
	r := Request{Channel: market.Trades, Series: kraken, Format: CSV, KnownBefore: dawn.Add(3 * time.Second)}
	b, sum := run(t, shelf(t), r)
	// The first is known at 1.04 s; one says nothing, two came later.
	if sum.Rows != 1 || sum.LeftOut != 3 || bytes.Count(b, []byte("\r\n")) != 2 {
		t.Fatalf("%+v\n%s", sum, b)
	}
	r.KnownBefore = dawn.Add(1040 * time.Millisecond)
	if _, sum := run(t, shelf(t), r); sum.Rows != 0 {
		t.Error("known at that very moment is not known before it")
	}
}

func TestARangeIsFromInclusiveToExclusive(t *testing.T) {
	r := minutes(CSV)
	r.From, r.To = dawn.Add(time.Minute), dawn.Add(5*time.Minute)
	if _, sum := run(t, shelf(t), r); sum.Rows != 3 {
		t.Errorf("%d rows of minutes 1 to 4, of which 3 is missing", sum.Rows)
	}
	for _, f := range Formats() { // huge and empty ranges
		r = minutes(f)
		r.From, r.To = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
		if _, sum := run(t, shelf(t), r); sum.Rows != int64(len(bars())) {
			t.Errorf("%s: %d rows", f, sum.Rows)
		}
		r.From = dawn.AddDate(50, 0, 0)
		if b, sum := run(t, shelf(t), r); sum.Rows != 0 || len(b) == 0 && f != NDJSON {
			t.Errorf("%s: %d rows, %d bytes of an empty range", f, sum.Rows, len(b))
		}
	}
}

// Reading in windows must give what reading at once gives, rolled up or not.
func TestWindowsDoNotShow(t *testing.T) {
	h := markettest.NewMemory()
	m := made{12_000}
	var b market.Batch
	for i := range m.n {
		if i%1000 < 990 {
			b.Candles = append(b.Candles, m.candle(i))
		}
	}
	if err := h.Append(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	reader := feed.NewReader(h, nil, nil, m.now)
	for _, i := range []market.Interval{"1m", "5m", "1h", "4h", "1d", "1w"} {
		r := Request{Channel: market.Candles, Series: kraken, Interval: i, Format: CSV, From: dawn.Add(17 * time.Second)}
		_, sum := run(t, Source{History: h, Candles: reader, Now: m.now}, r)
		n := int64(0)
		for c, err := range reader.Candles(t.Context(), kraken[0], i, market.Range{From: r.From}) {
			if err != nil {
				t.Fatal(err)
			}
			_ = c
			n++
		}
		if sum.Rows != n || n == 0 {
			t.Errorf("%s: %d rows in windows, %d at once", i, sum.Rows, n)
		}
	}
}

func TestTheEstimateIsNear(t *testing.T) {
	src := made{200_000}.source()
	for _, f := range Formats() {
		r := minutes(f)
		r.From, r.To = dawn.Add(10_000*time.Minute), dawn.Add(110_000*time.Minute)
		e, err := Open(t.Context(), src, r)
		if err != nil {
			t.Fatal(err)
		}
		sum, err := e.Run(t.Context(), io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		size := e.Estimate()
		if size.Rows < 99_000 || size.Rows > 101_000 || float64(size.Bytes) < 0.6*float64(sum.Bytes) || float64(size.Bytes) > 1.6*float64(sum.Bytes) {
			t.Errorf("%s: %+v was estimated, %+v came", f, size, sum)
		}
	}
}

// full is a disk with so much room.
type full struct{ room int }

var errFull = errors.New("no space left on device")

func (d *full) Write(b []byte) (int, error) {
	if d.room -= len(b); d.room < 0 {
		return 0, errFull
	}
	return len(b), nil
}

func TestAFullDiskOrACancelledExportEndsAtOnce(t *testing.T) {
	for _, f := range Formats() {
		e, err := Open(t.Context(), made{400_000}.source(), minutes(f))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Run(t.Context(), &full{100_000}); !errors.Is(err, errFull) || fault.Of(err) != fault.Unavailable || e.Progress(time.Now()).Done {
			t.Errorf("%s on a full disk: %v", f, err)
		}
		e, err = Open(t.Context(), made{400_000}.source(), minutes(f))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		if _, err := e.Run(ctx, stopper{cancel}); !errors.Is(err, context.Canceled) || e.Progress(time.Now()).Done {
			t.Errorf("%s cancelled: %v", f, err)
		}
	}
}

// stopper cancels at the first byte.
type stopper struct{ cancel func() }

func (s stopper) Write(b []byte) (int, error) { s.cancel(); return len(b), nil }

func TestWhatIsNotStoredIsUnknown(t *testing.T) {
	r := minutes(CSV)
	r.Series = []market.Series{{Venue: "kraken", Pair: "ETH-USD"}}
	if _, err := Open(t.Context(), shelf(t), r); fault.Of(err) != fault.Unknown {
		t.Error(err)
	}
	r.Series = append(r.Series, kraken...)
	if _, sum := run(t, shelf(t), r); sum.Rows != int64(len(bars())) {
		t.Error("a series that is not there hides one that is")
	}
}

func FuzzParseIndicators(f *testing.F) {
	for _, s := range []string{"RSI", "RSI,MACD(fast_period=5,slow_period=20)", "BBANDS(ma_type=EMA)", "RSI(", "RSI()x", ",", "RSI,RSI", "SMA(time_period=2", "((", "RSI,"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		list, err := ParseIndicators(s)
		if err != nil {
			if k := fault.Of(err); k != fault.Invalid && k != fault.Unknown && k != fault.TooLarge {
				t.Fatal(err)
			}
			return
		}
		seen := map[string]bool{}
		for _, i := range list {
			for _, c := range i.columns {
				if seen[c] {
					t.Fatalf("two columns %s", c)
				}
				seen[c] = true
			}
		}
	})
}
