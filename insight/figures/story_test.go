package figures

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/insight"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

func TestAnAssetWithoutSupplyIsInNoTotal(t *testing.T) {
	s := newStage(t)
	s.Refresh()
	before, err := s.Global(t.Context(), USD)
	if err != nil {
		t.Fatal(err)
	}
	s.board.prices["NEW"] = "1000000"
	s.Refresh()
	after, err := s.Global(t.Context(), USD)
	if err != nil {
		t.Fatal(err)
	}
	if !before.Cap.Equal(after.Cap) || after.Assets != 8 || after.WithSupply != 3 {
		t.Errorf("%s then %s, %d of %d", before.Cap, after.Cap, after.WithSupply, after.Assets)
	}
	if all, _ := s.All(t.Context(), USD); all[len(all)-1].Cap != nil || all[0].Asset != "BTC" {
		t.Errorf("%s first, %s last", all[0].Asset, all[len(all)-1].Asset)
	}
}

func TestAnotherCurrencyIsCountedWithItsPriceOfThen(t *testing.T) {
	s := newStage(t)
	day := noon.Add(-24*time.Hour - time.Minute)
	s.add(t, fairBar("BTC", "1m", day, "50000"), fairBar("EUR", "1m", day, "1.25"), fairBar("BTC", "1m", noon.Add(-time.Hour), "65000"), fairBar("EUR", "1m", noon.Add(-time.Hour), "1.30"))
	s.Refresh()
	f := s.figures(t, "BTC", "EUR")
	if c := f.Changes[insight.Day]; c.From.Float64() != 40000 || f.Price.String() != "59259.3518519" || f.High24h.Float64() != 59259.3518519 || f.Low24h.Float64() != 50000 {
		t.Errorf("from %s to %s, between %s and %s", c.From, f.Price, f.Low24h, f.High24h)
	}
	if f := s.figures(t, "EUR", "EUR"); f.Price.Float64() != 1 || f.Changes[insight.Day].Percent != 0 {
		t.Errorf("EUR in EUR: %s %v", f.Price, f.Changes)
	}
	r, _, err := s.Rate(t.Context(), "BTC", "EUR")
	if err != nil || !r.Equal(*f.Price) {
		t.Errorf("rate %s, %v", r, err)
	}
	if _, err := s.Figures(t.Context(), "BTC", "DOGECOIN"); fault.Of(err) != fault.Unknown {
		t.Errorf("no such currency: %v", err)
	}
	if _, err := s.Figures(t.Context(), "XYZ", USD); fault.Of(err) != fault.Unknown {
		t.Errorf("no such asset: %v", err)
	}
}

func TestOldPricesAreMarkedAndThenGone(t *testing.T) {
	s := newStage(t)
	s.board.marks["ETH"], s.board.ages["ETH"] = market.Stale, time.Hour
	s.board.simulated = true
	s.Refresh()
	if f := s.figures(t, "ETH", USD); !slices.Contains(f.Marks, "stale") || !f.Simulated || !slices.Equal(f.Contributed, []string{"kraken"}) {
		t.Errorf("%v %v %v", f.Marks, f.Simulated, f.Contributed)
	}
	s.board.ages["ETH"] = 25 * time.Hour
	s.Refresh()
	if _, err := s.Figures(t.Context(), "ETH", USD); fault.Of(err) != fault.Unknown {
		t.Errorf("a price of yesterday: %v", err)
	}
}

func TestTheCurrencyAskedForLongestAgoLeaves(t *testing.T) {
	s := newStage(t)
	s.opt.Quotes = 3
	s.Refresh()
	for _, q := range []asset.Code{"EUR", "BTC", "EUR", "ETH"} {
		s.board.now = s.board.now.Add(time.Second)
		s.Refresh()
		if _, err := s.All(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	if s.asked["BTC"] != nil || s.asked["EUR"] == nil || s.asked["ETH"] == nil || s.asked[USD] == nil || len(*s.views.Load()) != 3 {
		t.Errorf("kept are %v", s.asked)
	}
	if _, err := s.All(t.Context(), "BTC"); err != nil {
		t.Errorf("asked again: %v", err)
	}
}

func TestCategoriesAndMovers(t *testing.T) {
	s := newStage(t)
	day := noon.Add(-24*time.Hour - time.Minute)
	s.add(t, fairBar("BTC", "1m", day, "32000.05"), fairBar("ETH", "1m", day, "4000"), fairBar("DOGE", "1m", day, "0.1"), fairBar("USDT", "1m", day, "0.5"),
		bar("kraken", "DOGE-USD", noon.Add(-time.Hour), "0.12", "1000", "120"), bar("kraken", "BTC-USD", noon.Add(-time.Hour), "64000", "2", "128000"))
	s.Refresh()
	groups, err := s.Categories(t.Context(), USD)
	if err != nil {
		t.Fatal(err)
	}
	if g := groups[0]; len(groups) != 3 || g.ID != "proof-of-work" || g.Name != "Proof of work" || !slices.Equal(g.Assets, []asset.Code{"BTC", "DOGE"}) || g.Volume24h.Trim().String() != "128120" {
		t.Errorf("%+v", groups)
	}
	all, err := s.All(t.Context(), USD)
	if err != nil {
		t.Fatal(err)
	}
	names := func(fs []insight.Figures) (out []asset.Code) {
		for _, f := range fs {
			out = append(out, f.Asset)
		}
		return out
	}
	if got := names(insight.Movers(all, insight.Day, false, money.Decimal{})); !slices.Equal(got, []asset.Code{"BTC", "DOGE"}) {
		t.Errorf("gainers %v", got)
	}
	if got := names(insight.Movers(all, insight.Day, true, money.Decimal{})); !slices.Equal(got, []asset.Code{"ETH"}) {
		t.Errorf("losers %v", got)
	}
	if got := names(insight.Movers(all, insight.Day, false, money.MustParse("1000"))); !slices.Equal(got, []asset.Code{"BTC"}) {
		t.Errorf("gainers with a volume %v", got)
	}
	g, err := s.Global(t.Context(), USD)
	if err != nil || g.Markets != 2 || g.Venues != 1 || g.Breadth < 0.66 || g.Breadth > 0.67 || g.CapPercent <= 0 {
		t.Errorf("%+v %v", g, err)
	}
}

// While Run looks and bars come, many read: what they get is of one moment.
func TestReadersGetOneMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := s.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		for range 4 {
			wg.Go(func() {
				for ctx.Err() == nil {
					all, err := s.All(ctx, "EUR")
					if errors.Is(err, context.Canceled) {
						return
					}
					if err != nil || len(all) != 8 || all[0].Rank != 1 {
						t.Errorf("%d, %v", len(all), err)
					}
					time.Sleep(100 * time.Millisecond)
				}
			})
		}
		for m := range 5 {
			s.add(t, fairBar("BTC", "1m", noon.Add(time.Duration(m-10)*time.Minute), "64000"), bar("kraken", "BTC-USD", noon.Add(time.Duration(m-10)*time.Minute), "64000", "1", "64000"))
			time.Sleep(7 * time.Second)
		}
		if f := s.figures(t, "BTC", USD); f.VolumeBase24h.String() != "5" {
			t.Errorf("volume %s", f.VolumeBase24h)
		}
		cancel()
		wg.Wait()
	})
}

