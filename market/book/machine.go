package book

import (
	"fmt"
	"hash/crc32"
	"math"
	"time"

	"github.com/assayhq/assay/market"
)

// Join is how a venue's book is begun and followed. The families are those of
// docs/semantics.md; most venues of the world are one of these.
type Join uint8

// The ways to join.
const (
	// Replace: every message is the whole book (or its top). One that is older than the
	// present book is passed over.
	Replace Join = iota
	// Stream: a snapshot in the stream, then differences without numbers. Loss
	// shows only by a checksum, or not at all.
	Stream
	// Chain: a snapshot in the stream, then differences that name their
	// predecessor (Prev), or whose First is one above the Last before, or is that Last
	// where a venue's ranges overlap by it. First 0 is a range of one: Last rises by one.
	Chain
	// RESTRange: differences with First and Last; the snapshot comes by REST and
	// the first difference must straddle it. Where the numbers are shared by all
	// markets, and so jump, differences name their predecessor too (Prev).
	RESTRange
	// StreamRange: RESTRange, but the snapshot comes on the same connection when it is
	// asked for there.
	StreamRange
	// RESTTime: differences with a time only; the snapshot comes by REST. Loss
	// cannot be seen, so the snapshot is taken again from time to time.
	RESTTime
)

// Rule is what a Machine must know of a venue's book channel.
type Rule struct {
	Join Join
	// Depth is the number of levels the venue keeps on each side; deeper ones are
	// dropped after each update. 0 keeps all.
	Depth int
	// Checksum appends to text what the venue's CRC-32 (IEEE) of the book is computed
	// over. ok is false when the instrument lacks what it takes. nil: the venue has none.
	Checksum func(text []byte, b *Book, in *market.Instrument) (all []byte, ok bool)
	// ConnSeq: the connection numbers all its frames, so the feed sees every loss.
	ConnSeq bool
	// Refresh is how often a RESTTime book is compared with a new snapshot.
	Refresh time.Duration
}

// Verified tells whether loss shows by the venue's own numbering or checksum.
func (r Rule) Verified() bool {
	return r.Join == Chain || r.Join == RESTRange || r.Join == StreamRange || r.Join == Replace || r.Checksum != nil || r.ConnSeq
}

// Verdict is what Apply says of an update.
type Verdict uint8

// The verdicts.
const (
	// Publish: the update was applied and the book is valid after it.
	Publish Verdict = iota
	// Ignore: it says nothing new (older than the snapshot, or an empty heartbeat).
	Ignore
	// Wait: it is kept, or passed over, until a snapshot comes.
	Wait
	// Lost: the book was valid and is not any more. See Loss. A new snapshot is needed.
	Lost
)

// Loss says why a book was lost.
type Loss struct {
	Kind    market.GapKind
	Missing int64 // messages, -1 unknown
	Detail  string
}

// maxBuffer bounds the differences kept while a REST snapshot is on its way, and
// maxRecent those kept to replay on a repeated one. Overflow drops the oldest:
// the join then fails by the venue's own rule and is tried again.
const (
	maxBuffer = 8192
	maxRecent = 1024
)

// Machine is one book on one connection. Invariants:
//
//	(1) Valid implies that every update since the snapshot was applied once, in order,
//	    as far as the venue's rule can tell.
//	(2) A verdict of Publish implies Valid.
//	(3) After Lost nothing is published until a snapshot has been loaded.
type Machine struct {
	rule   Rule
	in     *market.Instrument
	Book   Book
	valid  bool
	fresh  bool // a snapshot was loaded last
	last   uint64
	lastAt time.Time
	buffer []market.BookUpdate
	recent []market.BookUpdate
	whole  time.Time // recent holds all differences after it
	loss   Loss
	// overlaps: the ranges of this Chain begin with the last change of the one before, so
	// that one which begins after it has lost something.
	overlaps bool
	text     []byte // of the last checksum, for reuse
	// Since, for RESTTime: a snapshot from before it, or from before the first
	// difference heard, is refused, because differences between the two may have been
	// missed. Zero refuses none: a recording cannot be asked again.
	Since time.Time
	// Counts, for summaries.
	Joined, Sums, BadSums, Crossings, Gaps int64
}

