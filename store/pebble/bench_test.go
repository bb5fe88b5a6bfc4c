package pebble_test

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
	"github.com/assayhq/assay/store/pebble"
)

// The load of all benchmarks: trades of 100 pairs of one venue, interleaved in
// batches of 1,000, as a feed of all pairs would hand them over; one-minute
// candles of 200 series. Prices walk, sizes are heavy-tailed, receive times
// jitter by microseconds.
const benchPairs, benchBatch = 100, 1000

var benchStart = time.Date(2024, 5, 6, 0, 0, 0, 0, time.UTC)

type tape struct {
	r     *rand.Rand
	price [benchPairs]int64
	ids   [benchPairs]int64
	now   time.Duration
}

func newTape(seed uint64) *tape {
	p := &tape{r: rand.New(rand.NewPCG(seed, 2))}
	for i := range p.price {
		p.price[i] = 1_000_000 + p.r.Int64N(9_000_000)
		p.ids[i] = 1_000_000 * int64(i+1)
	}
	return p
}

func (p *tape) batch(rows int) *market.Batch {
	b := &market.Batch{Trades: make([]market.Trade, rows)}
	for i := range b.Trades {
		n := p.r.IntN(benchPairs)
		p.price[n] = max(1000, p.price[n]+p.r.Int64N(21)-10)
		p.ids[n]++
		p.now += time.Duration(p.r.IntN(3)) * time.Millisecond
		at := benchStart.Add(p.now)
		qty := int64(1) << p.r.IntN(30)
		b.Trades[i] = market.Trade{
			Venue: "binance", Pair: market.Pair(fmt.Sprintf("C%02d-USDT", n)), Symbol: fmt.Sprintf("C%02dUSDT", n), ID: fmt.Sprint(p.ids[n]),
			Price: money.Price{Decimal: money.MustNew(p.price[n], 2)}, Qty: money.Qty{Decimal: money.MustNew(qty+p.r.Int64N(qty), 5)},
			Side: market.Side(1 + p.r.IntN(2)), At: at, Received: at.Add(20*time.Millisecond + time.Duration(p.r.IntN(5000))*time.Microsecond),
		}
	}
	return b
}

func benchCandles(s market.Series, from, n int, r *rand.Rand) []market.Candle {
	out := make([]market.Candle, n)
	price := int64(5_000_000)
	for i := range out {
		open := benchStart.Add(time.Duration(from+i) * time.Minute)
		o := price
		price += r.Int64N(2001) - 1000
		vol := 1 + r.Int64N(100_000_000)
		out[i] = market.Candle{
			Venue: s.Venue, Pair: s.Pair, Interval: "1m", Open: open, O: money.Price{Decimal: money.MustNew(o, 2)},
			H: money.Price{Decimal: money.MustNew(max(o, price)+r.Int64N(500), 2)}, L: money.Price{Decimal: money.MustNew(min(o, price)-r.Int64N(500), 2)}, C: money.Price{Decimal: money.MustNew(price, 2)},
			Volume: money.Qty{Decimal: money.MustNew(vol, 5)}, Turnover: money.MustNew(vol*(price/100), 5), Trades: r.Int64N(5000), Complete: true, Known: open.Add(time.Minute + time.Duration(r.IntN(900))*time.Millisecond),
		}
	}
	return out
}

func benchOpen(b *testing.B) (*pebble.Store, string) {
	b.Helper()
	dir := b.TempDir()
	s, err := pebble.Open(dir, pebble.Options{})
	if err != nil {
		b.Fatal(err)
	}
	return s, dir
}

