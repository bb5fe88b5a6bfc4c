package asset

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/assayhq/assay/money"
)

var (
	// No hyphen or slash: a code is one half of a pair such as BTC-USD.
	codeForm   = regexp.MustCompile(`^[A-Z0-9]{1,12}$`)
	symbolForm = regexp.MustCompile(`^[A-Z0-9_.]{1,20}$`)
	slugForm   = regexp.MustCompile(`^[a-z0-9-]+$`)
	dateForm   = regexp.MustCompile(`^\d{4}-\d{2}(-\d{2})?$`)
)

// checkRow checks what a row says by itself.
func checkRow(a *Asset) error {
	switch {
	case !codeForm.MatchString(string(a.Code)):
		return fmt.Errorf("code %q is not 1 to 12 capitals and digits", a.Code)
	case a.Name == "" || a.Name != strings.TrimSpace(a.Name):
		return fmt.Errorf("name %q is empty or has space around it", a.Name)
	case !slices.Contains(kinds[:], a.Kind):
		return fmt.Errorf("kind %q is not one of %v", a.Kind, kinds)
	case a.Status != StatusActive && a.Status != StatusMigrated && a.Status != StatusRetired:
		return fmt.Errorf("status %q is not active, migrated or retired", a.Status)
	case (a.Status == StatusMigrated) != (a.SucceededBy != ""):
		return fmt.Errorf("status migrated and succeeded_by go together")
	case a.Decimals != nil && (*a.Decimals < 0 || *a.Decimals > 36):
		return fmt.Errorf("decimals %d is outside 0 to 36", *a.Decimals)
	case (a.Kind == KindStablecoin || a.Kind == KindCommodity) && a.Peg == "":
		return fmt.Errorf("a %s needs a peg", a.Kind)
	case a.Kind == KindWrapped && a.Wraps == "":
		return fmt.Errorf("a wrapped asset needs wraps")
	case a.CoinGecko != "" && !slugForm.MatchString(a.CoinGecko):
		return fmt.Errorf("coingecko_id %q is no slug", a.CoinGecko)
	case a.TokenMetrics < 0 || a.BlockSeconds < 0:
		return fmt.Errorf("tokenmetrics_id and block_seconds are not negative")
	}
	if s := a.Supply; s != nil {
		if s.Policy != "capped" && (s.Policy != "uncapped" || s.Max != "") {
			return fmt.Errorf("supply is capped (perhaps with a max) or uncapped (without)")
		}
		if d, err := money.Parse([]byte(s.Max)); s.Max != "" && (err != nil || d.Sign() <= 0) {
			return fmt.Errorf("supply max %q is no positive decimal", s.Max)
		}
	}
	if f := a.Fork; f != nil && ((f.Kind != "chain-split" && f.Kind != "codebase") || !dateForm.MatchString(f.At)) {
		return fmt.Errorf("fork needs kind chain-split or codebase and a date YYYY-MM[-DD]")
	}
	for _, k := range a.Contracts {
		if !slugForm.MatchString(k.Chain) || k.Address == "" || strings.ContainsAny(k.Address, " :") || k.Decimals < 0 || k.Decimals > 36 {
			return fmt.Errorf("contract %+v is malformed", k)
		}
	}
	for _, x := range a.Aliases {
		if !symbolForm.MatchString(x.Symbol) || (x.Venue != "" && !slugForm.MatchString(x.Venue)) {
			return fmt.Errorf("alias %+v: the symbol is in capitals, the venue a lower-case id", x)
		}
	}
	return checkClasses(a)
}

func checkClasses(a *Asset) error {
	seen := map[Class]bool{}
	for _, x := range a.Classes {
		switch {
		case !x.Class.Valid():
			return fmt.Errorf("class %q is not in the taxonomy", x.Class)
		case seen[x.Class]:
			return fmt.Errorf("class %s is given twice", x.Class)
		case strings.TrimSpace(x.Reason) == "" || strings.TrimSpace(x.Source) == "":
			return fmt.Errorf("class %s needs a reason and a source", x.Class)
		}
		seen[x.Class] = true
	}
	if a.Kind == KindStablecoin && !seen[ClassStablecoin] {
		return fmt.Errorf("a stablecoin needs the class stablecoin")
	}
	if (a.Fork != nil) != seen[ClassForked] {
		return fmt.Errorf("the class forked and the field fork go together")
	}
	return nil
}

// link checks what a row says about other rows, and enters its aliases.
func (c *Catalogue) link(a *Asset) error {
	refs := []struct {
		field string
		code  Code
	}{{"peg", a.Peg}, {"wraps", a.Wraps}, {"succeeded_by", a.SucceededBy}}
	if a.Fork != nil {
		refs = append(refs, struct {
			field string
			code  Code
		}{"fork.of", a.Fork.Of})
	}
	for _, r := range refs {
		if _, ok := c.byCode[r.code]; r.code == a.Code || (r.code != "" && !ok) {
			return fmt.Errorf("%s %q is not another asset of the catalogue", r.field, r.code)
		}
	}
	for _, x := range a.Collisions {
		if _, ok := c.byCode[x.Code]; x.Symbol == "" || x.Name == "" || x.Code == a.Code || (x.Code != "" && !ok) {
			return fmt.Errorf("collision %+v needs a symbol, a name and, if any, the code of another asset", x)
		}
	}
	for _, x := range a.Aliases {
		if x.Venue != "" {
			key := venueSymbol{x.Venue, x.Symbol}
			if other, dup := c.venue[key]; dup {
				return fmt.Errorf("alias %s at %s already belongs to %s", x.Symbol, x.Venue, other)
			}
			c.venue[key] = a.Code
			continue
		}
		// A global alias that is someone's code would make that asset unreachable.
		if _, taken := c.byCode[Code(x.Symbol)]; taken {
			return fmt.Errorf("alias %s is the code of an asset; give it a venue", x.Symbol)
		}
		if other, dup := c.alias[x.Symbol]; dup {
			return fmt.Errorf("alias %s already belongs to %s", x.Symbol, other)
		}
		c.alias[x.Symbol] = a.Code
	}
	return nil
}

// pairCollisions lets every two assets that share a ticker name each other, so
// that the file needs to tell it once or, for equal symbols, not at all.
func (c *Catalogue) pairCollisions() {
	type pair struct{ a, b int }
	known := map[pair]bool{}
	var told []Collision
	var pairs []pair
	note := func(a, b int, symbol, text string) {
		if a != b && !known[pair{a, b}] {
			known[pair{a, b}] = true
			pairs = append(pairs, pair{a, b})
			told = append(told, Collision{Symbol: symbol, Name: c.assets[b].Name, Code: c.assets[b].Code, Note: text})
		}
	}
	for i, a := range c.assets {
		for _, x := range a.Collisions {
			if x.Code != "" {
				known[pair{i, c.byCode[x.Code]}] = true
			}
		}
	}
	for i, a := range c.assets {
		for _, x := range a.Collisions {
			if x.Code != "" {
				note(c.byCode[x.Code], i, x.Symbol, x.Note)
			}
		}
		for _, j := range c.index.symbols[fold(a.Symbol)] {
			note(i, j, strings.ToUpper(a.Symbol), "")
			note(j, i, strings.ToUpper(a.Symbol), "")
		}
	}
	for n, p := range pairs {
		c.assets[p.a].Collisions = append(c.assets[p.a].Collisions, told[n])
	}
}
