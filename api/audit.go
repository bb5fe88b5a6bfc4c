package api

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
)

// AuditEntry is one thing that happened to keys.
type AuditEntry struct {
	Seq     int64       `json:"seq" doc:"Place in the log, from 0 without a gap"`
	At      time.Time   `json:"at"`
	Actor   string      `json:"actor" doc:"Key that asked, or cli, supervisor, first use"`
	Action  string      `json:"action"`
	Subject string      `json:"subject" doc:"Ring, or organisation/app"`
	Request *string     `json:"request_id"`
	Epoch   int64       `json:"epoch" doc:"Change of the control plane that it came with"`
	Detail  []AuditWord `json:"detail"`
}

// AuditWord is one detail of an entry.
type AuditWord struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Checkpoint is the audit log's signature.
type Checkpoint struct {
	Note   string `json:"note" doc:"Signed note: origin, size, root, time, signature"`
	Public string `json:"public_key" doc:"Verifies it; keep it where this server cannot change it"`
}

type auditIn struct {
	From  int64 `query:"from" minimum:"0" doc:"First entry to look at"`
	Limit int   `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"At most so many entries"`
	Common
}

func (s *Server) audit(ctx context.Context, in *auditIn) (Answer[[]AuditEntry], error) {
	a := Answer[[]AuditEntry]{Data: []AuditEntry{}, Meta: ours}
	c := gate.Caller(ctx)
	org := c.Org
	if c.Has(access.Admin) {
		org = ""
	}
	list, _, err := s.opt.Gate.Audit(ctx, org, in.From, in.Limit)
	for _, e := range list {
		x := AuditEntry{Seq: e.Seq, At: e.At, Actor: e.Actor, Action: e.Action, Subject: e.Subject, Request: known(e.Request), Epoch: e.Epoch, Detail: []AuditWord{}}
		for _, k := range slices.Sorted(maps.Keys(e.Detail)) {
			x.Detail = append(x.Detail, AuditWord{k, e.Detail[k]})
		}
		a.Data = append(a.Data, x)
	}
	return a, err
}

func (s *Server) checkpoint(ctx context.Context, _ *none) (Answer[Checkpoint], error) {
	note, public, err := s.opt.Gate.Checkpoint(ctx)
	return Answer[Checkpoint]{Data: Checkpoint{string(note), public}, Meta: ours}, err
}
