package anomaly

import (
	"encoding/gob"
	"io"
	"time"

	"github.com/assayhq/assay/fault"
)

// saved is what Save writes: the habits of keys and the clients of rings, the least
// recently seen first. What is open (minutes, hours, suspects, guesses, roll-overs, the
// trees' masses) is left out: it is of minutes, and the trees fill again within a window.
type saved struct {
	Version int
	Seed    uint64
	Keys    []savedKey
	Rings   []savedRing
}

type savedKey struct {
	Key, Ring                     string
	First, Last                   int64
	Incident, Quiet               savedIncident
	Near, Wide, Agents, Endpoints savedNovelty
	Rate, Volume                  savedSeason
	Peak, PeakNew                 float64
	Entropy, UsualCV, Badly       float32
	Exfil, Fail                   float64
	Site                          string
	SiteAt                        int64
	Multi                         bool
}

type savedIncident struct {
	Told, Last time.Time
	Worst      uint8
}

type savedNovelty struct {
	Hashes []uint64
	Hours  []int32
	Visits []uint16
	N, N1  float64
	Hour   int32
}

type savedSeason struct {
	Weeks               [][4]uint16 // of the hours of the week, or none
	Hour, Day, Residual float32
	N                   uint32
}

type savedRing struct {
	ID       string
	Incident savedIncident
	Prints   []savedPrint
}

type savedPrint struct {
	Hash uint64
	Seen int64
	Name string
	Old  bool
}

const savedVersion = 1

func (i *incident) save() savedIncident { return savedIncident{i.told, i.last, uint8(i.worst)} }
func (s savedIncident) load() incident {
	return incident{told: s.Told, last: s.Last, worst: Severity(s.Worst)}
}

func (n *novelty) save() savedNovelty {
	s := savedNovelty{N: n.n, N1: n.n1, Hour: n.hour}
	for _, t := range n.set {
		s.Hashes, s.Hours, s.Visits = append(s.Hashes, t.hash), append(s.Hours, t.hour), append(s.Visits, t.visits)
	}
	return s
}

func (s *savedNovelty) load(limit int) novelty {
	n := novelty{n: s.N, n1: s.N1, hour: s.Hour}
	for i := range min(len(s.Hashes), len(s.Hours), len(s.Visits), limit) {
		n.set = append(n.set, thing{s.Hashes[i], s.Hours[i], s.Visits[i]})
	}
	return n
}

func (s *season) save() savedSeason {
	return savedSeason{Weeks: s.weeks[:], Hour: s.hour, Day: s.day, Residual: s.residual, N: s.n}
}

func (s *savedSeason) load() (out season) {
	copy(out.weeks[:], s.Weeks)
	out.hour, out.day, out.residual, out.n = s.Hour, s.Day, s.Residual, s.N
	return out
}

// Save writes what was learnt, so that a Watch that is made by Load goes on with it. The
// open minute of each key is not in it.
func (w *Watch) Save(to io.Writer) error {
	f := saved{Version: savedVersion, Seed: w.o.Seed}
	for e := w.keys.root.prev; e != &w.keys.root; e = e.prev {
		s := &e.value
		f.Keys = append(f.Keys, savedKey{
			Key: s.key, Ring: s.ring, First: s.first, Last: s.last, Incident: s.incident.save(), Quiet: s.quiet.save(),
			Near: s.near.save(), Wide: s.wide.save(), Agents: s.agents.save(), Endpoints: s.endpoints.save(), Rate: s.rate.save(), Volume: s.volume.save(),
			Peak: s.peak, PeakNew: s.peakNew, Entropy: s.entropy, UsualCV: s.usualCV, Badly: s.badly, Exfil: float64(s.exfil), Fail: float64(s.fail),
			Site: s.site, SiteAt: s.siteAt, Multi: s.multi,
		})
	}
	for e := w.rings.root.prev; e != &w.rings.root; e = e.prev {
		r := savedRing{ID: e.value.id, Incident: e.value.incident.save()}
		for _, p := range e.value.prints {
			r.Prints = append(r.Prints, savedPrint{p.hash, p.seen, p.name, p.old})
		}
		f.Rings = append(f.Rings, r)
	}
	if err := gob.NewEncoder(to).Encode(&f); err != nil {
		return fault.Wrap(fault.Unavailable, err, "what was learnt of keys cannot be written")
	}
	return nil
}

// Load makes a Watch that knows what Save wrote. The seed is that of the Watch that was
// saved, because what is kept is hashed with it. Invalid says that it is no such text.
func Load(o Options, from io.Reader) (*Watch, error) {
	var f saved
	if err := gob.NewDecoder(from).Decode(&f); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "what was learnt of keys cannot be read")
	}
	if f.Version != savedVersion {
		return nil, fault.New(fault.Invalid, "what was learnt of keys is in format %d; this program knows %d", f.Version, savedVersion)
	}
	o.Seed = f.Seed
	w := New(o)
	for i := range f.Keys {
		k := &f.Keys[i]
		s, _ := w.keys.at(k.Key)
		*s = state{
			key: k.Key, ring: k.Ring, first: k.First, last: k.Last, incident: k.Incident.load(), quiet: k.Quiet.load(),
			near: k.Near.load(maxNear), wide: k.Wide.load(maxWide), agents: k.Agents.load(maxAgents), endpoints: k.Endpoints.load(maxEndpoints),
			rate: k.Rate.load(), volume: k.Volume.load(), peak: k.Peak, peakNew: k.PeakNew, entropy: k.Entropy, usualCV: k.UsualCV, badly: k.Badly,
			exfil: cusum(k.Exfil), fail: cusum(k.Fail), site: k.Site, siteAt: k.SiteAt, multi: k.Multi,
			minute: int32(k.Last / 60), hour: int32(k.Last / 3600),
		}
	}
	for _, r := range f.Rings {
		g, _ := w.rings.at(r.ID)
		g.id, g.incident = r.ID, r.Incident.load()
		for _, p := range r.Prints[:min(len(r.Prints), maxPrints)] {
			g.prints = append(g.prints, fingerprint{hash: p.Hash, seen: p.Seen, name: p.Name, old: p.Old})
		}
	}
	return w, nil
}
