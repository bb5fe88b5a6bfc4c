package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/accesstest"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/store/sqlite"
)

func open(t *testing.T, dir string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(filepath.Join(dir, "control store 100%?.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestKeysPassTheExam(t *testing.T) {
	accesstest.RunKeys(t, func(t *testing.T, dir string) accesstest.Store { return open(t, dir) })
}

func TestFileIsForItsOwnerAlone(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	defer s.Close()
	if err := s.PutSetting(t.Context(), "a", []byte("b")); err != nil {
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

const childPath = "ASSAY_CONTROL_PATH"

// TestMain becomes `assay key create` in another process when told so.
func TestMain(m *testing.M) {
	path := os.Getenv(childPath)
	if path == "" {
		os.Exit(m.Run())
	}
	s, err := sqlite.Open(path, sqlite.Options{})
	if err == nil {
		err = errors.Join(s.CreateKey(context.Background(), access.Key{ID: "fromoutside", Env: "live"}), s.Close())
	}
	if err != nil {
		println(err.Error())
		os.Exit(1)
	}
	os.Exit(0)
}

func TestAnotherProcessMakesAKeyWhileWeServe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.db")
	s, err := sqlite.Open(path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	before, _ := s.Epoch(t.Context())
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childPath+"="+path)
	// All the while we write, and read as a gate does: how often keys changed, and then
	// the keys. Readers neither wait nor fail, and see the key at the latest with its epoch.
	done := make(chan struct{})
	busy := make(chan error, 2)
	during := func(f func() error) {
		var err error
		for more := true; more && err == nil; {
			select {
			case <-done:
				more = false
			default:
			}
			err = f()
		}
		busy <- err
	}
	go during(func() error { return s.PutSetting(t.Context(), "x", []byte("y")) })
	go during(func() error {
		n, err := s.Epoch(t.Context())
		if err != nil {
			return err
		}
		keys, err := s.Keys(t.Context())
		if err == nil && n > before && len(keys) != 1 {
			err = fmt.Errorf("epoch %d, but %d keys", n, len(keys))
		}
		return err
	})
	out, err := child.CombinedOutput()
	close(done)
	if e := errors.Join(<-busy, <-busy); err != nil || e != nil {
		t.Fatalf("the other process: %v: %s; we: %v", err, out, e)
	}
	if _, err := s.Key(t.Context(), "fromoutside"); err != nil {
		t.Error(err)
	}
	if after, _ := s.Epoch(t.Context()); after <= before {
		t.Errorf("the epoch stays at %d", after)
	}
}

func BenchmarkKey(b *testing.B) {
	s, err := sqlite.Open(filepath.Join(b.TempDir(), "control.db"), sqlite.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	if err := s.CreateKey(b.Context(), access.Key{ID: "aaaaaaaaaaa", Env: "live"}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := s.Key(b.Context(), "aaaaaaaaaaa"); err != nil {
			b.Fatal(err)
		}
	}
}
