package sqlite

import (
	"context"
	"database/sql"
	"time"
	"unicode/utf8"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/fault"
)

// forgotten is how long a lease has been over when its node is forgotten.
const forgotten = 24 * time.Hour

// Beat renews a lease. It is a write but no change: the epoch stays. A lease of 0 gives
// the old one up.
func (s *Store) Beat(ctx context.Context, n access.Node, lease time.Duration) (epoch int64, err error) {
	if !access.ValidName(n.ID) {
		return 0, fault.At(fault.Invalid, "id", "the id of a node is 1 to 200 of A-Z a-z 0-9 . _ : / -; %.40q is not", n.ID)
	}
	if len(n.Name) > 200 || !utf8.ValidString(n.Name) {
		return 0, fault.At(fault.Invalid, "name", "the name of a node is at most 200 bytes of UTF-8")
	}
	err = s.change(ctx, func(q *sql.Tx) error {
		now := time.Now()
		if _, err := q.ExecContext(ctx, `DELETE FROM node WHERE until <= ?`, now.Add(-forgotten).UnixNano()); err != nil {
			return err
		}
		_, err := q.ExecContext(ctx, `INSERT INTO node (id, name, epoch, until) VALUES (?, ?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET name = excluded.name, epoch = excluded.epoch, until = excluded.until`,
			n.ID, n.Name, n.Epoch, now.Add(lease).UnixNano())
		if err != nil {
			return err
		}
		epoch, err = latest(ctx, q)
		return err
	})
	if err != nil {
		return 0, err
	}
	return epoch, nil
}

// Nodes gives the nodes in order of id.
func (s *Store) Nodes(ctx context.Context) ([]access.Node, error) {
	var out []access.Node
	err := s.view(ctx, func(q *sql.Tx, _ int64) error {
		now := time.Now()
		rows, err := q.QueryContext(ctx, `SELECT id, name, epoch, until FROM node WHERE until > ? ORDER BY id`, now.Add(-forgotten).UnixNano())
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var n access.Node
			var until int64
			if err := rows.Scan(&n.ID, &n.Name, &n.Epoch, &until); err != nil {
				return err
			}
			n.Left = time.Duration(until - now.UnixNano())
			out = append(out, n)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
