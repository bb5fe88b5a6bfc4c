// Package drift notices when an exchange changes what it sends.
//
// About one exchange in sixteen breaks its protocol each month, mostly without
// telling. A Watch learns the members of the JSON messages of one stream or interface
// while they are new, and afterwards says which appeared, which vanished, and what the
// decoders could not make sense of, each with a count and a sample. It looks at a part
// of the messages only, so it costs little. What it learned can be kept as text and
// given back after a restart. Pure: times come as arguments. The feed owns one Watch
// per venue and kind of connection; the API and `assay doctor` show Findings.
package drift

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/assayhq/assay/internal/scan"
	"github.com/assayhq/assay/market"
)

// The limits of a Watch.
const (
	// Learning is how many messages are looked at before a new member is news.
	Learning = 2000
	// Part is how many messages pass by for each one that is looked at, once it has learned.
	Part       = 61
	maxPaths   = 4000
	maxDepth   = 8
	maxSamples = 200 // bytes of a sample
	maxOdd     = 100 // kinds of oddity remembered
	// gone is how many looks at messages of a kind a member that was in nearly all of
	// them must be missing from to count as vanished.
	gone = 200
)

// member is one path that messages have.
type member struct {
	Seen  int64     `json:"seen"`
	Of    int64     `json:"of"` // messages whose parent object was there since it was first seen
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	news  bool
	times int64
	where string
	miss  int64 // parents in a row without it
	mark  int64 // number of the message in which it was seen last
}

// Watch knows the messages of one kind of connection. Not safe for concurrent use.
type Watch struct {
	members map[string]*member
	under   map[string][]string // members of each object, by path
	looked  int64
	passed  int64
	odd     map[string]*market.Finding
	path    []byte
}

// New makes a Watch that has learned nothing.
func New() *Watch {
	return &Watch{members: map[string]*member{}, under: map[string][]string{}, odd: map[string]*market.Finding{}}
}

// Look takes a message of a stream. Most are passed over; what is no JSON is, too.
// Messages of different kinds have different members: the kind is part of the path.
func (w *Watch) Look(frame []byte, at time.Time) { w.look("", frame, at) }

// Answer takes an answer of REST to the request of that path.
func (w *Watch) Answer(path string, body []byte, at time.Time) {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	for i, p := range parts {
		if !name([]byte(strings.ReplaceAll(p, "-", "_"))) {
			parts[i] = "*"
		}
	}
	w.look("/"+strings.Join(parts, "/"), body, at)
}

func (w *Watch) look(kind string, frame []byte, at time.Time) {
	if w.looked >= Learning {
		if w.passed++; w.passed%Part != 0 {
			return
		}
	}
	if len(frame) == 0 || frame[0] != '{' && frame[0] != '[' {
		return
	}
	w.looked++
	c := scan.New(frame)
	w.path = w.path[:0]
	if w.path = append(w.path, kind...); kind == "" {
		w.path = append(w.path, kindOf(frame)...)
	}
	w.value(&c, at, frame, 0)
}

// kindOf gives what tells messages apart: the value of the first member that says so.
func kindOf(frame []byte) []byte {
	if frame[0] != '{' {
		return nil
	}
	c := scan.New(frame)
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "channel", "e", "type", "op", "event", "method", "action", "subject", "feed", "result":
			if c.Peek() == '"' {
				if s := c.Str(); len(s) < 40 {
					return s
				}
			}
			return nil
		}
		c.Skip()
	}
	return nil
}

func (w *Watch) value(c *scan.Cursor, at time.Time, frame []byte, depth int) {
	switch {
	case depth >= maxDepth:
		c.Skip()
	case c.Peek() == '{':
		w.object(c, at, frame, depth)
	case c.Peek() == '[':
		n := len(w.path)
		w.path = append(w.path, "[]"...)
		i := 0
		for ok := c.Arr(); ok && c.NextItem(); i++ {
			if i < 4 && (c.Peek() == '{' || c.Peek() == '[') {
				w.value(c, at, frame, depth+1)
			} else {
				c.Skip()
			}
		}
		w.path = w.path[:n]
	default:
		c.Skip()
	}
}

func (w *Watch) object(c *scan.Cursor, at time.Time, frame []byte, depth int) {
	here := string(w.path)
	n := len(w.path)
	for ok := c.Obj(); ok && c.NextKey(); {
		w.path = append(w.path[:n], '.')
		if name(c.K) {
			w.path = append(w.path, c.K...)
		} else {
			w.path = append(w.path, '*') // a symbol or an id as a key
		}
		w.see(here, at, frame)
		w.value(c, at, frame, depth+1)
	}
	w.path = w.path[:n]
	for _, p := range w.under[here] {
		m := w.members[p]
		m.Of++
		if m.mark == w.looked {
			m.miss = 0
		} else {
			m.miss++
		}
	}
}

