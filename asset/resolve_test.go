package asset

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/assayhq/assay/fault"
)

func TestResolveFindsWhatPeopleMean(t *testing.T) {
	c := load(t)
	for q, want := range map[string]Code{
		"BTC": "BTC", "btc": "BTC", " btc ": "BTC", "XBT": "BTC", "xdg": "DOGE", "Bitcoin": "BTC", "bitcoin": "BTC",
		"bitcoin  cash": "BCH", "Ether": "ETH", "ripple": "XRP", "Stellar Lumens": "XLM", "Matic Network": "MATIC",
		"tm:3375": "BTC", "TM:3306": "ETH", "tokenmetrics:3377": "LTC",
		"cg:avalanche-2": "AVAX", "coingecko:Matic-Network": "MATIC", "havven": "SNX",
		"ethereum:0xdac17f958d2ee523a2206206994597c13d831ec7": "USDT", "ETH:0xDAC17F958D2ee523a2206206994597C13D831ec7": "USDT",
		"0xC02AAA39B223FE8D0A0E5C4F27EAD9083C756CC2":          "WETH",
		"base:0x833589fcd6edb6e08f4c7c32d4f71b54bda02913":     "USDC",
		"solana:DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263": "BONK",
		"TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t":                  "USDT",
		// The owner of a code wins over the other bearers of the ticker.
		"UNI": "UNI", "LUNA": "LUNA", "STRK": "STRK", "Strike": "STRIKE", "BEAM": "BEAM", "GAL": "GAL", "HOT": "HOT", "TON": "TON",
		"Terra Classic": "LUNC", "steth": "STETH",
		// A venue's word is understood when all venues that use it mean one asset.
		"XXBT": "BTC", "zeur": "EUR", "IOT": "IOTA",
		// ... but a real asset of that ticker comes first.
		"ZUSD": "GMOZUSD",
	} {
		got, err := c.Resolve(q)
		if err != nil || got.Code != want {
			t.Errorf("%q resolves to %s (%v), want %s", q, got.Code, err, want)
		}
	}
}

func TestAnAmbiguousNameIsAnsweredWithCandidates(t *testing.T) {
	c := load(t)
	for q, want := range map[string]string{"EDG": "EDGEWARE EDGELESS", "lit": "LITENTRY LIGHTER", "UST": "USTC USDT"} {
		_, err := c.Resolve(q)
		var a *Ambiguous
		if !errors.As(err, &a) {
			t.Errorf("%q: %v, want candidates", q, err)
			continue
		}
		got := strings.Fields(codes(a.Candidates))
		slices.Sort(got)
		exp := strings.Fields(want)
		slices.Sort(exp)
		if !slices.Equal(got, exp) {
			t.Errorf("%q may mean %v, want %v", q, got, exp)
		}
		if fault.Of(err) != fault.Conflict || !strings.Contains(fault.Public(err), "by its code") {
			t.Errorf("%q: kind %s, sentence %q", q, fault.Of(err), fault.Public(err))
		}
	}
}

func TestATypingSlipGetsSuggestions(t *testing.T) {
	c := load(t)
	for q, want := range map[string]Code{"Bitcon": "BTC", "etherium": "ETH", "Dogecion": "DOGE", "cardanno": "ADA", "USDTT": "USDT", "solnaa": "SOL"} {
		_, err := c.Resolve(q)
		var n *NotFound
		if !errors.As(err, &n) || fault.Of(err) != fault.Unknown {
			t.Errorf("%q: %v, want not found", q, err)
			continue
		}
		if len(n.Suggestions) == 0 || len(n.Suggestions) > 3 || n.Suggestions[0].Code != want {
			t.Errorf("%q suggests %s, want %s first and at most three", q, codes(n.Suggestions), want)
		}
		if !strings.Contains(fault.Public(err), "did you mean "+string(want)) {
			t.Errorf("%q: %q", q, fault.Public(err))
		}
	}
}

func TestWhatIsNothingIsUnknownOrInvalid(t *testing.T) {
	c := load(t)
	for q, want := range map[string]fault.Kind{
		"": fault.Invalid, "  ": fault.Invalid, strings.Repeat("x", 129): fault.Invalid, "\xff": fault.Invalid,
		"zz": fault.Unknown, "tm:1": fault.Unknown, "tm:x": fault.Unknown, "tm:": fault.Unknown, ":": fault.Unknown,
		"cg:nope": fault.Unknown, "ethereum:0x00": fault.Unknown, "polygon:0xdAC17F958D2ee523a2206206994597C13D831ec7": fault.Unknown,
		// In base58 the case is content.
		"tr7nhqjekqxgtci8q8zy4pl8otszgjlj6t": fault.Unknown,
		"supercalifragilistic":               fault.Unknown,
	} {
		a, err := c.Resolve(q)
		if err == nil || fault.Of(err) != want {
			t.Errorf("%q gives %s, %v (%s), want %s", q, a.Code, err, fault.Of(err), want)
		}
	}
}

