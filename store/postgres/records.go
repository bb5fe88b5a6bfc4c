package postgres

import (
	"cmp"
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/fault"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// tx is an access.Tx, for as long as the function that got it runs.
type tx struct {
	s     *Store
	ctx   context.Context
	sql   pgx.Tx
	epoch int64
	write bool        // of a Change
	wrote bool        // the epoch is used
	over  atomic.Bool // the function has returned
	// broken is the first failure of the engine: after one the server takes no more
	// statements of this transaction.
	broken error
}

func (t *tx) Epoch() int64 { return t.epoch }

// usable refuses a transaction that has ended or failed.
func (t *tx) usable() error {
	if t.over.Load() {
		return fault.New(fault.Internal, "a transaction of the control store was used after its end")
	}
	return t.broken
}

// failed remembers an engine's failure.
func (t *tx) failed(err error) error {
	if err != nil && t.broken == nil {
		t.broken = t.s.ended(t.ctx, err)
	}
	return t.broken
}

// Get gives one record. A name that no record can have is unknown like any other; it is
// not asked for, because not every string is text to the server.
func (t *tx) Get(kind, id string) (access.Record, error) {
	if err := t.usable(); err != nil {
		return access.Record{}, err
	}
	r := access.Record{Kind: kind, ID: id}
	err := pgx.ErrNoRows
	if access.CheckRecord(kind, id) == nil {
		err = t.sql.QueryRow(t.ctx, `SELECT body, epoch FROM record WHERE kind = $1 AND id = $2 AND body IS NOT NULL`, kind, id).Scan(&r.Body, &r.Epoch)
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return access.Record{}, fault.New(fault.Unknown, "there is no %.40q with the id %.200q", kind, id)
	}
	if err != nil {
		return access.Record{}, t.failed(err)
	}
	return r, nil
}

func (t *tx) List(kind, after string, limit int) ([]access.Record, error) {
	if err := t.usable(); err != nil {
		return nil, err
	}
	if err := access.CheckLimit(limit); err != nil {
		return nil, err
	}
	if err := access.CheckRecord(kind, cmp.Or(after, "-")); err != nil {
		return nil, err
	}
	rows, err := t.sql.Query(t.ctx, `SELECT kind, id, body, epoch FROM record WHERE kind = $1 AND id > $2 AND body IS NOT NULL ORDER BY id LIMIT $3`, kind, after, limit)
	if err != nil {
		return nil, t.failed(err)
	}
	out, err := pgx.CollectRows(rows, record)
	if err != nil {
		return nil, t.failed(err)
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, nil
}

// record reads a row of kind, id, body and epoch.
func record(row pgx.CollectableRow) (r access.Record, err error) {
	err = row.Scan(&r.Kind, &r.ID, &r.Body, &r.Epoch)
	return r, err
}

// writable refuses writes of a View and of names that cannot be.
func (t *tx) writable(kind, id string) error {
	if err := t.usable(); err != nil {
		return err
	}
	if !t.write {
		return fault.New(fault.Internal, "a view of the control store changes nothing")
	}
	return access.CheckRecord(kind, id)
}

func (t *tx) Put(kind, id string, body []byte) error {
	if err := t.writable(kind, id); err != nil {
		return err
	}
	if len(body) > access.MaxBody {
		return fault.At(fault.TooLarge, "body", "a record holds at most %d bytes, not %d", access.MaxBody, len(body))
	}
	if body == nil {
		body = []byte{} // NULL means deleted
	}
	_, err := t.sql.Exec(t.ctx, `INSERT INTO record (kind, id, body, epoch) VALUES ($1, $2, $3, $4)
		ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body, epoch = excluded.epoch`, kind, id, body, t.epoch)
	if err != nil {
		return t.failed(err)
	}
	t.wrote = true
	return nil
}

func (t *tx) Delete(kind, id string) error {
	if err := t.writable(kind, id); err != nil {
		return err
	}
	remove, args := `UPDATE record SET body = NULL, epoch = $3 WHERE kind = $1 AND id = $2 AND body IS NOT NULL`, []any{kind, id, t.epoch}
	if kind[0] == '_' { // nobody is told of these
		remove, args = `DELETE FROM record WHERE kind = $1 AND id = $2`, args[:2]
	}
	done, err := t.sql.Exec(t.ctx, remove, args...)
	if err != nil {
		return t.failed(err)
	}
	t.wrote = t.wrote || done.RowsAffected() > 0
	return nil
}

// attempts is how often a connection that turns out to be dead is replaced by another.
const attempts = 3

// begin starts a transaction and gives the epoch. A connection that broke since it was
// last used shows here, before anything was done, so another one is tried.
func (s *Store) begin(ctx context.Context, opt pgx.TxOptions, epoch string) (q pgx.Tx, n int64, err error) {
	for try := range attempts {
		if try > 0 {
			select {
			case <-ctx.Done():
				return nil, 0, ctx.Err()
			case <-time.After(time.Duration(try) * 50 * time.Millisecond):
			}
		}
		if q, err = s.pool.BeginTx(ctx, opt); err == nil {
			if err = q.QueryRow(ctx, epoch).Scan(&n); err == nil {
				return q, n, nil
			}
			s.rollback(ctx, q)
		}
		if !lost(err) {
			break
		}
	}
	return nil, 0, s.ended(ctx, err)
}

// rollback ends a transaction for good or bad; when it cannot, the pool drops the
// connection and with it the transaction.
func (s *Store) rollback(ctx context.Context, q pgx.Tx) {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), commitTimeout)
	defer stop()
	_ = q.Rollback(ctx)
}

