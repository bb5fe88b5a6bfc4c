package api

import (
	"context"
	"net/http"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/notify"
	"github.com/assayhq/assay/notify/box"
)

// Webhooks is what the api needs to let owners keep endpoints; *box.Box is one.
type Webhooks interface {
	Register(ctx context.Context, s box.Spec) (h box.Hook, secret string, err error)
	List(ctx context.Context, org string) ([]box.Hook, error)
	Delete(ctx context.Context, org, id string) (box.Hook, error)
	Enable(ctx context.Context, org, id string) (box.Hook, error)
	Rotate(ctx context.Context, org, id string, overlap time.Duration) (h box.Hook, secret string, err error)
	Log(ctx context.Context, org, id string, limit int) ([]notify.Attempt, error)
	Test(ctx context.Context, org, id string) (event string, err error)
	Replay(ctx context.Context, org, id, event string, since time.Time) (int, error)
}

// Webhook is an endpoint that is told what happens, without its secrets.
type Webhook struct {
	ID          string     `json:"id"`
	URL         string     `json:"url"`
	Events      []string   `json:"events" doc:"Types, prefixes such as key.*, or *"`
	Description string     `json:"description"`
	State       string     `json:"state" enum:"enabled,disabled"`
	Reason      *string    `json:"reason" doc:"Why it is disabled"`
	Waiting     int        `json:"waiting" doc:"Deliveries that are still to be made"`
	Created     time.Time  `json:"created_at"`
	OverlapEnd  *time.Time `json:"overlap_until" doc:"Until when deliveries are signed with an old secret too; null: only with the newest"`
}

// NewWebhook is an endpoint with the secret it was just given.
type NewWebhook struct {
	Webhook
	Secret string `json:"secret" doc:"Keep it: it is never shown again. Standard Webhooks libraries take it as it is"`
}

// WebhookAttempt is one try to deliver one event.
type WebhookAttempt struct {
	Delivery string    `json:"delivery" doc:"Id of the event, sent as webhook-id; the same in every repetition"`
	Type     string    `json:"type"`
	N        int       `json:"n" doc:"Number of the attempt; a replay begins again at 1"`
	At       time.Time `json:"at"`
	TookMS   float64   `json:"took_ms"`
	Status   *int      `json:"status" doc:"HTTP status; null: there was no answer"`
	Outcome  string    `json:"outcome" enum:"delivered,failed,exhausted,gone,dropped" doc:"Only after failed does another attempt follow by itself"`
	Error    *string   `json:"error"`
	Response *string   `json:"response" doc:"The first 4 kB of the answer"`
}

// Queued says what was sent on its way.
type Queued struct {
	Delivery *string `json:"delivery" doc:"Id of the event, when it is one"`
	Count    int     `json:"count" doc:"Deliveries that are due now"`
}

// webhookFace is how endpoints are told over HTTP. Without a keeper of them every
// operation is unavailable.
type webhookFace struct {
	w   Webhooks
	now func() time.Time
}

