package api

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/api/problem"
	"github.com/assayhq/assay/fault"
)

// The pages are few, need no script and no other host, and are made once: the home
// page, the reference, and one page per error code, which is where `type` leads.

//go:embed page
var pageFiles embed.FS

// pages are the finished ones, by path.
type pages map[string][]byte

// pagePolicy lets a page have our style sheet and nothing else.
var pagePolicy = []string{"default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"}

// mount adds what is no operation.
func (s *Server) mount() error {
	t, err := template.New("").Funcs(template.FuncMap{"text": plain}).ParseFS(pageFiles, "page/*.html")
	if err != nil {
		return err
	}
	s.pages = pages{}
	make := func(path, name, title string, data any) error {
		var b bytes.Buffer
		err := t.ExecuteTemplate(&b, name, map[string]any{"Title": title, "Version": s.opt.Version, "Data": data})
		s.pages[path] = b.Bytes()
		return err
	}
	if err := make("/docs", "docs.html", "API reference", s.reference()); err != nil {
		return err
	}
	if err := make("/errors", "errors.html", "Errors", problem.Codes[:]); err != nil {
		return err
	}
	for _, c := range problem.Codes {
		if err := make(c.Page(), "error.html", c.Title, c); err != nil {
			return err
		}
	}
	for path := range s.pages {
		s.handle(path, s.page)
	}
	style, err := pageFiles.ReadFile("page/style.css")
	if err != nil {
		return err
	}
	s.handle("/docs/style.css", func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Cache-Control"] = []string{"public, max-age=3600"}
		w.(*exchange).write(http.StatusOK, "text/css; charset=utf-8", style)
	})
	for path, spec := range map[string]*[]byte{"/openapi.json": &s.spec, "/openapi-3.0.json": &s.spec0} {
		s.handle(path, func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Cache-Control"] = []string{"public, max-age=60"}
			w.(*exchange).write(http.StatusOK, "application/openapi+json", *spec)
		})
	}
	if s.opt.Home == nil {
		s.handle("/{$}", func(w http.ResponseWriter, r *http.Request) {
			x := w.(*exchange)
			simulated, note := s.opt.Board.Simulated()
			var b bytes.Buffer
			err := t.ExecuteTemplate(&b, "home.html", map[string]any{
				"Title": "Assay", "Version": s.opt.Version, "Host": x.origin(),
				"Data": map[string]any{"Simulated": simulated, "Note": note, "Venues": s.opt.Board.Venues(), "Now": s.opt.Board.Now().UTC().Format(timeForm)},
			})
			if err != nil {
				x.fail(fault.Wrap(fault.Internal, err, "the page could not be made"))
				return
			}
			x.html(b.Bytes())
		})
	}
	if s.opt.Stream != nil {
		s.mux.HandleFunc("GET /v1/stream", s.stream)
		s.mux.HandleFunc("GET /v1/stream/{rest...}", s.stream)
		s.paths = append(s.paths, "/v1/stream")
	}
	if err := s.mountFaces(); err != nil {
		return err
	}
	s.mux.HandleFunc("/", s.stray)
	return nil
}

func (s *Server) handle(path string, h http.HandlerFunc) {
	s.mux.HandleFunc("GET "+path, h)
	if !strings.HasSuffix(path, "}") {
		s.paths = append(s.paths, path)
	}
}

func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	w.(*exchange).html(s.pages[strings.TrimSuffix(r.URL.Path, "/")])
}

func (x *exchange) html(b []byte) {
	x.Header()["Content-Security-Policy"] = pagePolicy
	x.Header()["Referrer-Policy"] = noReferrer
	x.write(http.StatusOK, "text/html; charset=utf-8", b)
}

// origin is this server's address as the visitor sees it, for lines to copy.
func (x *exchange) origin() string {
	scheme := "http"
	if x.r.TLS != nil || x.r.Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "https"
	}
	host := x.r.Host
	if host == "" || strings.ContainsAny(host, " '\"`$\\<>&;|") {
		host = "localhost:8080"
	}
	return scheme + "://" + host
}

// plain takes the marks of Markdown out.
func plain(s string) string { return strings.NewReplacer("`", "", "**", "").Replace(s) }

// refGroup, refOp and refParam are what the reference page shows.
type refGroup struct {
	Name, About string
	Ops         []refOp
}

type refOp struct {
	Operation
	Params []refParam
	Body   []refField
	Fields []refField
	Errors []problem.Code
	Try    string
}

type refParam struct {
	Name, In, Type, About, Default string
	Required                       bool
}

type refField struct{ Name, Type, About string }

