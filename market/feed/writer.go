package feed

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/assayhq/assay/market"
)

// Writer batches rows for the store. Add copies what it is given and waits only
// when the queue is full: then the venue's socket waits too, which is how a store
// that cannot keep up becomes visible, and nothing is dropped. A nil Writer records
// nothing.
type Writer struct {
	store market.Recorder
	log   *slog.Logger
	every time.Duration
	bound int

	mu      sync.Mutex
	room    *sync.Cond
	pending *market.Batch
	rows    int
	err     error
	wake    chan struct{}
	stats   WriterStats
}

// WriterStats is what a Writer has done.
type WriterStats struct {
	Rows    int64
	Batches int64
	Failed  int64
	Waits   int64 // times a producer had to wait for room
	Pending int
}

// NewWriter makes a writer that stores at least every interval, and holds at most
// bound rows.
func NewWriter(store market.Recorder, every time.Duration, bound int, log *slog.Logger) *Writer {
	w := &Writer{store: store, every: every, bound: bound, log: log, pending: &market.Batch{}, wake: make(chan struct{}, 1)}
	w.room = sync.NewCond(&w.mu)
	return w
}

// Add queues the rows of a batch: all that is in it, save books, instruments and notices.
func (w *Writer) Add(b *market.Batch) {
	if w == nil {
		return
	}
	n := len(b.Trades) + len(b.Quotes) + len(b.Candles) + len(b.Derivatives) + len(b.Liquidations) + len(b.Gaps)
	if n == 0 {
		return
	}
	w.mu.Lock()
	for w.rows > 0 && w.rows+n > w.bound && w.err == nil {
		w.stats.Waits++
		w.signal()
		w.room.Wait()
	}
	addRows(w.pending, b)
	w.rows += n
	full := w.rows >= 2000
	w.mu.Unlock()
	if full {
		w.signal()
	}
}

func addRows(to, b *market.Batch) {
	to.Trades = append(to.Trades, b.Trades...)
	to.Quotes = append(to.Quotes, b.Quotes...)
	to.Candles = append(to.Candles, b.Candles...)
	to.Derivatives = append(to.Derivatives, b.Derivatives...)
	to.Liquidations = append(to.Liquidations, b.Liquidations...)
	to.Gaps = append(to.Gaps, b.Gaps...)
}

func (w *Writer) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Flush stores what is pending and returns when it is durable.
func (w *Writer) Flush(ctx context.Context) error {
	if w == nil {
		return nil
	}
	w.mu.Lock()
	b, n := w.pending, w.rows
	w.pending, w.rows = &market.Batch{}, 0
	w.mu.Unlock()
	if n == 0 {
		return nil
	}
	err := w.store.Append(ctx, b)
	w.mu.Lock()
	w.stats.Batches++
	if err != nil {
		w.stats.Failed++
		// Keep the rows: they are tried again with the next ones.
		addRows(b, w.pending)
		w.pending, w.rows = b, w.rows+n
	} else {
		w.stats.Rows += int64(n)
	}
	w.room.Broadcast()
	w.mu.Unlock()
	return err
}

// Run stores until ctx ends, and then once more.
func (w *Writer) Run(ctx context.Context) error {
	t := time.NewTicker(w.every)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-w.wake:
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
			defer cancel()
			err := w.Flush(last)
			w.mu.Lock()
			w.err = ctx.Err()
			w.room.Broadcast()
			w.mu.Unlock()
			return err
		}
		if err := w.Flush(ctx); err != nil && ctx.Err() == nil {
			w.log.Error("rows could not be stored; they are kept and tried again", "err", err)
		}
	}
}

// Stats tells what the writer has done.
func (w *Writer) Stats() WriterStats {
	if w == nil {
		return WriterStats{}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.stats
	s.Pending = w.rows
	return s
}
