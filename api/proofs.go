package api

import (
	"context"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/audit"
	"github.com/assayhq/assay/access/gate"
)

// InclusionProof proves that an entry is in the audit log.
type InclusionProof struct {
	Seq    int64    `json:"seq" doc:"The entry"`
	Size   int64    `json:"size" doc:"Entries in the log of the checkpoint"`
	Leaf   string   `json:"leaf" doc:"The entry's canonical JSON; its hash is SHA-256 of a zero byte and this"`
	Path   []string `json:"path" doc:"Hashes in base64, from the leaf up"`
	Note   string   `json:"note" doc:"Signed checkpoint whose root the path leads to"`
	Public string   `json:"public_key" doc:"Verifies the checkpoint; compare it with the one that you keep"`
}

// ConsistencyProof proves that the audit log only grew.
type ConsistencyProof struct {
	From int64    `json:"from" doc:"The older size"`
	To   int64    `json:"to" doc:"The newer size"`
	Path []string `json:"path" doc:"Hashes in base64, in the order of RFC 6962"`
}

type inclusionIn struct {
	Entry int64 `query:"entry" required:"true" minimum:"0" doc:"The entry's seq" example:"0"`
	Common
}

type consistencyIn struct {
	From int64 `query:"from" required:"true" minimum:"0" doc:"Size of the older checkpoint" example:"0"`
	To   int64 `query:"to" minimum:"0" doc:"Size of the newer one; default the latest checkpoint's"`
	Common
}

func texts(path []audit.Hash) []string {
	out := make([]string, len(path))
	for i, h := range path {
		out[i] = h.String()
	}
	return out
}

func (s *Server) inclusion(ctx context.Context, in *inclusionIn) (Answer[InclusionProof], error) {
	a := Answer[InclusionProof]{Meta: ours}
	c := gate.Caller(ctx)
	org := c.Org
	if c.Has(access.Admin) {
		org = ""
	}
	p, err := s.opt.Gate.Inclusion(ctx, org, in.Entry)
	if err != nil {
		return a, err
	}
	a.Data = InclusionProof{p.Proof.Seq, p.Proof.Size, string(p.Leaf), texts(p.Proof.Path), string(p.Note), p.Public}
	return a, nil
}

func (s *Server) consistency(ctx context.Context, in *consistencyIn) (Answer[ConsistencyProof], error) {
	p, err := s.opt.Gate.Consistency(ctx, in.From, in.To)
	return Answer[ConsistencyProof]{Data: ConsistencyProof{p.From, p.To, texts(p.Path)}, Meta: ours}, err
}
