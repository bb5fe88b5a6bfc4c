// Package anomaly watches how keys are used and says when a use looks like abuse: a
// stolen key, a scraping burst, key ids being guessed, scopes being probed, data
// leaking slowly, a key handed round, a roll-over that leaves clients behind.
//
// It is a machine: events go in (Observe for what was let in, Refuse for what was not,
// Tick once a minute), alerts come out as return values. It never acts: an alert
// proposes one step of a ladder whose every step can be undone, and names the features
// that led to it. It never sees a secret, and keys, agents and endpoints are kept as
// seeded hashes where only equality matters.
//
// What always holds: the same options and events give the same alerts; one incident
// gives one alert until it gets worse, has been quiet for Options.Cooldown, or has
// lasted a day; memory has a bound per key (7 KB, see state) and a bound on keys, prefixes and rings,
// of which the least recently seen is forgotten first.
//
// The gate, or whoever reads its decisions, calls it from one goroutine.
package anomaly

import (
	"net/netip"
	"time"
)

// Use is a request that was authenticated. The gate fills it in after the answer.
type Use struct {
	At       time.Time
	Key      string       // public id of the key, never its secret
	Ring     string       // ring the key belongs to
	App      string       // app of the ring
	Prefix   netip.Prefix // the client's network: /24 or, for IPv6, /48
	Agent    string       // family and SDK version, as "python-requests/2"
	Endpoint string       // class, as "market:trades", not the path
	Status   int          // HTTP status of the answer
	Bytes    int64        // size of the answer
	Denied   string       // the scope or bound that forbade it, or ""
	// Successor says that a rotation is on and this is the newer key.
	Successor bool
}

// Refusal is a request that was not authenticated. Why says how it failed.
type Refusal struct {
	At     time.Time
	Why    Why
	Key    string // id as presented; for Unknown it is what was guessed
	Ring   string // "" where the key is unknown
	App    string
	Prefix netip.Prefix
	Agent  string
	// Checksum says that the token was well formed, so it was made by us or by
	// someone who knows the form, and is no typing error.
	Checksum bool
}

// Why is the reason of a refusal.
type Why uint8

// The reasons of refusals.
const (
	Unknown   Why = iota + 1 // no such key id
	Forged                   // the id exists, the secret is wrong
	Revoked                  // the key was withdrawn by its owner
	Leaked                   // the key was withdrawn because it was found in public
	Canary                   // the key exists only to be found by thieves
	Replayed                 // a nonce came a second time
	Suspended                // the older key of a rotation, refused since its date
	Expired                  // past its date
)

// Rollover tells of a rotation under way.
type Rollover struct {
	Ring     string
	Began    time.Time
	Deadline time.Time // when the old key will be refused
}

// Options are what a Watch needs. Zero fields have defaults.
type Options struct {
	// Seed makes hashes and trees unlike those of others, so that nobody can choose
	// agents that collide. Same seed, same alerts.
	Seed uint64
	// Keys, Prefixes and Rings bound what is remembered; default 20000, 4096, 4096.
	Keys, Prefixes, Rings int
	// Learn is how long a key is only learnt from; default 7 days. Certain rules and
	// roll-overs do not wait.
	Learn time.Duration
	// Cooldown is how long an incident must be quiet to be new again; default 6 hours.
	Cooldown time.Duration
	// Guesses is how many different well-formed unknown ids a prefix may present in
	// ten minutes; default 8.
	Guesses int
	// Trading says whether a key can trade; only such keys are proposed for
	// suspension. nil is no.
	Trading func(key string) bool
	// Site names the allow-listed site of a key that a prefix belongs to, "" for none.
	// It is asked when the prefix of a key changes. nil is none.
	Site func(key string, p netip.Prefix) string
	// Depth and Window of the half-space trees; default 10 and 250, at most 12 and 250.
	Depth, Window int
}

func (o Options) withDefaults() Options {
	num := func(n *int, def, most int) {
		if *n <= 0 {
			*n = def
		}
		*n = min(*n, most)
	}
	num(&o.Keys, 20000, 1<<20)
	num(&o.Prefixes, 4096, 1<<20)
	num(&o.Rings, 4096, 1<<20)
	num(&o.Guesses, 8, 1000)
	num(&o.Depth, 10, 12)
	num(&o.Window, 250, 250)
	if o.Learn <= 0 {
		o.Learn = 7 * 24 * time.Hour
	}
	if o.Cooldown <= 0 {
		o.Cooldown = 6 * time.Hour
	}
	return o
}
