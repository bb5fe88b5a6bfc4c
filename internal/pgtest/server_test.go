package pgtest_test

import (
	"testing"

	"github.com/assayhq/assay/internal/pgtest"

	"github.com/jackc/pgx/v5"
)

func query(t *testing.T, url, text string) (out string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	if err := c.QueryRow(t.Context(), text).Scan(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestServerKeepsItsDataOverStopAndKill(t *testing.T) {
	s := pgtest.Start(t)
	url := s.URL()
	if got := query(t, url, `SHOW fsync`); got != "on" {
		t.Errorf("fsync is %s", got)
	}
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Exec(t.Context(), `CREATE TABLE kept AS SELECT 'this' AS what`); err != nil {
		t.Fatal(err)
	}
	for _, end := range []func() error{s.Kill, s.Stop, s.Kill} {
		if err := end(); err != nil {
			t.Fatal(err)
		}
		if _, err := pgx.Connect(t.Context(), url); err == nil {
			t.Fatal("the server answers after its end")
		}
		if err := s.Again(); err != nil {
			t.Fatal(err)
		}
		if got := query(t, s.URL(), `SELECT what FROM kept`); got != "this" || s.URL() != url {
			t.Errorf("%s at %v", got, s.URL() == url)
		}
	}
}
