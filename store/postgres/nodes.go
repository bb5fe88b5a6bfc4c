package postgres

import (
	"context"
	"time"
	"unicode/utf8"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/fault"

	"github.com/jackc/pgx/v5"
)

// Beat renews a lease in one statement that waits for no change: a change holds the row
// of the epoch, which is only read here. A lease of 0 gives the old one up. Nodes whose
// lease has been over for a day are forgotten on the way.
func (s *Store) Beat(ctx context.Context, n access.Node, lease time.Duration) (int64, error) {
	if !access.ValidName(n.ID) {
		return 0, fault.At(fault.Invalid, "id", "the id of a node is 1 to 200 of A-Z a-z 0-9 . _ : / -; %.40q is not", n.ID)
	}
	if len(n.Name) > 200 || !text(n.Name) {
		return 0, fault.At(fault.Invalid, "name", "the name of a node is at most 200 bytes of UTF-8")
	}
	// The day's grace and SKIP LOCKED keep two beats from waiting for each other.
	epochs, err := query(ctx, s, pgx.RowTo[int64], `WITH
		forgotten AS (DELETE FROM node WHERE id IN (SELECT id FROM node WHERE until <= clock_timestamp() - interval '1 day' AND id <> $1 FOR UPDATE SKIP LOCKED)),
		renewed AS (INSERT INTO node (id, name, epoch, until) VALUES ($1, $2, $3, clock_timestamp() + $4 * interval '1 microsecond')
			ON CONFLICT (id) DO UPDATE SET name = excluded.name, epoch = excluded.epoch, until = excluded.until)
		SELECT n FROM epoch`, n.ID, n.Name, n.Epoch, float64(lease.Microseconds()))
	if err != nil {
		return 0, err
	}
	if len(epochs) != 1 {
		return 0, fault.New(fault.Internal, "the control store has lost its epoch; restore it from a backup")
	}
	return epochs[0], nil
}

// text tells whether the server takes a string as text.
func text(x string) bool {
	for _, r := range x {
		if r == 0 {
			return false
		}
	}
	return utf8.ValidString(x)
}

// Nodes gives the nodes in order of id.
func (s *Store) Nodes(ctx context.Context) ([]access.Node, error) {
	return query(ctx, s, func(row pgx.CollectableRow) (n access.Node, err error) {
		var left int64
		err = row.Scan(&n.ID, &n.Name, &n.Epoch, &left)
		n.Left = time.Duration(left) * time.Microsecond
		return n, err
	}, `SELECT id, name, epoch, (extract(epoch FROM until - clock_timestamp()) * 1000000)::bigint FROM node
		WHERE until > clock_timestamp() - interval '1 day' ORDER BY id`)
}
