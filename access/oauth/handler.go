package oauth

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/assayhq/assay/fault"
)

// The paths under which Handler answers.
const (
	PathToken      = "/oauth/token"
	PathIntrospect = "/oauth/introspect"
	PathRevoke     = "/oauth/revoke"
	PathJWKS       = "/.well-known/jwks.json"
	PathServer     = "/.well-known/oauth-authorization-server" // RFC 8414
	PathResource   = "/.well-known/oauth-protected-resource"   // RFC 9728
)

const bearerAssertion = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// Handler answers all paths of the server.
func (s *Server) Handler() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("POST "+PathToken, s.token)
	m.HandleFunc("POST "+PathIntrospect, s.introspect)
	m.HandleFunc("POST "+PathRevoke, s.revoke)
	m.HandleFunc("GET "+PathJWKS, func(w http.ResponseWriter, _ *http.Request) {
		s.public(w, "application/jwk-set+json", s.o.Keys.JWKS())
	})
	m.HandleFunc("GET "+PathServer, func(w http.ResponseWriter, _ *http.Request) {
		s.publicJSON(w, s.serverMetadata())
	})
	m.HandleFunc("GET "+PathResource, func(w http.ResponseWriter, _ *http.Request) {
		s.publicJSON(w, s.resourceMetadata())
	})
	return m
}

// refusal is an error of RFC 6749 section 5.2.
type refusal struct {
	status int
	Code   string `json:"error"`
	Text   string `json:"error_description,omitempty"`
}

func bad(code, format string, args ...any) *refusal {
	return &refusal{http.StatusBadRequest, code, fmt.Sprintf(format, args...)}
}

// from says an error of ours in OAuth's words. Why a proof failed is not told.
func from(err error) *refusal {
	switch fault.Of(err) {
	case fault.Unauthentic, fault.Denied, fault.Unknown:
		return &refusal{http.StatusUnauthorized, "invalid_client", "the client is not known or its proof is wrong"}
	case fault.Exhausted, fault.Unavailable:
		return &refusal{http.StatusServiceUnavailable, "temporarily_unavailable", "try again later"}
	case fault.Invalid, fault.TooLarge:
		return bad("invalid_request", "%s", fault.Public(err))
	}
	return &refusal{http.StatusInternalServerError, "server_error", "something failed on our side"}
}

func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	f, c, no := s.enter(w, r)
	if no == nil && f.Get("grant_type") != "client_credentials" {
		if f.Get("grant_type") == "" {
			no = bad("invalid_request", "send grant_type=client_credentials")
		} else {
			no = bad("unsupported_grant_type", "the only grant_type is client_credentials")
		}
	}
	if no == nil && f.Get("resource") != "" && f.Get("resource") != s.o.Resource {
		no = bad("invalid_target", "tokens are only for the resource %s", s.o.Resource)
	}
	scope, ok := "", true
	if no == nil {
		if scope, ok = grant(f.Get("scope"), c.Scopes); !ok {
			no = bad("invalid_scope", "the client does not have all scopes that it asks for")
		}
	}
	if no != nil {
		s.refuse(w, r, no)
		return
	}
	t, ttl, err := s.issue(c, scope)
	if err != nil {
		s.refuse(w, r, from(err))
		return
	}
	answer(w, http.StatusOK, map[string]any{
		"access_token": t, "token_type": "Bearer", "expires_in": int(ttl / time.Second), "scope": scope,
	})
}

