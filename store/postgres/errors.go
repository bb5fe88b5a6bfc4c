package postgres

import (
	"context"
	"errors"
	"strings"

	"github.com/assayhq/assay/fault"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// verdict is what an error of the server means for whoever asked.
type verdict struct {
	kind fault.Kind
	text string
}

// verdicts are by SQLSTATE, else by its first two characters, its class:
// https://www.postgresql.org/docs/current/errcodes-appendix.html
var verdicts = map[string]verdict{
	"08":    {fault.Unavailable, "the connection to PostgreSQL failed; try again"},
	"25006": {fault.Unavailable, "PostgreSQL is read-only; point the URL at the primary"},
	"28":    {fault.Unavailable, "PostgreSQL refuses the user or the password of the URL"},
	"3D":    {fault.Unavailable, "PostgreSQL has no such database; make it, or mend the URL"},
	"40":    {fault.Unavailable, "PostgreSQL could not finish this beside another change; nothing was changed; try again"},
	"42501": {fault.Unavailable, "PostgreSQL's user may not do this; make it the owner of the schema"},
	"53":    {fault.Unavailable, "PostgreSQL has run out of connections, memory or disk"},
	"55P03": {fault.Unavailable, "the control store is busy: another process is writing to it; try again"},
	"57014": {fault.Unavailable, "PostgreSQL took too long"},
	"57":    {fault.Unavailable, "PostgreSQL is being stopped or started; try again"},
	"58":    {fault.Unavailable, "PostgreSQL's disk fails"},
	"XX":    {fault.Internal, "PostgreSQL's data is damaged; restore it from a backup"},
}

// failed gives an engine's error one of our kinds.
func (s *Store) failed(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) && !connecting(err) {
		return err
	}
	var f *fault.Error
	if errors.As(err, &f) {
		return err
	}
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return fault.Wrap(fault.Unavailable, s.discreet(err), "PostgreSQL is out of reach")
	}
	v, ok := verdicts[e.Code]
	if !ok && len(e.Code) == 5 {
		v, ok = verdicts[e.Code[:2]]
	}
	if !ok {
		v = verdict{fault.Internal, "PostgreSQL does not understand us; are the tables those of assay?"}
	}
	return fault.Wrap(v.kind, s.discreet(err), "%s", v.text)
}

// connecting tells our limit for connecting from the caller's patience.
func connecting(err error) bool {
	var c *pgconn.ConnectError
	return errors.As(err, &c)
}

// discreet leaves the password out, wherever it might have been quoted.
func (s *Store) discreet(err error) error {
	if s.password == "" || !strings.Contains(err.Error(), s.password) {
		return err
	}
	return errors.New(strings.ReplaceAll(err.Error(), s.password, "secret"))
}

// ended is failed, save that whatever fails after the caller has gone fails of that.
func (s *Store) ended(ctx context.Context, err error) error {
	var f *fault.Error
	if err != nil && ctx.Err() != nil && !errors.As(err, &f) {
		return ctx.Err()
	}
	return s.failed(err)
}

// lost tells whether an error is of a connection that broke, or a server that went
// away, rather than an answer to what was asked.
func lost(err error) bool {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Severity == "FATAL" || e.Severity == "PANIC" || e.SeverityUnlocalized == "FATAL" || e.SeverityUnlocalized == "PANIC"
	}
	return err != nil && !errors.Is(err, pgx.ErrNoRows)
}
