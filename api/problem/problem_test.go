package problem

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/access/limit"
	"github.com/assayhq/assay/fault"
)

func TestEveryKindHasOneStatusAndOnePage(t *testing.T) {
	seen := map[int]bool{}
	for _, k := range fault.Kinds() {
		c := Of(k)
		if c.Kind != k || seen[c.Status] || c.Status < 400 || c.Title == "" || c.Means == "" || c.Do == "" || c.Page() != "/errors/"+k.String() {
			t.Errorf("%v: %+v", k, c)
		}
		seen[c.Status] = true
	}
	if Of(200).Kind != fault.Internal {
		t.Error("an unknown kind is no failure of the caller's")
	}
}

func TestABrokenLimitIsToldAsItStands(t *testing.T) {
	p := limit.Plan{Burst: 10, Daily: 20, Monthly: 30, Concurrency: 4, Connections: 5, Subscriptions: 6}
	a := &limit.Answer{
		Rate: limit.Standing{Limit: 10, Remaining: 3, Reset: 1500 * time.Millisecond},
		Day:  limit.Standing{Limit: 20, Remaining: 1, Reset: time.Hour},
	}
	cause := &gate.Exceeded{Policies: []string{"burst", "day", "concurrency", "connections", "subscriptions"}}
	err := Limit(fault.Wrap(fault.Exhausted, cause, "too much"), p, a)
	l, ok := errors.AsType[*Limited](err)
	if !ok || fault.Of(err) != fault.Exhausted || fault.Public(err) != "too much" {
		t.Fatal(err)
	}
	b, _ := json.Marshal(l.Violated)
	if want := `[{"policy":"burst","limit":10,"remaining":3,"reset":2},{"policy":"day","limit":20,"remaining":1,"reset":3600},{"policy":"concurrency","limit":4,"remaining":0,"reset":null},{"policy":"connections","limit":5,"remaining":0,"reset":null},{"policy":"subscriptions","limit":6,"remaining":null,"reset":null}]`; string(b) != want {
		t.Errorf("got  %s\nwant %s", b, want)
	}
	other := fault.New(fault.Exhausted, "too many tickets")
	if Limit(other, p, a) != other || Limit(nil, p, nil) != nil {
		t.Error("what breaks no limit of a plan was changed")
	}
}
