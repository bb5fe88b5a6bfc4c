package api

import (
	"context"
	"encoding/hex"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/assayhq/assay/access/idem"
	"github.com/assayhq/assay/access/signing"
)

// Demand says whether an operation asks for something of a request.
type Demand string

// What can be demanded of a request: a signature, or an Idempotency-Key.
const (
	// Never: it is not looked at.
	Never Demand = ""
	// Accepted: an Idempotency-Key is used when it is there; a signature must be there when
	// the caller's key has a signer.
	Accepted Demand = "accepted"
	// Required: without it the request is refused.
	Required Demand = "required"
)

// contract fills in what holds for every operation behind a key: what it changes is
// signed by keys that have a signer, and what it makes can be asked for again.
func (op *Operation) contract() {
	if op.Scope == "" && op.Cost == 0 || op.Method == http.MethodGet {
		return
	}
	if op.Signed == Never {
		op.Signed = Accepted
	}
	if op.Idempotent == Never && op.Method == http.MethodPost {
		op.Idempotent = Accepted
	}
}

// anyBody documents a body that is signed and not read.
func anyBody() *huma.RequestBody {
	return &huma.RequestBody{Description: "Anything, to try how a body is signed",
		Content: map[string]*huma.MediaType{"application/octet-stream": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}}
}

// promise writes the contract into the document.
func (op *Operation) promise(h *huma.Operation) {
	text := func(name, doc string, required bool, most int) {
		h.Parameters = append(h.Parameters, &huma.Param{Name: name, In: "header", Description: doc, Required: required,
			Schema: &huma.Schema{Type: huma.TypeString, MaxLength: &most}})
	}
	if op.Signed != Never {
		h.Extensions["x-signed"] = map[Demand]string{Accepted: "when the key has a signer", Required: "always"}[op.Signed]
	}
	if op.ID == signatureCheck {
		h.RequestBody = anyBody()
	}
	if op.Signed == Required {
		text(signing.HeaderKey, "Public part of the key that signs", true, 64)
		text(signing.HeaderTimestamp, "Milliseconds since 1970 UTC", true, 15)
		text(signing.HeaderNonce, "16 to 64 of A-Z a-z 0-9 _ -, new for every request", true, 64)
		text(signing.HeaderSignature, "ed25519= or hmac-sha256=, and base64", true, 100)
	}
	if op.Idempotent != Never {
		kept := "24 hours"
		if op.secret {
			kept = "10 minutes, because it holds a secret"
		}
		text(idem.Header, "Repeating the request with the same value does it once, and gives the same answer for "+kept, op.Idempotent == Required, 255)
	}
}

// parts are the request as it is signed, with its body, which is read once.
func (x *exchange) parts() (signing.Parts, error) {
	if x.read == nil {
		p, err := signing.Read(x.r, x.s.opt.MaxBody)
		if err != nil {
			return p, err
		}
		x.read = &p
	}
	return *x.read, nil
}

// proved checks the signature of a request whose caller has proved to have its key.
func (x *exchange) proved(op *Operation) error {
	if op.Signed == Never || op.Signed == Accepted && !signing.Signed(x.r.Header) && !x.s.opt.Gate.Signs(x.caller) {
		return nil
	}
	p, err := x.parts()
	if err != nil {
		return err
	}
	x.proof, err = x.s.opt.Gate.Signed(x.r.Context(), x.caller, p)
	return err
}

// SignatureCheck is what the server made of a signed request.
type SignatureCheck struct {
	KeyID     string  `json:"key_id"`
	Algorithm string  `json:"algorithm" enum:"ed25519,hmac-sha256"`
	Digest    string  `json:"canonical_sha256" doc:"SHA-256 of the text that was signed, in hexadecimal"`
	SkewMS    float64 `json:"skew_ms" doc:"By how much the request's time was behind the server's; below 0: ahead"`
	RequestID string  `json:"request_id" doc:"Of the request that was done; a repetition has another one in its header"`
}

type signingCheckIn struct {
	Text string `query:"text" maxLength:"200" doc:"Anything, to try how a query is signed"`
	Common
}

const signatureCheck = "check-signature"

// exchangeKey is where a request's context keeps its exchange, for the few handlers
// that need what the way in found out: the proof of a signature, or the claim.
type exchangeKey struct{}

func (s *Server) registerSigning() {
	add(s, Operation{ID: signatureCheck, Method: http.MethodPost, Path: "/v1/signing/check", Cost: 1, Tag: "Keys", Signed: Required, Idempotent: Required,
		Summary: "Try how requests are signed and repeated",
		Doc: "The conformance check for clients that sign: it changes nothing and demands what orders will. " +
			"The answer tells the digest of the text that the server saw signed, and the clocks' difference. Repeated with the same Idempotency-Key, " +
			"a new nonce and a new signature, it is the same answer, with `Idempotency-Replayed: true`. docs/operate/signing.md has the rules."}, s.checkSignature)
}

func (s *Server) checkSignature(ctx context.Context, _ *signingCheckIn) (Answer[SignatureCheck], error) {
	x := ctx.Value(exchangeKey{}).(*exchange)
	return Answer[SignatureCheck]{Meta: ours, Data: SignatureCheck{
		KeyID: x.proof.KeyID, Algorithm: x.proof.Algorithm, Digest: hex.EncodeToString(x.proof.Digest[:]), SkewMS: millis(x.proof.Skew), RequestID: x.id,
	}}, nil
}
