package emulator

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// Entry is one thing a venue did to a client that was not plain service.
type Entry struct {
	At      time.Time
	What    string // a FaultKind, or "closed", "handshake refused", "refused" (a proof), "limit", "ban", "after limit", "slow client cut"
	Conn    string // "c1" …; empty for HTTP
	Channel string // the venue's channel, or the HTTP path
	Symbol  string
	Seq     uint64 // the venue's number of the message hit, where it has one
	Detail  string
	// Undetectable says that nothing on the venue's wire can reveal this fault: a
	// client that misses it is not to blame.
	Undetectable bool
}

// String is the entry as one line, the same for the same seed.
func (e Entry) String() string {
	s := fmt.Sprintf("%s %s conn=%s channel=%s symbol=%s seq=%d %s", e.At.UTC().Format("15:04:05.000000"), e.What, e.Conn, e.Channel, e.Symbol, e.Seq, e.Detail)
	if e.Undetectable {
		s += " (undetectable)"
	}
	return strings.TrimSpace(s)
}

// Journal is what happened to clients, in order. Safe for any goroutine.
type Journal struct {
	mu      sync.Mutex
	entries []Entry
	tell    func(Entry)
}

func (j *Journal) note(e Entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries = append(j.entries, e)
	if j.tell != nil {
		j.tell(e)
	}
}

// Entries gives a copy, oldest first.
func (j *Journal) Entries() []Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]Entry(nil), j.entries...)
}

// Count says how often something happened.
func (j *Journal) Count(what string) int {
	n := 0
	for _, e := range j.Entries() {
		if e.What == what {
			n++
		}
	}
	return n
}

// String is all entries, one a line.
func (j *Journal) String() string {
	var b strings.Builder
	for _, e := range j.Entries() {
		fmt.Fprintln(&b, e)
	}
	return b.String()
}
