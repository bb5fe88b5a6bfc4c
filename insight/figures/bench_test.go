package figures

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

// crowd is an engine with a day of minutes of many assets at nine venues, each venue with
// one of three quotes, and a year of days.
func crowd(b *testing.B, assets int) *stage {
	b.Helper()
	var words []byte
	words = append(words, `[{"code":"USD","name":"US dollar","kind":"fiat"},{"code":"EUR","name":"Euro","kind":"fiat"},{"code":"USDT","name":"Tether","kind":"stablecoin","peg":"USD","classes":[{"class":"stablecoin","reason":"Pegged.","source":"Issuer"}]}`...)
	for i := range assets {
		words = fmt.Appendf(words, `,{"code":"A%d","name":"Asset %d","kind":"coin","classes":[{"class":"proof-of-work","reason":"Mined.","source":"Paper"}]}`, i, i)
	}
	c, err := asset.Parse(append(words, ']'))
	if err != nil {
		b.Fatal(err)
	}
	s := &stage{board: &board{now: noon, prices: map[asset.Code]string{"EUR": "1.08", "USDT": "0.9998"}, marks: map[asset.Code]market.Mark{}, ages: map[asset.Code]time.Duration{}}}
	table := Table{}
	supply := money.MustParse("123456789")
	for i := range assets {
		a := asset.Code(fmt.Sprintf("A%d", i))
		s.board.prices[a] = money.MustNew(int64(100_000+i), 4).String()
		r := table[a]
		r.Circulating, r.Source = &supply, "test"
		table[a] = r
	}
	if s.Engine, err = New(Options{Board: s.board, Assets: c, Supply: table}); err != nil {
		b.Fatal(err)
	}
	return s
}

// minute gives every venue's bar of every asset, and the fair ones.
func (s *stage) minute(assets int, open time.Time) []market.Candle {
	ks := make([]market.Candle, 0, assets*10)
	for i := range assets {
		a := asset.Code(fmt.Sprintf("A%d", i))
		for v := range 9 {
			ks = append(ks, bar(market.VenueID(fmt.Sprintf("v%d", v)), market.NewPair(a, []asset.Code{"USD", "USDT", "EUR"}[v%3]), open, "10.0001", "1.2345", "12.34512"))
		}
		ks = append(ks, fairBar(a, "1m", open, "10.0001"))
	}
	return ks
}

// BenchmarkCrowd tells what 400 assets at nine venues take: memory, a minute's bars, a
// look at the board within a minute and after one, and a read.
func BenchmarkCrowd(b *testing.B) {
	const assets = 400
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	s := crowd(b, assets)
	for d := range 365 {
		for i := range assets {
			k := fairBar(asset.Code(fmt.Sprintf("A%d", i)), "1d", noon.Add(time.Duration(d-366)*24*time.Hour), "10.5")
			s.Engine.take(&k, noon)
			p := s.pasts[k.Pair.Base()]
			if p == nil {
				p = newPast()
				s.pasts[k.Pair.Base()] = p
			}
			p.fair(&k, noon)
		}
	}
	for m := range 1500 {
		open := noon.Add(time.Duration(m-1500) * time.Minute)
		s.board.now = open.Add(time.Minute)
		if err := s.Append(b.Context(), &market.Batch{Candles: s.minute(assets, open)}); err != nil {
			b.Fatal(err)
		}
	}
	s.board.now = noon
	s.Refresh()
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.Run("bars-of-a-minute", func(b *testing.B) {
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "MiB-held")
		for n := range b.N {
			b.StopTimer()
			open := noon.Add(time.Duration(n) * time.Minute)
			ks := s.minute(assets, open)
			s.board.now = open.Add(time.Minute)
			b.StartTimer()
			if err := s.Append(b.Context(), &market.Batch{Candles: ks}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("look-new-minute", func(b *testing.B) {
		for range b.N {
			s.board.now = s.board.now.Add(time.Minute)
			s.Refresh()
		}
	})
	b.Run("look-same-minute", func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			s.Refresh()
		}
	})
	if _, err := s.All(b.Context(), "A1"); err != nil {
		b.Fatal(err)
	}
	b.Run("look-same-minute-two-currencies", func(b *testing.B) {
		for range b.N {
			s.Refresh()
		}
	})
	b.Run("one", func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			if _, err := s.Figures(b.Context(), "A7", USD); err != nil {
				b.Fatal(err)
			}
		}
	})
}
