package pebble

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"

	lsm "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/klauspost/compress/zstd"
)

// Options are the settings of a Store. The zero value is a good one.
type Options struct {
	// CacheBytes is the memory for what was read: a third of it for blocks of
	// files, the rest for decoded chunks. 0 means 96 MB.
	CacheBytes int64
	// TailBytes is the memory for rows that are in no chunk yet, about. Above it
	// tails are merged when they have 32 rows. 0 means 64 MB.
	TailBytes int64
	// MemTableBytes is the size of Pebble's write buffer, of which there are up to
	// four. 0 means 32 MB.
	MemTableBytes int64
	// NoSync lets Append return before the rows are on disk. Rows of the last
	// moments are lost when the machine or the process dies; nothing else is.
	NoSync bool
	// FrameBytes and FrameKeep bound the raw frames: the oldest go when they take
	// more bytes on disk, or are older than the newest by more. 0 means no bound.
	FrameBytes int64
	FrameKeep  time.Duration
	// Logger gets our own messages, and Pebble's at debug level. Nil means none.
	Logger *slog.Logger
}

// Store is a market.History, and a market.Frames, in one directory. Any number of
// goroutines may use it. See the package's description.
type Store struct {
	opt    Options
	dir    string
	log    *slog.Logger
	lock   *lsm.Lock
	db     *lsm.DB
	cache  *cache
	coders sync.Pool // of *coder, for readers
	zip    *zstd.Encoder
	unzip  *zstd.Decoder

	trades       *table[market.Trade]
	quotes       *table[market.Quote]
	candles      *table[market.Candle]
	versions     *table[market.Candle] // earlier ones of candles
	derivatives  *table[market.Derivative]
	funding      *table[market.Derivative]
	liquidations *table[market.Liquidation]

	mu      sync.RWMutex // guards the dictionary of series and venues
	runs    []run
	nextSID uint32
	venues  map[market.VenueID]*venue

	life   sync.RWMutex // held for reading while the database is in use, for writing by Close
	closed bool
	queue  chan *request // to the writer; bounded: callers wait
	acks   chan *txn     // from the writer to the acker; bounded: the writer waits
	owned  sync.WaitGroup

	gaps  gapIndex
	count counters

	// The rest is the writer's.
	broken error // why no more can be written
	tails  int64 // memory of all tails
	frames frameTotals
}

type counters struct {
	rows, repeated, writes, merges, chunks atomic.Int64
}

var (
	_ market.History = (*Store)(nil)
	_ market.Frames  = (*Store)(nil)
)

func errClosed() error { return fault.New(fault.Unavailable, "the history is closed") }

// Open opens the history in dir, which it makes if need be. It takes the
// directory for itself: a second Open of it fails until Close.
func Open(dir string, opt Options) (*Store, error) {
	opt.CacheBytes = orDefault(opt.CacheBytes, 96<<20)
	opt.TailBytes = orDefault(opt.TailBytes, 64<<20)
	opt.MemTableBytes = orDefault(opt.MemTableBytes, 32<<20)
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "the history's directory %s cannot be made", dir)
	}
	lock, err := lsm.LockDirectory(dir, vfs.Default)
	if err != nil {
		if errors.Is(err, fs.ErrPermission) {
			return nil, fault.Wrap(fault.Unavailable, err, "no permission to write in %s; give this user the directory or use --data", dir)
		}
		return nil, fault.Wrap(fault.Conflict, err, "directory %s is in use by another assay; stop it or use --data", dir)
	}
	s := &Store{
		opt: opt, dir: dir, log: opt.Logger, lock: lock,
		cache:  newCache(opt.CacheBytes * 2 / 3),
		trades: newTable(trades()), quotes: newTable(quotes()), candles: newTable(candles()), versions: newTable(versions()),
		derivatives: newTable(derivatives()), funding: newTable(funding()), liquidations: newTable(liquidations()),
		venues: map[market.VenueID]*venue{},
		queue:  make(chan *request, maxShared),
		acks:   make(chan *txn, 8),
	}
	s.coders.New = func() any { return &coder{} }
	if err := s.start(); err != nil {
		if s.db != nil {
			_ = s.db.Close()
		}
		_ = lock.Close()
		return nil, err
	}
	s.owned.Go(s.write)
	s.owned.Go(s.acknowledge)
	return s, nil
}

func orDefault(v, d int64) int64 {
	if v > 0 {
		return v
	}
	return d
}

func (s *Store) start() (err error) {
	if err := checkFormat(s.dir); err != nil {
		return err
	}
	if s.zip, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1)); err != nil {
		return err
	}
	if s.unzip, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(1<<30)); err != nil {
		return err
	}
	if s.db, err = lsm.Open(s.dir, s.engine()); err != nil {
		return fault.Wrap(fault.Unavailable, err, "the history in %s cannot be opened", s.dir)
	}
	if err = s.loadAll(); err != nil {
		return fault.Wrap(fault.Unavailable, err, "the history in %s cannot be read; restore it from a backup", s.dir)
	}
	return nil
}

// Close waits for what was appended, then closes. Every call after it fails.
func (s *Store) Close() error {
	s.life.Lock()
	if s.closed {
		s.life.Unlock()
		return nil
	}
	s.closed = true
	close(s.queue)
	s.life.Unlock()
	s.owned.Wait()
	s.unzip.Close()
	err := errors.Join(s.zip.Close(), s.db.Close(), s.lock.Close())
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "the history in %s did not close well", s.dir)
	}
	return nil
}

func (s *Store) damaged(n name, err error) error {
	return fault.Wrap(fault.Internal, fmt.Errorf("series %s %s %s: %w", n.venue, n.pair, n.interval, err), "a part of the history on disk is damaged")
}

// find gives the series of a name, making it if there is none; nil when closed.
func find[T any](s *Store, t *table[T], n name) *series[T] {
	if sr := seriesOf(s, t, n); sr != nil {
		return sr
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if sr := t.of[n]; sr != nil {
		return sr
	}
	n = name{market.VenueID(cloned(string(n.venue))), market.Pair(cloned(string(n.pair))), market.Interval(cloned(string(n.interval)))}
	sr := newSeries(t.kind, s.nextSID, n)
	s.nextSID++
	t.of[n] = sr
	s.runs = append(s.runs, any(sr).(run))
	return sr
}