// NewMachine makes a machine with an empty, invalid book. in is kept: what the
// venue says later of the instrument is seen.
func NewMachine(rule Rule, in *market.Instrument) *Machine { return &Machine{rule: rule, in: in} }

// Rule gives the venue's rule.
func (m *Machine) Rule() Rule { return m.rule }

// Instrument gives what the book is of.
func (m *Machine) Instrument() *market.Instrument { return m.in }

// Valid tells whether the book can be published.
func (m *Machine) Valid() bool { return m.valid }

// Last gives the sequence number and venue time of the last change.
func (m *Machine) Last() (uint64, time.Time) { return m.last, m.lastAt }

// Loss says why the book was lost last.
func (m *Machine) Loss() Loss { return m.loss }

// NeedsSnapshot tells whether a snapshot has to be fetched by REST.
func (m *Machine) NeedsSnapshot() bool {
	return !m.valid && (m.rule.Join == RESTRange || m.rule.Join == RESTTime)
}

// Invalidate is called when the connection is lost or the channel is silent: the
// book is not valid until a new snapshot.
func (m *Machine) Invalidate(kind market.GapKind, detail string) {
	m.lose(Loss{Kind: kind, Missing: -1, Detail: detail})
}

func (m *Machine) lose(l Loss) Verdict {
	was := m.valid
	m.valid, m.loss = false, l
	m.Book.Reset()
	m.buffer, m.recent = m.buffer[:0], m.recent[:0]
	if was {
		m.Gaps++
		return Lost
	}
	return Wait
}

// Apply takes one update. On Publish the caller publishes u and then, after a
// snapshot, whatever Pending yields.
func (m *Machine) Apply(u *market.BookUpdate) Verdict {
	if u.Snapshot {
		return m.snapshot(u)
	}
	switch m.rule.Join {
	case Replace:
		return m.snapshot(u)
	case RESTRange, StreamRange, RESTTime:
		if !m.valid {
			m.keep(&m.buffer, u, maxBuffer)
			return Wait
		}
	default:
		if !m.valid {
			return Wait
		}
	}
	return m.difference(u)
}

func (m *Machine) keep(list *[]market.BookUpdate, u *market.BookUpdate, bound int) {
	c := *u
	c.Bids = append([]market.Level(nil), u.Bids...)
	c.Asks = append([]market.Level(nil), u.Asks...)
	if len(*list) >= bound {
		copy(*list, (*list)[1:])
		*list = (*list)[:bound-1]
	}
	*list = append(*list, c)
}

func (m *Machine) snapshot(u *market.BookUpdate) Verdict {
	switch m.rule.Join {
	case Replace:
		if m.valid && !u.At.IsZero() && u.At.Before(m.lastAt) {
			return Ignore // overtaken on the way by a newer one
		}
	case RESTRange, StreamRange:
		if m.valid && u.Last < m.last {
			return Ignore // an old answer; we know more
		}
		if len(m.buffer) > 0 && !follows(&m.buffer[0], u.Last) {
			return Wait // the snapshot is older than what we kept: the caller fetches again
		}
	case RESTTime:
		if !m.Since.IsZero() && (u.At.Before(m.Since) || len(m.buffer) > 0 && u.At.Before(m.buffer[0].At)) {
			return Wait // older than what we heard first: the caller fetches again
		}
		if m.valid {
			if u.At.Before(m.whole) {
				return Ignore // too old: not all that came since is kept
			}
			m.buffer = append(m.buffer[:0], m.recent...)
			m.recent = m.recent[:0]
		}
	}
	m.Book.Load(u.Bids, u.Asks)
	m.truncate(u)
	if !m.valid {
		m.Joined++
	}
	m.valid, m.fresh, m.last, m.lastAt = true, true, u.Last, u.At
	m.whole = u.At
	return m.check(u)
}

// Pending gives, after a snapshot was published, the differences that had been
// kept and follow it, in order. Each was applied: verdict Publish or Lost.
func (m *Machine) Pending(yield func(u *market.BookUpdate, v Verdict)) {
	kept := m.buffer
	m.buffer = nil
	for i := range kept {
		u := &kept[i]
		if !m.valid {
			m.buffer = append(m.buffer, *u)
			continue
		}
		if v := m.difference(u); v != Ignore {
			yield(u, v)
		}
	}
}

