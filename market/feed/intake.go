package feed

import (
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/book"
	"github.com/assayhq/assay/market/venue"
)

// Intake turns the bytes of one venue into checked events: it decodes, stamps,
// follows sequence numbers, joins books and records what is missing. It is the
// same for a live connection, a recording and an emulator, and it does no I/O and
// reads no clock: every time comes with the call. Not safe for concurrent use.
//
// What it gives back is valid until the next call on the same Intake.
type Intake struct {
	driver *venue.Driver
	table  *venue.Table
	conns  map[string]*Conn
	order  []*Conn
	early  map[string]*market.BookUpdate   // REST snapshots that came before the stream
	lost   map[string][]market.Gap         // open gaps of books whose connection is gone, by key
	silent map[market.Channel][]market.Gap // open gaps of channels that stopped
	raw    market.Batch
	out    market.Batch
	gone   BookCounts // of connections that have ended
	Counts Counts
}

// Counts is what an Intake has seen, for summaries and metrics.
type Counts struct {
	Messages     int64 `json:"messages"` // of the stream
	Answers      int64 `json:"answers"`  // of REST
	Trades       int64 `json:"trades"`
	Quotes       int64 `json:"quotes"`
	Books        int64 `json:"books"`
	Candles      int64 `json:"candles"`
	Derivatives  int64 `json:"derivatives"`
	Liquidations int64 `json:"liquidations"`
	Instruments  int64 `json:"instruments"`
	Gaps         int64 `json:"gaps"`
	Notices      int64 `json:"notices"`
	Strange      int64 `json:"strange"`
	DecodeErrors int64 `json:"decode_errors"`
	Ignored      int64 `json:"ignored_updates"`
	Waiting      int64 `json:"waiting_updates"`
	SequenceGaps int64 `json:"sequence_gaps"`
}

// BookCounts is what the books of an Intake have seen.
type BookCounts struct {
	Joined     int64 `json:"books_joined"`
	Checksums  int64 `json:"checksums_checked"`
	BadSums    int64 `json:"checksums_failed"`
	Crossed    int64 `json:"crossed_books"`
	Lost       int64 `json:"books_lost"`
	Unverified int64 `json:"books_without_integrity_check"`
}

// NewIntake makes an Intake for a venue. code turns the venue's name of an asset into ours.
func NewIntake(d *venue.Driver, code func(symbol string) string) *Intake {
	return &Intake{driver: d, table: venue.NewTable(d, code), conns: map[string]*Conn{}, early: map[string]*market.BookUpdate{}, lost: map[string][]market.Gap{}, silent: map[market.Channel][]market.Gap{}}
}

// Table gives the venue's symbols as known so far.
func (k *Intake) Table() *venue.Table { return k.table }

// Driver gives the venue.
func (k *Intake) Driver() *venue.Driver { return k.driver }

// Conn is one connection of an Intake. Its books are its own: two connections with
// the same symbol do not share one.
type Conn struct {
	ID      string
	intake  *Intake
	dialect *venue.Dialect
	feed    venue.Feed
	books   map[string]*live
	seq     int64
	hasSeq  bool
	opened  time.Time
	last    time.Time                    // last frame of any kind
	data    map[market.Channel]time.Time // last data per channel
}

// live is a book with what the feed must remember of it.
type live struct {
	m     *book.Machine
	gap   market.Gap // open while the book is lost
	seen  time.Time  // last update received
	asked time.Time  // when a snapshot or resubscription was asked for last
}

// Connect opens a connection that was made to addr at the given time. An id that
// is open already is closed first.
func (k *Intake) Connect(id, addr string, at time.Time) (*Conn, error) {
	var u *url.URL
	if addr != "" {
		var err error
		if u, err = url.Parse(addr); err != nil {
			return nil, fault.Wrap(fault.Invalid, err, "stream address %q cannot be read", addr)
		}
	}
	d, err := k.driver.Pick(u, at)
	if err != nil {
		return nil, err
	}
	if u == nil {
		u = &url.URL{}
	}
	return k.open(id, u, at, d), nil
}

// ConnectAs is Connect for whoever knows which protocol is spoken: a live
// connection speaks the current one, whatever the date.
func (k *Intake) ConnectAs(d *venue.Dialect, id, addr string, at time.Time) (*Conn, error) {
	u, err := url.Parse(addr)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "stream address %q cannot be read", addr)
	}
	return k.open(id, u, at, d), nil
}

