package stream

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/bus"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/book"
	"github.com/assayhq/assay/money"
)

// stage is a small market: a board and a bus that agree the way the feed's do. What
// happens is seen on the board before it is on the bus, and under one lock.
type stage struct {
	bus *bus.Local

	mu     sync.Mutex
	seqs   map[market.Topic]uint64
	books  map[market.Topic]*staged
	trades []market.Trade
	quotes map[market.VenueID]market.Quote
	prices map[asset.Code]market.ConsensusPrice
	stands map[market.VenueID]market.DerivativeView
	closed []market.Liquidation
	bar    *market.Candle
	sim    string
}

type staged struct {
	book   book.Book
	valid  bool
	reason string
	past   map[uint64]string // the book after each number; "" where it was not valid
}

func newStage() *stage {
	return &stage{
		bus: bus.NewLocal(), seqs: map[market.Topic]uint64{}, books: map[market.Topic]*staged{},
		quotes: map[market.VenueID]market.Quote{}, prices: map[asset.Code]market.ConsensusPrice{}, stands: map[market.VenueID]market.DerivativeView{},
	}
}

func (s *stage) publish(e market.Event) {
	t := market.Topic{Channel: e.Channel, Venue: e.Venue, Pair: e.Pair}
	if e.Channel != market.Candles {
		s.seqs[t]++
		e.Seq = s.seqs[t]
	}
	s.bus.Publish([]market.Event{e})
}

func (s *stage) trade(v market.VenueID, p market.Pair, id, price, qty string, side market.Side) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now().UTC()
	t := &market.Trade{Venue: v, Pair: p, ID: id, Price: money.MustPrice(price), Qty: money.MustQty(qty), Side: side, At: now, Received: now}
	s.trades = append(s.trades, *t)
	s.publish(market.Event{Channel: market.Trades, Venue: v, Pair: p, Trade: t})
}

func (s *stage) quote(v market.VenueID, p market.Pair, bid, ask string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now().UTC()
	q := &market.Quote{Venue: v, Pair: p, Bid: money.MustPrice(bid), Ask: money.MustPrice(ask), BidQty: money.MustQty("1.50"), AskQty: money.MustQty("2"), At: now, Received: now}
	s.quotes[v] = *q
	s.publish(market.Event{Channel: market.Quotes, Venue: v, Pair: p, Quote: q})
}

func (s *stage) price(a asset.Code, price string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now().UTC()
	p := &market.ConsensusPrice{Asset: a, Quote: "USD", Price: money.MustPrice(price), Low: money.MustPrice(price), High: money.MustPrice(price), Confidence: 0.9, At: now, Computed: now,
		Sources: []market.Contribution{{Venue: "kraken", Pair: market.NewPair(a, "USD"), Price: money.MustPrice(price), Raw: money.MustPrice(price), Rate: money.MustParse("1"), Weight: 1, At: now, Status: market.Used}}}
	s.prices[a] = *p
	s.publish(market.Event{Channel: market.Prices, Venue: market.ConsensusVenue, Pair: market.NewPair(a, "USD"), Price: p})
}

func (s *stage) stand(v market.VenueID, p market.Pair, mark, funding string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now().UTC()
	d := &market.DerivativeView{Derivative: market.Derivative{Venue: v, Pair: p, Has: market.StatedMark | market.StatedFunding, Mark: money.MustPrice(mark), Funding: money.MustParse(funding), Interval: 8 * time.Hour, FundingAt: now.Add(time.Hour), At: now, Received: now}, MarkAt: now, EstimateAt: now}
	s.stands[v] = *d
	s.publish(market.Event{Channel: market.Derivatives, Venue: v, Pair: p, Derivative: d})
}

func (s *stage) liquidate(v market.VenueID, p market.Pair, price, qty string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now().UTC()
	l := &market.Liquidation{Venue: v, Pair: p, Side: market.Sell, Price: money.MustPrice(price), Qty: money.MustQty(qty), At: now, Received: now}
	s.closed = append(s.closed, *l)
	s.publish(market.Event{Channel: market.Liquidations, Venue: v, Pair: p, Liquidation: l})
}

