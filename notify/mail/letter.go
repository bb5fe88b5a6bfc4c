package mail

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"text/template"
	"unicode"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/notify"
)

// Facts are what a letter can say of an event: the fields of its data that are known
// here. A fact that is missing leaves its sentence out.
type Facts struct {
	Ring      string `json:"ring"`
	Key       string `json:"key"`       // public id
	Successor string `json:"successor"` // public id of the new key
	RetireAt  string `json:"retire_at"` // RFC 3339
	UndoUntil string `json:"undo_until"`
	LastUsed  string `json:"last_used"`
	Client    string `json:"client"` // who uses the key, such as a network or user agent
	Cause     string `json:"cause"`
	Detail    string `json:"-"` // what else is known
	// These come from the event itself.
	App string `json:"-"`
	At  string `json:"-"`
}

type form struct{ subject, text string }

// forms are the letters, by event type. They are for people: what happened, what it
// means for them, what to do.
var forms = map[string]form{
	notify.KeyRotationStarted: {
		`A new key is ready in {{or .Ring "your ring"}}`,
		`A rotation of {{or .Ring "a key ring"}}{{with .App}} of the app {{.}}{{end}} was started at {{.At}}.
{{with .Successor}}
The new key is {{.}}. {{end}}{{with .Key}}The old key is {{.}}. {{end}}Both work now.

What to do: put the new key into your program. Once it has been used, the old key
gets a date on which it ends, and you will be told.
`},
	notify.KeyStraggler: {
		`Something still uses the old key {{.Key}}`,
		`The key {{.Key}}{{with .Ring}} of {{.}}{{end}} has a successor, yet it is still used.
{{with .LastUsed}}
Last use:  {{.}}{{end}}{{with .Client}}
Used by:   {{.}}{{end}}{{with .RetireAt}}
It ends:   {{.}}{{end}}

What to do: find the program that still has the old key and give it the new one{{with .RetireAt}}
before {{.}}. After that its requests are refused{{end}}.
`},
	notify.KeySuspended: {
		`The key {{.Key}} no longer works`,
		`The key {{.Key}}{{with .Ring}} of {{.}}{{end}} was suspended at {{.At}}. Requests with it are refused.
{{with .UndoUntil}}
If something of yours stopped working, the key can be brought back until
{{.}}. After that it is gone for good.
{{end}}
What to do: nothing, if all your programs use the new key.
`},
	notify.KeyRevoked: {
		`The key {{.Key}} was revoked`,
		`The key {{.Key}}{{with .Ring}} of {{.}}{{end}} was revoked at {{.At}}. Requests with it are refused,
and it cannot be brought back.
{{with .Cause}}
Cause: {{.}}
{{end}}
What to do: if you did not ask for this, look at the audit log. Programs that used
the key need another one.
`},
	notify.AnomalyDetected: {
		`Unusual use of {{with .Key}}the key {{.}}{{else}}keys{{end}}`,
		`{{with .Key}}The key {{.}}{{else}}A key{{end}}{{with .Ring}} of {{.}}{{end}} was used at {{.At}} in a way that it was not used before.
{{with .Client}}
Used by: {{.}}{{end}}{{with .Detail}}
What is unusual: {{.}}{{end}}

What to do: if this was you, nothing. If not, revoke the key now and look at the
audit log for what was done with it.
`},
}

// plain is the letter of events that have none of their own.
func plain(typ string) form {
	return form{typ, `This happened at {{.At}}{{with .App}} to the app {{.}}{{end}}: ` + typ + `.
{{with .Ring}}
Ring:    {{.}}{{end}}{{with .Key}}
Key:     {{.}}{{end}}{{with .Successor}}
New key: {{.}}{{end}}{{with .RetireAt}}
Ends:    {{.}}{{end}}{{with .Detail}}
More:    {{.}}{{end}}
`}
}

// Letter makes the message of an event for the given people.
func Letter(e notify.Event, to ...string) (Message, error) {
	f, ok := forms[e.Type]
	if !ok {
		f = plain(e.Type)
	}
	if err := e.Check(); err != nil {
		return Message{}, err
	}
	facts, err := factsOf(e.Data)
	if err != nil {
		return Message{}, fault.Wrap(fault.Invalid, err, "the data of event %s does not have the fields that a letter needs", e.ID)
	}
	facts.App, facts.At = e.App, e.At.UTC().Format("2 January 2006 15:04 UTC")
	for _, p := range []*string{&facts.Ring, &facts.Key, &facts.Successor, &facts.RetireAt, &facts.UndoUntil, &facts.LastUsed, &facts.Client, &facts.Cause, &facts.Detail, &facts.App} {
		*p = line(*p)
	}
	subject, err := fill(f.subject, facts)
	if err != nil {
		return Message{}, err
	}
	text, err := fill(f.text, facts)
	if err != nil {
		return Message{}, err
	}
	return Message{ID: e.ID, To: to, Subject: subject, Text: text, At: e.At}, nil
}

// factsOf reads an event's data: its fields, and those in its detail, which is a text or a
// list of names and texts.
func factsOf(data []byte) (f Facts, err error) {
	if len(data) == 0 {
		return f, nil
	}
	if err := json.Unmarshal(data, &f); err != nil {
		return f, err
	}
	var more struct {
		Detail json.RawMessage `json:"detail"`
	}
	if err := json.Unmarshal(data, &more); err != nil || len(more.Detail) == 0 {
		return f, err
	}
	if more.Detail[0] == '"' {
		return f, json.Unmarshal(more.Detail, &f.Detail)
	}
	if err := json.Unmarshal(more.Detail, &f); err != nil {
		return f, err
	}
	var rest map[string]string
	if err := json.Unmarshal(more.Detail, &rest); err != nil {
		return f, err
	}
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(rest)) {
		switch k {
		case "ring", "key", "successor", "retire_at", "undo_until", "last_used", "client", "cause":
		default:
			parts = append(parts, k+" "+rest[k])
		}
	}
	f.Detail = strings.Join(parts, ", ")
	return f, nil
}

func fill(text string, facts Facts) (string, error) {
	t, err := template.New("letter").Parse(text)
	if err != nil {
		return "", fault.Wrap(fault.Internal, err, "a letter's template is broken")
	}
	var b strings.Builder
	if err := t.Execute(&b, facts); err != nil {
		return "", fault.Wrap(fault.Internal, err, "a letter cannot be filled in")
	}
	// A missing fact leaves an empty line; one between paragraphs is enough.
	out := b.String()
	for strings.Contains(out, "\n\n\n") {
		out = strings.ReplaceAll(out, "\n\n\n", "\n\n")
	}
	return out, nil
}

// maxFact is the most runes of one fact in a letter.
const maxFact = 120

// line makes a fact one short line: facts come from clients, and must not be able to write
// paragraphs of their own into our letters.
func line(s string) string {
	s = strings.Join(strings.FieldsFunc(s, func(c rune) bool { return unicode.IsControl(c) || unicode.IsSpace(c) }), " ")
	s = strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) || c == unicode.ReplacementChar {
			return -1
		}
		return c
	}, s)
	if r := []rune(s); len(r) > maxFact {
		s = string(r[:maxFact]) + "…"
	}
	return s
}
