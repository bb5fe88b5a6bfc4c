package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync/atomic"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/fault"
)

// tx is an access.Tx, for as long as the function that got it runs.
type tx struct {
	s     *Store
	ctx   context.Context
	sql   *sql.Tx
	epoch int64
	write bool        // of a Change
	wrote bool        // the epoch is used
	over  atomic.Bool // the function has returned
	// broken is the first failure of the engine. A function that goes on regardless must
	// not have half of its changes committed.
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

// Get gives one record. A name that no record can have is unknown like any other.
func (t *tx) Get(kind, id string) (access.Record, error) {
	if err := t.usable(); err != nil {
		return access.Record{}, err
	}
	r := access.Record{Kind: kind, ID: id}
	err := t.sql.QueryRowContext(t.ctx, `SELECT body, epoch FROM record WHERE kind = ? AND id = ? AND body IS NOT NULL`, kind, id).Scan(&r.Body, &r.Epoch)
	if errors.Is(err, sql.ErrNoRows) {
		return access.Record{}, fault.New(fault.Unknown, "there is no %.40q with the id %.200q", kind, id)
	}
	if err != nil {
		return access.Record{}, t.failed(err)
	}
	if r.Body == nil {
		r.Body = []byte{} // the engine gives an empty blob as nil
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
	rows, err := t.sql.QueryContext(t.ctx, `SELECT kind, id, body, body IS NULL, epoch FROM record WHERE kind = ? AND id > ? AND body IS NOT NULL ORDER BY id LIMIT ?`, kind, after, limit)
	if err != nil {
		return nil, t.failed(err)
	}
	out, err := scan(rows)
	if err != nil {
		return nil, t.failed(err)
	}
	return out, nil
}

// scan reads rows of kind, id, body, whether it is NULL, and epoch.
func scan(rows *sql.Rows) ([]access.Record, error) {
	defer rows.Close()
	var out []access.Record
	for rows.Next() {
		var r access.Record
		var deleted bool
		if err := rows.Scan(&r.Kind, &r.ID, &r.Body, &deleted, &r.Epoch); err != nil {
			return nil, err
		}
		if r.Body == nil && !deleted {
			r.Body = []byte{}
		}
		out = append(out, r)
	}
	return out, rows.Err()
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
	_, err := t.sql.ExecContext(t.ctx, `INSERT INTO record (kind, id, body, epoch) VALUES (?, ?, ?, ?)
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
	remove, args := `UPDATE record SET body = NULL, epoch = ? WHERE kind = ? AND id = ? AND body IS NOT NULL`, []any{t.epoch, kind, id}
	if kind[0] == '_' { // nobody is told of these
		remove, args = `DELETE FROM record WHERE kind = ? AND id = ?`, args[1:]
	}
	done, err := t.sql.ExecContext(t.ctx, remove, args...)
	if err != nil {
		return t.failed(err)
	}
	n, err := done.RowsAffected()
	if err != nil {
		return t.failed(err)
	}
	t.wrote = t.wrote || n > 0
	return nil
}

// Change runs f in a transaction that has the write lock from its beginning, so f sees
// the state that it changes. f must not call Change: it would wait for itself.
func (s *Store) Change(ctx context.Context, f func(access.Tx) error) (int64, error) {
	t := &tx{s: s, ctx: ctx, write: true}
	defer t.over.Store(true)
	err := s.change(ctx, func(q *sql.Tx) error {
		n, err := latest(ctx, q)
		if err != nil {
			return err
		}
		t.sql, t.epoch = q, n+1
		err = f(t)
		t.over.Store(true)
		if err == nil {
			err = t.broken
		}
		if err == nil && t.wrote {
			_, err = q.ExecContext(ctx, `UPDATE epoch SET n = ?`, t.epoch)
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	if !t.wrote {
		return t.epoch - 1, nil
	}
	s.wake()
	return t.epoch, nil
}

// View runs f on the state as it is at the beginning. Writers do not wait for it.
func (s *Store) View(ctx context.Context, f func(access.Tx) error) error {
	return s.view(ctx, func(q *sql.Tx, n int64) error {
		t := &tx{s: s, ctx: ctx, sql: q, epoch: n}
		defer t.over.Store(true)
		return f(t)
	})
}

// view runs f in a transaction that reads; reading the epoch fixes the state it sees.
func (s *Store) view(ctx context.Context, f func(q *sql.Tx, n int64) error) error {
	q, err := s.read.BeginTx(ctx, nil)
	if err != nil {
		return s.ended(ctx, err)
	}
	defer func() { _ = q.Rollback() }()
	n, err := latest(ctx, q)
	if err == nil {
		err = f(q, n)
	}
	return s.ended(ctx, err)
}

// latest reads the epoch of the last change.
func latest(ctx context.Context, q *sql.Tx) (n int64, err error) {
	err = q.QueryRowContext(ctx, `SELECT n FROM epoch`).Scan(&n)
	return n, err
}

const changed = `SELECT kind, id, body, body IS NULL, epoch FROM record WHERE `

// Since gives what changed after an epoch. Kinds that begin with "_" are many and are
// not meant for it. Whoever knows an epoch that the store has not reached gets
// fault.Conflict: the store was put back to an older state, and is to be read from 0.
func (s *Store) Since(ctx context.Context, epoch int64, kinds []string, limit int) (records []access.Record, upTo int64, more bool, err error) {
	if err := access.CheckLimit(limit); err != nil {
		return nil, 0, false, err
	}
	in := "kind IN (" + strings.TrimSuffix(strings.Repeat("?,", len(kinds)), ",") + ") "
	args := func(before []any, after ...any) []any {
		for _, k := range kinds {
			before = append(before, k)
		}
		return append(before, after...)
	}
	err = s.view(ctx, func(q *sql.Tx, n int64) error {
		if epoch > n {
			return fault.New(fault.Conflict, "epoch %d is not known yet, the last one is %d: the control store is an older copy; read it from 0", epoch, n)
		}
		upTo = n
		if epoch == n {
			return nil
		}
		if err := behind(ctx, q, epoch); err != nil {
			return err
		}
		rows, err := q.QueryContext(ctx, changed+`epoch > ? AND `+in+`ORDER BY epoch, kind, id LIMIT ?`, args([]any{epoch}, limit+1)...)
		if err != nil {
			return err
		}
		if records, err = scan(rows); err != nil || len(records) <= limit {
			return err
		}
		// The last epoch may be cut: leave it for the next answer, or give it whole when
		// there is no other.
		last := records[limit].Epoch
		whole := limit
		for whole > 0 && records[whole-1].Epoch == last {
			whole--
		}
		if whole > 0 {
			records, upTo, more = records[:whole], records[whole-1].Epoch, true
			return nil
		}
		if rows, err = q.QueryContext(ctx, changed+`epoch = ? AND `+in+`ORDER BY kind, id`, args([]any{last})...); err != nil {
			return err
		}
		records, err = scan(rows)
		upTo, more = last, last < n
		return err
	})
	if err != nil {
		return nil, 0, false, err
	}
	return records, upTo, more, nil
}
