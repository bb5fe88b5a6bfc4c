package asset

import (
	"fmt"
	"slices"
	"strings"
)

// index finds rows by folded text. Every list of rows is in the catalogue's
// order and names each row once.
type index struct {
	codes     map[string][]int
	aliases   map[string][]int // global
	symbols   map[string][]int
	names     map[string][]int
	geckos    map[string][]int
	venues    map[string][]int // aliases of any venue
	metrics   map[int][]int
	contracts map[string][]int // chain:address
	addresses map[string][]int // address on any chain
}

func newIndex(assets []Asset) index {
	x := index{
		codes: map[string][]int{}, aliases: map[string][]int{}, symbols: map[string][]int{},
		names: map[string][]int{}, geckos: map[string][]int{}, venues: map[string][]int{},
		metrics: map[int][]int{}, contracts: map[string][]int{}, addresses: map[string][]int{},
	}
	for i, a := range assets {
		add(x.codes, fold(string(a.Code)), i)
		add(x.symbols, fold(a.Symbol), i)
		for n := range a.names {
			add(x.names, fold(n), i)
		}
		for _, al := range a.Aliases {
			if al.Venue == "" {
				add(x.aliases, fold(al.Symbol), i)
			} else {
				add(x.venues, fold(al.Symbol), i)
			}
		}
		if a.CoinGecko != "" {
			add(x.geckos, fold(a.CoinGecko), i)
		}
		if a.TokenMetrics != 0 {
			add(x.metrics, a.TokenMetrics, i)
		}
		for _, k := range a.Contracts {
			add(x.contracts, k.Chain+":"+foldAddress(k.Address), i)
			add(x.addresses, foldAddress(k.Address), i)
		}
	}
	return x
}

// checkUnique refuses two rows that claim one identity at another provider or on
// a chain. Names may be shared: Resolve then answers with candidates.
func (x index) checkUnique(assets []Asset) error {
	for id, rows := range x.metrics {
		if len(rows) > 1 {
			return fmt.Errorf("%s and %s share the Token Metrics id %d", assets[rows[0]].Code, assets[rows[1]].Code, id)
		}
	}
	for _, m := range []map[string][]int{x.geckos, x.contracts} {
		for id, rows := range m {
			if len(rows) > 1 {
				return fmt.Errorf("%s and %s share the identity %s", assets[rows[0]].Code, assets[rows[1]].Code, id)
			}
		}
	}
	return nil
}

func add[K comparable](m map[K][]int, key K, row int) {
	if !slices.Contains(m[key], row) {
		m[key] = append(m[key], row)
	}
}

// fold makes text comparable: lower case, single spaces.
func fold(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }

// foldAddress lowers hexadecimal addresses only: in base58 the case is content.
func foldAddress(s string) string {
	if len(s) > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X') {
		return strings.ToLower(s)
	}
	return s
}

// chainSlug gives the slug used in contracts for a chain's everyday name.
func chainSlug(s string) string {
	switch s = fold(s); s {
	case "eth", "erc20":
		return "ethereum"
	case "bsc", "bnb", "bep20", "binance":
		return "binance-smart-chain"
	case "polygon", "matic":
		return "polygon-pos"
	case "arbitrum":
		return "arbitrum-one"
	case "optimism":
		return "optimistic-ethereum"
	case "avax", "avalanche-c":
		return "avalanche"
	case "sol", "spl":
		return "solana"
	case "trx", "trc20":
		return "tron"
	}
	return s
}
