package feed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/time/rate"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/book"
	"github.com/assayhq/assay/market/venue"
)

// Link is how a venue is reached and what is wanted of it.
type Link struct {
	Stream string // overrides the venue's stream address when not ""
	Base   string // overrides its REST address when not ""
	Client *http.Client
	// Pick chooses the instruments to follow.
	Pick func([]market.Instrument) []market.Instrument
	// Channels to subscribe to; those the venue lacks are left out.
	Channels []market.Channel
	// Bars gives our own candles, to be held against the venue's; nil: they are not.
	Bars market.CandleReader
	// Backfill: fetch recent candles at start, and missing trades after a gap.
	Backfill bool
	Log      *slog.Logger
	// Keep takes raw frames, if they are to be kept; nil otherwise.
	Keep func(market.Frame)
}

// Live keeps a venue's connections: one goroutine per connection and one for REST
// work, all owned by Run, which waits for them.
type Live struct {
	station *Station
	link    Link
	get     *Getter
	shakes  *rate.Limiter
	log     *slog.Logger
	urgent  chan func(context.Context)
	work    chan func(context.Context)
	wg      sync.WaitGroup
	left    atomic.Int64
}

// LeftOut is how much REST work (snapshots, backfill) was left out because its queue was
// full. The board says it of the venue, too.
func (l *Live) LeftOut() int64 { return l.left.Load() }

// NewLive makes the live side of a station.
func NewLive(s *Station, l Link) *Live {
	if l.Client == nil {
		l.Client = &http.Client{Timeout: 30 * time.Second}
	}
	d := s.driver
	h := d.Spec.Handshakes
	if h.N == 0 {
		h = venue.Rate{N: 1, Per: time.Second}
	}
	return &Live{
		station: s, link: l, get: NewGetter(d, l.Client, l.Base), log: l.Log.With("venue", string(d.Spec.ID)),
		shakes: rate.NewLimiter(rate.Limit(float64(h.N)/h.Per.Seconds()/2), max(min(h.N/4, 5), 1)),
		urgent: make(chan func(context.Context), 4096), work: make(chan func(context.Context), 65536),
	}
}

// state sets what the board says of the venue.
func (s *Station) setState(state, reason string, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.State != state {
		s.state.Since = at
	}
	s.state.State, s.state.Reason = state, reason
}

// Run follows the venue until ctx ends.
func (l *Live) Run(ctx context.Context) error {
	d := l.station.driver
	l.station.setState("connecting", "reading the instrument list", time.Now().UTC())
	list := l.instruments(ctx)
	if ctx.Err() != nil {
		return nil
	}
	picked := l.link.Pick(list)
	if len(picked) == 0 {
		l.station.setState("off", "it trades none of the configured pairs", time.Now().UTC())
		<-ctx.Done()
		return nil
	}
	for range 3 {
		l.wg.Go(func() { l.worker(ctx) })
	}
	dialect := d.Current()
	groups := l.group(dialect, picked)
	l.station.mu.Lock()
	l.station.state.Subscribed = len(picked)
	l.station.mu.Unlock()
	for i, g := range groups {
		l.station.resume(fmt.Sprintf("%s.ws.%d", d.Spec.ID, i+1))
		l.wg.Go(func() { l.keep(ctx, fmt.Sprintf("%s.ws.%d", d.Spec.ID, i+1), dialect, g) })
	}
	if l.link.Backfill {
		l.begin(picked)
	}
	l.wg.Go(func() { l.contracts(ctx, picked) })
	l.wg.Go(func() { l.patrol(ctx, picked) })
	l.wg.Wait()
	return nil
}

// instruments reads the venue's list, trying until it is there.
func (l *Live) instruments(ctx context.Context) []market.Instrument {
	for try := 0; ctx.Err() == nil; try++ {
		var failed error
		got := 0
		for a, more := (venue.Ask{What: venue.AskInstruments}), true; more && ctx.Err() == nil; {
			b, err := l.get.Fetch(ctx, l.station, a)
			if err != nil {
				failed = err
				break
			}
			got += len(b.Instruments)
			a, more = l.next(a, b)
		}
		if got > 0 {
			return l.station.Instruments()
		}
		l.station.setState("down", fmt.Sprintf("its instrument list could not be read: %v", failed), time.Now().UTC())
		l.log.Warn("instrument list could not be read; trying again", "err", failed)
		select {
		case <-time.After(backoff(try, time.Second, time.Minute)):
		case <-ctx.Done():
		}
	}
	return nil
}

