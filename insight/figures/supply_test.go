package figures

import (
	"strings"
	"testing"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/money"
)

func TestTheBuiltInTableIsWhole(t *testing.T) {
	c, err := asset.Load()
	if err != nil {
		t.Fatal(err)
	}
	table, err := BuiltIn(c)
	if err != nil {
		t.Fatal(err)
	}
	if len(table) < 200 {
		t.Errorf("%d rows", len(table))
	}
	for a, r := range table {
		if r.Circulating == nil {
			t.Errorf("%s has no circulating supply", a)
		}
		x, _ := c.Get(a)
		if most, ok := x.MaxSupply(); ok && (r.Max == nil || !r.Max.Equal(most)) {
			t.Errorf("%s: the table has at most %v, the catalogue %s", a, r.Max, most)
		}
	}
	if !table["STETH"].Staked || table["BTC"].Staked {
		t.Error("which forms are staked is not told")
	}
}

func TestAUsersRowReplacesTheBuiltInOne(t *testing.T) {
	c := catalogue(t)
	mine, err := ParseTable([]byte(`[{"asset":"bitcoin","circulating":"19950000","as_of":"2026-03-01","source":"my node"}]`), c)
	if err != nil {
		t.Fatal(err)
	}
	built, err := ParseTable([]byte(amounts), c)
	if err != nil {
		t.Fatal(err)
	}
	s := newStage(t)
	s.SetSupply(built.Over(mine))
	s.Refresh()
	f := s.figures(t, "BTC", USD)
	if f.Supply.Source != "my node" || f.Supply.Max != nil || f.Cap.String() != "1276801995000" || f.CapDiluted != nil {
		t.Errorf("%+v %s", f.Supply, f.Cap)
	}
	if s.figures(t, "ETH", USD).Supply.Source != "issuer" {
		t.Error("the other rows are gone")
	}
}

func TestAWrongTableSaysWhatIsWrong(t *testing.T) {
	c := catalogue(t)
	for text, want := range map[string]string{
		"":                                   "empty",
		"nonsense":                           "no column asset",
		"asset,as_of,source,asset\nBTC,,,":   "twice",
		"asset,as_of,source,amount\nBTC,,,1": `no column "amount"`,
		"asset,circulating,as_of,source\nBTC,many,2026-01,me":                     `"many", which is no decimal`,
		"asset,circulating,as_of,source\nBTC,-1,2026-01,me":                       "above zero",
		"asset,circulating,as_of,source\nBTC,1,January,me":                        "write a month or a day",
		"asset,circulating,as_of,source\nBTC,1,2026-01,":                          "no source",
		"asset,as_of,source\nBTC,2026-01,me":                                      "no amount",
		"asset,circulating,as_of,source\nXYZZY,1,2026-01,me":                      "row 1",
		"asset,circulating,as_of,source\nBTC,1,2026-01,me\nbtc,2,2026-01,me":      "twice",
		"asset,circulating,max,as_of,source\nBTC,22,21,2026-01,me":                "more than its maximum",
		"asset,circulating,total,as_of,source\nBTC,22,21,2026-01,me":              "more than its total",
		`[{"asset":"BTC","circulating":1,"as_of":"2026-01","source":"me","x":1}]`: "unknown field",
		`[] []`:                                 "goes on",
		"asset,circulating,as_of,source\nBTC,1": "wrong number of fields",
	} {
		_, err := ParseTable([]byte(text), c)
		if err == nil || fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func FuzzParseTable(f *testing.F) {
	c, err := asset.Parse([]byte(words))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(amounts)
	f.Add(`[{"asset":"BTC","circulating":"1e3","total":null,"as_of":"2026-01-31","source":"me"}]`)
	f.Add("asset,circulating,as_of,source\nBTC,1,2026-01,me")
	f.Fuzz(func(t *testing.T, text string) {
		table, err := ParseTable([]byte(text), c)
		if err != nil {
			return
		}
		for a, r := range table {
			if _, ok := c.Get(a); !ok || r.Source == "" || r.AsOf.IsZero() {
				t.Errorf("%s: %+v", a, r)
			}
			for _, v := range []*money.Decimal{r.Circulating, r.Total, r.Max} {
				if v != nil && v.Sign() <= 0 {
					t.Errorf("%s: %s", a, v)
				}
			}
		}
	})
}
