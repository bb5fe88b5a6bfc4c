package mcp

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/assayhq/assay/fault"
)

// maxAnswer bounds what a tool gives to a model.
const maxAnswer = 1 << 20

// reply is what the API answered: a ResponseWriter in memory.
type reply struct {
	status int
	header http.Header
	body   bytes.Buffer
	cut    bool
}

// Header is of http.ResponseWriter.
func (r *reply) Header() http.Header { return r.header }

// WriteHeader keeps the status.
func (r *reply) WriteHeader(status int) {
	if r.status == 0 && status >= 200 {
		r.status = status
	}
}

// Write keeps the body up to the bound.
func (r *reply) Write(b []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	if r.body.Len()+len(b) > maxAnswer {
		r.cut = true
		return len(b), nil
	}
	return r.body.Write(b)
}

// ask makes a request to the API for the caller of ctx.
func (f *Face) ask(ctx context.Context, path string, q url.Values) (*reply, error) {
	u := "http://assay" + path
	if len(q) > 0 {
		u += "?" + q.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u, http.NoBody)
	if err != nil {
		return nil, fault.New(fault.Invalid, "an argument cannot stand in an address")
	}
	r.RequestURI = r.URL.RequestURI()
	r.Header.Set("Accept", "application/json")
	if c := chosen(ctx, f); c.from != nil {
		r.RemoteAddr = c.from.RemoteAddr
		for _, h := range []string{"X-Forwarded-For", "User-Agent"} {
			if v := c.from.Header[h]; v != nil {
				r.Header[h] = v
			}
		}
		if c.id != "" {
			r.Header.Set("X-Request-Id", c.id)
		}
	}
	a := &reply{header: http.Header{}}
	f.opt.REST.ServeHTTP(a, r)
	return a, nil
}

// scopes are what the caller may do. Asking costs what /v1/me costs, so that no message is
// for nothing.
func (f *Face) scopes(ctx context.Context) ([]string, error) {
	a, err := f.ask(ctx, "/v1/me", nil)
	if err != nil {
		return nil, err
	}
	if a.status != http.StatusOK {
		return nil, fault.New(fault.Unavailable, "%s", a.problem())
	}
	var me struct{ Data struct{ Scopes []string } }
	if err := json.Unmarshal(a.body.Bytes(), &me); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "the server's answer cannot be read")
	}
	return me.Data.Scopes, nil
}

// problem is a failure in a sentence or two.
func (r *reply) problem() string {
	var p struct {
		Code, Detail, Message string
		Errors                []struct{ Location, Message string }
		Suggestions           []string
		Candidates            []struct{ Code, Name string }
	}
	if json.Unmarshal(r.body.Bytes(), &p) != nil || p.Detail == "" && p.Message == "" {
		return fmt.Sprintf("the server answered with status %d", r.status)
	}
	var b strings.Builder
	b.WriteString(p.Code)
	if p.Code != "" {
		b.WriteString(": ")
	}
	b.WriteString(p.Detail + p.Message)
	for _, e := range p.Errors {
		if !strings.Contains(p.Detail, e.Message) {
			fmt.Fprintf(&b, "; %s: %s", e.Location, e.Message)
		}
	}
	for i, c := range p.Candidates {
		fmt.Fprintf(&b, "%s%s (%s)", []string{", ", ". Say which is meant: "}[btoi(i == 0)], c.Code, c.Name)
	}
	if len(p.Suggestions) > 0 && !strings.Contains(p.Detail, "did you mean") {
		b.WriteString(". Did you mean " + strings.Join(p.Suggestions, ", ") + "?")
	}
	if s := r.header.Get("Retry-After"); s != "" {
		b.WriteString(". Try again in " + s + " s")
	}
	return inTerms.Replace(b.String())
}

// inTerms takes the places of an address out of a text: a model has given arguments.
var inTerms = strings.NewReplacer("query.", "", "path.", "", "required query parameter is missing", "is needed for this")

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// failed is a tool error.
func failed(format string, args ...any) *sdk.CallToolResult {
	return &sdk.CallToolResult{IsError: true, Content: []sdk.Content{&sdk.TextContent{Text: fmt.Sprintf(format, args...)}}}
}

// call answers a call of a tool that there is.
func (f *Face) call(ctx context.Context, t *tool, raw json.RawMessage) *sdk.CallToolResult {
	v, err := t.read(raw)
	var path string
	var q url.Values
	if err == nil {
		path, q, err = t.address(v)
	}
	if err != nil { // no operation was asked, so none took anything of the limit
		if _, limit := f.scopes(ctx); limit != nil {
			err = limit
		}
		return failed("%s%s", t.prefix, fault.Public(err))
	}
	a, err := f.ask(ctx, path, q)
	switch {
	case err != nil:
		return failed("%s%s", t.prefix, fault.Public(err))
	case a.status == http.StatusNotFound && t.absent != "":
		return failed("%s%s", t.prefix, t.absent)
	case a.status != http.StatusOK:
		return failed("%s%s", t.prefix, a.problem())
	case a.cut:
		return failed("%sthe answer has more than %d KiB; ask for less, such as with a smaller limit", t.prefix, maxAnswer>>10)
	}
	return t.result(v, a.body.Bytes())
}
