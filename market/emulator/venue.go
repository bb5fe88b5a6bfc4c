package emulator

import (
	"context"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
)

// Options tune one venue; the zero value is the venue as documented.
type Options struct {
	// Pairs limits what is listed; empty lists all of the venue's rule book.
	Pairs []market.Pair
	// Symbols adds that many spot listings of invented coins, C001 and on, against the
	// venue's usual dollar. Their prices and liveliness come from the World's seed.
	Symbols int
	// Burst multiplies the rate of events in the first two seconds of every ten.
	Burst float64
	// Skew is added to every time the venue states: its clock against ours.
	Skew time.Duration
	// Lag is how long a message or answer travels; 0 takes the venue's own, below 0 none.
	Lag time.Duration
	// Rate overrides the World's events per second.
	Rate float64
	// Faults is what goes wrong; nil is nothing.
	Faults *FaultPlan
	// Checksums makes OKX send real checksums, as it did until August 2026.
	Checksums bool
	// Unlimited switches off request weights, message rates and handshake caps.
	Unlimited bool
	// MaxAge closes connections of that age; 0 takes the venue's own (24 h on Binance).
	MaxAge time.Duration
	// Keys are taken beside those that Venue.Keys gives; each has an account of its own.
	Keys []Key
	// Note is told each entry of the journal as it happens; it must not wait.
	Note func(Entry)
	// Queue is how many messages may wait for a slow client before it is cut. Default 8192.
	Queue int

	mutant mutant
}

// Venue is one emulated exchange. Make it with New, move it with Run (or Serve), and
// hand Handler to an HTTP server. Inside synctest all of that happens in the bubble.
type Venue struct {
	id    market.VenueID
	world *World
	opt   Options
	proto protocol
	rules rules
	start time.Time

	mu      sync.Mutex // everything below
	pits    []*pit
	symbols map[string]*pit
	topics  map[string]*topic
	conns   []*conn // open ones, oldest first
	opened  int
	shakes  []time.Time
	tasks   tasks
	ticket  int
	wake    chan struct{}
	meter   meter
	faults  *injector
	journal *Journal
	ended   bool
	ring    *ring
	desk    *desk
}

// protocol is how one venue speaks. All methods are called with the venue's lock held.
type protocol interface {
	rules() rules
	symbol(l *listing) string               // the listing's name on the stream
	streams(path string) bool               // whether a path is a WebSocket endpoint
	open(c *conn)                           // a client connected
	receive(c *conn, text []byte)           // a client said something
	happen(t *topic, e *event)              // something happened in the topic's pit
	beat(t *topic, at time.Time)            // the topic's interval passed
	rest(q *query) reply                    // an HTTP request within the limits
	cost(q *query) (key string, n int)      // its weight, and which limit it counts on
	refuse(q *query, r refusal) reply       // an HTTP request over the limits
	strange(enum bool) []byte               // a message of unknown type, or with an unknown enum value
	farewell(c *conn) (grace time.Duration) // announces a planned shutdown; 0: no such notice
}

// rules are a venue's numbers.
type rules struct {
	list       string        // what it lists; see listings
	follow     time.Duration // how late its makers follow the fair price
	lag        time.Duration // how long a message travels
	maxAge     time.Duration // connections are closed at that age
	handshakes int           // connection attempts allowed per handshakeIn
	shakeIn    time.Duration
	messages   int // client messages allowed per messageIn
	messageIn  time.Duration
	checksum   bool // book messages carry one
	sequenced  bool // losing a book message shows in its numbers
	windows    []window
	bans       bool                          // those who keep asking after a refusal are banned
	binary     bool                          // its text goes out in binary frames
	penalty    time.Duration                 // how long an over-limit client is shut out; 0: the window's rest
	tradeID    func(p *pit, id int64) string // how the wire spells a trade's id; nil: as the number
	stream     string                        // the path a client usually connects to
	business   string                        // a second one, or empty
}

// protocols are the venues that can be emulated, in the order in which they are shown.
var protocols = []struct {
	id market.VenueID
	of func(*Venue) protocol
}{
	{"binance", func(v *Venue) protocol { return &binance{v: v, api: "/api/v3/"} }},
	{"binancecoinm", func(v *Venue) protocol { return &binance{v: v, api: "/dapi/v1/"} }},
	{"binanceusdm", func(v *Venue) protocol { return &binance{v: v, api: "/fapi/v1/"} }},
	{"bitfinex", func(v *Venue) protocol { return &bitfinex{v: v} }},
	{"bitget", func(v *Venue) protocol { return &bitget{v: v} }},
	{"bithumb", func(v *Venue) protocol { return &seoul{v: v, bithumb: true} }},
	{"bitstamp", func(v *Venue) protocol { return &bitstamp{v: v} }},
	{"bybit", func(v *Venue) protocol { return &bybit{v: v} }},
	{"coinbase", func(v *Venue) protocol { return &coinbase{v: v} }},
	{"coinbaseexchange", func(v *Venue) protocol { return &coinbaseExchange{v: v} }},
	{"cryptocom", func(v *Venue) protocol { return &cryptocom{v: v} }},
	{"deribit", func(v *Venue) protocol { return &deribit{v: v} }},
	{"gate", func(v *Venue) protocol { return &gateio{v: v} }},
	{"gatefutures", func(v *Venue) protocol { return &gateio{v: v, futures: true} }},
	{"gemini", func(v *Venue) protocol { return &gemini{v: v} }},
	{"htx", func(v *Venue) protocol { return &htx{v: v} }},
	{"htxswap", func(v *Venue) protocol { return &htxSwap{v: v} }},
	{"hyperliquid", func(v *Venue) protocol { return &hyperliquid{v: v} }},
	{"kraken", func(v *Venue) protocol { return &kraken{v: v} }},
	{"krakenfutures", func(v *Venue) protocol { return &krakenFutures{v: v} }},
	{"kucoin", func(v *Venue) protocol { return &kucoin{v: v} }},
	{"kucoinfutures", func(v *Venue) protocol { return &kucoin{v: v, futures: true} }},
	{"mexc", func(v *Venue) protocol { return &mexc{v: v} }},
	{"okx", func(v *Venue) protocol { return &okx{v: v} }},
	{"upbit", func(v *Venue) protocol { return &seoul{v: v} }},
}

