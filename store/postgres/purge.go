package postgres

import (
	"context"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/fault"

	"github.com/jackc/pgx/v5"
)

// purge is one statement, so that whoever reads sees the marks, or the floor above them.
// SKIP LOCKED leaves a record that is being written to the next time.
const purge = `WITH
	seen AS (SELECT coalesce((SELECT min(epoch) FROM node WHERE until > clock_timestamp() - interval '1 day'), (SELECT n FROM epoch)) AS n),
	marks AS (SELECT r.kind, r.id, r.epoch FROM record r, seen WHERE r.body IS NULL AND (starts_with(r.kind, '_') OR r.epoch <= seen.n) LIMIT $1 FOR UPDATE OF r SKIP LOCKED),
	gone AS (DELETE FROM record r USING marks m WHERE r.kind = m.kind AND r.id = m.id AND r.epoch = m.epoch AND r.body IS NULL RETURNING r.kind, r.epoch),
	floor AS (INSERT INTO record (kind, id, body, epoch) SELECT $2::text, $3::text, ''::bytea, max(epoch) FROM gone WHERE NOT starts_with(kind, '_') HAVING max(epoch) IS NOT NULL
		ON CONFLICT (kind, id) DO UPDATE SET epoch = greatest(record.epoch, excluded.epoch))
	SELECT count(*) FROM gone`

// Purge forgets marks of deletions.
func (s *Store) Purge(ctx context.Context, limit int) (int, error) {
	if err := access.CheckLimit(limit); err != nil {
		return 0, err
	}
	n, err := query(ctx, s, pgx.RowTo[int64], purge, limit, access.PurgedKind, access.PurgedID)
	if err != nil || len(n) != 1 {
		return 0, err
	}
	return int(n[0]), nil
}

// behind refuses to tell what changed since an epoch when marks of later deletions are
// forgotten.
func behind(epoch, floor int64) error {
	if epoch == 0 || epoch >= floor {
		return nil
	}
	return fault.New(fault.Conflict, "what was deleted after epoch %d is not all known any more, only from %d on: read the control store from 0", epoch, floor)
}
