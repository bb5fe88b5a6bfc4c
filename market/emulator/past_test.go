package emulator

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/assayhq/assay/market"
)

// A world with Days has candles of that many days, of hours and of minutes, each only as
// far back as such bars go, and every bar opens where the one before it closed.
func TestALongPastIsToldInCoarserBars(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, err := New("kraken", NewWorld(9, WorldOptions{Days: 400}), Options{})
		if err != nil {
			t.Fatal(err)
		}
		p := v.pits[0]
		for _, c := range []struct {
			interval market.Interval
			bars     int // at least, whole ones
			back     time.Duration
		}{{"1m", 1000, 49 * time.Hour}, {"1h", 15 * 24, 16 * 24 * time.Hour}, {"1d", 400, 401 * 24 * time.Hour}} {
			bars := p.tape.spans(c.interval, 0, v.start.AddDate(-3, 0, 0), v.start, false)
			if len(bars) < c.bars {
				t.Fatalf("%s: %d bars, want %d", c.interval, len(bars), c.bars)
			}
			if first := bars[0].open; first.Before(v.start.Add(-c.back)) {
				t.Errorf("%s: the first bar is of %s", c.interval, first)
			}
			for i := range bars {
				b := &bars[i]
				if b.l > min(b.o, b.c) || b.h < max(b.o, b.c) || b.vol <= 0 {
					t.Fatalf("%s: impossible bar %+v", c.interval, *b)
				}
				if i > 0 && c.interval != "1m" && b.open.Sub(bars[i-1].open) != c.interval.Length() {
					t.Fatalf("%s: hole before %s", c.interval, b.open)
				}
			}
		}
		days := p.tape.spans("1d", 0, v.start.AddDate(-3, 0, 0), v.start, false)
		for i := 1; i < 300; i++ {
			if days[i].o != days[i-1].c {
				t.Fatalf("the bar of %s does not open where the one before closed", days[i].open)
			}
		}
		if first := p.tape.from(time.Time{})[0].id; first <= 0 {
			t.Errorf("the first trade has id %d", first)
		}
		if first := p.tape.bars[0].first; first <= 0 {
			t.Errorf("the first trade of the past has id %d", first)
		}
	})
}

// Without Days nothing changes: the same seed tells the story it told.
func TestSwingsComeOnlyWithDays(t *testing.T) {
	at := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	plain, long := NewWorld(9, WorldOptions{}), NewWorld(9, WorldOptions{Days: 400})
	lo, hi := long.Fair("BTC-USD", at), long.Fair("BTC-USD", at)
	for d := range 365 {
		day := at.AddDate(0, 0, -d)
		if x := plain.Fair("BTC-USD", day); x < 65000*0.74 || x > 65000*1.36 {
			t.Fatalf("%s: %f", day, x)
		}
		lo, hi = min(lo, long.Fair("BTC-USD", day)), max(hi, long.Fair("BTC-USD", day))
	}
	if hi/lo < 1.4 {
		t.Errorf("a year between %f and %f is no year of Bitcoin", lo, hi)
	}
}