func (s *stage) candle(k market.Candle) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k.Known = time.Now().UTC()
	if k.Complete {
		s.bar = nil
	} else {
		s.bar = &k
	}
	s.publish(market.Event{Channel: market.Candles, Venue: k.Venue, Pair: k.Pair, Candle: &k})
}

func (s *stage) outage(v market.VenueID, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.publish(market.Event{Channel: gaps, Venue: v, Gap: &market.Gap{ID: "g1", Venue: v, Kind: market.Disconnected, From: time.Now(), Missing: -1, Detail: why}})
}

func (s *stage) ladder(v market.VenueID, p market.Pair) *staged {
	t := market.Topic{Channel: market.Books, Venue: v, Pair: p}
	b := s.books[t]
	if b == nil {
		b = &staged{past: map[uint64]string{}, reason: "the book is being joined"}
		s.books[t] = b
	}
	return b
}

// update changes a book on the board and publishes it.
func (s *stage) update(v market.VenueID, p market.Pair, snap bool, depth int, bids, asks []market.Level) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.ladder(v, p)
	if !snap && !b.valid {
		return
	}
	now := time.Now().UTC()
	u := &market.BookUpdate{Venue: v, Pair: p, Snapshot: snap, Bids: bids, Asks: asks, Depth: depth, At: now, Received: now}
	if snap {
		b.book.Load(bids, asks)
		b.valid = true
	} else {
		b.book.Apply(u)
	}
	if depth > 0 {
		b.book.Truncate(depth)
	}
	s.publish(market.Event{Channel: market.Books, Venue: v, Pair: p, Book: u})
	s.note(v, p)
}

// gap announces that a book is lost, or (over) that it is back.
func (s *stage) gap(v market.VenueID, p market.Pair, over bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := &market.Gap{ID: "b", Venue: v, Pair: p, Channel: market.Books, Kind: market.SequenceGap, Detail: "expected change 5, got 7", From: time.Now()}
	b := s.ladder(v, p)
	if over {
		g.To = time.Now()
	} else {
		b.valid, b.reason = false, "gap: expected change 5, got 7"
		b.book.Reset()
	}
	s.publish(market.Event{Channel: market.Books, Venue: v, Pair: p, Gap: g})
	s.note(v, p)
}

func (s *stage) note(v market.VenueID, p market.Pair) {
	t := market.Topic{Channel: market.Books, Venue: v, Pair: p}
	b := s.books[t]
	b.past[s.seqs[t]] = ""
	if b.valid {
		bids, asks := b.book.Top(0, nil, nil)
		b.past[s.seqs[t]] = show(bids, asks)
	}
}

func show(bids, asks []market.Level) string {
	var w strings.Builder
	for _, side := range [][]market.Level{bids, asks} {
		for _, l := range side {
			fmt.Fprintf(&w, "%s×%s ", l.Price, l.Qty)
		}
		w.WriteByte('|')
	}
	return w.String()
}

// What follows is the board.

