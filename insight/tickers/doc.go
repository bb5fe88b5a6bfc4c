// Package tickers tells what each pair did at each venue in the last hours: the engine
// behind insight.Tickers.
//
// A ticker rolls: it covers the whole minutes of the span before the running minute, and
// the running minute as far as it is known. It is made of our own one-minute bars, by the
// same rule for every venue, and of nothing that a venue says about itself. Sums are exact
// decimals.
//
// It keeps no bars. Minutes at both ends of the span are read from the store when a ticker
// is asked for; the whole hours between them are kept as sums, made from minutes when they
// are first asked for. Append hears of every stored bar and forgets the hour that it is in,
// so what is kept equals what is stored; it must therefore be told after the store. The
// number of hours kept is bounded.
package tickers
