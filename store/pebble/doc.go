// Package pebble is the market history on one machine: a market.History and a
// market.Frames over Pebble, an embedded log-structured store.
//
// It says what the markets did, exactly as it was appended: decimals keep their
// digits and trailing zeros, times their nanoseconds. It never judges a value,
// never reads a clock, and keeps no book. app opens it; the feed appends, the API,
// insight and replay read.
//
// How it is kept. Rows of one series (venue, pair and, for candles, interval) stand
// together in chunks of some hundred rows, column by column: times as differences
// of differences, prices as integers of one scale with what gives each its own
// scale back, ids as numbers where they are. Rows that are in no chunk yet are the
// series' tail: in memory for readers, and on disk as one small record for each
// append. When a tail is as long as a chunk it is merged. docs/format/history.md
// describes every byte and numbers the invariants.
//
// What always holds:
//
//   - An Append that returned nil survives kill -9 and power loss (unless NoSync):
//     it waits for the write-ahead log to be on disk. Appends that come together
//     share that wait.
//   - An Append is stored as a whole or not at all.
//   - A reader sees each row once, in order, whatever is merged meanwhile. It never
//     waits for the disk of a writer, and a writer never waits for it.
//   - Reading goes page by page. Between pages, that is whenever a row is yielded,
//     nothing is held: a reader may be as slow as it likes. Rows that arrive behind
//     its position while it reads are not seen.
//   - One process has the directory. A newer format is refused.
//
// Which trades are the same: those of a series with one id, if they stand within a
// minute of each other (channels differ in precision; venues start their numbers
// again); without id, those equal in every field. The first one stays. Quotes: the
// later one of a time stays. Trades and quotes without a venue's time stand at the
// time they were received.
//
// Limits. Times from 1678 to 2261. Venue, pair, interval and gap id up to 255
// bytes. All rows of one time of one series are one chunk: thousands are well,
// millions are not. Memory: the cache, four write buffers, the tails (TailBytes, or
// 32 rows a series if that is more), and about 500 bytes a series.
//
// Goroutines: one writer, which alone changes anything, and one acker, which waits
// for the disk; Close waits for both. Pebble has its own.
package pebble
