package compliance

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/access/gate"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// read takes rotations, revocations and reviews out of the audit log.
func (r *Report) read(ctx context.Context, src Source, mine map[string]bool) error {
	size, err := src.AuditSize(ctx)
	if err != nil {
		return err
	}
	h := history{r: r, mine: mine, open: map[string]int{}, revoked: map[string]revoked{}, epochs: map[string][]string{}}
	r.From = max(size-maxEntries, 0)
	// All organisations' entries are looked at: a receipt of the operator's, which is filed
	// under no organisation, is about the keys of several.
	for next := r.From; next < size; {
		list, upTo, err := src.Audit(ctx, "", next, 1000)
		if err != nil {
			return err
		}
		for i := range list {
			h.take(&list[i])
		}
		if upTo == next {
			break
		}
		next = upTo
	}
	for i := range r.Rotations {
		if x := &r.Rotations[i]; !x.Confirmed.IsZero() || !x.Ended.IsZero() {
			end := x.Ended
			if end.IsZero() {
				end = r.Made
			}
			x.Overlap = max(end.Sub(x.Began), 0)
		}
	}
	return nil
}

// history is the log as far as it was read.
type history struct {
	r       *Report
	mine    map[string]bool
	open    map[string]int // ring -> its latest rotation, by index
	revoked map[string]revoked
	epochs  map[string][]string // keys revoked by a change of the control plane
}

type revoked struct {
	at    time.Time
	cause string
}

func (h *history) take(e *gate.AuditEntry) {
	key := e.Detail["key"]
	switch e.Action {
	case "access.reviewed":
		if h.r.Org == "" || e.Org == h.r.Org {
			h.r.Reviews = append(h.r.Reviews, Review{e.Seq, e.At, e.Actor, e.Detail["note"]})
		}
		return
	case "key.revocation_receipt":
		h.receipt(e)
		return
	}
	if h.r.Org != "" && e.Org != h.r.Org {
		return
	}
	if e.Action == "key.revoked" {
		h.revoked[key] = revoked{e.At, e.Detail["cause"]}
		epoch := itoa(e.Epoch)
		h.epochs[epoch] = append(h.epochs[epoch], key)
	}
	if e.Action == "key.rotation_started" {
		h.open[e.Subject] = len(h.r.Rotations)
		h.r.Rotations = append(h.r.Rotations, Rotation{ID: e.Detail["rotation"], Ring: e.Subject, Org: e.Org, To: key, Began: e.At})
		return
	}
	i, ok := h.open[e.Subject]
	if !ok {
		return
	}
	x := &h.r.Rotations[i]
	// An old key that is brought back goes on: only its next end counts.
	switch e.Action {
	case "key.confirmed":
		if key == x.To {
			x.Confirmed = e.At
		}
	case "key.retiring":
		if key != x.To && x.From == "" {
			x.From = key
		}
	case "key.suspended", "key.revoked":
		if key != x.To {
			x.From, x.Ended, x.End = key, e.At, strings.TrimPrefix(e.Action, "key.")
		}
	case "key.retired":
		if key != x.To && x.Ended.IsZero() {
			x.From, x.Ended = key, e.At
		}
		if key == x.From {
			x.End = "retired"
		}
	case "key.withdrawn":
		if key == x.To {
			x.Ended, x.End = e.At, "withdrawn"
		}
	case "key.rolled_back":
		if e.Detail["rotation"] == x.ID {
			x.Ended, x.End = e.At, "rolled_back"
		} else if key != x.To { // the suspension was undone
			x.Ended, x.End = time.Time{}, ""
		}
	}
}

// receipt takes a filed receipt, with those of its keys that the report is about.
func (h *history) receipt(e *gate.AuditEntry) {
	// A receipt of very many keys names the first of them only; the change knows the rest.
	named := slices.Clone(h.epochs[e.Detail["epoch"]])
	for _, k := range strings.Fields(e.Detail["keys"]) {
		if h.mine[k] {
			named = append(named, k)
		}
	}
	slices.Sort(named)
	keys := slices.Compact(named)
	if len(keys) == 0 {
		return
	}
	n := func(name string) int { v, _ := strconv.Atoi(e.Detail[name]); return v } // our own entry: it is a number
	first := h.revoked[keys[0]]
	h.r.Revocations = append(h.r.Revocations, Revocation{
		Seq: e.Seq, Actor: e.Actor, Keys: keys, Cause: first.cause, Issued: first.at, Completed: e.At,
		Took: time.Duration(n("elapsed_ms")) * time.Millisecond, Acked: n("acked"), Fenced: n("fenced"), Pending: n("pending"),
	})
}