func (k *Intake) open(id string, u *url.URL, at time.Time, d *venue.Dialect) *Conn {
	c := &Conn{ID: id, intake: k, dialect: d, feed: d.Open(k.table, u), books: map[string]*live{}, opened: at, last: at, data: map[market.Channel]time.Time{}}
	for i, o := range k.order {
		if o.ID == id {
			k.order = append(k.order[:i], k.order[i+1:]...)
			break
		}
	}
	k.conns[id] = c
	k.order = append(k.order, c)
	return c
}

// Conn gives an open connection.
func (k *Intake) Conn(id string) (*Conn, bool) { c, ok := k.conns[id]; return c, ok }

// Dialect gives the protocol spoken.
func (c *Conn) Dialect() *venue.Dialect { return c.dialect }

// Unsubscribe writes the frames that end subs on this connection.
func (c *Conn) Unsubscribe(subs []venue.Sub, id int) [][]byte {
	if l, ok := c.feed.(venue.Leaver); ok {
		return l.Unsubscribe(subs, id)
	}
	return c.dialect.Unsubscribe(subs, id)
}

// Frame takes one message of the stream. number is its place in a recording, or a
// running number; it comes back in BookUpdate.Frame. The batch is what may be
// published. An error means that the frame could not be read: it is counted, and
// the batch says what is in doubt because of it.
func (c *Conn) Frame(data []byte, received time.Time, number int64) (*market.Batch, error) {
	k := c.intake
	k.Counts.Messages++
	k.raw.Reset()
	k.out.Reset()
	err := c.feed.Decode(data, &k.raw)
	c.last = received
	if err != nil {
		k.Counts.DecodeErrors++
		k.raw.Reset()
		c.undecided(received, err)
		return &k.out, err
	}
	if k.raw.HasSeq {
		if c.hasSeq && k.raw.Seq != c.seq+1 {
			c.jumped(received)
		}
		c.seq, c.hasSeq = k.raw.Seq, true
	}
	c.stamp(received)
	for ch, gaps := range k.silent { // rarely any
		if c.data[ch].Equal(received) {
			for _, g := range gaps {
				g.To = received
				k.out.Gaps = append(k.out.Gaps, g)
			}
			delete(k.silent, ch)
		}
	}
	for i := range k.raw.Books {
		u := &k.raw.Books[i]
		u.Frame = number
		c.apply(u, received)
	}
	k.count()
	return &k.out, nil
}

// stamp puts our time on what came and moves it to the output.
func (c *Conn) stamp(received time.Time) {
	k := c.intake
	for i := range k.raw.Trades {
		k.raw.Trades[i].Received = received
	}
	for i := range k.raw.Quotes {
		k.raw.Quotes[i].Received = received
	}
	for i := range k.raw.Candles {
		k.raw.Candles[i].Known = received
	}
	for i := range k.raw.Books {
		k.raw.Books[i].Received = received
	}
	for i := range k.raw.Derivatives {
		k.raw.Derivatives[i].Received = received
	}
	for i := range k.raw.Liquidations {
		k.raw.Liquidations[i].Received = received
	}
	if len(k.raw.Derivatives) > 0 {
		c.data[market.Derivatives] = received
	}
	if len(k.raw.Liquidations) > 0 {
		c.data[market.Liquidations] = received
	}
	if len(k.raw.Trades) > 0 {
		c.data[market.Trades] = received
	}
	if len(k.raw.Quotes) > 0 {
		c.data[market.Quotes] = received
	}
	if len(k.raw.Candles) > 0 {
		c.data[market.Candles] = received
	}
	if len(k.raw.Books) > 0 {
		c.data[market.Books] = received
	}
	k.out.Trades = append(k.out.Trades, k.raw.Trades...)
	k.out.Quotes = append(k.out.Quotes, k.raw.Quotes...)
	k.out.Candles = append(k.out.Candles, k.raw.Candles...)
	k.out.Derivatives = append(k.out.Derivatives, k.raw.Derivatives...)
	k.out.Liquidations = append(k.out.Liquidations, k.raw.Liquidations...)
	k.out.Instruments = append(k.out.Instruments, k.raw.Instruments...)
	k.out.Notices = append(k.out.Notices, k.raw.Notices...)
}

