package app

import (
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/anomaly"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/access/watch"
	"github.com/assayhq/assay/fault"
)

// Anomalies says how abuse of keys is watched for.
type Anomalies struct {
	Off      bool          `koanf:"off" doc:"do not watch how keys are used"`
	Act      []string      `koanf:"act" doc:"steps taken without asking when an alert proposes them: halve (half the app's rate), suspend (only keys that can place orders); empty: owners are only told. Dismissing the alert undoes the step"`
	Org      string        `koanf:"org" doc:"organisation that is told of what concerns nobody's key, such as guessing"`
	Canaries []string      `koanf:"canaries" doc:"ids of keys that were laid out to be found: any use of them is an alert"`
	Learn    time.Duration `koanf:"learn" doc:"how long a key is only learnt from before its habits count"`
}

func (c *Anomalies) check() error {
	for _, a := range c.Act {
		if !slices.Contains([]string{"halve", "suspend"}, a) {
			return fault.At(fault.Invalid, "anomalies.act", "there is no step %q that can be taken without asking; use halve or suspend", a)
		}
	}
	if c.Learn < time.Hour {
		return fault.At(fault.Invalid, "anomalies.learn", "a key is learnt from for an hour at least")
	}
	return nil
}

// watcher makes the watcher over a gate that is made after it; nil when there is none.
// file is where it keeps what it learns.
func (c *Anomalies) watcher(store access.Store, file, node string, g func() *gate.Gate, log *slog.Logger) (*watch.Watcher, error) {
	if c.Off {
		return nil, nil
	}
	o := watch.Options{Store: store, Gate: g, Node: node, Org: c.Org, Canaries: c.Canaries, Learn: c.Learn, File: file, Seed: rand.Uint64(), Logger: log}
	for _, a := range c.Act {
		o.Act = append(o.Act, anomaly.Action(a))
	}
	return watch.New(o)
}

// watched lets the gate tell the watcher of what it refuses.
func (a *App) watched(o *gate.Options) {
	if a.watcher != nil {
		o.Watch = a.watcher
	}
}
