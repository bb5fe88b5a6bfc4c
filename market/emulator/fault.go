package emulator

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// injector is a fault plan at work on one venue. The venue's lock guards it.
type injector struct {
	v     *Venue
	rng   *rand.Rand
	works []*work
}

// work is one fault of the plan and how far it has come.
type work struct {
	Fault
	seen, done int
}

func newInjector(v *Venue, p *FaultPlan) *injector {
	in := &injector{v: v}
	if p == nil {
		p = &FaultPlan{}
	}
	in.rng = rand.New(rand.NewPCG(p.Seed, label(string(v.id))))
	for _, f := range p.Faults {
		if f.Venue == "" || f.Venue == v.id {
			in.works = append(in.works, newWork(f))
		}
	}
	return in
}

func newWork(f Fault) *work {
	if f.Count == 0 && f.Rate == 0 {
		f.Count = 1
	}
	if f.Len == 0 {
		f.Len = 3
	}
	return &work{Fault: f}
}

// Inject adds a fault to those the venue was made with. After counts from now.
func (v *Venue) Inject(f Fault) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if f.After > 0 {
		f.After += Duration(time.Since(v.start))
	}
	v.faults.works = append(v.faults.works, newWork(f))
}

// places a kind hits when the plan does not say.
func (k FaultKind) places() []string {
	switch k {
	case BadChecksum, Crossed, Ghost, SequenceReset:
		return []string{"book"}
	case NoAck, Refuse:
		return []string{"subscribe"}
	case HalfOpen, Close, Shutdown, NewType:
		return []string{"book", "trades", "quotes", "candles", "heartbeat"}
	case NewEnum:
		return []string{"trades"}
	case OldSnapshot, TooMany, Banned, Page, Truncated, Empty:
		return []string{"rest"}
	}
	return []string{"book", "trades", "quotes", "candles"}
}

// hits decides whether the fault strikes at a place now; it counts the place.
func (in *injector) hits(w *work, place, channel, symbol, conn string, now time.Time) bool {
	if w.Count > 0 && w.done >= w.Count || now.Before(in.v.start.Add(time.Duration(w.After))) {
		return false
	}
	if w.Place != "" && w.Place != place || w.Place == "" && !slices.Contains(w.Kind.places(), place) {
		return false
	}
	if !strings.HasPrefix(channel, w.Channel) || w.Symbol != "" && w.Symbol != symbol || w.Conn != "" && w.Conn != conn {
		return false
	}
	if w.Path != "" && (place != "rest" || !strings.Contains(channel, w.Path)) {
		return false
	}
	if w.Rate > 0 {
		if in.rng.Float64() >= w.Rate {
			return false
		}
	} else if w.seen++; w.seen <= w.Skip {
		return false
	}
	w.done++
	return true
}

// fate is what becomes of a message.
type fate struct {
	silent bool // not even numbered: the venue did not send it
	drop   bool
	twice  bool
	hold   bool
	delay  time.Duration
	d      *delta // write this instead
	more   [][]byte
	dead   bool
	code   websocket.StatusCode
	why    string
}

// judge lets the plan act on a message to one connection.
func (in *injector) judge(c *conn, m *message, now time.Time) (f fate) {
	if key := m.topic + "|" + m.symbol; c.lose[key] > 0 {
		c.lose[key]--
		f.drop = true
		in.note(Gap, c, m, now, "goes on", m.place == "book" && in.blind())
	}
	for _, w := range in.works {
		if !in.applies(w, m) || !in.hits(w, m.place, m.topic, m.symbol, c.id, now) {
			continue
		}
		detail, blind := "", false
		switch w.Kind {
		case Drop:
			f.drop, blind = true, m.place == "book" && in.blind()
		case Gap:
			f.drop, blind = true, m.place == "book" && in.blind()
			c.lose[m.topic+"|"+m.symbol] = w.Len - 1
			detail = fmt.Sprintf("%d messages", w.Len)
		case Duplicate:
			f.twice = true
		case Reorder:
			f.hold, blind = true, m.place == "book" && in.blind()
		case Delay:
			f.delay = time.Duration(w.For)
			detail = f.delay.String()
		case Stall:
			in.stall(c, w, m, now)
			f.silent = true
			detail = time.Duration(w.For).String()
		case NewEnum, NewType:
			f.more = append(f.more, in.v.proto.strange(w.Kind == NewEnum))
		case BadChecksum, Crossed, Ghost:
			f.d = in.bend(w.Kind, m, f.d)
			blind = w.Kind == Ghost && !in.v.rules.checksum
		case HalfOpen:
			f.dead = true
		case Close:
			f.code, f.why = websocket.StatusCode(w.Code), "closed by the venue"
			if w.Code == 0 {
				f.code = 1006
			}
			detail = fmt.Sprint(int(f.code))
		case Shutdown:
			in.v.at(now, func(time.Time) { in.v.leaveSoon(c) })
		default:
			continue
		}
		in.note(w.Kind, c, m, now, detail, blind)
	}
	return f
}

