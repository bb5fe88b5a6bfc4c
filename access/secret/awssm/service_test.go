package awssm_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// service behaves like AWS Secrets Manager in what this package needs of it: the JSON 1.1
// protocol with signatures (version 4, checked in full), tokens and staging labels. Where
// the real one is lenient or slow it is strict: the first version of a secret is always
// current, and a version without a label is gone at once.
type service struct {
	mu      sync.Mutex
	secrets map[string]*kept
	keyID   string
	key     string
	session string
	lose    map[string]int    // operation: how many answers are lost after the change was made
	refuse  map[string]string // operation: code to answer with
	calls   map[string]int
}

type kept struct {
	versions map[string]*version
	deleted  bool
}

type version struct {
	text   string
	labels []string
}

type failure struct {
	status        int
	code, message string
}

func bad(code, message string) *failure { return &failure{http.StatusBadRequest, code, message} }

func newService(t *testing.T) (*service, string) {
	s := &service{secrets: map[string]*kept{}, keyID: "AKIDTEST", key: "the key", lose: map[string]int{}, refuse: map[string]string{}, calls: map[string]int{}}
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	return s, h.URL
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	op, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "secretsmanager.")
	s.calls[op]++
	var out any
	var f *failure
	switch {
	case !ok || r.Method != http.MethodPost || r.URL.Path != "/" || r.Header.Get("Content-Type") != "application/x-amz-json-1.1":
		f = bad("UnknownOperationException", "not the JSON 1.1 protocol")
	case s.refuse[op] != "":
		f = bad(s.refuse[op], "as told")
	default:
		if f = s.authentic(r, body); f == nil {
			out, f = s.run(op, body)
		}
	}
	if s.lose[op] > 0 {
		s.lose[op]--
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if f != nil {
		w.WriteHeader(f.status)
		out = map[string]string{"__type": f.code, "Message": f.message}
	}
	_ = json.NewEncoder(w).Encode(out)
}

