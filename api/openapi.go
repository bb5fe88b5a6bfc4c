package api

import (
	"encoding/json"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/assayhq/assay/access"
)

// What a reader of the document should know, in its first lines.
const about = `Prices, order books, trades and candles of many crypto exchanges, cleansed, with the quality of every value beside it.

* **Answers** are ` + "`{data, meta}`" + `. ` + "`meta`" + ` tells how old the data is, where it comes from, and what is wrong with it. Formats: JSON, JSON lines, XML, CSV and columns, by Accept or ` + "`?format=`" + `.
* **Numbers**: decimals are strings with all their digits; ` + "`?decimal=number`" + ` makes them JSON numbers. Unknown is null, zero is zero.
* **Times** are UTC. Hot data has milliseconds (` + "`ts`" + `), the rest RFC 3339. ` + "`start`" + ` is inclusive, ` + "`end`" + ` exclusive.
* **Pages**: ` + "`limit`" + ` and ` + "`cursor`" + `, with ` + "`next_cursor`" + ` and a Link header.
* **Errors** are RFC 9457 problems; ` + "`code`" + ` is for programs, ` + "`type`" + ` leads to a page about it.
* **Keys**: ` + "`Authorization: Bearer asy_...`" + `. Limits are told in RateLimit headers; each operation's ` + "`x-cost`" + ` says what it takes.`

// blankDocument is the document before any operation.
func (s *Server) blankDocument() *huma.OpenAPI {
	return &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{
			Title: "Assay", Version: s.opt.Version, Description: about,
		},
		Servers: []*huma.Server{{URL: "/", Description: "This server"}},
		Tags: []*huma.Tag{
			{Name: "Prices", Description: "What things cost now"},
			{Name: "History", Description: "What happened before"},
			{Name: "Derivatives", Description: "Perpetuals and futures: funding, open interest, mark and index prices, liquidations"},
			{Name: "Streams", Description: "The same data as it happens"},
			{Name: "Exports", Description: "The same as files, of any length"},
			{Name: "Figures", Description: "What prices mean: changes, volumes, capitalisations and ranks"},
			{Name: "Indicators", Description: "Technical indicators over candles: statistics in floating point. docs/insight/indicators has a page with a picture of each"},
			{Name: "Risk", Description: "What holding was like, and beside what"},
			{Name: "Grades", Description: "Statistics of past data by open formulas, with their record. Not financial advice"},
			{Name: "Reference", Description: "What exists, and where it trades"},
			{Name: "Derivatives", Description: "Perpetuals and futures: funding, open interest, mark and index, liquidations"},
			{Name: "Liquidity", Description: "What can be traded, and at what price"},
			{Name: "Quality", Description: "How good the data is"},
			{Name: "Keys", Description: "Who may ask"},
			{Name: "Plans", Description: "How much apps may use"},
			{Name: "Account", Description: "People with passwords"},
			{Name: "Webhooks", Description: "Being told what happens to keys and limits"},
			{Name: "Health", Description: "How this server is doing"},
		},
		Components: &huma.Components{
			Schemas: huma.NewMapRegistry("#/components/schemas/", schemaName),
			SecuritySchemes: map[string]*huma.SecurityScheme{
				"bearer": {Type: "http", Scheme: "bearer", BearerFormat: "asy_{live|test}_...", Description: "The key as a Bearer token"},
				"apiKey": {Type: "apiKey", In: "header", Name: "X-API-Key", Description: "The same key, for clients that cannot set Authorization"},
			},
		},
	}
}

// schemaName names the schema of a type: the list of Price is PriceList, one is PriceAnswer.
func schemaName(t reflect.Type, hint string) string {
	n := huma.DefaultSchemaNamer(t, hint)
	switch {
	case n == "Answer":
		return n
	case strings.HasPrefix(n, "AnswerList"):
		return n[len("AnswerList"):] + "List"
	case strings.HasPrefix(n, "Answer"):
		return n[len("Answer"):] + "Answer"
	case n == "Detail":
		return "ProblemDetail"
	}
	return n
}

// describe makes huma's operation of ours.
func (s *Server) describe(op *Operation) *huma.Operation {
	h := &huma.Operation{
		OperationID: op.ID, Method: op.Method, Path: op.Path, Summary: op.Summary, Description: op.Doc, Tags: []string{op.Tag},
		MaxBodyBytes: s.opt.MaxBody, DefaultStatus: orOK(op.status),
		Metadata:   map[string]any{"operation": op},
		Extensions: map[string]any{"x-cost": op.Cost},
		Security:   []map[string][]string{},
	}
	op.contract()
	op.promise(h)
	if op.Scope != "" || op.Cost > 0 {
		h.Security = []map[string][]string{{"bearer": {}}, {"apiKey": {}}}
		if op.Scope != "" {
			h.Extensions["x-scope"] = string(op.Scope)
			if op.Scope == access.MarketRead || op.Scope == access.StreamRead {
				h.Security = append(h.Security, map[string][]string{}) // a server may be open
			}
		}
	}
	return h
}

