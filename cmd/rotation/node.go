package main

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/access/idem"
	"github.com/assayhq/assay/api/problem"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/store/postgres"
)

// nodeEnv is the variable that tells a server process what it is.
const nodeEnv = "ASSAY_ROTATION_NODE"

// nodeConfig is what a server process is told.
type nodeConfig struct {
	Name     string        `json:"name"`
	Listen   string        `json:"listen"`
	Database string        `json:"database"`
	Skew     time.Duration `json:"skew"`   // its clock is wrong by this
	Events   string        `json:"events"` // file of acceptances
	Log      string        `json:"log"`
	Epoch    int64         `json:"epoch"` // Unix ns from which the true clock counts
	Operator string        `json:"operator"`
}

// clock is the true time in ns since the epoch of the run: from the wall when the
// process began, monotonic from there.
type clock struct{ epoch time.Time }

func newClock(epoch int64) clock {
	now := time.Now()
	return clock{now.Add(-time.Duration(now.UnixNano() - epoch))}
}

func (c clock) now() int64 { return int64(time.Since(c.epoch)) }

// node is one server.
type node struct {
	nodeConfig
	gate    *gate.Gate
	repeats *idem.Records
	clock   clock
	mu      sync.Mutex // of events
	events  *os.File
	cuts    cuts
}