func TestHoursCountWhereNoMinutesAreStored(t *testing.T) {
	s := newStage(t)
	hour := func(back int, volume string) market.Candle {
		k := bar("kraken", "BTC-USD", noon.Add(-time.Duration(back)*time.Hour), "100", volume, "0")
		k.Interval, k.Marks = "1h", market.VenueBar
		return k
	}
	s.add(t, hour(10, "5"), hour(3, "7"), bar("kraken", "BTC-USD", noon.Add(-3*time.Hour), "100", "1", "100"), bar("kraken", "BTC-USD", noon.Add(-time.Hour), "100", "2", "200"))
	s.Load(t.Context(), 0)
	s.Refresh()
	f := s.figures(t, "BTC", USD)
	if f.VolumeBase24h.String() != "8" || !slices.Contains(f.Marks, "volume_hourly") || !slices.Contains(f.Marks, "turnover_estimated") || f.Volume24h.Trim().String() != "800" {
		t.Errorf("%s %s %v", f.VolumeBase24h, f.Volume24h, f.Marks)
	}
}

func TestLiveBarsOfAVenueAreNoReasonToReadThePastAgain(t *testing.T) {
	s := newStage(t)
	s.add(t, fairBar("BTC", "1m", noon.Add(-3*time.Minute), "100"))
	s.Load(t.Context(), 0)
	if len(s.wish) != 0 {
		t.Fatalf("waiting after everything was read: %v", s.wish)
	}
	live := bar("kraken", "BTC-USD", noon.Add(-2*time.Minute), "100", "1", "100")
	live.Marks = market.VenueBar
	hour := live
	hour.Interval, hour.Open = "1h", noon.Add(-time.Hour)
	s.add(t, live, hour)
	if len(s.wish) != 0 {
		t.Errorf("live bars make it read again: %v", s.wish)
	}
	hour.Open = noon.Add(-5 * time.Hour)
	s.add(t, hour)
	if len(s.wish) != 1 {
		t.Errorf("a back-fill does not: %v", s.wish)
	}
}

// The RSI is of the daily closes in a row that end with the newest; a missing day cuts off
// what is before it.
func TestTheRSIIsOfDaysInARow(t *testing.T) {
	s := newStage(t)
	today := noon.Truncate(24 * time.Hour)
	for i := range 16 {
		price := "60000"
		if i%2 == 1 {
			price = "61000"
		}
		s.add(t, fairBar("BTC", "1d", today.AddDate(0, 0, -i), price))
		if i < 15 {
			s.add(t, fairBar("ETH", "1d", today.AddDate(0, 0, -i), "3000"))
		}
		if i != 5 {
			s.add(t, fairBar("DOGE", "1d", today.AddDate(0, 0, -i), "0.1"))
		}
	}
	s.Load(t.Context(), 0)
	s.Refresh()
	// Of fifteen changes that alternate, Wilder's mean of the first fourteen is even; the
	// fifteenth is a fall: 100 (13/2) / (13/2 + 13/2 + 1).
	if got := s.figures(t, "BTC", "USD").RSI14; got == nil || math.Abs(*got-100*6.5/14) > 1e-9 {
		t.Errorf("BTC: %v, want %v", got, 100*6.5/14)
	}
	if got := s.figures(t, "ETH", "USD").RSI14; got == nil || *got != 0 { // nothing moved, as TA-Lib
		t.Errorf("ETH: %v", got)
	}
	if got := s.figures(t, "DOGE", "USD").RSI14; got != nil {
		t.Errorf("DOGE has five days in a row and an RSI of %v", *got)
	}
}
