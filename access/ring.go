package access

import "time"

// Ring is what an owner refers to: a purpose, and the keys that serve it one after
// the other. It is changed as a whole, by the rules of package rotation.
type Ring struct {
	ID      string    `json:"id"` // ring_ and 12 base62 characters
	Org     string    `json:"org"`
	App     string    `json:"app"`  // limits belong to the app
	Env     string    `json:"env"`  // live or test
	Name    string    `json:"name"` // what the owner calls it
	Created time.Time `json:"created"`
	Policy  Policy    `json:"policy"`
	Keys    []Key     `json:"keys"` // oldest first
	// ClientKeys are public keys of its programs, for tokens that are lent without a
	// shared secret.
	ClientKeys []ClientKey `json:"client_keys,omitempty"`
	// Rotation is the latest one, nil when there was none.
	Rotation *Rotation `json:"rotation,omitempty"`
	// Noticed is when its owner was last told that its schedule asks for a rotation.
	Noticed time.Time `json:"noticed,omitzero"`
	// Rehearsal marks a ring that exists to practise on.
	Rehearsal bool `json:"rehearsal,omitempty"`
}

// Key gives the version with an id, or nil.
func (r *Ring) Key(id string) *Key {
	for i := range r.Keys {
		if r.Keys[i].ID == id {
			return &r.Keys[i]
		}
	}
	return nil
}

// Version gives the version with a number, or nil.
func (r *Ring) Version(n int) *Key {
	for i := range r.Keys {
		if r.Keys[i].N == n {
			return &r.Keys[i]
		}
	}
	return nil
}

// Latest gives the newest version that was not withdrawn, or nil.
func (r *Ring) Latest() *Key {
	for i := len(r.Keys) - 1; i >= 0; i-- {
		if r.Keys[i].State != Withdrawn {
			return &r.Keys[i]
		}
	}
	return nil
}

// Accepting counts the keys that are accepted at t.
func (r *Ring) Accepting(t time.Time) (n int) {
	for i := range r.Keys {
		if r.Keys[i].Live(t) {
			n++
		}
	}
	return n
}

// Deadline is what happens to a key that is still used at its date of retirement.
type Deadline string

// The deadline policies.
const (
	Enforce  Deadline = "enforce"  // it is suspended, which can be undone for a while
	Extend   Deadline = "extend"   // the date moves while stragglers remain, up to the cap
	Brownout Deadline = "brownout" // as Enforce, and 1, 5 and 25 % of its requests are refused for a while before
)

// Policy is how keys of a ring follow one another. Zero fields have the defaults of
// WithDefaults.
type Policy struct {
	MaxAccepting int           `json:"max_accepting,omitempty"` // keys accepted at a time; default 2, at most 5
	Overlap      time.Duration `json:"overlap,omitempty"`       // from confirmation to retirement; default 7 d, 24 h with strict scopes
	Confirm      time.Duration `json:"confirm,omitempty"`       // in which a successor must be used; default 7 d
	Undo         time.Duration `json:"undo,omitempty"`          // in which a suspension can be undone; default 72 h
	Deadline     Deadline      `json:"deadline,omitempty"`      // default enforce
	Cap          time.Duration `json:"cap,omitempty"`           // how long Extend may extend; default 30 d
	Lifetime     time.Duration `json:"lifetime,omitempty"`      // of a new key; 0 is for ever
	Every        time.Duration `json:"every,omitempty"`         // rotate on a schedule; 0 is not
	Proven       bool          `json:"proven,omitempty"`        // retire early when all traffic has moved
	Push         PushTo        `json:"push,omitzero"`           // where new keys are delivered; zero: they are given to whoever rotates
}

// PushTo is where new keys of a ring are delivered. The zero value is nowhere.
type PushTo struct {
	To   string `json:"to"`   // a destination that this installation's settings name
	Name string `json:"name"` // of the secret there, behind the organisation's
}

// Least and most of an overlap. The least is what clients need that read their secret
// once an hour.
const (
	MinOverlap = 65 * time.Minute
	MaxOverlap = 30 * 24 * time.Hour
)

// WithDefaults fills in what is not set, for keys with these scopes.
func (p Policy) WithDefaults(scopes []Scope) Policy {
	const day = 24 * time.Hour
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	overlap := 7 * day
	for _, s := range scopes {
		if s.Strict() && s != KeysRotate {
			overlap = day
		}
	}
	def(&p.Overlap, overlap)
	def(&p.Confirm, 7*day)
	def(&p.Undo, 3*day)
	def(&p.Cap, 30*day)
	if p.MaxAccepting == 0 {
		p.MaxAccepting = 2
	}
	if p.Deadline == "" {
		p.Deadline = Enforce
	}
	return p
}

// Phase is how far a rotation has come.
type Phase string

// The phases of a rotation.
const (
	Staging    Phase = "staged"      // the successor waits for its first use
	Migrating  Phase = "migrating"   // confirmed; traffic moves
	Closed     Phase = "suspended"   // the old key is refused; this can be undone
	Done       Phase = "done"        // the old key is retired
	RolledBack Phase = "rolled_back" // given up; the old key is the one to use
)

// Rotation is one change of keys, under way or over.
type Rotation struct {
	ID       string        `json:"id"` // rot_ and 12 base62 characters
	From     int           `json:"from"`
	To       int           `json:"to"`
	Phase    Phase         `json:"phase"`
	Reason   string        `json:"reason"`
	By       string        `json:"by,omitempty"`
	Started  time.Time     `json:"started"`
	Overlap  time.Duration `json:"overlap"`
	RetireAt time.Time     `json:"retire_at"` // planned; it moves with extensions
	Limit    time.Time     `json:"limit"`     // no extension goes beyond
	Reminded int           `json:"reminded,omitempty"`
	Undone   int           `json:"undone,omitempty"` // times the suspension was undone, by hand or by itself
	Ended    time.Time     `json:"ended,omitzero"`
	// Push is how far the delivery of the new key has come, when there is one.
	Push Pushing `json:"push,omitzero"`
}

// PushStep is how far a delivery has come.
type PushStep string

// The steps of a delivery. What happened at the keeper between two of them is found out
// by asking it.
const (
	PushStaged PushStep = "staged" // the key is made; the keeper may have it or not
	PushDone   PushStep = "pushed" // the keeper gives it to whoever reads; the predecessor is its previous version
	PushFailed PushStep = "failed" // the keeper does not have it, and the key was withdrawn
)

// Pushing is the delivery of a rotation's new key to a keeper of secrets.
type Pushing struct {
	PushTo
	Step PushStep `json:"step,omitempty"`
	// Sealed is the token while Step is PushStaged, so that another process can go on.
	Sealed []byte    `json:"sealed,omitempty"`
	Until  time.Time `json:"until,omitzero"`  // before this time it is being worked on
	Fails  int       `json:"fails,omitempty"` // deliveries that failed in a row
	Why    string    `json:"why,omitempty"`   // of the failure
}