// introspect tells what a token says (RFC 7662) to its owner or an introspector; to
// everyone else each token is inactive.
func (s *Server) introspect(w http.ResponseWriter, r *http.Request) {
	f, c, no := s.enter(w, r)
	if no == nil && f.Get("token") == "" {
		no = bad("invalid_request", "send the parameter token")
	}
	if no != nil {
		s.refuse(w, r, no)
		return
	}
	cl, err := s.Verify(r.Context(), f.Get("token"))
	if k := fault.Of(err); err != nil && (k == fault.Unavailable || k == fault.Internal) {
		s.refuse(w, r, from(err)) // "inactive" would be a guess
		return
	}
	if err != nil || cl.ClientID != c.ID && !slices.Contains(c.Scopes, s.o.Introspectors) {
		answer(w, http.StatusOK, map[string]any{"active": false})
		return
	}
	answer(w, http.StatusOK, struct {
		Active bool   `json:"active"`
		Type   string `json:"token_type"`
		Claims
	}{true, "Bearer", cl})
}

// revoke ends one token (RFC 7009). A token that is not the client's or not valid is
// answered in the same way: it does not work for the client afterwards either.
func (s *Server) revoke(w http.ResponseWriter, r *http.Request) {
	f, c, no := s.enter(w, r)
	if no == nil && f.Get("token") == "" {
		no = bad("invalid_request", "send the parameter token")
	}
	if no != nil {
		s.refuse(w, r, no)
		return
	}
	// Not Verify: a token of a credential that is suspended must be revocable too.
	now := s.o.Now()
	if v, err := s.open(f.Get("token"), now); err == nil && v.claims.ClientID == c.ID {
		err := s.o.Revoked.Add(r.Context(), now, v.claims.ID, time.Unix(v.claims.Expires, 0).Add(Skew))
		if err != nil && fault.Of(err) != fault.Conflict {
			s.refuse(w, r, from(err))
			return
		}
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
}

// enter reads the form and proves the client.
func (s *Server) enter(w http.ResponseWriter, r *http.Request) (url.Values, Client, *refusal) {
	if r.URL.RawQuery != "" {
		return nil, Client{}, bad("invalid_request", "parameters belong in the body: what is in a URL is logged")
	}
	if ct, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || ct != "application/x-www-form-urlencoded" {
		return nil, Client{}, bad("invalid_request", "the body must be application/x-www-form-urlencoded")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxForm))
	if err != nil {
		return nil, Client{}, bad("invalid_request", "the body must be at most %d bytes", maxForm)
	}
	f, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, Client{}, bad("invalid_request", "the body is not a form")
	}
	for k, v := range f {
		if len(v) != 1 {
			return nil, Client{}, bad("invalid_request", "the parameter %.40q was sent more than once", k)
		}
	}
	if f.Has("client_secret") {
		return nil, Client{}, bad("invalid_request", "send the client secret with HTTP Basic, not in the body")
	}
	c, err := s.prove(r, f)
	if err != nil {
		s.o.Logger.InfoContext(r.Context(), "oauth client refused", "path", r.URL.Path, "err", err)
		return nil, Client{}, from(err)
	}
	return f, c, nil
}

// prove authenticates the client in exactly one way (RFC 6749 section 2.3).
func (s *Server) prove(r *http.Request, f url.Values) (Client, error) {
	auth := r.Header.Values("Authorization")
	asserted := f.Has("client_assertion") || f.Has("client_assertion_type")
	if len(auth) > 1 || len(auth) == 1 && asserted {
		return Client{}, fault.New(fault.Invalid, "prove the client in one way, not in two")
	}
	if asserted {
		if f.Get("client_assertion_type") != bearerAssertion {
			return Client{}, fault.New(fault.Invalid, "client_assertion_type must be %s", bearerAssertion)
		}
		return s.assertion(r, f)
	}
	id, secret, ok := r.BasicAuth()
	if !ok {
		return Client{}, fault.New(fault.Unauthentic, "no client authentication")
	}
	id, err1 := url.QueryUnescape(id) // section 2.3.1: both are form-encoded
	secret, err2 := url.QueryUnescape(secret)
	if err1 != nil || err2 != nil || id == "" || len(id) > 256 || len(secret) > 512 {
		return Client{}, fault.New(fault.Unauthentic, "malformed client authentication")
	}
	if f.Has("client_id") && f.Get("client_id") != id {
		return Client{}, fault.New(fault.Invalid, "client_id is not the client of the Authorization header")
	}
	return s.o.Clients.Authenticate(r.Context(), id, secret)
}

