package mcp

import (
	"bytes"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/assayhq/assay/fault"
)

// tool is one thing that a model can ask for.
type tool struct {
	name, group, doc string
	args             []arg
	// routes are the paths of the operations that may answer, the usual one first.
	routes []string
	// pick chooses one of them, and may change what goes into its address; nil: the first.
	pick func(values) string
	// units says what numbers are in; it stands beside the data.
	units string
	// advice: results could be taken for advice, and say that they are none.
	advice bool
	// form makes the result of a good answer; nil: the answer with units.
	form func(values, []byte) *sdk.CallToolResult
	// prefix begins the text of failures, and absent is the failure of an address that is
	// not there, where that is another face's.
	prefix, absent string
}

// values are arguments as an address has them.
type values map[string]string

// arg is an argument.
type arg struct {
	name, kind, doc string // kind is string, integer, number or boolean
	example         string
	enum            []string
	def             string
	least, most     float64 // of a number, where most is above least
	size            int     // of a text, in bytes; 0 is 200
	required        bool
}

// describe is the tool as MCP lists it.
func (t *tool) describe() *sdk.Tool {
	out := &sdk.Tool{Name: t.name, Description: t.doc, InputSchema: t.schema(), Annotations: &sdk.ToolAnnotations{ReadOnlyHint: true}}
	if t.form == nil {
		// An object of data and meta. The OpenAPI document has what is in them: here it would
		// be most of the list.
		out.OutputSchema = json.RawMessage(`{"type":"object"}`)
	}
	return out
}

// schema is the JSON schema of the arguments, in their order and as short as it can be:
// every model reads it in every conversation.
func (t *tool) schema() json.RawMessage {
	var b bytes.Buffer
	var required []string
	text := func(s string) { j, _ := json.Marshal(s); b.Write(j) }
	b.WriteString(`{"type":"object","properties":{`)
	for i, a := range t.args {
		if i > 0 {
			b.WriteByte(',')
		}
		text(a.name)
		b.WriteString(`:{"type":"` + a.kind + `"`)
		if a.doc != "" {
			b.WriteString(`,"description":`)
			text(a.doc)
		}
		if a.enum != nil {
			j, _ := json.Marshal(a.enum)
			b.WriteString(`,"enum":`)
			b.Write(j)
		}
		if a.most > a.least {
			if a.least != 1 {
				b.WriteString(`,"minimum":` + number(a.least))
			}
			b.WriteString(`,"maximum":` + number(a.most))
		}
		if a.def != "" {
			b.WriteString(`,"default":`)
			a.literal(&b, a.def)
		}
		if a.example != "" {
			b.WriteString(`,"examples":[`)
			a.literal(&b, a.example)
			b.WriteByte(']')
		}
		b.WriteByte('}')
		if a.required {
			required = append(required, a.name)
		}
	}
	b.WriteByte('}')
	if required != nil {
		j, _ := json.Marshal(required)
		b.WriteString(`,"required":`)
		b.Write(j)
	}
	b.WriteString(`,"additionalProperties":false}`)
	return b.Bytes()
}