// applies tells whether a kind means something for this message at this venue.
func (in *injector) applies(w *work, m *message) bool {
	switch w.Kind {
	case BadChecksum:
		return m.d != nil && in.v.rules.checksum
	case Crossed:
		return m.d != nil && !m.d.snapshot && len(m.d.book.asks) > 0
	case Ghost:
		return m.d != nil && !m.d.snapshot && in.deletion(m.d) >= 0
	case SequenceReset, OldSnapshot, NoAck, Refuse, TooMany, Banned, Page, Truncated, Empty:
		return false
	}
	return true
}

// blind tells that losing a book message does not show in the venue's numbering.
func (in *injector) blind() bool { return !in.v.rules.sequenced && !in.v.rules.checksum }

// deletion finds the deleted bid nearest to the touch that a checksum would cover.
func (in *injector) deletion(d *delta) int {
	for i, r := range d.bids {
		if r.qty != 0 {
			continue
		}
		rank, _ := place(d.book.bids, r.px, false)
		if !in.v.rules.checksum || rank < 8 {
			return i
		}
	}
	return -1
}

// bend makes a book message lie.
func (in *injector) bend(k FaultKind, m *message, d *delta) *delta {
	if d == nil {
		c := *m.d
		d = &c
	}
	switch k {
	case BadChecksum:
		d.spoil = true
	case Crossed:
		top := m.d.book.asks[min(2, len(m.d.book.asks)-1)]
		d.bids = append([]rung{{top.px, top.qty}}, d.bids...)
	case Ghost:
		if i := in.deletion(d); i >= 0 {
			d.bids = slices.Delete(slices.Clone(d.bids), i, i+1)
		}
	}
	return d
}

// stall mutes the places the fault names on a connection.
func (in *injector) stall(c *conn, w *work, m *message, now time.Time) {
	until := time.Time{}
	if w.For > 0 {
		until = now.Add(time.Duration(w.For))
	}
	switch {
	case w.Symbol != "":
		c.mute[m.place+"|"+m.symbol] = until
		return
	case w.Place != "" || w.Channel != "":
		c.mute[m.place] = until
		return
	}
	for _, p := range w.Kind.places() {
		c.mute[p] = until
	}
}

func (in *injector) note(k FaultKind, c *conn, m *message, now time.Time, detail string, blind bool) {
	in.v.journal.note(Entry{At: now, What: string(k), Conn: c.id, Channel: m.topic, Symbol: m.symbol, Seq: m.seq, Detail: detail, Undetectable: blind})
}

// subscription lets the plan act on a client's wish: kind is NoAck, Refuse or "".
func (in *injector) subscription(c *conn, channel, symbol string) FaultKind {
	now := time.Now()
	for _, w := range in.works {
		if (w.Kind == NoAck || w.Kind == Refuse) && in.hits(w, "subscribe", channel, symbol, c.id, now) {
			in.v.journal.note(Entry{At: now, What: string(w.Kind), Conn: c.id, Channel: channel, Symbol: symbol})
			return w.Kind
		}
	}
	return ""
}

// topic tells whether a fault strikes a whole topic now.
func (in *injector) topic(k FaultKind, t *topic) bool {
	for _, w := range in.works {
		if w.Kind == k && in.hits(w, t.place, t.name, t.p.symbol, "", t.last) {
			in.v.journal.note(Entry{At: t.last, What: string(k), Channel: t.name, Symbol: t.p.symbol, Seq: t.seq})
			return true
		}
	}
	return false
}
