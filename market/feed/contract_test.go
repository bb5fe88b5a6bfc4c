package feed_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/bus"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/book"
	"github.com/assayhq/assay/market/feed"
	"github.com/assayhq/assay/market/markettest"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/money"
)

// toy is an exchange of contracts as small as can be: its frames and answers are lines
// of words.
//
//	said BTC mark=60000.5 index=60000 funding=0.0001 interest=12 pays=1767258000
//	paid BTC funding=0.0001 pays=1767254400
//	shut BTC 7 sell 59000 0.5
//	deal BTC 7 59000 0.5 1767254400
type toy struct {
	mu    sync.Mutex
	asks  []string
	paid  []string // answers of funding, oldest first
	said  string   // answer of state
	subs  []string
	lines chan string
	conns chan net.Conn
	done  chan struct{}
}

func newToy() *toy {
	return &toy{lines: make(chan string, 16), conns: make(chan net.Conn), done: make(chan struct{})}
}

func (y *toy) driver() *venue.Driver {
	return &venue.Driver{
		Spec: venue.Spec{ID: "toy", Name: "Toy", Stream: "ws://toy", Base: "http://toy"},
		Dialects: []venue.Dialect{{
			Name: "words", Channels: []market.Channel{market.Trades, market.Derivatives, market.Liquidations}, Path: "/ws",
			Open: func(t *venue.Table, _ *url.URL) venue.Feed { return toyFeed{t} },
			Subscribe: func(subs []venue.Sub, _ int) (out [][]byte) {
				for _, s := range subs {
					out = append(out, []byte(string(s.Channel)+" "+s.Instrument.Symbol))
				}
				return out
			},
			Unsubscribe: func([]venue.Sub, int) [][]byte { return nil },
			Book:        book.Rule{Join: book.Replace},
		}},
		REST: venue.REST{
			Derivatives: true, Funding: true,
			Request: func(a venue.Ask) (venue.Request, error) {
				switch a.What {
				case venue.AskInstruments:
					return venue.Request{Path: "/list"}, nil
				case venue.AskDerivative:
					return venue.Request{Path: "/state?of=" + a.Instrument.Symbol}, nil
				default:
					return venue.Request{Path: fmt.Sprintf("/funding?of=%s&from=%d", a.Instrument.Symbol, a.From.Unix())}, nil
				}
			},
			Decode: func(u *url.URL, body []byte, t *venue.Table, out *market.Batch) error {
				if u.Path == "/list" {
					for _, in := range []market.Instrument{
						{Symbol: "BTC", Pair: "BTC-USD-PERP", Kind: market.Perpetual, Base: "BTC", Quote: "USD", Status: market.Trading},
						{Symbol: "BTCUSD", Pair: "BTC-USD", Kind: market.Spot, Base: "BTC", Quote: "USD", Status: market.Trading},
					} {
						out.Instruments = append(out.Instruments, *t.Learn(in))
					}
					return nil
				}
				return toyFeed{t}.Decode(body, out)
			},
		},
		Guess: func(string) (market.Instrument, bool) { return market.Instrument{}, false },
	}
}

type toyFeed struct{ t *venue.Table }

func (f toyFeed) Decode(frame []byte, out *market.Batch) error {
	for line := range strings.Lines(string(frame)) {
		w := strings.Fields(line)
		in := f.t.Find([]byte(w[1]))
		switch w[0] {
		case "shut":
			l := venue.Liquidation(out, in)
			l.ID, l.Side, l.Price, l.Qty, l.At = w[2], market.Sell, money.MustPrice(w[4]), money.MustQty(w[5]), time.Now().UTC()
			continue
		case "deal":
			tr := venue.Trade(out, in)
			n, _ := strconv.ParseInt(w[5], 10, 64)
			tr.ID, tr.Price, tr.Qty, tr.At = w[2], money.MustPrice(w[3]), money.MustQty(w[4]), time.Unix(n, 0).UTC()
			continue
		case "paid":
			venue.Derivative(out, in).Settled = true
		case "said":
			venue.Derivative(out, in)
		}
		d := &out.Derivatives[len(out.Derivatives)-1]
		for _, kv := range w[2:] {
			k, v, _ := strings.Cut(kv, "=")
			switch k {
			case "mark":
				d.Has, d.Mark = d.Has|market.StatedMark, money.MustPrice(v)
			case "index":
				d.Has, d.Index = d.Has|market.StatedIndex, money.MustPrice(v)
			case "funding":
				d.Has, d.Funding, d.Interval = d.Has|market.StatedFunding, money.MustParse(v), time.Hour
			case "interest":
				d.Has, d.Interest = d.Has|market.StatedInterest, money.MustQty(v)
			case "pays":
				n, _ := strconv.ParseInt(v, 10, 64)
				d.FundingAt = time.Unix(n, 0).UTC()
			case "at":
				n, _ := strconv.ParseInt(v, 10, 64)
				d.At = time.Unix(n, 0).UTC()
			}
		}
	}
	return nil
}

