package limit

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"io"
	"maps"
	"reflect"
	"regexp"
	"time"

	"github.com/assayhq/assay/fault"
)

// Plan is what an app has bought, as versioned data. In every limit 0 is unlimited.
type Plan struct {
	Name          string           `json:"name"`
	Version       int              `json:"version"`       // 1, 2, 3 ...; a higher one replaces a lower
	Rate          int64            `json:"rate"`          // units per second that come back
	Burst         int64            `json:"burst"`         // units at once; needed when Rate is given
	Daily         int64            `json:"daily_units"`   // per calendar day, UTC
	Monthly       int64            `json:"monthly_units"` // per calendar month, UTC
	Concurrency   int64            `json:"concurrency"`   // requests at the same time
	Connections   int64            `json:"connections"`   // streams at the same time
	Subscriptions int64            `json:"subscriptions"` // of all streams together
	History       Span             `json:"history"`       // how far back data may be read
	Weights       map[string]int64 `json:"weights"`       // units per request by endpoint class; 1 when not listed
}

// Span is a duration that JSON shows as Go writes it, such as "720h".
type Span time.Duration

// UnmarshalText reads "720h"; "" is 0.
func (s *Span) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*s = 0
		return nil
	}
	d, err := time.ParseDuration(string(b))
	*s = Span(d)
	return err
}

// MarshalText writes it back.
func (s Span) MarshalText() ([]byte, error) { return []byte(time.Duration(s).String()), nil }

// Cost is what a request of an endpoint class costs, in units.
func (p *Plan) Cost(class string) int64 {
	if w, ok := p.Weights[class]; ok {
		return w
	}
	return 1
}

// Plans are plans by name, the highest version of each.
type Plans map[string]Plan

// What ParsePlans takes at most.
const (
	maxFile   = 1 << 20
	maxPlans  = 1000
	maxWeight = 1_000_000
)

var (
	//go:embed plans.json
	examples []byte
	nameForm = regexp.MustCompile(`^[a-z][a-z0-9_.-]{0,31}$`)
)

// Examples are the plans free, pro, business and enterprise that come with the program.
func Examples() (Plans, error) { return ParsePlans(examples) }

// ParsePlans reads and checks `{"plans": [...]}`. Of several versions of a plan the
// highest stays.
func ParsePlans(file []byte) (Plans, error) {
	if len(file) > maxFile {
		return nil, fault.At(fault.TooLarge, "plans", "the file has %d bytes; at most %d are read", len(file), maxFile)
	}
	var in struct {
		Plans []Plan `json:"plans"`
	}
	d := json.NewDecoder(bytes.NewReader(file))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "the plans are no JSON of the form {\"plans\": [{\"name\": ..., \"version\": ...}]}: %v", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fault.At(fault.Invalid, "plans", "something follows the plans; the file holds one JSON object")
	}
	if len(in.Plans) == 0 || len(in.Plans) > maxPlans {
		return nil, fault.At(fault.Invalid, "plans", "there are %d plans; 1 to %d can be given", len(in.Plans), maxPlans)
	}
	out := Plans{}
	for _, p := range in.Plans {
		if err := p.check(); err != nil {
			return nil, err
		}
		if err := out.put(p); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// With gives the plans with newer ones added: a higher version replaces a lower, a
// lower one changes nothing, and the same version with other content is a Conflict,
// because accounts already live by it.
func (p Plans) With(newer Plans) (Plans, error) {
	out := maps.Clone(p)
	if out == nil {
		out = Plans{}
	}
	for _, n := range newer {
		if err := out.put(n); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (p Plans) put(n Plan) error {
	old, ok := p[n.Name]
	if ok && old.Version == n.Version && !reflect.DeepEqual(old, n) {
		return fault.At(fault.Conflict, "plans."+n.Name, "version %d is there already with other content; give the change version %d", n.Version, n.Version+1)
	}
	if !ok || n.Version > old.Version {
		p[n.Name] = n
	}
	return nil
}

func (p *Plan) check() error {
	if !nameForm.MatchString(p.Name) {
		return fault.At(fault.Invalid, "plans.name", "%.40q is no name of a plan: a-z first, then a-z 0-9 _ . -, at most 32", p.Name)
	}
	at := "plans." + p.Name + "."
	if p.Version < 1 {
		return fault.At(fault.Invalid, at+"version", "is %d; versions count from 1", p.Version)
	}
	for _, f := range []struct {
		name   string
		v, max int64
	}{
		{"rate", p.Rate, MaxRate}, {"burst", p.Burst, MaxBurst},
		{"daily_units", p.Daily, MaxUnits}, {"monthly_units", p.Monthly, MaxUnits},
		{"concurrency", p.Concurrency, MaxBurst}, {"connections", p.Connections, MaxBurst},
		{"subscriptions", p.Subscriptions, MaxBurst}, {"history", int64(p.History), int64(100 * 366 * 24 * time.Hour)},
	} {
		if f.v < 0 || f.v > f.max {
			return fault.At(fault.Invalid, at+f.name, "is %d; it must be 0 (unlimited) to %d", f.v, f.max)
		}
	}
	if (p.Rate == 0) != (p.Burst == 0) {
		return fault.At(fault.Invalid, at+"burst", "rate %d and burst %d: both are 0 (unlimited) or neither", p.Rate, p.Burst)
	}
	if p.Monthly > 0 && p.Daily > p.Monthly {
		return fault.At(fault.Invalid, at+"daily_units", "%d a day can never be used with %d a month", p.Daily, p.Monthly)
	}
	if len(p.Weights) > 1000 {
		return fault.At(fault.Invalid, at+"weights", "has %d classes; at most 1000", len(p.Weights))
	}
	for c, w := range p.Weights {
		if !nameForm.MatchString(c) || w < 0 || w > maxWeight {
			return fault.At(fault.Invalid, at+"weights", "%.40q: %d; a class has a name of a-z 0-9 _ . - and 0 to %d units", c, w, maxWeight)
		}
	}
	return nil
}
