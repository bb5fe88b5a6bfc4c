package anomaly

import (
	"fmt"
	"math/bits"
	"time"
)

// guesser is who presents keys that do not exist, within ten minutes.
type guesser struct {
	began    int64
	ids      [16]uint64 // bits of hashes, for a count of different ids
	tries    int        // well-formed
	junk     int        // not well-formed
	forged   int
	usual    float64 // different ids in ten minutes, on average; of all prefixes only
	incident incident
}

func (g *guesser) add(r *Refusal, h uint64, sec int64) {
	if sec-g.began > 600 {
		if g.began > 0 {
			g.usual += (g.distinct() - g.usual) / 50
		}
		g.began, g.tries, g.junk, g.forged = sec, 0, 0, 0
		g.ids = [16]uint64{}
	}
	if !r.Checksum {
		g.junk++
		return
	}
	g.tries++
	if r.Why == Forged {
		g.forged++
	}
	g.ids[h>>6&15] |= 1 << (h & 63)
}

// distinct counts bits that are set; collisions make it a little too small, which for
// the tens that matter here does not.
func (g *guesser) distinct() float64 {
	n := 0
	for _, x := range g.ids {
		n += bits.OnesCount64(x)
	}
	return float64(n)
}

// Refuse takes one request that was not authenticated.
func (w *Watch) Refuse(r Refusal) []Alert {
	switch r.Why {
	case Unknown, Forged:
		w.guess(&r)
	case Revoked, Leaked, Canary:
		w.dead(&r)
	case Replayed:
		w.replay(&r)
	case Suspended, Expired:
		w.straggler(&r)
	}
	return w.take()
}

func (w *Watch) guess(r *Refusal) {
	sec, h := r.At.Unix(), hash(w.o.Seed, r.Key)
	g, _ := w.prefixes.at(r.Prefix)
	g.add(r, h, sec)
	limit := float64(w.o.Guesses)
	// A network that is over its own limit is an incident of its own; the many are
	// counted from those that are not.
	if g.distinct() <= limit {
		w.all.add(r, h, sec)
	}
	a := Alert{At: r.At, Class: ClassEnumeration, Severity: High, Score: 1, Proposed: Pin}
	i, why := &g.incident, Reason{"well-formed unknown keys", g.distinct(), limit, "from one network within ten minutes; they carry a checksum, so they are no typing errors"}
	switch all := w.all.distinct(); {
	case g.distinct() > limit:
	case g.forged >= 200:
		a.Severity, a.Proposed = Medium, Notify
		why = Reason{"wrong secrets", float64(g.forged), limit, "for ids that exist, from one network within ten minutes"}
	case all > 5*limit && all > 4*w.all.usual:
		i, a.Subject = &w.all.incident, ManyNetworks
		why = Reason{"well-formed unknown keys", all, w.all.usual, "from many networks within ten minutes: a list is tried from a botnet"}
	case g.junk >= 300:
		a.Severity, a.Proposed, a.Score = Low, Note, 0.5
		why = Reason{"malformed keys", float64(g.junk), limit, "from one network within ten minutes; a scanner or a broken client"}
	default:
		return
	}
	// Evidence is only written when there is news, so that a flood costs no memory. A
	// network of a botnet that is known as one is news only when it does much by itself.
	if i.known(r.At, a.Severity, w.o.Cooldown) ||
		g.distinct() <= 5*limit && w.all.incident.known(r.At, a.Severity, w.o.Cooldown) {
		return
	}
	if a.Subject == "" {
		a.Subject = r.Prefix.String()
	}
	a.Reasons, a.Evidence = []Reason{why}, []string{r.Prefix.String(), r.Agent}
	w.raise(i, a)
}

// dead judges the use of a key that has been withdrawn or was never meant to be used.
func (w *Watch) dead(r *Refusal) {
	i, _ := w.gone.at(r.Key)
	a := Alert{
		At: r.At, Class: ClassRevoked, Key: r.Key, Ring: r.Ring, Severity: High, Score: 1, Proposed: Notify,
		Evidence: []string{r.Prefix.String(), r.Agent},
	}
	switch {
	case r.Why == Canary:
		a.Class, a.Severity = ClassCanary, Critical
		a.Reasons = []Reason{{"use of a canary", 1, 0, "this key was laid out to be found: whoever has it has seen what it lay in"}}
	case r.Why == Leaked:
		a.Reasons = []Reason{{"use of a leaked key", 1, 0, "it was withdrawn because it was public; someone tries it"}}
	default:
		a.Severity = Medium
		a.Reasons = []Reason{{"use of a revoked key", 1, 0, "from a place this ring does not know"}}
		if g := w.rings.get(r.Ring); g != nil && g.known(w.print(r), r.At.Unix()) != nil {
			a.Severity, a.Proposed = Low, Note
			a.Reasons[0].Why = "by a client of the owner that was left behind"
		}
	}
	w.raise(i, a)
}

// replay judges a nonce that came twice. Once is a client that repeats a request whose
// answer was lost; from elsewhere or again and again it is not.
func (w *Watch) replay(r *Refusal) {
	i, _ := w.gone.at("replay " + r.Key)
	a := Alert{
		At: r.At, Class: ClassReplay, Key: r.Key, Ring: r.Ring, Severity: Low, Score: 1, Proposed: Note,
		Reasons:  []Reason{{"repeated nonces", 1, 0, "a signed request came twice, perhaps because its answer was lost"}},
		Evidence: []string{r.Prefix.String(), r.Agent},
	}
	if g := w.rings.get(r.Ring); g == nil || g.known(w.print(r), r.At.Unix()) == nil {
		a.Severity, a.Proposed = High, Suspend
		a.Reasons[0].Why = "a signed request came again from a place this ring does not know: it was overheard"
	}
	w.raise(i, a)
}

func (w *Watch) print(r *Refusal) uint64 {
	near, _ := places(w.o.Seed, r.Prefix)
	return near ^ hash(w.o.Seed, r.Agent)
}

// straggler counts refusals of a key that a rotation has closed.
func (w *Watch) straggler(r *Refusal) {
	if r.Ring == "" {
		return
	}
	g := w.rings.get(r.Ring)
	if g == nil {
		return
	}
	sec := r.At.Unix()
	f := g.known(w.print(r), sec)
	if f == nil {
		return
	}
	if sec-f.since > 15*60 {
		f.since, f.refused = sec, 0
	}
	if f.refused++; f.refused < 5 {
		return
	}
	clients := []string{f.name}
	for i := range g.prints {
		if o := &g.prints[i]; o != f && o.refused > 0 && sec-o.since <= 15*60 {
			clients = append(clients, o.name)
		}
	}
	w.raise(&g.incident, Alert{
		At: r.At, Class: ClassRollover, Key: r.Key, Ring: r.Ring, Subject: r.Ring, Severity: Critical, Score: 1, Proposed: Notify,
		Reasons: []Reason{{"refusals of a client that worked before", float64(f.refused), 0,
			fmt.Sprintf("within %v; it succeeded in the day before: undo the suspension of the old key", time.Duration(sec-f.since)*time.Second)}},
		Evidence: clients,
	})
}