func (a *arg) literal(b *bytes.Buffer, s string) {
	if a.kind != "string" {
		b.WriteString(s)
		return
	}
	j, _ := json.Marshal(s)
	b.Write(j)
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// read checks arguments by the schema and says what is wrong in a way that mends it.
func (t *tool) read(raw json.RawMessage) (values, error) {
	var in map[string]json.RawMessage
	if len(raw) > 0 && json.Unmarshal(raw, &in) != nil {
		return nil, fault.New(fault.Invalid, "arguments must be an object, such as %s", t.sample())
	}
	for name := range in {
		if !slices.ContainsFunc(t.args, func(a arg) bool { return a.name == name }) {
			return nil, fault.New(fault.Invalid, "%s has no argument %.40q; it has %s", t.name, name, t.names())
		}
	}
	v := values{}
	for i := range t.args {
		a := &t.args[i]
		j, given := in[a.name]
		if !given || string(j) == "null" {
			if a.required {
				return nil, fault.New(fault.Invalid, "%s is missing: %s", a.name, a.want())
			}
			if a.def != "" {
				v[a.name] = a.def
			}
			continue
		}
		s, ok := a.value(j)
		if !ok {
			return nil, fault.New(fault.Invalid, "%s must be %s", a.name, a.want())
		}
		if strings.Contains(s, "asy_live_") || strings.Contains(s, "asy_test_") {
			return nil, fault.New(fault.Invalid, "%s holds a key; keys belong in the client's settings, never in an argument: replace this one", a.name)
		}
		if s == "" {
			s = a.def
		}
		if s != "" {
			v[a.name] = s
		}
	}
	return v, nil
}

// value is an argument as text, if it fits.
func (a *arg) value(j json.RawMessage) (string, bool) {
	if a.kind == "string" {
		var s string
		if json.Unmarshal(j, &s) != nil {
			return "", false
		}
		s = strings.TrimSpace(s)
		size := a.size
		if size == 0 {
			size = 200
		}
		switch {
		case len(s) > size, a.required && s == "", a.enum != nil && s != "" && !slices.Contains(a.enum, s):
			return "", false
		}
		return s, !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
	}
	if a.kind == "boolean" {
		s := string(j)
		return s, s == "true" || s == "false"
	}
	var f float64
	if json.Unmarshal(j, &f) != nil || a.kind == "integer" && f != float64(int64(f)) || a.most > a.least && (f < a.least || f > a.most) {
		return "", false
	}
	return number(f), true
}

// want says what an argument must be.
func (a *arg) want() string {
	s := map[string]string{"string": "a text", "integer": "a whole number", "number": "a number", "boolean": "true or false"}[a.kind]
	if a.enum != nil {
		s = "one of " + strings.Join(a.enum, ", ")
	}
	if a.most > a.least {
		s += " from " + number(a.least) + " to " + number(a.most)
	}
	if a.example != "" {
		s += ", such as " + a.example
	}
	if a.kind == "string" && a.enum == nil {
		s += " (not a list; several are separated by commas where the description says so)"
	}
	return s
}

func (t *tool) names() string {
	if len(t.args) == 0 {
		return "none"
	}
	var out []string
	for _, a := range t.args {
		out = append(out, a.name)
	}
	return strings.Join(out, ", ")
}

// sample is arguments that work.
func (t *tool) sample() string {
	var b bytes.Buffer
	b.WriteByte('{')
	for i := range t.args {
		if a := &t.args[i]; a.required {
			if b.Len() > 1 {
				b.WriteByte(',')
			}
			b.WriteString(`"` + a.name + `":`)
			a.literal(&b, a.example)
		}
	}
	b.WriteByte('}')
	return b.String()
}

// may tells whether one of the tool's operations is there for somebody with these scopes.
func (t *tool) may(ops map[string]string, scopes []string) bool {
	if t.absent != "" {
		return true // another face's, which says itself what is missing
	}
	for _, r := range t.routes {
		if s, ok := ops[r]; ok && (s == "" || slices.Contains(scopes, s) || slices.Contains(scopes, "admin:all")) {
			return true
		}
	}
	return false
}

// address is the operation that answers, with its parameters.
func (t *tool) address(v values) (string, url.Values, error) {
	path := t.routes[0]
	if t.pick != nil {
		path = t.pick(v)
	}
	q := url.Values{}
	for name, s := range v {
		place := "{" + name + "}"
		if !strings.Contains(path, place) {
			q.Set(name, s)
			continue
		}
		if s == "." || s == ".." {
			return "", nil, fault.New(fault.Invalid, "%s cannot be %q", name, s)
		}
		path = strings.Replace(path, place, url.PathEscape(s), 1)
	}
	if i := strings.IndexByte(path, '{'); i >= 0 {
		name, _, _ := strings.Cut(path[i+1:], "}")
		return "", nil, fault.New(fault.Invalid, "%s is needed for this", name)
	}
	return path, q, nil
}

// result is an answer of the API as the result of the tool: as structured content, and as
// text for clients that do not know it.
func (t *tool) result(v values, body []byte) *sdk.CallToolResult {
	if t.form != nil {
		return t.form(v, body)
	}
	body = bytes.TrimSpace(body)
	if len(body) < 2 || body[0] != '{' {
		return failed("the server's answer cannot be read")
	}
	head, _ := json.Marshal(struct {
		Units  string `json:"units,omitempty"`
		Advice string `json:"not_financial_advice,omitempty"`
	}{t.units, map[bool]string{true: notAdvice}[t.advice]})
	if len(head) > 2 {
		body = slices.Concat(head[:len(head)-1], []byte(","), body[1:])
	}
	return &sdk.CallToolResult{StructuredContent: json.RawMessage(body), Content: []sdk.Content{&sdk.TextContent{Text: string(body)}}}
}

const notAdvice = "Statistics of past data by a published formula. Not financial advice, and no forecast."
