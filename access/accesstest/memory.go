package accesstest

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/fault"
)

// Memory is an access.Store without a disk, for tests of what stands on one. It can be
// told to fail. Several gates may share one, each through its own Link.
type Memory struct {
	mu      sync.Mutex
	epoch   int64
	records map[[2]string]access.Record
	nodes   map[string]access.Node
	until   map[string]time.Time
	hints   []chan struct{}
	floor   int64 // the last mark of deletion that was purged
}

// NewMemory makes an empty store.
func NewMemory() *Memory {
	return &Memory{records: map[[2]string]access.Record{}, nodes: map[string]access.Node{}, until: map[string]time.Time{}}
}

// Link is one node's way to the store: it can be cut.
type Link struct {
	m   *Memory
	mu  sync.Mutex
	cut error
}

var _ access.Store = (*Link)(nil)

// Link gives another way to the store.
func (m *Memory) Link() *Link { return &Link{m: m} }

// Cut makes every call fail with err until it is nil.
func (l *Link) Cut(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = err
}

func (l *Link) ok(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut != nil {
		return l.cut
	}
	return ctx.Err()
}

// Tamper changes a record as somebody with access to the disk would.
func (m *Memory) Tamper(kind, id string, f func(*access.Record)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.records[[2]string{kind, id}]
	r.Body = slices.Clone(r.Body)
	f(&r)
	m.records[[2]string{kind, id}] = r
}

type memoryTx struct {
	m     *Memory
	epoch int64
	write map[[2]string]access.Record // nil in a View
}

func (t *memoryTx) Epoch() int64 { return t.epoch }

func (t *memoryTx) Get(kind, id string) (access.Record, error) {
	k := [2]string{kind, id}
	r, ok := t.write[k]
	if !ok {
		r, ok = t.m.records[k]
	}
	if !ok || r.Body == nil {
		return access.Record{}, fault.New(fault.Unknown, "there is no %s %q", kind, id)
	}
	return r, nil
}

func (t *memoryTx) List(kind, after string, limit int) (out []access.Record, err error) {
	seen := map[string]access.Record{}
	for k, r := range t.m.records {
		if k[0] == kind {
			seen[k[1]] = r
		}
	}
	for k, r := range t.write {
		if k[0] == kind {
			seen[k[1]] = r
		}
	}
	for id, r := range seen {
		if id > after && r.Body != nil {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b access.Record) int { return strings.Compare(a.ID, b.ID) })
	return out[:min(len(out), limit)], nil
}

func (t *memoryTx) Put(kind, id string, body []byte) error {
	switch {
	case t.write == nil:
		return fault.New(fault.Internal, "a view changes nothing")
	case kind == "" || id == "" || len(kind) > 200 || len(id) > 200:
		return fault.At(fault.Invalid, "id", "a kind and an id have 1 to 200 characters")
	case len(body) > access.MaxBody:
		return fault.New(fault.TooLarge, "a record has at most %d bytes", access.MaxBody)
	}
	t.write[[2]string{kind, id}] = access.Record{Kind: kind, ID: id, Body: append([]byte{}, body...), Epoch: t.epoch}
	return nil
}

func (t *memoryTx) Delete(kind, id string) error {
	if _, err := t.Get(kind, id); err != nil {
		return nil
	}
	t.write[[2]string{kind, id}] = access.Record{Kind: kind, ID: id, Epoch: t.epoch}
	return nil
}

// Change is access.Store's.
func (l *Link) Change(ctx context.Context, f func(access.Tx) error) (int64, error) {
	if err := l.ok(ctx); err != nil {
		return 0, err
	}
	m := l.m
	m.mu.Lock()
	defer m.mu.Unlock()
	tx := &memoryTx{m: m, epoch: m.epoch + 1, write: map[[2]string]access.Record{}}
	if err := f(tx); err != nil {
		return m.epoch, err
	}
	if len(tx.write) == 0 {
		return m.epoch, nil
	}
	m.epoch++
	for k, r := range tx.write {
		if m.records[k] = r; r.Body == nil && k[0][0] == '_' {
			delete(m.records, k)
		}
	}
	for _, h := range m.hints {
		select {
		case h <- struct{}{}:
		default:
		}
	}
	return m.epoch, nil
}

