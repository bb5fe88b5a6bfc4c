package pebble

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

func TestColumnsOfIntegersComeBack(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for name, next := range map[string]func(i int) int64{
		"one value":  func(int) int64 { return -7 },
		"steps":      func(i int) int64 { return int64(i) * 60_000_000_000 },
		"walk":       func(i int) int64 { return int64(i)*1000 + r.Int64N(300) },
		"small":      func(int) int64 { return 5_000_000 + r.Int64N(90) },
		"hundreds":   func(int) int64 { return r.Int64N(1000) * 100 },
		"anything":   func(int) int64 { return int64(r.Uint64()) },
		"both ends":  func(i int) int64 { return []int64{math.MinInt64, math.MaxInt64, 0}[i%3] },
		"unset time": func(i int) int64 { return []int64{noTime, 1_700_000_000_000_000_000}[i%2] },
	} {
		for _, n := range []int{1, 2, 3, 127, 1024} {
			want := make([]int64, n)
			for i := range want {
				want[i] = next(i)
			}
			b := appendInts(nil, slices.Clone(want))
			got := make([]int64, n)
			rd := &reader{b: b}
			rd.ints(got)
			if rd.err != nil || len(rd.b) != 0 || !slices.Equal(got, want) {
				t.Errorf("%s × %d: %v, %d bytes left", name, n, rd.err, len(rd.b))
			}
		}
	}
}

func TestColumnsAreShort(t *testing.T) {
	c := &coder{}
	rows := make([]market.Candle, 512)
	for i := range rows {
		p := int64(6_000_000 + i%7)
		d := func(v int64, s int) money.Decimal { return money.MustNew(v, s) }
		rows[i] = market.Candle{
			Open: time.Unix(int64(i)*60, 0), O: money.Price{Decimal: d(p, 2)}, H: money.Price{Decimal: d(p+1, 2)}, L: money.Price{Decimal: d(p-1, 2)}, C: money.Price{Decimal: d(p, 2)},
			Volume: money.Qty{Decimal: d(100_000, 8)}, Turnover: d(5, 1), Trades: 3, Complete: true,
		}
	}
	if b := candles().appendRows(c, nil, rows); len(b) > 5*len(rows) {
		t.Errorf("512 quiet candles take %d bytes", len(b))
	}
}

// FuzzParse feeds damaged blocks to the decoders: they may refuse, they may not
// panic, and what they accept they must be able to write and read again.
func FuzzParse(f *testing.F) {
	c := &coder{}
	at := time.Unix(1_700_000_000, 0).UTC()
	for i, id := range []string{"1", "abc", "ccc3c1fa-212c-e8b0-1706-9b9c4f3d5ecf"} {
		ts := []market.Trade{
			{ID: id, Price: money.MustPrice("1.50"), Qty: money.MustQty("9999999999999999999"), At: at, Received: at},
			{ID: fmt.Sprint(i), Price: money.MustPrice("1.5"), Qty: money.MustQty("0.1"), Side: market.Sell},
		}
		f.Add(byte(0), trades().appendRows(c, nil, ts))
	}
	f.Add(byte(1), quotes().appendRows(c, nil, []market.Quote{{Bid: money.MustPrice("1.1"), Ask: money.MustPrice("1.2"), At: at}}))
	f.Add(byte(2), candles().appendRows(c, nil, []market.Candle{{O: money.MustPrice("1.1"), H: money.MustPrice("2"), Open: at, Known: at}}))
	said := market.Derivative{Has: 15, Mark: money.MustPrice("60000.5"), Index: money.MustPrice("60000"), Funding: money.MustParse("-0.0001"), Interval: time.Hour, FundingAt: at, Interest: money.MustQty("1.50"), At: at}
	f.Add(byte(3), derivatives().appendRows(c, nil, []market.Derivative{said, {Received: at}}))
	f.Add(byte(4), funding().appendRows(c, nil, []market.Derivative{{Settled: true, Funding: said.Funding, FundingAt: at, Received: at}}))
	f.Add(byte(5), liquidations().appendRows(c, nil, []market.Liquidation{{ID: "7", Side: market.Sell, Price: said.Mark, Qty: said.Interest, At: at}}))
	f.Fuzz(func(t *testing.T, which byte, b []byte) {
		r := &reader{b: b}
		if n := r.uvarint(); n > 1<<12 {
			return // room for many rows is made on purpose
		}
		switch which % 6 {
		case 0:
			again(t, trades(), b)
		case 1:
			again(t, quotes(), b)
		case 3:
			again(t, derivatives(), b)
		case 4:
			again(t, funding(), b)
		case 5:
			again(t, liquidations(), b)
		default:
			again(t, candles(), b)
		}
	})
}

func again[T comparable](t *testing.T, k *kind[T], b []byte) {
	c := &coder{}
	rows, err := k.parse(c, b, name{"v", "A-B", "1m"})
	if err != nil {
		return
	}
	back, err := k.parse(c, k.appendRows(c, nil, rows), name{"v", "A-B", "1m"})
	if err != nil || !slices.Equal(back, rows) {
		t.Fatalf("%v: %+v became %+v", err, rows, back)
	}
}
