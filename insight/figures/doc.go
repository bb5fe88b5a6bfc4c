// Package figures is the engine behind insight.Market: it turns consensus prices, stored
// candles and a table of supplies into price changes, volumes, market capitalisations,
// ranks and totals.
//
// It looks at the board once a second, takes candles as they are stored (Append, beside
// the store), and reads the past once, at the start and when bars of the past arrive. It
// never asks an exchange or another provider, never invents: what has no input is absent.
// Prices and amounts are exact decimals; percentages are float64.
//
// What always holds: an answer comes from one immutable view, so its ranks, shares and
// totals agree with each other, and reading takes no lock and no I/O once a currency has
// been asked for; the capitalisation is the price times the supply, exactly, while the
// product has 19 digits; shares of the market sum to 100; memory is bounded by assets
// times points (minute), Options.Quotes and the length of the stored history.
//
// app makes an Engine, runs it, and hands it to the faces. The formulas are in
// docs/insight/figures.md.
package figures
