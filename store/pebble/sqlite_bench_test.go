package pebble_test

import (
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"

	_ "modernc.org/sqlite"
)

// sqlStore is the plain alternative the benchmarks stand beside: SQLite with one
// row a trade, integers for times and scaled decimals as text, prepared
// statements, one transaction a batch, WAL and synchronous=FULL as our fsync.
type sqlStore struct {
	db                    *sql.DB
	dir                   string
	putTrade, putCandle   *sql.Stmt
	getTrades, getCandles *sql.Stmt
	series                map[market.Series]int64
}

func openSQL(b *testing.B) *sqlStore {
	b.Helper()
	q := &sqlStore{dir: b.TempDir(), series: map[market.Series]int64{}}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(q.dir, "bench.db")+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=cache_size(-65536)")
	if err != nil {
		b.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	q.db = db
	for _, s := range []string{
		`CREATE TABLE trade (series INTEGER, at INTEGER, id INTEGER, price TEXT, qty TEXT, side INTEGER, received INTEGER, marks INTEGER, PRIMARY KEY (series, at, id)) WITHOUT ROWID`,
		`CREATE TABLE candle (series INTEGER, open INTEGER, o TEXT, h TEXT, l TEXT, c TEXT, volume TEXT, turnover TEXT, trades INTEGER, complete INTEGER, revision INTEGER, marks INTEGER, known INTEGER, PRIMARY KEY (series, open)) WITHOUT ROWID`,
	} {
		if _, err := db.Exec(s); err != nil {
			b.Fatal(err)
		}
	}
	for p, s := range map[**sql.Stmt]string{
		&q.putTrade:   `INSERT OR IGNORE INTO trade VALUES (?,?,?,?,?,?,?,?)`,
		&q.putCandle:  `INSERT INTO candle VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING`,
		&q.getTrades:  `SELECT at, id, price, qty, side, received, marks FROM trade WHERE series=? AND at>=? AND at<? ORDER BY at, id`,
		&q.getCandles: `SELECT open, o, h, l, c, volume, turnover, trades, complete, revision, marks, known FROM candle WHERE series=? AND open>=? AND open<? ORDER BY open`,
	} {
		if *p, err = db.Prepare(s); err != nil {
			b.Fatal(err)
		}
	}
	return q
}

func (q *sqlStore) sid(v market.VenueID, p market.Pair) int64 {
	s := market.Series{Venue: v, Pair: p}
	if _, ok := q.series[s]; !ok {
		q.series[s] = int64(len(q.series) + 1)
	}
	return q.series[s]
}

func (q *sqlStore) appendTrades(b *testing.B, rows []market.Trade) {
	b.Helper()
	tx, err := q.db.Begin()
	if err != nil {
		b.Fatal(err)
	}
	put := tx.Stmt(q.putTrade)
	for i := range rows {
		t := &rows[i]
		if _, err := put.Exec(q.sid(t.Venue, t.Pair), t.At.UnixNano(), t.ID, t.Price.String(), t.Qty.String(), int(t.Side), t.Received.UnixNano(), int(t.Marks)); err != nil {
			b.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		b.Fatal(err)
	}
}

func (q *sqlStore) appendCandles(b *testing.B, rows []market.Candle) {
	b.Helper()
	tx, err := q.db.Begin()
	if err != nil {
		b.Fatal(err)
	}
	put := tx.Stmt(q.putCandle)
	for i := range rows {
		c := &rows[i]
		if _, err := put.Exec(q.sid(c.Venue, c.Pair), c.Open.UnixNano(), c.O.String(), c.H.String(), c.L.String(), c.C.String(), c.Volume.String(), c.Turnover.String(),
			c.Trades, c.Complete, c.Revision, int(c.Marks), c.Known.UnixNano()); err != nil {
			b.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		b.Fatal(err)
	}
}

func dec(b *testing.B, s []byte) money.Decimal {
	d, err := money.Parse(s)
	if err != nil {
		b.Fatal(err)
	}
	return d
}

func (q *sqlStore) candles(b *testing.B, of market.Series, r market.Range) (out []market.Candle) {
	rows, err := q.getCandles.Query(q.sid(of.Venue, of.Pair), r.From.UnixNano(), r.To.UnixNano())
	if err != nil {
		b.Fatal(err)
	}
	defer rows.Close()
	var open, known int64
	var marks int
	var o, h, l, c, v, t sql.RawBytes
	for rows.Next() {
		k := market.Candle{Venue: of.Venue, Pair: of.Pair, Interval: "1m"}
		if err := rows.Scan(&open, &o, &h, &l, &c, &v, &t, &k.Trades, &k.Complete, &k.Revision, &marks, &known); err != nil {
			b.Fatal(err)
		}
		k.Open, k.Known, k.Marks = time.Unix(0, open).UTC(), time.Unix(0, known).UTC(), market.Mark(marks)
		k.O.Decimal, k.H.Decimal, k.L.Decimal, k.C.Decimal = dec(b, o), dec(b, h), dec(b, l), dec(b, c)
		k.Volume.Decimal, k.Turnover = dec(b, v), dec(b, t)
		out = append(out, k)
	}
	return out
}

func (q *sqlStore) trades(b *testing.B, of market.Series, r market.Range) (out []market.Trade) {
	rows, err := q.getTrades.Query(q.sid(of.Venue, of.Pair), r.From.UnixNano(), r.To.UnixNano())
	if err != nil {
		b.Fatal(err)
	}
	defer rows.Close()
	var at, received int64
	var side, marks int
	var price, qty sql.RawBytes
	for rows.Next() {
		k := market.Trade{Venue: of.Venue, Pair: of.Pair}
		if err := rows.Scan(&at, &k.ID, &price, &qty, &side, &received, &marks); err != nil {
			b.Fatal(err)
		}
		k.At, k.Received, k.Side, k.Marks = time.Unix(0, at).UTC(), time.Unix(0, received).UTC(), market.Side(side), market.Mark(marks)
		k.Price.Decimal, k.Qty.Decimal = dec(b, price), dec(b, qty)
		out = append(out, k)
	}
	return out
}

func (q *sqlStore) finish(b *testing.B) {
	if q.db == nil {
		return
	}
	if _, err := q.db.Exec(`PRAGMA wal_checkpoint(TRUNCATE)`); err != nil {
		b.Fatal(err)
	}
	if err := q.db.Close(); err != nil {
		b.Fatal(err)
	}
	q.db = nil
}