func (y *toy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/ws" {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer c.CloseNow()
		go func() {
			for {
				_, b, err := c.Read(r.Context())
				if err != nil {
					return
				}
				y.mu.Lock()
				y.subs = append(y.subs, string(b))
				y.mu.Unlock()
			}
		}()
		for {
			select {
			case l := <-y.lines:
				if c.Write(r.Context(), websocket.MessageText, []byte(l)) != nil {
					return
				}
			case <-y.done:
				return
			}
		}
	}
	y.mu.Lock()
	defer y.mu.Unlock()
	y.asks = append(y.asks, strings.TrimPrefix(r.URL.Path, "/"))
	switch r.URL.Path {
	case "/state":
		fmt.Fprint(w, y.said)
	case "/funding":
		from, _ := strconv.ParseInt(r.URL.Query().Get("from"), 10, 64)
		for _, p := range y.paid {
			_, at, _ := strings.Cut(p, "pays=")
			if n, _ := strconv.ParseInt(at, 10, 64); n > from {
				fmt.Fprintln(w, p)
			}
		}
	}
}

func (y *toy) asked(what string) (n int) {
	y.mu.Lock()
	defer y.mu.Unlock()
	for _, a := range y.asks {
		if a == what {
			n++
		}
	}
	return n
}

func (y *toy) Accept() (net.Conn, error) {
	c, ok := <-y.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (y *toy) Close() error   { close(y.conns); return nil }
func (y *toy) Addr() net.Addr { return &net.TCPAddr{} }

func (y *toy) dial(context.Context, string, string) (net.Conn, error) {
	a, b := net.Pipe()
	y.conns <- b
	return a, nil
}

type plainAssets struct{}

func (plainAssets) Normalize(_, symbol string) asset.Code  { return asset.Code(symbol) }
func (plainAssets) IsFiat(c asset.Code) bool               { return c == "USD" }
func (plainAssets) IsStable(asset.Code) (asset.Code, bool) { return "", false }
func rows[T any](seq func(func(T, error) bool)) (out []T) {
	seq(func(v T, _ error) bool { out = append(out, v); return true })
	return out
}
func stated(d *market.DerivativeView) string {
	return fmt.Sprint(d.Mark, " ", d.Index, " ", d.Funding, " ", d.Interest)
}

// A contract's life over three hours: the stream tells a part, REST the rest; payments are
// fetched at the start and after each; what changes is recorded once a second at most.
func TestContractsAreFollowedFromStreamAndREST(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y, store := newToy(), markettest.NewMemory()
		local := bus.NewLocal()
		log := slog.New(slog.DiscardHandler)
		writer := feed.NewWriter(store, 200*time.Millisecond, 1000, log)
		core := feed.NewCore(plainAssets{}, local, writer, log)
		transport := &http.Transport{DialContext: y.dial}
		live := feed.NewLive(core.NewStation(y.driver()), feed.Link{
			Client: &http.Client{Transport: transport}, Log: log, Backfill: true,
			Channels: []market.Channel{market.Trades, market.Derivatives, market.Liquidations},
			Pick:     func(all []market.Instrument) []market.Instrument { return all },
		})
		hour := time.Now().UTC().Truncate(time.Hour)
		pays := func(n int) int64 { return hour.Add(time.Duration(n) * time.Hour).Unix() }
		for n := -3; n <= 0; n++ {
			y.paid = append(y.paid, fmt.Sprintf("paid BTC funding=0.000%d pays=%d", 5+n, pays(n)))
		}
		y.said = fmt.Sprintf("said BTC interest=25000.5 funding=0.0003 pays=%d\n", pays(1))
		ctx, cancel := context.WithCancel(t.Context())
		sub := local.Subscribe(ctx, 64, market.Topic{Channel: market.Derivatives, Pair: "BTC-USD-PERP"}, market.Topic{Channel: market.Liquidations, Pair: "BTC-USD-PERP"})
		srv := &http.Server{Handler: y}
		var wg sync.WaitGroup
		wg.Go(func() { srv.Serve(y) })
		wg.Go(func() { live.Run(ctx) })
		wg.Go(func() { writer.Run(ctx) })
		wg.Go(func() {
			tick := time.NewTicker(100 * time.Millisecond)
			for {
				select {
				case now := <-tick.C:
					core.Tick(now.UTC())
				case <-ctx.Done():
					return
				}
			}
		})
		time.Sleep(3 * time.Second)
		y.lines <- "said BTC mark=60001.5 index=60000"
		y.lines <- "shut BTC 7 sell 59000 0.5"
		y.lines <- "shut BTC 7 sell 59000 0.5"
		for i := range 10 { // ten changes within a second
			time.Sleep(50 * time.Millisecond)
			y.lines <- fmt.Sprintf("said BTC mark=6000%d.5", i)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()

		y.mu.Lock()
		slices.Sort(y.subs)
		if got := strings.Join(y.subs, ", "); got != "derivatives BTC, liquidations BTC, trades BTC, trades BTCUSD" {
			t.Errorf("subscribed to %s", got)
		}
		y.mu.Unlock()
		views := core.Derivatives("toy", "")
		if len(views) != 1 || stated(&views[0]) != "60009.5 60000 0.0003 25000.5" || views[0].Interval != time.Hour || views[0].FundingAt.Unix() != pays(1) || views[0].Paid.Funding.String() != "0.0005" {
			t.Fatalf("the board says %+v", views)
		}
		if l := core.Liquidations("", "BTC-USD-PERP", 10); len(l) != 1 || l[0].ID != "7" {
			t.Errorf("liquidations: %+v", l)
		}
		perp := market.Series{Venue: "toy", Pair: "BTC-USD-PERP"}
		said := rows(store.Derivatives(ctx, perp, market.Range{}))
		if len(said) != 3 || said[0].Mark.String() != "60001.5" || said[1].Mark.String() != "60009.5" || said[2].Has != 15 {
			t.Errorf("recorded %d statements: %+v", len(said), said)
		}
		if got := len(rows(store.Funding(ctx, perp, market.Range{}))); got != 4 {
			t.Errorf("%d payments are recorded at the start, want 4", got)
		}
		if got := len(rows(store.Liquidations(ctx, perp, market.Range{}))); got != 1 {
			t.Errorf("%d liquidations are recorded", got)
		}
		events, _, err := sub.Next(ctx, nil)
		if err != nil || len(events) < 10 || events[0].Derivative == nil || events[0].Derivative.Index.String() != "60000" {
			t.Errorf("%d events, %v", len(events), err)
		}

		// Nothing more comes from the stream: REST is asked about once a minute.
		asked := y.asked("state")
		time.Sleep(10 * time.Minute)
		if n := y.asked("state") - asked; n < 8 || n > 11 {
			t.Errorf("asked %d times in ten quiet minutes", n)
		}
		// The hour is over, the venue pays and announces the next; later it tells what it paid.
		time.Sleep(time.Until(hour.Add(time.Hour)))
		y.mu.Lock()
		y.said = fmt.Sprintf("said BTC interest=25000.5 funding=0.0001 pays=%d\n", pays(2))
		y.mu.Unlock()
		time.Sleep(90 * time.Second)
		y.mu.Lock()
		y.paid = append(y.paid, fmt.Sprintf("paid BTC funding=0.00029 pays=%d", pays(1)))
		before := len(y.asks)
		y.mu.Unlock()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		paid := rows(store.Funding(ctx, perp, market.Range{}))
		if len(paid) != 5 || paid[4].Funding.String() != "0.00029" || !paid[4].FundingAt.Equal(hour.Add(time.Hour)) {
			t.Errorf("after the hour %d payments are recorded: %+v", len(paid), paid)
		}
		y.mu.Lock()
		if n := len(slices.DeleteFunc(slices.Clone(y.asks[before:]), func(a string) bool { return a != "funding" })); n > 2 {
			t.Errorf("asked for funding %d times although it was told", n)
		}
		y.mu.Unlock()
		if v := core.Derivatives("toy", "BTC-USD-PERP")[0]; v.Paid.Funding.String() != "0.00029" || v.Funding.String() != "0.0001" || v.FundingAt.Unix() != pays(2) {
			t.Errorf("the board says %+v", v)
		}
		q := core.Quality("toy", "BTC-USD-PERP")
		seen := ""
		for _, x := range q {
			seen += fmt.Sprint(x.Channel, " ", x.State, " ", x.Marks, "; ")
		}
		if seen != "derivatives live map[]; liquidations live map[duplicate:1]; " {
			t.Errorf("quality: %s", seen)
		}
		cancel()
		close(y.done)
		transport.CloseIdleConnections()
		srv.Close()
		wg.Wait()
	})
}

// A statement that is older than what is known of a field does not undo it.
func TestOlderStatementsChangeNothing(t *testing.T) {
	core := feed.NewCore(plainAssets{}, bus.NewLocal(), nil, slog.New(slog.DiscardHandler))
	s := core.NewStation(newToy().driver())
	now := time.Unix(1_767_250_000, 0).UTC()
	for i, body := range []string{"said BTC mark=5 index=6 at=1767249990", "said BTC mark=4 index=7 funding=0.1 at=1767249980", "said BTC index=8 at=1767249991"} {
		if _, err := s.HTTP("http://toy/state", []byte(body), now.Add(time.Duration(i)*time.Second), 0); err != nil {
			t.Fatal(err)
		}
	}
	v := core.Derivatives("", "")
	if len(v) != 1 || stated(&v[0]) != "5 8 0.1 0" || v[0].At.Unix() != 1767249991 {
		t.Errorf("%+v", v)
	}
}