// responses documents what an operation answers, in every format, and how it fails.
func responses[T any](s *Server, h *huma.Operation, status int) {
	reg := s.huma.OpenAPI().Components.Schemas
	schema := reg.Schema(reflect.TypeFor[Answer[T]](), true, "")
	text := func(doc string) *huma.MediaType {
		return &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Description: doc}}
	}
	header := func(doc string) *huma.Param {
		return &huma.Param{Description: doc, Schema: &huma.Schema{Type: huma.TypeString}}
	}
	ok := &huma.Response{
		Description: http.StatusText(status),
		Content: map[string]*huma.MediaType{
			inJSON.media():    {Schema: schema},
			inXML.media():     {Schema: schema},
			inLines.media():   text("One row of data per line, each a JSON object"),
			inCSV.media():     text("A line of names, then one line per row (RFC 4180)"),
			inColumns.media(): {Schema: reg.Schema(reflect.TypeFor[columnsDoc](), true, "")},
		},
		Headers: map[string]*huma.Param{
			"X-Request-Id":  header("Also in this server's log"),
			"Assay-As-Of":   header("meta.as_of, for formats without meta"),
			"Assay-Sources": header("meta.sources"),
			"Assay-Quality": header("meta.quality"),
		},
	}
	if h.Metadata["operation"].(*Operation).file {
		fileResponse(ok)
	}
	h.Responses = map[string]*huma.Response{strconv.Itoa(status): ok}
	if h.OperationID == "get-readiness" {
		h.Responses["503"] = ok
	}
	statuses := []int{400, 404, 406, 500}
	if len(h.Security) > 0 || h.Tags[0] == "Account" {
		statuses = append(statuses, 401, 403, 429, 503)
	}
	if strings.Contains(h.Path, "{id}") || strings.Contains(h.Path, "{asset}") || h.OperationID == "list-prices" || h.OperationID == "set-plan" || h.Tags[0] == "Account" {
		statuses = append(statuses, 409)
	}
	if h.Method == http.MethodPost {
		statuses = append(statuses, 413, 415)
	}
	if h.Metadata["operation"].(*Operation).Idempotent != Never {
		statuses = append(statuses, 409, 422)
	}
	problem := reg.Schema(reflect.TypeFor[Problem](), true, "")
	for _, c := range statuses {
		key := strconv.Itoa(c)
		if h.Responses[key] != nil {
			continue
		}
		h.Responses[key] = &huma.Response{
			Description: http.StatusText(c),
			Content: map[string]*huma.MediaType{
				"application/problem+json": {Schema: problem},
				"application/problem+xml":  {Schema: problem},
			},
		}
	}
}

// columnsDoc is what the format columns looks like.
type columnsDoc struct {
	Columns []string         `json:"columns" doc:"Names in order"`
	Data    map[string][]any `json:"data" doc:"One array per column, all of one length"`
	Meta    Meta             `json:"meta"`
}

// document finishes the OpenAPI document: it closes the gaps that huma leaves, then
// writes both versions down.
func (s *Server) document() error {
	doc := s.huma.OpenAPI()
	reg := doc.Components.Schemas
	all := reg.Map()
	delete(all, "ErrorModel") // huma's own errors, which never leave
	delete(all, "ErrorDetail")
	asked := map[string]bool{} // schemas of what is sent, which stay closed at every depth
	var ask func(sc *huma.Schema)
	ask = func(sc *huma.Schema) {
		if name := strings.TrimPrefix(sc.Ref, "#/components/schemas/"); sc.Ref != "" && !asked[name] {
			asked[name] = true
			ask(reg.SchemaFromRef(sc.Ref))
		}
		if sc.Items != nil {
			ask(sc.Items)
		}
		for _, p := range sc.Properties {
			ask(p)
		}
	}
	for _, item := range doc.Paths {
		if item.Post != nil && item.Post.RequestBody != nil {
			for _, m := range item.Post.RequestBody.Content {
				ask(m.Schema)
			}
		}
	}
	for name, sc := range all {
		t := reg.TypeFromRef("#/components/schemas/" + name)
		order := fieldNames(t)
		if len(order) > 0 {
			sc.Extensions = map[string]any{"x-order": order}
		}
		if !asked[name] {
			nullable(sc, t, all)
		}
		tidy(sc)
		if !asked[name] {
			sc.AdditionalProperties = nil // answers may grow within v1
		}
	}
	for _, item := range doc.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Delete} {
			if op == nil {
				continue
			}
			for _, p := range op.Parameters {
				if p.Schema != nil && len(p.Schema.Examples) > 0 {
					p.Example = p.Schema.Examples[0]
				}
			}
		}
	}
	var err error
	if s.spec, err = json.Marshal(doc); err != nil {
		return err
	}
	s.spec0, err = doc.Downgrade()
	return err
}

// tidy corrects a schema: lists are never null, decimals say that they are.
func tidy(s *huma.Schema) {
	if s == nil {
		return
	}
	if s.Type == huma.TypeArray {
		s.Nullable = false
	}
	tidy(s.Items)
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		tidy(s.Properties[name])
	}
	if inner, ok := s.AdditionalProperties.(*huma.Schema); ok {
		tidy(inner)
	}
}

// nullable says of objects of an answer that may be missing that they can be null: their
// schema is written out in place, because a reference cannot say so.
func nullable(sc *huma.Schema, t reflect.Type, all map[string]*huma.Schema) {
	if t == nil || t.Kind() != reflect.Struct {
		return
	}
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Type.Kind() != reflect.Pointer || strings.Contains(options, "omitempty") {
			continue
		}
		p := sc.Properties[name]
		if p == nil || p.Ref == "" {
			continue
		}
		inner := *all[strings.TrimPrefix(p.Ref, "#/components/schemas/")]
		inner.Nullable, inner.Description = true, p.Description
		if doc := f.Tag.Get("doc"); doc != "" {
			inner.Description = doc
		}
		sc.Properties[name] = &inner
	}
}

// fieldNames lists the JSON names of a type's fields in order.
func fieldNames(t reflect.Type) (names []string) {
	if t == nil || t.Kind() != reflect.Struct {
		return nil
	}
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			names = append(names, fieldNames(f.Type)...)
		case f.IsExported() && name != "-" && name != "":
			names = append(names, name)
		}
	}
	return names
}
