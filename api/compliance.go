package api

import (
	"context"
	"net/http"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/compliance"
	"github.com/assayhq/assay/access/gate"
)

// Compliance is the report for auditors: the state of every key and its history.
type Compliance struct {
	Made        time.Time           `json:"made_at"`
	Org         string              `json:"org" doc:"Empty: every organisation of the installation"`
	From        int64               `json:"audit_from" doc:"First entry of the audit log that was looked at; 0: all of it"`
	Keys        []ComplianceKey     `json:"keys" doc:"By organisation, app and ring, oldest first; keys that have ended too, as far as their ring remembers them"`
	Rotations   []ComplianceChange  `json:"rotations" doc:"In the order they began"`
	Revocations []ComplianceReceipt `json:"revocations" doc:"In the order their receipts were filed"`
	Reviews     []ComplianceReview  `json:"reviews" doc:"Access reviews that were confirmed with assay compliance review"`
	Findings    []ComplianceFinding `json:"findings" doc:"What the rules ask to be looked at, of accepted keys"`
}

// ComplianceKey is one key with its ages.
type ComplianceKey struct {
	ID       string     `json:"id"`
	Ring     string     `json:"ring"`
	Version  int        `json:"version"`
	Name     string     `json:"name"`
	Org      string     `json:"org"`
	App      string     `json:"app"`
	Env      string     `json:"env"`
	State    string     `json:"state"`
	Scopes   []string   `json:"scopes"`
	Created  time.Time  `json:"created_at"`
	AgeDays  int        `json:"age_days" doc:"Whole days from its making to now, or to its end"`
	LastUsed *time.Time `json:"last_used_at" doc:"About; null: no use is known"`
	IdleDays int        `json:"idle_days" doc:"Whole days since the last use, or since it was made"`
	Expires  *time.Time `json:"expires_at" doc:"Null: never"`
	Ended    *time.Time `json:"ended_at" doc:"Null: it is accepted, or its start lies ahead"`
}

// ComplianceChange is how one key followed another.
type ComplianceChange struct {
	ID        string     `json:"id"`
	Ring      string     `json:"ring"`
	Org       string     `json:"org"`
	From      *string    `json:"from" doc:"The old key; null: none is known yet"`
	To        string     `json:"to" doc:"The new key"`
	Began     time.Time  `json:"began_at" doc:"Both keys are accepted from here on"`
	Confirmed *time.Time `json:"confirmed_at" doc:"First use of the new key"`
	Ended     *time.Time `json:"ended_at" doc:"The old key was refused, or the change given up; null: under way"`
	End       *string    `json:"end" doc:"suspended, retired, revoked, withdrawn or rolled_back"`
	Overlap   int64      `json:"overlap_seconds" doc:"How long both keys were accepted, so far"`
}

// ComplianceReceipt is the receipt of one revocation.
type ComplianceReceipt struct {
	Seq       int64      `json:"seq" doc:"Of the receipt in the audit log"`
	Actor     string     `json:"actor"`
	Keys      []string   `json:"keys"`
	Cause     string     `json:"cause"`
	Issued    *time.Time `json:"issued_at" doc:"The keys were ended in the control plane; null: before audit_from"`
	Completed time.Time  `json:"completed_at" doc:"The receipt was filed"`
	TookMS    int64      `json:"took_ms" doc:"Until every node that was waited for had answered or was out of its lease"`
	Acked     int        `json:"acked" doc:"Nodes that decided by it"`
	Fenced    int        `json:"fenced" doc:"Nodes out of touch that decide nothing"`
	Pending   int        `json:"pending" doc:"Nodes that might still have accepted the keys then"`
}

// ComplianceReview is an access review that somebody confirmed.
type ComplianceReview struct {
	Seq   int64     `json:"seq"`
	At    time.Time `json:"at"`
	Actor string    `json:"actor"`
	Note  string    `json:"note"`
}

// ComplianceFinding is a key that a rule asks to be looked at.
type ComplianceFinding struct {
	Key    string `json:"key"`
	Ring   string `json:"ring"`
	Rule   string `json:"rule" enum:"unused_45d,unused_90d,older_90d,no_expiry,admin_scopes"`
	Detail string `json:"detail"`
}

