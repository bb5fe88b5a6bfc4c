package asset

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"strings"
)

//go:embed catalogue.json
var catalogueJSON string

// Catalogue is the list of assets with its indexes. It never changes once made.
type Catalogue struct {
	assets []Asset // in the file's order, which is the order of every answer
	byCode map[Code]int
	alias  map[string]Code      // global, upper-case
	venue  map[venueSymbol]Code // per venue, upper-case
	index  index
}

type venueSymbol struct{ venue, symbol string }

// Load reads the catalogue built into the program. It takes a few milliseconds:
// call it once, in the roof, and hand the result down.
func Load() (*Catalogue, error) { return Parse([]byte(catalogueJSON)) }

// Parse reads a catalogue from JSON text in the form of catalogue.json and checks
// that everything the package promises holds. The error names the row and what
// to change.
func Parse(text []byte) (*Catalogue, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var assets []Asset
	if err := d.Decode(&assets); err != nil {
		return nil, fmt.Errorf("asset catalogue: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("asset catalogue: text after the closing bracket")
	}
	c := &Catalogue{
		assets: assets,
		byCode: make(map[Code]int, len(assets)),
		alias:  make(map[string]Code),
		venue:  make(map[venueSymbol]Code),
	}
	for i := range c.assets {
		a := &c.assets[i]
		if a.Symbol == "" {
			a.Symbol = string(a.Code)
		}
		if a.Status == "" {
			a.Status = StatusActive
		}
		if err := checkRow(a); err != nil {
			return nil, fmt.Errorf("asset catalogue: row %d (%s): %w", i+1, a.Code, err)
		}
		if j, dup := c.byCode[a.Code]; dup {
			return nil, fmt.Errorf("asset catalogue: rows %d and %d both have the code %s", j+1, i+1, a.Code)
		}
		c.byCode[a.Code] = i
	}
	for i := range c.assets {
		if err := c.link(&c.assets[i]); err != nil {
			return nil, fmt.Errorf("asset catalogue: row %d (%s): %w", i+1, c.assets[i].Code, err)
		}
	}
	c.index = newIndex(c.assets)
	if err := c.index.checkUnique(c.assets); err != nil {
		return nil, fmt.Errorf("asset catalogue: %w", err)
	}
	c.pairCollisions()
	return c, nil
}

// Get gives the asset with exactly this code.
func (c *Catalogue) Get(code Code) (Asset, bool) {
	i, ok := c.byCode[code]
	if !ok {
		return Asset{}, false
	}
	return c.assets[i], true
}

// Len is the number of assets.
func (c *Catalogue) Len() int { return len(c.assets) }

// All yields every asset in the catalogue's order, which is always the same.
func (c *Catalogue) All() iter.Seq[Asset] {
	return func(yield func(Asset) bool) {
		for _, a := range c.assets {
			if !yield(a) {
				return
			}
		}
	}
}

// ByClass gives the assets of a class in the catalogue's order.
func (c *Catalogue) ByClass(class Class) []Asset {
	return c.where(func(a Asset) bool { return a.Is(class) })
}

// Wrappers gives the assets that stand one for one for the given asset, such as
// WBTC for BTC: the same value on other ledgers.
func (c *Catalogue) Wrappers(code Code) []Asset {
	return c.where(func(a Asset) bool { return code != "" && a.Wraps == code })
}

// IsFiat tells whether the code is a state's currency.
func (c *Catalogue) IsFiat(code Code) bool {
	a, ok := c.Get(code)
	return ok && a.IsFiat()
}

// IsStable gives what the asset is made to hold the price of: USD for USDT, XAU
// for PAXG. It speaks of intent, not of today's price, and is false for an asset
// that has lost its peg for good.
func (c *Catalogue) IsStable(code Code) (peg Code, ok bool) {
	a, found := c.Get(code)
	return a.Peg, found && a.Peg != ""
}

// Normalize gives our code for what a venue calls an asset: the venue's own
// alias first, then a global alias, else the name itself in upper case, so that
// a coin listed this morning works without a new catalogue. Units of a thousand
// (1000SHIB, kPEPE) are other instruments and stay as they are. The result need
// not be in the catalogue.
//
// Apply it once, to the venue's own word: at Kraken LUNA2 means our LUNA while
// LUNA means our LUNC, so a second pass would be wrong.
func (c *Catalogue) Normalize(venue, symbol string) Code {
	symbol = strings.ToUpper(strings.TrimSpace(symbol))
	if code, ok := c.venue[venueSymbol{strings.ToLower(strings.TrimSpace(venue)), symbol}]; ok {
		return code
	}
	if code, ok := c.alias[symbol]; ok {
		return code
	}
	return Code(symbol)
}

func (c *Catalogue) where(keep func(Asset) bool) []Asset {
	var out []Asset
	for _, a := range c.assets {
		if keep(a) {
			out = append(out, a)
		}
	}
	return out
}

func (c *Catalogue) pick(rows []int) []Asset {
	out := make([]Asset, len(rows))
	for i, r := range rows {
		out[i] = c.assets[r]
	}
	return out
}