// registerWebhooks is their part of the registry.
func (s *Server) registerWebhooks(w Webhooks) {
	f := webhookFace{w, s.opt.Gate.Now}
	op := func(id, method, path string, cost, status int, summary, doc string) Operation {
		return Operation{ID: id, Method: method, Path: path, Scope: access.WebhooksWrite, Cost: cost, Tag: "Webhooks", status: status, Summary: summary, Doc: doc}
	}
	add(s, op("create-webhook", http.MethodPost, "/v1/webhooks", 5, http.StatusCreated, "Register an endpoint",
		"It is told what happens to the organisation's keys and limits, signed as Standard Webhooks 1.0.0 says. The secret is in this answer and nowhere else. At most 64 endpoints."), f.create)
	add(s, op("list-webhooks", http.MethodGet, "/v1/webhooks", 2, 0, "Endpoints, without their secrets", "Newest first."), f.list)
	add(s, op("delete-webhook", http.MethodDelete, "/v1/webhooks/{id}", 2, 0, "Delete an endpoint",
		"What waits for it is dropped. The answer is the endpoint as it was."), f.delete)
	add(s, op("enable-webhook", http.MethodPost, "/v1/webhooks/{id}/enable", 2, 0, "Deliver to a disabled endpoint again",
		"One that answered 410 was disabled. Events that it missed before it was disabled can be replayed; those that happened while it was disabled were not kept for it."), f.enable)
	add(s, op("rotate-webhook", http.MethodPost, "/v1/webhooks/{id}/rotate", 5, http.StatusCreated, "Give an endpoint a new secret",
		"During the overlap every delivery has two signatures, so the receiver can change in its own time."), f.rotate)
	add(s, op("list-deliveries", http.MethodGet, "/v1/webhooks/{id}/deliveries", 2, 0, "What became of deliveries",
		"The latest 1000 attempts of the last 30 days, the last one first."), f.deliveries)
	add(s, op("test-webhook", http.MethodPost, "/v1/webhooks/{id}/test", 5, http.StatusAccepted, "Send an endpoint a test",
		"An event of the first type that it wants, whose data is `{\"test\":true}`. What becomes of it is in its deliveries."), f.test)
	add(s, op("replay-webhook", http.MethodPost, "/v1/webhooks/{id}/replay", 10, http.StatusAccepted, "Send again",
		"One delivery, or everything attempted since a time that never arrived. A repetition has the same webhook-id. What still waits is made due at once."), f.replay)
}

func (f *webhookFace) ready() error {
	if f.w == nil {
		return fault.New(fault.Unavailable, "this server does not deliver webhooks")
	}
	return nil
}

func (f *webhookFace) of(h *box.Hook) Webhook {
	out := Webhook{ID: h.ID, URL: h.URL, Events: some(h.Events), Description: h.Description, State: string(h.State), Reason: known(h.Reason), Waiting: h.Waiting, Created: h.Created}
	now := f.now()
	for i := range h.Secrets {
		s := &h.Secrets[i]
		if !s.Until.IsZero() && s.Live(now) && (out.OverlapEnd == nil || s.Until.After(*out.OverlapEnd)) {
			out.OverlapEnd = &s.Until
		}
	}
	return out
}

type createWebhookIn struct {
	Body struct {
		URL         string   `json:"url" minLength:"1" maxLength:"2048" doc:"https only, on the public internet; or mailto: with an address that the settings allow, which gets letters"`
		Events      []string `json:"events" minItems:"1" maxItems:"32" maxLength:"64" doc:"Types, prefixes such as key.*, or *"`
		Description string   `json:"description,omitempty" maxLength:"200"`
	}
	Common
}

func (f *webhookFace) create(ctx context.Context, in *createWebhookIn) (Answer[NewWebhook], error) {
	a := Answer[NewWebhook]{Meta: ours}
	if err := f.ready(); err != nil {
		return a, err
	}
	h, secret, err := f.w.Register(ctx, box.Spec{Org: gate.Caller(ctx).Org, URL: in.Body.URL, Events: in.Body.Events, Description: in.Body.Description})
	if err != nil {
		return a, inBody(err)
	}
	a.Data = NewWebhook{f.of(&h), secret}
	return a, nil
}

// inBody puts the place of a mistake into the caller's terms.
func inBody(err error) error {
	switch field := fault.Field(err); field {
	case "url", "events", "description", "overlap_seconds", "venue", "pair", "what", "interval", "start", "end", "share":
		return &problemError{error: err, details: []detail{{Location: "body." + field, Message: fault.Public(err)}}}
	}
	return err
}

type webhooksIn struct {
	Page
	Common
}

func (f *webhookFace) list(ctx context.Context, in *webhooksIn) (Answer[[]Webhook], error) {
	a := Answer[[]Webhook]{Data: []Webhook{}, Meta: ours}
	if err := f.ready(); err != nil {
		return a, err
	}
	org := gate.Caller(ctx).Org
	list, err := f.w.List(ctx, org)
	if err != nil {
		return a, err
	}
	list, err = page(list, in.Page, &a.Meta, filterDigest("webhooks", org))
	for i := range list {
		a.Data = append(a.Data, f.of(&list[i]))
	}
	return a, err
}

