package asset

import (
	"slices"

	"github.com/assayhq/assay/money"
)

// Asset is one row of the catalogue. Absent fields are unknown. Its slices and
// pointers belong to the catalogue: read them, never change them.
type Asset struct {
	// Code is our name for it, unique.
	Code Code   `json:"code"`
	Name string `json:"name"`
	// Symbol is the ticker as the project writes it. It equals Code except where
	// the case differs (stETH) or another asset owns the code (BEAMX's is BEAM).
	Symbol string `json:"symbol"`
	Kind   Kind   `json:"kind"`
	Status Status `json:"status"`
	// SucceededBy is the asset holders were given instead, if it migrated.
	SucceededBy Code `json:"succeeded_by,omitempty"`
	// Decimals is how many digits its home ledger keeps after the point; for a
	// currency, the digits of its minor unit. Contract.Decimals wins on a chain.
	Decimals *int `json:"decimals,omitempty"`
	// Peg is what it is made to hold the price of; empty when it never was, or
	// no longer is.
	Peg Code `json:"peg,omitempty"`
	// Wraps is the asset it is redeemable into one for one.
	Wraps Code `json:"wraps,omitempty"`
	// CoinGecko and TokenMetrics are those providers' ids.
	CoinGecko    string `json:"coingecko_id,omitempty"`
	TokenMetrics int    `json:"tokenmetrics_id,omitempty"`
	Purpose      string `json:"purpose,omitempty"`
	UseCase      string `json:"use_case,omitempty"`
	Consensus    string `json:"consensus,omitempty"`
	// BlockSeconds is the designed or usual time between blocks.
	BlockSeconds float64          `json:"block_seconds,omitempty"`
	Supply       *Supply          `json:"supply,omitempty"`
	Fork         *Fork            `json:"fork,omitempty"`
	Links        Links            `json:"links,omitzero"`
	Contracts    []Contract       `json:"contracts,omitempty"`
	Aliases      []Alias          `json:"aliases,omitempty"`
	OtherNames   []string         `json:"other_names,omitempty"`
	Collisions   []Collision      `json:"collisions,omitempty"`
	Classes      []Classification `json:"classes,omitempty"`
	Profile      *Profile         `json:"profile,omitempty"`
	// Note warns of what a reader of its prices or history should know.
	Note string `json:"note,omitempty"`
}

// Kind is what sort of thing an asset is, by how it exists.
type Kind string

// The kinds.
const (
	KindCoin       Kind = "coin"            // native to its own ledger
	KindToken      Kind = "token"           // issued on another ledger
	KindStablecoin Kind = "stablecoin"      // pegged to a currency
	KindCommodity  Kind = "commodity-token" // pegged to a commodity
	KindWrapped    Kind = "wrapped"         // stands for another asset, one for one
	KindFiat       Kind = "fiat"            // a state's currency, by ISO 4217 code
	KindMetal      Kind = "metal"           // a metal by the ounce, by ISO 4217 code
)

var kinds = [...]Kind{KindCoin, KindToken, KindStablecoin, KindCommodity, KindWrapped, KindFiat, KindMetal}

// Status is where an asset is in its life.
type Status string

// The states. A row of the file that names none is active.
const (
	StatusActive   Status = "active"
	StatusMigrated Status = "migrated" // holders were given SucceededBy
	StatusRetired  Status = "retired"  // no longer issued
)

// Supply says how the number of units is bounded.
type Supply struct {
	// Policy is "capped" or "uncapped".
	Policy string `json:"policy"`
	// Max is the cap in whole units, as decimal text; absent when uncapped or not a round fact.
	Max  string `json:"max,omitempty"`
	Note string `json:"note,omitempty"`
}

// Fork says where an asset came from.
type Fork struct {
	Of Code `json:"of"`
	// Kind is "chain-split" when the two share a history of transactions, and
	// "codebase" when only the program was copied.
	Kind string `json:"kind"`
	// At is the date, as YYYY-MM or YYYY-MM-DD in UTC.
	At   string `json:"at"`
	Note string `json:"note,omitempty"`
}

// Links are the project's own pages.
type Links struct {
	Website    string `json:"website,omitempty"`
	Docs       string `json:"docs,omitempty"`
	Whitepaper string `json:"whitepaper,omitempty"`
	Source     string `json:"source,omitempty"`
	Explorer   string `json:"explorer,omitempty"`
}

// Contract is where a token lives on one chain. Chain is a slug such as
// ethereum, binance-smart-chain or solana; Address is in the chain's usual form
// (EIP-55 checksum case on EVM chains).
type Contract struct {
	Chain    string `json:"chain"`
	Address  string `json:"address"`
	Decimals int    `json:"decimals"`
}

// Alias is another ticker of the asset. With a Venue it holds at that venue
// only, and there it wins over every code; without one it holds everywhere.
type Alias struct {
	Symbol string `json:"symbol"`
	Venue  string `json:"venue,omitempty"`
}

// Collision tells that something else bears, or bore, the same ticker. Code is
// set if that thing is in the catalogue.
type Collision struct {
	Symbol string `json:"symbol"`
	Name   string `json:"name"`
	Code   Code   `json:"code,omitempty"`
	Note   string `json:"note,omitempty"`
}

// Profile describes in depth how a coin works. Each field is a sentence or two.
type Profile struct {
	Technology      string `json:"technology"`
	Launched        string `json:"launched"`
	Finality        string `json:"finality"`
	Throughput      string `json:"throughput"`
	Fees            string `json:"fees"`
	Programmability string `json:"programmability"`
	Privacy         string `json:"privacy"`
	Issuance        string `json:"issuance"`
	Governance      string `json:"governance"`
	Acceptance      string `json:"acceptance"`
	Limits          string `json:"limits"`
}

// Is tells whether the asset belongs to the class.
func (a Asset) Is(c Class) bool {
	return slices.ContainsFunc(a.Classes, func(x Classification) bool { return x.Class == c })
}

// IsFiat tells whether the asset is a state's currency.
func (a Asset) IsFiat() bool { return a.Kind == KindFiat }

// IsCrypto tells whether the asset lives on a ledger.
func (a Asset) IsCrypto() bool { return a.Kind != KindFiat && a.Kind != KindMetal }

// MaxSupply gives the cap in whole units. It is false when there is none or it
// is not known.
func (a Asset) MaxSupply() (money.Decimal, bool) {
	if a.Supply == nil || a.Supply.Max == "" {
		return money.Decimal{}, false
	}
	d, err := money.Parse([]byte(a.Supply.Max))
	return d, err == nil
}

// tickers yields every ticker that may stand for the asset anywhere.
func (a Asset) tickers(yield func(string) bool) {
	if !yield(string(a.Code)) || !yield(a.Symbol) {
		return
	}
	for _, x := range a.Aliases {
		if !yield(x.Symbol) {
			return
		}
	}
}

// names yields every name in words.
func (a Asset) names(yield func(string) bool) {
	if !yield(a.Name) {
		return
	}
	for _, n := range a.OtherNames {
		if !yield(n) {
			return
		}
	}
}
