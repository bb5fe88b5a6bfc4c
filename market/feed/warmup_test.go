package feed_test

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/emulator"
	"github.com/assayhq/assay/market/feed"
	"github.com/assayhq/assay/market/venue/kraken"
)

// A venue that wants a pause after connecting gets it; then all is asked for.
func TestNothingIsSentDuringTheWarmup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := kraken.Driver
		d.Dialects = slices.Clone(d.Dialects)
		d.Dialects[0].Session.Warmup = 3 * time.Second
		v, err := emulator.New("kraken", emulator.NewWorld(1, emulator.WorldOptions{History: time.Hour}), emulator.Options{Pairs: []market.Pair{"BTC-USD"}})
		if err != nil {
			t.Fatal(err)
		}
		cat, err := asset.Load()
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		mem := emulator.NewMemory()
		var wg sync.WaitGroup
		wg.Go(func() { v.Serve(ctx, mem) }) //nolint:errcheck // ends with ctx
		var mu sync.Mutex
		var connected, sent time.Time
		log := slog.New(slog.DiscardHandler)
		st := feed.NewCore(cat, newWitness(v), nil, log).NewStation(&d)
		live := feed.NewLive(st, feed.Link{
			Stream: "ws://venue.test", Base: "http://venue.test", Client: mem.Client(), Log: log,
			Pick:     func(in []market.Instrument) []market.Instrument { return in },
			Channels: []market.Channel{market.Trades},
			Keep: func(f market.Frame) {
				mu.Lock()
				defer mu.Unlock()
				switch {
				case f.Kind == "connect":
					connected = f.Received
				case f.Kind == "send" && sent.IsZero():
					sent = f.Received
				}
			},
		})
		wg.Go(func() { live.Run(ctx) }) //nolint:errcheck // ends with ctx
		time.Sleep(30 * time.Second)
		cancel()
		mem.Close()
		wg.Wait()
		if pause := sent.Sub(connected); connected.IsZero() || pause != 3*time.Second {
			t.Errorf("the first request came %v after connecting, want 3s", pause)
		}
	})
}
