package anomaly

import (
	"math"
	"net/netip"
)

// novelty knows what a key has shown of one kind (networks, agents, endpoints) and how
// new the next thing may be expected to be.
//
// The chance that the next visit is to something unseen is, after Good and Turing,
// the share of visits to what was seen once: p = N1/N. A fleet with ever-new
// addresses has p near 1 and never surprises; a bot on one machine has p near 0.
// A visit is one thing in one hour, because requests of one job are not independent.
// N and N1 halve every fourteen days; the set keeps the most recently seen.
// Source: I. J. Good, The population frequencies of species, Biometrika 40 (1953).
type novelty struct {
	set   []thing // most recently seen first
	n, n1 float64
	hour  int32
}

type thing struct {
	hash   uint64
	hour   int32
	visits uint16
}

// fade is what is left of a count after an hour: half after 14 days.
const fade = 0.9979392

// visit notes a thing and gives the surprise of it, -log10 p, which is 0 for what is
// known. The set keeps at most limit things.
func (n *novelty) visit(h uint64, hour int32, limit int) (surprise float64) {
	if len(n.set) > 0 && n.set[0].hash == h && n.set[0].hour == hour {
		return 0
	}
	return n.slow(h, hour, limit)
}

func (n *novelty) slow(h uint64, hour int32, limit int) float64 {
	if hour > n.hour {
		if n.hour > 0 {
			f := math.Pow(fade, float64(hour-n.hour))
			n.n *= f
			n.n1 *= f
		}
		n.hour = hour
	}
	for i := range n.set {
		if n.set[i].hash != h {
			continue
		}
		t := n.set[i]
		if t.hour != hour {
			t.hour = hour
			n.n++
			if t.visits == 1 {
				n.n1 = max(0, n.n1-1)
			}
			if t.visits < math.MaxUint16 {
				t.visits++
			}
		}
		copy(n.set[1:i+1], n.set[:i])
		n.set[0] = t
		return 0
	}
	s := -math.Log10(n.expected())
	if len(n.set) < limit {
		n.set = append(n.set, thing{})
	}
	copy(n.set[1:], n.set)
	n.set[0] = thing{hash: h, hour: hour, visits: 1}
	n.n++
	n.n1++
	return s
}

// expected is the smoothed chance that the next visit is new.
func (n *novelty) expected() float64 { return min(1, (n.n1+0.5)/(n.n+1)) }

// hash is FNV-1a from a seed.
func hash(seed uint64, s string) uint64 {
	h := seed ^ 14695981039346656037
	for i := 0; i < len(s); i++ {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return mix(h)
}

func hashPrefix(seed uint64, p netip.Prefix, bits int) uint64 {
	a := p.Addr().As16()
	h := seed ^ 14695981039346656037
	for i := 0; i < bits/8; i++ {
		h = (h ^ uint64(a[i])) * 1099511628211
	}
	return mix(h)
}

// places gives the hashes of a prefix and of the wider network around it: /16 of
// IPv4, /32 of IPv6, which stand in for the provider where no table of them is known.
func places(seed uint64, p netip.Prefix) (near, wide uint64) {
	if p.Addr().Is4() || p.Addr().Is4In6() {
		return hashPrefix(seed, p, 120), hashPrefix(seed, p, 112)
	}
	return hashPrefix(seed, p, 48), hashPrefix(seed, p, 32)
}

func mix(h uint64) uint64 {
	h ^= h >> 31
	h *= 0x9e3779b97f4a7c15
	return h ^ h>>29
}
