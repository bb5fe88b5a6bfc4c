package backfill_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/backfill"
	"github.com/assayhq/assay/market/clean"
	"github.com/assayhq/assay/market/emulator"
	"github.com/assayhq/assay/market/feed"
	"github.com/assayhq/assay/market/markettest"
	"github.com/assayhq/assay/market/venue/all"
)

// bench is an emulated exchange that is not followed live, and a desk that asks it.
type bench struct {
	venue   *emulator.Venue
	past    *feed.Past
	client  *counted
	history market.History
	dir     string
	stop    func()
}

// counted counts the requests that reach the venue.
type counted struct {
	http.RoundTripper
	mu    sync.Mutex
	times []time.Time
}

func (c *counted) RoundTrip(r *http.Request) (*http.Response, error) {
	c.mu.Lock()
	c.times = append(c.times, time.Now())
	c.mu.Unlock()
	return c.RoundTripper.RoundTrip(r)
}

func open(t *testing.T, id market.VenueID, opt emulator.Options) *bench {
	t.Helper()
	v, err := emulator.New(id, emulator.NewWorld(4, emulator.WorldOptions{Rate: 4, History: 26 * time.Hour, Tape: 20 * time.Minute}), opt)
	if err != nil {
		t.Fatal(err)
	}
	if _, listed := v.Symbols(); len(listed) == 0 {
		if v, err = emulator.New(id, v.World(), emulator.Options{}); err != nil {
			t.Fatal(err)
		}
		_, listed = v.Symbols()
		opt.Pairs = listed[:1]
		if v, err = emulator.New(id, v.World(), opt); err != nil {
			t.Fatal(err)
		}
	}
	cat, err := asset.Load()
	if err != nil {
		t.Fatal(err)
	}
	d, _ := all.Driver(id)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	mem := emulator.NewMemory()
	wg.Go(func() { v.Run(ctx) })        //nolint:errcheck // ends with ctx
	wg.Go(func() { v.Serve(ctx, mem) }) //nolint:errcheck // ends with ctx
	client := &counted{RoundTripper: mem.Client().Transport}
	log := slog.New(slog.DiscardHandler)
	live := feed.NewLive(feed.NewCore(cat, nobody{}, nil, log).NewStation(d), feed.Link{Base: "http://venue.test", Client: &http.Client{Transport: client}, Log: log})
	return &bench{venue: v, past: live.Past(), client: client, history: markettest.NewMemory(), dir: t.TempDir(), stop: func() {
		mem.Client().CloseIdleConnections()
		cancel()
		mem.Close()
		wg.Wait()
	}}
}

type nobody struct{}

func (nobody) Wants(market.Topic) bool { return false }
func (nobody) Publish([]market.Event)  {}

