package asset

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func load(t testing.TB) *Catalogue {
	t.Helper()
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func codes(assets []Asset) string {
	var out []string
	for _, a := range assets {
		out = append(out, string(a.Code))
	}
	return strings.Join(out, " ")
}

func TestTheCatalogueIsBroadAndEveryClassHasExamples(t *testing.T) {
	c := load(t)
	var crypto, fiat int
	for a := range c.All() {
		if a.IsCrypto() {
			crypto++
		}
		if a.IsFiat() {
			fiat++
		}
	}
	if crypto < 150 || fiat < 10 {
		t.Errorf("%d crypto assets and %d currencies; want at least 150 and 10", crypto, fiat)
	}
	if n := len(Classes()); n != 13 {
		t.Errorf("the taxonomy has %d classes, want 13", n)
	}
	for _, class := range Classes() {
		if n := len(c.ByClass(class)); n < 3 {
			t.Errorf("class %s has %d assets, want at least 3", class, n)
		}
	}
	t.Logf("%d assets: %d crypto, %d fiat", c.Len(), crypto, fiat)
}

func TestTheCoinsOfTheCapturesAreKnown(t *testing.T) {
	c := load(t)
	for _, code := range strings.Fields(`NKN BLZ LRC RUNE KSM XMR OMG GRT WAVES ADA SC OCEAN SGB XRP BAT XLM GALA UNI SOL DOGE BTC ETH
		USD EUR GBP JPY KRW CHF AUD CAD TRY BRL USDT USDC DAI TUSD PYUSD FDUSD EURT`) {
		if _, ok := c.Get(Code(code)); !ok {
			t.Errorf("%s is missing", code)
		}
	}
	if a, ok := c.Get("NOPE"); ok {
		t.Errorf("NOPE gives %s", a.Code)
	}
}

func TestEveryClassificationSaysWhyAndWhoSaysSo(t *testing.T) {
	for a := range load(t).All() {
		for _, x := range a.Classes {
			if !strings.HasSuffix(x.Reason, ".") || len(x.Reason) < 15 {
				t.Errorf("%s %s: reason %q is no sentence", a.Code, x.Class, x.Reason)
			}
			if len(x.Source) < 8 {
				t.Errorf("%s %s: source %q names no document", a.Code, x.Class, x.Source)
			}
		}
	}
}

func TestFiveCoinsAreDescribedInDepth(t *testing.T) {
	c := load(t)
	for _, code := range []Code{"BTC", "ETH", "XRP", "LTC", "ADA"} {
		a, _ := c.Get(code)
		if a.Profile == nil {
			t.Errorf("%s has no profile", code)
			continue
		}
		text, _ := json.Marshal(a.Profile)
		if strings.Contains(string(text), `""`) {
			t.Errorf("%s has an empty field in its profile: %s", code, text)
		}
		if a.Purpose == "" || a.UseCase == "" || a.Consensus == "" || a.BlockSeconds == 0 || a.Supply == nil || a.Links.Website == "" || a.Decimals == nil {
			t.Errorf("%s lacks a basic fact: %+v", code, a)
		}
	}
	if ltc, _ := c.Get("LTC"); ltc.Fork == nil || ltc.Fork.Of != "BTC" || ltc.Fork.Kind != "codebase" {
		t.Errorf("Litecoin's code came from Bitcoin's, got %+v", ltc.Fork)
	}
	if btc, _ := c.Get("BTC"); btc.Profile != nil {
		if max, ok := btc.MaxSupply(); !ok || max.String() != "21000000" {
			t.Errorf("at most 21000000 bitcoin, got %s %v", max, ok)
		}
	}
	if eth, _ := c.Get("ETH"); eth.Supply != nil {
		if max, ok := eth.MaxSupply(); ok {
			t.Errorf("ether has no cap, got %s", max)
		}
	}
}

func TestPegsFollowIntentAndLostPegsDoNotCount(t *testing.T) {
	c := load(t)
	for code, want := range map[Code]Code{"USDT": "USD", "USDC": "USD", "EURT": "EUR", "XSGD": "SGD", "PAXG": "XAU",
		"USTC": "", "BTC": "", "USD": "", "WBTC": "", "NOPE": ""} {
		peg, ok := c.IsStable(code)
		if peg != want || ok != (want != "") {
			t.Errorf("%s holds the price of %q (%v), want %q", code, peg, ok, want)
		}
	}
	for code, want := range map[Code]bool{"USD": true, "KRW": true, "USDT": false, "XAU": false, "NOPE": false} {
		if c.IsFiat(code) != want {
			t.Errorf("%s is fiat: %v, want %v", code, !want, want)
		}
	}
	if got := codes(c.Wrappers("BTC")); got != "WBTC CBBTC TBTC" {
		t.Errorf("bitcoin on other ledgers: %s", got)
	}
}

func TestNormalizeSpeaksEveryVenuesDialect(t *testing.T) {
	c := load(t)
	for _, x := range []struct {
		venue, symbol string
		want          Code
	}{
		{"kraken", "XXBT", "BTC"}, {"kraken", "XBT", "BTC"}, {"bitmex", "XBt", "BTC"}, {"", "xbt", "BTC"},
		{"kraken", "XETH", "ETH"}, {"kraken", "XXDG", "DOGE"}, {"kraken", "XDG", "DOGE"},
		{"kraken", "ZUSD", "USD"}, {"kraken", "ZEUR", "EUR"}, {"KRAKEN", " zusd ", "USD"},
		{"binance", "BCC", "BCH"}, {"binance", "BCHABC", "BCH"}, {"bitfinex", "BCHABC", "XEC"},
		{"bitfinex", "IOT", "IOTA"}, {"bitfinex", "MNA", "MANA"}, {"bitfinex", "UST", "USDT"}, {"kraken", "UST", "USTC"},
		// One ticker, two coins: the venue decides.
		{"kraken", "LUNA", "LUNC"}, {"kraken", "LUNA2", "LUNA"}, {"binance", "LUNA", "LUNA"},
		{"upbit", "TON", "TOKAMAK"}, {"okx", "TON", "TON"}, {"htx", "HOT", "HYDROHOT"}, {"gate", "HOT", "HOT"},
		// Kraken's dialect is Kraken's only: elsewhere ZUSD is another thing.
		{"binance", "ZUSD", "ZUSD"},
		// Other units are other instruments.
		{"binance", "1000SATS", "1000SATS"}, {"hyperliquid", "kPEPE", "KPEPE"}, {"bitfinex", "DOG", "DOG"},
		// A coin nobody has told us of passes through.
		{"mexc", "brandnew", "BRANDNEW"}, {"nowhere", "btc", "BTC"}, {"kraken", "", ""},
	} {
		if got := c.Normalize(x.venue, x.symbol); got != x.want {
			t.Errorf("%s calls %q what we call %s, want %s", x.venue, x.symbol, got, x.want)
		}
	}
}

func TestEveryAliasLeadsHome(t *testing.T) {
	c := load(t)
	for a := range c.All() {
		for _, x := range a.Aliases {
			if got := c.Normalize(x.Venue, x.Symbol); got != a.Code {
				t.Errorf("%s at %q normalizes to %s, its row is %s", x.Symbol, x.Venue, got, a.Code)
			}
			if x.Venue == "" {
				if got, err := c.Resolve(x.Symbol); err != nil || got.Code != a.Code {
					t.Errorf("%s resolves to %s (%v), its row is %s", x.Symbol, got.Code, err, a.Code)
				}
			}
		}
	}
}

func TestCollisionsAreToldOnBothSides(t *testing.T) {
	c := load(t)
	for a := range c.All() {
		for _, x := range a.Collisions {
			if x.Code == "" {
				continue
			}
			b, _ := c.Get(x.Code)
			if !slices.ContainsFunc(b.Collisions, func(y Collision) bool { return y.Code == a.Code }) {
				t.Errorf("%s names %s as a bearer of %s, but not the other way", a.Code, b.Code, x.Symbol)
			}
		}
	}
	beamx, _ := c.Get("BEAMX")
	if len(beamx.Collisions) != 1 || beamx.Collisions[0].Code != "BEAM" {
		t.Errorf("BEAMX shares its ticker with BEAM, got %+v", beamx.Collisions)
	}
}

func TestUnknownIsLeftOutOfJSON(t *testing.T) {
	c := load(t)
	wif, _ := c.Get("WIF")
	text, err := json.Marshal(wif)
	if err != nil {
		t.Fatal(err)
	}
	for _, absent := range []string{"tokenmetrics_id", "supply", "peg", "consensus", "null", `""`} {
		if strings.Contains(string(text), absent) {
			t.Errorf("%q stands in %s", absent, text)
		}
	}
	krw, _ := c.Get("KRW")
	if text, _ := json.Marshal(krw); !strings.Contains(string(text), `"decimals":0`) || strings.Contains(string(text), "links") {
		t.Errorf("the won has no minor unit, which is known, and no links: %s", text)
	}
}

func TestTheOrderIsAlwaysTheSameAndCanBeLeftEarly(t *testing.T) {
	c, d := load(t), load(t)
	if a, b := codes(slices.Collect(c.All())), codes(slices.Collect(d.All())); a != b {
		t.Error("two loads give two orders")
	}
	for a := range c.All() {
		if a.Code != "BTC" {
			t.Errorf("the first asset is %s", a.Code)
		}
		break
	}
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		load(b)
	}
}

func BenchmarkNormalize(b *testing.B) {
	c := load(b)
	b.ReportAllocs()
	for b.Loop() {
		c.Normalize("kraken", "XXBT")
	}
}
