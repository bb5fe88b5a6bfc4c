package grade

import (
	"math"
	"strings"
	"testing"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
)

func byRepo(repo, code string) (asset.Code, bool) {
	if code != "" {
		return asset.Code(code), true
	}
	return map[string]asset.Code{"btc/core": "BTC", "btc/lib": "BTC", "eth/geth": "ETH"}[repo], strings.Contains(repo, "/")
}

func TestActivityIsReadAndAddedUp(t *testing.T) {
	const text = "repo,day,commits,merge_commits,authors\nbtc/core,2026-01-02,5,1,2\nbtc/lib,2026-01-02,3,0,1\nbtc/core,2026-01-01,1,0,1\neth/geth,2026-01-05,9,9,4\nnobody,2026-01-05,1,1,1\n"
	got, strange, err := ReadActivity("a.csv", strings.NewReader(text), byRepo)
	if err != nil {
		t.Fatal(err)
	}
	if len(strange) != 1 || strange[0] != "nobody" || len(got) != 2 || got["BTC"].Days() != 2 {
		t.Fatalf("%v %v", got, strange)
	}
	day := got["BTC"].Last()
	s := Nothing()
	activity(&Member{Activity: got["BTC"]}, day, &s)
	if s.raw[pCommits] != 8 || s.raw[pAuthors] != 4 {
		t.Errorf("%v commits, %v author days", s.raw[pCommits], s.raw[pAuthors])
	}
	s = Nothing()
	activity(&Member{Activity: got["BTC"]}, day-1, &s)
	if s.raw[pCommits] != 1 {
		t.Errorf("the day before knew of %v commits", s.raw[pCommits])
	}
	// After the table's end no row means no table, not no work.
	s = Nothing()
	activity(&Member{Activity: got["BTC"]}, day+3+staleTable+1, &s)
	if !math.IsNaN(s.raw[pCommits]) {
		t.Errorf("%v commits long after the table's end", s.raw[pCommits])
	}
}

func TestABadTableSaysWhere(t *testing.T) {
	const head = "repo,day,commits,merge_commits,authors"
	for text, want := range map[string]string{
		"":                                       "no header",
		"repo,day,commits\n":                     "no column merge_commits",
		head + ",stars\n":                        "stars",
		head + "\nbtc/core,tomorrow,1,0,1\n":     "row 2 column day",
		head + "\nbtc/core,2026-01-02,x,0,1\n":   "row 2 column commits",
		head + "\nbtc/core,2026-01-02,1.5,0,1\n": "whole number",
		head + "\nbtc/core,2026-01-02,-1,0,1\n":  "below 0",
		head + "\nbtc/core,2026-01-02,1,2,1\n":   "more than all",
		head + "\nbtc/core,2026-01-02,1,0,1\nbtc/core,2026-01-02,1,0,1\n":    "twice",
		head + ",top_author_share\nbtc/core,2026-01-02,1,0,1,1.5\n":          "above 1",
		head + "\nbtc/core,2026-01-02,1,0\n":                                 "wrong number of fields",
		head + "\n" + strings.Repeat("x", maxCell+1) + ",2026-01-02,1,0,1\n": "bytes",
	} {
		_, _, err := ReadActivity("a.csv", strings.NewReader(text), byRepo)
		if fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %v, want %q", text, err, want)
		}
	}
	for text, want := range map[string]string{
		"day,CapMrktCurUSD\n": "no column time",
		"time,Other\n":        "none of the columns",
		"time,CapMrktCurUSD\n2026-01-01,1\n2026-01-01,1\n": "two rows",
		"time,CapMrktCurUSD\n2026-01-01,NaN\n":             "no number",
		"time,asset,CapMrktCurUSD\n2026-01-01,nobody,1\n":  "no asset",
	} {
		_, err := ReadChain("c.csv", strings.NewReader(text), "BTC", func(s string) (asset.Code, bool) { return "BTC", s != "nobody" })
		if fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %v, want %q", text, err, want)
		}
	}
}

// A metric of a day is complete only some hours after it: the close of that day does not
// know it yet.
func TestAChainRowIsUsedOnceItWasKnown(t *testing.T) {
	const text = "time,CapMrktCurUSD,CapRealUSD,SplyCur,SplyAdrTop100,AssetEODCompletionTime\n" +
		"2026-01-01,100,50,10,1,1767318000\n2026-01-02,200,50,10,2,1767999999\n2026-01-03,300,50,10,3,\n"
	got, err := ReadChain("c.csv", strings.NewReader(text), "BTC", func(string) (asset.Code, bool) { return "BTC", true })
	if err != nil {
		t.Fatal(err)
	}
	first := got["BTC"].First()
	for after, want := range map[int32]float64{0: math.NaN(), 1: 0.1, 2: 0.1, 3: 0.3} {
		s := Nothing()
		chain(&Member{Chain: got["BTC"]}, first+after, &s)
		if !same(s.raw[pHolders], want) {
			t.Errorf("%d days after the first the concentration is %v, not %v", after, s.raw[pHolders], want)
		}
	}
}

func FuzzReadActivity(f *testing.F) {
	f.Add("repo,day,commits,merge_commits,authors\na/b,2026-01-02,5,1,2\n")
	f.Add("repo,day,commits,merge_commits,authors,releases\na/b,2026-01-02,5,1,2,\n\"")
	f.Fuzz(func(t *testing.T, text string) {
		got, _, err := ReadActivity("f", strings.NewReader(text), byRepo)
		if err != nil {
			if fault.Of(err) != fault.Invalid && fault.Of(err) != fault.TooLarge {
				t.Fatal(err)
			}
			return
		}
		checkTables(t, got, activity)
	})
}

func FuzzReadChain(f *testing.F) {
	f.Add("time,CapMrktCurUSD,CapMVRVCur\n2026-01-02,5,1\n2026-01-03,5,0\n")
	f.Add("time,SplyCur,SplyAdrTop100,AssetEODCompletionTime\n2026-01-02T00,5,0,1e300\n")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ReadChain("f", strings.NewReader(text), "BTC", func(string) (asset.Code, bool) { return "BTC", true })
		if err != nil {
			if fault.Of(err) != fault.Invalid && fault.Of(err) != fault.TooLarge {
				t.Fatal(err)
			}
			return
		}
		checkTables(t, got, chain)
	})
}

func checkTables(t *testing.T, got map[asset.Code]*Series, use func(*Member, int32, *Scores)) {
	for _, s := range got {
		for i := range s.day {
			if i > 0 && s.day[i] <= s.day[i-1] {
				t.Fatal("days do not rise")
			}
			out := Nothing()
			use(&Member{Activity: s, Chain: s, MaxSupply: 21}, s.day[i], &out)
			for p, v := range out.raw {
				if math.IsInf(v, 0) {
					t.Fatalf("part %d is %v", p, v)
				}
			}
		}
	}
}
