package postgres

import (
	"context"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/fault"

	"github.com/jackc/pgx/v5"
)

// query runs a statement that reads, or may be run twice, and collects its rows.
func query[T any](ctx context.Context, s *Store, row pgx.RowToFunc[T], text string, args ...any) (out []T, err error) {
	for range attempts {
		var rows pgx.Rows
		if rows, err = s.pool.Query(ctx, text, args...); err == nil {
			if out, err = pgx.CollectRows(rows, row); err == nil {
				return out, nil
			}
		}
		if !lost(err) || ctx.Err() != nil {
			break
		}
	}
	return nil, s.ended(ctx, err)
}

// change is a row of Since: the store's epoch, and a record unless there is none.
type change struct {
	n      int64
	floor  int64 // the last mark of deletion that was purged
	record access.Record
	none   bool
}

// One statement sees one state, so the epoch fits the records. Its row of the epoch
// comes also when there are no records. IS TRUE keeps the planner from the primary key:
// going along the index of epochs it may stop at the limit, whereas all records of the
// kinds would have to be read and sorted for each page.
const changes = `SELECT e.n, coalesce((SELECT epoch FROM record WHERE kind = '` + access.PurgedKind + `' AND id = '` + access.PurgedID + `'), 0), r.kind, r.id, r.body, r.epoch FROM epoch e LEFT JOIN LATERAL (
	SELECT kind, id, body, epoch FROM record WHERE epoch > $1 AND (kind = ANY($2)) IS TRUE ORDER BY epoch, kind, id LIMIT $3
) r ON true WHERE e.one = 1 ORDER BY r.epoch, r.kind, r.id`

// Since gives what changed after an epoch. Kinds that begin with "_" are many and are
// not meant for it. Whoever knows an epoch that the store has not reached gets
// fault.Conflict: the store was put back to an older state, and is to be read from 0.
func (s *Store) Since(ctx context.Context, epoch int64, kinds []string, limit int) (records []access.Record, upTo int64, more bool, err error) {
	if err := access.CheckLimit(limit); err != nil {
		return nil, 0, false, err
	}
	asked := make([]string, 0, len(kinds))
	for _, k := range kinds {
		if access.ValidName(k) { // of other names there are no records
			asked = append(asked, k)
		}
	}
	rows, err := query(ctx, s, func(row pgx.CollectableRow) (c change, err error) {
		var kind, id *string
		var at *int64
		if err = row.Scan(&c.n, &c.floor, &kind, &id, &c.record.Body, &at); err != nil {
			return c, err
		}
		if c.none = kind == nil; !c.none {
			c.record.Kind, c.record.ID, c.record.Epoch = *kind, *id, *at
		}
		return c, nil
	}, changes, epoch, asked, limit+1)
	if err != nil {
		return nil, 0, false, err
	}
	if len(rows) == 0 {
		return nil, 0, false, fault.New(fault.Internal, "the control store has lost its epoch; restore it from a backup")
	}
	n := rows[0].n
	if epoch > n {
		return nil, 0, false, fault.New(fault.Conflict, "epoch %d is not known yet, the last one is %d: the control store is an older copy; read it from 0", epoch, n)
	}
	if err := behind(epoch, rows[0].floor); err != nil {
		return nil, 0, false, err
	}
	for _, c := range rows {
		if !c.none {
			records = append(records, c.record)
		}
	}
	if len(records) <= limit {
		return records, n, false, nil
	}
	// The last epoch may be cut: leave it for the next answer, or give it whole when
	// there is no other.
	last := records[limit].Epoch
	whole := limit
	for whole > 0 && records[whole-1].Epoch == last {
		whole--
	}
	if whole > 0 {
		return records[:whole], records[whole-1].Epoch, true, nil
	}
	// Records that have changed again since are of a later epoch and come with that.
	records, err = query(ctx, s, record, `SELECT kind, id, body, epoch FROM record WHERE epoch = $1 AND kind = ANY($2) ORDER BY kind, id`, last, asked)
	if err != nil {
		return nil, 0, false, err
	}
	return records, last, last < n, nil
}