func (k *Intake) count() {
	n := &k.Counts
	n.Trades += int64(len(k.out.Trades))
	n.Quotes += int64(len(k.out.Quotes))
	n.Books += int64(len(k.out.Books))
	n.Candles += int64(len(k.out.Candles))
	n.Derivatives += int64(len(k.out.Derivatives))
	n.Liquidations += int64(len(k.out.Liquidations))
	n.Instruments += int64(len(k.out.Instruments))
	n.Notices += int64(len(k.out.Notices))
	n.Gaps += int64(len(k.out.Gaps))
	for i := range k.out.Notices {
		if k.out.Notices[i].Kind == market.Strange {
			n.Strange++
		}
	}
}

// Expect says that a book was subscribed to, so that it is asked for even if no
// update ever comes.
func (c *Conn) Expect(in *market.Instrument) {
	if c.books[in.Symbol] == nil {
		l := &live{m: book.NewMachine(c.dialect.Book, in)}
		l.m.Since = c.opened.Add(-time.Second)
		c.books[in.Symbol] = l
	}
}

func (c *Conn) live(u *market.BookUpdate) *live {
	l := c.books[u.Symbol]
	if l == nil {
		in, ok := c.intake.table.ByPair(u.Pair)
		if !ok || in.Symbol != u.Symbol {
			in = c.intake.table.Find([]byte(u.Symbol))
		}
		l = &live{m: book.NewMachine(c.dialect.Book, in)}
		c.books[u.Symbol] = l
		if s := c.intake.early[key(u)]; s != nil && l.m.NeedsSnapshot() {
			l.m.Apply(s) // it was published when it came
			delete(c.intake.early, key(u))
		}
	}
	return l
}

// key tells books apart: sections of a venue may share a symbol.
func key(u *market.BookUpdate) string { return string(u.Pair) + " " + u.Symbol }

// apply gives one update to its book and publishes what the book vouches for.
func (c *Conn) apply(u *market.BookUpdate, received time.Time) {
	k := c.intake
	l := c.live(u)
	l.seen = received
	switch l.m.Apply(u) {
	case book.Publish:
		c.publish(l, u)
		if u.Snapshot {
			l.m.Pending(func(u *market.BookUpdate, v book.Verdict) { c.settle(l, u, v) })
		}
	case book.Ignore:
		k.Counts.Ignored++
	case book.Wait:
		k.Counts.Waiting++
	case book.Lost:
		c.lost(l, u.Pair, u.Symbol, received)
	}
}

func (c *Conn) settle(l *live, u *market.BookUpdate, v book.Verdict) {
	if v == book.Publish {
		c.publish(l, u)
	} else {
		c.lost(l, u.Pair, u.Symbol, u.Received)
	}
}

func (c *Conn) publish(l *live, u *market.BookUpdate) {
	k := c.intake
	by := market.Repair("")
	if u.Snapshot {
		by = market.BySnapshot
	}
	if l.gap.ID != "" {
		k.lost[key(u)] = append(k.lost[key(u)], l.gap)
		l.gap = market.Gap{}
	}
	if len(k.lost) > 0 {
		for _, g := range k.lost[key(u)] {
			g.To, g.RepairedBy = stampOf(u), by
			k.out.Gaps = append(k.out.Gaps, g)
		}
		delete(k.lost, key(u))
	}
	r := l.m.Rule()
	if u.Depth == 0 {
		u.Depth = r.Depth // readers cut their copies where the venue cuts its own
	}
	u.Snapshot = u.Snapshot || r.Join == book.Replace
	k.out.Books = append(k.out.Books, *u)
}

func stampOf(u *market.BookUpdate) time.Time {
	if u.At.IsZero() {
		return u.Received
	}
	return u.At
}

func (c *Conn) lost(l *live, p market.Pair, symbol string, at time.Time) {
	k := c.intake
	loss := l.m.Loss()
	if loss.Kind == market.SequenceGap {
		k.Counts.SequenceGaps++
	}
	_, from := l.m.Last()
	if from.IsZero() {
		from = at
	}
	l.gap = c.gap(loss.Kind, p, symbol, market.Books, from, loss.Missing, loss.Detail)
	k.out.Gaps = append(k.out.Gaps, l.gap)
	// What the same frame published of this book before is void: readers take the
	// gaps of a batch first, then its books.
	k.out.Books = slices.DeleteFunc(k.out.Books, func(u market.BookUpdate) bool { return u.Symbol == symbol && u.Pair == p })
}

