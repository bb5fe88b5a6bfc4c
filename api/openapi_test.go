package api

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// node is a piece of a JSON document.
type node = map[string]any

func TestTheDocumentIsWhole(t *testing.T) {
	f := newFixture(t, nil)
	for path, version := range map[string]string{"/openapi.json": "3.1.0", "/openapi-3.0.json": "3.0.3"} {
		w := f.get(path, "Authorization", "")
		var doc node
		if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
			t.Fatal(path, err)
		}
		if doc["openapi"] != version {
			t.Errorf("%s is %v", path, doc["openapi"])
		}
		schemas := doc["components"].(node)["schemas"].(node)
		ids := map[string]bool{}
		for route, item := range doc["paths"].(node) {
			for method, v := range item.(node) {
				op := v.(node)
				id, _ := op["operationId"].(string)
				if id == "" || ids[id] || op["summary"] == "" || len(op["tags"].([]any)) != 1 {
					t.Errorf("%s %s: id %q, summary %v", method, route, id, op["summary"])
				}
				ids[id] = true
				if _, ok := op["x-cost"].(float64); !ok {
					t.Errorf("%s has no x-cost", id)
				}
				if op["x-scope"] == nil && !slices.Contains([]string{"get-me", "check-signature", "get-health", "get-readiness", "get-version"}, id) && op["tags"].([]any)[0] != "Account" {
					t.Errorf("%s has no x-scope", id)
				}
				if op["security"] == nil {
					t.Errorf("%s does not say who may call it", id)
				}
				checkResponses(t, id, op["responses"].(node))
				for _, name := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(route, -1) {
					if !slices.ContainsFunc(op["parameters"].([]any), func(p any) bool {
						return p.(node)["name"] == name[1] && p.(node)["in"] == "path" && p.(node)["required"] == true
					}) {
						t.Errorf("%s does not describe {%s}", id, name[1])
					}
				}
				if ps, ok := op["parameters"].([]any); ok {
					for _, p := range ps {
						if p.(node)["description"] == nil || p.(node)["schema"] == nil {
							t.Errorf("%s: parameter %v is not described", id, p.(node)["name"])
						}
					}
				}
			}
		}
		if len(ids) != len(f.Operations()) {
			t.Errorf("%s has %d operations, the registry %d", path, len(ids), len(f.Operations()))
		}
		for _, ref := range regexp.MustCompile(`"\$ref":"#/components/schemas/([^"]+)"`).FindAllStringSubmatch(w.Body.String(), -1) {
			if schemas[ref[1]] == nil {
				t.Errorf("%s: there is no schema %s", path, ref[1])
			}
		}
		for name, s := range schemas {
			if props, ok := s.(node)["properties"].(node); ok {
				order, _ := s.(node)["x-order"].([]any)
				if len(order) != len(props) {
					t.Errorf("%s: x-order of %s has %d names for %d properties", path, name, len(order), len(props))
				}
			}
		}
		for _, gone := range []string{"ErrorModel", `"array","null"`} {
			if strings.Contains(w.Body.String(), gone) {
				t.Errorf("%s holds %s", path, gone)
			}
		}
	}
}

func checkResponses(t *testing.T, id string, rs node) {
	t.Helper()
	ok, problems := 0, 0
	for status, r := range rs {
		content, _ := r.(node)["content"].(node)
		if status[0] == '2' {
			ok++
			if strings.HasPrefix(id, "export-") { // a file, and JSON for its size
				if content["application/vnd.apache.parquet"] == nil || content["application/json"] == nil {
					t.Errorf("%s %s lacks the file or its size", id, status)
				}
				continue
			}
			for f := range formats {
				if content[format(f).media()] == nil {
					t.Errorf("%s %s lacks %s", id, status, format(f).media())
				}
			}
			continue
		}
		if content["application/problem+json"] != nil && content["application/problem+xml"] != nil {
			problems++
		}
	}
	if ok != 1 || problems < 3 {
		t.Errorf("%s has %d good responses and %d problems", id, ok, problems)
	}
}

func TestPagesStandAlone(t *testing.T) {
	f := newFixture(t, nil)
	outside := regexp.MustCompile(`(?i)(src|href|action|url\(|@import)\s*=?\s*["'(]?\s*(https?:)?//`)
	links := regexp.MustCompile(`(?:href|src)="(/[^"#]*)`)
	seen := map[string]bool{}
	todo := []string{"/", "/docs", "/errors"}
	for len(todo) > 0 {
		path := todo[0]
		todo = todo[1:]
		if seen[path] {
			continue
		}
		seen[path] = true
		w := f.get(path, "Authorization", "")
		if w.Code != 200 {
			t.Errorf("a link leads to %s: %d", path, w.Code)
			continue
		}
		ct := w.Header().Get("Content-Type")
		if !strings.HasPrefix(ct, "text/html") {
			if strings.HasPrefix(ct, "text/css") && outside.MatchString(w.Body.String()) {
				t.Errorf("%s reaches outside", path)
			}
			continue
		}
		b := w.Body.String()
		csp := w.Header().Get("Content-Security-Policy")
		if strings.Contains(csp, "unsafe") || !strings.Contains(csp, "default-src 'none'") {
			t.Errorf("%s: policy %s", path, csp)
		}
		for _, bad := range []string{"<script", " style=", "onclick", "javascript:"} {
			if strings.Contains(b, bad) {
				t.Errorf("%s holds %s, which its own policy forbids", path, bad)
			}
		}
		if m := outside.FindString(b); m != "" {
			t.Errorf("%s reaches outside: %s", path, m)
		}
		for _, need := range []string{`<html lang="en">`, "<title>", `<main id="main">`, "<h1>", `name="viewport"`} {
			if !strings.Contains(b, need) {
				t.Errorf("%s lacks %s", path, need)
			}
		}
		for _, m := range links.FindAllStringSubmatch(b, -1) {
			todo = append(todo, m[1])
		}
	}
	if len(seen) < 15 {
		t.Errorf("only %d pages are reached", len(seen))
	}
	docs := f.get("/docs").Body.String()
	for _, op := range f.Operations() {
		if !strings.Contains(docs, fmt.Sprintf(`<article id="%s">`, op.ID)) || !strings.Contains(docs, op.Path) {
			t.Errorf("the reference does not have %s", op.ID)
		}
	}
	for _, want := range []string{"contributions[].status", "levels on each side", "turnover", "<code>market:read</code>", "expires_at"} {
		if !strings.Contains(strings.ToLower(docs), want) {
			t.Errorf("the reference lacks %q", want)
		}
	}
}
