package gate

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"math"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/rotation"
)

// use is what a node knows of a key's traffic, from its first use on. A use that looks
// like one before costs a short search and two atomic additions; nothing waits. What
// most requests need stands together at the beginning, and most keys are used in one
// way and by one caller: so a request waits for memory once.
type use struct {
	last   atomic.Int64 // ns of the last use
	listed atomic.Bool  // among those that flush is to write
	wished atomic.Int64 // Gate.mono when the granter was last asked for something
	print               // the first way
	more   atomic.Pointer[[]*print]
	holder                        // the first
	later  atomic.Pointer[holder] // made when the ring had changed

	id   kid
	next *use       // in the list for flush
	mu   sync.Mutex // held while a print is added
}

// uses is a list of keys that were used since it was last taken: each at most once, so
// that it needs no room of its own.
type uses struct{ head atomic.Pointer[use] }

// add lists a key. Nothing waits: two that come at once try again.
func (l *uses) add(u *use) {
	if u.listed.Load() || !u.listed.CompareAndSwap(false, true) {
		return
	}
	for {
		u.next = l.head.Load()
		if l.head.CompareAndSwap(u.next, u) {
			return
		}
	}
}

// take gives the keys listed and empties the list. A use that comes while it is taken
// is seen by whoever took it or lists its key again.
func (l *uses) take() (out []*use) {
	for u := l.head.Swap(nil); u != nil; {
		next := u.next
		u.next = nil
		u.listed.Store(false)
		out = append(out, u)
		u = next
	}
	return out
}

// print is one way in which a key is used: from a network, by a client, for a part of
// the API.
type print struct {
	way             uint64 // hash of what follows; two ways with one hash are counted as one
	last, count     atomic.Int64
	refused         atomic.Int64 // refusals since the key was suspended
	first           int64
	prefix          netip.Prefix
	agent, endpoint string
}

// set says what way it is, before anybody else sees the print.
func (x *print) set(way uint64, p netip.Prefix, agent, endpoint string, now int64) {
	x.way, x.first, x.prefix, x.agent, x.endpoint = way, now, p, strings.Clone(agent), strings.Clone(endpoint)
}

// maxPrints bounds the ways remembered of a key on one node; what comes beyond them is
// counted as one more, "others".
const maxPrints = 64

// note counts a use of a key, or a refusal of somebody who holds the secret.
func (g *Gate) note(e *entry, p netip.Prefix, agent, path string, now int64, refused bool) {
	agent, endpoint := family(agent), class(path)
	way := wayOf(p, agent, endpoint)
	u := e.used.Load()
	if u == nil {
		u = &use{id: e.id}
		u.set(way, p, agent, endpoint, now)
		e.hold(&u.holder)
		if !e.used.CompareAndSwap(nil, u) {
			u = e.used.Load()
		}
	}
	x := u.find(way)
	if x == nil {
		x = u.add(way, p, agent, endpoint, now)
	}
	if refused {
		x.refused.Add(1)
		if !e.named().Terminal() { // what is refused of an ended key tells nobody anything
			g.uses.add(u)
		}
		return
	}
	x.count.Add(1)
	if now-x.last.Load() > int64(100*time.Millisecond) {
		x.last.Store(now)
	}
	if now-u.last.Load() > int64(100*time.Millisecond) { // exact enough, and spares the cache line
		u.last.Store(now)
	}
	g.uses.add(u)
}

func (u *use) find(way uint64) *print {
	if u.way == way {
		return &u.print
	}
	if list := u.more.Load(); list != nil {
		for _, x := range *list {
			if x.way == way {
				return x
			}
		}
	}
	return nil
}

func (u *use) add(way uint64, p netip.Prefix, agent, endpoint string, now int64) *print {
	u.mu.Lock()
	defer u.mu.Unlock()
	if x := u.find(way); x != nil {
		return x
	}
	var list []*print
	if old := u.more.Load(); old != nil {
		list = *old
	}
	if len(list) >= maxPrints-1 {
		way, p, agent, endpoint = 0, netip.Prefix{}, "others", ""
		if x := u.find(way); x != nil {
			return x
		}
	}
	x := new(print)
	x.set(way, p, agent, endpoint, now)
	list = append(list, x) // nobody reads behind the length that he loaded
	u.more.Store(&list)
	return x
}