func (l *Live) next(a venue.Ask, b *market.Batch) (venue.Ask, bool) {
	if l.station.driver.REST.Next == nil {
		return a, false
	}
	return l.station.driver.REST.Next(a, b)
}

// group splits the subscriptions over connections, by stream path and the venue's cap.
func (l *Live) group(d *venue.Dialect, picked []market.Instrument) []group {
	var order []string
	byPath := map[string][]venue.Sub{}
	offered := map[market.Channel]bool{}
	for _, c := range d.Channels {
		offered[c] = true
	}
	for i := range picked {
		in := l.station.pointer(picked[i].Key)
		for _, ch := range l.link.Channels {
			if !offered[ch] || ch.Contracts() && in.Kind == market.Spot {
				continue // those of contracts: waiting for them on spot would end the connection
			}
			s := venue.Sub{Channel: ch, Instrument: in, Interval: "1m"}
			p := d.Path
			if d.PathFor != nil {
				p = d.PathFor(s)
			}
			if byPath[p] == nil {
				order = append(order, p)
			}
			byPath[p] = append(byPath[p], s)
		}
	}
	var out []group
	for _, p := range order {
		subs := byPath[p]
		most := d.Session.MaxSubs
		if most <= 0 {
			most = len(subs)
		}
		for len(subs) > 0 {
			n := min(most, len(subs))
			out = append(out, group{path: p, subs: subs[:n]})
			subs = subs[n:]
		}
	}
	return out
}

type group struct {
	path string
	subs []venue.Sub
}

// pointer gives the table's own instrument of a key.
func (s *Station) pointer(key string) *market.Instrument {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.intake.table.Find([]byte(key))
}

