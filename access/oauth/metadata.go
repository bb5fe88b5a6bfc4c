package oauth

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// serverMetadata is the document of RFC 8414 section 2.
func (s *Server) serverMetadata() map[string]any {
	methods := []string{"client_secret_basic", "private_key_jwt"}
	m := map[string]any{
		"issuer":                   s.o.Issuer,
		"token_endpoint":           s.o.Issuer + PathToken,
		"introspection_endpoint":   s.o.Issuer + PathIntrospect,
		"revocation_endpoint":      s.o.Issuer + PathRevoke,
		"jwks_uri":                 s.o.Issuer + PathJWKS,
		"grant_types_supported":    []string{"client_credentials"},
		"response_types_supported": []string{}, // required, and there is no authorization endpoint
		"scopes_supported":         s.o.Scopes,
	}
	for _, e := range []string{"token", "introspection", "revocation"} {
		m[e+"_endpoint_auth_methods_supported"] = methods
		m[e+"_endpoint_auth_signing_alg_values_supported"] = assertionAlgs()
	}
	return m
}

// resourceMetadata is the document of RFC 9728 section 2.
func (s *Server) resourceMetadata() map[string]any {
	return map[string]any{
		"resource":                 s.o.Resource,
		"authorization_servers":    []string{s.o.Issuer},
		"scopes_supported":         s.o.Scopes,
		"bearer_methods_supported": []string{"header"},
	}
}

func (s *Server) publicJSON(w http.ResponseWriter, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "something failed on our side", http.StatusInternalServerError)
		return
	}
	s.public(w, "application/json", b)
}

// public answers what anyone may read and cache.
func (s *Server) public(w http.ResponseWriter, kind string, b []byte) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", fmt.Sprintf("public, max-age=%d", s.o.Keys.MaxAge()/time.Second))
	w.Header().Set("Access-Control-Allow-Origin", "*")
	_, _ = w.Write(b)
}

func decodePart(part string, v any) error {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, v)
}
