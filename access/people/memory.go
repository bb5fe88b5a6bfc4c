package people

import (
	"bytes"
	"context"
	"slices"
	"sync"

	"github.com/assayhq/assay/fault"
)

// MemoryStore is a Store for tests.
type MemoryStore struct {
	mu   sync.Mutex
	docs map[[2]string]stored
	done []Event
}

type stored struct {
	doc     []byte
	version int64
}

// NewMemoryStore makes an empty store.
func NewMemoryStore() *MemoryStore { return &MemoryStore{docs: map[[2]string]stored{}} }

// Get is of Store.
func (m *MemoryStore) Get(_ context.Context, kind, id string) ([]byte, int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.docs[[2]string{kind, id}]
	if !ok {
		return nil, 0, fault.New(fault.Unknown, "there is no such %s", kind)
	}
	return bytes.Clone(s.doc), s.version, nil
}

// Put is of Store.
func (m *MemoryStore) Put(_ context.Context, kind, id string, doc []byte, version int64, done ...Event) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.docs[[2]string{kind, id}].version != version {
		return fault.New(fault.Conflict, "the %s was changed by somebody else", kind)
	}
	m.docs[[2]string{kind, id}] = stored{bytes.Clone(doc), version + 1}
	m.done = append(m.done, done...)
	return nil
}

// Delete is of Store.
func (m *MemoryStore) Delete(_ context.Context, kind, id string, version int64, done ...Event) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.docs[[2]string{kind, id}]
	if !ok || s.version != version {
		return fault.New(fault.Conflict, "the %s was changed by somebody else", kind)
	}
	delete(m.docs, [2]string{kind, id})
	m.done = append(m.done, done...)
	return nil
}

// Done gives what was done, in order.
func (m *MemoryStore) Done() []Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.done)
}