func diskBytes(b *testing.B, dir string) (n int64) {
	b.Helper()
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		i, err := d.Info()
		if err == nil && filepath.Ext(d.Name()) != ".log" { // the write-ahead log is of fixed size and reused
			n += i.Size()
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// BenchmarkIngestTrades appends batches of 1,000. Each writer is a venue of its own
// with 100 pairs; writers together share syncs.
func BenchmarkIngestTrades(b *testing.B) {
	for _, writers := range []int{1, 4} {
		b.Run(fmt.Sprintf("pebble/writers=%d", writers), func(b *testing.B) {
			s, _ := benchOpen(b)
			tapes := make([][]*market.Batch, writers)
			var shift time.Duration
			for w := range tapes {
				p := newTape(uint64(w))
				for range 200 {
					batch := p.batch(benchBatch)
					for i := range batch.Trades {
						batch.Trades[i].Venue = market.VenueID(fmt.Sprint("venue", w))
					}
					tapes[w] = append(tapes[w], batch)
				}
				shift = max(shift, p.now+time.Second)
			}
			b.ResetTimer()
			var wg sync.WaitGroup
			for w, tape := range tapes {
				wg.Go(func() {
					for i := w; i < b.N; i += writers {
						n := i / writers
						batch := tape[n%len(tape)]
						if err := s.Append(context.Background(), batch); err != nil {
							b.Error(err)
							return
						}
						for j := range batch.Trades { // the tape again, later and with new numbers
							t := &batch.Trades[j]
							t.At, t.Received = t.At.Add(shift), t.Received.Add(shift)
							t.ID = lapped(t.ID)
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N*benchBatch)/b.Elapsed().Seconds(), "rows/s")
			b.StopTimer()
			st := s.Stats()
			if st.Repeated > 0 {
				b.Errorf("%d rows were taken for repeats", st.Repeated)
			}
			b.ReportMetric(float64(st.Rows)/float64(st.Writes), "rows/sync")
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
	b.Run("sqlite/writers=1", func(b *testing.B) {
		q := openSQL(b)
		p := newTape(1)
		batches := make([]*market.Batch, min(b.N, 400))
		for i := range batches {
			batches[i] = p.batch(benchBatch)
		}
		b.ResetTimer()
		rows := 0
		for i := range b.N {
			batch := batches[i%len(batches)]
			if i >= len(batches) {
				b.StopTimer()
				batch = p.batch(benchBatch)
				b.StartTimer()
			}
			q.appendTrades(b, batch.Trades)
			rows += benchBatch
		}
		b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
		b.StopTimer()
		q.finish(b)
		b.ReportMetric(float64(diskBytes(b, q.dir))/float64(rows), "B/row")
	})
}

// lapped adds a million million to a number, so that a tape can go round.
func lapped(id string) string {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		panic(err)
	}
	return strconv.FormatInt(n+1_000_000_000_000, 10)
}

// percentiles reports how long a question took.
func percentiles(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/1000, "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds())/1000, "p99-µs")
}

func BenchmarkRead500Candles(b *testing.B) {
	const series, each = 200, 5000
	name := func(i int) market.Series {
		return market.Series{Venue: "binance", Pair: market.Pair(fmt.Sprintf("C%03d-USDT", i))}
	}
	s, _ := benchOpen(b)
	q := openSQL(b)
	r := rand.New(rand.NewPCG(3, 3))
	for i := range series {
		rows := benchCandles(name(i), 0, each, r)
		if err := s.Append(context.Background(), &market.Batch{Candles: rows}); err != nil {
			b.Fatal(err)
		}
		if i < 40 {
			q.appendCandles(b, rows)
		}
	}
	defer s.Close()
	defer q.finish(b)
	spots := func(hot int) func() (market.Series, market.Range) {
		r := rand.New(rand.NewPCG(4, 4))
		return func() (market.Series, market.Range) {
			from := benchStart.Add(time.Duration(r.IntN(each-500)) * time.Minute)
			return name(r.IntN(hot)), market.Range{From: from, To: from.Add(500 * time.Minute)}
		}
	}
	run := func(what string, hot int, ask func(market.Series, market.Range) int) {
		b.Run(what, func(b *testing.B) {
			next := spots(hot)
			for range 2000 { // warm
				s, r := next()
				ask(s, r)
			}
			var took []time.Duration
			b.ReportAllocs()
			for b.Loop() {
				s, r := next()
				began := time.Now()
				if n := ask(s, r); n != 500 {
					b.Fatalf("%d candles", n)
				}
				took = append(took, time.Since(began))
			}
			percentiles(b, took)
		})
	}
	var buf []market.Candle
	intoBuf := func(of market.Series, r market.Range) int {
		var err error
		if buf, err = s.CandlesInto(context.Background(), of, "1m", r, buf[:0]); err != nil {
			b.Fatal(err)
		}
		return len(buf)
	}
	run("pebble/into/warm", 40, intoBuf)
	run("pebble/into/most_not_in_cache", series, intoBuf)
	run("pebble/iterator/warm", 40, func(of market.Series, r market.Range) (n int) {
		for _, err := range s.Candles(context.Background(), of, "1m", r) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		return n
	})
	run("sqlite/warm", 40, func(of market.Series, r market.Range) int { return len(q.candles(b, of, r)) })
}

func BenchmarkRead20SecondsOfTrades(b *testing.B) {
	s, _ := benchOpen(b)
	q := openSQL(b)
	p := newTape(5)
	for i := range 1000 {
		batch := p.batch(benchBatch)
		if err := s.Append(context.Background(), batch); err != nil {
			b.Fatal(err)
		}
		if i < 200 {
			q.appendTrades(b, batch.Trades)
		}
	}
	defer s.Close()
	defer q.finish(b)
	part := p.now / 5
	run := func(what string, ask func(market.Series, market.Range) int) {
		b.Run(what, func(b *testing.B) {
			r := rand.New(rand.NewPCG(6, 6))
			var took []time.Duration
			rows := 0
			for b.Loop() {
				from := benchStart.Add(time.Duration(r.Int64N(int64(part - 20*time.Second))))
				of := market.Series{Venue: "binance", Pair: market.Pair(fmt.Sprintf("C%02d-USDT", r.IntN(benchPairs)))}
				began := time.Now()
				rows += ask(of, market.Range{From: from, To: from.Add(20 * time.Second)})
				took = append(took, time.Since(began))
			}
			percentiles(b, took)
			b.ReportMetric(float64(rows)/float64(b.N), "rows/op")
		})
	}
	var buf []market.Trade
	run("pebble", func(of market.Series, r market.Range) int {
		var err error
		if buf, err = s.TradesInto(context.Background(), of, r, buf[:0]); err != nil {
			b.Fatal(err)
		}
		return len(buf)
	})
	run("sqlite", func(of market.Series, r market.Range) int { return len(q.trades(b, of, r)) })
}

// BenchmarkBytesPerRow tells what a row takes on disk after compaction, the
// write-ahead log apart. Nothing in the data repeats.
func BenchmarkBytesPerRow(b *testing.B) {
	p, r := newTape(9), rand.New(rand.NewPCG(3, 3))
	for what, make := range map[string]func(n int) *market.Batch{
		"trades": func(int) *market.Batch { return p.batch(benchBatch) },
		"candles": func(n int) *market.Batch {
			of := market.Series{Venue: "binance", Pair: market.Pair(fmt.Sprintf("C%03d-USDT", n%200))}
			return &market.Batch{Candles: benchCandles(of, n/200*benchBatch, benchBatch, r)}
		},
	} {
		b.Run(what, func(b *testing.B) {
			s, dir := benchOpen(b)
			for i := range b.N {
				if err := s.Append(context.Background(), make(i)); err != nil {
					b.Fatal(err)
				}
			}
			if err := s.Compact(context.Background()); err != nil {
				b.Fatal(err)
			}
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(diskBytes(b, dir))/float64(b.N*benchBatch), "B/row")
		})
	}
}
