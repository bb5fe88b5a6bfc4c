package api

import (
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assayhq/assay/access/meter"
)

func openMeter(t testing.TB) *meter.Meter {
	t.Helper()
	m, err := meter.Open(meter.Options{Dir: t.TempDir(), Node: "n", Relaxed: true, Flush: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

func TestUsageIsSummedByAppAndTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // 2000-01-01T00:00Z
		m := openMeter(t)
		a := Metered(m, nil, slog.New(slog.DiscardHandler))
		begin := time.Now().UTC()
		for _, u := range []Use{
			{Org: "acme", App: "bot", Class: "book", Status: 200, Units: 2, Bytes: 10},
			{Org: "acme", App: "bot", Class: "book", Status: 429},
			{Org: "acme", App: "bot", Class: "price", Status: 503, Units: 1, Bytes: 5},
			{Org: "acme", App: "site", Class: "price", Status: 200, Units: 1, Bytes: 5},
			{Org: "acme/bot", App: "x", Class: "price", Status: 200, Units: 100},
			{Org: "acm", App: "e", Class: "price", Status: 200, Units: 100},
		} {
			a.Add(t.Context(), u)
		}
		time.Sleep(36 * time.Hour)
		a.Add(t.Context(), Use{Org: "acme", App: "bot", Class: "book", Status: 200, Units: 4})
		end := time.Now().Add(time.Minute)
		two := begin.Add(24 * time.Hour)
		for _, step := range []struct {
			app, by string
			want    []Usage
		}{
			{"", "month", []Usage{{begin, "bot", 4, 1, 1, 7, 15}, {begin, "site", 1, 0, 0, 1, 5}}},
			{"bot", "day", []Usage{{begin, "bot", 3, 1, 1, 3, 15}, {two, "bot", 1, 0, 0, 4, 0}}},
			{"bot", "hour", []Usage{{begin, "bot", 3, 1, 1, 3, 15}, {begin.Add(36 * time.Hour), "bot", 1, 0, 0, 4, 0}}},
			{"bo", "day", []Usage{}},
		} {
			if got := a.Usage("acme", step.app, begin, end, step.by); !slices.Equal(got, step.want) {
				t.Errorf("%s by %s: %v, want %v", step.app, step.by, got, step.want)
			}
		}
		used := UsedOf(m)
		if u := used("acme", "bot", time.Now()); u.Day != 4 || u.Month != 7 {
			t.Errorf("%+v", u)
		}
		a.Add(t.Context(), Use{Org: "acme", App: "bot", Status: 200, Units: 1})
		if u := used("acme", "bot", time.Now()); u.Day != 4 { // one reading for one now
			t.Errorf("%+v", u)
		}
		if u := used("acme", "bot", time.Now().Add(1)); u.Day != 5 || u.Month != 8 {
			t.Errorf("%+v", u)
		}
	})
}

func FuzzMeterApp(f *testing.F) {
	f.Add("a/b", "c", "a", "b/c")
	f.Add("a%2Fb", "c", "a/b", "c")
	f.Add("////////////////////////////////////////////////////////////////////////////////", "c", "", "")
	f.Fuzz(func(t *testing.T, o1, a1, o2, a2 string) {
		one, two := MeterApp(o1, a1), MeterApp(o2, a2)
		if one == two && (o1 != o2 || a1 != a2) {
			t.Errorf("%q of %q and %q of %q are both %q", a1, o1, a2, o2, one)
		}
		if len(a1) <= 100 && len(one) > 255 {
			t.Errorf("%d bytes", len(one))
		}
	})
}

func TestTheClassIsTheOperationWithoutItsVerb(t *testing.T) {
	for id, want := range map[string]string{"get-book": "book", "list-candles": "candles", "create-key": "create-key", "stream": "stream"} {
		if got := (&Operation{ID: id}).class(); got != want {
			t.Errorf("%s: %s", id, got)
		}
	}
}

func BenchmarkMetered(b *testing.B) {
	a := Metered(openMeter(b), nil, slog.New(slog.DiscardHandler))
	u := Use{Org: "acme", App: "bot", Ring: "ring_x", Key: "3Fq0XbT9LmA", Class: "book", Status: 200, Units: 2, Bytes: 1000}
	b.ReportAllocs()
	for b.Loop() {
		a.Add(b.Context(), u)
	}
}