func TestEveryCodeNameAndIdLeadsHome(t *testing.T) {
	c := load(t)
	for a := range c.All() {
		qs := []string{string(a.Code)}
		if a.CoinGecko != "" {
			qs = append(qs, "cg:"+a.CoinGecko)
		}
		for _, k := range a.Contracts {
			qs = append(qs, k.Chain+":"+k.Address)
		}
		for _, q := range qs {
			if got, err := c.Resolve(q); err != nil || got.Code != a.Code {
				t.Errorf("%q resolves to %s (%v), want %s", q, got.Code, err, a.Code)
			}
		}
		// A name may be another asset's code (Gas, Beam), never a dead end.
		if _, err := c.Resolve(a.Name); err != nil {
			t.Errorf("%s cannot be found by its name %q: %v", a.Code, a.Name, err)
		}
	}
}

func TestSearchPutsTheBestFirst(t *testing.T) {
	c := load(t)
	for _, x := range []struct {
		q     string
		limit int
		want  string
	}{
		{"btc", 1, "BTC"},
		{"bitcoin", 3, "BTC BCH BSV"},
		{"BITC", 2, "BTC BCH"},
		{"usd c", 1, "USDC"},
		{"classic", 2, "ETC LUNC"},
		{"xbt", 0, "BTC"},
		{"", 5, ""}, {"  ", 5, ""}, {"qqqq", 5, ""},
	} {
		if got := codes(c.Search(x.q, x.limit)); got != x.want {
			t.Errorf("%q (at most %d) finds %q, want %q", x.q, x.limit, got, x.want)
		}
	}
	if n := len(c.Search("a", 0)); n < 100 {
		t.Errorf("without a limit the letter a finds %d assets", n)
	}
	if got := c.Search("a", 1); len(got) != 1 || got[0].Code != "A" {
		t.Errorf("the code itself comes first, got %s", codes(got))
	}
}

func TestSlipsCountsLikeAReader(t *testing.T) {
	for _, x := range []struct {
		a, b        string
		bound, want int
	}{
		{"", "", 3, 0}, {"bitcoin", "bitcoin", 3, 0}, {"bitcon", "bitcoin", 3, 1}, {"bitcion", "bitcoin", 3, 1},
		{"kitten", "sitting", 3, 3}, {"kitten", "sitting", 2, 3}, {"abc", "xyz", 1, 2}, {"a", "abcdef", 3, 4}, {"", "ab", 3, 2},
	} {
		if got := slips([]rune(x.a), []rune(x.b), x.bound); got != x.want {
			t.Errorf("%q to %q within %d: %d, want %d", x.a, x.b, x.bound, got, x.want)
		}
		if got := slips([]rune(x.b), []rune(x.a), x.bound); got != x.want {
			t.Errorf("%q to %q is not the same both ways", x.b, x.a)
		}
	}
}

func FuzzResolveAndNormalize(f *testing.F) {
	c := load(f)
	for _, s := range []string{"BTC", "xbt", "tm:3375", "ethereum:0xdac17f", "Bitcon", "\xff", "İ", "ſ", ":", "  a  b "} {
		f.Add("kraken", s)
	}
	f.Fuzz(func(t *testing.T, venue, s string) {
		a, err := c.Resolve(s)
		b, again := c.Resolve(s)
		if a.Code != b.Code || (err == nil) != (again == nil) || (err != nil && err.Error() != again.Error()) {
			t.Fatalf("%q resolves to %s (%v), then to %s (%v)", s, a.Code, err, b.Code, again)
		}
		if err == nil {
			if home, ok := c.Get(a.Code); !ok || home.Code != a.Code {
				t.Fatalf("%q resolves to %s, which is not in the catalogue", s, a.Code)
			}
		} else if k := fault.Of(err); k != fault.Invalid && k != fault.Unknown && k != fault.Conflict {
			t.Fatalf("%q fails as %s", s, k)
		}
		n := c.Normalize(venue, s)
		if n != c.Normalize(venue, s) || n != c.Normalize(venue, " "+s+" ") {
			t.Fatalf("%q at %q normalizes in two ways", s, venue)
		}
		if got := c.Search(s, 3); len(got) > 3 {
			t.Fatalf("%d hits for a limit of 3", len(got))
		}
	})
}

func BenchmarkResolve(b *testing.B) {
	c := load(b)
	for _, q := range []string{"btc", "Wrapped Bitcoin", "ethereum:0xdac17f958d2ee523a2206206994597c13d831ec7", "a name nobody has"} {
		b.Run(q, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.Resolve(q)
			}
		})
	}
}
