package main

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"os"
	"time"

	"github.com/assayhq/assay/market/emulator"
)

// serve emulates the venues until the standard input ends. It writes where they are as
// the first line, and for every line that it reads the number of events so far.
func serve(ctx context.Context, p plan) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	world := emulator.NewWorld(1, emulator.WorldOptions{Depth: 20, History: time.Hour, Tape: time.Minute})
	// An invented market has 0.55 of a liquid one's events in the middle.
	rate := p.rate / (0.55 * float64(p.symbols*len(p.venues)))
	where := map[string]emulator.Endpoint{}
	var venues []*emulator.Venue
	for _, id := range p.venues {
		v, err := emulator.New(id, world, emulator.Options{Symbols: p.symbols, Rate: rate, Burst: p.burst, Lag: -1, Unlimited: true, Queue: 1 << 16})
		if err != nil {
			return err
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		venues = append(venues, v)
		where[string(id)] = v.Endpoint(l.Addr().String())
		go v.Serve(ctx, l) //nolint:errcheck // it ends with the process
	}
	say := json.NewEncoder(os.Stdout)
	if err := say.Encode(where); err != nil {
		return err
	}
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		var state counted
		for _, v := range venues {
			state.Events += v.Events()
			state.Cut += v.Journal().Count("slow client cut")
		}
		if err := say.Encode(state); err != nil {
			return err
		}
	}
	return nil
}

// counted is what the emulator tells of itself.
type counted struct {
	Events uint64 `json:"events"`
	Cut    int    `json:"cut"` // clients that read too slowly
}