// desk opens the bench's desk, as a new process would.
func (b *bench) desk(t *testing.T, h market.History) *backfill.Desk {
	t.Helper()
	d, err := backfill.New(backfill.Options{
		Dir: b.dir, History: h, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Venues: func(v market.VenueID) (backfill.Venue, bool) { return b.past, v == b.venue.ID() },
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// finish runs a desk until a job has ended.
func finish(t *testing.T, d *backfill.Desk, id string) backfill.Job {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { d.Run(ctx) }) //nolint:errcheck // ends with ctx
	defer func() { cancel(); wg.Wait() }()
	for range 3 * 3600 {
		j, err := d.Get(id)
		if err != nil {
			t.Fatal(err)
		}
		if j.State.Ended() {
			return j
		}
		time.Sleep(time.Second)
	}
	j, _ := d.Get(id)
	t.Fatalf("it does not end: %+v", j)
	return j
}

func (b *bench) submit(t *testing.T, d *backfill.Desk, r backfill.Request) backfill.Job {
	t.Helper()
	j, err := d.Submit(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// candles holds what is stored against the venue's own bars.
func (b *bench) candles(t *testing.T, p market.Pair, i market.Interval, from, to time.Time) {
	t.Helper()
	got := map[time.Time]market.Candle{}
	for k, err := range b.history.Candles(t.Context(), market.Series{Venue: b.venue.ID(), Pair: p}, i, market.Range{}) {
		if err != nil {
			t.Fatal(err)
		}
		if k.Open.Before(from) || !k.Open.Before(to) || k.Marks&(market.VenueBar|market.Backfilled) != market.VenueBar|market.Backfilled {
			t.Errorf("a bar that nobody asked for: %+v", k)
		}
		if _, twice := got[k.Open]; twice {
			t.Errorf("%v is there twice", k.Open)
		}
		got[k.Open] = k
	}
	truth := b.venue.Candles(b.venue.Symbol(p), i, from, to)
	if len(truth) == 0 {
		t.Fatal("the venue has nothing: the test shows nothing")
	}
	wrong := 0
	for _, k := range truth {
		g, ok := got[k.Open]
		delete(got, k.Open)
		if !ok || !g.O.Equal(k.O.Decimal) || !g.H.Equal(k.H.Decimal) || !g.L.Equal(k.L.Decimal) || !g.C.Equal(k.C.Decimal) {
			if wrong++; wrong < 4 {
				t.Errorf("%v: stored %v %v %v %v, the venue's %v %v %v %v", k.Open, g.O, g.H, g.L, g.C, k.O, k.H, k.L, k.C)
			}
		}
	}
	for _, k := range got {
		if !k.Volume.IsZero() {
			t.Errorf("the venue has no such bar: %+v", k)
		}
	}
	if wrong > 0 {
		t.Errorf("%d of %d bars are wrong", wrong, len(truth))
	}
}

// trades holds what is stored against the venue's own trades: each once. It gives how
// many there are.
func (b *bench) trades(t *testing.T, p market.Pair, from, to time.Time) int {
	t.Helper()
	d := b.past.Driver()
	id := func(x *market.Trade) string {
		if d.REST.Nameless {
			return clean.Name(x)
		}
		return x.ID
	}
	got := map[string]int{}
	for x, err := range b.history.Trades(t.Context(), market.Series{Venue: b.venue.ID(), Pair: p}, market.Range{}) {
		if err != nil {
			t.Fatal(err)
		}
		got[id(&x)]++
	}
	n, missing := 0, 0
	for _, x := range b.venue.Trades(b.venue.Symbol(p)) {
		if x.At.Before(from) || !x.At.Before(to) {
			continue
		}
		n++
		if got[id(&x)] == 0 {
			missing++
		}
		if got[id(&x)] > 1 {
			t.Errorf("trade %s is there %d times", id(&x), got[id(&x)])
		}
	}
	if n == 0 {
		t.Fatal("the venue has nothing: the test shows nothing")
	}
	if missing > 0 {
		t.Errorf("%d of %d trades are missing", missing, n)
	}
	return n
}

func venues() (out []market.VenueID) {
	for _, d := range all.Drivers() {
		out = append(out, d.Spec.ID)
	}
	return out
}

// The bars of five hours are the venue's, each once, at every venue; where it does not
// reach back that far, the job says from when on there is something.
func TestCandlesAreTheVenues(t *testing.T) {
	for _, id := range venues() {
		t.Run(string(id), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := open(t, id, emulator.Options{Pairs: []market.Pair{"BTC-USDT", "BTC-USD", "BTC-KRW", "BTC-USDT-PERP", "BTC-USD-PERP", "BTC-USDC-PERP"}})
				defer b.stop()
				_, pairs := b.venue.Symbols()
				p := pairs[0]
				d := b.desk(t, b.history)
				end := time.Now().UTC().Truncate(time.Minute)
				j := b.submit(t, d, backfill.Request{Venue: id, Pair: p, What: market.Candles, Interval: "1m", Start: end.Add(-5 * time.Hour), End: end})
				j = finish(t, d, j.ID)
				if j.State != backfill.Done || j.Percent != 100 || j.Rows == 0 || j.Added == 0 || j.Added > j.Rows {
					t.Fatalf("%+v", j)
				}
				from := j.Start
				if j.Note != "" {
					from = j.First
					t.Log(j.Note)
				}
				b.candles(t, p, "1m", from, j.End)
			})
		})
	}
}

// The trades of a quarter of an hour are restored, each once; once more adds nothing.
func TestTradesAreRestoredOnce(t *testing.T) {
	for _, id := range []market.VenueID{"binance", "kraken", "okx", "coinbase", "bitfinex", "gate"} {
		if _, ok := all.Driver(id); !ok {
			continue
		}
		t.Run(string(id), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := open(t, id, emulator.Options{Pairs: []market.Pair{"BTC-USDT", "BTC-USD"}})
				defer b.stop()
				_, pairs := b.venue.Symbols()
				p := pairs[0]
				d := b.desk(t, b.history)
				end := time.Now().UTC()
				r := backfill.Request{Venue: id, Pair: p, What: market.Trades, Start: end.Add(-15 * time.Minute), End: end}
				j := finish(t, d, b.submit(t, d, r).ID)
				if j.State != backfill.Done || j.Rows < j.Added {
					t.Fatalf("%+v", j)
				}
				if id == "binance" { // its past trades are sums of one taker's executions, with ids of their own
					return
				}
				if n := b.trades(t, p, r.Start, end); int64(n) != j.Added {
					t.Errorf("%d trades, and %d are said to have been added", n, j.Added)
				}
				r.Share = 1
				if again := finish(t, d, b.submit(t, d, r).ID); again.Added != 0 {
					t.Errorf("once more added %d rows", again.Added)
				}
			})
		})
	}
}

