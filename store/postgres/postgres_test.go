package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/accesstest"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/internal/pgtest"
	"github.com/assayhq/assay/store/postgres"

	"github.com/jackc/pgx/v5"
)

// serverURL passes the URL to the child of the story of the kill.
const serverURL = "ASSAY_POSTGRES_TEST_URL"

// TestMain runs one server for the package; each test has a schema of its own.
func TestMain(m *testing.M) {
	accesstest.Child(func(dir string) (access.Store, error) {
		return postgres.Open(context.Background(), postgres.Options{URL: os.Getenv(serverURL), Schema: schema(dir)})
	})
	s, err := pgtest.Open()
	if err != nil && !errors.Is(err, pgtest.ErrAbsent) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err == nil {
		os.Setenv(serverURL, s.URL())
	}
	code := m.Run()
	if err == nil {
		if err := s.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// server gives the URL of the package's server.
func server(t testing.TB) string {
	t.Helper()
	u := os.Getenv(serverURL)
	if u == "" {
		t.Skip(pgtest.ErrAbsent)
	}
	return u
}

func schema(dir string) string {
	h := fnv.New64a()
	h.Write([]byte(dir))
	return fmt.Sprintf("t%x", h.Sum64())
}

func open(t testing.TB, opt postgres.Options) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func put(ctx context.Context, s access.Store, id, body string) error {
	_, err := s.Change(ctx, func(tx access.Tx) error { return tx.Put("thing", id, []byte(body)) })
	return err
}

// execute runs a statement beside the store.
func execute(t *testing.T, url, text string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	if _, err := c.Exec(t.Context(), text); err != nil {
		t.Fatal(err)
	}
}

func TestStorePassesTheExam(t *testing.T) {
	u := server(t)
	accesstest.RunStore(t, func(t *testing.T, dir string) access.Store {
		return open(t, postgres.Options{URL: u, Schema: schema(dir)})
	})
}

func TestManyMayOpenANewSchemaAtOnce(t *testing.T) {
	u, name := server(t), schema(t.TempDir())
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			s, err := postgres.Open(t.Context(), postgres.Options{URL: u, Schema: name, MaxConns: 2})
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			if err := put(t.Context(), s, "a", "b"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func TestNewerAndForeignSchemasAreRefused(t *testing.T) {
	u, name := server(t), schema(t.TempDir())
	open(t, postgres.Options{URL: u, Schema: name}).Close()
	execute(t, u, `INSERT INTO `+name+`.schema_version VALUES (99, 'future')`)
	if _, err := postgres.Open(t.Context(), postgres.Options{URL: u, Schema: name}); fault.Of(err) != fault.Conflict || !strings.Contains(fault.Public(err), "newer assay") {
		t.Errorf("opening a newer schema: %v", err)
	}
	execute(t, u, `CREATE SCHEMA kitchen; CREATE TABLE kitchen.recipe (name text)`)
	if _, err := postgres.Open(t.Context(), postgres.Options{URL: u, Schema: "kitchen"}); fault.Of(err) != fault.Conflict {
		t.Errorf("opening somebody's recipes: %v", err)
	}
}

// The schema may be named by the URL, and one that is up to date needs no right to
// make anything.
func TestUserWithoutRightsToMakeTablesCanServe(t *testing.T) {
	u, name := server(t), schema(t.TempDir())
	open(t, postgres.Options{URL: u, Schema: name}).Close()
	role := "serves_" + name
	execute(t, u, fmt.Sprintf(`CREATE ROLE %[1]s LOGIN PASSWORD 'weak'; GRANT USAGE ON SCHEMA %[2]s TO %[1]s; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %[2]s TO %[1]s;
		ALTER ROLE %[1]s SET synchronous_commit = off`, role, name))
	other, err := url.Parse(u)
	if err != nil {
		t.Fatal(err)
	}
	other.User = url.UserPassword(role, "weak")
	other.RawQuery += "&search_path=" + name
	s := open(t, postgres.Options{URL: other.String()})
	defer s.Close()
	if err := put(t.Context(), s, "a", "b"); err != nil {
		t.Error(err)
	}
}

func TestNoErrorTellsThePassword(t *testing.T) {
	u := server(t)
	good, err := url.Parse(u)
	if err != nil {
		t.Fatal(err)
	}
	const secret = "hunter2-is-secret"
	wrong, nowhere := *good, *good
	wrong.User = url.UserPassword("assay", secret)
	nowhere.User, nowhere.Host = wrong.User, "127.0.0.1:1"
	nobase := *good
	nobase.Path = "/nothing-here"
	password, _ := good.User.Password()
	for what, c := range map[string]struct {
		url  string
		kind fault.Kind
	}{
		"a wrong password":    {wrong.String(), fault.Unavailable},
		"no server":           {nowhere.String(), fault.Unavailable},
		"no database":         {nobase.String(), fault.Unavailable},
		"a broken URL":        {"postgres://assay:" + secret + "@[::1/db?x=%zz", fault.Invalid},
		"a broken port":       {"postgres://assay:" + secret + "@host:port/db", fault.Invalid},
		"a broken list":       {"host=a password='" + secret + " user=b", fault.Invalid},
		"a broken sslmode":    {"postgres://assay:" + secret + "@host/db?sslmode=" + "maybe", fault.Invalid},
		"changes not on disk": {u + "&synchronous_commit=off", fault.Invalid},
		"two schemas":         {u + "&search_path=a,b", fault.Invalid},
	} {
		_, err := postgres.Open(t.Context(), postgres.Options{URL: c.url})
		if fault.Of(err) != c.kind || err == nil {
			t.Errorf("%s: %v is no error of kind %v", what, err, c.kind)
		}
		for e := err; e != nil; e = errors.Unwrap(e) {
			if strings.Contains(e.Error(), secret) || strings.Contains(e.Error(), password) {
				t.Errorf("%s: the error tells the password", what)
			}
		}
	}
}

// A server of its own is killed and comes back: what was acknowledged is there, callers
// meanwhile are told that the store is unavailable, and idle connections that died are
// replaced without an error.
func TestServerMayBeKilledAndComeBack(t *testing.T) {
	server := pgtest.Start(t)
	var log bytes.Buffer
	s := open(t, postgres.Options{URL: server.URL(), Logger: slog.New(slog.NewTextHandler(&log, nil))})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	hint, err := s.Hints(ctx)
	if err != nil {
		t.Fatal(err)
	}
	<-hint // it listens
	acknowledged := 0
	for round, end := range []func() error{server.Kill, server.Stop, server.Kill} {
		// Writers write on into the end of the server.
		var all sync.WaitGroup
		var mu sync.Mutex
		failed := make(chan struct{}, 4)
		for w := range 4 {
			all.Go(func() {
				for i := 0; ; i++ {
					id := fmt.Sprintf("%d-%d-%d", round, w, i)
					if err := put(t.Context(), s, id, "x"); err != nil {
						if fault.Of(err) != fault.Unavailable {
							t.Errorf("while the server ends: %v", err)
						}
						failed <- struct{}{}
						return
					}
					mu.Lock()
					acknowledged++
					mu.Unlock()
					if i == 20 && w == 0 {
						if err := end(); err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
		all.Wait()
		if err := server.Again(); err != nil {
			t.Fatal(err)
		}
		if err := put(t.Context(), s, "again", "x"); err != nil {
			t.Fatalf("after the server came back: %v", err)
		}
		records, n, _, err := s.Since(t.Context(), 0, []string{"thing"}, 100_000)
		if err != nil {
			t.Fatal(err)
		}
		count := map[int64]bool{}
		for _, r := range records {
			count[r.Epoch] = true
		}
		// Each change wrote one record; "again" was written over in the rounds before.
		if len(records) < acknowledged+1 || len(count) != len(records) || int64(len(records)+round) != n {
			t.Fatalf("round %d: %d acknowledged, %d records, epoch %d", round, acknowledged, len(records), n)
		}
		<-hint // once it listens again, at the latest
	}
	for drained := false; !drained; {
		select {
		case <-hint:
		default:
			drained = true
		}
	}
	if err := put(t.Context(), s, "last", "x"); err != nil {
		t.Fatal(err)
	}
	<-hint
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "no hints until") || strings.Contains(log.String(), password(t, server.URL())) {
		t.Errorf("the log says\n%s", log.String())
	}
}

func password(t *testing.T, text string) string {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	p, _ := u.User.Password()
	return p
}

// A connection that is cut while a change runs undoes the change; the next one works.
func TestCutConnectionUndoesItsChange(t *testing.T) {
	u, name := server(t), schema(t.TempDir())
	s := open(t, postgres.Options{URL: u, Schema: name})
	defer s.Close()
	runs := 0
	_, err := s.Change(t.Context(), func(tx access.Tx) error {
		runs++
		if err := tx.Put("thing", "a", nil); err != nil {
			return err
		}
		execute(t, u, `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE relation = '`+name+`.record'::regclass AND mode = 'RowExclusiveLock'`)
		_ = tx.Put("thing", "b", nil) // a function that does not look
		return nil
	})
	if fault.Of(err) != fault.Unavailable || runs != 1 {
		t.Errorf("the cut change, run %d times: %v", runs, err)
	}
	n, err := s.Change(t.Context(), func(tx access.Tx) error {
		if _, err := tx.Get("thing", "a"); fault.Of(err) != fault.Unknown {
			t.Errorf("of the cut change there is %v", err)
		}
		return tx.Put("thing", "c", nil)
	})
	if err != nil || n != 1 {
		t.Errorf("the change after: epoch %d, %v", n, err)
	}
}

func BenchmarkChange(b *testing.B) {
	for _, writers := range []int{1, 8} {
		b.Run(fmt.Sprint("writers=", writers), func(b *testing.B) {
			s := open(b, postgres.Options{URL: server(b), Schema: schema(b.TempDir())})
			defer s.Close()
			body := strings.Repeat("x", 500)
			var all sync.WaitGroup
			each := (b.N + writers - 1) / writers
			b.ResetTimer()
			for w := range writers {
				all.Go(func() {
					for i := range each {
						if err := put(b.Context(), s, fmt.Sprintf("%d-%d", w, i%1000), body); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			all.Wait()
		})
	}
}

// Load is what a node does at its start: 100,000 records of 500 bytes.
func BenchmarkLoad(b *testing.B) {
	s := open(b, postgres.Options{URL: server(b), Schema: schema(b.TempDir())})
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
			var err error
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