func (c *Conn) gap(kind market.GapKind, p market.Pair, symbol string, ch market.Channel, from time.Time, missing int64, detail string) market.Gap {
	v := c.intake.driver.Spec.ID
	return market.Gap{
		ID:    fmt.Sprintf("%s|%s|%s|%s|%s|%d", v, c.ID, symbol, ch, kind, from.UnixNano()),
		Venue: v, Pair: p, Symbol: symbol, Channel: ch, Kind: kind, From: from, Missing: missing, Detail: detail, Conn: c.ID,
	}
}

// jumped handles a hole in the connection's own numbering: any channel may have
// lost something, so no book of the connection is valid.
func (c *Conn) jumped(received time.Time) {
	k := c.intake
	k.Counts.SequenceGaps++
	missing := k.raw.Seq - c.seq - 1
	if missing < 0 {
		missing = -1
	}
	g := c.gap(market.SequenceGap, "", "", "", received, missing, fmt.Sprintf("expected message %d of the connection, got %d", c.seq+1, k.raw.Seq))
	g.To = received
	k.out.Gaps = append(k.out.Gaps, g)
	c.invalidate(market.SequenceGap, "the connection lost a message", received, false)
}

// undecided handles a frame that could not be read: books whose loss would not
// show otherwise are not valid any more.
func (c *Conn) undecided(received time.Time, err error) {
	k := c.intake
	g := c.gap(market.DecodeFailure, "", "", "", received, 1, err.Error())
	g.To = received
	k.out.Gaps = append(k.out.Gaps, g)
	c.invalidate(market.DecodeFailure, "a frame could not be read", received, true)
	k.Counts.Gaps += int64(len(k.out.Gaps))
}

func (c *Conn) invalidate(kind market.GapKind, why string, at time.Time, onlyUnverified bool) {
	for symbol, l := range c.books {
		if !l.m.Valid() || onlyUnverified && l.m.Rule().Verified() && !l.m.Rule().ConnSeq {
			continue
		}
		l.m.Invalidate(kind, why)
		c.lost(l, l.m.Instrument().Pair, symbol, at)
	}
}

// Close ends a connection: its books are not valid, and the batch says so.
func (c *Conn) Close(at time.Time, why string) *market.Batch {
	k := c.intake
	k.out.Reset()
	g := c.gap(market.Disconnected, "", "", "", c.last, -1, why)
	k.out.Gaps = append(k.out.Gaps, g)
	c.invalidate(market.Disconnected, why, at, false)
	for _, l := range c.books {
		if l.gap.ID != "" {
			book := string(l.gap.Pair) + " " + l.gap.Symbol
			k.lost[book] = append(k.lost[book], l.gap)
		}
	}
	c.tally(&k.gone)
	delete(k.conns, c.ID)
	for i, o := range k.order {
		if o == c {
			k.order = append(k.order[:i], k.order[i+1:]...)
			break
		}
	}
	k.Counts.Gaps += int64(len(k.out.Gaps))
	return &k.out
}

// Silent marks the books of a channel that stopped; see Session.Silence. It gives
// what is to be published: one gap per book, or one for the channel.
func (c *Conn) Silent(ch market.Channel, symbol string, at time.Time) *market.Batch {
	k := c.intake
	k.out.Reset()
	if ch == market.Books {
		if l := c.books[symbol]; l != nil && l.m.Valid() {
			l.m.Invalidate(market.Silence, "the channel stopped while the connection lived")
			c.lost(l, l.m.Instrument().Pair, symbol, at)
		}
	} else {
		from := c.data[ch]
		if from.IsZero() {
			from = c.opened
		}
		g := c.gap(market.Silence, "", "", ch, from, -1, "the channel stopped while the connection lived")
		k.silent[ch] = append(k.silent[ch], g)
		k.out.Gaps = append(k.out.Gaps, g)
	}
	k.Counts.Gaps += int64(len(k.out.Gaps))
	return &k.out
}

