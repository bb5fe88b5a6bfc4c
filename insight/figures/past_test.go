package figures

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/insight"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/markettest"
	"github.com/assayhq/assay/money"
)

// close1 is a close with the time from which on it counts: the end of its bar.
type close1 struct {
	end   time.Time
	price money.Decimal
}

// naive finds the newest close at or before a moment by looking at all of them.
func naive(closes []close1, t time.Time, tol time.Duration) (close1, bool) {
	var best close1
	for _, c := range closes {
		if !c.end.After(t) && t.Sub(c.end) <= tol && !c.end.Before(best.end) {
			best = c
		}
	}
	return best, !best.end.IsZero()
}

// Over random histories with holes, a change is what a search of all bars gives.
func TestChangesAreThoseOfANaiveSearch(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		s := newStage(t)
		s.board.now = noon.Add(time.Duration(r.IntN(3600*24)) * time.Second)
		price := func() string { return money.MustNew(int64(1+r.IntN(1_000_000)), 3).String() }
		var ks []market.Candle
		var closes []close1
		keep := 0.3 + 0.7*r.Float64()
		lay := func(i market.Interval, from, to time.Time) {
			for open := i.Start(from); i.Next(open).Before(to); open = i.Next(open) {
				if r.Float64() > keep || r.IntN(200) == 0 {
					if r.IntN(20) == 0 { // a long hole
						open = open.Add(time.Duration(r.IntN(30)) * i.Length())
					}
					continue
				}
				k := fairBar("BTC", i, open, price())
				ks = append(ks, k)
				closes = append(closes, close1{i.Next(open), k.C.Decimal})
			}
		}
		// The three resolutions do not overlap here: what a minute says of its hour is
		// another story (TestMinutesMakeHoursAndDays).
		hour, day := market.Interval("1h").Start(s.board.now.Add(-24*time.Hour)), market.Interval("1d").Start(s.board.now.Add(-20*24*time.Hour))
		lay("1d", s.board.now.Add(-400*24*time.Hour), day.Add(time.Nanosecond))
		lay("1h", day, hour.Add(time.Nanosecond))
		lay("1m", hour, s.board.now)
		p := newPast()
		for i := range ks {
			p.fair(&ks[i], s.board.now)
		}
		for i := range ks { // hours and days that minutes make are closes too
			k := &ks[i]
			for _, up := range []market.Interval{"1h", "1d"} {
				if k.Interval.Length() < up.Length() {
					start := up.Start(k.Open)
					last := k
					for j := range ks {
						if up.Start(ks[j].Open).Equal(start) && ks[j].Interval.Length() < up.Length() && ks[j].Interval.Next(ks[j].Open).After(last.Interval.Next(last.Open)) {
							last = &ks[j]
						}
					}
					if last == k {
						closes = append(closes, close1{up.Next(start), k.C.Decimal})
					}
				}
			}
		}
		for _, w := range insight.Windows() {
			at := s.board.now.Add(-w.Length())
			want, ok := naive(closes, at, tolerance(w))
			got, ok2 := p.at(at, tolerance(w))
			if ok != ok2 || ok && (!timeOf(got.end).Equal(want.end)) {
				t.Fatalf("seed %d, %s: got %v %v %v, want %v", seed, w, ok2, timeOf(got.end), got.price, want)
			}
			if ok && !got.price.Equal(want.price) && !sameEnd(closes, want.end, got.price) {
				t.Fatalf("seed %d, %s at %s: got %v, want %v", seed, w, want.end, got.price, want.price)
			}
		}
	}
}

// sameEnd tells whether a bar that ends then closed at the price: a minute, its hour and
// its day may end together.
func sameEnd(closes []close1, end time.Time, price money.Decimal) bool {
	for _, c := range closes {
		if c.end.Equal(end) && c.price.Equal(price) {
			return true
		}
	}
	return false
}

