package anomaly

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"
)

// The traffic below is made up, and only as good as its assumptions: five kinds of
// keys with daily and weekly rhythm, and the things that honest clients do and that
// look like abuse (servers move, SDKs are upgraded, people travel, jobs run late,
// markets get busy, back-fills, clients that fail for an hour).

type kind int

const (
	bot kind = iota
	cron
	ci
	board
	human
)

type client struct {
	id, ring string
	kind     kind
	rate     float64 // requests a minute when at work
	bytes    float64 // median of an answer
	at       int     // minute of the day (cron), zone shift (others)
	weekday  int     // cron: -1 is daily
	agents   []string
	homes    []netip.Prefix // usual networks
	pool     []byte         // ci: first two bytes of the provider's networks, in pairs
	doors    []string
	now      netip.Prefix // network of this session
	until    int          // minute at which the session ends
	move     int          // minute at which the server moves, 0 never
	overlap  int
	moved    netip.Prefix
	upgrade  int
	adopt    int // minute from which a new endpoint class is used
	adopted  string
	backfill int
	broken   int // minute at which an hour of failures begins
	busy     float64
	rollFrom int // legitimate roll-over, linear over three days
	victim   bool
}

type attack struct {
	class      string
	accept     []Class
	key, ring  string
	start, end int // minutes
	first      time.Time
	fifth      time.Time // for roll-overs: the fifth refusal of a client
	found      time.Time
	right      bool
	refusals   int
}

type world struct {
	r       *rand.Rand
	t0      time.Time
	clients []*client
	attacks []*attack
	busy    []float64 // by minute: how busy the market is
	uses    []Use
	refused []Refusal
}

const days = 30

var allDoors = []string{"market:trades", "market:quotes", "market:candles", "market:book", "stream:trades", "stream:book", "chain:blocks", "chain:txs", "analytics:risk", "wallet:read", "wallet:create", "account:read", "orders:read", "orders:place", "orders:cancel", "usage:read", "webhooks:write", "keys:read", "keys:write", "admin:orgs"}

func (w *world) prefix() netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(11 + w.r.IntN(200)), byte(w.r.IntN(256)), byte(w.r.IntN(256)), 0}), 24)
}

func newWorld(seed uint64) *world {
	w := &world{r: rand.New(rand.NewPCG(seed, 7)), t0: time.Date(2026, 9, 7, 0, 0, 0, 0, time.UTC)}
	r := w.r
	w.busy = make([]float64, days*1440)
	for i := range w.busy {
		w.busy[i] = 1
	}
	for d := range days {
		if r.Float64() < 0.7 {
			from, f := d*1440+r.IntN(1380), 1.5+2.5*r.Float64()
			for m := range 20 + r.IntN(40) {
				w.busy[from+m] = f
			}
		}
	}
	kinds := []struct {
		k kind
		n int
	}{{bot, 16}, {cron, 8}, {ci, 8}, {board, 10}, {human, 18}}
	sdk := []string{"assay-go/1", "assay-py/2", "assay-js/1", "python-requests/2", "axios/1", "ccxt/4", "curl/8"}
	for _, kk := range kinds {
		for i := range kk.n {
			c := &client{id: fmt.Sprintf("k%d_%d", kk.k, i), ring: fmt.Sprintf("r%d_%d", kk.k, i), kind: kk.k, bytes: math.Exp(6 + 2*r.Float64()), at: r.IntN(1440), weekday: -1, busy: 1}
			c.agents = []string{sdk[r.IntN(len(sdk))]}
			c.homes = []netip.Prefix{w.prefix()}
			perm := r.Perm(10)
			for _, d := range perm[:2+r.IntN(4)] {
				c.doors = append(c.doors, allDoors[d])
			}
			switch kk.k {
			case bot:
				c.rate = 0.7 + 2*r.Float64()
				c.busy = r.Float64()
				if r.IntN(3) == 0 {
					c.homes = append(c.homes, w.prefix())
				}
				c.doors = append(c.doors, "orders:place", "orders:cancel")
			case cron:
				c.rate = 5 + 40*r.Float64()
				if i%2 == 0 {
					c.weekday = r.IntN(7)
				}
			case ci:
				c.rate = 2 + 6*r.Float64()
				for range 2 + r.IntN(4) {
					c.pool = append(c.pool, byte(11+r.IntN(200)), byte(r.IntN(256)))
				}
			case board:
				c.rate = 0.5 + 1.5*r.Float64()
				for range r.IntN(3) {
					c.homes = append(c.homes, w.prefix())
				}
				c.agents = []string{"Firefox", "Chrome"}
			case human:
				c.rate = 0.3 + r.Float64()
				c.homes = append(c.homes, w.prefix(), w.prefix())
				c.agents = append(c.agents, "Chrome")
			}
			chance := func(p float64) int {
				if r.Float64() < p {
					return 1440 + r.IntN((days-2)*1440)
				}
				return 0
			}
			if kk.k != ci && kk.k != human {
				c.move = chance(0.06)
				c.moved = w.prefix()
				c.overlap = 10 * r.IntN(2)
			}
			c.upgrade, c.adopt, c.broken = chance(0.5), chance(0.25), chance(0.1)
			c.adopted = allDoors[r.IntN(10)]
			if kk.k != cron {
				c.backfill = chance(0.03)
			}
			c.rollFrom = chance(0.06)
			w.clients = append(w.clients, c)
		}
	}
	w.plan()
	return w
}

