package postgres

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"slices"
	"time"

	"github.com/assayhq/assay/access/limit"
	"github.com/assayhq/assay/fault"

	"github.com/jackc/pgx/v5"
)

// maxCalls is how many calls one transaction answers: locks are held for a moment only.
const maxCalls = 500

// Lend answers the calls of a node, each of another app, by the clock of the database:
// the grants are in the order of the calls. The apps' authorities are rows, locked for
// the time of one transaction that all calls share; so it costs one round of messages
// and, unless a quota has to be saved, no wait for a disk. When it fails nobody may
// spend anything: what was granted meanwhile ends by itself.
func (s *Store) Lend(ctx context.Context, calls []limit.Call) ([]limit.Grant, error) {
	if len(calls) > maxCalls {
		return nil, fault.At(fault.TooLarge, "calls", "at most %d are answered at once, not %d", maxCalls, len(calls))
	}
	b := lending{calls: calls, at: map[string]int{}, grants: make([]limit.Grant, len(calls)), kept: make([]limit.Kept, len(calls))}
	for i := range calls {
		app := calls[i].App
		if _, twice := b.at[app]; twice || app == "" || len(app) > 2000 || !text(app) {
			return nil, fault.At(fault.Invalid, "app", "an app is named once, by 1 to 2000 bytes of UTF-8; %.40q is not", app)
		}
		b.at[app] = i
		b.apps = append(b.apps, app)
	}
	slices.Sort(b.apps) // all lock in one order
	err := pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(q pgx.Tx) error { return b.serve(ctx, q) })
	if err != nil {
		return nil, s.ended(ctx, err)
	}
	return b.grants, nil
}

// lending is one transaction of Lend.
type lending struct {
	calls  []limit.Call
	at     map[string]int
	apps   []string // sorted
	kept   []limit.Kept
	grants []limit.Grant
	born   time.Time
	now    time.Time
}

// The clock is read by a statement of its own, after the rows are locked: so it goes on
// from what is in them.
const clock = `SELECT clock_timestamp()`

func (b *lending) serve(ctx context.Context, q pgx.Tx) error {
	if err := b.lock(ctx, q); err != nil {
		return err
	}
	var fresh []string
	for i := range b.kept {
		if len(b.kept[i].State) == 0 {
			fresh = append(fresh, b.calls[i].App)
		}
	}
	if len(fresh) > 0 {
		slices.Sort(fresh)
		if err := b.begin(ctx, q, fresh); err != nil {
			return err
		}
	}
	var states [][]byte
	var quotas []string
	var counts [4][]int64
	for _, app := range b.apps {
		i := b.at[app]
		next, g, save, err := b.calls[i].Serve(b.kept[i], b.born, b.now, number())
		if err != nil {
			return err
		}
		b.grants[i] = g
		states = append(states, next.State)
		if r := next.Saved; save {
			quotas = append(quotas, app)
			for n, v := range [...]int64{int64(r.Day), r.DayUnits, int64(r.Month), r.MonthUnits} {
				counts[n] = append(counts[n], v)
			}
		}
	}
	w := &pgx.Batch{}
	w.Queue(`UPDATE lease SET state = new.state FROM unnest($1::text[], $2::bytea[]) AS new (app, state) WHERE lease.app = new.app`, b.apps, states)
	if len(quotas) > 0 {
		w.Queue(`INSERT INTO quota (app, day, day_units, month, month_units) SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[])
			ON CONFLICT (app) DO UPDATE SET day = excluded.day, day_units = excluded.day_units, month = excluded.month, month_units = excluded.month_units`,
			quotas, counts[0], counts[1], counts[2], counts[3])
	}
	return q.SendBatch(ctx, w).Close()
}

// lock takes the rows of the apps and reads them and then the clock.
func (b *lending) lock(ctx context.Context, q pgx.Tx) error {
	r := &pgx.Batch{}
	r.Queue(`SELECT app, state FROM lease WHERE app = ANY($1) ORDER BY app FOR UPDATE`, b.apps).Query(func(rows pgx.Rows) error {
		var app string
		var state []byte
		_, err := pgx.ForEachRow(rows, []any{&app, &state}, func() error {
			b.kept[b.at[app]].State = slices.Clone(state)
			return nil
		})
		return err
	})
	r.Queue(clock).QueryRow(func(row pgx.Row) error { return row.Scan(&b.now) })
	return q.SendBatch(ctx, r).Close()
}

// begin makes the rows of apps that have no state: they were never asked for, or the
// table was emptied. In the second case its first row is young too.
func (b *lending) begin(ctx context.Context, q pgx.Tx, fresh []string) error {
	w := &pgx.Batch{}
	w.Queue(born)
	w.Queue(`INSERT INTO lease (app, state) SELECT app, '' FROM unnest($1::text[]) AS app ON CONFLICT (app) DO NOTHING`, fresh)
	w.Queue(`SELECT made FROM lease WHERE app = ''`).QueryRow(func(row pgx.Row) error { return row.Scan(&b.born) })
	if err := q.SendBatch(ctx, w).Close(); err != nil {
		return err
	}
	// Another node may have been quicker: its row is locked and read now.
	if err := b.lock(ctx, q); err != nil {
		return err
	}
	rows, err := q.Query(ctx, `SELECT app, day, day_units, month, month_units FROM quota WHERE app = ANY($1)`, fresh)
	if err != nil {
		return err
	}
	var app string
	var day, month int64
	var saved limit.Reservation
	_, err = pgx.ForEachRow(rows, []any{&app, &day, &saved.DayUnits, &month, &saved.MonthUnits}, func() error {
		saved.Day, saved.Month = uint64(day), uint64(month)
		b.kept[b.at[app]].Saved = saved
		return nil
	})
	return err
}

// born makes the first row of the table, unless it is there.
const born = `INSERT INTO lease (app, state) VALUES ('', '') ON CONFLICT (app) DO NOTHING`

// lends makes the first row early, so that apps need not wait when they are first used.
func (s *Store) lends(ctx context.Context) error {
	_, err := s.pool.Exec(ctx, born)
	return err
}

func number() uint64 {
	var b [8]byte
	rand.Read(b[:])
	return binary.LittleEndian.Uint64(b[:])
}
