package emulator

import (
	"time"
)

// window is a limit on requests: at most max weight in each period counted from the
// epoch. key "" is for all requests of a client, others for requests so marked.
type window struct {
	key string
	per time.Duration
	max int
}

// refusal says why a request is not served.
type refusal struct {
	banned bool
	retry  time.Duration // until it may be tried again
	until  time.Time
	forced bool // by the fault plan
}

// meter counts the weight each client address used.
type meter struct {
	used    map[string]int
	epoch   map[string]int64
	penalty map[string]time.Time // per address: no requests before
	banned  map[string]bool
	strikes map[string]int // bans so far
	nagging map[string]int // requests during the present penalty
	after   int
}

func newMeter() meter {
	return meter{used: map[string]int{}, epoch: map[string]int64{}, penalty: map[string]time.Time{}, banned: map[string]bool{}, strikes: map[string]int{}, nagging: map[string]int{}}
}

// spend counts weight in a window and gives the sum and the window's rest.
func (m *meter) spend(address string, w window, key string, weight int, now time.Time) (used int, rest time.Duration) {
	id := address + "|" + w.key + key + "|" + w.per.String()
	e := now.UnixNano() / int64(w.per)
	if m.epoch[id] != e {
		m.epoch[id], m.used[id] = e, 0
	}
	m.used[id] += weight
	return m.used[id], time.Unix(0, (e+1)*int64(w.per)).Sub(now)
}

// punish refuses an address for a while.
func (m *meter) punish(address string, until time.Time, ban bool) {
	m.penalty[address], m.banned[address], m.nagging[address] = until, ban, 0
}

// admit counts a request and says whether the client is over a limit. bans says that
// the venue bans those who keep asking.
func (v *Venue) admit(q *query, bans bool) (refusal, bool) {
	m := &v.meter
	now, a := q.now, q.address
	if until := m.penalty[a]; now.Before(until) {
		m.after++
		m.nagging[a]++
		v.journal.note(Entry{At: now, What: "after limit", Channel: q.path})
		if bans && !m.banned[a] && m.nagging[a] > 3 || bans && m.banned[a] && m.nagging[a] > 10 {
			m.strikes[a]++
			until = now.Add(min(2*time.Minute<<min(m.strikes[a]-1, 12), 72*time.Hour))
			m.punish(a, until, true)
			v.journal.note(Entry{At: now, What: "ban", Detail: until.Sub(now).String()})
		}
		return refusal{banned: m.banned[a], retry: until.Sub(now), until: until}, false
	}
	key, n := v.proto.cost(q)
	for _, w := range v.rules.windows {
		if w.key != "" && w.key != key {
			continue
		}
		k := ""
		if w.key != "" {
			k = q.path
		}
		used, rest := m.spend(a, w, k, n, now)
		q.used, q.left = used, w.max-used
		if used > w.max && !v.opt.Unlimited {
			rest = max(rest, v.rules.penalty)
			m.punish(a, now.Add(rest), false)
			v.journal.note(Entry{At: now, What: "limit", Channel: q.path})
			return refusal{retry: rest, until: now.Add(rest)}, false
		}
	}
	return refusal{}, true
}

// AfterLimit counts the requests that came after a 429 (or its like) before the wait
// it told was over. A polite client leaves it at 0.
func (v *Venue) AfterLimit() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.meter.after
}
