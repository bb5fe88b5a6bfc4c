package emulator

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
)

// FaultKind is one way a venue can misbehave.
type FaultKind string

// The kinds of fault, by what they hit. Data messages:
const (
	Drop      FaultKind = "drop"      // the message is lost
	Duplicate FaultKind = "duplicate" // it comes twice
	Reorder   FaultKind = "reorder"   // it comes after the next one
	Delay     FaultKind = "delay"     // it comes later by For, and all behind it
	Gap       FaultKind = "gap"       // Len messages in a row of its channel and symbol are lost
	Stall     FaultKind = "stall"     // data stops for For (0: for ever) while heartbeats go on
	NewEnum   FaultKind = "new_enum"  // a message with an enum value nobody knows follows
	NewType   FaultKind = "new_type"  // a message of a type nobody knows follows
)

// Book messages:
const (
	BadChecksum   FaultKind = "bad_checksum"   // the checksum sent is wrong
	Crossed       FaultKind = "crossed"        // the message puts a bid above the best ask
	Ghost         FaultKind = "ghost"          // a level's deletion is left out
	SequenceReset FaultKind = "sequence_reset" // numbers restart lower (OKX maintenance)
	OldSnapshot   FaultKind = "old_snapshot"   // a REST book is For old (default 30 s)
)

// Connections and subscriptions:
const (
	HalfOpen FaultKind = "half_open" // the connection dies without an end
	Close    FaultKind = "close"     // it is closed with Code (1000, 1001, 1006, 1011)
	Shutdown FaultKind = "shutdown"  // the venue's notice of a planned shutdown, then the close
	NoAck    FaultKind = "no_ack"    // a subscription is neither confirmed nor served
	Refuse   FaultKind = "refuse"    // a subscription is refused
)

// HTTP answers:
const (
	TooMany   FaultKind = "http_429"       // the venue's way to say too many requests, for For (default 5 s)
	Banned    FaultKind = "http_418"       // the same, as a ban, for For (default 2 min)
	Page      FaultKind = "http_page"      // an HTML page with Status (default 502)
	Truncated FaultKind = "http_truncated" // half of the JSON
	Empty     FaultKind = "http_empty"     // status 200 and nothing
)

// FaultKinds lists all kinds.
func FaultKinds() []FaultKind {
	return []FaultKind{Drop, Duplicate, Reorder, Delay, Gap, Stall, NewEnum, NewType, BadChecksum, Crossed, Ghost, SequenceReset, OldSnapshot,
		HalfOpen, Close, Shutdown, NoAck, Refuse, TooMany, Banned, Page, Truncated, Empty}
}

// Fault says what goes wrong, where and how often. Without Rate it hits the next
// Count places that fit (default 1) after Skip of them and after the time After.
type Fault struct {
	Kind    FaultKind      `json:"kind"`
	Venue   market.VenueID `json:"venue,omitempty"`   // empty: any
	Place   string         `json:"place,omitempty"`   // book, trades, quotes, candles, heartbeat, ack, status; empty: what suits the kind
	Channel string         `json:"channel,omitempty"` // the venue's channel, as a prefix
	Symbol  string         `json:"symbol,omitempty"`  // the venue's stream symbol
	Conn    string         `json:"conn,omitempty"`    // "c1" is the first connection
	Path    string         `json:"path,omitempty"`    // part of an HTTP path
	After   Duration       `json:"after,omitempty"`   // since the venue was made
	Skip    int            `json:"skip,omitempty"`    // places that fit and are spared first
	Count   int            `json:"count,omitempty"`   // times it hits; default 1, with Rate unlimited
	Len     int            `json:"len,omitempty"`     // messages a gap swallows; default 3
	For     Duration       `json:"for,omitempty"`     // length of a delay, stall, ban or age of a snapshot
	Rate    float64        `json:"rate,omitempty"`    // chance per place instead of Skip
	Code    int            `json:"code,omitempty"`    // close code; default 1006
	Status  int            `json:"status,omitempty"`  // HTTP status of a page
}

