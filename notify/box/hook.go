package box

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/notify"
)

// Bounds of endpoints.
const (
	MaxDescription = 200                // bytes
	DefaultOverlap = 24 * time.Hour     // that an old secret goes on signing after a rotation
	MaxOverlap     = 7 * 24 * time.Hour // the longest that it may
)

// Hook is an endpoint as its owner sees it.
type Hook struct {
	notify.Endpoint
	Description string `json:"description,omitempty"`
	Waiting     int    `json:"-"` // deliveries that are not yet made
}

// filed is a hook as it lies in the store.
type filed struct {
	Hook
	Sealed map[string][]byte `json:"sealed"` // by reference
	Last   int               `json:"last"`   // number of the newest secret
}

// Spec is what an owner says of an endpoint.
type Spec struct {
	Org         string
	App         string // "": events of every app
	URL         string
	Events      []string // patterns
	Description string
}

func hookID(id string) string { return "id/" + id }

// shelf is where the ids of an organisation's endpoints begin. An organisation's name may
// hold what a record's id may not.
func shelf(org string) string {
	return "org/" + base64.RawURLEncoding.EncodeToString([]byte(org)) + "/"
}

func hook(tx access.Tx, id string) (*filed, error) {
	if id == "" || strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" || len(id) > 64 {
		return nil, fault.At(fault.Unknown, "id", "no endpoint %.64q", id)
	}
	f, found, err := get[filed](tx, kindHook, hookID(id))
	if err == nil && !found {
		err = fault.At(fault.Unknown, "id", "no endpoint %.64q", id)
	}
	return &f, err
}

// owned gives an endpoint if it is the organisation's: another's does not exist for it.
func owned(tx access.Tx, org, id string) (*filed, error) {
	f, err := hook(tx, id)
	if err == nil && f.Org != org {
		err = fault.At(fault.Unknown, "id", "no endpoint %.64q", id)
	}
	return f, err
}

func ofOrg(tx access.Tx, org string) (out []Hook, err error) {
	prefix := shelf(org)
	rs, err := tx.List(kindHook, prefix, notify.MaxEndpoints)
	if err != nil {
		return nil, err
	}
	for _, r := range rs {
		id, mine := strings.CutPrefix(r.ID, prefix)
		if !mine {
			break
		}
		f, err := hook(tx, id)
		if err != nil {
			return nil, err
		}
		out = append(out, f.Hook)
	}
	return out, nil
}

// Register adds an endpoint and gives its signing secret, which is told this once.
func (b *Box) Register(ctx context.Context, s Spec) (Hook, string, error) {
	if s.Org == "" {
		return Hook{}, "", fault.At(fault.Invalid, "org", "an endpoint needs an organisation")
	}
	if len(s.Org) > 100 {
		return Hook{}, "", fault.At(fault.Invalid, "org", "an organisation's name has at most 100 bytes")
	}
	if len(s.Description) > MaxDescription {
		return Hook{}, "", fault.At(fault.Invalid, "description", "a description has at most %d bytes", MaxDescription)
	}
	if err := notify.CheckPatterns(s.Events); err != nil {
		return Hook{}, "", err
	}
	checked, err := b.o.CheckURL(s.URL)
	if err != nil {
		return Hook{}, "", err
	}
	events := slices.Clone(s.Events)
	slices.Sort(events)
	f := filed{Hook: Hook{Description: s.Description, Endpoint: notify.Endpoint{
		ID: "hook_" + strings.ToLower(rand.Text()), Org: s.Org, App: s.App, URL: checked,
		Events: slices.Compact(events), State: notify.Enabled, Created: b.o.Now().UTC(),
	}}}
	secret, err := b.renew(&f)
	if err != nil {
		return Hook{}, "", err
	}
	err = b.change(ctx, func(tx access.Tx) error {
		there, err := ofOrg(tx, s.Org)
		if err != nil {
			return err
		}
		if len(there) >= notify.MaxEndpoints {
			return fault.New(fault.Conflict, "the organisation has %d endpoints already; delete one", notify.MaxEndpoints)
		}
		if err := tx.Put(kindHook, shelf(s.Org)+f.ID, []byte("{}")); err != nil {
			return err
		}
		if err := b.journal(ctx, tx, "created", &f, map[string]string{"host": host(checked), "events": strings.Join(f.Events, " ")}); err != nil {
			return err
		}
		return put(tx, kindHook, hookID(f.ID), f)
	})
	if err != nil {
		return Hook{}, "", err
	}
	return f.Hook, secret, nil
}

// List gives an organisation's endpoints, the newest first.
func (b *Box) List(ctx context.Context, org string) (out []Hook, err error) {
	err = b.store.View(ctx, func(tx access.Tx) error {
		if out, err = ofOrg(tx, org); err != nil {
			return err
		}
		for i := range out {
			if err := out[i].count(tx); err != nil {
				return err
			}
		}
		return nil
	})
	slices.SortFunc(out, func(x, y Hook) int {
		if c := y.Created.Compare(x.Created); c != 0 {
			return c
		}
		return strings.Compare(x.ID, y.ID)
	})
	return out, err
}

// count fills in what waits for an endpoint.
func (h *Hook) count(tx access.Tx) error {
	q, err := openQueue(tx, h.ID)
	h.Waiting = q.Count
	return err
}

// Delete ends an endpoint and gives it as it was. What waits for it is dropped by the
// deliverer.
func (b *Box) Delete(ctx context.Context, org, id string) (h Hook, err error) {
	err = b.change(ctx, func(tx access.Tx) error {
		f, err := owned(tx, org, id)
		if err != nil {
			return err
		}
		h = f.Hook
		if err := h.count(tx); err != nil {
			return err
		}
		if err := tx.Delete(kindHook, shelf(org)+f.ID); err != nil {
			return err
		}
		if err := b.journal(ctx, tx, "deleted", f, nil); err != nil {
			return err
		}
		return tx.Delete(kindHook, hookID(f.ID))
	})
	return h, err
}