// plan lays attacks on days 15 to 29, each on a key of its own.
func (w *world) plan() {
	r := w.r
	pick := func(ks ...kind) *client {
		for {
			c := w.clients[r.IntN(len(w.clients))]
			if slices.Contains(ks, c.kind) && !c.victim {
				c.victim, c.move, c.rollFrom, c.backfill, c.broken = true, 0, 0, 0, 0
				return c
			}
		}
	}
	add := func(class string, length int, c *client, accept ...Class) {
		a := &attack{class: class, accept: accept, start: 15*1440 + r.IntN(13*1440)}
		a.end = a.start + length
		if c != nil {
			a.key, a.ring = c.id, c.ring
		}
		w.attacks = append(w.attacks, a)
	}
	for range 4 {
		add("stolen key", 30+r.IntN(90), pick(bot, bot, board, human, ci, cron), ClassStolen, ClassShared, ClassProbing, ClassBurst)
	}
	for range 2 {
		add("scraping burst", 10+r.IntN(20), pick(bot, board, human), ClassBurst, ClassStolen)
		add("slow exfiltration", 24*60+r.IntN(2*1440), pick(bot, board), ClassExfil, ClassBurst, ClassStolen)
		add("scope probing", 10+r.IntN(30), pick(bot, board, human, ci), ClassProbing, ClassStolen)
		add("shared key", 6*60, pick(bot, board, human), ClassShared, ClassStolen)
		add("failed roll-over", 40, pick(bot, board), ClassRollover)
	}
	add("enumeration", 20, nil, ClassEnumeration)
	add("stuffing, many networks", 20, nil, ClassEnumeration)
	add("stalled roll-over", 4*1440, pick(bot), ClassRollover)
}

func (w *world) poisson(l float64) int {
	if l > 30 {
		return max(0, int(l+math.Sqrt(l)*w.r.NormFloat64()+0.5))
	}
	limit, p, n := math.Exp(-l), w.r.Float64(), 0
	for p > limit {
		p *= w.r.Float64()
		n++
	}
	return n
}

// intensity is how many requests a client makes in a minute, on average.
func (w *world) intensity(c *client, m int) float64 {
	day, mod := m/1440, m%1440
	wd := day % 7
	switch c.kind {
	case bot:
		l := c.rate * (1 + 0.4*math.Sin(2*math.Pi*float64(mod+c.at)/1440))
		return l * (1 + (w.busy[m]-1)*c.busy)
	case cron:
		late := int(math.Abs(float64((day*7919+c.at)%11)) - 3)
		if (c.weekday < 0 || c.weekday == wd) && mod >= c.at+late && mod < c.at+late+10 {
			return c.rate
		}
		return 0
	case ci:
		hour := (mod + c.at/6) / 60 % 24
		if wd >= 5 {
			return 0
		}
		if hour < 7 || hour > 20 {
			return 0
		}
		if (m/12+c.at)*2654435761%100 < 35 { // a job takes 12 minutes
			return c.rate
		}
		return 0
	case board:
		hour := (mod + c.at/6) / 60 % 24
		l := c.rate * 0.15
		if hour >= 8 && hour < 19 && wd < 5 {
			l = c.rate
		}
		return l * (1 + (w.busy[m]-1)*0.3)
	default:
		hour := (mod + c.at/6) / 60 % 24
		if hour < 8 || hour > 22 {
			return 0
		}
		on := (m/25*31+c.at*17)*2654435761%1000 < 180
		if wd >= 5 {
			on = (m/25*31+c.at*17)*2654435761%1000 < 60
		}
		if on {
			return c.rate * 3
		}
		return 0
	}
}

