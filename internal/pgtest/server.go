// Package pgtest runs a throwaway PostgreSQL for tests.
//
// It finds the programs of PostgreSQL on this machine, makes a cluster in a temporary
// directory, and serves it on a random port of the loopback interface with a random
// password and fsync on, as a user that is not root. It can stop, kill and start it
// again with its data kept. It never touches a cluster that was there before, never
// reaches a network, and leaves nothing behind: a watcher removes server and directory
// even when the test binary is killed. Only tests use it.
package pgtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// ErrAbsent tells that this machine has no PostgreSQL, and what to do about it.
var ErrAbsent = errors.New("no PostgreSQL here (initdb and postgres are neither in PATH nor in /usr/lib/postgresql/*/bin): apt-get install postgresql")

// patience is how long a server may take to start or stop.
const patience = 60 * time.Second

// Server is one PostgreSQL with a database of its own. One goroutine may use it.
type Server struct {
	bin      string // directory of the programs
	dir      string // of data and log
	port     int
	password string

	server  *exec.Cmd
	exited  chan struct{}
	watcher *exec.Cmd
	leash   io.Closer // the watcher acts when it is closed
}

// Start gives a running server that ends with the test. Without PostgreSQL the test is
// skipped.
func Start(t testing.TB) *Server {
	t.Helper()
	s, err := Open()
	if errors.Is(err, ErrAbsent) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Open is Start for a TestMain, which has to Close the server itself. The error is
// ErrAbsent when there is no PostgreSQL.
func Open() (*Server, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "assay-pg")
	if err != nil {
		return nil, err
	}
	s := &Server{bin: bin, dir: dir, password: rand.Text()}
	if err = s.make(); err == nil {
		err = s.Again()
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}

// programs finds the directory of initdb and postgres: of PATH, else the newest that
// Debian's packages have made.
func programs() (string, error) {
	has := func(dir string) bool {
		for _, p := range []string{"initdb", "postgres"} {
			if _, err := exec.LookPath(filepath.Join(dir, p)); err != nil {
				return false
			}
		}
		return true
	}
	if p, err := exec.LookPath("initdb"); err == nil && has(filepath.Dir(p)) {
		return filepath.Dir(p), nil
	}
	dirs, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	version := func(dir string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(dir)))
		return n
	}
	slices.SortFunc(dirs, func(a, b string) int { return version(b) - version(a) })
	for _, dir := range dirs {
		if has(dir) {
			return dir, nil
		}
	}
	return "", ErrAbsent
}

func (s *Server) command(program string, args ...string) (*exec.Cmd, error) {
	c := exec.Command(filepath.Join(s.bin, program), args...)
	c.Dir = s.dir
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	return c, asUser(c, s.dir)
}

// make makes the cluster. Its order of text is a linguistic one where it can be, so
// that a query which forgets to ask for the order of bytes is found out.
func (s *Server) make() error {
	secret := filepath.Join(s.dir, "password")
	if err := os.WriteFile(secret, []byte(s.password), 0o600); err != nil {
		return err
	}
	var last error
	for _, locale := range [][]string{{"--locale-provider=icu", "--icu-locale=en"}, nil} {
		c, err := s.command("initdb", append([]string{"-D", filepath.Join(s.dir, "data"), "-U", "assay", "-E", "UTF8",
			"--auth=scram-sha-256", "--pwfile=" + secret, "--locale=C"}, locale...)...)
		if err != nil {
			return err
		}
		out, err := c.CombinedOutput()
		if err == nil {
			return os.Remove(secret)
		}
		last = fmt.Errorf("initdb: %w: %s", err, out)
	}
	return last
}

// Again starts the server that was stopped or killed, with the same data and URL.
func (s *Server) Again() error {
	if s.server != nil {
		return errors.New("the server runs already")
	}
	deadline := time.Now().Add(patience)
	for {
		// The port stays once it has served; until then it may be taken from us by chance.
		fresh := s.port == 0
		if fresh {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			s.port = l.Addr().(*net.TCPAddr).Port
			if err := l.Close(); err != nil {
				return err
			}
		}
		err := s.run(deadline)
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return err
		}
		if fresh {
			s.port = 0
		}
		// The processes of a killed server take a moment to notice that it is gone.
		time.Sleep(20 * time.Millisecond)
	}
}

// run starts the server and waits until it answers.
func (s *Server) run(deadline time.Time) error {
	c, err := s.command("postgres", "-D", filepath.Join(s.dir, "data"), "-p", strconv.Itoa(s.port),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "max_connections=200", "-c", "fsync=on", "-c", "shared_buffers=32MB")
	if err != nil {
		return err
	}
	var log bytes.Buffer
	file, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	start, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	c.Stdout, c.Stderr = file, file
	if err := c.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	go func() {
		_ = c.Wait()
		close(exited)
	}()
	s.server, s.exited = c, exited
	if err := s.watch(); err != nil {
		return errors.Join(err, s.Kill())
	}
	for {
		ctx, stop := context.WithTimeout(context.Background(), time.Second)
		conn, err := pgconn.Connect(ctx, s.URL())
		if err == nil {
			err = conn.Close(ctx)
		}
		stop()
		if err == nil {
			return nil
		}
		select {
		case <-exited:
			if whole, err := os.ReadFile(filepath.Join(s.dir, "log")); err == nil && int64(len(whole)) >= start {
				log.Write(whole[start:])
			}
			return errors.Join(fmt.Errorf("the server ended: %s", strings.TrimSpace(log.String())), s.gone())
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return errors.Join(fmt.Errorf("the server does not answer: %w", err), s.Kill())
		}
	}
}

// watch starts the process that ends the server when we cannot: its standard input
// ends with this process.
func (s *Server) watch() error {
	w := exec.Command("sh", "-c", `read x; kill -QUIT "$1"; sleep 1; rm -rf "$2"`, "sh", strconv.Itoa(s.server.Process.Pid), s.dir)
	in, err := w.StdinPipe()
	if err != nil {
		return err
	}
	if err := w.Start(); err != nil {
		return err
	}
	s.watcher, s.leash = w, in
	return nil
}

// gone forgets a server that has ended.
func (s *Server) gone() error {
	s.server = nil
	if s.watcher == nil {
		return nil
	}
	err := s.watcher.Process.Kill() // before its input ends, so that it does nothing
	_ = s.watcher.Wait()
	_ = s.leash.Close()
	s.watcher = nil
	return err
}

func (s *Server) end(sig os.Signal) error {
	if s.server == nil {
		return nil
	}
	err := s.server.Process.Signal(sig)
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	select {
	case <-s.exited:
	case <-time.After(patience):
		return errors.Join(errors.New("the server does not end"), err)
	}
	return errors.Join(err, s.gone())
}

// Stop ends the server in good order, cutting its connections.
func (s *Server) Stop() error { return s.end(os.Interrupt) }

// Kill ends the server at once, as a crash does.
func (s *Server) Kill() error { return s.end(os.Kill) }

// Close ends the server and removes its data.
func (s *Server) Close() error {
	err := s.Stop()
	if err != nil {
		err = errors.Join(err, s.Kill())
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

// URL is that of the server's database, with its password, as its owner.
func (s *Server) URL() string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword("assay", s.password), Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)), Path: "/postgres", RawQuery: "sslmode=disable"}
	return u.String()
}