// mortal is a history whose process dies right after an Append: the page is stored, the
// job's place is not.
type mortal struct {
	market.History
	left int
	kill func()
}

var errKilled = errors.New("killed")

func (m *mortal) Append(ctx context.Context, b *market.Batch) error {
	if m.left == 0 {
		return errKilled
	}
	if err := m.History.Append(ctx, b); err != nil {
		return err
	}
	if m.left--; m.left == 0 {
		m.kill()
		return errKilled
	}
	return nil
}

// A server that is killed between two pages, or between a page and the job's place, goes
// on where it was: nothing is missing, nothing is there twice, little is asked again.
func TestAJobSurvivesKills(t *testing.T) {
	for _, id := range []market.VenueID{"binance", "okx", "coinbase"} {
		t.Run(string(id), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := open(t, id, emulator.Options{Pairs: []market.Pair{"BTC-USDT"}})
				defer b.stop()
				end := time.Now().UTC().Truncate(time.Minute)
				r := backfill.Request{Venue: id, Pair: "BTC-USDT", What: market.Candles, Interval: "1m", Start: end.Add(-24 * time.Hour), End: end}
				job, pages := "", int64(0)
				for life := 0; ; life++ {
					ctx, kill := context.WithCancel(t.Context())
					h := &mortal{b.history, 1, kill}
					d := b.desk(t, h)
					if job == "" {
						job = b.submit(t, d, r).ID
					}
					var wg sync.WaitGroup
					wg.Go(func() { d.Run(ctx) }) //nolint:errcheck // ends with ctx
					for range 600 {
						if j, err := d.Get(job); err != nil || j.State.Ended() || ctx.Err() != nil {
							break
						}
						time.Sleep(time.Second)
					}
					kill()
					wg.Wait()
					j, err := d.Get(job)
					if err != nil || j.Pages < pages || life > 20 {
						t.Fatal(err, j, life)
					}
					pages = j.Pages
					if j.State == backfill.Done {
						if life < 2 {
							t.Errorf("it was killed only %d times: the test shows little", life)
						}
						b.candles(t, "BTC-USDT", "1m", r.Start, j.End)
						break
					}
				}
			})
		})
	}
}