// network is where a client is in this minute.
func (w *world) network(c *client, m int) netip.Prefix {
	switch c.kind {
	case ci:
		if m >= c.until {
			i := 2 * w.r.IntN(len(c.pool)/2)
			if w.r.IntN(200) == 0 { // the provider opens a region
				c.pool = append(c.pool, byte(11+w.r.IntN(200)), byte(w.r.IntN(256)))
			}
			c.now = netip.PrefixFrom(netip.AddrFrom4([4]byte{c.pool[i], c.pool[i+1], byte(w.r.IntN(256)), 0}), 24)
			c.until = m + 12
		}
	case human:
		if m >= c.until {
			c.now = c.homes[w.r.IntN(len(c.homes))]
			if w.r.IntN(25) == 0 {
				c.now = w.prefix() // a café
			}
			c.until = m + 60 + w.r.IntN(300)
		}
	default:
		c.now = c.homes[w.r.IntN(len(c.homes))]
		if c.move > 0 && m >= c.move && (m >= c.move+c.overlap || w.r.IntN(2) == 0) {
			c.now = c.moved
		}
	}
	return c.now
}

func (w *world) minute(m int) {
	w.uses, w.refused = w.uses[:0], w.refused[:0]
	r, base := w.r, w.t0.Add(time.Duration(m)*time.Minute)
	stamp := func() time.Time { return base.Add(time.Duration(r.IntN(60000)) * time.Millisecond) }
	for _, c := range w.clients {
		l := w.intensity(c, m)
		if c.backfill > 0 && m >= c.backfill && m < c.backfill+20 {
			l = 15*c.rate + 30
		}
		if l == 0 {
			continue
		}
		n := w.poisson(l)
		if n == 0 {
			continue
		}
		net := w.network(c, m)
		for range n {
			u := Use{At: stamp(), Key: c.id, Ring: c.ring, App: c.ring, Prefix: net, Status: 200, Agent: c.agents[r.IntN(len(c.agents))], Endpoint: c.doors[r.IntN(len(c.doors))], Bytes: int64(c.bytes * math.Exp(0.5*r.NormFloat64()) * (1 + 0.01*float64(m/1440)))}
			if c.upgrade > 0 && m >= c.upgrade {
				u.Agent += "9"
			}
			if c.adopt > 0 && m >= c.adopt && r.IntN(5) == 0 {
				u.Endpoint = c.adopted
			}
			if r.IntN(400) == 0 {
				u.Status = []int{404, 429, 500, 401}[r.IntN(4)]
			}
			if c.broken > 0 && m >= c.broken && m < c.broken+60 && r.IntN(3) > 0 {
				u.Status, u.Denied, u.Endpoint = 403, "scope", c.doors[0]
			}
			if c.rollFrom > 0 && m >= c.rollFrom {
				// Confirmed after an hour, then client by client over three days.
				u.Successor = r.Float64() < float64(m-c.rollFrom)/(3*1440)
			}
			w.uses = append(w.uses, u)
		}
		if c.rollFrom > 0 && m == c.rollFrom+5*1440 {
			for range r.IntN(4) {
				w.refused = append(w.refused, Refusal{At: stamp(), Why: Suspended, Key: c.id, Ring: c.ring, Prefix: net, Agent: c.agents[0], Checksum: true})
			}
		}
	}
	// The noise of the internet.
	if r.IntN(10) == 0 {
		w.refused = append(w.refused, Refusal{At: stamp(), Why: Unknown, Key: fmt.Sprint(r.Uint32()), Prefix: w.prefix(), Agent: "zgrab"})
	}
	if r.IntN(120) == 0 {
		w.refused = append(w.refused, Refusal{At: stamp(), Why: Unknown, Key: fmt.Sprint("old", r.IntN(5)), Prefix: w.clients[r.IntN(60)].homes[0], Agent: "curl/8", Checksum: true})
	}
	for i, a := range w.attacks {
		if m >= a.start && m < a.end {
			w.strike(i, a, m, stamp)
		}
	}
	slices.SortFunc(w.uses, func(a, b Use) int { return a.At.Compare(b.At) })
	slices.SortFunc(w.refused, func(a, b Refusal) int { return a.At.Compare(b.At) })
}