// assertion proves a client with a signed statement (RFC 7523 section 3).
func (s *Server) assertion(r *http.Request, f url.Values) (Client, error) {
	raw := f.Get("client_assertion")
	h, err := header(raw)
	if err != nil {
		return Client{}, err
	}
	var a struct {
		Issuer    string          `json:"iss"`
		Subject   string          `json:"sub"`
		Audience  json.RawMessage `json:"aud"`
		ID        string          `json:"jti"`
		Expires   float64         `json:"exp"`
		NotBefore float64         `json:"nbf"`
		Issued    float64         `json:"iat"`
	}
	// The subject is read before anything is proved, only to find the key.
	part := strings.Split(raw, ".")[1]
	if err := decodePart(part, &a); err != nil || a.Subject == "" || len(a.Subject) > 256 {
		return Client{}, errToken()
	}
	key, err := s.o.Clients.PublicKey(r.Context(), a.Subject, h.Kid)
	if err != nil {
		return Client{}, err
	}
	public, err := x509.ParsePKIXPublicKey(key.Public)
	if err != nil {
		return Client{}, fault.New(fault.Internal, "a stored public key of a client cannot be read")
	}
	if _, err := check(raw, h, public, key.Alg); err != nil {
		return Client{}, err
	}
	now := s.o.Now()
	at := float64(now.UnixMilli()) / 1000
	skew, most := Skew.Seconds(), MaxAssertion.Seconds()
	switch {
	case a.Issuer != a.Subject, f.Has("client_id") && f.Get("client_id") != a.Subject:
		return Client{}, errToken()
	case !s.forUs(a.Audience):
		return Client{}, fault.New(fault.Unauthentic, "the assertion is for somebody else")
	case a.Expires <= at-skew, a.Expires > at+most+skew, a.NotBefore > at+skew, a.Issued > at+skew:
		return Client{}, fault.New(fault.Unauthentic, "the assertion is too old, too early or lives too long")
	case a.ID == "", len(a.ID) > 255:
		return Client{}, fault.New(fault.Unauthentic, "the assertion needs a jti of at most 255 bytes")
	}
	c, err := s.o.Clients.Proved(r.Context(), a.Subject)
	if err != nil {
		return Client{}, err
	}
	c.Key = key.Thumbprint
	sum := sha256.Sum256([]byte(fmt.Sprint(len(c.ID), c.ID, a.ID))) // an entry of one size
	until := time.UnixMilli(int64(a.Expires*1000) + 1).Add(Skew)
	if err := s.o.Used.Add(r.Context(), now, hex.EncodeToString(sum[:]), until); err != nil {
		if fault.Of(err) == fault.Conflict {
			return Client{}, fault.New(fault.Unauthentic, "the assertion was used before")
		}
		return Client{}, err
	}
	return c, nil
}

// forUs tells whether an audience is us and nobody else: an assertion that is good
// at two servers could be sent on by one of them.
func (s *Server) forUs(raw json.RawMessage) bool {
	var one string
	if json.Unmarshal(raw, &one) != nil {
		var many []string
		if json.Unmarshal(raw, &many) != nil || len(many) != 1 {
			return false
		}
		one = many[0]
	}
	return one == s.o.Issuer || one == s.o.Issuer+PathToken
}

func (s *Server) refuse(w http.ResponseWriter, r *http.Request, no *refusal) {
	switch no.status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Basic realm="oauth"`)
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "5")
	}
	if no.status >= 500 {
		s.o.Logger.WarnContext(r.Context(), "oauth request failed", "path", r.URL.Path, "error", no.Code)
	}
	answer(w, no.status, no)
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client has gone: nobody to tell
}
