// Package stream is the live face of the API: market data over WebSocket and
// server-sent events.
//
// It says, for every topic a client subscribes to, first how things stand and then
// each change, in order. It never reads a venue or a store of its own, never makes the
// publisher or another client wait, and never leaves something out in silence. The
// app makes one Hub; the API mounts its Handler; the protocol, for callers, is in
// docs/reference/stream.md.
//
// # How it is built
//
//	bus ─► room ─► encode once ─┬► session's queue ─► writer ─► client
//	        one per topic       ├► session's queue ─► …
//	board ──┘ (the beginning)   └► ring, for those who come back
//
// A room subscribes to the bus before it reads the board, so nothing falls between
// the two; what comes twice is known by its number and left out. It gathers events
// for at most 50 ms, applies them to its state, encodes each message once and hands
// the same bytes to every session. A topic that nobody has for a minute is closed.
//
// A session is a bounded queue. No goroutine waits for it to fill: the writer is
// started when there is something to send and ends when there is nothing, so that an
// idle WebSocket costs one small goroutine that reads.
//
// # What holds
//
//  1. The messages of a topic that a client gets are in order; their numbers (seq)
//     rise without holes, save those a message tells as lost.
//  2. Applying a book's snapshot and updates in order gives the board's book at each
//     book_seq; while that cannot be said the client has been told `invalid`.
//  3. A client that does not keep up loses pending messages of the topic that overflowed
//     and gets a fresh snapshot instead (books, quotes, candles,
//     indicators, price, derivatives), or is told
//     how many trades or liquidations it missed. Behind for 10 s without a pause, or stuck in one
//     write for 10 s: it is closed.
//  4. Numbers are never used twice: a room's begin at the time of its making in
//     microseconds. A number of before a restart can therefore not be resumed by
//     mistake.
//  5. A stream does not outlive its key: when the gate tells that a key ended, its
//     streams are closed within that call; what passes by the clock is seen within 2 s.
//     Nor does it outlive a token that was lent for the key, unless it goes on with another.
//     A key that comes in a message goes to the gate and nowhere else.
//  6. What a stream takes of its app's plan, itself and its subscriptions, it gives back
//     exactly once, however it ends. Another key of the app changes nothing of it.
//
// # Locks
//
// The hub's is taken before a room's, a room's before a session's. A gate that tells of
// keys may hold its own, so under the hub's lock it is asked only Live, which waits for
// nothing. The board is read under a room's lock; the feed takes none of these.
package stream