// FaultPlan is a list of faults and the seed of their chances.
type FaultPlan struct {
	Seed   uint64  `json:"seed"`
	Faults []Fault `json:"faults"`
}

// Duration is a time.Duration written as "90s" or "5m".
type Duration time.Duration

// UnmarshalText reads it.
func (d *Duration) UnmarshalText(b []byte) error {
	x, err := time.ParseDuration(string(b))
	*d = Duration(x)
	return err
}

// MarshalText writes it.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// RandomFaults is a plan in which each kind hits each fitting place with a chance.
func RandomFaults(seed uint64, rates map[FaultKind]float64) *FaultPlan {
	p := &FaultPlan{Seed: seed}
	for k, r := range rates {
		p.Faults = append(p.Faults, Fault{Kind: k, Rate: r, For: Duration(3 * time.Second)})
	}
	slices.SortFunc(p.Faults, func(a, b Fault) int { return cmp.Compare(a.Kind, b.Kind) })
	return p
}

// ParseFaults reads a plan from JSON or from plain YAML:
//
//	seed: 7
//	faults:
//	  - kind: gap
//	    place: book
//	    symbol: BTCUSDT
//	    after: 20s
//	    len: 4
//	  - {kind: close, conn: c1, code: 1011, skip: 100}
//
// The keys are those of Fault. Of YAML it knows this form only: one mapping with a
// list of flat mappings, comments and quotes.
func ParseFaults(text []byte) (*FaultPlan, error) {
	if b := bytes.TrimSpace(text); len(b) == 0 || b[0] != '{' {
		var err error
		if text, err = flatYAML(string(text)); err != nil {
			return nil, err
		}
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	p := &FaultPlan{}
	if err := d.Decode(p); err != nil {
		return nil, fault.At(fault.Invalid, "faults", "the fault plan cannot be read: %v", err)
	}
	for _, f := range p.Faults {
		if !slices.Contains(FaultKinds(), f.Kind) {
			return nil, fault.At(fault.Invalid, "faults.kind", "%q is no kind of fault; use one of %v", f.Kind, FaultKinds())
		}
	}
	return p, nil
}

// flatYAML turns the form shown at ParseFaults into JSON.
func flatYAML(text string) ([]byte, error) {
	top, faults := map[string]any{}, []map[string]any{}
	listing := false
	for n, line := range strings.Split(text, "\n") {
		if i := strings.Index(line, "#"); i >= 0 && (i == 0 || line[i-1] == ' ') {
			line = line[:i]
		}
		trimmed := strings.TrimSpace(line)
		if trimmed == "" {
			continue
		}
		into := top
		switch {
		case strings.HasPrefix(trimmed, "- "):
			faults = append(faults, map[string]any{})
			trimmed = strings.TrimSpace(trimmed[2:])
			into = faults[len(faults)-1]
		case trimmed == "faults:":
			listing = true
			continue
		case listing && line[0] == ' ' && len(faults) > 0:
			into = faults[len(faults)-1]
		}
		parts := []string{trimmed}
		if strings.HasPrefix(trimmed, "{") && strings.HasSuffix(trimmed, "}") {
			parts = strings.Split(trimmed[1:len(trimmed)-1], ",")
		}
		for _, part := range parts {
			key, value, ok := strings.Cut(part, ":")
			if !ok {
				return nil, fault.At(fault.Invalid, "faults", "line %d of the fault plan has no key: %q", n+1, trimmed)
			}
			into[strings.TrimSpace(key)] = scalar(strings.TrimSpace(key), strings.TrimSpace(value))
		}
	}
	top["faults"] = faults
	b, err := json.Marshal(top)
	if err != nil {
		return nil, fmt.Errorf("fault plan: %w", err)
	}
	return b, nil
}

// scalar is a YAML value; only the number fields become numbers.
func scalar(key, s string) any {
	s = strings.Trim(s, `"'`)
	switch key {
	case "seed", "skip", "count", "len", "code", "status", "rate":
		if _, err := strconv.ParseFloat(s, 64); err == nil {
			return json.Number(s)
		}
	}
	return s
}