func (m *Machine) difference(u *market.BookUpdate) Verdict {
	switch m.rule.Join {
	case RESTRange, StreamRange:
		// By the rules of venues that name predecessors, the first difference may end where
		// the snapshot does.
		if again := m.fresh && u.Prev != market.NoPrev && u.Last == m.last; u.Last <= m.last && !again {
			return Ignore
		}
		m.fresh = false
		if !follows(u, m.last) {
			l := Loss{market.SequenceGap, -1, fmt.Sprintf("expected a change after %d, got one after %d", m.last, u.Prev)}
			if u.Prev == market.NoPrev {
				l.Missing, l.Detail = int64(min(u.First-m.last-1, math.MaxInt64)), fmt.Sprintf("expected change %d, got %d", m.last+1, u.First)
			}
			v := m.lose(l)
			m.keep(&m.buffer, u, maxBuffer)
			return v
		}
	case RESTTime:
		if !u.At.After(m.lastAt) && !u.At.IsZero() {
			return Ignore
		}
		if len(m.recent) >= maxRecent {
			m.whole = m.recent[0].At
		}
		m.keep(&m.recent, u, maxRecent)
	case Chain:
		if v, done := m.link(u); done {
			return v
		}
	}
	m.Book.Apply(u)
	m.truncate(u)
	m.last, m.lastAt = u.Last, u.At
	return m.check(u)
}

// follows tells whether no change of a RESTRange book can lie between last and u: by
// the predecessor that u names, else by its first number.
func follows(u *market.BookUpdate, last uint64) bool {
	if u.Prev != market.NoPrev {
		return u.Prev <= int64(last)
	}
	return u.First <= last+1
}

// truncate drops what the venue does not keep: it sends no removal for those levels.
func (m *Machine) truncate(u *market.BookUpdate) {
	depth := m.rule.Depth
	if u.Depth > 0 {
		depth = u.Depth
	}
	if depth > 0 {
		m.Book.Truncate(depth)
	}
}

// link checks that u follows the last change of a Chain.
func (m *Machine) link(u *market.BookUpdate) (Verdict, bool) {
	if u.Prev != market.NoPrev {
		if u.Prev != int64(m.last) {
			return m.lose(Loss{market.SequenceGap, -1, fmt.Sprintf("expected a change after %d, got one after %d", m.last, u.Prev)}), true
		}
		if len(u.Bids)+len(u.Asks) == 0 && u.Prev == int64(u.Last) {
			return Ignore, true // an empty heartbeat
		}
		return Publish, false
	}
	if u.Last == 0 && u.First == 0 {
		return Publish, false // an older protocol without numbers: its checksum decides
	}
	if u.Last <= m.last {
		return Ignore, true // repeated by the venue
	}
	first := u.First
	if first == 0 {
		first = u.Last
	}
	m.overlaps = m.overlaps || first == m.last
	want, missing := m.last+1, int64(-1)
	if m.overlaps {
		want = m.last
	} else if first > want {
		missing = int64(min(first-want, math.MaxInt64))
	}
	if first > want {
		return m.lose(Loss{market.SequenceGap, missing, fmt.Sprintf("expected change %d, got %d", want, first)}), true
	}
	return Publish, false
}

// check is the last judgement on a book that was changed: checksum, then crossing.
func (m *Machine) check(u *market.BookUpdate) Verdict {
	if u.HasSum && m.rule.Checksum != nil {
		var ok bool
		if m.text, ok = m.rule.Checksum(m.text[:0], &m.Book, m.in); ok {
			sum := crc32.ChecksumIEEE(m.text)
			m.Sums++
			if sum != u.Checksum {
				m.BadSums++
				return m.lose(Loss{market.BadChecksum, -1, fmt.Sprintf("our checksum %d, theirs %d", sum, u.Checksum)})
			}
		}
	}
	if m.Book.Crossed() {
		// Whatever the numbering says, nobody can trade on it: begin anew.
		m.Crossings++
		return m.lose(Loss{market.CrossedBook, -1, "best bid at or above best ask"})
	}
	if u.HasSum && !u.Snapshot && len(u.Bids)+len(u.Asks) == 0 {
		return Ignore // a checksum sent alone: it agrees, and readers have nothing to change
	}
	return Publish
}