// IDs lists the venues that can be emulated.
func IDs() []market.VenueID {
	var out []market.VenueID
	for _, p := range protocols {
		out = append(out, p.id)
	}
	return out
}

// New makes a venue over a world. Its history ends and its market starts now.
func New(id market.VenueID, w *World, opt Options) (*Venue, error) {
	v := &Venue{id: id, world: w, opt: opt, start: time.Now().Truncate(time.Microsecond), symbols: map[string]*pit{},
		topics: map[string]*topic{}, wake: make(chan struct{}, 1), meter: newMeter(), journal: &Journal{tell: opt.Note}}
	for _, p := range protocols {
		if p.id == id {
			v.proto = p.of(v)
		}
	}
	if v.proto == nil {
		return nil, fault.At(fault.Unknown, "venue", "%q is not emulated; use one of %v", id, IDs())
	}
	v.rules = v.proto.rules()
	if opt.Lag != 0 {
		v.rules.lag = max(opt.Lag, 0)
	}
	if opt.MaxAge != 0 {
		v.rules.maxAge = opt.MaxAge
	}
	if v.opt.Queue <= 0 {
		v.opt.Queue = 8192
	}
	v.faults = newInjector(v, opt.Faults)
	for _, l := range append(listings(v.rules.list, opt.Pairs, v.proto.symbol), inventions(w, v.rules.list, opt.Symbols, v.proto.symbol)...) {
		l.usd = w.nature(l.pair.Base()).usd
		p := newPit(v, l, v.start)
		v.pits = append(v.pits, p)
		v.symbols[l.symbol] = p
	}
	v.openDesk()
	return v, nil
}

// ID is the venue's name.
func (v *Venue) ID() market.VenueID { return v.id }

// World is the market the venue is part of.
func (v *Venue) World() *World { return v.world }

// Journal is what was done to clients: faults, refusals, closings.
func (v *Venue) Journal() *Journal { return v.journal }

// Symbols lists the venue's stream symbols in listing order, and the pairs they are.
func (v *Venue) Symbols() (symbols []string, pairs []market.Pair) {
	for _, p := range v.pits {
		symbols, pairs = append(symbols, p.symbol), append(pairs, p.pair)
	}
	return symbols, pairs
}

// Symbol is the venue's stream symbol of a pair, or "".
func (v *Venue) Symbol(pair market.Pair) string {
	for _, p := range v.pits {
		if p.pair == pair {
			return p.symbol
		}
	}
	return ""
}

// Truth is the memory of one book; nil for a symbol that is not listed.
func (v *Venue) Truth(symbol string) *Truth {
	if p := v.symbols[symbol]; p != nil {
		return p.truth
	}
	return nil
}

// lagOf is how late a pit follows the fair price.
func (v *Venue) lagOf(*pit) time.Duration { return v.rules.follow }

// stamp is a simulated moment on the venue's own clock.
func (v *Venue) stamp(at time.Time) time.Time { return at.Add(v.opt.Skew).UTC() }

// end closes everything.
func (v *Venue) end() {
	v.mu.Lock()
	v.ended = true
	conns := slices.Clone(v.conns)
	v.mu.Unlock()
	for _, c := range conns {
		c.cancel()
	}
}

// Serve answers clients on a listener and moves the market until ctx ends.
func (v *Venue) Serve(ctx context.Context, l net.Listener) error {
	srv := &http.Server{Handler: v.Handler()}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var g sync.WaitGroup
	g.Go(func() { v.Run(ctx) })
	g.Go(func() {
		<-ctx.Done()
		srv.Close()
	})
	err := srv.Serve(l)
	cancel()
	g.Wait()
	v.wait()
	if err == http.ErrServerClosed {
		return nil
	}
	return err
}

// Events is how many things have happened in the venue's markets so far.
func (v *Venue) Events() uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	var n uint64
	for _, p := range v.pits {
		n += p.version
	}
	return n
}

// wait returns when the last connection is gone.
func (v *Venue) wait() {
	for {
		v.mu.Lock()
		conns := slices.Clone(v.conns)
		v.mu.Unlock()
		if len(conns) == 0 {
			return
		}
		for _, c := range conns {
			c.cancel()
			<-c.gone
		}
	}
}

// Endpoint says where a client of a venue connects.
type Endpoint struct {
	REST     string // base of REST paths: http://host:port
	WS       string // base of WebSocket paths: ws://host:port
	Stream   string // the usual WebSocket address, path included
	Business string // the second one (OKX business, Kraken v1, Bybit linear), or empty
}

// Endpoint gives the addresses of the venue behind host:port.
func (v *Venue) Endpoint(address string) Endpoint {
	e := Endpoint{REST: "http://" + address, WS: "ws://" + address}
	e.Stream = e.WS + v.rules.stream
	if v.rules.business != "" {
		e.Business = e.WS + v.rules.business
	}
	return e
}
