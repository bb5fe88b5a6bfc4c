package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/fault"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

const keyColumns = `id, name, org, app, env, verifier, pepper_version, scopes, rate, burst, created, expires, revoked, last_used, seal`

// maxField bounds the texts of a key.
const maxField = 200

// validate refuses what could not be read back as it is.
func validate(k *access.Key) error {
	if len(k.ID) == 0 || len(k.ID) > 64 {
		return fault.At(fault.Invalid, "id", "a key needs an id of 1 to 64 characters")
	}
	for field, text := range map[string]string{"name": k.Name, "org": k.Org, "app": k.App} {
		if len(text) > maxField {
			return fault.At(fault.Invalid, field, "the %s of a key has at most %d characters", field, maxField)
		}
	}
	if k.Env != "live" && k.Env != "test" {
		return fault.At(fault.Invalid, "env", "%.20q is no environment; use live or test", k.Env)
	}
	if k.Rate < 0 || k.Burst < 0 {
		return fault.At(fault.Invalid, "rate", "a rate or burst is not below 0")
	}
	for _, s := range k.Scopes {
		if s == "" || strings.ContainsAny(string(s), " \t\n") {
			return fault.At(fault.Invalid, "scopes", "%.40q is no scope", s)
		}
	}
	return nil
}

// nanos writes a time; NULL is a time that is not set.
func nanos(t time.Time) sql.NullInt64 {
	return sql.NullInt64{Int64: t.UnixNano(), Valid: !t.IsZero()}
}

func timeOf(n sql.NullInt64) time.Time {
	if !n.Valid {
		return time.Time{}
	}
	return time.Unix(0, n.Int64).UTC()
}

// CreateKey stores a new key. An id that is taken is fault.Conflict.
func (s *Store) CreateKey(ctx context.Context, k access.Key) error {
	if err := validate(&k); err != nil {
		return err
	}
	scopes := make([]string, len(k.Scopes))
	for i, x := range k.Scopes {
		scopes[i] = string(x)
	}
	return s.change(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO api_key (`+keyColumns+`) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`,
			k.ID, k.Name, k.Org, k.App, k.Env, k.Verifier[:], k.PepperVersion, strings.Join(scopes, " "), k.Rate, k.Burst,
			nanos(k.Created), nanos(k.Expires), nanos(k.Revoked), nanos(k.LastUsed), k.Seal[:])
		var e *sqlite.Error
		if errors.As(err, &e) && e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY {
			return fault.Wrap(fault.Conflict, err, "there is a key with this id already")
		}
		if err != nil {
			return err
		}
		return raiseEpoch(ctx, tx)
	})
}

func raiseEpoch(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, `UPDATE epoch SET n = n + 1`)
	return err
}

// scanKey reads one row of keyColumns.
func scanKey(scan func(...any) error) (k access.Key, err error) {
	var verifier, seal []byte
	var scopes string
	var created, expires, revoked, used sql.NullInt64
	err = scan(&k.ID, &k.Name, &k.Org, &k.App, &k.Env, &verifier, &k.PepperVersion, &scopes, &k.Rate, &k.Burst, &created, &expires, &revoked, &used, &seal)
	if err != nil {
		return access.Key{}, err
	}
	copy(k.Verifier[:], verifier)
	copy(k.Seal[:], seal)
	for _, x := range strings.Fields(scopes) {
		k.Scopes = append(k.Scopes, access.Scope(x))
	}
	k.Created, k.Expires, k.Revoked, k.LastUsed = timeOf(created), timeOf(expires), timeOf(revoked), timeOf(used)
	return k, nil
}

// Key gives one key, or fault.Unknown.
func (s *Store) Key(ctx context.Context, id string) (access.Key, error) {
	k, err := scanKey(s.read.QueryRowContext(ctx, `SELECT `+keyColumns+` FROM api_key WHERE id = ?`, id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return k, fault.New(fault.Unknown, "there is no such key")
	}
	return k, s.failed(err)
}

// Keys gives every key, revoked ones too, oldest first.
func (s *Store) Keys(ctx context.Context) ([]access.Key, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT `+keyColumns+` FROM api_key ORDER BY created, id`)
	if err != nil {
		return nil, s.failed(err)
	}
	defer rows.Close()
	var out []access.Key
	for rows.Next() {
		k, err := scanKey(rows.Scan)
		if err != nil {
			return nil, s.failed(err)
		}
		out = append(out, k)
	}
	return out, s.failed(rows.Err())
}

// RevokeKey marks a key as revoked at a time. A key that is revoked already keeps
// its time; one that does not exist is fault.Unknown.
func (s *Store) RevokeKey(ctx context.Context, id string, at time.Time) error {
	return s.change(ctx, func(tx *sql.Tx) error {
		var revoked sql.NullInt64
		err := tx.QueryRowContext(ctx, `SELECT revoked FROM api_key WHERE id = ?`, id).Scan(&revoked)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return fault.New(fault.Unknown, "there is no such key")
		case err != nil:
			return err
		case revoked.Valid:
			return nil
		}
		if _, err := tx.ExecContext(ctx, `UPDATE api_key SET revoked = ? WHERE id = ?`, nanos(at), id); err != nil {
			return err
		}
		return raiseEpoch(ctx, tx)
	})
}

// Touch records last uses, never back in time. Keys that are gone are left out. It
// does not raise the epoch: a use changes nothing for other processes.
func (s *Store) Touch(ctx context.Context, used map[string]time.Time) error {
	if len(used) == 0 {
		return ctx.Err()
	}
	return s.change(ctx, func(tx *sql.Tx) error {
		stmt, err := tx.PrepareContext(ctx, `UPDATE api_key SET last_used = ?1 WHERE id = ?2 AND coalesce(last_used, ?1 - 1) < ?1`)
		if err != nil {
			return err
		}
		defer stmt.Close()
		for id, at := range used {
			if at.IsZero() {
				continue
			}
			if _, err := stmt.ExecContext(ctx, at.UnixNano(), id); err != nil {
				return err
			}
		}
		return nil
	})
}

// Epoch gives a number that rises with every change of keys by any process.
func (s *Store) Epoch(ctx context.Context) (n int64, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT n FROM epoch`).Scan(&n)
	return n, s.failed(err)
}

// Setting gives what was put under a name, or nil.
func (s *Store) Setting(ctx context.Context, name string) ([]byte, error) {
	var v []byte
	err := s.read.QueryRowContext(ctx, `SELECT value FROM setting WHERE name = ?`, name).Scan(&v)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err == nil && v == nil {
		v = []byte{}
	}
	return v, s.failed(err)
}

// PutSetting stores value under a name, in the place of what was there.
func (s *Store) PutSetting(ctx context.Context, name string, value []byte) error {
	if name == "" || len(name) > maxField {
		return fault.At(fault.Invalid, "name", "a setting needs a name of 1 to %d characters", maxField)
	}
	if value == nil {
		value = []byte{}
	}
	return s.change(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, value)
		return err
	})
}
