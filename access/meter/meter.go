// Package meter counts what each app uses, exactly enough to bill: requests, units and
// bytes by app, ring, key, endpoint class, status class and hour (UTC).
//
// Counters are cumulative per node and boot, held in memory and appended to segment
// files. In durable mode an Add that returned nil is on disk and survives any kill; a
// failed or interrupted Add may or may not count. In relaxed mode Add returns at once
// and a kill loses at most what came since the last flush, one second by default.
// Because a record holds the sum so far and not a difference, repeated, reordered and
// merged records change nothing: the highest sequence number wins.
//
// It never estimates, never looks into a request and never turns an hour back: with a
// clock that goes back the latest hour goes on, so an hour that has passed never changes
// again. Asking for usage keeps no Add waiting for longer than one hour's counters take
// to sum. A Share tells other nodes through the control plane, and knows what they told.
// api adds and queries, app opens and shares, the command line queries.
package meter

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/assayhq/assay/fault"
)

// Key says for whom and for what something was used.
type Key struct {
	App, Ring, Key string
	Class          string // endpoint class, as plans weigh it
	Status         uint8  // class of the HTTP status: 2, 4, 5
}

// Counts is what was used.
type Counts struct{ Requests, Units, Bytes int64 }

func (c *Counts) add(d Counts) {
	c.Requests, c.Units, c.Bytes = c.Requests+d.Requests, c.Units+d.Units, c.Bytes+d.Bytes
}

// Options say how a meter works. Dir and Node are needed.
type Options struct {
	Dir  string // of this meter alone
	Node string // name of this node, the same after a restart
	// Relaxed lets Add return before its count is on disk.
	Relaxed bool
	Batch   time.Duration // durable: at most one fsync in it, 10 ms by default
	Flush   time.Duration // relaxed: time between fsyncs, 1 s by default
	Segment int64         // bytes after which a file is closed, 8 MiB by default
	Files   int           // closed files after which they are compacted, 8 by default
	// Hours is how many hours with usage are kept, the newest ones; 35 days by default. A
	// number and not an age: a clock that jumps forward forgets nothing.
	Hours int
	// Rows is how many counters are held at most, one for each key, class and status in an
	// hour: 2 million by default, some 300 MB. More are refused.
	Rows int
	Now  func() time.Time
	Log  *slog.Logger // told of torn tails; nil: nobody
}

func (o *Options) fill() error {
	if o.Dir == "" || o.Node == "" || len(o.Node) > maxText {
		return fault.At(fault.Invalid, "meter", "needs a directory and a node name of 1 to %d bytes", maxText)
	}
	o.Batch, o.Flush = or(o.Batch, 10*time.Millisecond), or(o.Flush, time.Second)
	o.Segment, o.Files, o.Rows = or(o.Segment, 8<<20), or(o.Files, 8), or(o.Rows, 2_000_000)
	o.Hours = or(o.Hours, 35*24)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return nil
}

func or[T comparable](v, other T) T {
	var zero T
	if v == zero {
		return other
	}
	return v
}

// Meter counts the usage of one node. All methods may be called at the same time.
type Meter struct {
	o      Options
	origin Origin
	log    *log
	wake   chan struct{} // something is dirty
	hurry  chan struct{} // somebody waits for a Flush
	stop   chan struct{}
	done   chan struct{}

	mu      sync.Mutex // held for no I/O
	ledger  *Ledger
	hour    int64        // its beginning, in minutes since 1970
	own     map[Key]*row // of the hour
	dirty   []*row
	seq     uint64
	batch   *batch
	writing bool // a batch is on its way to the disk
	broken  error
	closed  bool
}

// batch is the Adds that one fsync makes durable.
type batch struct {
	done chan struct{}
	err  error // once done is closed
}

// Open reads what the directory holds, cuts off a torn tail and counts on under a new
// boot. The caller calls Close.
func Open(o Options) (*Meter, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	var boot [8]byte
	rand.Read(boot[:])
	m := &Meter{
		o: o, origin: Origin{o.Node, binary.LittleEndian.Uint64(boot[:])}, ledger: NewLedger(), own: map[Key]*row{},
		wake: make(chan struct{}, 1), hurry: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
		batch: &batch{done: make(chan struct{})},
	}
	l, err := openLog(&o, m.origin, m.ledger)
	if err != nil {
		return nil, err
	}
	m.log = l
	go m.run()
	return m, nil
}

// Add counts. In durable mode it returns when the count is on disk, or with the error of
// a context that ended first; the count may be kept all the same. Exhausted means that
// memory is full, Unavailable that the disk failed; after a failed write nothing more is
// counted until the meter is opened anew, since what the disk holds is unknown.
func (m *Meter) Add(ctx context.Context, k Key, c Counts) error {
	if c.Requests < 0 || c.Units < 0 || c.Bytes < 0 {
		return fault.At(fault.Invalid, "meter", "counts only grow; %d requests, %d units, %d bytes", c.Requests, c.Units, c.Bytes)
	}
	if max(len(k.App), len(k.Ring), len(k.Key), len(k.Class)) > maxText {
		return fault.At(fault.Invalid, "meter", "a name is longer than %d bytes", maxText)
	}
	hour := hourOf(m.o.Now())
	m.mu.Lock()
	if m.broken != nil || m.closed {
		err := m.broken
		m.mu.Unlock()
		return fault.Wrap(fault.Unavailable, err, "usage cannot be recorded")
	}
	if hour > m.hour {
		m.hour = hour
		clear(m.own)
		m.ledger.keep(m.o.Hours)
	}
	r := m.own[k]
	if r == nil {
		if m.ledger.size >= m.o.Rows {
			m.mu.Unlock()
			return fault.New(fault.Exhausted, "usage has %d counters, the most that are held; keep fewer hours", m.o.Rows)
		}
		r = m.ledger.row(series{m.origin, k, m.hour})
		m.own[k] = r
	}
	r.add(c)
	first := len(m.dirty) == 0
	if !r.dirty {
		r.dirty = true
		m.dirty = append(m.dirty, r)
	}
	b := m.batch
	m.mu.Unlock()
	if first {
		select {
		case m.wake <- struct{}{}:
		default:
		}
	}
	if m.o.Relaxed {
		return nil
	}
	return b.wait(ctx)
}

