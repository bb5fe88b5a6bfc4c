// Package emulator is exchanges that do not exist: venues on loopback that
// speak the real wire protocols, so that everything above them can be tested.
//
// It says what Binance, Coinbase (Advanced and Exchange), Kraken (v2 and v1), OKX,
// Bybit, Bitstamp, Bitfinex and Gemini would say: the same paths, envelopes, acknowledgements,
// heartbeats, limits and error bodies, over a simulated market. It never opens a
// connection to anyone, never serves a price of a real market, and never takes an
// order; every HTTP answer carries X-Assay-Simulated: true.
//
// What always holds:
//  1. A book is never crossed, unless a fault was asked to cross it.
//  2. A trade happens at the best level of its moment, and that level shrinks by it.
//  3. Candles are added up from the trades; REST and stream tell the same ones.
//  4. The same seed, start time and requests give the same bytes. Time comes only
//     from package time, so a test inside testing/synctest runs as fast as it can.
//  5. Every injected fault stands in the Journal, and the true book at any recent
//     sequence or time can be asked for (Truth).
//  6. It shares no code with the connectors: texts, checksums and paging are written
//     a second time here, so that a mistake must be made twice to go unseen.
//
// Tests of connectors and of the feed call it, and the demonstration that needs no
// network. A World is the market all venues share; New makes one venue of it; Run
// moves its market; Handler or Serve answers its clients.
package emulator
