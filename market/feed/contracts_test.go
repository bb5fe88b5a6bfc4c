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
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/market/venue/all"
)

// What REST says of a contract is whole, and its funding history comes page by page
// without a hole or a doubled row.
func TestContractsTellTheirTermsAndTheirFunding(t *testing.T) {
	for _, d := range all.Drivers() {
		if !d.REST.Derivatives && !d.REST.Funding {
			continue
		}
		t.Run(string(d.Spec.ID), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { terms(t, d) })
		})
	}
}

func terms(t *testing.T, d *venue.Driver) {
	world := emulator.NewWorld(7, emulator.WorldOptions{History: 45 * 24 * time.Hour, Tape: 10 * time.Minute})
	v, err := emulator.New(d.Spec.ID, world, emulator.Options{})
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
	st := feed.NewCore(cat, newWitness(v), nil, slog.New(slog.DiscardHandler)).NewStation(d)
	get := feed.NewGetter(d, mem.Client(), "http://venue.test")
	fetch := func(a venue.Ask) []market.Derivative {
		var out []market.Derivative
		for more := true; more; {
			b, err := get.Fetch(ctx, st, a)
			if err != nil {
				t.Fatalf("ask %d: %v", a.What, err)
			}
			out = append(out, b.Derivatives...)
			a, more = d.REST.Next(a, b)
		}
		return out
	}
	fetch(venue.Ask{What: venue.AskInstruments})
	contracts := 0
	for _, in := range st.Instruments() {
		if in.Kind != market.Perpetual {
			continue
		}
		contracts++
		if d.REST.Derivatives {
			x := fetch(venue.Ask{What: venue.AskDerivative, Instrument: in})
			const all = market.StatedMark | market.StatedIndex | market.StatedFunding | market.StatedInterest
			var whole market.Derivative // in one answer, or in several
			for _, r := range x {
				if whole.Has |= r.Has; r.Pair != in.Pair || r.Has&market.StatedMark != 0 && r.Mark.Sign() <= 0 || r.Has&market.StatedIndex != 0 && r.Index.Sign() <= 0 || r.Has&market.StatedInterest != 0 && r.Interest.Sign() <= 0 {
					t.Errorf("%s: %+v", in.Symbol, r)
				}
			}
			if missing := all &^ whole.Has; missing != 0 && missing != market.StatedFunding { // some tell the rate of now by stream only
				t.Errorf("%s: %d answers state %b", in.Symbol, len(x), whole.Has)
			}
		}
		if d.REST.Funding {
			to := time.Now().UTC().Truncate(time.Hour)
			from := to.Add(-40 * 24 * time.Hour)
			paid(t, in, fetch(venue.Ask{What: venue.AskFunding, Instrument: in, From: from, To: to}), from, to)
		}
	}
	if contracts == 0 {
		t.Error("no perpetual is listed")
	}
	cancel()
	mem.Close()
	wg.Wait()
}

// paid checks the rows of a funding history that lie in a range. Where a venue pages
// backwards, or gives more than was asked for, the order of the rows is its own.
func paid(t *testing.T, in market.Instrument, rows []market.Derivative, from, to time.Time) {
	t.Helper()
	seen := map[time.Time]bool{}
	var every time.Duration
	for _, r := range rows {
		if !r.Settled || r.Has&market.StatedFunding == 0 || r.FundingAt.IsZero() {
			t.Fatalf("%s: no settled funding: %+v", in.Symbol, r)
		}
		if r.FundingAt.Before(from) || !r.FundingAt.Before(to) {
			continue
		}
		if seen[r.FundingAt] {
			t.Errorf("%s: the funding of %v came twice", in.Symbol, r.FundingAt)
		}
		seen[r.FundingAt], every = true, max(every, r.Interval)
	}
	if every == 0 {
		every = 8 * time.Hour // not stated: the usual
	}
	if want := int(to.Sub(from) / every); len(seen) < want-1 || len(seen) > want+1 {
		t.Errorf("%s: %d rows of funding in %v, want %d", in.Symbol, len(seen), to.Sub(from), want)
	}
}

