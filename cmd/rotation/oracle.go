package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// How late a server may be, in true time, beyond what was promised.
const (
	clockBound = 250 * time.Millisecond // of a date: servers judge it by clocks that are wrong
	lease      = 10 * time.Second       // of a change without a receipt: by then a server has heard of it or decides nothing
)

// life is when a key may be accepted, in ns of the true clock, as it follows from what
// was asked for and when that was answered.
type life struct {
	from int64
	end  int64 // 0: not known to end
	why  string
}

// ledger is what the controller asked for and was told. The oracle goes by it alone.
type ledger struct {
	mu   sync.Mutex
	keys map[string]*life
	out  io.Writer // each entry, for people
}

func (l *ledger) note(at int64, kid, what string) {
	if l.out != nil {
		fmt.Fprintf(l.out, "{\"t\":%d,\"kid\":%q,\"what\":%q}\n", at, kid, what)
	}
}

// made notes a key; from is from before it was asked for.
func (l *ledger) made(kid string, from int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.keys == nil {
		l.keys = map[string]*life{}
	}
	l.keys[kid] = &life{from: from}
	l.note(from, kid, "made")
}

// ends notes that a key is not to be accepted from a time on. The earliest end counts: no
// promise is taken back but by reopened.
func (l *ledger) ends(kid string, at int64, why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if k := l.keys[kid]; k != nil && (k.end == 0 || at < k.end) {
		k.end, k.why = at, why
		l.note(at, kid, "ends: "+why)
	}
}

// reopened notes that a rotation away from a key was asked to be given up before its date.
func (l *ledger) reopened(kid string, at int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if k := l.keys[kid]; k != nil {
		k.end, k.why = 0, ""
		l.note(at, kid, "reopened")
	}
}

// forced notes, for people, that a ring was rotated again while a key of it still had a
// date to come. That moves no date back.
func (l *ledger) forced(kid string, at int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if k := l.keys[kid]; k != nil && k.end != 0 {
		k.why += ", given before another rotation of its ring"
		l.note(at, kid, "another rotation")
	}
}

// event is an acceptance that a server wrote down.
type event struct {
	T    int64  `json:"t"`
	Node string `json:"node"`
	Kid  string `json:"kid"`
	Ring string `json:"ring"`
	Way  string `json:"way"`
}

// judge tells why an acceptance was wrong; "" is right.
func (l *ledger) judge(e *event) string {
	k := l.keys[e.Kid]
	switch {
	case k == nil:
		return "nobody was given this key"
	case e.T < k.from:
		return fmt.Sprintf("accepted %v before it was asked for", time.Duration(k.from-e.T))
	case k.end != 0 && e.T > k.end:
		return fmt.Sprintf("accepted %v after its end: %s", time.Duration(e.T-k.end), k.why)
	}
	return ""
}

// examine holds every acceptance in the files against the ledger. A last line may be cut
// short where a server was killed, and the next then begins on it.
func (l *ledger) examine(files []string, reasons io.Writer) (accepted, outside int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return accepted, outside, err
		}
		s := bufio.NewScanner(f)
		for s.Scan() {
			line := s.Bytes()
			if i := bytes.LastIndexByte(line, '{'); i > 0 {
				line = line[i:]
			}
			var e event
			if json.Unmarshal(line, &e) != nil {
				continue
			}
			accepted++
			if why := l.judge(&e); why != "" {
				outside++
				fmt.Fprintf(reasons, "accepted outside: node %s key %s ring %s by %s at %.3fs: %s\n", e.Node, e.Kid, e.Ring, e.Way, float64(e.T)/1e9, why)
			}
		}
		if err := s.Err(); err != nil {
			return accepted, outside, err
		}
		if err := f.Close(); err != nil {
			return accepted, outside, err
		}
	}
	return accepted, outside, nil
}