// View is access.Store's.
func (l *Link) View(ctx context.Context, f func(access.Tx) error) error {
	if err := l.ok(ctx); err != nil {
		return err
	}
	l.m.mu.Lock()
	defer l.m.mu.Unlock()
	return f(&memoryTx{m: l.m, epoch: l.m.epoch})
}

// Since is access.Store's.
func (l *Link) Since(ctx context.Context, epoch int64, kinds []string, limit int) (out []access.Record, upTo int64, more bool, err error) {
	if err := l.ok(ctx); err != nil {
		return nil, epoch, false, err
	}
	m := l.m
	m.mu.Lock()
	defer m.mu.Unlock()
	if epoch > 0 && epoch < m.floor {
		return nil, 0, false, fault.New(fault.Conflict, "what was deleted after epoch %d is not all known any more: read from 0", epoch)
	}
	for k, r := range m.records {
		if r.Epoch > epoch && slices.Contains(kinds, k[0]) {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b access.Record) int { return int(a.Epoch - b.Epoch) })
	if len(out) > limit {
		last := out[limit-1].Epoch
		n := limit
		for n < len(out) && out[n].Epoch == last {
			n++
		}
		if n < len(out) {
			return out[:n], last, true, nil
		}
	}
	return out, m.epoch, false, nil
}

// Purge is access.Store's.
func (l *Link) Purge(ctx context.Context, limit int) (n int, err error) {
	if err := l.ok(ctx); err != nil {
		return 0, err
	}
	m := l.m
	m.mu.Lock()
	defer m.mu.Unlock()
	seen := m.epoch
	for id, x := range m.nodes {
		if time.Until(m.until[id]) > -24*time.Hour {
			seen = min(seen, x.Epoch)
		}
	}
	for k, r := range m.records {
		bulk := k[0] != "" && k[0][0] == '_'
		if n >= limit || r.Body != nil || !bulk && r.Epoch > seen {
			continue
		}
		delete(m.records, k)
		n++
		if !bulk {
			m.floor = max(m.floor, r.Epoch)
		}
	}
	return n, nil
}

// Beat is access.Store's.
func (l *Link) Beat(ctx context.Context, n access.Node, lease time.Duration) (int64, error) {
	if err := l.ok(ctx); err != nil {
		return 0, err
	}
	l.m.mu.Lock()
	defer l.m.mu.Unlock()
	l.m.nodes[n.ID], l.m.until[n.ID] = n, time.Now().Add(lease)
	return l.m.epoch, nil
}

// Nodes is access.Store's.
func (l *Link) Nodes(ctx context.Context) (out []access.Node, err error) {
	if err := l.ok(ctx); err != nil {
		return nil, err
	}
	l.m.mu.Lock()
	defer l.m.mu.Unlock()
	for id, n := range l.m.nodes {
		if n.Left = time.Until(l.m.until[id]); n.Left < -24*time.Hour {
			delete(l.m.nodes, id)
			delete(l.m.until, id)
			continue
		}
		out = append(out, n)
	}
	slices.SortFunc(out, func(a, b access.Node) int { return strings.Compare(a.ID, b.ID) })
	return out, nil
}

// Hints is access.Store's.
func (l *Link) Hints(context.Context) (<-chan struct{}, error) {
	l.m.mu.Lock()
	defer l.m.mu.Unlock()
	h := make(chan struct{}, 1)
	l.m.hints = append(l.m.hints, h)
	return h, nil
}

// Close is access.Store's.
func (l *Link) Close() error {
	l.Cut(fault.New(fault.Unavailable, "the store is closed"))
	return nil
}

// Forget drops every record, as an empty store at the same epoch.
func (m *Memory) Forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	keep := map[[2]string]access.Record{}
	for k, r := range m.records {
		if k[0] == "pepper" {
			keep[k] = r
		}
	}
	m.records = keep
}
