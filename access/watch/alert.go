package watch

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/anomaly"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/access/rotation"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/notify"
)

// kind is that of the records. It is nobody else's to follow.
const kind = "_alert"

// State is what people have made of an alert.
type State string

// The states of an alert.
const (
	Open         State = "open"
	Acknowledged State = "acknowledged" // somebody has seen it
	Dismissed    State = "dismissed"    // it was no abuse; what was done by itself is undone
)

// Alert is one incident as it is kept.
type Alert struct {
	ID       string           `json:"id"`      // alr_ and 24 hexadecimal digits, in the order of time
	Subject  string           `json:"subject"` // whose incident: key, ring, network, or anomaly.ManyNetworks
	Org      string           `json:"org"`
	App      string           `json:"app,omitempty"`
	Ring     string           `json:"ring,omitempty"`
	Key      string           `json:"key,omitempty"`
	Class    anomaly.Class    `json:"class"`
	Severity anomaly.Severity `json:"severity"`
	Score    float64          `json:"score"` // 0 to 1; orders alerts of a class, is no probability
	At       time.Time        `json:"at"`    // of the first evidence that was told
	Last     time.Time        `json:"last"`  // of the latest
	Count    int              `json:"count"` // how often it was told, by all nodes
	Reasons  []anomaly.Reason `json:"reasons"`
	Evidence []string         `json:"evidence"` // networks, clients and endpoints; of a failed roll-over the clients
	Nodes    []string         `json:"nodes"`    // that saw it
	Proposed anomaly.Action   `json:"proposed"`
	State    State            `json:"state"`
	By       string           `json:"by,omitempty"` // who acknowledged or dismissed it
	Decided  time.Time        `json:"decided,omitzero"`
	Taken    *Taken           `json:"taken,omitempty"`
}

// Bounds of one alert.
const (
	maxReasons  = 8
	maxEvidence = 16
	maxNodes    = 16
	maxText     = 200 // bytes of one piece of evidence
)

// take keeps alerts. A note is a line in the log and no more.
func (w *Watcher) take(ctx context.Context, list []anomaly.Alert) {
	for i := range list {
		a := &list[i]
		if a.Severity == anomaly.Low {
			w.log.Info("a use is unusual", "class", a.Class, "key", a.Key, "ring", a.Ring, "why", a.Reasons[0].Why, "evidence", a.Evidence)
			continue
		}
		if !w.admit(a) {
			if n := w.lost.Add(1); n&(n-1) == 0 {
				w.log.Error("more alerts than are kept in an hour; this one is only here", "class", a.Class, "subject", a.Subject, "so_far", n)
			}
			continue
		}
		w.keep(ctx, a)
	}
}

// admit bounds how many alerts an hour has.
func (w *Watcher) admit(a *anomaly.Alert) bool {
	if h := w.opt.Now().Truncate(time.Hour); !h.Equal(w.hour) {
		w.hour, w.fresh, w.free = h, 0, 0
	}
	if w.fresh >= perHour || a.Key == "" && a.Ring == "" && w.free >= keyless {
		return false
	}
	w.fresh++
	if a.Key == "" && a.Ring == "" {
		w.free++
	}
	return true
}

// keep stores an alert and acts; what the store does not take is tried again.
func (w *Watcher) keep(ctx context.Context, a *anomaly.Alert) {
	rec, news, err := w.record(ctx, a)
	if err != nil {
		if ctx.Err() == nil {
			w.log.Warn("an alert could not be stored; it is tried again", "class", a.Class, "subject", a.Subject, "err", err)
		}
		if len(w.late) >= maxLate {
			w.lost.Add(1)
			return
		}
		w.late = append(w.late, *a)
		return
	}
	w.alerts.Add(1)
	if news {
		w.log.Warn("an alert", "alert", rec.ID, "class", rec.Class, "severity", rec.Severity.String(), "key", rec.Key, "ring", rec.Ring, "proposed", rec.Proposed, "why", rec.Reasons[0].Why)
		w.act(ctx, &rec)
	}
}

func (w *Watcher) retry(ctx context.Context) {
	late := w.late
	w.late = nil
	for i := range late {
		w.keep(ctx, &late[i])
	}
}

// record puts an alert beside what is kept of its incident, in one transaction with its
// audit entry and notices. news says that people are told: it is new, or graver.
func (w *Watcher) record(ctx context.Context, a *anomaly.Alert) (out Alert, news bool, err error) {
	_, err = w.opt.Store.Change(ctx, func(tx access.Tx) error {
		out, news = Alert{}, false
		list, err := all(tx)
		if err != nil {
			return err
		}
		if err := w.sweep(tx, list); err != nil {
			return err
		}
		worse := false
		i := len(list) - 1
		for i >= 0 && (list[i].Subject != a.Subject || a.At.Sub(list[i].Last) >= quiet) {
			i--
		}
		if i < 0 {
			out, news = w.fill(a), true
		} else {
			out = list[i]
			out.Count++
			if a.At.After(out.Last) {
				out.Last = a.At.UTC()
			}
			out.Evidence = merge(out.Evidence, a.Evidence, maxEvidence)
			out.Nodes = merge(out.Nodes, []string{w.opt.Node}, maxNodes)
			if worse = a.Severity > out.Severity; worse {
				news = true
				out.Class, out.Severity, out.Score, out.Proposed, out.State = a.Class, a.Severity, a.Score, a.Proposed, Open
				out.Reasons = append(slices.Clone(a.Reasons), out.Reasons...)
				out.Reasons = out.Reasons[:min(len(out.Reasons), maxReasons)]
			}
		}
		if news && out.Taken == nil && slices.Contains(w.opt.Act, out.Proposed) {
			out.Taken = w.planned(&out)
		}
		if err := put(tx, &out); err != nil || !news {
			return err
		}
		return w.opt.Gate().Report(tx, gate.By{Name: "watch"}, access.KeysRead, out.ring(), out.event(worse))
	})
	return out, news, err
}