func (s *stage) Now() time.Time { return time.Now().UTC() }
func (s *stage) Simulated() (bool, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sim != "", s.sim
}
func (s *stage) Venues() []market.VenueState {
	return []market.VenueState{{ID: "coinbase"}, {ID: "kraken"}}
}
func (s *stage) Instruments() []market.Instrument {
	var out []market.Instrument
	for _, p := range []market.Pair{"BTC-USD", "ETH-USD", "SOL-EUR"} {
		for _, v := range []market.VenueID{"coinbase", "kraken"} {
			if p != "SOL-EUR" || v == "kraken" {
				out = append(out, market.Instrument{Venue: v, Pair: p})
			}
		}
	}
	out = append(out, market.Instrument{Venue: "kraken", Pair: "BTC-USD-PERP", Kind: market.Perpetual}, market.Instrument{Venue: "coinbase", Pair: "BTC-USD-PERP", Kind: market.Perpetual, Unit: market.InQuote})
	return out
}
func (s *stage) Price(a, quote asset.Code) (market.ConsensusPrice, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.prices[a]
	if ok && quote != "USD" {
		q, have := s.prices[quote]
		if !have {
			return market.ConsensusPrice{}, false
		}
		p.Quote = quote
		p.Price.Decimal, _ = p.Price.Quo(q.Price.Decimal, 6)
	}
	return p, ok
}
func (s *stage) Prices(asset.Code) []market.ConsensusPrice { return nil }
func (s *stage) Quotes(p market.Pair) []market.Quote {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []market.Quote
	for _, q := range s.quotes {
		if q.Pair == p {
			out = append(out, q)
		}
	}
	slices.SortFunc(out, func(a, b market.Quote) int { return strings.Compare(string(a.Venue), string(b.Venue)) })
	return out
}
func (s *stage) Book(v market.VenueID, p market.Pair, depth int) (market.BookView, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := market.Topic{Channel: market.Books, Venue: v, Pair: p}
	b := s.books[t]
	if b == nil {
		return market.BookView{}, false
	}
	out := market.BookView{Venue: v, Pair: p, Seq: s.seqs[t], Valid: b.valid, Reason: b.reason, Integrity: "sequence", At: time.Now().UTC()}
	if b.valid {
		out.Bids, out.Asks = b.book.Top(depth, nil, nil)
	}
	return out, true
}
func (s *stage) LastTrades(v market.VenueID, p market.Pair, limit int) []market.Trade {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []market.Trade
	for i := len(s.trades) - 1; i >= 0 && len(out) < limit; i-- {
		if t := s.trades[i]; t.Pair == p && (v == "" || t.Venue == v) {
			out = append(out, t)
		}
	}
	return out
}
func (s *stage) OpenCandle(v market.VenueID, p market.Pair, i market.Interval) (market.Candle, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bar == nil || s.bar.Venue != v || s.bar.Pair != p || s.bar.Interval != i {
		return market.Candle{}, false
	}
	return *s.bar, true
}
func (s *stage) Derivatives(v market.VenueID, p market.Pair) (out []market.DerivativeView) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.stands {
		if d.Pair == p && (v == "" || d.Venue == v) {
			out = append(out, d)
		}
	}
	slices.SortFunc(out, func(a, b market.DerivativeView) int { return strings.Compare(string(a.Venue), string(b.Venue)) })
	return out
}
func (s *stage) Liquidations(v market.VenueID, p market.Pair, limit int) (out []market.Liquidation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := len(s.closed) - 1; i >= 0 && len(out) < limit; i-- {
		if l := s.closed[i]; l.Pair == p && (v == "" || l.Venue == v) {
			out = append(out, l)
		}
	}
	return out
}
func (s *stage) Quality(market.VenueID, market.Pair) []market.Quality { return nil }

// doorman lets everybody in whose key begins with "good".
type doorman struct {
	mu      sync.Mutex
	revoked map[string]bool
}

func (d *doorman) Authenticate(r *http.Request) (*access.Caller, error) {
	return d.Redeem(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
}
func (d *doorman) Redeem(key string) (*access.Caller, error) {
	switch {
	case strings.HasPrefix(key, "good"):
		return &access.Caller{KeyID: key, Scopes: []access.Scope{access.StreamRead}}, nil
	case strings.HasPrefix(key, "poor"):
		return &access.Caller{KeyID: key}, nil
	}
	return nil, fault.New(fault.Unauthentic, "a key is needed")
}
func (d *doorman) Live(c *access.Caller) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.revoked[c.KeyID] {
		return fault.New(fault.Unauthentic, "revoked")
	}
	return nil
}
func (d *doorman) revoke(key string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.revoked[key] = true
}

// house is a hub that serves connections made of memory.
type house struct {
	t     testing.TB
	stage *stage
	door  *doorman
	hub   *Hub
	line  *line
	stop  func()
}

// line is a listener whose connections are pipes: without buffers, so that a client
// that does not read holds up exactly the write under way.
type line struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

type nobody struct{}

func (nobody) Network() string { return "memory" }
func (nobody) String() string  { return "memory" }