// HTTP takes the answer to a REST request, whoever made it. A book snapshot goes
// to every connection that waits for it.
func (k *Intake) HTTP(rawURL string, body []byte, received time.Time, number int64) (*market.Batch, error) {
	k.out.Reset()
	k.raw.Reset()
	if err := k.decode(rawURL, body, &k.raw); err != nil {
		k.Counts.DecodeErrors++
		return &k.out, err
	}
	k.Counts.Answers++
	for i := range k.raw.Trades {
		k.raw.Trades[i].Received = received
	}
	for i := range k.raw.Candles {
		b := &k.raw.Candles[i]
		b.Known = received
		// A bar that ended before we asked is complete, whatever its place in the page.
		b.Complete = b.Complete || !b.Interval.Next(b.Open).Add(time.Second).After(received)
	}
	k.out.Cursor = k.raw.Cursor
	k.out.Trades = append(k.out.Trades, k.raw.Trades...)
	k.out.Quotes = append(k.out.Quotes, k.raw.Quotes...)
	k.out.Candles = append(k.out.Candles, k.raw.Candles...)
	for i := range k.raw.Derivatives {
		k.raw.Derivatives[i].Received = received
	}
	k.out.Derivatives = append(k.out.Derivatives, k.raw.Derivatives...)
	for i := range k.raw.Liquidations {
		k.raw.Liquidations[i].Received = received
	}
	k.out.Liquidations = append(k.out.Liquidations, k.raw.Liquidations...)
	k.out.Instruments = append(k.out.Instruments, k.raw.Instruments...)
	for i := range k.raw.Books {
		s := &k.raw.Books[i]
		s.Received, s.Frame = received, number
		k.snapshot(s)
	}
	k.count()
	return &k.out, nil
}

func (k *Intake) decode(rawURL string, body []byte, out *market.Batch) error {
	u, err := url.Parse(rawURL)
	if err != nil {
		return fault.Wrap(fault.Invalid, err, "address %q cannot be read", rawURL)
	}
	return k.driver.REST.Decode(u, body, k.table, out)
}

// Read decodes the answer to a REST request that is no data to keep: a clock, or bars
// to compare with. The batch is the caller's.
func (k *Intake) Read(rawURL string, body []byte) (*market.Batch, error) {
	var b market.Batch
	err := k.decode(rawURL, body, &b)
	return &b, err
}

func (k *Intake) snapshot(s *market.BookUpdate) {
	taken := false
	for _, c := range k.order {
		join := c.dialect.Book.Join
		if join != book.RESTRange && join != book.RESTTime {
			continue
		}
		l := c.books[s.Symbol]
		if l == nil {
			continue
		}
		taken = true
		c.apply(s, s.Received)
	}
	if !taken {
		c := *s
		c.Bids, c.Asks = append([]market.Level(nil), s.Bids...), append([]market.Level(nil), s.Asks...)
		k.early[key(s)] = &c
		k.out.Books = append(k.out.Books, *s)
	}
}

// Want is something the owner of the connections should do.
type Want struct {
	Conn       *Conn
	Instrument *market.Instrument
	Snapshot   bool // fetch the book by REST; otherwise resubscribe the book
}

// Books calls yield for each book of the connection.
func (c *Conn) Books(yield func(symbol string, m *book.Machine, seen time.Time)) {
	for s, l := range c.books {
		yield(s, l.m, l.seen)
	}
}

// Data gives when a channel brought data last.
func (c *Conn) Data(ch market.Channel) time.Time { return c.data[ch] }

// Last gives when any frame came last.
func (c *Conn) Last() time.Time { return c.last }

// BookCounts sums over all books of all connections, those that are gone included.
func (k *Intake) BookCounts() BookCounts {
	n := k.gone
	for _, c := range k.order {
		c.tally(&n)
	}
	return n
}

func (c *Conn) tally(n *BookCounts) {
	for _, l := range c.books {
		n.Joined += l.m.Joined
		n.Checksums += l.m.Sums
		n.BadSums += l.m.BadSums
		n.Crossed += l.m.Crossings
		n.Lost += l.m.Gaps
		if !l.m.Rule().Verified() {
			n.Unverified++
		}
	}
}

// Integrity says in a word how loss in a book would show.
func Integrity(r book.Rule, summed bool) string {
	switch {
	case summed:
		return "checksum"
	case r.Join == book.Replace:
		return "snapshot"
	case r.Join == book.Chain || r.Join == book.RESTRange || r.Join == book.StreamRange || r.ConnSeq:
		return "sequence"
	case r.Checksum != nil:
		return "checksum"
	}
	return "none"
}
