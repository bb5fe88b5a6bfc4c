// Package emulator is exchanges that do not exist: venues on loopback that
// speak the real wire protocols, so that everything above them can be tested.
//
// It says what twenty-one venues would say (IDs lists them): the same paths, envelopes,
// acknowledgements, heartbeats, limits and error bodies, over a simulated market. It never
// opens a connection to anyone, never serves a price of a real market, and no order given
// to it reaches one; every HTTP answer carries X-Assay-Simulated: true.
//
// Each venue checks who asks by its own scheme (proof.go, proofs.go). Six keep simulated
// accounts of spot, asked by REST: Binance, Bitstamp, Bybit, Coinbase, Kraken and OKX
// match orders in their books (desk.go). The others refuse what is wrongly signed, and
// know no account. There are no private streams.
//
// What always holds:
//  1. A book is never crossed, unless a fault was asked to cross it.
//  2. A trade happens at the best level of its moment, and that level shrinks by it.
//  3. Candles are added up from the trades; REST and stream tell the same ones.
//  4. The same seed, start time and requests give the same bytes. Time comes only
//     from package time, so a test inside testing/synctest runs as fast as it can.
//  5. Every injected fault stands in the Journal, and the true book at any recent
//     sequence or time can be asked for (Truth).
//  6. It shares no code with the connectors: texts, checksums, paging and signatures are
//     written a second time here, so that a mistake must be made twice to go unseen.
//  7. The fills of an account are its position, and no balance is created or lost.
//
// Tests of connectors and of the feed call it, the demonstration that needs no network,
// and the command emulate. A World is the market all venues share; New makes one venue of
// it; Run moves its market; Handler or Serve answers its clients.
package emulator
