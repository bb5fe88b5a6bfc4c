package postgres

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"sort"
	"strings"

	"github.com/assayhq/assay/fault"

	"github.com/jackc/pgx/v5"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the schema up to date in one transaction. Processes that do so at the
// same time take turns by a lock that ends with the transaction. A schema that is up to
// date needs no right to change it.
func (s *Store) migrate(ctx context.Context) error {
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return fault.Wrap(fault.Internal, err, "this program's schema is not in order")
	}
	sort.Strings(names)
	return pgx.BeginFunc(ctx, s.pool, func(q pgx.Tx) error {
		if _, err := q.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtext('assay control store'), hashtext($1))`, s.schema); err != nil {
			return err
		}
		at, err := s.version(ctx, q)
		if err != nil {
			return err
		}
		if at > len(names) {
			return fault.New(fault.Conflict, "the schema %s was written by a newer assay (schema %d, this one knows %d); upgrade assay, or restore a backup made before the upgrade", s.schema, at, len(names))
		}
		for i := at; i < len(names); i++ {
			name := strings.TrimPrefix(names[i], "migrations/")
			if !strings.HasPrefix(name, fmt.Sprintf("%04d_", i+1)) {
				return fault.New(fault.Internal, "this program's schema is not in order: migration %s has not the number %d", name, i+1)
			}
			text, err := migrations.ReadFile(names[i])
			if err != nil {
				return err
			}
			if _, err := q.Exec(ctx, string(text)); err != nil {
				return fmt.Errorf("migration %s: %w", name, err)
			}
			if _, err := q.Exec(ctx, `INSERT INTO schema_version (version, name) VALUES ($1, $2)`, i+1, name); err != nil {
				return err
			}
			s.log.Info("control store: schema changed", "schema", s.schema, "migration", name)
		}
		return nil
	})
}

// version reads how far the schema is, making it if there is none. A schema with other
// tables is none of ours.
func (s *Store) version(ctx context.Context, q pgx.Tx) (at int, err error) {
	var schema bool
	var tables, ours int
	err = q.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1),
		count(*), count(*) FILTER (WHERE tablename = 'schema_version') FROM pg_tables WHERE schemaname = $1`, s.schema).Scan(&schema, &tables, &ours)
	if err != nil {
		return 0, err
	}
	if ours > 0 {
		err = q.QueryRow(ctx, `SELECT coalesce(max(version), 0) FROM schema_version`).Scan(&at)
		return at, err
	}
	if tables > 0 {
		return 0, fault.New(fault.Conflict, "the schema %s holds tables that are no control store of assay; name another one", s.schema)
	}
	if !schema {
		if _, err := q.Exec(ctx, `CREATE SCHEMA `+pgx.Identifier{s.schema}.Sanitize()); err != nil {
			return 0, err
		}
	}
	_, err = q.Exec(ctx, `CREATE TABLE schema_version (version integer PRIMARY KEY, name text NOT NULL, applied timestamptz NOT NULL DEFAULT now())`)
	return 0, err
}
