package meter

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/fault"
)

// KindUsage is the kind of the records in which nodes tell each other what they counted.
// Each holds one hour of one run of a node, by app and status alone, in the form of a
// segment file: sums so far, so that a record that is late or repeated changes nothing.
const KindUsage = "usage"

const (
	shareLeaf  = 900_000             // bytes of a record at most; more rows go into another
	shareBatch = 50                  // records written or read at once
	shareKept  = 62 * 24 * time.Hour // older records are removed
)

// Share is a meter among those of other nodes. All methods may be called at the same
// time; Turn is for one goroutine.
type Share struct {
	m     *Meter
	store access.Store
	every time.Duration
	log   *slog.Logger
	mine  map[Origin]bool // runs that the meter itself knows
	epoch int64           // read up to here
	told  map[string]Counts
	begun bool
	swept int64
	asOf  atomic.Int64 // Unix ns; 0: never

	mu     sync.Mutex
	others *Ledger
}

// NewShare makes the share of a meter in what a store's nodes count. Every is the time
// between two turns, 10 s by default. Call Turn before others ask, and Run.
func NewShare(m *Meter, store access.Store, every time.Duration, log *slog.Logger) *Share {
	s := &Share{m: m, store: store, every: or(every, 10*time.Second), log: or(log, slog.New(slog.DiscardHandler)),
		mine: map[Origin]bool{m.origin: true}, told: map[string]Counts{}, others: NewLedger()}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, rows := range m.ledger.hours {
		for r := range rows {
			s.mine[r.origin] = true
		}
	}
	return s
}

// Run takes turns until ctx ends, and a last one then. It returns nil.
func (s *Share) Run(ctx context.Context) error {
	t := time.NewTicker(s.every)
	defer t.Stop()
	failed := false
	for {
		select {
		case <-ctx.Done():
			last, stop := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			defer stop()
			if err := s.Turn(last); err != nil {
				s.log.Warn("what was counted last is told to other servers after the next start", "err", err)
			}
			return nil
		case <-t.C:
		}
		turn, stop := context.WithTimeout(ctx, s.every)
		err := s.Turn(turn)
		stop()
		if err != nil && !failed && ctx.Err() == nil {
			s.log.Error("usage is not shared with other servers until the control store answers", "err", err)
		}
		failed = err != nil
	}
}

// Turn reads what others told and tells what is new here.
func (s *Share) Turn(ctx context.Context) error {
	now := s.m.o.Now()
	if err := s.read(ctx); err != nil {
		return err
	}
	if err := s.tell(ctx); err != nil {
		return err
	}
	s.asOf.Store(now.UnixNano())
	if h := hourOf(now); h != s.swept {
		s.swept = h
		return s.sweep(ctx, now)
	}
	return nil
}

// read takes over the records that are new.
func (s *Share) read(ctx context.Context) error {
	for more := true; more; {
		records, upTo, rest, err := s.store.Since(ctx, s.epoch, []string{KindUsage}, shareBatch)
		if s.epoch > 0 && (fault.Of(err) == fault.Conflict || err == nil && upTo < s.epoch) { // the store was put back to an older state
			s.epoch, s.begun = 0, false
			clear(s.told)
			continue
		}
		if err != nil {
			return err
		}
		for _, r := range records {
			if r.Body == nil {
				continue
			}
			l := NewLedger()
			if err := l.Merge(bytes.NewReader(r.Body)); err != nil {
				s.log.Error("a record of what another server counted is damaged", "id", r.ID, "err", err)
			}
			s.take(r.ID, l)
		}
		s.epoch, more = upTo, rest
	}
	return nil
}

// take merges a record's rows, unless the meter has them itself.
func (s *Share) take(id string, l *Ledger) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range l.all() {
		if s.mine[r.origin] {
			if !s.begun { // told in an earlier life
				c := s.told[id]
				c.add(r.Counts)
				s.told[id] = c
			}
			continue
		}
		s.others.merge(r)
	}
	s.others.keep(s.m.o.Hours)
	for s.others.size > s.m.o.Rows { // memory is bounded: the oldest hours go
		s.others.keep(len(s.others.hours) - 1)
	}
}

