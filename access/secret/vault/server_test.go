package vault_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// server behaves like Vault in what this package needs of it: AppRole logins, tokens that
// run out, renewals, policies and a key-value engine of version 2 with check-and-set, in
// one namespace. Paths, status codes and error texts are those of the documentation at
// developer.hashicorp.com/vault/api-docs. Time passes only by age.
type server struct {
	mu        sync.Mutex
	now       time.Time
	namespace string
	entries   map[string]*entry
	tokens    map[string]*token
	secretID  string
	ttl       time.Duration // of a login
	oldest    time.Duration // no renewal goes beyond this age
	read      bool          // the role may read only
	sealed    bool
	lose      map[string]int // `METHOD path`: answers lost after the change was made
	calls     map[string]int // by method and first two parts of the path
	raw       []byte         // answer every read of data with this
}

type token struct {
	made, ends time.Time // ends zero: never
	root       bool
}

type entry struct {
	version  int
	data     map[string]any
	kept     map[int]map[string]any
	max      int
	needsCAS bool
}

func newServer(t *testing.T) (*server, string) {
	s := &server{
		now: time.Unix(1_800_000_000, 0), entries: map[string]*entry{}, tokens: map[string]*token{"root-token": {root: true}},
		secretID: "the secret id", ttl: time.Hour, oldest: 4 * time.Hour, lose: map[string]int{}, calls: map[string]int{},
	}
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	return s, h.URL
}

func (s *server) clock() time.Time { s.mu.Lock(); defer s.mu.Unlock(); return s.now }

func (s *server) age(d time.Duration) { s.mu.Lock(); defer s.mu.Unlock(); s.now = s.now.Add(d) }

func (s *server) called(what string) int { s.mu.Lock(); defer s.mu.Unlock(); return s.calls[what] }

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return
	}
	path, ok := strings.CutPrefix(r.URL.Path, "/v1/")
	parts := strings.SplitN(path, "/", 4)
	s.calls[r.Method+" "+strings.Join(parts[:min(3, len(parts))], "/")]++
	var status int
	var out any
	switch {
	case s.sealed:
		status, out = http.StatusServiceUnavailable, errorsOf("Vault is sealed")
	case !ok || r.Header.Get("X-Vault-Request") != "true":
		status, out = http.StatusPreconditionFailed, errorsOf("required Request header missing")
	case r.Header.Get("X-Vault-Namespace") != s.namespace:
		status, out = http.StatusForbidden, errorsOf("permission denied")
	default:
		var in map[string]any
		if len(body) > 0 && json.Unmarshal(body, &in) != nil {
			status, out = http.StatusBadRequest, errorsOf("failed to parse JSON input")
			break
		}
		status, out = s.route(r.Method, path, r.Header.Get("X-Vault-Token"), in)
	}
	if s.lose[r.Method+" "+path] > 0 {
		s.lose[r.Method+" "+path]--
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if raw, ok := out.([]byte); ok {
		_, _ = w.Write(raw)
	} else if out != nil {
		_ = json.NewEncoder(w).Encode(out)
	}
}

func errorsOf(text ...string) any {
	if text == nil {
		text = []string{}
	}
	return map[string]any{"errors": text}
}

func (s *server) route(method, path, tok string, in map[string]any) (int, any) {
	denied := func() (int, any) { return http.StatusForbidden, errorsOf("permission denied") }
	write := method == http.MethodPut || method == http.MethodPost
	if path == "auth/approle/login" && write {
		if in["role_id"] != "the role" || in["secret_id"] != s.secretID {
			return http.StatusBadRequest, errorsOf("invalid role or secret ID")
		}
		if tok != "" {
			return http.StatusBadRequest, errorsOf("the test wants a login without a token")
		}
		id := fmt.Sprintf("hvs.%d", len(s.tokens))
		s.tokens[id] = &token{made: s.now, ends: s.now.Add(s.ttl)}
		return http.StatusOK, auth(id, s.ttl)
	}
	t := s.tokens[tok]
	if t == nil || !t.root && !s.now.Before(t.ends) {
		return denied()
	}
	switch {
	case path == "auth/token/lookup-self" && method == http.MethodGet:
		return http.StatusOK, map[string]any{"data": map[string]any{"ttl": int(t.ends.Sub(s.now).Seconds())}}
	case path == "auth/token/renew-self" && write:
		n, _ := in["increment"].(float64)
		end := s.now.Add(time.Duration(n) * time.Second)
		if last := t.made.Add(s.oldest); end.After(last) {
			end = last
		}
		t.ends = end
		return http.StatusOK, auth(tok, end.Sub(s.now))
	case write && s.read:
		return denied()
	case strings.HasPrefix(path, "kv/data/assay/") && method == http.MethodGet:
		return s.get(path[len("kv/data/"):])
	case strings.HasPrefix(path, "kv/data/assay/") && write:
		return s.put(path[len("kv/data/"):], in)
	case strings.HasPrefix(path, "kv/metadata/assay/") && write:
		e := s.entry(path[len("kv/metadata/"):])
		n, _ := in["max_versions"].(float64)
		e.max = int(n)
		e.needsCAS, _ = in["cas_required"].(bool)
		return http.StatusNoContent, nil
	}
	return denied() // Vault denies what no policy names, there or not
}

func auth(id string, ttl time.Duration) any {
	return map[string]any{"auth": map[string]any{"client_token": id, "lease_duration": int(ttl.Seconds()), "renewable": true, "policies": []string{"default", "assay"}}}
}

func (s *server) entry(name string) *entry {
	if s.entries[name] == nil {
		s.entries[name] = &entry{kept: map[int]map[string]any{}, max: 10}
	}
	return s.entries[name]
}

func (s *server) get(name string) (int, any) {
	if s.raw != nil {
		return http.StatusOK, s.raw
	}
	e := s.entries[name]
	if e == nil || e.version == 0 {
		return http.StatusNotFound, errorsOf()
	}
	meta := map[string]any{"version": e.version, "destroyed": false, "deletion_time": "", "created_time": "2027-01-15T08:00:00Z", "custom_metadata": nil}
	status := http.StatusOK
	if e.data == nil {
		meta["deletion_time"], status = "2027-01-15T08:00:01Z", http.StatusNotFound
	}
	return status, map[string]any{"data": map[string]any{"data": e.data, "metadata": meta}}
}

func (s *server) put(name string, in map[string]any) (int, any) {
	e := s.entry(name)
	data, ok := in["data"].(map[string]any)
	if !ok {
		return http.StatusBadRequest, errorsOf("no data provided")
	}
	options, _ := in["options"].(map[string]any)
	cas, given := options["cas"].(float64)
	switch {
	case !given && e.needsCAS:
		return http.StatusBadRequest, errorsOf("check-and-set parameter required for this call")
	case given && int(cas) != e.version:
		return http.StatusBadRequest, errorsOf("check-and-set parameter did not match the current version")
	}
	e.version++
	e.data = data
	e.kept[e.version] = data
	delete(e.kept, e.version-e.max)
	return http.StatusOK, map[string]any{"data": map[string]any{"version": e.version}}
}

// texts gives all values that the engine still holds of a name.
func (s *server) texts(name string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, d := range s.entries[name].kept {
		for field, v := range d {
			if !strings.HasSuffix(field, "_id") {
				out = append(out, v.(string))
			}
		}
	}
	slices.Sort(out)
	return out
}