var authorization = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=([A-Z0-9]+)/(\d{8})/([a-z0-9-]+)/secretsmanager/aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})$`)

// authentic computes the signature as docs.aws.amazon.com/IAM/latest/UserGuide
// (create-signed-request) tells.
func (s *service) authentic(r *http.Request, body []byte) *failure {
	m := authorization.FindStringSubmatch(r.Header.Get("Authorization"))
	if m == nil {
		return &failure{http.StatusForbidden, "IncompleteSignature", "no well-formed Authorization"}
	}
	signed := strings.Split(m[4], ";")
	if !slices.IsSorted(signed) || !slices.Contains(signed, "host") || !slices.Contains(signed, "x-amz-date") || !slices.Contains(signed, "x-amz-target") {
		return &failure{http.StatusForbidden, "IncompleteSignature", "headers are missing from the signature"}
	}
	if m[1] != s.keyID || r.Header.Get("X-Amz-Security-Token") != s.session {
		return bad("UnrecognizedClientException", "The security token included in the request is invalid.")
	}
	var headers strings.Builder
	for _, h := range signed {
		v := r.Header.Get(h)
		switch h {
		case "host":
			v = r.Host
		case "content-length":
			v = r.Header.Get("Content-Length")
			if v == "" {
				v = itoa(len(body))
			}
		}
		headers.WriteString(h + ":" + strings.Join(strings.Fields(v), " ") + "\n")
	}
	canonical := strings.Join([]string{r.Method, "/", "", headers.String(), m[4], digest(body)}, "\n")
	scope := m[2] + "/" + m[3] + "/secretsmanager/aws4_request"
	text := strings.Join([]string{"AWS4-HMAC-SHA256", r.Header.Get("X-Amz-Date"), scope, digest([]byte(canonical))}, "\n")
	k := []byte("AWS4" + s.key)
	for _, part := range []string{m[2], m[3], "secretsmanager", "aws4_request", text} {
		h := hmac.New(sha256.New, k)
		h.Write([]byte(part))
		k = h.Sum(nil)
	}
	if hex.EncodeToString(k) != m[5] || !strings.HasPrefix(r.Header.Get("X-Amz-Date"), m[2]+"T") {
		return bad("InvalidSignatureException", "The request signature we calculated does not match the signature you provided.")
	}
	return nil
}

func itoa(n int) string { b, _ := json.Marshal(n); return string(b) }

func digest(b []byte) string { d := sha256.Sum256(b); return hex.EncodeToString(d[:]) }

type request struct {
	SecretId, Name, ClientRequestToken, SecretString, VersionId, VersionStage string
	MoveToVersionId, RemoveFromVersionId                                      string
	VersionStages                                                             []string
}

func (s *service) run(op string, body []byte) (any, *failure) {
	var q request
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.DisallowUnknownFields()
	if err := d.Decode(&q); err != nil {
		return nil, bad("SerializationException", err.Error())
	}
	if op == "CreateSecret" {
		return s.create(q)
	}
	k := s.secrets[q.SecretId]
	if k == nil {
		return nil, bad("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
	}
	if op == "DescribeSecret" {
		out := map[string]any{"Name": q.SecretId}
		if k.deleted {
			out["DeletedDate"] = 1.7e9
		}
		stages := map[string][]string{}
		for id, v := range k.versions {
			stages[id] = v.labels
		}
		if len(stages) > 0 {
			out["VersionIdsToStages"] = stages
		}
		return out, nil
	}
	if k.deleted {
		return nil, bad("InvalidRequestException", "You can't perform this operation on the secret because it was marked for deletion.")
	}
	switch op {
	case "GetSecretValue":
		v := k.versions[q.VersionId]
		if v == nil {
			return nil, bad("ResourceNotFoundException", "Secrets Manager can't find the specified secret value for VersionId: "+q.VersionId)
		}
		return map[string]any{"Name": q.SecretId, "VersionId": q.VersionId, "SecretString": v.text, "VersionStages": v.labels}, nil
	case "PutSecretValue":
		return k.put(q)
	case "UpdateSecretVersionStage":
		return k.move(q)
	}
	return nil, bad("UnknownOperationException", op)
}

func (s *service) create(q request) (any, *failure) {
	if n := len(q.ClientRequestToken); n < 32 || n > 64 || !regexp.MustCompile(`^[A-Za-z0-9/_+=.@-]{1,512}$`).MatchString(q.Name) {
		return nil, bad("InvalidParameterException", "a name or token of the wrong form")
	}
	if k := s.secrets[q.Name]; k != nil {
		if v := k.versions[q.ClientRequestToken]; v != nil && v.text == q.SecretString {
			return map[string]any{"Name": q.Name, "VersionId": q.ClientRequestToken}, nil
		}
		return nil, bad("ResourceExistsException", "The operation failed because the secret "+q.Name+" already exists.")
	}
	k := &kept{versions: map[string]*version{}}
	s.secrets[q.Name] = k
	if q.SecretString == "" {
		return map[string]any{"Name": q.Name}, nil
	}
	return k.put(q)
}

func (k *kept) put(q request) (any, *failure) {
	id := q.ClientRequestToken
	if len(id) < 32 || len(id) > 64 || q.SecretString == "" || len(q.SecretString) > 65536 {
		return nil, bad("InvalidParameterException", "a token or value of the wrong length")
	}
	if v := k.versions[id]; v != nil {
		if v.text != q.SecretString {
			return nil, bad("ResourceExistsException", "The version with this token has another value.")
		}
		return map[string]any{"VersionId": id, "VersionStages": v.labels}, nil
	}
	labels := q.VersionStages
	if len(labels) == 0 || len(k.versions) == 0 && !slices.Contains(labels, "AWSCURRENT") {
		labels = append(labels, "AWSCURRENT")
	}
	k.versions[id] = &version{text: q.SecretString}
	for _, l := range labels {
		k.label(l, id)
	}
	return map[string]any{"VersionId": id, "VersionStages": labels}, nil
}

func (k *kept) move(q request) (any, *failure) {
	at := k.holder(q.VersionStage)
	switch {
	case q.MoveToVersionId == "" && q.RemoveFromVersionId == "":
		return nil, bad("InvalidParameterException", "neither version is given")
	case q.RemoveFromVersionId != "" && q.RemoveFromVersionId != at, q.MoveToVersionId != "" && at != "" && at != q.MoveToVersionId && q.RemoveFromVersionId == "":
		return nil, bad("InvalidParameterException", "The parameter RemoveFromVersionId must be the version with the staging label.")
	case q.MoveToVersionId == "" && q.VersionStage == "AWSCURRENT":
		return nil, bad("InvalidParameterException", "AWSCURRENT can only be moved.")
	case q.MoveToVersionId != "" && k.versions[q.MoveToVersionId] == nil:
		return nil, bad("ResourceNotFoundException", "Secrets Manager can't find the version.")
	}
	k.label(q.VersionStage, q.MoveToVersionId)
	return map[string]any{}, nil
}

func (k *kept) holder(label string) string {
	for id, v := range k.versions {
		if slices.Contains(v.labels, label) {
			return id
		}
	}
	return ""
}

// label moves a label, or takes it away when to is empty.
func (k *kept) label(label, to string) {
	from := k.holder(label)
	if from == to {
		return
	}
	if from != "" {
		v := k.versions[from]
		v.labels = slices.DeleteFunc(v.labels, func(l string) bool { return l == label })
	}
	if to != "" {
		k.versions[to].labels = append(k.versions[to].labels, label)
	}
	if label == "AWSCURRENT" && from != "" {
		k.label("AWSPREVIOUS", from)
	}
	for id, v := range k.versions {
		if len(v.labels) == 0 {
			delete(k.versions, id)
		}
	}
}