// tell writes the hours in which something was counted since they were told. At first
// that may be any, since a run may have ended before it told all; then only the last two.
func (s *Share) tell(ctx context.Context) error {
	type leaf struct {
		id   string
		sum  Counts
		body []byte
	}
	var out []leaf
	for origin, rows := range s.recent() {
		for hour, rows := range rows {
			slices.SortFunc(rows, func(a, b row) int { return a.key.compare(b.key) })
			var now leaf
			part := 0
			flush := func() {
				if now.body != nil && s.told[now.id] != now.sum {
					out = append(out, now)
				}
				now = leaf{}
			}
			for i := range rows {
				if now.body == nil {
					sum := sha256.Sum256([]byte(origin.Node))
					now.id = fmt.Sprintf("%010d/%s/%016x/%d", hour, hex.EncodeToString(sum[:8]), origin.Boot, part)
					now.body = frame([]byte(magic), func(b []byte) []byte { return appendOrigin(b, origin) })
					part++
				}
				now.sum.add(rows[i].Counts)
				now.body = frame(now.body, func(b []byte) []byte { return appendRow(b, &rows[i]) })
				if len(now.body) > shareLeaf {
					flush()
				}
			}
			flush()
		}
	}
	slices.SortFunc(out, func(a, b leaf) int { return bytes.Compare([]byte(a.id), []byte(b.id)) })
	for batch := range slices.Chunk(out, shareBatch) {
		_, err := s.store.Change(ctx, func(tx access.Tx) error {
			for _, l := range batch {
				if err := tx.Put(KindUsage, l.id, l.body); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, l := range batch {
			s.told[l.id] = l.sum
		}
	}
	s.begun = true
	return nil
}

// recent sums the meter's own hours by app and status.
func (s *Share) recent() map[Origin]map[int64][]row {
	m := s.m
	m.mu.Lock()
	hours := slices.Collect(maps.Keys(m.ledger.hours))
	latest := m.hour
	m.mu.Unlock()
	sums := map[series]Counts{}
	for _, h := range hours {
		if s.begun && h < latest-60 {
			continue
		}
		m.mu.Lock()
		for x, r := range m.ledger.hours[h] {
			if x.origin.Node == m.o.Node {
				k := series{x.origin, x.key.only(ByApp | ByStatus), h}
				c := sums[k]
				c.add(r.Counts)
				sums[k] = c
			}
		}
		m.mu.Unlock()
	}
	out := map[Origin]map[int64][]row{}
	for k, c := range sums {
		if out[k.origin] == nil {
			out[k.origin] = map[int64][]row{}
		}
		out[k.origin][k.hour] = append(out[k.origin][k.hour], row{series: k, Counts: c})
	}
	return out
}

// sweep removes records that are too old for anybody.
func (s *Share) sweep(ctx context.Context, now time.Time) error {
	end := fmt.Sprintf("%010d", hourOf(now.Add(-shareKept)))
	_, err := s.store.Change(ctx, func(tx access.Tx) error {
		list, err := tx.List(KindUsage, "", shareBatch)
		for i := 0; err == nil && i < len(list) && list[i].ID < end; i++ {
			err = tx.Delete(KindUsage, list[i].ID)
		}
		return err
	})
	return err
}

// Usage sums what all nodes counted in the hours of [from, to), see Ledger.Usage. Of
// other nodes the app, the status and the hour are known and nothing finer.
func (s *Share) Usage(from, to time.Time, f Key, by By) []Line {
	x := newSums(f, by)
	s.m.sum(from, to, x)
	s.mu.Lock()
	hours := s.others.within(from, to)
	s.mu.Unlock()
	for _, h := range hours {
		s.mu.Lock()
		x.add(h, s.others.hours[h], s.mine)
		s.mu.Unlock()
	}
	return x.lines()
}

// AsOf is the time up to which everything is in Usage that nodes counted which reach the
// control store; zero when it was never read.
func (s *Share) AsOf() time.Time {
	at := s.asOf.Load()
	if at == 0 {
		return time.Time{}
	}
	return time.Unix(0, at).Add(-s.every).UTC()
}
