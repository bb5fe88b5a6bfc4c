package api

import (
	"context"
	"net/http"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/anomaly"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/access/watch"
	"github.com/assayhq/assay/fault"
)

// Watch is told of every answer to a caller with a key, and of every stream when it is
// opened; *watch.Watcher is one. Used must not wait.
type Watch interface {
	Used(u anomaly.Use, version int)
}

// watched tells of an exchange once: at its end, or for a stream when it is opened.
func (x *exchange) watched(status int) {
	w := x.s.opt.Watch
	if w == nil || x.told || x.op == nil || x.caller == nil || x.caller.KeyID == "" {
		return
	}
	x.told = true
	c := x.caller
	u := anomaly.Use{At: x.began, Key: c.KeyID, Ring: c.Ring, App: c.App, Prefix: x.s.opt.Gate.Network(x.r), Agent: gate.Agent(x.r),
		Endpoint: x.op.class(), Status: status, Bytes: x.bytes}
	if status == http.StatusForbidden {
		u.Denied = string(x.op.Scope)
	}
	w.Used(u, c.N)
}

// Alert is something that looks like abuse.
type Alert struct {
	ID         string        `json:"id"`
	Class      string        `json:"class" doc:"What it looks like, such as stolen_key, enumeration, failed_rollover; docs/operate/anomalies.md explains each"`
	Severity   string        `json:"severity" enum:"medium,high,critical"`
	Score      float64       `json:"score" doc:"0 to 1; orders alerts of a class and is no probability"`
	State      string        `json:"state" enum:"open,acknowledged,dismissed"`
	Key        *string       `json:"key" doc:"Null where no key is known, such as when ids are guessed"`
	Ring       *string       `json:"ring"`
	App        *string       `json:"app"`
	Subject    string        `json:"subject" doc:"Whose incident it is: a key, a ring or a network"`
	At         time.Time     `json:"at" doc:"First evidence"`
	Last       time.Time     `json:"last_at" doc:"Latest evidence"`
	Count      int           `json:"count" doc:"How often it was told, by all servers"`
	Reasons    []AlertReason `json:"reasons" doc:"The features that led to it, the weightiest first"`
	Evidence   []string      `json:"evidence" doc:"Networks, clients and endpoints that were seen; of a failed_rollover the clients that still need the old key"`
	Nodes      []string      `json:"nodes" doc:"Servers that saw it"`
	Proposed   string        `json:"proposed" enum:"notify,halve,pin,suspend" doc:"The step that would fit"`
	Step       *string       `json:"step" enum:"halve,suspend" doc:"The step that was taken without asking; null: none"`
	StepState  *string       `json:"step_state" enum:"planned,done,failed,undone"`
	StepDetail *string       `json:"step_detail" doc:"Why it failed"`
	Undo       *string       `json:"undo" doc:"The command that undoes it; dismissing the alert does too"`
	UndoUntil  *time.Time    `json:"undo_until" doc:"Null: at any time"`
	By         *string       `json:"decided_by" doc:"Who acknowledged or dismissed it"`
	Decided    *time.Time    `json:"decided_at"`
}

// AlertReason is one feature that led to an alert.
type AlertReason struct {
	Feature  string  `json:"feature"`
	Seen     float64 `json:"seen"`
	Expected float64 `json:"expected" doc:"What is usual for the key"`
	Why      string  `json:"why"`
}

func alertOf(a *watch.Alert) Alert {
	out := Alert{
		ID: a.ID, Class: string(a.Class), Severity: a.Severity.String(), Score: a.Score, State: string(a.State), Key: known(a.Key), Ring: known(a.Ring), App: known(a.App),
		Subject: a.Subject, At: a.At, Last: a.Last, Count: a.Count, Reasons: []AlertReason{}, Evidence: some(a.Evidence), Nodes: some(a.Nodes),
		Proposed: string(a.Proposed), By: known(a.By), Decided: moment(a.Decided),
	}
	for _, r := range a.Reasons {
		out.Reasons = append(out.Reasons, AlertReason(r))
	}
	if t := a.Taken; t != nil {
		out.Step, out.StepState, out.StepDetail = known(string(t.Step)), known(string(t.Outcome)), known(t.Detail)
		out.Undo, out.UndoUntil = known(t.Undo), moment(t.Until)
	}
	return out
}