// A cancelled job stops, keeps what it has, and is still told after a restart.
func TestCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, "kraken", emulator.Options{Pairs: []market.Pair{"BTC-USD"}})
		defer b.stop()
		d := b.desk(t, b.history)
		now := time.Now().UTC()
		first := b.submit(t, d, backfill.Request{Venue: "kraken", Pair: "BTC-USD", What: market.Trades, Start: now.Add(-10 * time.Minute)})
		_, err := d.Submit(t.Context(), backfill.Request{Venue: "kraken", Pair: "BTC-USD", What: market.Trades, Start: first.Start})
		if fault.Of(err) != fault.Conflict || !strings.Contains(err.Error(), first.ID) {
			t.Error("the same job twice:", err)
		}
		if j, err := d.Cancel(first.ID); err != nil || j.State != backfill.Cancelled {
			t.Fatal(j, err)
		}
		if j := finish(t, b.desk(t, b.history), first.ID); j.State != backfill.Cancelled || j.Pages != 0 {
			t.Errorf("%+v", j)
		}
		if _, err := d.Cancel("bf_none"); fault.Of(err) != fault.Unknown {
			t.Error(err)
		}
		if list, err := os.ReadDir(b.dir); err != nil || len(list) != 1 {
			t.Error(list, err)
		}
	})
}

// What a venue cannot give is said at once, and what would do instead.
func TestWhatAVenueCannotGive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, "kraken", emulator.Options{Pairs: []market.Pair{"BTC-USD"}})
		defer b.stop()
		d := b.desk(t, b.history)
		now := time.Now().UTC()
		for _, x := range []struct {
			r    backfill.Request
			kind fault.Kind
			says string
		}{
			{backfill.Request{Venue: "nowhere", Pair: "BTC-USD", What: market.Trades, Start: now.Add(-time.Hour)}, fault.Unknown, "does not follow"},
			{backfill.Request{Venue: "kraken", Pair: "BTC-USD", What: market.Candles, Interval: "3m", Start: now.Add(-time.Hour)}, fault.Invalid, "it has 1m, 5m"},
			{backfill.Request{Venue: "kraken", Pair: "BTC-USD", What: market.Candles, Start: now.Add(-time.Hour)}, fault.Invalid, "say which candles"},
			{backfill.Request{Venue: "kraken", Pair: "BTC-USD", What: market.Funding, Start: now.Add(-time.Hour)}, fault.Invalid, "funding"},
			{backfill.Request{Venue: "kraken", Pair: "BTC-USD", What: market.Books, Start: now.Add(-time.Hour)}, fault.Invalid, "use candles, trades or funding"},
			{backfill.Request{Venue: "kraken", Pair: "NO-SUCH", What: market.Trades, Start: now.Add(-time.Hour)}, fault.Unknown, "does not list NO-SUCH"},
			{backfill.Request{Venue: "kraken", Pair: "BTC-USD", What: market.Trades, Start: now.Add(time.Hour)}, fault.Invalid, "start"},
			{backfill.Request{Venue: "kraken", Pair: "BTC-USD", What: market.Trades, Start: now.Add(-time.Hour), Share: 2}, fault.Invalid, "share"},
		} {
			if _, err := d.Submit(t.Context(), x.r); err == nil || fault.Of(err) != x.kind || !strings.Contains(fault.Public(err), x.says) {
				t.Errorf("%+v: %v", x.r, err)
			}
		}
	})
}

// A smaller share asks more slowly.
func TestAShareIsKept(t *testing.T) {
	took := func(share float64) (d time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			b := open(t, "okx", emulator.Options{Pairs: []market.Pair{"BTC-USDT"}})
			defer b.stop()
			k := b.desk(t, b.history)
			end := time.Now().UTC().Truncate(time.Minute)
			begun := time.Now()
			j := finish(t, k, b.submit(t, k, backfill.Request{Venue: "okx", Pair: "BTC-USDT", What: market.Candles, Interval: "1m", Start: end.Add(-24 * time.Hour), End: end, Share: share}).ID)
			if j.State != backfill.Done {
				t.Errorf("%+v", j)
			}
			b.client.mu.Lock()
			defer b.client.mu.Unlock()
			d = b.client.times[len(b.client.times)-1].Sub(begun)
		})
		return d
	}
	if half, tenth := took(0.5), took(0.05); tenth < 4*half {
		t.Errorf("half of the allowance took %v, a twentieth %v", half, tenth)
	}
}