// registerEvidence adds what proves how keys were kept.
func (s *Server) registerEvidence() {
	add(s, Operation{ID: "get-compliance", Method: http.MethodGet, Path: "/v1/compliance", Scope: access.AuditRead, Cost: 20, Tag: "Keys",
		Summary: "Report for auditors",
		Doc:     "Age, last use, end and scopes of every key, the overlap of each rotation, receipts of revocations, access reviews, and findings by the CIS rules. At most the last 200,000 entries of the audit log are looked at."}, s.compliance)
	add(s, Operation{ID: "get-inclusion-proof", Method: http.MethodGet, Path: "/v1/audit/proofs/inclusion", Scope: access.AuditRead, Cost: 5, Tag: "Keys",
		Summary: "Proof that an entry is in the audit log",
		Doc:     "RFC 6962, 2.1.1: the hashes from the leaf up to the root that the checkpoint in the answer signs."}, s.inclusion)
	add(s, Operation{ID: "get-consistency-proof", Method: http.MethodGet, Path: "/v1/audit/proofs/consistency", Scope: access.AuditRead, Cost: 5, Tag: "Keys",
		Summary: "Proof that the audit log only grew",
		Doc:     "RFC 6962, 2.1.2, between two sizes, each of a checkpoint that you have. `assay audit verify --server` asks for it with a checkpoint that was kept."}, s.consistency)
}

func (s *Server) compliance(ctx context.Context, _ *none) (Answer[Compliance], error) {
	c := gate.Caller(ctx)
	org := c.Org
	if c.Has(access.Admin) {
		org = ""
	}
	r, err := compliance.Make(ctx, s.opt.Gate, org)
	if err != nil {
		return Answer[Compliance]{Meta: ours}, err
	}
	return Answer[Compliance]{Data: ComplianceOf(r), Meta: ours}, nil
}

// ComplianceOf writes a report as the API tells it.
func ComplianceOf(r *compliance.Report) Compliance {
	days := func(d time.Duration) int { return int(d / (24 * time.Hour)) }
	out := Compliance{Made: r.Made, Org: r.Org, From: r.From,
		Keys: []ComplianceKey{}, Rotations: []ComplianceChange{}, Revocations: []ComplianceReceipt{}, Reviews: []ComplianceReview{}, Findings: []ComplianceFinding{}}
	for i := range r.Keys {
		k := &r.Keys[i]
		out.Keys = append(out.Keys, ComplianceKey{ID: k.ID, Ring: k.Ring, Version: k.Version, Name: k.Name, Org: k.Org, App: k.App, Env: k.Env, State: k.State, Scopes: words(k.Scopes),
			Created: k.Created, AgeDays: days(k.Age), LastUsed: moment(k.LastUsed), IdleDays: days(k.Idle), Expires: moment(k.Expires), Ended: moment(k.Ended)})
	}
	for i := range r.Rotations {
		x := &r.Rotations[i]
		out.Rotations = append(out.Rotations, ComplianceChange{ID: x.ID, Ring: x.Ring, Org: x.Org, From: known(x.From), To: x.To, Began: x.Began,
			Confirmed: moment(x.Confirmed), Ended: moment(x.Ended), End: known(x.End), Overlap: int64(x.Overlap / time.Second)})
	}
	for i := range r.Revocations {
		x := &r.Revocations[i]
		out.Revocations = append(out.Revocations, ComplianceReceipt{Seq: x.Seq, Actor: x.Actor, Keys: some(x.Keys), Cause: x.Cause, Issued: moment(x.Issued), Completed: x.Completed,
			TookMS: x.Took.Milliseconds(), Acked: x.Acked, Fenced: x.Fenced, Pending: x.Pending})
	}
	for _, x := range r.Reviews {
		out.Reviews = append(out.Reviews, ComplianceReview(x))
	}
	for _, x := range r.Findings {
		out.Findings = append(out.Findings, ComplianceFinding(x))
	}
	return out
}