// name tells whether a key is a name the protocol gave, not a symbol or a number.
func name(k []byte) bool {
	if len(k) == 0 || len(k) > 40 {
		return false
	}
	upper, digits := 0, 0
	for _, b := range k {
		switch {
		case b >= 'A' && b <= 'Z':
			upper++
		case b >= '0' && b <= '9':
			digits++
		case b >= 'a' && b <= 'z' || b == '_':
		default:
			return false
		}
	}
	return digits < 3 && (upper < 4 || upper < len(k)) && k[0] != '0' && !(k[0] >= '1' && k[0] <= '9')
}

func (w *Watch) see(parent string, at time.Time, frame []byte) {
	m := w.members[string(w.path)]
	if m == nil {
		if len(w.members) >= maxPaths {
			return
		}
		p := string(w.path)
		m = &member{First: at, news: w.looked > Learning}
		if m.news {
			m.where = clip(frame)
		}
		w.members[p] = m
		w.under[parent] = append(w.under[parent], p)
	}
	if m.mark != w.looked {
		m.Seen++
		m.times++
	}
	m.mark, m.Last = w.looked, at
}

func clip(b []byte) string {
	if len(b) > maxSamples {
		return strings.ToValidUTF8(string(b[:maxSamples]), "") + "…"
	}
	return strings.ToValidUTF8(string(b), "\uFFFD")
}

// Odd takes what a decoder could not make sense of: strange values, and messages it
// could not read at all.
func (w *Watch) Odd(unreadable bool, what string, frame []byte, at time.Time) {
	kind := "strange"
	if unreadable {
		kind = "unreadable"
	}
	what = clip([]byte(what))
	k := kind + " " + what
	f := w.odd[k]
	if f == nil {
		if len(w.odd) >= maxOdd {
			k = kind + " more"
			if f = w.odd[k]; f == nil {
				f = &market.Finding{Kind: kind, What: "and others", First: at}
				w.odd[k] = f
			}
		} else {
			f = &market.Finding{Kind: kind, What: what, First: at}
			w.odd[k] = f
		}
		f.Sample = clip(frame)
	}
	f.Count++
	f.Last = at
}

// Findings lists what is not as it was, the latest first.
func (w *Watch) Findings() []market.Finding {
	var out []market.Finding
	for _, f := range w.odd {
		out = append(out, *f)
	}
	for p, m := range w.members {
		switch {
		case m.news:
			out = append(out, market.Finding{Kind: "new_member", What: p, Sample: m.where, Count: m.Seen, First: m.First, Last: m.Last})
		case m.miss >= gone && m.Seen*20 >= (m.Of-m.miss)*19:
			out = append(out, market.Finding{Kind: "vanished_member", What: p, Count: m.miss, First: m.Last, Last: m.Last})
		}
	}
	slices.SortFunc(out, func(a, b market.Finding) int {
		return cmp.Or(b.Last.Compare(a.Last), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.What, b.What))
	})
	return out
}

// Looked gives how many messages were looked at, and whether it has learned.
func (w *Watch) Looked() (n int64, learned bool) { return w.looked, w.looked >= Learning }

// kept is a Watch as text. News stays news until somebody accepts it.
type kept struct {
	Looked  int64              `json:"looked"`
	Members map[string]*member `json:"members"`
	News    []string           `json:"news,omitempty"`
}

// MarshalJSON writes what was learned.
func (w *Watch) MarshalJSON() ([]byte, error) {
	k := kept{Looked: w.looked, Members: w.members}
	for p, m := range w.members {
		if m.news {
			k.News = append(k.News, p)
		}
	}
	slices.Sort(k.News)
	return json.Marshal(k)
}

// UnmarshalJSON takes back what was learned.
func (w *Watch) UnmarshalJSON(b []byte) error {
	var k kept
	if err := json.Unmarshal(b, &k); err != nil {
		return fmt.Errorf("what was learned of messages cannot be read: %w", err)
	}
	*w = *New()
	w.looked = k.Looked
	for p, m := range k.Members {
		if m == nil || len(w.members) >= maxPaths {
			continue
		}
		m.mark = -1
		w.members[p] = m
		w.under[parentOf(p)] = append(w.under[parentOf(p)], p)
	}
	for _, p := range k.News {
		if m := w.members[p]; m != nil {
			m.news = true
		}
	}
	return nil
}

func parentOf(p string) string {
	i := strings.LastIndexByte(p, '.')
	if i < 0 {
		return ""
	}
	return p[:i]
}

// Accept makes all that is news known: somebody has looked at it.
func (w *Watch) Accept() {
	clear(w.odd)
	for p, m := range w.members {
		m.news, m.where = false, ""
		if m.miss >= gone {
			delete(w.members, p)
			parent := parentOf(p)
			w.under[parent] = slices.DeleteFunc(w.under[parent], func(x string) bool { return x == p })
		}
	}
}