func (w *world) strike(i int, a *attack, m int, stamp func() time.Time) {
	r := w.r
	var c *client
	for _, x := range w.clients {
		if x.id == a.key {
			c = x
		}
	}
	a0 := len(w.uses)
	use := func(p netip.Prefix, agent, door string, bytes float64) *Use {
		w.uses = append(w.uses, Use{At: stamp(), Key: a.key, Ring: a.ring, App: a.ring, Prefix: p, Agent: agent, Endpoint: door, Status: 200, Bytes: int64(bytes)})
		return &w.uses[len(w.uses)-1]
	}
	src := netip.PrefixFrom(netip.AddrFrom4([4]byte{223, byte(i), byte(a.start), 0}), 24)
	careful := a.start%10 == 0 // knows the victim's client and does what it does
	switch a.class {
	case "stolen key":
		agent := []string{"Go-http-client/1", "python-httpx/0", "Wget/1", c.agents[0]}[min(3, a.start%8)]
		if a.start%8 > 3 {
			agent = []string{"okhttp/4", "python-urllib/3"}[a.start%2]
		}
		for range 1 + w.poisson(4) {
			door := allDoors[r.IntN(17)]
			if careful {
				agent, door = c.agents[0], c.doors[r.IntN(len(c.doors))]
			}
			u := use(src, agent, door, c.bytes*2)
			if !careful && r.IntN(3) == 0 && !slices.Contains(c.doors, door) {
				u.Status, u.Denied = 403, "scope"
			}
		}
	case "scraping burst":
		for range 80 + w.poisson(c.rate*40) {
			use(c.homes[0], c.agents[0], c.doors[0], c.bytes)
		}
	case "slow exfiltration":
		if r.IntN(2) == 0 {
			use(c.homes[0], c.agents[0], c.doors[0], c.bytes*float64(2+a.start%5)*max(1, c.rate)) // doubles to quadruples the hour
		}
	case "scope probing":
		for range 1 + w.poisson(3) {
			u := use(c.homes[0], c.agents[0], allDoors[r.IntN(len(allDoors))], 200)
			if !slices.Contains(c.doors, u.Endpoint) {
				u.Status, u.Denied = 403, "scope"
			}
		}
	case "shared key":
		// Twenty places join over the first hours.
		for k := range min(20, 1+(m-a.start)/6) {
			if r.IntN(4) == 0 {
				use(netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(20 + 9*k), byte(i + k), byte(a.start), 0}), 24), c.agents[0], c.doors[r.IntN(len(c.doors))], c.bytes)
			}
		}
	case "failed roll-over":
		// The older key is suspended while the client still uses it; it retries.
		for range w.poisson(c.rate * 2) {
			at := stamp()
			w.refused = append(w.refused, Refusal{At: at, Why: Suspended, Key: a.key + "v1", Ring: a.ring, Prefix: c.homes[0], Agent: agentOf(c, m), Checksum: true})
		}
	case "enumeration":
		for range 1 + w.poisson(20) {
			w.refused = append(w.refused, Refusal{At: stamp(), Why: Unknown, Key: fmt.Sprint(r.Uint64()), Prefix: src, Agent: "x", Checksum: true})
		}
	case "stuffing, many networks":
		for range 1 + w.poisson(20) {
			p := netip.PrefixFrom(netip.AddrFrom4([4]byte{222, byte(i), byte(r.IntN(200)), 0}), 24)
			w.refused = append(w.refused, Refusal{At: stamp(), Why: Unknown, Key: fmt.Sprint(r.Uint64()), Prefix: p, Agent: "x", Checksum: true})
		}
	}
	if a.class == "failed roll-over" {
		slices.SortFunc(w.refused, func(a, b Refusal) int { return a.At.Compare(b.At) })
		for _, x := range w.refused {
			if x.Ring == a.ring {
				if a.refusals++; a.refusals == 5 {
					a.fifth = x.At
				}
			}
		}
	}
	if a.first.IsZero() {
		for _, u := range w.uses[a0:] {
			if a.first.IsZero() || u.At.Before(a.first) {
				a.first = u.At
			}
		}
		if a.first.IsZero() {
			for _, x := range w.refused {
				if x.Ring == a.ring && (a.first.IsZero() || x.At.Before(a.first)) {
					a.first = x.At
				}
			}
		}
	}
}

func agentOf(c *client, m int) string {
	if c.upgrade > 0 && m >= c.upgrade {
		return c.agents[0] + "9"
	}
	return c.agents[0]
}
