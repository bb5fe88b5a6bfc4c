package asset

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/assayhq/assay/fault"
)

// maxQuery bounds the length of a question in bytes; the longest true name is
// far shorter, and suggestions cost time in proportion to it.
const maxQuery = 128

// Ambiguous says that a query means several assets. Its kind is fault.Conflict.
type Ambiguous struct {
	Query string
	// Candidates are in the catalogue's order.
	Candidates []Asset
}

// Error is the sentence for the caller.
func (e *Ambiguous) Error() string {
	return fmt.Sprintf("%q may mean %s; ask for one by its code", e.Query, listing(e.Candidates, " or "))
}

// Unwrap gives the kind to fault.Of.
func (e *Ambiguous) Unwrap() error { return fault.New(fault.Conflict, "%s", e.Error()) }

// NotFound says that a query means nothing here. Its kind is fault.Unknown.
type NotFound struct {
	Query string
	// Suggestions are up to three assets with a similar name, the nearest first.
	Suggestions []Asset
}

// Error is the sentence for the caller.
func (e *NotFound) Error() string {
	if len(e.Suggestions) == 0 {
		return fmt.Sprintf("no asset is called %q", e.Query)
	}
	return fmt.Sprintf("no asset is called %q; did you mean %s?", e.Query, listing(e.Suggestions, " or "))
}

// Unwrap gives the kind to fault.Of.
func (e *NotFound) Unwrap() error { return fault.New(fault.Unknown, "%s", e.Error()) }

// Resolve finds the one asset a caller means. Case and outer space do not matter.
// These are tried in turn, and the first that matches anything decides:
//
//  1. a prefixed id: tm:3375, coingecko:bitcoin (or cg:), ethereum:0xA0b8…
//  2. a code. The owner of a code wins over every other bearer of that ticker.
//  3. a global alias, such as XBT
//  4. a ticker whose code nobody owns
//  5. a name or former name
//  6. a CoinGecko id
//  7. a contract address without its chain
//  8. a ticker used by some venue only, such as XXBT
//
// Several assets at the deciding step give *Ambiguous, none at all *NotFound.
func (c *Catalogue) Resolve(q string) (Asset, error) {
	query := strings.TrimSpace(q)
	switch {
	case query == "":
		return Asset{}, fault.New(fault.Invalid, "the asset is missing: give a code such as BTC, a name or an id")
	case len(query) > maxQuery || !utf8.ValidString(query):
		return Asset{}, fault.New(fault.Invalid, "an asset is asked for by at most %d bytes of UTF-8 text", maxQuery)
	}
	if prefix, id, ok := strings.Cut(query, ":"); ok {
		return c.one(query, c.index.prefixed(fold(prefix), strings.TrimSpace(id)), nil)
	}
	x, f := &c.index, fold(query)
	for _, rows := range [][]int{x.codes[f], x.aliases[f], x.symbols[f], x.names[f], x.geckos[f], x.addresses[foldAddress(query)], x.venues[f]} {
		if len(rows) > 0 {
			return c.one(query, rows, nil)
		}
	}
	return c.one(query, nil, c.similar)
}

// one turns the rows found into the answer; suggest is asked only when there are none.
func (c *Catalogue) one(query string, rows []int, suggest func(string) []Asset) (Asset, error) {
	switch {
	case len(rows) == 1:
		return c.assets[rows[0]], nil
	case len(rows) > 1:
		return Asset{}, &Ambiguous{Query: query, Candidates: c.pick(rows)}
	case suggest == nil:
		return Asset{}, &NotFound{Query: query}
	}
	return Asset{}, &NotFound{Query: query, Suggestions: suggest(fold(query))}
}

func (x *index) prefixed(prefix, id string) []int {
	switch prefix {
	case "tm", "tokenmetrics":
		n, err := strconv.Atoi(id)
		if err != nil {
			return nil
		}
		return x.metrics[n]
	case "cg", "coingecko":
		return x.geckos[fold(id)]
	}
	return x.contracts[chainSlug(prefix)+":"+foldAddress(id)]
}

func listing(assets []Asset, last string) string {
	var b strings.Builder
	for i, a := range assets {
		switch {
		case i > 0 && i == len(assets)-1:
			b.WriteString(last)
		case i > 0:
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s (%s)", a.Code, a.Name)
	}
	return b.String()
}
