package anomaly

import "time"

// Class is what an alert is about.
type Class string

// The classes of alerts.
const (
	ClassRevoked     Class = "revoked_key"     // a withdrawn or leaked key was used
	ClassCanary      Class = "canary"          // a key that nobody should have was used
	ClassReplay      Class = "replay"          // a nonce came again
	ClassSites       Class = "disjoint_sites"  // one key from two allow-listed sites at a time
	ClassEnumeration Class = "enumeration"     // ids are guessed, or stolen lists tried
	ClassStolen      Class = "stolen_key"      // a key at work where and how it never was
	ClassShared      Class = "shared_key"      // a key at work in many new places
	ClassBurst       Class = "burst"           // many times the requests it ever made
	ClassExfil       Class = "exfiltration"    // more data than usual, for hours
	ClassProbing     Class = "scope_probing"   // doors are tried one after the other
	ClassFailing     Class = "failing"         // a client that fails much; usually a fault, not an attack
	ClassUnusual     Class = "unusual"         // the trees find the whole odd, and no single rule does
	ClassRollover    Class = "failed_rollover" // clients that still need the old key
)

// Action is a step of the ladder. Each can be undone.
type Action string

// The ladder, mildest first.
const (
	Note    Action = "note"    // keep it in the log
	Notify  Action = "notify"  // tell the owner
	Halve   Action = "halve"   // halve the rate
	Pin     Action = "pin"     // ask for known networks or signed requests
	Suspend Action = "suspend" // refuse for now; only keys that can trade
)

// ManyNetworks is the subject of guessing that comes from everywhere.
const ManyNetworks = "many networks"

// Severity orders alerts.
type Severity uint8

// The severities.
const (
	Low Severity = iota + 1 // worth a line
	Medium
	High
	Critical // certain, or money at stake
)

// String names a severity: low, medium, high, critical.
func (s Severity) String() string {
	switch s {
	case Low:
		return "low"
	case Medium:
		return "medium"
	case High:
		return "high"
	case Critical:
		return "critical"
	}
	return "none"
}

// MarshalText writes the name.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a name; what is none is 0.
func (s *Severity) UnmarshalText(b []byte) error {
	*s = 0
	for v := Low; v <= Critical; v++ {
		if v.String() == string(b) {
			*s = v
		}
	}
	return nil
}

// Reason is one feature that led to an alert.
type Reason struct {
	Feature  string  `json:"feature"`
	Seen     float64 `json:"seen"`
	Expected float64 `json:"expected"`
	Why      string  `json:"why"` // a sentence for people
}

// Alert is one incident, or the worsening of one.
type Alert struct {
	At    time.Time
	Class Class
	Key   string // "" where no key is known
	Ring  string
	// Subject is whose incident it is, so that alerts of one incident can be told from
	// those of another wherever they were seen: a key, a ring, a network, or ManyNetworks.
	Subject  string
	Severity Severity
	// Score is in 0..1 and orders alerts of a class; 1 is certain. It is no
	// probability.
	Score    float64
	Reasons  []Reason // the weightiest first, at least one
	Proposed Action
	Evidence []string // prefixes, agents, endpoints that were seen; at most 8
	// Worse says that this incident has had an alert and has become graver.
	Worse bool
}

// incident is the memory that makes one alert of one incident.
type incident struct {
	told  time.Time // of the latest alert
	last  time.Time // of the latest evidence
	worst Severity
}

// remind is after how long an incident that goes on is told again. Without it a key
// that is always a little suspect could hide a theft for ever.
const remind = 24 * time.Hour

// known says that evidence of this severity at t belongs to what has been told, and
// notes it as such.
func (i *incident) known(t time.Time, s Severity, cool time.Duration) bool {
	if i.worst == 0 || s > i.worst || t.Sub(i.last) >= cool || t.Sub(i.told) >= remind {
		return false
	}
	i.last = t
	return true
}

// open begins an incident or worsens it; worse says which.
func (i *incident) open(t time.Time, s Severity, cool time.Duration) (worse bool) {
	worse = i.worst > 0 && s > i.worst && t.Sub(i.last) < cool
	i.told, i.last, i.worst = t, t, s
	return worse
}
