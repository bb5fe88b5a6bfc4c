package idem

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/assayhq/assay/fault"
)

// Memory is a Store in memory, for tests and installations of one process that do
// not take orders: it forgets at a restart. It is bounded and, when full, refuses new
// names rather than forget one.
type Memory struct {
	maxRecords, maxBytes int

	mu    sync.Mutex
	recs  map[[32]byte]Record
	bytes int
	next  time.Time // nothing expires before
}

// NewMemory makes an empty store. Defaults for 0: 100 000 records and 256 MiB of answers.
func NewMemory(maxRecords, maxBytes int) *Memory {
	if maxRecords <= 0 {
		maxRecords = 100_000
	}
	if maxBytes <= 0 {
		maxBytes = 256 << 20
	}
	return &Memory{maxRecords: maxRecords, maxBytes: maxBytes, recs: map[[32]byte]Record{}}
}

// Insert is of Store.
func (m *Memory) Insert(_ context.Context, now time.Time, id [32]byte, rec Record) (Record, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if was, ok := m.recs[id]; ok {
		if now.Before(was.Expires) {
			was.Answer = was.Answer.copied()
			return was, false, nil
		}
		m.drop(id)
	}
	if len(m.recs) >= m.maxRecords && !now.Before(m.next) {
		m.sweep(now)
	}
	if len(m.recs) >= m.maxRecords {
		return Record{}, false, fault.At(fault.Exhausted, "header."+Header, "too many requests are kept for retries: try again later")
	}
	m.put(id, rec)
	return rec, true, nil
}

// Replace is of Store. An answer for which there is no room gives fault.Exhausted and
// leaves the record in flight.
func (m *Memory) Replace(_ context.Context, id [32]byte, was [16]byte, rec Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	old, ok := m.recs[id]
	if !ok || old.Holder != was || old.Done {
		return fault.New(fault.Conflict, "the request is no longer held by this claim")
	}
	if m.bytes-old.Answer.size()+rec.Answer.size() > m.maxBytes {
		return fault.New(fault.Exhausted, "there is no room to keep the answer for retries")
	}
	m.drop(id)
	rec.Answer = rec.Answer.copied()
	m.put(id, rec)
	return nil
}

// Delete is of Store.
func (m *Memory) Delete(_ context.Context, id [32]byte, was [16]byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if old, ok := m.recs[id]; ok && old.Holder == was && !old.Done {
		m.drop(id)
	}
	return nil
}

// Len is how many names are kept.
func (m *Memory) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.recs)
}

func (m *Memory) put(id [32]byte, rec Record) {
	m.recs[id] = rec
	m.bytes += rec.Answer.size()
	if m.next.IsZero() || rec.Expires.Before(m.next) {
		m.next = rec.Expires
	}
}

func (m *Memory) drop(id [32]byte) {
	m.bytes -= m.recs[id].Answer.size()
	delete(m.recs, id)
}

func (m *Memory) sweep(now time.Time) {
	m.next = time.Time{}
	for id, r := range m.recs {
		if !now.Before(r.Expires) {
			m.drop(id)
		} else if m.next.IsZero() || r.Expires.Before(m.next) {
			m.next = r.Expires
		}
	}
}

func (a Answer) size() int {
	n := len(a.Body)
	for _, h := range a.Header {
		n += len(h[0]) + len(h[1])
	}
	return n
}

func (a Answer) copied() Answer {
	a.Body, a.Header = bytes.Clone(a.Body), slices.Clone(a.Header)
	return a
}