func TestAWindowsEdgeIsThePriceAtOrBeforeIt(t *testing.T) {
	s := newStage(t)
	s.add(t, fairBar("BTC", "1m", noon.Add(-61*time.Minute), "100"), fairBar("BTC", "1m", noon.Add(-60*time.Minute), "200"))
	for _, x := range []struct {
		after time.Duration
		from  string // "" is no change
	}{
		{0, "100"},                // the bar that ended an hour ago
		{59 * time.Second, "100"}, // the next one has not ended an hour ago
		{60 * time.Second, "200"},
		{11 * time.Minute, "200"}, // ten minutes older than the edge
		{11*time.Minute + time.Second, ""},
	} {
		s.board.now = noon.Add(x.after)
		s.Refresh()
		c, ok := s.figures(t, "BTC", USD).Changes[insight.Hour]
		if ok != (x.from != "") || ok && c.From.String() != x.from {
			t.Errorf("after %s: %v %v, want %q", x.after, ok, c, x.from)
		}
	}
}

func TestTheVolumeIsTheSumOfTheMinutes(t *testing.T) {
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 2))
		s := newStage(t)
		pairs := []market.Pair{"BTC-USD", "BTC-USDT", "BTC-EUR", "BTC-NEW"}
		venues := []market.VenueID{"kraken", "okx", "binance"}
		latest := map[string]market.Candle{}
		rate := map[asset.Code]string{"USD": "1", "USDT": "0.9998", "EUR": "1.08", "NEW": "7"}
		for m := range 26 * 60 {
			open := noon.Add(time.Duration(m-26*60) * time.Minute)
			s.board.now = open.Add(time.Minute)
			var ks []market.Candle
			for range r.IntN(4) {
				back := 0
				if r.IntN(4) == 0 { // a late trade changes a bar that was over
					back = r.IntN(50)
				}
				k := bar(venues[r.IntN(3)], pairs[r.IntN(4)], open.Add(-time.Duration(back)*time.Minute), "100", money.MustNew(int64(1+r.IntN(1e6)), 4).String(), money.MustNew(int64(1+r.IntN(1e9)), 5).String())
				key := string(k.Venue) + string(k.Pair) + k.Open.String()
				if old, ok := latest[key]; ok {
					k.Revision, k.Known = old.Revision+1, old.Known.Add(time.Second)
				}
				latest[key] = k
				ks = append(ks, k)
			}
			s.add(t, ks...)
		}
		want := func(now time.Time) (base, usd float64) {
			for _, k := range latest {
				if !k.Open.Before(now.Truncate(time.Minute).Add(-24*time.Hour)) && k.Open.Before(now.Truncate(time.Minute)) {
					base += k.Volume.Float64()
					usd += k.Turnover.Float64() * money.MustParse(rate[k.Pair.Quote()]).Float64()
				}
			}
			return base, usd
		}
		check := func(e *Engine, what string) {
			e.Refresh()
			f, err := e.Figures(t.Context(), "BTC", USD)
			if err != nil {
				t.Fatal(err)
			}
			base, usd := want(s.board.now)
			if math.Abs(f.VolumeBase24h.Float64()-base) > 1e-6 || math.Abs(f.Volume24h.Float64()/usd-1) > 1e-9 {
				t.Errorf("seed %d, %s: %s and %s, want %v and %v", seed, what, f.VolumeBase24h, f.Volume24h, base, usd)
			}
		}
		s.board.now = noon.Add(20 * time.Second)
		check(s.Engine, "as it happened")
		again := s.engine(t)
		again.Load(t.Context(), 0)
		check(again, "after a restart")
		s.board.now = noon.Add(5 * time.Hour)
		check(s.Engine, "five hours on")
	}
}

