// Package sqlite is the control plane's store on one machine: records, their order of
// change, and the leases of nodes, in one SQLite file.
//
// It says what is remembered of who may ask. It never looks into the body of a record,
// and so never knows a secret: whoever writes one seals it first.
// What always holds: a change that returned nil is on disk (WAL, synchronous=FULL);
// changes are whole transactions, one after the other, and each that wrote something has
// the next epoch without a gap; one connection writes, several read and never wait for
// it; any number of processes may have the file open at the same time.
// The schema is a list of numbered files that are applied in order, each in one
// transaction; a file with a newer schema than this program knows is refused.
// app and the commands open it and use it as an access.Store.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/fault"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Options are the settings of a Store. The zero value is a good one.
type Options struct {
	// Readers is how many reads may run at the same time. 0 means 4.
	Readers int
	// Wait is how long a change waits for another process that is writing. 0 means 10 s.
	Wait time.Duration
	// Logger gets a line for each migration. Nil means none.
	Logger *slog.Logger
}

// Store is an access.Store in one file. Any number of goroutines may use it.
type Store struct {
	path  string
	write *sql.DB // one connection
	read  *sql.DB
	wait  time.Duration
	log   *slog.Logger

	closing chan struct{}  // closed by Close
	close   sync.Once      //
	tasks   sync.WaitGroup // goroutines that look for changes of other processes
	mu      sync.Mutex
	waiters map[chan struct{}]bool
}

var _ access.Store = (*Store)(nil)

// Open opens the file at path, making it (readable by its owner only) and bringing
// its schema up to date if need be.
func Open(path string, opt Options) (*Store, error) {
	if opt.Readers <= 0 {
		opt.Readers = 4
	}
	if opt.Wait <= 0 {
		opt.Wait = 10 * time.Second
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "the control store %s cannot be found", path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "the directory of the control store %s cannot be made", path)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "the control store %s cannot be opened", path)
	}
	if err := f.Close(); err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "the control store %s cannot be opened", path)
	}
	s := &Store{path: path, wait: opt.Wait, log: opt.Logger, closing: make(chan struct{}), waiters: map[chan struct{}]bool{}}
	if s.write, err = sql.Open("sqlite", source(path, slice, false)); err != nil {
		return nil, s.failed(err)
	}
	s.write.SetMaxOpenConns(1)
	if s.read, err = sql.Open("sqlite", source(path, opt.Wait, true)); err != nil {
		return nil, errors.Join(s.failed(err), s.write.Close())
	}
	s.read.SetMaxOpenConns(opt.Readers)
	s.read.SetMaxIdleConns(opt.Readers)
	if err := s.migrate(context.Background()); err != nil {
		return nil, errors.Join(err, s.read.Close(), s.write.Close())
	}
	return s, nil
}

// slice is how long the engine waits for the write lock before it lets us look whether
// the caller still wants to: the engine's own waiting cannot be interrupted.
const slice = 50 * time.Millisecond

// source is the connection text. Waiting is set first, because turning WAL on may
// have to wait for another process already.
func source(path string, wait time.Duration, reader bool) string {
	q := url.Values{}
	q.Add("_pragma", fmt.Sprintf("busy_timeout(%d)", wait.Milliseconds()))
	q.Add("_pragma", "journal_mode(WAL)")
	q.Add("_pragma", "synchronous(FULL)")
	q.Add("_pragma", "foreign_keys(ON)")
	q.Add("_pragma", "trusted_schema(OFF)")
	if reader {
		q.Add("_pragma", "query_only(ON)")
	} else {
		q.Add("_txlock", "immediate")
	}
	u := url.URL{Path: filepath.ToSlash(path)}
	return "file:" + u.EscapedPath() + "?" + q.Encode()
}

// Close closes the file. Every call after it fails.
func (s *Store) Close() error {
	s.close.Do(func() { close(s.closing) })
	s.tasks.Wait()
	if err := errors.Join(s.read.Close(), s.write.Close()); err != nil {
		return s.failed(err)
	}
	return nil
}

// failed gives an engine's error one of our kinds.
func (s *Store) failed(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	var f *fault.Error
	if errors.As(err, &f) {
		return err
	}
	var e *sqlite.Error
	if errors.As(err, &e) {
		switch e.Code() & 0xff {
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
			return fault.Wrap(fault.Unavailable, err, "the control store is busy: another process is writing to it; try again")
		case sqlite3.SQLITE_FULL:
			return fault.Wrap(fault.Unavailable, err, "the disk of the control store is full")
		case sqlite3.SQLITE_NOTADB:
			return fault.Wrap(fault.Conflict, err, "%s is not a control store of assay", s.path)
		case sqlite3.SQLITE_CORRUPT:
			return fault.Wrap(fault.Internal, err, "the control store is damaged; restore it from a backup")
		}
	}
	return fault.Wrap(fault.Unavailable, err, "the control store cannot be used")
}

// ended is failed, save that whatever fails after the caller has gone fails of that.
func (s *Store) ended(ctx context.Context, err error) error {
	var f *fault.Error
	if err != nil && ctx.Err() != nil && !errors.As(err, &f) {
		return ctx.Err()
	}
	return s.failed(err)
}

// begin takes the write lock, waiting for it in slices for as long as Options.Wait.
func (s *Store) begin(ctx context.Context) (*sql.Tx, error) {
	last := time.Now().Add(s.wait)
	for {
		q, err := s.write.BeginTx(ctx, nil)
		if err == nil || !busy(err) || ctx.Err() != nil || time.Now().After(last) {
			return q, err
		}
	}
}

func busy(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && (e.Code()&0xff == sqlite3.SQLITE_BUSY || e.Code()&0xff == sqlite3.SQLITE_LOCKED)
}

// change runs f in a transaction that has the write lock.
func (s *Store) change(ctx context.Context, f func(*sql.Tx) error) error {
	q, err := s.begin(ctx)
	if err != nil {
		return s.ended(ctx, err)
	}
	defer func() { _ = q.Rollback() }() // also when f panics; after a commit it does nothing
	if err := f(q); err != nil {
		return s.ended(ctx, err)
	}
	return s.ended(ctx, q.Commit())
}