// fill makes the record of a new incident.
func (w *Watcher) fill(a *anomaly.Alert) Alert {
	out := Alert{
		ID: newID(a.At), Subject: a.Subject, Org: w.opt.Org, Ring: a.Ring, Key: a.Key, Class: a.Class, Severity: a.Severity, Score: a.Score,
		At: a.At.UTC(), Last: a.At.UTC(), Count: 1, Reasons: a.Reasons[:min(len(a.Reasons), maxReasons)], Evidence: merge(nil, a.Evidence, maxEvidence),
		Nodes: []string{w.opt.Node}, Proposed: a.Proposed, State: Open,
	}
	g := w.opt.Gate()
	c := g.Holder(a.Key)
	if c == nil && a.Ring != "" {
		c = g.Owner(a.Ring)
	}
	if c != nil {
		out.Org, out.App, out.Ring = c.Org, c.App, c.Ring
	}
	return out
}

// newID gives ids that sort by time.
func newID(at time.Time) string {
	var b [6]byte
	rand.Read(b[:])
	return fmt.Sprintf("alr_%012x%s", max(at.UnixMilli(), 0), hex.EncodeToString(b[:]))
}

func merge(list, more []string, most int) []string {
	out := slices.Clone(list)
	for _, s := range more {
		if s = strings.ToValidUTF8(s[:min(len(s), maxText)], ""); s != "" && len(out) < most && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// ring is whose matter an alert is, for the audit log.
func (a *Alert) ring() *access.Ring {
	return &access.Ring{ID: a.Ring, Org: a.Org, App: a.App}
}

// event is what the audit log and the notices say of an alert.
func (a *Alert) event(worse bool) rotation.Event {
	d := map[string]string{
		"alert": a.ID, "class": string(a.Class), "severity": a.Severity.String(), "proposed": string(a.Proposed),
		"why": a.Reasons[0].Feature + ": " + a.Reasons[0].Why, "evidence": strings.Join(a.Evidence, "; "), "subject": a.Subject,
	}
	if a.Class == anomaly.ClassRollover {
		d["clients"] = d["evidence"]
	}
	if worse {
		d["worse"] = "true"
	}
	if a.Taken != nil {
		d["step"], d["undo"] = string(a.Taken.Step), a.Taken.Undo
	}
	return rotation.Event{Type: notify.AnomalyDetected, Key: a.Key, Detail: d}
}

// all gives the alerts there are, oldest first.
func all(tx access.Tx) ([]Alert, error) {
	list, err := tx.List(kind, "", MaxAlerts+perHour)
	out := make([]Alert, 0, len(list))
	for i := range list {
		var a Alert
		if err := json.Unmarshal(list[i].Body, &a); err != nil {
			return nil, fault.Wrap(fault.Internal, err, "the alert %s cannot be read", list[i].ID)
		}
		out = append(out, a)
	}
	return out, err
}

func put(tx access.Tx, a *Alert) error {
	b, err := json.Marshal(a)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "the alert %s cannot be written", a.ID)
	}
	return tx.Put(kind, a.ID, b)
}

// sweep makes room: what is old goes, and the oldest of too many. An alert whose step is
// still in force stays while there is room.
func (w *Watcher) sweep(tx access.Tx, list []Alert) error {
	now := w.opt.Now()
	over := len(list) + 1 - MaxAlerts
	for i := range list {
		if i >= over && (now.Sub(list[i].Last) < Keep || list[i].Taken.holds()) {
			continue
		}
		if err := tx.Delete(kind, list[i].ID); err != nil {
			return err
		}
	}
	return nil
}

func get(tx access.Tx, org, id string) (a Alert, err error) {
	none := fault.At(fault.Unknown, "path.id", "there is no alert %.40q", id)
	if !access.ValidName(id) {
		return a, none
	}
	rec, err := tx.Get(kind, id)
	if err != nil {
		if fault.Of(err) == fault.Unknown {
			return a, none
		}
		return a, err
	}
	if err := json.Unmarshal(rec.Body, &a); err != nil {
		return a, fault.Wrap(fault.Internal, err, "the alert %s cannot be read", id)
	}
	if org != "" && a.Org != org {
		return Alert{}, none
	}
	return a, nil
}

func unavailable(err error) error {
	if err != nil && fault.Of(err) == fault.Internal {
		return fault.Wrap(fault.Unavailable, err, "alerts cannot be read or written now; try again in a moment")
	}
	return err
}
