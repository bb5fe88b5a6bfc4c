package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	mrand "math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/internal/pgtest"
)

// servers is how many there are.
const servers = 3

// fleet is the database, the servers, and the clock of the run.
type fleet struct {
	dir      string
	progress io.Writer
	epoch    int64
	clock    clock
	operator string
	http     *http.Client
	database *pgtest.Server // of one goroutine at a time
	servers  [servers]*server
}

// server is one server process, over its restarts.
type server struct {
	config nodeConfig
	wire   *wire

	mu     sync.Mutex
	cmd    *exec.Cmd
	leash  io.Closer
	exited chan struct{}
	deaths atomic.Int64 // times it was killed
}

func (f *fleet) say(format string, args ...any) {
	fmt.Fprintf(f.progress, "%7.1fs  "+format+"\n", append([]any{float64(f.clock.now()) / 1e9}, args...)...)
}

// start starts everything. close ends it.
func start(ctx context.Context, dir string, progress io.Writer) (*fleet, error) {
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "assay-rotation"); err != nil {
			return nil, err
		}
	} else if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f := &fleet{dir: dir, progress: progress, epoch: time.Now().UnixNano(), operator: rand.Text(),
		http: &http.Client{Timeout: patience + 10*time.Second, Transport: &http.Transport{MaxIdleConns: 2000, MaxIdleConnsPerHost: 500, DisableCompression: true}}}
	f.clock = newClock(f.epoch)
	var err error
	if f.database, err = pgtest.Open(); err != nil {
		return nil, fmt.Errorf("PostgreSQL cannot be started: %w", err)
	}
	f.say("PostgreSQL is up; logs are in %s", dir)
	if err := f.startServers(ctx); err != nil {
		return nil, errors.Join(err, f.close(false))
	}
	return f, nil
}

func (f *fleet) startServers(ctx context.Context) error {
	db, err := url.Parse(f.database.URL())
	if err != nil {
		return err
	}
	target := db.Host
	for i := range f.servers {
		w, err := newWire(target)
		if err != nil {
			return err
		}
		db.Host = w.addr()
		listen, err := free()
		if err != nil {
			return err
		}
		name := "n" + strconv.Itoa(i+1)
		f.servers[i] = &server{wire: w, config: nodeConfig{
			Name: name, Listen: listen, Database: db.String(), Skew: time.Duration(i-1) * 190 * time.Millisecond,
			Events: filepath.Join(f.dir, name+".jsonl"), Log: filepath.Join(f.dir, name+".log"), Epoch: f.epoch, Operator: f.operator,
		}}
		if err := f.servers[i].start(); err != nil {
			return err
		}
	}
	for { // until all decide, and know each other
		up := 0
		for i := range f.servers {
			var h health
			if f.order(ctx, i, "health", order{}, &h) == nil && h.Deciding && h.Nodes == servers {
				up++
			}
		}
		if up == servers {
			f.say("%d servers are up, their clocks wrong by -190, 0 and +190 ms", servers)
			return nil
		}
		if f.clock.now() > int64(2*time.Minute) {
			return errors.New("the servers do not come up; their logs say why")
		}
		if err := sleep(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

// free gives an address nobody listens on.
func free() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func (s *server) start() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	config, err := json.Marshal(s.config)
	if err != nil {
		return err
	}
	c := exec.Command(self, "node")
	c.Env = append(os.Environ(), nodeEnv+"="+string(config))
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		return err
	}
	apart(c)
	if err := c.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	go func() {
		_ = c.Wait()
		close(exited)
	}()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cmd, s.leash, s.exited = c, in, exited
	return nil
}

// kill ends the process as a crash does.
func (s *server) kill() {
	s.deaths.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		<-s.exited
	}
}

// stop ends the process in good order.
func (s *server) stop() {
	s.deaths.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return
	}
	_ = s.leash.Close()
	select {
	case <-s.exited:
	case <-time.After(10 * time.Second):
		_ = s.cmd.Process.Kill()
		<-s.exited
	}
}

// close ends everything; the logs go too when nothing was wrong.
func (f *fleet) close(clean bool) error {
	var all sync.WaitGroup
	for _, s := range f.servers {
		if s != nil {
			all.Go(s.stop)
		}
	}
	all.Wait()
	for _, s := range f.servers {
		if s != nil {
			s.wire.close()
		}
	}
	err := f.database.Close()
	if clean {
		err = errors.Join(err, os.RemoveAll(f.dir))
	}
	return err
}

// order asks server i for something as the operator.
func (f *fleet) order(ctx context.Context, i int, what string, o order, out any) error {
	body, err := json.Marshal(o)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+f.servers[i].config.Listen+"/op/"+what, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Operator", f.operator)
	res, err := f.http.Do(r)
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "the server does not answer")
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "the server stopped answering")
	}
	if res.StatusCode != http.StatusOK {
		var t trouble
		_ = json.Unmarshal(b, &t)
		kind := fault.Internal
		for _, k := range fault.Kinds() {
			if k.String() == t.Code {
				kind = k
			}
		}
		return fault.New(kind, "%s %s: %d %s", what, o.ID, res.StatusCode, t.Detail)
	}
	return json.Unmarshal(b, out)
}

// insist asks one server after the other until one answers.
func (f *fleet) insist(ctx context.Context, what string, o order, out any) error {
	i := mrand.IntN(servers)
	for try := 0; ; try++ {
		err := f.order(ctx, i, what, o, out)
		if err == nil || fault.Of(err) != fault.Unavailable || try >= 200 {
			return err
		}
		if err := sleep(ctx, 100*time.Millisecond); err != nil {
			return err
		}
		i = (i + 1) % servers
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// between is a random duration.
func between(a, b time.Duration) time.Duration { return a + mrand.N(b-a+1) }