// Everything a venue of contracts streams is read: each channel brings something, nothing
// is strange, and nothing is refused.
func TestContractsStreamEveryChannel(t *testing.T) {
	for _, d := range all.Drivers() {
		if !slices.Contains(d.Current().Channels, market.Derivatives) {
			continue
		}
		t.Run(string(d.Spec.ID), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { stream(t, d) })
		})
	}
}

func stream(t *testing.T, d *venue.Driver) {
	world := emulator.NewWorld(7, emulator.WorldOptions{Rate: 12, History: time.Hour, Tape: 10 * time.Minute})
	v, err := emulator.New(d.Spec.ID, world, emulator.Options{Pairs: perpetuals([]market.Pair{"BTC-USD", "BTC-USDT", "ETH-USD", "ETH-USDT", "BTC-GUSD", "ETH-GUSD"})})
	if err != nil {
		t.Fatal(err)
	}
	cat, err := asset.Load()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	mem := emulator.NewMemory()
	log := slog.New(slog.DiscardHandler)
	st := feed.NewCore(cat, newWitness(v), nil, log).NewStation(d)
	again := feed.NewIntake(d, func(s string) string { return string(cat.Normalize(string(d.Spec.ID), s)) })
	refused, reconnects := []string{}, 0
	var mu sync.Mutex
	live := feed.NewLive(st, feed.Link{
		Stream: "ws://venue.test", Base: "http://venue.test", Client: mem.Client(), Log: log, Channels: d.Current().Channels,
		Pick: func(in []market.Instrument) []market.Instrument { return in },
		Keep: func(f market.Frame) { // what came, read a second time to be counted
			mu.Lock()
			defer mu.Unlock()
			c, _ := again.Conn(f.Conn)
			switch f.Kind {
			case "connect":
				_, err = again.ConnectAs(d.Current(), f.Conn, f.Addr, f.Received)
			case "disconnect":
				reconnects++
			case "recv":
				b, _ := c.Frame(f.Data, f.Received, 0)
				for _, n := range b.Notices {
					if n.Kind == market.Refused {
						refused = append(refused, n.Text)
					}
				}
			}
		},
	})
	var wg sync.WaitGroup
	wg.Go(func() { v.Serve(ctx, mem) }) //nolint:errcheck // ends with ctx
	wg.Go(func() { live.Run(ctx) })     //nolint:errcheck // ends with ctx
	time.Sleep(4 * time.Minute)
	mu.Lock()
	n := again.Counts
	lost := reconnects
	mu.Unlock()
	cancel()
	mem.Close()
	wg.Wait()
	has := map[market.Channel]int64{market.Trades: n.Trades, market.Quotes: n.Quotes, market.Books: n.Books + n.Waiting, market.Candles: n.Candles,
		market.Derivatives: n.Derivatives, market.Liquidations: n.Liquidations}
	for _, ch := range d.Current().Channels {
		if has[ch] == 0 {
			t.Errorf("the channel %s brought nothing: %+v", ch, n)
		}
	}
	if n.DecodeErrors+n.Strange+n.SequenceGaps > 0 || lost > 0 || len(refused) > 0 || err != nil {
		t.Errorf("%+v, %d reconnects, refused %v, %v", n, lost, refused, err)
	}
}

// A venue that closes on those who do not ping hears from us, however long it is quiet.
func TestTheProtocolsOwnPingKeepsAConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := startScene(t, "krakenfutures", 1, nil, "BTC-USD")
		time.Sleep(5 * time.Minute)
		state := s.core.Venues()[0]
		s.stop()
		if state.Reconnects != 0 || state.State != "live" {
			t.Errorf("%d reconnects, %s: %s", state.Reconnects, state.State, state.Reason)
		}
	})
}
