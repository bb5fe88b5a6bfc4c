package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"

	"github.com/assayhq/assay/market/emulator"
	"github.com/assayhq/assay/market/feed"
)

// SimulatedNote stands on every answer of the demonstration.
const SimulatedNote = "Simulated market: exchanges emulated on this machine, no real prices."

// demoDays is the simulated history of the demonstration's venues: what is asked of
// them at the start, so that changes over a year, risk and grades have numbers at once.
const demoDays = 400

// demoVenues are those of a demonstration that names none: enough to show how spot
// markets agree and what contracts say, without the memory that two dozen take.
var demoVenues = []string{"binance", "binanceusdm", "bitstamp", "bybit", "coinbase", "deribit", "kraken", "okx"}

// Demo starts an emulated exchange for each venue on loopback, and connects the
// real connectors to them. What it returns runs beside the app.
func (a *App) Demo(seed uint64, faults *emulator.FaultPlan) (func(context.Context) error, error) {
	a.Core.Simulate(SimulatedNote)
	world := emulator.NewWorld(seed, emulator.WorldOptions{Days: demoDays})
	type booth struct {
		venue *emulator.Venue
		l     net.Listener
	}
	var booths []booth
	if len(a.cfg.Venues) == 0 {
		a.cfg.Venues = demoVenues
	}
	for _, id := range a.cfg.venueIDs() {
		if !slices.Contains(emulator.IDs(), id) {
			a.log.Warn("there is no emulator of this exchange; the demonstration goes on without it", "venue", string(id))
			continue
		}
		v, err := emulator.New(id, world, emulator.Options{Faults: faults})
		if err != nil {
			return nil, err
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		booths = append(booths, booth{v, l})
		e := v.Endpoint(l.Addr().String())
		if err := a.Follow(id, feed.Link{Stream: e.WS, Base: e.REST, Pick: a.cfg.pick, Client: &http.Client{}}); err != nil {
			return nil, err
		}
	}
	return func(ctx context.Context) error {
		errs := make(chan error, len(booths))
		for _, b := range booths { // Serve moves the market too
			go func() { errs <- b.venue.Serve(ctx, b.l) }()
		}
		var out error
		for range cap(errs) {
			if err := <-errs; err != nil && ctx.Err() == nil && !errors.Is(err, context.Canceled) {
				out = errors.Join(out, fmt.Errorf("emulated venue: %w", err))
			}
		}
		return out
	}, nil
}
