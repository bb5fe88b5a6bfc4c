package venue_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/access/secret"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market/venue"
)

const hidden = "vLk7qjbN3mV0"

// Whatever prints credentials, or a request that was signed with them, shows none of it.
func TestCredentialsPrintAsSecret(t *testing.T) {
	k := venue.NewCredentials(map[string]secret.Value{venue.FieldKey: secret.Of(hidden), venue.FieldSecret: secret.Of(hidden)})
	pass := venue.Pass{Credentials: k, Ticket: "t"}
	signed := venue.Signed{Method: "GET", Path: "/a?signature=" + hidden, Body: hidden, Header: map[string]string{"X-Key": hidden}}
	var log strings.Builder
	l := slog.New(slog.NewJSONHandler(&log, nil))
	l.Info("x", "keys", k, "signed", signed, "in", struct{ K venue.Credentials }{k})
	text := slog.New(slog.NewTextHandler(&log, nil))
	text.Info("x", "keys", k, "signed", signed)
	for _, v := range []any{k, &k, pass, signed, &signed, []venue.Credentials{k}, map[string]venue.Credentials{"a": k}, struct{ K venue.Credentials }{k}} {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []string{fmt.Sprint(v), fmt.Sprintf("%v %+v %#v %s %q %x %d", v, v, v, v, v, v, v), string(b), log.String()} {
			if strings.Contains(s, hidden) || strings.Contains(s, fmt.Sprintf("%x", hidden)) {
				t.Errorf("%T prints %s", v, s)
			}
		}
	}
	if k.String() != "secret" || signed.String() != "GET /a" {
		t.Errorf("%s %s", k, signed)
	}
	if k.Reveal(venue.FieldKey) != hidden || k.Reveal("other") != "" {
		t.Error("Reveal does not reveal")
	}
}

func TestMissingCredentialsAreNamed(t *testing.T) {
	needs := []string{venue.FieldKey, venue.FieldSecret}
	for name, c := range map[string]struct {
		fields map[string]string
		kind   fault.Kind
		field  string
	}{
		"no secret":  {map[string]string{"key": "k"}, fault.Unauthentic, "secret"},
		"none":       {nil, fault.Unauthentic, "key"},
		"a line end": {map[string]string{"key": hidden + "\n", "secret": "s"}, fault.Invalid, "key"},
		"no ASCII":   {map[string]string{"key": hidden + "é", "secret": "s"}, fault.Invalid, "key"},
	} {
		fields := map[string]secret.Value{}
		for f, v := range c.fields {
			fields[f] = secret.Of(v)
		}
		err := venue.NewCredentials(fields).Check(needs)
		if fault.Of(err) != c.kind || fault.Field(err) != c.field || strings.Contains(err.Error(), hidden) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := venue.NewCredentials(map[string]secret.Value{"key": secret.Of("k"), "secret": secret.Of("a PEM\nof lines")}).Check(needs); err != nil {
		t.Error(err)
	}
}

func TestCallsAsTheyAreSent(t *testing.T) {
	if f := venue.Form("a", "1 &", "b", "", "c[]", "x"); f != "a=1+%26&c[]=x" {
		t.Error(f)
	}
	for want, c := range map[string]venue.Call{
		"GET /p map[]":     {Path: "/p"},
		"GET /p?q=1 map[]": {Path: "/p", Query: "q=1"},
		"POST /p map[Content-Type:application/json]{}":                   {Path: "/p", Body: "{}"},
		"POST /p map[Content-Type:application/x-www-form-urlencoded]a=1": {Path: "/p", Body: "a=1", Form: true},
		"DELETE /p map[Content-Type:application/json]{}":                 {Method: "DELETE", Path: "/p", Body: "{}"},
	} {
		s := c.Unsigned()
		if got := fmt.Sprint(s.Method, " ", s.Path, " ", s.Header, s.Body); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	m := venue.Moment{Time: time.UnixMilli(1700000000123), Random: [16]byte{0xff, 15: 1}}
	if m.Millis() != "1700000000123" || m.Seconds() != "1700000000" || m.UUID() != "ff000000-0000-4000-8000-000000000001" || len(m.Hex()) != 32 {
		t.Errorf("%+v %s", m, m.UUID())
	}
}