// wayOf is FNV-1a over what makes a way.
func wayOf(p netip.Prefix, agent, endpoint string) uint64 {
	const prime = 1099511628211
	h := uint64(14695981039346656037)
	for _, s := range [...]string{agent, endpoint} {
		for i := range len(s) {
			h = (h ^ uint64(s[i])) * prime
		}
		h = (h ^ 0xff) * prime
	}
	a := p.Addr().As16()
	h = (h ^ binary.BigEndian.Uint64(a[:8])) * prime
	h = (h ^ binary.BigEndian.Uint64(a[8:])) * prime
	return max(h^h>>29, 1) // 0 is the others
}

// family is the name and version that a client states first: "ccxt/4.4.1".
func family(agent string) string {
	if i := strings.IndexByte(agent, ' '); i >= 0 {
		agent = agent[:i]
	}
	return clip(agent)
}

// class is the part of the API that a path belongs to: "/v1/candles".
func class(path string) string {
	n := 0
	for i := range len(path) {
		if path[i] == '/' {
			if n++; n == 3 {
				return clip(path[:i])
			}
		}
	}
	return clip(path)
}

func clip(s string) string {
	if len(s) > 40 {
		return s[:40]
	}
	return s
}

// Print is one way in which a key is used.
type Print struct {
	Network  string    `json:"network"` // /24 or /48
	Agent    string    `json:"agent"`
	Endpoint string    `json:"endpoint"`
	First    time.Time `json:"first"`
	Last     time.Time `json:"last"`
	Count    int64     `json:"count"`
	Refused  int64     `json:"refused,omitempty"`
}

func (p *Print) same(q *Print) bool {
	return p.Network == q.Network && p.Agent == q.Agent && p.Endpoint == q.Endpoint
}

// usage is what nodes tell each other of a ring's traffic, through the store.
type usage struct {
	Last   map[string]time.Time `json:"last"` // by key id
	Prints map[string][]Print   `json:"prints,omitempty"`
}

func (u *use) tell() (out []Print) {
	list := []*print{&u.print}
	if more := u.more.Load(); more != nil {
		list = append(list, *more...)
	}
	for _, x := range list {
		p := Print{Agent: x.agent, Endpoint: x.endpoint, First: time.Unix(0, x.first).UTC(), Last: time.Unix(0, x.last.Load()).UTC(), Count: x.count.Load(), Refused: x.refused.Load()}
		if x.prefix.IsValid() {
			p.Network = x.prefix.String()
		}
		out = append(out, p)
	}
	return out
}

// merge adds what another node saw.
func (u *usage) merge(v usage) {
	if u.Last == nil {
		u.Last, u.Prints = map[string]time.Time{}, map[string][]Print{}
	}
	for k, t := range v.Last {
		if t.After(u.Last[k]) {
			u.Last[k] = t
		}
	}
	for k, ps := range v.Prints {
		for _, p := range ps {
			i := slices.IndexFunc(u.Prints[k], func(q Print) bool { return q.same(&p) })
			if i < 0 {
				u.Prints[k] = append(u.Prints[k], p)
				continue
			}
			q := &u.Prints[k][i]
			q.Count, q.Refused = q.Count+p.Count, q.Refused+p.Refused
			if p.First.Before(q.First) {
				q.First = p.First
			}
			if p.Last.After(q.Last) {
				q.Last = p.Last
			}
		}
	}
}

func (u *usage) json() []byte {
	b, _ := json.Marshal(u)
	return b
}

// Straggler is somebody who still uses an old key of a ring.
type Straggler struct {
	Print
	Key       string  // the old key
	PerMinute float64 // about: uses a minute since first seen
	Mixed     bool    // the same network and client are seen with the new key too
}

// Migration is how far the traffic of a ring has moved.
type Migration struct {
	Ring       string
	Phase      access.Phase
	From, To   int
	RetireAt   time.Time
	Moved      int // ways of use seen with the new key, of those known of the old one
	Known      int
	Forecast   time.Time // when the last will have moved, going on as now; zero: unknown
	Quiet      bool
	Stragglers []Straggler
}