// Settled funding comes once for each payment.
func TestFundingIsFetched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, "cryptocom", emulator.Options{Pairs: []market.Pair{"BTC-USD-PERP"}})
		defer b.stop()
		d := b.desk(t, b.history)
		end := time.Now().UTC().Truncate(time.Hour)
		j := finish(t, d, b.submit(t, d, backfill.Request{Venue: "cryptocom", Pair: "BTC-USD-PERP", What: market.Funding, Start: end.Add(-20 * time.Hour), End: end}).ID)
		n := 0
		for x, err := range b.history.Funding(t.Context(), market.Series{Venue: "cryptocom", Pair: "BTC-USD-PERP"}, market.Range{}) {
			if err != nil || x.FundingAt.Before(j.Start) {
				t.Error(x, err)
			}
			n++
		}
		if j.State != backfill.Done || n != 20 || j.Added != 20 {
			t.Errorf("%d rows; %+v", n, j)
		}
	})
}

// A gap of trades is filled when it is asked for: the venue's trades are there once, and
// the entry says how. Where the venue reaches back for candles alone, they stand in.
func TestAGapIsRepaired(t *testing.T) {
	for id, want := range map[market.VenueID]market.Repair{"kraken": market.ByTrades, "okx": market.ByTrades, "bybit": market.ByCandles} {
		t.Run(string(id), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := open(t, id, emulator.Options{Pairs: []market.Pair{"BTC-USDT"}})
				defer b.stop()
				time.Sleep(10 * time.Second)
				all := b.venue.Trades(b.venue.Symbol("BTC-USDT"))
				from, to := time.Now().UTC().Add(-15*time.Minute), time.Now().UTC().Add(-10*time.Minute)
				var had market.Batch
				g := market.Gap{ID: string(id) + "|c1#0|||disconnect|1", Venue: id, Kind: market.Disconnected, To: to, Missing: -1}
				missing := 0
				for _, x := range all {
					if x.Received = x.At; x.At.After(from) && x.At.Before(to) {
						missing++
						continue
					}
					if x.At.Before(to) {
						g.From = x.At
					}
					had.Trades = append(had.Trades, x)
				}
				had.Gaps = []market.Gap{g}
				if err := b.history.Append(t.Context(), &had); err != nil {
					t.Fatal(err)
				}
				list, err := b.desk(t, b.history).Repair(t.Context(), g)
				if err != nil || len(list) != 1 || missing == 0 {
					t.Fatal(list, err, missing)
				}
				r := list[0]
				if r.RepairedBy != want || r.Repaired.IsZero() || r.Pair != "BTC-USDT" || r.ID != g.ID+"|BTC-USDT" {
					t.Errorf("%+v", r)
				}
				if want == market.ByTrades {
					if r.Restored != int64(missing) {
						t.Errorf("%d trades were missing, %d restored", missing, r.Restored)
					}
					b.trades(t, "BTC-USDT", all[0].At, to)
				}
				n := 0
				for k, err := range b.history.Candles(t.Context(), market.Series{Venue: id, Pair: "BTC-USDT"}, "1m", market.Range{}) {
					if n++; err != nil || !k.Complete {
						t.Error(k, err)
					}
				}
				if n < 5 {
					t.Errorf("%d bars", n)
				}
				kept := 0
				for x, err := range b.history.Gaps(t.Context(), market.Series{Venue: id, Pair: "BTC-USDT"}, market.Range{}) {
					if kept++; err != nil || x.ID == r.ID && x.RepairedBy != want {
						t.Error(x, err)
					}
				}
				if kept != 2 {
					t.Errorf("%d entries", kept)
				}
			})
		})
	}
}