// Enable lets a disabled endpoint be delivered to again. What it missed can be replayed.
func (b *Box) Enable(ctx context.Context, org, id string) (h Hook, err error) {
	err = b.change(ctx, func(tx access.Tx) error {
		f, err := owned(tx, org, id)
		if err != nil {
			return err
		}
		f.State, f.Reason = notify.Enabled, ""
		h = f.Hook
		if err := h.count(tx); err != nil {
			return err
		}
		if err := b.journal(ctx, tx, "enabled", f, nil); err != nil {
			return err
		}
		return put(tx, kindHook, hookID(id), f)
	})
	return h, err
}

// Disable is notify.Endpoints'.
func (b *Box) Disable(ctx context.Context, id, reason string) error {
	return b.change(ctx, func(tx access.Tx) error {
		f, err := hook(tx, id)
		if err != nil || f.State == notify.Disabled {
			return err
		}
		f.State, f.Reason = notify.Disabled, reason
		if err := b.journal(ctx, tx, "disabled", f, map[string]string{"reason": reason}); err != nil {
			return err
		}
		return put(tx, kindHook, hookID(id), f)
	})
}

// Endpoint is notify.Endpoints'.
func (b *Box) Endpoint(ctx context.Context, id string) (e notify.Endpoint, err error) {
	err = b.store.View(ctx, func(tx access.Tx) error {
		f, err := hook(tx, id)
		if err == nil {
			e = f.Endpoint
		}
		return err
	})
	return e, err
}

// OfOrg is notify.Endpoints'.
func (b *Box) OfOrg(ctx context.Context, org string) (out []notify.Endpoint, err error) {
	err = b.store.View(ctx, func(tx access.Tx) error {
		out = nil
		hooks, err := ofOrg(tx, org)
		for i := range hooks {
			out = append(out, hooks[i].Endpoint)
		}
		return err
	})
	return out, err
}

// renew gives a hook a new secret beside those it has: 32 random bytes in the form of
// Standard Webhooks, "whsec_" and base64.
func (b *Box) renew(f *filed) (string, error) {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails
	text := "whsec_" + base64.StdEncoding.EncodeToString(raw)
	f.Last++
	ref := fmt.Sprintf("%s/%d", f.ID, f.Last)
	if f.Sealed == nil {
		f.Sealed = map[string][]byte{}
	}
	sealed, err := b.o.Seal(about(ref), []byte(text))
	if err != nil {
		return "", err
	}
	f.Sealed[ref] = sealed
	f.Secrets = append(f.Secrets, notify.SecretRef{Ref: ref})
	return text, nil
}

// host is the part of an endpoint's URL that may be told: the rest may hold a secret.
func host(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Host
}

func about(ref string) string { return "webhook secret " + ref }

// Rotate gives an endpoint a new secret, told this once. The old ones go on signing for
// the overlap beside it, so that the receiver can change in its own time; with an overlap
// of 0 they end at once, and are forgotten.
func (b *Box) Rotate(ctx context.Context, org, id string, overlap time.Duration) (h Hook, secret string, err error) {
	if overlap < 0 || overlap > MaxOverlap {
		return h, "", fault.At(fault.Invalid, "overlap_seconds", "the overlap is 0 to %d seconds", int(MaxOverlap.Seconds()))
	}
	now := b.o.Now().UTC()
	err = b.change(ctx, func(tx access.Tx) error {
		f, err := owned(tx, org, id)
		if err != nil {
			return err
		}
		until := now.Add(overlap)
		var still []notify.SecretRef
		for _, s := range f.Secrets {
			if s.Until.IsZero() || s.Until.After(until) {
				s.Until = until
			}
			if s.Live(now) {
				still = append(still, s)
			} else {
				delete(f.Sealed, s.Ref)
			}
		}
		if len(still) >= notify.MaxSecrets {
			return fault.New(fault.Conflict, "the endpoint has %d secrets that sign; wait until one ends at %s, or rotate with an overlap of 0", len(still), still[0].Until.Format(time.RFC3339))
		}
		f.Secrets = still
		if secret, err = b.renew(f); err != nil {
			return err
		}
		h = f.Hook
		if err := h.count(tx); err != nil {
			return err
		}
		if err := b.journal(ctx, tx, "secret_rotated", f, map[string]string{"overlap_s": fmt.Sprint(int(overlap.Seconds()))}); err != nil {
			return err
		}
		return put(tx, kindHook, hookID(id), f)
	})
	if err != nil {
		return Hook{}, "", err
	}
	return h, secret, nil
}

// Secret gives the text of a signing secret to the deliverer.
func (b *Box) Secret(ctx context.Context, ref string) (string, error) {
	var sealed []byte
	err := b.store.View(ctx, func(tx access.Tx) error {
		id, _, _ := strings.Cut(ref, "/")
		f, err := hook(tx, id)
		if err == nil {
			sealed = f.Sealed[ref]
		}
		return err
	})
	if err != nil {
		return "", err
	}
	if sealed == nil {
		return "", fault.New(fault.Unknown, "no signing secret %.80q", ref)
	}
	plain, err := b.o.Open(about(ref), sealed)
	if err != nil && fault.Of(err) == fault.Unavailable {
		return "", err // the deliverer comes back
	}
	if err != nil {
		return "", fault.New(fault.Invalid, "the signing secret %.80q cannot be opened with the keys of this installation", ref)
	}
	return string(plain), nil
}