// How far back a use counts, and for how long a caller may use both keys before that
// is called mixed.
const (
	lookBack = 14 * 24 * time.Hour
	mixing   = time.Minute
)

// migration judges the traffic of a ring under rotation.
func migration(r *access.Ring, u *usage, now time.Time) Migration {
	x := r.Rotation
	if x == nil {
		return Migration{Ring: r.ID}
	}
	m := Migration{Ring: r.ID, Phase: x.Phase, From: x.From, To: x.To, RetireAt: x.RetireAt, Quiet: true}
	var fresh []Print
	for i := range r.Keys {
		if r.Keys[i].N >= x.To {
			fresh = append(fresh, u.Prints[r.Keys[i].ID]...)
		}
	}
	var moved []time.Time
	for i := range r.Keys {
		k := &r.Keys[i]
		if k.N >= x.To || k.State.Terminal() {
			continue
		}
		quiet := time.Hour
		if r.Rehearsal {
			quiet = time.Minute
		}
		if now.Sub(u.Last[k.ID]) < quiet {
			m.Quiet = false
		}
		for _, p := range u.Prints[k.ID] {
			if now.Sub(p.Last) > lookBack || p.Count == 0 {
				continue
			}
			m.Known++
			s := Straggler{Print: p, Key: k.ID, PerMinute: float64(p.Count) / max(p.Last.Sub(p.First).Minutes(), 1)}
			if p.Count > 1 && now.Sub(p.Last) < 3*p.Last.Sub(p.First)/time.Duration(p.Count-1) {
				m.Quiet = false // within three times its usual pause
			}
			i := slices.IndexFunc(fresh, func(q Print) bool { return q.same(&p) && q.Count > 0 })
			if i >= 0 {
				if moved = append(moved, fresh[i].First); p.Last.Sub(fresh[i].First) <= mixing {
					m.Moved++
					continue
				}
				s.Mixed = true
			}
			m.Stragglers = append(m.Stragglers, s)
		}
	}
	slices.SortFunc(m.Stragglers, func(a, b Straggler) int { return cmp.Compare(b.PerMinute, a.PerMinute) })
	m.Forecast = forecast(moved, m.Known, x.Started, now)
	return m
}

// forecast fits a logistic curve to the share of callers that have moved, by least
// squares on its log-odds, and tells when all but half a caller will have.
func forecast(moved []time.Time, known int, from, now time.Time) time.Time {
	if known == 0 || len(moved) >= known || len(moved) < 3 {
		return time.Time{}
	}
	slices.SortFunc(moved, time.Time.Compare)
	var sx, sy, sxx, sxy, n float64
	for i, t := range moved {
		share := (float64(i) + 0.5) / float64(known)
		x, y := t.Sub(from).Seconds(), math.Log(share/(1-share))
		sx, sy, sxx, sxy, n = sx+x, sy+y, sxx+x*x, sxy+x*y, n+1
	}
	slope := (n*sxy - sx*sy) / (n*sxx - sx*sx)
	if !(slope > 0) || math.IsInf(slope, 0) {
		return time.Time{}
	}
	end := (float64(known) - 0.5) / float64(known)
	at := (math.Log(end/(1-end)) - (sy-slope*sx)/n) / slope
	if at > (365 * 24 * time.Hour).Seconds() {
		return time.Time{}
	}
	t := from.Add(time.Duration(at * float64(time.Second)))
	if t.Before(now) {
		return now
	}
	return t
}

// evidence is a migration as the rules want it.
func (m *Migration) evidence(u *usage) rotation.Evidence {
	e := rotation.Evidence{Known: m.Known > 0, Stragglers: len(m.Stragglers), Quiet: m.Quiet, Forecast: m.Forecast, Refused: map[string]int{}}
	for k, ps := range u.Prints {
		for _, p := range ps {
			if p.Count > 0 {
				e.Refused[k] += int(min(p.Refused, 1<<20))
			}
		}
	}
	return e
}
