package export

import (
	"context"
	"io"
	"iter"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

// made is a history of one series of minutes, made on the way: as many as asked for.
type made struct{ n int }

var dawn = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

func (m made) Series(context.Context) ([]market.Stored, error) {
	s := market.Series{Venue: "kraken", Pair: "BTC-USD"}
	last := dawn.Add(time.Duration(m.n-1) * time.Minute)
	return []market.Stored{
		{Series: s, Channel: market.Candles, Interval: "1m", Rows: int64(m.n), First: dawn, Last: last},
		{Series: s, Channel: market.Trades, Rows: int64(m.n), First: dawn, Last: last},
	}, nil
}

func (m made) now() time.Time { return dawn.Add(time.Duration(m.n-1) * time.Minute) }

// price walks without repeating itself soon.
func (m made) price(i int) int64 {
	x := uint64(i/7) * 0x9e3779b97f4a7c15
	return 4_000_000 + int64(x>>48)*3 + int64(i%977)
}

func (m made) candle(i int) market.Candle {
	p := m.price(i)
	d := func(n int64, scale int) money.Decimal { return money.MustNew(n, scale) }
	at := dawn.Add(time.Duration(i) * time.Minute)
	return market.Candle{
		Venue: "kraken", Pair: "BTC-USD", Interval: "1m", Open: at, Known: at.Add(time.Minute + 350*time.Microsecond),
		O: money.Price{Decimal: d(p, 2)}, H: money.Price{Decimal: d(p+200+int64(i%31), 2)}, L: money.Price{Decimal: d(p-150-int64(i%17), 2)}, C: money.Price{Decimal: d(p+int64(i%101)-50, 2)},
		Volume: money.Qty{Decimal: d(int64(i%1_000_003)*7919+1, 8)}, Turnover: d(p*int64(i%1_000_003)+11, 6), Trades: int64(i % 500), Complete: true,
	}
}

func (m made) CandlesInto(_ context.Context, _ market.Series, _ market.Interval, r market.Range, buf []market.Candle) ([]market.Candle, error) {
	for i := max(0, int((r.From.Sub(dawn)+time.Minute-1)/time.Minute)); i < m.n; i++ {
		if !dawn.Add(time.Duration(i) * time.Minute).Before(r.To) {
			break
		}
		buf = append(buf, m.candle(i))
	}
	return buf, nil
}

func (m made) Candles(ctx context.Context, s market.Series, i market.Interval, r market.Range) iter.Seq2[market.Candle, error] {
	return func(yield func(market.Candle, error) bool) {
		rows, _ := m.CandlesInto(ctx, s, i, r, nil)
		for _, c := range rows {
			if !yield(c, nil) {
				return
			}
		}
	}
}

func (m made) Trades(ctx context.Context, s market.Series, r market.Range) iter.Seq2[market.Trade, error] {
	return func(yield func(market.Trade, error) bool) {
		n := 0
		for i := range m.n {
			at := dawn.Add(time.Duration(i) * time.Minute)
			if at.Before(r.From) {
				continue
			}
			if !r.To.IsZero() && !at.Before(r.To) || r.Limit > 0 && n == r.Limit {
				return
			}
			n++
			c := m.candle(i)
			if !yield(market.Trade{Venue: s.Venue, Pair: s.Pair, ID: strconv.Itoa(1000 + i), Price: c.C, Qty: c.Volume, Side: market.Buy, At: at, Received: c.Known}, nil) {
				return
			}
		}
	}
}

func (m made) source() Source { return Source{History: m, Candles: m, Now: m.now} }

var kraken = []market.Series{{Venue: "kraken", Pair: "BTC-USD"}}

func minutes(f Format) Request {
	return Request{Channel: market.Candles, Series: kraken, Interval: "1m", Format: f}
}

// cpu is the processor time that this process has used.
func cpu() time.Duration {
	var r syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &r) != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// The rate of each format. ASSAY_EXPORT_ROWS=10000000 is the full measure: ten million
// candles to Parquet are meant to take no more than 20 s.
func BenchmarkCandles(b *testing.B) {
	n := 1_000_000
	if s := os.Getenv("ASSAY_EXPORT_ROWS"); s != "" {
		n, _ = strconv.Atoi(s)
	}
	for _, f := range Formats() {
		b.Run(string(f), func(b *testing.B) {
			for b.Loop() {
				e, err := Open(b.Context(), made{n}.source(), minutes(f))
				if err != nil {
					b.Fatal(err)
				}
				begun, busy := time.Now(), cpu()
				sum, err := e.Run(b.Context(), io.Discard)
				if err != nil || sum.Rows != int64(n) {
					b.Fatal(sum, err)
				}
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				b.ReportMetric(float64(n)/time.Since(begun).Seconds()/1e6, "Mrows/s")
				b.ReportMetric((cpu()-busy).Seconds()/float64(n)*1e6, "cpu-us/row")
				b.ReportMetric(float64(sum.Bytes)/float64(n), "B/row")
				b.ReportMetric(float64(m.Sys)/1e6, "MB-sys")
			}
		})
	}
}
