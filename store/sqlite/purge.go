package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/fault"
)

const purgeable = `SELECT kind, id, body, body IS NULL, epoch FROM record WHERE body IS NULL AND
	(substr(kind, 1, 1) = '_' OR epoch <= coalesce((SELECT min(epoch) FROM node WHERE until > ?), (SELECT n FROM epoch))) ORDER BY epoch LIMIT ?`

// Purge forgets marks of deletions. They are looked for without the write lock, because
// that reads the whole table, and each is deleted only if it is still the same.
func (s *Store) Purge(ctx context.Context, limit int) (n int, err error) {
	if err := access.CheckLimit(limit); err != nil {
		return 0, err
	}
	var marks []access.Record
	err = s.view(ctx, func(q *sql.Tx, _ int64) error {
		rows, err := q.QueryContext(ctx, purgeable, time.Now().Add(-forgotten).UnixNano(), limit)
		if err != nil {
			return err
		}
		marks, err = scan(rows)
		return err
	})
	if err != nil || len(marks) == 0 {
		return 0, err
	}
	err = s.change(ctx, func(q *sql.Tx) error {
		n = 0
		floor := int64(0)
		for _, m := range marks {
			done, err := q.ExecContext(ctx, `DELETE FROM record WHERE kind = ? AND id = ? AND epoch = ? AND body IS NULL`, m.Kind, m.ID, m.Epoch)
			if err != nil {
				return err
			}
			gone, err := done.RowsAffected()
			if err != nil {
				return err
			}
			n += int(gone)
			if gone > 0 && m.Kind[0] != '_' {
				floor = max(floor, m.Epoch)
			}
		}
		if floor == 0 {
			return nil
		}
		_, err := q.ExecContext(ctx, `INSERT INTO record (kind, id, body, epoch) VALUES (?, ?, x'', ?)
			ON CONFLICT (kind, id) DO UPDATE SET epoch = max(record.epoch, excluded.epoch)`, access.PurgedKind, access.PurgedID, floor)
		return err
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// behind refuses to tell what changed since an epoch when marks of later deletions are
// forgotten.
func behind(ctx context.Context, q *sql.Tx, epoch int64) error {
	if epoch == 0 {
		return nil
	}
	var floor int64
	err := q.QueryRowContext(ctx, `SELECT coalesce(max(epoch), 0) FROM record WHERE kind = ? AND id = ?`, access.PurgedKind, access.PurgedID).Scan(&floor)
	if err == nil && epoch < floor {
		return fault.New(fault.Conflict, "what was deleted after epoch %d is not all known any more, only from %d on: read the control store from 0", epoch, floor)
	}
	return err
}