func (b *batch) wait(ctx context.Context) error {
	select {
	case <-b.done:
		return b.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Flush returns when all that was added before is on disk.
func (m *Meter) Flush(ctx context.Context) error {
	m.mu.Lock()
	b, idle, err, closed := m.batch, len(m.dirty) == 0 && !m.writing, m.broken, m.closed
	m.mu.Unlock()
	if closed {
		<-m.done
		return m.broken // no longer written
	}
	if idle || err != nil {
		return err
	}
	select {
	case m.hurry <- struct{}{}:
	default:
	}
	return b.wait(ctx)
}

// Close writes what is left and ends. Adds after it are refused.
func (m *Meter) Close() error {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		<-m.done
		return nil
	}
	m.closed = true
	m.mu.Unlock()
	close(m.stop)
	<-m.done
	return m.log.close()
}

// run writes batches. The first Add after a pause is written at once; while that is
// being written, and for the rest of Batch, others gather for the next fsync.
func (m *Meter) run() {
	defer close(m.done)
	pause := m.o.Batch
	if m.o.Relaxed {
		pause = m.o.Flush
	}
	t := time.NewTimer(0)
	defer t.Stop()
	for {
		select {
		case <-m.wake:
		case <-m.hurry:
		case <-m.stop:
			m.commit()
			return
		}
		if m.o.Relaxed {
			t.Reset(pause) // the first Add since the last flush waits longest
			select {
			case <-t.C:
			case <-m.hurry:
			case <-m.stop:
			}
			m.commit()
			continue
		}
		t.Reset(pause)
		m.commit()
		select {
		case <-t.C:
		case <-m.hurry:
		case <-m.stop:
		}
	}
}

// commit makes the dirty rows durable and lets their Adds go.
func (m *Meter) commit() {
	m.mu.Lock()
	b, rows := m.batch, m.dirty
	m.log.begin()
	for _, r := range rows {
		m.seq++
		r.seq, r.dirty = m.seq, false
		m.log.put(r)
	}
	m.dirty, m.batch = rows[:0], &batch{done: make(chan struct{})}
	m.writing = true
	err := m.broken
	m.mu.Unlock()
	if err == nil {
		err = m.log.commit()
	}
	m.mu.Lock()
	if err != nil && m.broken == nil {
		m.broken = fault.Wrap(fault.Unavailable, err, "usage cannot be written")
		m.o.Log.Error("the meter stops: its log cannot be written", "dir", m.o.Dir, "err", err)
	}
	b.err = m.broken
	m.writing = false
	if m.broken == nil && m.log.full() {
		m.log.compact(m.ledger.all())
	}
	m.mu.Unlock()
	close(b.done)
}

// Usage sums what was used in the hours of [from, to), see Ledger.Usage.
func (m *Meter) Usage(from, to time.Time, f Key, by By) []Line {
	s := newSums(f, by)
	m.sum(from, to, s)
	return s.lines()
}

// sum holds the lock for one hour's counters at a time, so that Adds come between: what
// has passed does not change meanwhile.
func (m *Meter) sum(from, to time.Time, s *sums) {
	m.mu.Lock()
	hours := m.ledger.within(from, to)
	m.mu.Unlock()
	for _, h := range hours {
		m.mu.Lock()
		s.add(h, m.ledger.hours[h], nil)
		m.mu.Unlock()
	}
}

func hourOf(t time.Time) int64 { return t.Unix() / 3600 * 60 }

// Merge takes over another node's segment file, which is only read: from now on
// Usage and Export tell its rows too. A compaction may write them to this node's files,
// so merging a file again after a restart is needed and merging it twice is harmless.
func (m *Meter) Merge(segment io.Reader) error {
	other := NewLedger()
	if err := other.Merge(segment); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range other.all() {
		m.ledger.merge(r)
	}
	return nil
}

// Export writes the closed hours of [from, to) as events, see Ledger.Export. The hour in
// progress is left out, since its events would change.
func (m *Meter) Export(ctx context.Context, w io.Writer, from, to time.Time) error {
	now := hourOf(m.o.Now())
	m.mu.Lock()
	if now > m.hour { // later Adds come into this hour even if the clock goes back
		m.hour = now
		clear(m.own)
	}
	if end := time.Unix(m.hour*60, 0); to.After(end) {
		to = end
	}
	m.mu.Unlock()
	if err := m.Flush(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	part := m.ledger.between(from, to)
	m.mu.Unlock()
	return export(w, part)
}
