// Package asset is what exists: coins, tokens and currencies, their identities,
// taxonomy and other names.
//
// It says, for every asset in the catalogue, what it is (kind, decimals, peg,
// consensus, supply), which of the thirteen classes it belongs to and why, what
// other providers, venues and chains call it, and for the largest coins how they
// work. It turns a venue's name for an asset into ours (Normalize) and a
// person's words into an asset (Resolve, Search).
//
// It never says what changes by the day: prices, ranks, circulating supply or
// where an asset is listed. It does no I/O beyond reading its own embedded file
// and keeps no package state.
//
// What always holds for a Catalogue: codes are unique and upper-case; no global
// alias is another asset's code; every class has a reason and a source; every
// peg, wrapped asset, fork parent and successor named is in the catalogue. A
// Catalogue never changes after it is made, so any number of goroutines may read
// it. What is not known is left out, in the file and in JSON; an absent field
// means "unknown", never "none".
//
// Everyone above may call it: venues through Normalize, the API through the
// rest, market/consensus through IsStable and IsFiat.
package asset

// Code is our upper-case ticker for one asset: BTC, never XBT. It is unique in
// the catalogue; assets that share a ticker in the world get distinct codes here.
type Code string
