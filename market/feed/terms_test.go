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

// inParts lists venues with a perpetual of each and what their streams state of it; most
// say by request in several answers what a contract is.
var inParts = []struct {
	id     market.VenueID
	pair   market.Pair
	stream market.Stated
}{
	{"binancecoinm", "BTC-USD-PERP", market.StatedMark | market.StatedIndex | market.StatedFunding},
	{"binanceusdm", "BTC-USDT-PERP", market.StatedMark | market.StatedIndex | market.StatedFunding},
	{"bybit", "BTC-USDT-PERP", everything},
	{"okx", "BTC-USDT-PERP", everything},
	{"okx", "BTC-USD-PERP", everything},
}

const everything = market.StatedMark | market.StatedIndex | market.StatedFunding | market.StatedInterest

// The answers together state every field, funding is paged without a hole or a doubled
// row, and each channel of the stream brings something and nothing strange.
func TestContractsAreToldInParts(t *testing.T) {
	for _, x := range inParts {
		t.Run(string(x.id)+" "+string(x.pair), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { parts(t, x.id, x.pair, x.stream) })
		})
	}
}

func parts(t *testing.T, id market.VenueID, pair market.Pair, stated market.Stated) {
	d, _ := all.Driver(id)
	cat, err := asset.Load()
	if err != nil {
		t.Fatal(err)
	}
	v, err := emulator.New(id, emulator.NewWorld(7, emulator.WorldOptions{Rate: 12, History: 45 * 24 * time.Hour, Tape: 10 * time.Minute}), emulator.Options{Pairs: []market.Pair{pair, market.NewPair(pair.Base(), pair.Quote())}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	mem := emulator.NewMemory()
	var wg sync.WaitGroup
	wg.Go(func() { v.Serve(ctx, mem) }) //nolint:errcheck // ends with ctx
	log := slog.New(slog.DiscardHandler)
	code := func(s string) string { return string(cat.Normalize(string(id), s)) }
	st := feed.NewCore(cat, newWitness(v), nil, log).NewStation(d)
	get := feed.NewGetter(d, mem.Client(), "http://venue.test")
	ask := func(a venue.Ask) []market.Derivative {
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
	ask(venue.Ask{What: venue.AskInstruments})
	var in market.Instrument
	for _, x := range st.Instruments() {
		if x.Pair == pair {
			in = x
		}
	}
	has := market.Stated(0)
	for _, x := range ask(venue.Ask{What: venue.AskDerivative, Instrument: in}) {
		if x.Pair != pair || x.Has&has != 0 {
			t.Errorf("%+v", x)
		}
		has |= x.Has
	}
	if has != everything {
		t.Errorf("by request only %b is stated", has)
	}
	to := time.Now().UTC().Truncate(time.Hour)
	from := to.Add(-40 * 24 * time.Hour)
	seen := map[time.Time]bool{}
	for _, x := range ask(venue.Ask{What: venue.AskFunding, Instrument: in, From: from, To: to}) {
		if !x.Settled || x.Has&market.StatedFunding == 0 || seen[x.FundingAt] {
			t.Fatalf("no settled funding, or twice: %+v", x)
		}
		seen[x.FundingAt] = !x.FundingAt.Before(from) && x.FundingAt.Before(to)
	}
	inside := 0
	for _, ok := range seen {
		if ok {
			inside++
		}
	}
	if inside != 120 {
		t.Errorf("%d payments in forty days of three", inside)
	}
	// The frames of a connection are read a second time, to be counted.
	again := feed.NewIntake(d, code)
	var mu sync.Mutex
	has = 0
	stopped, ended := false, 0
	live := feed.NewLive(st, feed.Link{
		Stream: "ws://venue.test", Base: "http://venue.test", Client: mem.Client(), Log: log, Channels: d.Current().Channels,
		Pick: func(in []market.Instrument) []market.Instrument { return in },
		Keep: func(f market.Frame) {
			mu.Lock()
			defer mu.Unlock()
			c, _ := again.Conn(f.Conn)
			switch f.Kind {
			case "connect":
				again.ConnectAs(d.Current(), f.Conn, f.Addr, f.Received) //nolint:errcheck // the live side read the same address
			case "disconnect":
				if !stopped {
					ended++
				}
			case "recv":
				b, err := c.Frame(f.Data, f.Received, 0)
				if err != nil {
					t.Errorf("%v in %.200s", err, f.Data)
				}
				for _, x := range b.Derivatives {
					has |= x.Has
				}
				for _, n := range b.Notices {
					if n.Kind == market.Refused || n.Kind == market.Strange {
						t.Errorf("%s in %.200s", n.Text, f.Data)
					}
				}
			}
		},
	})
	wg.Go(func() { live.Run(ctx) }) //nolint:errcheck // ends with ctx
	time.Sleep(4 * time.Minute)
	mu.Lock()
	n := again.Counts
	stopped = true
	mu.Unlock()
	cancel()
	mem.Close()
	wg.Wait()
	if n.Trades == 0 || n.Quotes == 0 || n.Books+n.Waiting == 0 || n.Candles == 0 || n.Derivatives == 0 || n.Liquidations == 0 || has != stated || ended > 0 {
		t.Errorf("stated %b, %d connections ended, %+v", has, ended, n)
	}
}