func (l *line) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}
func (l *line) Close() error   { l.once.Do(func() { close(l.done) }); return nil }
func (l *line) Addr() net.Addr { return nobody{} }
func (l *line) dial(context.Context, string, string) (net.Conn, error) {
	a, b := net.Pipe()
	select {
	case l.conns <- b:
		return a, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func open(t testing.TB, opt Options) *house {
	t.Helper()
	h := &house{t: t, stage: newStage(), door: &doorman{revoked: map[string]bool{}}, line: &line{conns: make(chan net.Conn), done: make(chan struct{})}}
	opt.Board, opt.Bus = h.stage, h.stage.bus
	if opt.Auth == nil {
		opt.Auth = h.door
	}
	hub, err := New(opt)
	if err != nil {
		t.Fatal(err)
	}
	h.hub = hub
	srv := &http.Server{Handler: hub.Handler()}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { srv.Serve(h.line) })
	wg.Go(func() { hub.Run(ctx) })
	h.stop = func() {
		cancel()
		wg2 := make(chan struct{})
		go func() { wg.Wait(); close(wg2) }()
		srv.Close()
		<-wg2
	}
	return h
}

// client is one WebSocket client.
type client struct {
	t    testing.TB
	conn *websocket.Conn
}

func (h *house) dial(key string) *client {
	h.t.Helper()
	c, _, err := h.try(key)
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

func (h *house) try(key string) (*client, *http.Response, error) {
	hc := &http.Client{Transport: &http.Transport{DialContext: h.line.dial}}
	conn, resp, err := websocket.Dial(context.Background(), "ws://assay/v1/stream", &websocket.DialOptions{HTTPClient: hc, HTTPHeader: http.Header{"Authorization": {"Bearer " + key}}})
	if err != nil {
		return nil, resp, err
	}
	conn.SetReadLimit(64 << 20)
	return &client{h.t, conn}, resp, nil
}

func (c *client) say(msg string) {
	c.t.Helper()
	if err := c.conn.Write(context.Background(), websocket.MessageText, []byte(msg)); err != nil {
		c.t.Fatalf("say %s: %v", msg, err)
	}
}

func (c *client) raw() (string, error) {
	_, b, err := c.conn.Read(context.Background())
	return string(b), err
}

// hear gives the next message.
func (c *client) hear() envelope {
	c.t.Helper()
	b, err := c.raw()
	if err != nil {
		c.t.Fatalf("hear: %v", err)
	}
	return decode(c.t, b)
}

// bye closes without waiting for an answer.
func (c *client) bye() { c.conn.CloseNow() }

// envelope is any message of the server.
type envelope struct {
	Op        string
	ID        any
	Error     map[string]any
	Topics    []envelope
	Sid       int
	Ch        string
	Pair      string
	Venue     string
	Type      string
	First     uint64 `json:"first_seq"`
	Seq       uint64
	Lost      int64
	Reason    string
	Resumed   *bool
	Simulated bool
	Depth     int
	Data      []json.RawMessage
	text      string
}

func decode(t testing.TB, s string) envelope {
	t.Helper()
	var e envelope
	if err := json.Unmarshal([]byte(s), &e); err != nil {
		t.Fatalf("not JSON: %v\n%s", err, s)
	}
	e.text = s
	return e
}

// item is the union of what can stand in data.
type thing struct {
	ID, Price, Qty, Side, Bid, Ask, Venue string
	BookSeq                               uint64 `json:"book_seq"`
	Bids, Asks                            [][2]string
	Open, Close                           string
	Complete                              bool
	Kind                                  string
}

func (e *envelope) things(t testing.TB) []thing {
	t.Helper()
	var out []thing
	for _, d := range e.Data {
		var x thing
		if err := json.Unmarshal(d, &x); err != nil {
			t.Fatalf("%v in %s", err, d)
		}
		out = append(out, x)
	}
	return out
}

// sse opens an event stream and gives its lines.
func (h *house) sse(query, last string) (*http.Response, *bufio.Reader, func()) {
	h.t.Helper()
	hc := &http.Client{Transport: &http.Transport{DialContext: h.line.dial}}
	ctx, cancel := context.WithCancel(context.Background())
	req, _ := http.NewRequestWithContext(ctx, "GET", "http://assay/v1/stream/sse?"+query, nil)
	req.Header.Set("Authorization", "Bearer good")
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	resp, err := hc.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	return resp, bufio.NewReader(resp.Body), func() { cancel(); io.Copy(io.Discard, resp.Body); resp.Body.Close() }
}

func levels(pairs ...string) []market.Level {
	var out []market.Level
	for i := 0; i+1 < len(pairs); i += 2 {
		out = append(out, market.Level{Price: money.MustPrice(pairs[i]), Qty: money.MustQty(pairs[i+1])})
	}
	return out
}
