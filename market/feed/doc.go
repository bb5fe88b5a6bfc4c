// Package feed is the engine between venues and everything else.
//
// Intake is its pure part: bytes in, checked batches out. Around it stand the
// sessions that own sockets, time, subscriptions, pacing, reconnects and backfill.
// It is one of the four places that read the wall clock: it stamps what it
// receives. It never drops a value silently; what is wrong is marked and what is
// missing is a Gap. The app starts it; stores, the hub and normalize listen to it.
package feed