// serve is the life of a server process. It ends when its standard input does, so that
// none outlives the run.
func serve(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	n := &node{}
	if err := json.Unmarshal([]byte(os.Getenv(nodeEnv)), &n.nodeConfig); err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	n.clock = newClock(n.Epoch)
	logFile, err := os.OpenFile(n.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer logFile.Close()
	if n.events, err = os.OpenFile(n.Events, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		return err
	}
	defer n.events.Close()
	log := slog.New(slog.NewTextHandler(logFile, nil))
	store, err := postgres.Open(ctx, postgres.Options{URL: n.Database, Logger: log})
	for err != nil && ctx.Err() == nil { // cut off, or the database is being started
		log.Warn("the store cannot be opened yet", "err", err)
		time.Sleep(100 * time.Millisecond)
		store, err = postgres.Open(ctx, postgres.Options{URL: n.Database, Logger: log})
	}
	if err != nil {
		return err
	}
	defer store.Close()
	n.gate, err = gate.New(store, gate.Options{
		Node: n.Name, Rate: 100_000, Flush: 2 * time.Second, Logger: log,
		Now: func() time.Time { return time.Now().Add(n.Skew) },
	})
	if err != nil {
		return err
	}
	if n.repeats, err = idem.NewRecords(store, idem.RecordOptions{Seal: n.gate.Seal, Open: n.gate.Open, PerApp: 200_000}); err != nil {
		return err
	}
	n.gate.Follow(n.cuts.tell)
	done := make(chan error, 1)
	go func() { done <- n.gate.Run(ctx) }()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/me", n.me)
	mux.HandleFunc("POST /v1/keys", n.createKey)
	mux.HandleFunc("GET /v1/stream", n.stream)
	mux.HandleFunc("POST /op/{what}", n.operate)
	server := &http.Server{Addr: n.Listen, Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-done
}

// accepted writes an acceptance down, at once and unbuffered: what a killed server has
// decided is known. at is from before the gate was asked, so that a decision is never
// taken for later than it was.
func (n *node) accepted(at int64, c *access.Caller, way string) {
	b := make([]byte, 0, 160)
	b = strconv.AppendInt(append(b, `{"t":`...), at, 10)
	b = append(append(append(b, `,"node":"`...), n.Name...), `","kid":"`...)
	b = append(append(append(b, c.KeyID...), `","ring":"`...), c.Ring...)
	b = append(append(append(b, `","way":"`...), way...), "\"}\n"...)
	n.mu.Lock()
	defer n.mu.Unlock()
	_, _ = n.events.Write(b)
}

// enter is the way in, in the order of the API's: authenticate, notice, limit, authorize.
func (n *node) enter(w http.ResponseWriter, r *http.Request, need access.Scope, way string) *access.Caller {
	at := n.clock.now()
	c, err := n.gate.Authenticate(r)
	if err != nil {
		fail(w, err)
		return nil
	}
	n.accepted(at, c, way)
	if notice, ok := n.gate.Notice(c); ok {
		notice.Set(w.Header())
	}
	limit, err := n.gate.Allow(c, 1)
	limit.Set(w.Header())
	if err == nil {
		err = n.gate.Authorize(r.Context(), c, need)
	}
	if err != nil {
		fail(w, err)
		return nil
	}
	return c
}

// trouble is a failure as clients read it.
type trouble struct {
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

func fail(w http.ResponseWriter, err error) {
	k := fault.Of(err)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		k = fault.Unavailable
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(problem.Of(k).Status)
	_ = json.NewEncoder(w).Encode(trouble{k.String(), err.Error()})
}

func answer(w http.ResponseWriter, v any, err error) {
	if err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func (n *node) me(w http.ResponseWriter, r *http.Request) {
	if c := n.enter(w, r, access.MarketRead, "rest"); c != nil {
		answer(w, map[string]any{"key_id": c.KeyID, "ring": c.Ring, "version": c.N}, nil)
	}
}

// made is a new key as the run's controller reads it.
type made struct {
	Token string       `json:"token"`
	Kid   string       `json:"kid"`
	Ring  *access.Ring `json:"ring"`
	Epoch int64        `json:"epoch"`
}

func madeOf(m gate.Made) made {
	out := made{Token: m.Token, Ring: m.Ring, Epoch: m.Epoch}
	if m.Key != nil {
		out.Kid = m.Key.ID
	}
	return out
}

func (n *node) createKey(w http.ResponseWriter, r *http.Request) {
	c := n.enter(w, r, access.KeysWrite, "rest")
	if c == nil {
		return
	}
	m, err := n.gate.Create(r.Context(), gate.By{Caller: c}, gate.Spec{Name: "minted", Org: c.Org, App: c.App, Scopes: []access.Scope{access.MarketRead}})
	answer(w, madeOf(m), err)
}

// order is what the run's controller asks for, as the operator.
type order struct {
	ID      string         `json:"id,omitempty"` // of a ring or a key
	App     string         `json:"app,omitempty"`
	Scopes  []access.Scope `json:"scopes,omitempty"`
	Policy  access.Policy  `json:"policy,omitzero"`
	Overlap time.Duration  `json:"overlap,omitempty"`
	Force   bool           `json:"force,omitempty"`
	Request string         `json:"request,omitempty"` // Idempotency-Key
}

// patience is how long an order may take: longer than a lease.
const patience = 20 * time.Second

func (n *node) operate(w http.ResponseWriter, r *http.Request) {
	if subtle.ConstantTimeCompare([]byte(r.Header.Get("Operator")), []byte(n.Operator)) != 1 {
		fail(w, fault.New(fault.Denied, "orders are for whoever started this server"))
		return
	}
	var o order
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<16)).Decode(&o); err != nil {
		fail(w, fault.Wrap(fault.Invalid, err, "the order cannot be read"))
		return
	}
	ctx, stop := context.WithTimeout(r.Context(), patience)
	defer stop()
	by := gate.By{Name: "rotation"}
	switch r.PathValue("what") {
	case "create":
		m, err := n.gate.Create(ctx, by, gate.Spec{Name: o.App, App: o.App, Scopes: o.Scopes, Policy: o.Policy, Rehearsal: true})
		answer(w, madeOf(m), err)
	case "rotate":
		m, err := n.rotate(ctx, by, &o)
		answer(w, m, err)
	case "rollback":
		ring, err := n.gate.Rollback(ctx, by, o.ID)
		answer(w, ring, err)
	case "revoke":
		rec, err := n.gate.Revoke(ctx, by, gate.Target{Keys: []string{o.ID}}, "compromise", gate.WaitAll)
		answer(w, rec, err)
	case "ring":
		ring, err := n.gate.Ring(ctx, "", o.ID)
		answer(w, ring, err)
	case "migration":
		_, m, err := n.gate.Migration(ctx, "", o.ID)
		answer(w, m, err)
	case "health":
		h := n.gate.Health()
		nodes, err := n.gate.Nodes(ctx)
		live := 0
		for _, x := range nodes {
			if x.Left > 0 {
				live++
			}
		}
		answer(w, health{!h.Fenced, live}, err)
	default:
		fail(w, fault.New(fault.Unknown, "there is no such order"))
	}
}

// health is how a server stands.
type health struct {
	Deciding bool `json:"deciding"`
	Nodes    int  `json:"nodes"` // with a lease
}
