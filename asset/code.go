// Package asset is what exists: coins, tokens and currencies, their identities,
// taxonomy and other names.
package asset

// Code is our upper-case ticker for one asset: BTC, never XBT. It is unique in
// the catalogue; assets that share a ticker in the world get distinct codes here.
type Code string