func TestABarTooOldToReviseIsReadFromTheStore(t *testing.T) {
	s := newStage(t)
	s.Load(t.Context(), 0) // nothing is stored
	s.add(t, bar("kraken", "BTC-USD", noon.Add(-5*time.Hour), "100", "1", "100"), bar("kraken", "BTC-USD", noon.Add(-time.Minute), "100", "1", "100"))
	late := bar("kraken", "BTC-USD", noon.Add(-5*time.Hour), "100", "3", "300")
	late.Revision = 1
	s.add(t, late)
	s.Load(t.Context(), 0)
	s.Refresh()
	if f := s.figures(t, "BTC", USD); f.VolumeBase24h.String() != "4" || f.Volume24h.Trim().String() != "400" {
		t.Errorf("%s %s", f.VolumeBase24h, f.Volume24h)
	}
}

func TestARestartTellsTheSame(t *testing.T) {
	s := newStage(t)
	r := rand.New(rand.NewPCG(3, 3))
	for m := range 9 * 24 * 60 {
		open := noon.Add(time.Duration(m-9*24*60) * time.Minute)
		s.board.now = open.Add(time.Minute)
		if m%7 == 0 || r.IntN(30) == 0 {
			continue
		}
		s.add(t, fairBar("BTC", "1m", open, money.MustNew(int64(60_000+r.IntN(9_000)), 0).String()))
	}
	s.board.now = noon.Add(30 * time.Second)
	// The app rolls up what it has; the memory of these tests does not, so the hours and
	// days are put beside it.
	for _, i := range []market.Interval{"1h", "1d"} {
		roll(t, s.history, i)
	}
	again := s.engine(t)
	again.Load(t.Context(), 0)
	for _, q := range []asset.Code{USD, "EUR"} {
		s.Refresh()
		again.Refresh()
		a := s.figures(t, "BTC", q)
		b, err := again.Figures(t.Context(), "BTC", q)
		if err != nil {
			t.Fatal(err)
		}
		if q == "EUR" { // nothing is stored of it: no price of then can be told
			if len(a.Changes)+len(b.Changes) != 0 || a.High24h != nil || a.High != nil {
				t.Errorf("told without a rate of then: %v", a)
			}
			continue
		}
		if len(a.Changes) != 3 || len(a.Changes) != len(b.Changes) || len(a.Sparkline) != len(b.Sparkline) || len(a.Sparkline) < 160 {
			t.Fatalf("%d and %d changes, %d and %d points", len(a.Changes), len(b.Changes), len(a.Sparkline), len(b.Sparkline))
		}
		for w, c := range a.Changes {
			if d := b.Changes[w]; !d.From.Equal(c.From) || !d.At.Equal(c.At) {
				t.Errorf("%s: %v, after a restart %v", w, c, d)
			}
		}
		for i := range a.Sparkline {
			if !a.Sparkline[i].Price.Equal(b.Sparkline[i].Price) {
				t.Errorf("point %d: %v, after a restart %v", i, a.Sparkline[i], b.Sparkline[i])
			}
		}
		if !a.High.Price.Equal(b.High.Price) || !a.Low.Price.Equal(b.Low.Price) || !a.High24h.Equal(*b.High24h) || !a.Low24h.Equal(*b.Low24h) || !a.High.At.Equal(b.High.At) || !a.Since.Equal(b.Since) {
			t.Errorf("extremes %v %v, after a restart %v %v", a.High, a.Low, b.High, b.Low)
		}
	}
}

// roll stores the longer bars of the fair price of BTC.
func roll(t testing.TB, h *markettest.Memory, i market.Interval) {
	t.Helper()
	var b market.Batch
	for k, err := range h.Candles(t.Context(), market.Series{Venue: market.ConsensusVenue, Pair: "BTC-USD"}, "1m", market.Range{}) {
		if err != nil {
			t.Fatal(err)
		}
		n := len(b.Candles) - 1
		if n < 0 || !b.Candles[n].Open.Equal(i.Start(k.Open)) {
			k.Open, k.Interval = i.Start(k.Open), i
			b.Candles = append(b.Candles, k)
			continue
		}
		c := &b.Candles[n]
		c.C = k.C
		if k.H.Cmp(c.H.Decimal) > 0 {
			c.H = k.H
		}
		if k.L.Cmp(c.L.Decimal) < 0 {
			c.L = k.L
		}
	}
	if err := h.Append(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
}