type webhookIn struct {
	ID string `path:"id" maxLength:"64" doc:"An endpoint"`
	Common
}

func (f *webhookFace) delete(ctx context.Context, in *webhookIn) (Answer[Webhook], error) {
	a := Answer[Webhook]{Meta: ours}
	if err := f.ready(); err != nil {
		return a, err
	}
	h, err := f.w.Delete(ctx, gate.Caller(ctx).Org, in.ID)
	if err != nil {
		return a, err
	}
	a.Data = f.of(&h)
	return a, nil
}

func (f *webhookFace) enable(ctx context.Context, in *webhookIn) (Answer[Webhook], error) {
	a := Answer[Webhook]{Meta: ours}
	if err := f.ready(); err != nil {
		return a, err
	}
	h, err := f.w.Enable(ctx, gate.Caller(ctx).Org, in.ID)
	if err != nil {
		return a, err
	}
	a.Data = f.of(&h)
	return a, nil
}

type rotateWebhookIn struct {
	ID   string `path:"id" maxLength:"64" doc:"An endpoint"`
	Body struct {
		Overlap *int64 `json:"overlap_seconds,omitempty" minimum:"0" maximum:"604800" doc:"How long the old secrets sign beside the new one; default a day, 0 ends them at once"`
	}
	Common
}

func (f *webhookFace) rotate(ctx context.Context, in *rotateWebhookIn) (Answer[NewWebhook], error) {
	a := Answer[NewWebhook]{Meta: ours}
	if err := f.ready(); err != nil {
		return a, err
	}
	overlap := box.DefaultOverlap
	if s := in.Body.Overlap; s != nil {
		overlap = time.Duration(*s) * time.Second
	}
	h, secret, err := f.w.Rotate(ctx, gate.Caller(ctx).Org, in.ID, overlap)
	if err != nil {
		return a, inBody(err)
	}
	a.Data = NewWebhook{f.of(&h), secret}
	return a, nil
}

type deliveriesIn struct {
	ID string `path:"id" maxLength:"64" doc:"An endpoint"`
	Page
	Common
}

func (f *webhookFace) deliveries(ctx context.Context, in *deliveriesIn) (Answer[[]WebhookAttempt], error) {
	a := Answer[[]WebhookAttempt]{Data: []WebhookAttempt{}, Meta: ours}
	if err := f.ready(); err != nil {
		return a, err
	}
	org := gate.Caller(ctx).Org
	list, err := f.w.Log(ctx, org, in.ID, box.MaxAttempts)
	if err != nil {
		return a, err
	}
	list, err = page(list, in.Page, &a.Meta, filterDigest("deliveries", org, in.ID))
	for _, t := range list {
		a.Data = append(a.Data, WebhookAttempt{t.Event, t.Type, t.N, t.At, millis(t.Took), known(t.Status), string(t.Outcome), known(t.Error), known(t.Response)})
	}
	return a, err
}

func (f *webhookFace) test(ctx context.Context, in *webhookIn) (Answer[Queued], error) {
	a := Answer[Queued]{Meta: ours}
	if err := f.ready(); err != nil {
		return a, err
	}
	id, err := f.w.Test(ctx, gate.Caller(ctx).Org, in.ID)
	a.Data = Queued{known(id), 1}
	return a, err
}

type replayWebhookIn struct {
	ID   string `path:"id" maxLength:"64" doc:"An endpoint"`
	Body struct {
		Delivery string     `json:"delivery,omitempty" maxLength:"64" doc:"One, by the event's id"`
		Since    *time.Time `json:"since,omitempty" doc:"Everything attempted since that never arrived"`
	}
	Common
}

func (f *webhookFace) replay(ctx context.Context, in *replayWebhookIn) (Answer[Queued], error) {
	a := Answer[Queued]{Meta: ours}
	if err := f.ready(); err != nil {
		return a, err
	}
	var since time.Time
	if in.Body.Since != nil {
		since = *in.Body.Since
	}
	n, err := f.w.Replay(ctx, gate.Caller(ctx).Org, in.ID, in.Body.Delivery, since)
	a.Data = Queued{known(in.Body.Delivery), n}
	return a, err
}