// registerAlerts is their part of the registry.
func (s *Server) registerAlerts() {
	op := func(id, method, path string, scope access.Scope, cost int, summary, doc string) Operation {
		return Operation{ID: id, Method: method, Path: path, Scope: scope, Cost: cost, Tag: "Keys", Summary: summary, Doc: doc}
	}
	add(s, op("list-alerts", http.MethodGet, "/v1/alerts", access.KeysRead, 5, "What looks like abuse",
		"Stolen keys, bursts, guessing, rotations that leave clients behind: one alert for one incident, the latest first. At most 2000 are kept, for 90 days after their last evidence. With admin:all, of every organisation."), s.alerts)
	add(s, op("get-alert", http.MethodGet, "/v1/alerts/{id}", access.KeysRead, 1, "One alert with the features that led to it", ""), s.alert)
	add(s, op("acknowledge-alert", http.MethodPost, "/v1/alerts/{id}/acknowledge", access.KeysWrite, 2, "Note that an alert was seen",
		"What was done without asking stays done."), s.acknowledgeAlert)
	add(s, op("dismiss-alert", http.MethodPost, "/v1/alerts/{id}/dismiss", access.KeysWrite, 5, "Note that an alert was no abuse",
		"What was done without asking is undone: a suspended key is active again, a halved rate is whole again."), s.dismissAlert)
}

// desk is where alerts are, and whose may be seen there; "" is everyone's.
func (s *Server) desk(ctx context.Context) (*watch.Desk, string, error) {
	if s.opt.Alerts == nil {
		return nil, "", fault.New(fault.Unavailable, "this server keeps no alerts")
	}
	c := gate.Caller(ctx)
	if c.Has(access.Admin) {
		return s.opt.Alerts, "", nil
	}
	return s.opt.Alerts, c.Org, nil
}

type alertsIn struct {
	State    string `query:"state" enum:"open,acknowledged,dismissed" doc:"Only those"`
	Class    string `query:"class" maxLength:"40" doc:"Only of this class"`
	Severity string `query:"severity" enum:"medium,high,critical" doc:"At least"`
	Key      string `query:"key" maxLength:"11" doc:"Only about this key"`
	Ring     string `query:"ring" maxLength:"17" doc:"Only about this ring"`
	Page
	Common
}

func (s *Server) alerts(ctx context.Context, in *alertsIn) (Answer[[]Alert], error) {
	a := Answer[[]Alert]{Data: []Alert{}, Meta: ours}
	d, org, err := s.desk(ctx)
	if err != nil {
		return a, err
	}
	f := watch.Filter{Org: org, State: watch.State(in.State), Class: anomaly.Class(in.Class), Key: in.Key, Ring: in.Ring}
	for f.Severity < anomaly.Critical && in.Severity != "" && f.Severity.String() != in.Severity {
		f.Severity++
	}
	list, err := d.List(ctx, f)
	if err != nil {
		return a, err
	}
	list, err = page(list, in.Page, &a.Meta, filterDigest("alerts", org, in.State, in.Class, in.Severity, in.Key, in.Ring))
	for i := range list {
		a.Data = append(a.Data, alertOf(&list[i]))
	}
	return a, err
}

type alertIn struct {
	ID string `path:"id" maxLength:"40" doc:"An alert"`
	Common
}

func (s *Server) alert(ctx context.Context, in *alertIn) (Answer[Alert], error) {
	return s.answerAlert(ctx, func(d *watch.Desk, org string) (watch.Alert, error) { return d.Get(ctx, org, in.ID) })
}

func (s *Server) acknowledgeAlert(ctx context.Context, in *alertIn) (Answer[Alert], error) {
	return s.answerAlert(ctx, func(d *watch.Desk, org string) (watch.Alert, error) { return d.Acknowledge(ctx, by(ctx), org, in.ID) })
}

func (s *Server) dismissAlert(ctx context.Context, in *alertIn) (Answer[Alert], error) {
	return s.answerAlert(ctx, func(d *watch.Desk, org string) (watch.Alert, error) { return d.Dismiss(ctx, by(ctx), org, in.ID) })
}

func (s *Server) answerAlert(ctx context.Context, ask func(*watch.Desk, string) (watch.Alert, error)) (Answer[Alert], error) {
	a := Answer[Alert]{Meta: ours}
	d, org, err := s.desk(ctx)
	if err != nil {
		return a, err
	}
	rec, err := ask(d, org)
	if err != nil {
		return a, err
	}
	a.Data = alertOf(&rec)
	return a, nil
}
