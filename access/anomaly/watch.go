package anomaly

import (
	"cmp"
	"net/netip"
	"time"
)

// Watch is the machine. It is for one goroutine.
type Watch struct {
	o        Options
	keys     *lru[string, state]
	prefixes *lru[netip.Prefix, guesser]
	rings    *lru[string, ring]
	gone     *lru[string, incident] // refused keys, apart from those in use
	forest   *forest
	mean     float64 // of the oddness the forest finds
	spread   float64
	judged   int
	all      guesser // every prefix together
	minutes  []*state
	hours    []*state
	rolls    []*ring // roll-overs under way, in the order they were told
	out      []Alert
	point    [features]float32
}

// New makes a Watch that knows nobody yet.
func New(o Options) *Watch {
	o = o.withDefaults()
	return &Watch{
		o:        o,
		keys:     newLRU[string, state](o.Keys),
		prefixes: newLRU[netip.Prefix, guesser](o.Prefixes),
		rings:    newLRU[string, ring](o.Rings),
		gone:     newLRU[string, incident](o.Keys),
		forest:   newForest(o.Seed, features, o.Depth, o.Window),
	}
}

// Observe takes one authenticated request and gives what it makes certain or likely.
// Events of a key should come in order; one that is late counts as of now.
func (w *Watch) Observe(u Use) []Alert {
	s, fresh := w.keys.at(u.Key)
	sec := u.At.Unix()
	if fresh {
		s.key, s.first = u.Key, sec
		s.minute, s.hour = int32(sec/60), int32(sec/3600)
	}
	s.ring = u.Ring
	if m := int32(sec / 60); m > s.minute {
		w.closeMinute(s)
		if h := m / 60; h > s.hour {
			w.closeHour(s)
			s.hour = h
		}
		s.minute = m
	}
	if s.n == 0 {
		w.minutes = append(w.minutes, s)
	}
	if s.hourN == 0 {
		w.hours = append(w.hours, s)
	}
	s.count(w.o.Seed, &u, sec)
	w.place(s, &u)
	if u.Denied != "" {
		w.probe(s, &u)
	}
	w.progress(s, &u)
	s.last = sec
	return w.take()
}

// Tick says what time it is and closes the minutes and hours that are over. Call it
// about once a minute.
func (w *Watch) Tick(now time.Time) []Alert {
	m := int32(now.Unix() / 60)
	keep := w.minutes[:0]
	for _, s := range w.minutes {
		if s.minute < m {
			w.closeMinute(s)
		} else if s.n > 0 {
			keep = append(keep, s)
		}
	}
	clear(w.minutes[len(keep):])
	w.minutes = keep
	hours := w.hours[:0]
	for _, s := range w.hours {
		if s.hour < m/60 {
			w.closeHour(s)
		} else if s.hourN > 0 {
			hours = append(hours, s)
		}
	}
	clear(w.hours[len(hours):])
	w.hours = hours
	w.stalls(now)
	return w.take()
}

func (w *Watch) take() []Alert {
	out := w.out
	w.out = nil
	return out
}

// raise puts out an alert unless its incident is known.
func (w *Watch) raise(i *incident, a Alert) {
	if i.known(a.At, a.Severity, w.o.Cooldown) {
		return
	}
	a.Worse = i.open(a.At, a.Severity, w.o.Cooldown)
	if a.Proposed == Suspend && (w.o.Trading == nil || !w.o.Trading(a.Key)) {
		a.Proposed = Pin
	}
	if a.Subject == "" {
		a.Subject = cmp.Or(a.Key, a.Ring)
	}
	if len(a.Evidence) > 8 {
		a.Evidence = a.Evidence[:8]
	}
	w.out = append(w.out, a)
}
