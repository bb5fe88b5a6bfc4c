// Package notify says what is told to the owners of apps, to whom, and what became
// of it: events, endpoints that want them, deliveries that wait and the log of attempts.
//
// These are nouns and the small interfaces they need; no I/O, no clock. It never holds
// a signing secret, only a reference to one, and an event never holds a key's token.
// What always holds: a delivery leaves the outbox only in the same change that records
// its last attempt, so whatever is killed at any moment, it is made at least once; the
// receiver knows a repetition by the event's id. The order of deliveries is not promised.
//
// webhook delivers to endpoints, mail writes to people, a store implements Outbox and
// Endpoints and is examined by notifytest, and the gateway calls Publish.
package notify

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"strings"
	"time"

	"github.com/assayhq/assay/fault"
)

// The types of events. The list is closed; Types says what each means.
const (
	KeyCreated         = "key.created"
	KeyConfirmed       = "key.confirmed"
	KeyRotationStarted = "key.rotation_started"
	KeyRetiring        = "key.retiring"
	KeyStraggler       = "key.straggler_detected"
	KeyBrownout        = "key.brownout_started"
	KeySuspended       = "key.suspended"
	KeyRetired         = "key.retired"
	KeyRolledBack      = "key.rolled_back"
	KeyRevoked         = "key.revoked"
	KeyLeaked          = "key.leaked"
	AnomalyDetected    = "anomaly.detected"
	UsageThreshold     = "usage.threshold"
	LimitExceeded      = "limit.exceeded"
	JWKSRotated        = "jwks.rotated"
	AuditCheckpoint    = "audit.checkpoint"
	RingDue            = "ring.rotation_due"
	RingPushFailed     = "ring.push_failed"
	RingPushUnread     = "ring.push_unread"
)

// Types gives every event type with what it means, for checks, help texts and docs.
func Types() map[string]string {
	return map[string]string{
		KeyCreated:         "a key was made and is accepted",
		KeyConfirmed:       "a key was used by its client for the first time",
		KeyRotationStarted: "a successor was made in a ring; both keys are accepted",
		KeyRetiring:        "the successor is confirmed; the old key is accepted until a stated time",
		KeyStraggler:       "a client still uses the old key of a ring that has a confirmed successor",
		KeyBrownout:        "the old key is refused for short periods, so that stragglers notice",
		KeySuspended:       "a key is no longer accepted and can be brought back until a stated time",
		KeyRetired:         "a key ended in good order and cannot come back",
		KeyRolledBack:      "a rotation was undone; the old key is the one to use again",
		KeyRevoked:         "a key was ended at once and cannot come back",
		KeyLeaked:          "a key was found in a public place",
		AnomalyDetected:    "something looks like abuse: a key used as it never was, keys being guessed, a rotation that leaves a client behind",
		UsageThreshold:     "an app has used a stated share of its quota",
		LimitExceeded:      "an app ran into one of its limits",
		JWKSRotated:        "the keys that sign this installation's tokens changed",
		AuditCheckpoint:    "a signed checkpoint of the audit log is available",
		RingDue:            "a ring's schedule asks for a rotation, and nothing delivers new keys by itself",
		RingPushFailed:     "a new key could not be delivered to its keeper; the old one is in use as before",
		RingPushUnread:     "a key was delivered to its keeper and its client has not used it; both keys are accepted",
	}
}

// MaxData is the most bytes that an event's data may have. Standard Webhooks advises
// payloads below 20 kB.
const MaxData = 16 << 10

// Event is something that happened. It never changes once it was published.
type Event struct {
	ID   string          `json:"id"`             // msg_ and 26 base32 characters; given by NewID; the receiver's key against repetitions
	Type string          `json:"type"`           // one of Types
	At   time.Time       `json:"at"`             // when it happened, given by whoever saw it
	Org  string          `json:"org"`            // whose event it is
	App  string          `json:"app,omitempty"`  // "" concerns the whole organisation
	Data json.RawMessage `json:"data,omitempty"` // a JSON object; no secrets
}

// NewID makes the id of an event: "msg_" and 128 random bits in base32.
func NewID() string { return "msg_" + strings.ToLower(rand.Text()) }

// MaxID is the most bytes an event's id may have.
const MaxID = 64

// ValidID tells whether s can be an event's id: "msg_" and letters or digits. A full
// stop in it would make the signed text ambiguous.
func ValidID(s string) bool {
	rest, ok := strings.CutPrefix(s, "msg_")
	if !ok || rest == "" || len(s) > MaxID {
		return false
	}
	for _, c := range []byte(rest) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9') {
			return false
		}
	}
	return true
}

// Check tells what is wrong with an event.
func (e *Event) Check() error {
	switch _, known := Types()[e.Type]; {
	case !ValidID(e.ID):
		return fault.At(fault.Invalid, "id", "event id must be msg_ followed by letters and digits, at most %d bytes", MaxID)
	case !known:
		return fault.At(fault.Invalid, "type", "event type %.64q is unknown", e.Type)
	case e.Org == "":
		return fault.At(fault.Invalid, "org", "an event needs an organisation")
	case e.At.IsZero():
		return fault.At(fault.Invalid, "at", "an event needs a time")
	case len(e.Data) > MaxData:
		return fault.At(fault.TooLarge, "data", "the event's data has %d bytes; the most is %d", len(e.Data), MaxData)
	case len(e.Data) > 0 && !isObject(e.Data):
		return fault.At(fault.Invalid, "data", "the event's data must be a JSON object")
	}
	return nil
}

func isObject(b []byte) bool {
	return json.Valid(b) && bytes.HasPrefix(bytes.TrimLeft(b, " \t\r\n"), []byte("{"))
}

// Payload is the body that is sent and signed: type, timestamp and data as Standard
// Webhooks 1.0.0 recommends, with the organisation and app beside them. The same event
// always gives the same bytes.
func (e *Event) Payload() ([]byte, error) {
	data := e.Data
	if len(data) == 0 {
		data = json.RawMessage("{}")
	}
	b, err := json.Marshal(struct {
		Type      string          `json:"type"`
		Timestamp time.Time       `json:"timestamp"`
		Org       string          `json:"org"`
		App       string          `json:"app,omitempty"`
		Data      json.RawMessage `json:"data"`
	}{e.Type, e.At.UTC(), e.Org, e.App, data})
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "event %s cannot be written as JSON", e.ID)
	}
	return b, nil
}
