package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/accesstest"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/store/sqlite"
)

func file(dir string) string { return filepath.Join(dir, "control store 100%?.db") }

func open(t *testing.T, dir string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(file(dir), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestMain(m *testing.M) {
	accesstest.Child(func(dir string) (access.Store, error) { return sqlite.Open(file(dir), sqlite.Options{}) })
	os.Exit(m.Run())
}

func TestStorePassesTheExam(t *testing.T) {
	accesstest.RunStore(t, func(t *testing.T, dir string) access.Store { return open(t, dir) })
}

func TestFileIsForItsOwnerAlone(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	defer s.Close()
	if err := put(t.Context(), s, "a", "b"); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		i, err := f.Info()
		if err != nil || i.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v, %v", f.Name(), i.Mode(), err)
		}
	}
}

func TestNewerSchemaIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.db")
	s, err := sqlite.Open(path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	execute(t, path, `INSERT INTO schema_version VALUES (99, 'future', 0)`)
	_, err = sqlite.Open(path, sqlite.Options{})
	if fault.Of(err) != fault.Conflict || !strings.Contains(fault.Public(err), "newer assay") {
		t.Errorf("opening a newer schema: %v", err)
	}
}

func TestForeignFileIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "other.db")
	execute(t, path, `CREATE TABLE recipe (name TEXT)`)
	if _, err := sqlite.Open(path, sqlite.Options{}); fault.Of(err) != fault.Conflict {
		t.Errorf("opening somebody's recipes: %v", err)
	}
	text := filepath.Join(t.TempDir(), "letter.txt")
	if err := os.WriteFile(text, []byte(strings.Repeat("Dear Sir or Madam, ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Open(text, sqlite.Options{}); fault.Of(err) != fault.Conflict {
		t.Errorf("opening a letter: %v", err)
	}
}

func execute(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Exec(statement)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

func put(ctx context.Context, s *sqlite.Store, id, body string) error {
	_, err := s.Change(ctx, func(tx access.Tx) error { return tx.Put("thing", id, []byte(body)) })
	return err
}

// A file of the versions before records loses its keys, which are made again, and
// keeps its epoch, so that nobody who follows it is led back.
func TestFileOfBeforeKeepsItsEpoch(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.db")
	first, err := os.ReadFile("migrations/0001_keys.sql")
	if err != nil {
		t.Fatal(err)
	}
	execute(t, path, string(first)+`;
		CREATE TABLE schema_version (version INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL, applied INTEGER NOT NULL) STRICT;
		INSERT INTO schema_version VALUES (1, '0001_keys.sql', 0);
		INSERT INTO setting VALUES ('pepper', x'00');
		UPDATE epoch SET n = 41`)
	s, err := sqlite.Open(path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	n, err := s.Change(t.Context(), func(tx access.Tx) error { return tx.Put("thing", "a", nil) })
	if err != nil || n != 42 {
		t.Errorf("the next epoch is %d, %v", n, err)
	}
}

func TestClosedStoreFails(t *testing.T) {
	s := open(t, t.TempDir())
	if _, err := s.Hints(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := put(t.Context(), s, "a", "b"); fault.Of(err) != fault.Unavailable {
		t.Errorf("a change of a closed store: %v", err)
	}
}

func BenchmarkChange(b *testing.B) {
	s, err := sqlite.Open(file(b.TempDir()), sqlite.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	body := strings.Repeat("x", 500)
	n := 0
	for b.Loop() {
		n++
		if err := put(b.Context(), s, fmt.Sprint(n%10_000), body); err != nil {
			b.Fatal(err)
		}
	}
}

// Load is what a node does at its start: 100,000 records of 500 bytes.
func BenchmarkLoad(b *testing.B) {
	s, err := sqlite.Open(file(b.TempDir()), sqlite.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	body := []byte(strings.Repeat("x", 500))
	for c := range 1000 {
		if _, err := s.Change(b.Context(), func(tx access.Tx) error {
			for i := range 100 {
				if err := tx.Put("thing", fmt.Sprintf("%d:%d", c, i), body); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		count := 0
		for at, more := int64(0), true; more; {
			var page []access.Record
			if page, at, more, err = s.Since(b.Context(), at, []string{"other", "thing"}, 5000); err != nil {
				b.Fatal(err)
			}
			count += len(page)
		}
		if count != 100_000 {
			b.Fatalf("%d records", count)
		}
	}
}
