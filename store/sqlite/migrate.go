package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/fault"
)

//go:embed migrations/*.sql
var migrations embed.FS

// A migration is one numbered step of the schema.
type migration struct {
	number int
	name   string
	text   string
}

// steps lists the migrations in order: 1, 2, 3 and so on without a hole.
func steps() ([]migration, error) {
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	sort.Strings(names)
	var out []migration
	for i, path := range names {
		name := strings.TrimPrefix(path, "migrations/")
		digits, _, _ := strings.Cut(name, "_")
		n, err := strconv.Atoi(digits)
		if err != nil || n != i+1 {
			return nil, fmt.Errorf("migration %s: want number %d", name, i+1)
		}
		text, err := migrations.ReadFile(path)
		if err != nil {
			return nil, err
		}
		out = append(out, migration{n, name, string(text)})
	}
	return out, nil
}

// migrate brings the schema up to date, one transaction a step. Processes that do
// so at the same time take turns: each looks again once it has the write lock.
func (s *Store) migrate(ctx context.Context) error {
	all, err := steps()
	if err != nil {
		return fault.Wrap(fault.Internal, err, "this program's schema is not in order")
	}
	for {
		more := false
		err := s.change(ctx, func(tx *sql.Tx) error {
			at, err := schemaVersion(ctx, tx)
			if err != nil {
				return err
			}
			if at > len(all) {
				return fault.New(fault.Conflict, "%s was written by a newer assay (schema %d, this one knows %d); upgrade assay, or restore a backup made before the upgrade", s.path, at, len(all))
			}
			if at == len(all) {
				return nil
			}
			m := all[at]
			if _, err := tx.ExecContext(ctx, m.text); err != nil {
				return fmt.Errorf("migration %s: %w", m.name, err)
			}
			if _, err := tx.ExecContext(ctx, `INSERT INTO schema_version (version, name, applied) VALUES (?, ?, ?)`, m.number, m.name, time.Now().UnixNano()); err != nil {
				return err
			}
			s.log.Info("control store: schema changed", "path", s.path, "migration", m.name)
			more = m.number < len(all)
			return nil
		})
		if err != nil || !more {
			return err
		}
	}
}

// schemaVersion reads how far the file is, making the table in an empty file. A
// file with other tables is none of ours.
func schemaVersion(ctx context.Context, tx *sql.Tx) (int, error) {
	var tables, ours int
	err := tx.QueryRowContext(ctx, `SELECT count(*), count(*) FILTER (WHERE name = 'schema_version') FROM sqlite_schema WHERE type = 'table'`).Scan(&tables, &ours)
	if err != nil {
		return 0, err
	}
	if ours == 0 {
		if tables > 0 {
			return 0, fault.New(fault.Conflict, "the file holds a database that is no control store of assay; use another with --data")
		}
		_, err := tx.ExecContext(ctx, `CREATE TABLE schema_version (version INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL, applied INTEGER NOT NULL) STRICT`)
		return 0, err
	}
	var at int
	err = tx.QueryRowContext(ctx, `SELECT coalesce(max(version), 0) FROM schema_version`).Scan(&at)
	return at, err
}
