// Package postgres is the control plane's store for several machines: records, their
// order of change, and the leases of nodes, in one schema of a PostgreSQL database.
//
// It says what is remembered of who may ask. It never looks into the body of a record,
// never tells the password of its URL, and never reads this machine's clock for a lease:
// leases are by the clock of the database. What always holds: a change that returned nil
// is on the disk of the server (synchronous_commit is on); changes come one after the
// other, and each that wrote something has the next epoch without a gap; heartbeats wait
// for no change. When a connection is lost while a change is being committed nobody can
// tell whether it happened: the error says so.
// It also lends the units of limits that the servers share, see Lend.
// It wants PostgreSQL 12 or newer, directly or through a pooler in session mode.
// app and the commands open it and use it as an access.Store.
package postgres

import (
	"context"
	"log/slog"
	"regexp"
	"sync"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/fault"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Options are the settings of a Store.
type Options struct {
	// URL is postgres://user:password@host:port/database?sslmode=verify-full or what else
	// libpq understands. Its sslmode decides on TLS.
	URL string
	// Schema holds the tables. Empty means the search_path of the URL, else "assay".
	Schema string
	// MaxConns is how many connections are used at most, besides one for each call of
	// Hints. 0 means 8.
	MaxConns int
	// Logger gets a line for each migration, and for each loss of the connection that
	// brings hints. Nil means none.
	Logger *slog.Logger
}

// How long a server may take. They guard against a server or a lock that hangs; what a
// caller is willing to wait is in its context.
const (
	connectTimeout   = 10 * time.Second
	statementTimeout = "30000" // milliseconds
	lockTimeout      = "10000" // for another process that is changing something
	idleTimeout      = "60000" // of a change that does nothing and keeps others waiting
	commitTimeout    = 10 * time.Second
)

// schemaName keeps to what needs no quoting and leaves room for the channel's prefix.
var schemaName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,49}$`)

// Store is an access.Store in one schema. Any number of goroutines may use it.
type Store struct {
	pool     *pgxpool.Pool
	writing  chan struct{} // a place for each change: others wait without a connection
	schema   string
	password string // to keep it out of errors
	log      *slog.Logger

	ctx   context.Context // of the goroutines that listen
	stop  context.CancelFunc
	tasks sync.WaitGroup
}

var _ access.Store = (*Store)(nil)

// Open connects and brings the schema up to date, making it if need be.
func Open(ctx context.Context, opt Options) (*Store, error) {
	if opt.MaxConns <= 0 {
		opt.MaxConns = 8
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	c, err := pgxpool.ParseConfig(opt.URL)
	if err != nil {
		// The parser's error holds the text of the URL, so it is left out.
		return nil, fault.At(fault.Invalid, "url", "the URL of PostgreSQL cannot be read; it looks like postgres://user:password@host:5432/database?sslmode=verify-full")
	}
	params := c.ConnConfig.RuntimeParams
	if opt.Schema == "" {
		opt.Schema = params["search_path"]
	}
	if opt.Schema == "" {
		opt.Schema = "assay"
	}
	if !schemaName.MatchString(opt.Schema) {
		return nil, fault.At(fault.Invalid, "schema", "%.60q cannot be our schema; it is one name of at most 50 of a-z 0-9 _, not beginning with a digit", opt.Schema)
	}
	switch params["synchronous_commit"] {
	case "off", "local":
		return nil, fault.At(fault.Invalid, "url", "synchronous_commit=%s in the URL of PostgreSQL would lose changes; leave it out", params["synchronous_commit"])
	case "":
		params["synchronous_commit"] = "on" // whatever the default of the server or the user
	}
	params["search_path"] = opt.Schema
	// Our statements are small and always want the same plan, along an index up to a
	// limit. Compiling them takes longer than running them, and a plan for one epoch
	// prefers to sort all that came after it.
	params["jit"], params["plan_cache_mode"] = "off", "force_generic_plan"
	for name, value := range map[string]string{
		"statement_timeout": statementTimeout, "lock_timeout": lockTimeout, "idle_in_transaction_session_timeout": idleTimeout, "application_name": "assay",
	} {
		if params[name] == "" {
			params[name] = value
		}
	}
	if c.ConnConfig.ConnectTimeout == 0 {
		c.ConnConfig.ConnectTimeout = connectTimeout
	}
	if c.ConnConfig.ValidateConnect == nil {
		// Of several hosts take the one that can write, also after a failover.
		c.ConnConfig.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	c.MaxConns = int32(min(opt.MaxConns, 1000))
	s := &Store{writing: make(chan struct{}, max(1, opt.MaxConns/4)), schema: opt.Schema, password: c.ConnConfig.Password, log: opt.Logger}
	if s.pool, err = pgxpool.NewWithConfig(ctx, c); err != nil {
		return nil, s.failed(err)
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	if err = s.migrate(ctx); err == nil {
		err = s.lends(ctx)
	}
	if err != nil {
		_ = s.Close()
		return nil, s.ended(ctx, err)
	}
	return s, nil
}

// Close ends the connections, after the calls that use them. Every call after it fails.
func (s *Store) Close() error {
	s.stop()
	s.tasks.Wait()
	s.pool.Close()
	return nil
}
