package api

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/insight"
	"github.com/assayhq/assay/money"
)

// plainMarket tells what a test needs: BTC with everything, ETH with a stale price and
// no supply, USDT excluded.
type plainMarket struct{}

func (plainMarket) rows(q asset.Code) []insight.Figures {
	d := func(s string) *money.Decimal { v := money.MustParse(s); return &v }
	btc := insight.Figures{
		Asset: "BTC", Quote: q, At: noon.Add(-100 * time.Millisecond), Price: d("64000.10"), High24h: d("65000"), Low24h: d("63000.5"), Volume24h: d("1200345.67"), VolumeBase24h: d("18.75"),
		Supply: insight.Supply{Circulating: d("19900000"), Total: d("19900000"), Max: d("21000000"), AsOf: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Source: "public statements, rounded"},
		Cap:    d("1273601990000.00"), CapDiluted: d("1344002100000.00"), CapBefore: d("1253700000000"), Rank: 1,
		Changes: map[insight.Window]insight.Change{
			insight.Hour: {From: money.MustParse("64100"), At: noon.Add(-time.Hour), Percent: -0.1558502340093},
			insight.Day:  {From: money.MustParse("63000"), At: noon.Add(-24 * time.Hour), Percent: 1.587460317},
		},
		High: &insight.Extreme{Price: money.MustParse("69000"), At: noon.Add(-300 * time.Hour), Percent: -7.24623188}, Low: &insight.Extreme{Price: money.MustParse("3000"), At: noon.Add(-3000 * time.Hour), Percent: 2033.336667},
		Since: noon.Add(-4000 * time.Hour), Sparkline: []insight.Point{{At: noon.Add(-2 * time.Hour), Price: money.MustParse("63900")}, {At: noon.Add(-time.Hour), Price: money.MustParse("64100")}},
		Marks: []string{"peg_assumed", "volume_short"}, Contributed: []string{"binance", "kraken"},
	}
	eth := insight.Figures{Asset: "ETH", Quote: q, At: noon.Add(-time.Hour), Price: d("3000"), Volume24h: d("500"), VolumeBase24h: d("0.16"), Marks: []string{"stale"}, Contributed: []string{"kraken"},
		Changes: map[insight.Window]insight.Change{insight.Day: {From: money.MustParse("3300"), At: noon.Add(-24 * time.Hour), Percent: -9.0909090909}}}
	usdt := insight.Figures{Asset: "USDT", Quote: q, At: noon, Price: d("0.9998"), Cap: d("149970000000"), Excluded: "stablecoin", Contributed: []string{"kraken"},
		Supply: insight.Supply{Circulating: d("150000000000"), AsOf: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Source: "issuer"}}
	return []insight.Figures{btc, usdt, eth}
}

func (p plainMarket) Figures(_ context.Context, a, q asset.Code) (insight.Figures, error) {
	for _, f := range p.rows(q) {
		if f.Asset == a {
			return f, nil
		}
	}
	return insight.Figures{}, fault.At(fault.Unknown, "asset", "there are no figures of %s now", a)
}

func (p plainMarket) All(_ context.Context, q asset.Code) ([]insight.Figures, error) {
	if q == "AAA" {
		return nil, fault.At(fault.Unknown, "quote", "there is no rate of %s now", q)
	}
	return p.rows(q), nil
}

func (plainMarket) Global(_ context.Context, q asset.Code) (insight.Global, error) {
	return insight.Global{At: noon, Quote: q, Assets: 3, WithSupply: 1, Markets: 4, Venues: 2, Cap: money.MustParse("1273601990000"), CapBefore: money.MustParse("1253700000000"), CapPercent: 1.58746,
		Volume24h: money.MustParse("1200845.67"), Breadth: 0.5, Dominance: []insight.Share{{Asset: "BTC", Percent: 100}}, Description: "Assets that the followed venues trade."}, nil
}

func (plainMarket) Categories(_ context.Context, q asset.Code) ([]insight.Category, error) {
	up := 1.58746
	return []insight.Category{
		{ID: "proof-of-work", Name: "Proof of work", Assets: []asset.Code{"BTC"}, Cap: money.MustParse("1273601990000"), CapPercent: &up, Volume24h: money.MustParse("1200345.67"), At: noon},
		{ID: "proof-of-stake", Name: "Proof of stake", Assets: []asset.Code{"ETH"}, Volume24h: money.MustParse("500"), At: noon},
	}, nil
}

func (plainMarket) Rate(context.Context, asset.Code, asset.Code) (money.Decimal, time.Time, error) {
	return money.MustParse("1"), noon, nil
}

func TestPagesOfFiguresFollowEachOther(t *testing.T) {
	f := newFixture(t, nil)
	var got []string
	target := "/v1/figures?limit=1&order=asset&format=csv"
	for range 5 {
		w := f.get(target)
		lines := strings.Split(strings.TrimSpace(w.Body.String()), "\r\n")
		if w.Code != 200 || len(lines) != 2 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		got = append(got, strings.SplitN(lines[1], ",", 2)[0])
		c := w.Header().Get("Assay-Next-Cursor")
		if c == "" {
			break
		}
		target = "/v1/figures?limit=1&order=asset&format=csv&cursor=" + c
	}
	if strings.Join(got, " ") != "BTC ETH USDT" {
		t.Errorf("the pages gave %v", got)
	}
	if w := f.get(strings.Replace(target, "order=asset", "order=cap", 1)); w.Code != 400 {
		t.Errorf("a cursor of another order: %d", w.Code)
	}
}

func TestWithoutAMarketThereAreNoFigures(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.Market = nil })
	if w := f.get("/v1/figures"); w.Code != 404 {
		t.Errorf("got %d", w.Code)
	}
}
