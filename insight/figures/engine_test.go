package figures

import (
	"math"
	"testing"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/insight"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/markettest"
	"github.com/assayhq/assay/money"
)

// noon is the time of the stories; the board's clock moves only when a story moves it.
var noon = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

// board is a present that a test sets.
type board struct {
	now       time.Time
	simulated bool
	prices    map[asset.Code]string
	marks     map[asset.Code]market.Mark
	ages      map[asset.Code]time.Duration
}

func (b *board) Now() time.Time            { return b.now }
func (b *board) Simulated() (bool, string) { return b.simulated, "" }

func (b *board) Prices(asset.Code) (out []market.ConsensusPrice) {
	for a, p := range b.prices {
		out = append(out, market.ConsensusPrice{Asset: a, Quote: USD, Price: money.MustPrice(p), At: b.now.Add(-b.ages[a]), Marks: b.marks[a],
			Sources: []market.Contribution{{Venue: "kraken", Status: market.Used}, {Venue: "okx", Status: market.IsStale}}})
	}
	return out
}

const words = `[
 {"code":"BTC","name":"Bitcoin","kind":"coin","classes":[{"class":"proof-of-work","reason":"Mined.","source":"Paper"}]},
 {"code":"ETH","name":"Ether","kind":"coin","classes":[{"class":"proof-of-stake","reason":"Staked.","source":"EIP"}]},
 {"code":"DOGE","name":"Dogecoin","kind":"coin","classes":[{"class":"proof-of-work","reason":"Mined.","source":"Site"}]},
 {"code":"NEW","name":"Newcoin","kind":"coin"},
 {"code":"USDT","name":"Tether","kind":"stablecoin","peg":"USD","classes":[{"class":"stablecoin","reason":"Pegged.","source":"Issuer"}]},
 {"code":"WBTC","name":"Wrapped Bitcoin","kind":"wrapped","wraps":"BTC","classes":[{"class":"cross-chain","reason":"Bridged.","source":"Site"}]},
 {"code":"STETH","name":"Staked Ether","kind":"token"},
 {"code":"EUR","name":"Euro","kind":"fiat"},
 {"code":"USD","name":"US dollar","kind":"fiat"}
]`

const amounts = `asset,circulating,total,max,as_of,source,staked
BTC,19900000,19900000,21000000,2026-01,issuer,
ETH,120000000,120000000,,2026-01-15,issuer,
DOGE,150000000000,,,2026-01,issuer,
USDT,150000000000,,,2026-01,issuer,
WBTC,130000,,,2026-01,issuer,
STETH,9000000,,,2026-01,issuer,true
`

func catalogue(t testing.TB) *asset.Catalogue {
	c, err := asset.Parse([]byte(words))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

type stage struct {
	*Engine
	*board
	history *markettest.Memory
}

func newStage(t testing.TB) *stage {
	t.Helper()
	s := &stage{board: &board{now: noon, prices: map[asset.Code]string{
		"BTC": "64000.10", "ETH": "3000", "DOGE": "0.12345", "NEW": "7", "USDT": "0.9998", "WBTC": "63990", "STETH": "2999", "EUR": "1.08",
	}, marks: map[asset.Code]market.Mark{}, ages: map[asset.Code]time.Duration{}}, history: markettest.NewMemory()}
	s.Engine = s.engine(t)
	return s
}

// engine makes one over the same store, as a restart does.
func (s *stage) engine(t testing.TB) *Engine {
	t.Helper()
	c := catalogue(t)
	table, err := ParseTable([]byte(amounts), c)
	if err != nil {
		t.Fatal(err)
	}
	e, err := New(Options{Board: s.board, Assets: c, Supply: table, Candles: s.history, History: s.history})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// add stores candles and then tells the engine, as the app does.
func (s *stage) add(t testing.TB, ks ...market.Candle) {
	t.Helper()
	b := &market.Batch{Candles: ks}
	if err := s.history.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if err := s.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

func (s *stage) figures(t testing.TB, a, q asset.Code) insight.Figures {
	t.Helper()
	f, err := s.Figures(t.Context(), a, q)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func fairBar(a asset.Code, i market.Interval, open time.Time, c string) market.Candle {
	p := money.MustPrice(c)
	return market.Candle{Venue: market.ConsensusVenue, Pair: market.NewPair(a, USD), Interval: i, Open: open, O: p, H: p, L: p, C: p, Trades: -1, Complete: true, Known: i.Next(open)}
}

func bar(v market.VenueID, p market.Pair, open time.Time, c, volume, turnover string) market.Candle {
	x := money.MustPrice(c)
	return market.Candle{Venue: v, Pair: p, Interval: "1m", Open: open, O: x, H: x, L: x, C: x, Volume: money.MustQty(volume), Turnover: money.MustParse(turnover), Trades: 1, Complete: true, Known: open.Add(time.Minute)}
}

func TestNothingIsToldBeforeAPriceCame(t *testing.T) {
	s := newStage(t)
	s.board.prices = nil
	s.Refresh()
	if _, err := s.Global(t.Context(), USD); fault.Of(err) != fault.Unavailable {
		t.Errorf("got %v", err)
	}
}

func TestACapIsThePriceTimesTheSupply(t *testing.T) {
	s := newStage(t)
	s.Refresh()
	for _, q := range []asset.Code{USD, "EUR", "BTC", "ETH"} {
		all, err := s.All(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range all {
			if f.Supply.Circulating == nil {
				if f.Cap != nil || f.Rank != 0 {
					t.Errorf("%s in %s has a cap of %v without a supply", f.Asset, q, f.Cap)
				}
				continue
			}
			want, err := f.Price.Trim().Mul(f.Supply.Circulating.Trim())
			if err != nil { // more than 19 digits: as near as 19 digits come
				if math.Abs(f.Cap.Float64()/(f.Price.Float64()*f.Supply.Circulating.Float64())-1) > 1e-12 {
					t.Errorf("%s in %s: %s", f.Asset, q, f.Cap)
				}
				continue
			}
			if !f.Cap.Equal(want) {
				t.Errorf("%s in %s: cap %s, want %s", f.Asset, q, f.Cap, want)
			}
			if f.Supply.Source == "" || f.Supply.AsOf.IsZero() {
				t.Errorf("%s: who stated the supply, and when, is not told", f.Asset)
			}
		}
	}
	if f := s.figures(t, "BTC", USD); f.Cap.String() != "1273601990000" || f.CapDiluted.String() != "1344002100000" || f.Rank != 1 {
		t.Errorf("BTC: %s %s %d", f.Cap, f.CapDiluted, f.Rank)
	}
}

func TestSharesSumToAHundredAndOtherFormsAreLeftOut(t *testing.T) {
	s := newStage(t)
	s.Refresh()
	for _, q := range []asset.Code{USD, "EUR", "BTC"} {
		g, err := s.Global(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for _, d := range g.Dominance {
			sum += d.Percent
		}
		if math.Abs(sum-100) > 1e-9 || len(g.Dominance) != 3 || g.WithSupply != 3 || g.Dominance[0].Asset != "BTC" {
			t.Errorf("in %s: %v sum to %v", q, g.Dominance, sum)
		}
	}
	for a, why := range map[asset.Code]string{"USDT": "stablecoin", "WBTC": "wrapped", "STETH": "staked", "EUR": "fiat", "BTC": "", "NEW": ""} {
		if f := s.figures(t, a, USD); f.Excluded != why || why != "" && f.Rank != 0 {
			t.Errorf("%s: excluded %q, rank %d", a, f.Excluded, f.Rank)
		}
	}
}