// Change runs f while it holds the row of the epoch, which every change takes first: so
// changes come one after the other, the epoch has no gap, and f sees all that was
// committed before, since each statement of READ COMMITTED sees what is committed when
// it begins and nobody else commits a record meanwhile. That is serializable without
// failures to serialize, which SERIALIZABLE would bring. f runs once at most: it is not
// run again after it has begun, since it may have effects of its own. f must not call
// Change: it would wait for itself.
func (s *Store) Change(ctx context.Context, f func(access.Tx) error) (int64, error) {
	select {
	case s.writing <- struct{}{}:
		defer func() { <-s.writing }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	q, n, err := s.begin(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadWrite}, `SELECT n FROM epoch FOR UPDATE`)
	if err != nil {
		return 0, err
	}
	defer s.rollback(ctx, q) // also when f panics; after a commit it does nothing
	t := &tx{s: s, ctx: ctx, sql: q, epoch: n + 1, write: true}
	defer t.over.Store(true)
	err = f(t)
	t.over.Store(true)
	if err == nil {
		err = t.broken
	}
	if err != nil {
		return 0, s.ended(ctx, err)
	}
	if !t.wrote {
		return n, nil
	}
	b := &pgx.Batch{}
	b.Queue(`UPDATE epoch SET n = $1`, t.epoch)
	b.Queue(`SELECT pg_notify($1, '')`, s.channel())
	if err := q.SendBatch(ctx, b).Close(); err != nil {
		return 0, s.ended(ctx, err)
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if err := s.commit(ctx, q); err != nil {
		return 0, err
	}
	return t.epoch, nil
}

// commit is not given up half-way when the caller goes: only its answer tells whether
// the change happened.
func (s *Store) commit(ctx context.Context, q pgx.Tx) error {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), commitTimeout)
	defer stop()
	err := q.Commit(ctx)
	var e *pgconn.PgError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, pgx.ErrTxCommitRollback), errors.As(err, &e) && !lost(err):
		return s.failed(err) // the server says that it did not happen
	}
	return fault.Wrap(fault.Unavailable, s.discreet(err), "PostgreSQL was lost while a change was being committed: it may have happened or not; look before you try again")
}

// View runs f on the state as it is at the beginning. Writers do not wait for it.
func (s *Store) View(ctx context.Context, f func(access.Tx) error) error {
	q, n, err := s.begin(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, `SELECT n FROM epoch`)
	if err != nil {
		return err
	}
	defer s.rollback(ctx, q)
	t := &tx{s: s, ctx: ctx, sql: q, epoch: n}
	defer t.over.Store(true)
	return s.ended(ctx, f(t))
}
