// Command scale is a developer's tool, not a part of the product: it shows what the feed
// carries. A second process of it emulates sixteen exchanges of five hundred markets each
// on loopback; this one follows them with the real connectors, decoders, books, consensus,
// bus and recorder, and a subscriber that reads everything.
//
// It prints a table and one line of JSON: events and their rate, how late they were
// published by the venue's own time, processor time of both processes per million events,
// memory every ten seconds and its slope, the depth of queues, and what was dropped.
// `make scale` runs it; -for 10m runs it long, -burst 10 asks for ten times the events in
// two seconds of every ten. It never reaches a network.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/assayhq/assay/market"
)

// spots are the venues of the run.
const spots = "binance,bitfinex,bitget,bitstamp,bybit,coinbase,coinbaseexchange,cryptocom,gate,gemini,htx,hyperliquid,kraken,kucoin,mexc,okx"

// plan is how big a run is.
type plan struct {
	venues  []market.VenueID
	symbols int
	rate    float64 // events a second of all venues
	burst   float64 // how many times as many in two seconds of every ten
	during  time.Duration
	warm    time.Duration // before anything is measured
	profile string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var p plan
	venues := flag.String("venues", spots, "venues to emulate and follow")
	emulate := flag.Bool("emulate", false, "be the emulator")
	flag.IntVar(&p.symbols, "symbols", 500, "markets of each venue, beside those of its named coins")
	flag.Float64Var(&p.rate, "rate", 20000, "events a second of all venues")
	flag.Float64Var(&p.burst, "burst", 1, "how many times as many in the first two seconds of every ten")
	flag.DurationVar(&p.during, "for", time.Minute, "how long to measure")
	flag.DurationVar(&p.warm, "warm", 30*time.Second, "how long to subscribe and join books before")
	flag.StringVar(&p.profile, "cpuprofile", "", "write a processor profile of the measured time")
	flag.Parse()
	for _, v := range strings.Split(*venues, ",") {
		p.venues = append(p.venues, market.VenueID(v))
	}
	run := follow
	if *emulate {
		run = serve
	}
	if err := run(ctx, p); err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}