// reference reads the OpenAPI document into what the page shows.
func (s *Server) reference() map[string]any {
	doc := s.huma.OpenAPI()
	var groups []*refGroup
	for _, t := range doc.Tags {
		groups = append(groups, &refGroup{Name: t.Name, About: t.Description})
	}
	for _, op := range s.ops {
		item := doc.Paths[op.Path]
		h := map[string]*huma.Operation{"GET": item.Get, "POST": item.Post, "DELETE": item.Delete}[op.Method]
		r := refOp{Operation: op, Try: s.try(op, h)}
		for _, p := range h.Parameters {
			if p.Name == "format" || p.Name == "decimal" {
				continue
			}
			def := ""
			if p.Schema.Default != nil {
				def = fmt.Sprint(p.Schema.Default)
			}
			r.Params = append(r.Params, refParam{p.Name, p.In, s.typeName(p.Schema), p.Description, def, p.Required})
		}
		if h.RequestBody != nil {
			if m := h.RequestBody.Content["application/json"]; m != nil {
				r.Body = s.fields("", m.Schema, 0)
			}
		}
		ok := h.Responses[fmt.Sprint(orOK(op.status))].Content["application/json"].Schema
		answer := s.schema(ok)
		r.Fields = s.fields("", answer.Properties["data"], 0)
		for _, c := range problem.Codes {
			if h.Responses[fmt.Sprint(c.Status)] != nil && !(c.Status == http.StatusServiceUnavailable && op.Scope == "") {
				r.Errors = append(r.Errors, c)
			}
		}
		i := slices.IndexFunc(groups, func(g *refGroup) bool { return g.Name == op.Tag })
		groups[i].Ops = append(groups[i].Ops, r)
	}
	scopes := access.Scopes()
	var list []refField
	for _, k := range slices.Sorted(func(yield func(access.Scope) bool) {
		for k := range scopes {
			if !yield(k) {
				return
			}
		}
	}) {
		list = append(list, refField{Name: string(k), About: scopes[k]})
	}
	return map[string]any{"Groups": groups, "Scopes": list, "Meta": s.fields("", &huma.Schema{Ref: "#/components/schemas/Meta"}, 0), "About": strings.Split(strings.TrimSpace(about), "\n")}
}

func (s *Server) schema(sc *huma.Schema) *huma.Schema {
	if sc.Ref != "" {
		return s.huma.OpenAPI().Components.Schemas.SchemaFromRef(sc.Ref)
	}
	return sc
}

// fields lists the members of an object, and of objects inside it with a dot.
func (s *Server) fields(prefix string, sc *huma.Schema, depth int) (out []refField) {
	for sc != nil && s.schema(sc).Type == huma.TypeArray && s.schema(sc).Items != nil {
		sc = s.schema(sc).Items
		if prefix != "" {
			prefix = strings.TrimSuffix(prefix, ".") + "[]."
		}
	}
	if sc == nil || depth > 2 {
		return nil
	}
	ref := sc
	sc = s.schema(sc)
	var names []string
	if ref.Ref != "" {
		names = fieldNames(s.huma.OpenAPI().Components.Schemas.TypeFromRef(ref.Ref))
	}
	for _, n := range names {
		p := sc.Properties[n]
		if p == nil {
			continue
		}
		out = append(out, refField{prefix + n, s.typeName(p), p.Description})
		out = append(out, s.fields(prefix+n+".", p, depth+1)...)
	}
	return out
}

func (s *Server) typeName(sc *huma.Schema) string {
	inner := s.schema(sc)
	t := inner.Type
	switch {
	case t == huma.TypeArray:
		t = "list of " + s.typeName(inner.Items)
	case inner.Format == "decimal":
		t = "decimal"
	case inner.Format == "date-time":
		t = "time"
	}
	if len(inner.Enum) > 0 && len(inner.Enum) <= 12 {
		var w []string
		for _, e := range inner.Enum {
			w = append(w, fmt.Sprint(e))
		}
		t = strings.Join(w, ", ")
	}
	if sc.Nullable {
		t += ", or null"
	}
	return t
}

// try is a line for a shell.
func (s *Server) try(op Operation, h *huma.Operation) string {
	path, query := op.Path, []string{}
	for _, p := range h.Parameters {
		ex := "..."
		if p.Example != nil {
			ex = fmt.Sprint(p.Example)
		}
		switch {
		case p.In == "path":
			path = strings.ReplaceAll(path, "{"+p.Name+"}", ex)
		case p.Required:
			query = append(query, p.Name+"="+ex)
		}
	}
	if len(query) > 0 {
		path += "?" + strings.Join(query, "&")
	}
	line := "curl "
	if op.Method != http.MethodGet {
		line += "-X " + op.Method + " "
	}
	if op.Scope != "" || op.Cost > 0 {
		line += `-H "Authorization: Bearer $ASSAY_API_KEY" `
	}
	if h.RequestBody != nil {
		line += `-H "Content-Type: application/json" -d '{"name":"laptop","scopes":["market:read"]}' `
	}
	return line + `"$ASSAY_BASE_URL` + path + `"`
}
