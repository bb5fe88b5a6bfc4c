package feed_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/emulator"
	"github.com/assayhq/assay/market/feed"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/market/venue/all"
)

// What contracts are said to be comes through a connection and by request: every field,
// nothing unknown, and the rate of now is the one that is paid when its time comes.
func TestWhatContractsAreSaidToBe(t *testing.T) {
	for _, x := range []struct {
		id           market.VenueID
		pair         market.Pair
		paid         time.Duration
		liquidations bool
	}{{"cryptocom", "BTC-USD-PERP", time.Hour, false}, {"bitget", "BTC-USDT-PERP", 8 * time.Hour, true}} {
		t.Run(string(x.id), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, _ := all.Driver(x.id)
				cat, err := asset.Load()
				if err != nil {
					t.Fatal(err)
				}
				v, err := emulator.New(x.id, emulator.NewWorld(9, emulator.WorldOptions{History: 30 * time.Hour}), emulator.Options{Pairs: []market.Pair{x.pair}})
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				mem := emulator.NewMemory()
				var wg sync.WaitGroup
				wg.Go(func() { v.Serve(ctx, mem) }) //nolint:errcheck // ends with ctx
				log := slog.New(slog.DiscardHandler)
				st := feed.NewCore(cat, newWitness(v), nil, log).NewStation(d)
				var mu sync.Mutex
				var frames []market.Frame
				live := feed.NewLive(st, feed.Link{
					Stream: "ws://venue.test", Base: "http://venue.test", Client: mem.Client(), Log: log,
					Pick:     func(in []market.Instrument) []market.Instrument { return in },
					Channels: []market.Channel{market.Trades, market.Quotes, market.Derivatives, market.Liquidations, market.Candles},
					Keep: func(f market.Frame) {
						mu.Lock()
						defer mu.Unlock()
						frames = append(frames, f)
					},
				})
				wg.Go(func() { live.Run(ctx) }) //nolint:errcheck // ends with ctx
				time.Sleep(3 * time.Minute)
				told := streamed(t, d, frames, &mu, x.pair, x.liquidations)
				asked(t, d, st, feed.NewGetter(d, mem.Client(), "http://venue.test"), x.pair, x.paid, told)
				mem.Client().CloseIdleConnections()
				cancel()
				mem.Close()
				wg.Wait()
			})
		})
	}
}

// streamed reads what was kept of the connection and gives the last funding told.
func streamed(t *testing.T, d *venue.Driver, frames []market.Frame, mu *sync.Mutex, pair market.Pair, liquidations bool) (last market.Derivative) {
	t.Helper()
	mu.Lock()
	defer mu.Unlock()
	k := feed.NewIntake(d, func(s string) string { return s })
	var has market.Stated
	for _, f := range frames {
		switch f.Kind {
		case "connect":
			if _, err := k.ConnectAs(d.Current(), f.Conn, f.Addr, f.Received); err != nil {
				t.Fatal(err)
			}
		case "recv":
			c, _ := k.Conn(f.Conn)
			b, err := c.Frame(f.Data, f.Received, 0)
			if err != nil {
				t.Fatalf("%v in %.200s", err, f.Data)
			}
			for _, x := range b.Derivatives {
				if has |= x.Has; x.Pair != pair || x.At.IsZero() {
					t.Errorf("%+v", x)
				}
				if x.Has&market.StatedFunding != 0 {
					last = x
				}
			}
		}
	}
	n := k.Counts
	if n.Strange+n.Gaps > 0 || n.Trades == 0 || n.Quotes == 0 || n.Candles == 0 || n.Derivatives < 100 || liquidations != (n.Liquidations > 0) {
		t.Errorf("%+v", n)
	}
	if has != market.StatedMark|market.StatedIndex|market.StatedFunding|market.StatedInterest || last.FundingAt.IsZero() {
		t.Errorf("only %b was told, funding %+v", has, last)
	}
	return last
}

// asked makes the requests for the same, and for what was paid in the last day.
func asked(t *testing.T, d *venue.Driver, st *feed.Station, g *feed.Getter, pair market.Pair, paid time.Duration, told market.Derivative) {
	t.Helper()
	in := st.Instruments()[0]
	ask := func(a venue.Ask) (out []market.Derivative) {
		for more := true; more; {
			b, err := g.Fetch(t.Context(), st, a)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, b.Derivatives...)
			a, more = d.REST.Next(a, b)
		}
		return out
	}
	var has market.Stated
	for _, x := range ask(venue.Ask{What: venue.AskDerivative, Instrument: in}) {
		if has |= x.Has; x.Has&market.StatedFunding != 0 && x.Funding.Cmp(told.Funding) != 0 {
			t.Errorf("funding %v by request, %v in the stream", x.Funding, told.Funding)
		}
	}
	if has != market.StatedMark|market.StatedIndex|market.StatedFunding|market.StatedInterest {
		t.Errorf("only %b was answered", has)
	}
	to := time.Now()
	rows := ask(venue.Ask{What: venue.AskFunding, Instrument: in, From: to.Add(-24 * time.Hour), To: to})
	if want := int(24 * time.Hour / paid); len(rows) < want || len(rows) > want+2 {
		t.Errorf("%d rows of paid funding in a day, want %d", len(rows), want)
	}
	for i, x := range rows {
		if !x.Settled || x.Pair != pair || !x.FundingAt.Equal(x.FundingAt.Truncate(paid)) || i > 0 && x.FundingAt.Sub(rows[i-1].FundingAt) != paid {
			t.Errorf("row %d: %+v", i, x)
		}
	}
}