// keep holds one connection open for ever: it connects, follows, and connects
// again with growing pauses that a healthy connection resets.
func (l *Live) keep(ctx context.Context, name string, d *venue.Dialect, g group) {
	fails := 0
	for n := 0; ctx.Err() == nil; n++ {
		if l.shakes.Wait(ctx) != nil {
			return
		}
		id := fmt.Sprintf("%s#%d", name, n)
		data, err := l.follow(ctx, id, d, g)
		if ctx.Err() != nil {
			return
		}
		if data {
			fails = 0
		}
		l.station.mu.Lock()
		l.station.state.Reconnects++
		l.station.watch.score.Reconnect(time.Now().UTC())
		l.station.mu.Unlock()
		pause := backoff(fails, time.Second, 32*time.Second)
		if errors.Is(err, errMoving) && data {
			pause = 0
		}
		l.log.Warn("connection ended; connecting again", "conn", id, "in", pause.Round(time.Millisecond), "err", err)
		fails++
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

// backoff doubles from first to most, with up to a third of jitter.
func backoff(try int, first, most time.Duration) time.Duration {
	d := first << min(try, 20)
	if d > most || d <= 0 {
		d = most
	}
	return d - time.Duration(rand.Int64N(int64(d)/3+1))
}

var errMoving = errors.New("the venue asked us to connect again")

// session is one open connection.
type session struct {
	*Live
	id      string
	dialect *venue.Dialect
	ws      *websocket.Conn
	group   group
	send    *rate.Limiter
	reqs    atomic.Int64
	opened  time.Time
	data    bool
}

func (l *Live) follow(ctx context.Context, id string, d *venue.Dialect, g group) (data bool, err error) {
	base := l.link.Stream
	if base == "" {
		base = l.station.driver.Spec.Stream
	}
	addr := strings.TrimSuffix(base, "/") + g.path
	dial, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if d.Ticket != nil {
		if addr, err = l.ticket(dial, d.Ticket, g.path); err != nil {
			l.station.setState("down", fmt.Sprintf("it gave no address to connect to: %v", err), time.Now().UTC())
			return false, err
		}
	}
	header := http.Header{"User-Agent": {"assay"}}
	for k, v := range l.station.driver.Spec.Header {
		header.Set(k, v)
	}
	ws, _, err := websocket.Dial(dial, addr, &websocket.DialOptions{HTTPClient: l.stream(), CompressionMode: websocket.CompressionDisabled, HTTPHeader: header})
	if err != nil {
		l.station.setState("down", fmt.Sprintf("cannot connect: %v", err), time.Now().UTC())
		return false, err
	}
	defer ws.CloseNow()
	limit := d.Session.ReadLimit
	if limit == 0 {
		limit = 1 << 20
	}
	ws.SetReadLimit(limit)
	now := time.Now().UTC()
	if err := l.station.connectAs(d, id, addr, now); err != nil {
		return false, err
	}
	l.station.expect(id, g.subs)
	s := &session{Live: l, id: id, dialect: d, ws: ws, group: g, opened: now}
	s.send = rate.NewLimiter(rate.Inf, 1)
	if m := d.Session.Messages; m.N > 0 {
		s.send = rate.NewLimiter(rate.Limit(float64(m.N)/m.Per.Seconds()), max(m.N/2, 1))
	}
	l.raw(market.Frame{Kind: "connect", Conn: id, Addr: addr, Received: now})
	err = s.run(ctx)
	at := time.Now().UTC()
	why := "the connection was lost"
	if err != nil {
		why = err.Error()
	}
	l.raw(market.Frame{Kind: "disconnect", Conn: id, Received: at})
	l.station.Closed(id, at, why)
	l.station.setState("connecting", why, at)
	return s.data, err
}

// ticket asks the venue where to connect. What it names must be a stream: its answer
// cannot send us to anything else.
func (l *Live) ticket(ctx context.Context, t *venue.Ticket, path string) (string, error) {
	_, body, err := l.get.Send(ctx, t.Request)
	if err != nil {
		return "", err
	}
	addr, err := t.Address(body, path)
	if err != nil {
		return "", err
	}
	u, err := url.Parse(addr)
	if err != nil || u.Host == "" || u.Scheme != "wss" && !(u.Scheme == "ws" && l.link.Stream != "") {
		return "", fault.New(fault.Unavailable, "%s named %q to connect to, which is no stream", l.station.driver.Spec.Name, addr)
	}
	return addr, nil
}

// stream gives a client without an overall timeout, which would cut a stream.
func (l *Live) stream() *http.Client {
	c := *l.link.Client
	c.Timeout = 0
	return &c
}

func (l *Live) raw(f market.Frame) {
	if l.link.Keep != nil {
		f.Venue = l.station.driver.Spec.ID
		l.link.Keep(f)
	}
}

// run subscribes, reads and watches until something ends the connection.
func (s *session) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel(nil) // before the wait: the watch would notice at its next ping only
	defer s.ws.CloseNow()
	wg.Go(func() {
		select {
		case <-time.After(s.dialect.Session.Warmup):
		case <-ctx.Done():
			return
		}
		if err := s.subscribe(ctx, s.group.subs); err != nil {
			cancel(err)
		}
	})
	wg.Go(func() { cancel(s.watch(ctx)) })
	for {
		_, frame, err := s.ws.Read(ctx)
		if err != nil {
			if c := context.Cause(ctx); c != nil {
				return c
			}
			return err
		}
		at := time.Now().UTC()
		s.raw(market.Frame{Kind: "recv", Conn: s.id, Data: frame, Received: at})
		notices, err := s.station.Frame(s.id, frame, at, 0)
		if err != nil {
			s.log.Warn("a frame could not be read", "conn", s.id, "err", err, "frame", snippet(frame))
		}
		for _, n := range notices {
			switch n.Kind {
			case market.Reply:
				if err := s.write(ctx, []byte(n.Text)); err != nil {
					return err
				}
			case market.Moving:
				return errMoving
			case market.Refused:
				s.log.Warn("the venue refused something", "conn", s.id, "symbol", n.Symbol, "text", n.Text)
			case market.Strange:
				s.log.Warn("the venue sent something unknown", "conn", s.id, "text", n.Text)
			}
		}
		if !s.data && len(notices) == 0 && err == nil {
			s.data = true
			s.station.setState("live", "", at)
		}
		for _, o := range s.station.outages() {
			if s.link.Backfill {
				s.mendLater(o)
			}
		}
	}
}

// mendLater fetches what an outage missed, a little after the connection is back,
// when the venue's own history has caught up.
func (s *session) mendLater(o outage) {
	seen := map[string]bool{}
	var ins []*market.Instrument
	for _, sub := range s.group.subs {
		if sub.Channel == market.Trades && !seen[sub.Instrument.Key] {
			seen[sub.Instrument.Key] = true
			ins = append(ins, sub.Instrument)
		}
	}
	due := time.Now().Add(2 * time.Second)
	s.later(func(ctx context.Context) {
		select {
		case <-time.After(time.Until(due)):
			s.mend(ctx, o, ins)
		case <-ctx.Done():
		}
	})
}

func snippet(b []byte) string {
	if len(b) > 200 {
		return string(b[:200]) + "…"
	}
	return string(b)
}

// subscribe sends the requests for subs at the pace the venue allows.
func (s *session) subscribe(ctx context.Context, subs []venue.Sub) error {
	n := s.dialect.Session.Batch
	if n <= 0 || s.dialect.Session.Whole {
		n = len(subs)
	}
	for len(subs) > 0 {
		k := min(n, len(subs))
		for _, f := range s.dialect.Subscribe(subs[:k], int(s.reqs.Add(1))) {
			if err := s.write(ctx, f); err != nil {
				return err
			}
		}
		if err := s.askBooks(ctx, subs[:k]); err != nil {
			return err
		}
		subs = subs[k:]
	}
	return nil
}

// unsubscribe writes the frames that end subs, as the connection's decoder knows them.
func (s *session) unsubscribe(subs []venue.Sub, id int) [][]byte {
	s.station.mu.Lock()
	defer s.station.mu.Unlock()
	c, ok := s.station.intake.Conn(s.id)
	if !ok {
		return nil
	}
	return c.Unsubscribe(subs, id)
}

// askBooks asks for the whole books among subs, where a venue gives them on the
// connection when asked.
func (s *session) askBooks(ctx context.Context, subs []venue.Sub) error {
	if s.dialect.Snapshot == nil {
		return nil
	}
	var books []venue.Sub
	for _, sub := range subs {
		if sub.Channel == market.Books {
			books = append(books, sub)
		}
	}
	if len(books) == 0 {
		return nil
	}
	for _, f := range s.dialect.Snapshot(books, int(s.reqs.Add(1))) {
		if err := s.write(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) write(ctx context.Context, frame []byte) error {
	if err := s.send.Wait(ctx); err != nil {
		return err
	}
	s.raw(market.Frame{Kind: "send", Conn: s.id, Data: frame, Received: time.Now().UTC()})
	wctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return s.ws.Write(wctx, websocket.MessageText, frame)
}

// watch pings, notices silence and ends a connection that is dead or due to move.
func (s *session) watch(ctx context.Context) error {
	ses := s.dialect.Session
	var pings sync.WaitGroup
	defer pings.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	pinged := time.Now()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
		now := time.Now().UTC()
		if ses.PingEvery > 0 && now.Sub(pinged) >= ses.PingEvery {
			pinged = now
			if len(ses.Ping) == 0 {
				pings.Go(func() { s.ping(ctx) })
			} else if err := s.write(ctx, ses.Ping); err != nil {
				return err
			}
		}
		if ses.MaxLife > 0 && now.Sub(s.opened) > ses.MaxLife-5*time.Minute {
			return errMoving
		}
		idle, err := s.judge(now)
		if err != nil {
			return err
		}
		if ses.Idle > 0 && idle > ses.Idle {
			return fmt.Errorf("nothing came for %s", idle.Round(time.Second))
		}
		s.help(ctx)
	}
}

// ping sends the protocol's own ping, for venues that want to hear from us without a
// text of their own. A connection on which it is not answered shows by Session.Idle.
func (s *session) ping(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_ = s.ws.Ping(ctx)
}

// judge finds channels that stopped while the connection lives. A whole channel
// that is silent ends the connection; a single book is joined again.
func (s *session) judge(now time.Time) (idle time.Duration, err error) {
	st := s.station
	st.mu.Lock()
	defer st.mu.Unlock()
	c, ok := st.intake.Conn(s.id)
	if !ok {
		return 0, errors.New("the connection is not known any more")
	}
	idle = now.Sub(c.Last())
	s.mood(c, now)
	for ch, limit := range s.dialect.Session.Silence {
		if limit <= 0 || !s.has(ch) {
			continue
		}
		last := c.Data(ch)
		if last.IsZero() {
			last = s.opened
		}
		if now.Sub(last) <= limit {
			if ch == market.Books {
				s.quiet(c, limit, now)
			}
			continue
		}
		if ch != market.Books {
			st.take(c, c.Silent(ch, "", now), now)
		} else {
			for symbol := range c.books {
				st.take(c, c.Silent(ch, symbol, now), now)
			}
		}
		return idle, fmt.Errorf("channel %s brought nothing for %s", ch, now.Sub(last).Round(time.Second))
	}
	return idle, nil
}

// quietAll is how long a connection may bring no data of any channel before the
// board calls the venue stale; the limits of single channels decide when to act.
const quietAll = 30 * time.Second

// mood tells the board when data stops while the connection lives, and when it goes
// on. The station's lock is held.
func (s *session) mood(c *Conn, now time.Time) {
	last := s.opened
	for _, at := range c.data {
		if at.After(last) {
			last = at
		}
	}
	st := &s.station.state
	quiet := now.Sub(last)
	switch {
	case quiet > quietAll:
		if st.State != "stale" {
			st.Since = now
		}
		st.State, st.Reason = "stale", fmt.Sprintf("connected, but no data for %s", quiet.Round(time.Second))
	case st.State == "stale":
		st.State, st.Reason, st.Since = "live", "", now
	}
}

// quietFactor is how many times longer than the channel a single book may be silent
// before it is taken for stopped: some markets are just quiet.
const quietFactor = 5

// quiet joins books again that stopped while others of the channel went on.
func (s *session) quiet(c *Conn, limit time.Duration, now time.Time) {
	for symbol, l := range c.books {
		if l.m.Valid() && !l.seen.IsZero() && now.Sub(l.seen) > quietFactor*limit {
			s.station.take(c, c.Silent(market.Books, symbol, now), now)
		}
	}
}

func (s *session) has(ch market.Channel) bool {
	for i := range s.group.subs {
		if s.group.subs[i].Channel == ch {
			return true
		}
	}
	return false
}

// help gives lost books what they need: a snapshot by REST, or a new subscription
// of that book alone. Attempts per book are at least five seconds apart.
func (s *session) help(ctx context.Context) {
	st := s.station
	st.mu.Lock()
	var wants []Want
	if c, ok := st.intake.Conn(s.id); ok {
		wants = c.wants(time.Now().UTC())
	}
	st.mu.Unlock()
	for _, w := range wants {
		in := *w.Instrument
		if w.Snapshot {
			s.soon(func(ctx context.Context) {
				_, err := s.get.Fetch(ctx, st, venue.Ask{What: venue.AskBook, Instrument: in})
				if err != nil && ctx.Err() == nil {
					s.log.Warn("book could not be fetched; trying again", "symbol", in.Symbol, "err", err)
				}
			})
			continue
		}
		if s.dialect.Session.Whole {
			s.soon(func(ctx context.Context) { s.subscribe(ctx, s.group.subs) }) //nolint:errcheck // the book asks again
			return
		}
		sub := []venue.Sub{{Channel: market.Books, Instrument: st.pointer(in.Key)}}
		s.soon(func(ctx context.Context) {
			n := int(s.reqs.Add(2))
			for _, f := range s.unsubscribe(sub, n-1) {
				if s.write(ctx, f) != nil {
					return
				}
			}
			for _, f := range s.dialect.Subscribe(sub, n) {
				if s.write(ctx, f) != nil {
					return
				}
			}
			s.askBooks(ctx, sub) //nolint:errcheck // the book asks again
		})
	}
}

// retryAfter is how long a book waits for the help it asked for before asking again.
const retryAfter = 5 * time.Second

// wants lists the books of the connection that need help and have not asked lately.
func (c *Conn) wants(now time.Time) []Want {
	var out []Want
	for _, l := range c.books {
		if l.m.Valid() {
			if l.m.Rule().Join == book.RESTTime && l.m.Rule().Refresh > 0 && now.Sub(l.asked) > l.m.Rule().Refresh {
				l.asked = now
				out = append(out, Want{Conn: c, Instrument: l.m.Instrument(), Snapshot: true})
			}
			continue
		}
		if now.Sub(l.asked) < retryAfter {
			continue
		}
		if l.asked.IsZero() && !l.m.NeedsSnapshot() && now.Sub(c.opened) < retryAfter {
			continue // the first snapshot is on its way
		}
		l.asked = now
		out = append(out, Want{Conn: c, Instrument: l.m.Instrument(), Snapshot: l.m.NeedsSnapshot()})
	}
	return out
}

// later queues REST work. A full queue leaves it out and says so; a book asks again.
func (l *Live) later(f func(context.Context)) { l.queue(l.work, f) }

// soon is later for what readers wait for: books.
func (l *Live) soon(f func(context.Context)) { l.queue(l.urgent, f) }

func (l *Live) queue(q chan func(context.Context), f func(context.Context)) {
	select {
	case q <- f:
	default:
		l.left.Add(1)
		s := l.station
		s.mu.Lock()
		s.state.WorkLeftOut++
		s.mu.Unlock()
		l.log.Warn("work queue is full; the work is left out")
	}
}

func (l *Live) worker(ctx context.Context) {
	for {
		select {
		case f := <-l.urgent:
			f(ctx)
			continue
		default:
		}
		select {
		case f := <-l.urgent:
			f(ctx)
		case f := <-l.work:
			f(ctx)
		case <-ctx.Done():
			return
		}
	}
}
