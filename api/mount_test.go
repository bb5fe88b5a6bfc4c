package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/fault"
)

func foreign() Mount {
	return Mount{
		Pattern: "/compat/x/", Scope: access.MarketRead, Cost: 1, KeyHeaders: []string{"x-their-key"}, KeyQuery: []string{"their_key"}, AnyOrigin: true,
		Fail: func(w http.ResponseWriter, r *http.Request, status int, err error) {
			w.(Sender).Send(status, "application/json", fmt.Appendf(nil, `{"oops":%q}`, fault.Of(err)))
		},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/panic") {
				panic("no")
			}
			fmt.Fprintf(w, "%s %s %s", gate.Caller(r.Context()).App, r.URL.RawQuery, r.RequestURI)
		}),
	}
}

func TestAFaceFailsInItsOwnForm(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.Mounts = []Mount{foreign()} })
	for name, c := range map[string]struct {
		key, path string
		status    int
		body      string
	}{
		"no key":        {"", "/compat/x/ping", 401, `{"oops":"unauthentic"}`},
		"a wrong key":   {"nonsense", "/compat/x/ping", 401, `{"oops":"unauthentic"}`},
		"another scope": {f.create(t, access.StreamRead), "/compat/x/ping", 403, `{"oops":"denied"}`},
		"a panic":       {f.key, "/compat/x/panic", 500, `{"oops":"internal"}`},
	} {
		w := f.get(c.path, "Authorization", "", "X-Their-Key", c.key)
		if w.Code != c.status || w.Body.String() != c.body {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	if err := f.gate.SetApp(t.Context(), gate.By{Name: "test"}, gate.App{Org: "acme", Name: "bot", Rate: 1, Burst: 2}); err != nil {
		t.Fatal(err)
	}
	limited := false
	for range 10 {
		w := f.get("/compat/x/ping", "Authorization", "", "X-Their-Key", f.key)
		if w.Code != 200 {
			limited = true
			if w.Code != 429 || w.Body.String() != `{"oops":"exhausted"}` || strings.Trim(w.Header().Get("Retry-After"), "0123456789") != "" || w.Header().Get("Retry-After") == "" {
				t.Error(w.Code, w.Body, w.Header())
			}
			break
		}
	}
	if !limited {
		t.Error("no limit was met")
	}
}

func TestAKeyInTheAddressOfAFaceIsSeenByNobodyElse(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.Mounts = []Mount{foreign()} })
	w := f.get("/compat/x/ping?a=1&their_key="+f.key+"&b=%2C&THEIR%5Fkey=x", "Authorization", "")
	if w.Code != 200 || w.Body.String() != "bot a=1&b=%2C /compat/x/ping?a=1&b=%2C" {
		t.Error(w.Code, w.Body)
	}
	if w := f.get("/compat/x/ping?their_key=wrong", "X-Their-Key", f.key, "Authorization", ""); w.Code != 200 || strings.Contains(w.Body.String(), "wrong") {
		t.Error(w.Code, w.Body)
	}
	if w := f.get("/v1/prices?their_key="+f.key, "Authorization", ""); w.Code == 200 {
		t.Error("our own API takes no key from the address")
	}
	if strings.Contains(f.log.String(), f.key) {
		t.Error("a key is in the log")
	}
}

func TestBrowsersOfAnyOriginMayUseAFaceThatSaysSo(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.Mounts = []Mount{foreign()} })
	w := f.ask("OPTIONS", "/compat/x/ping", "", "Authorization", "", "Origin", "https://a.example", "Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "x-their-key")
	if h := w.Header(); w.Code != 204 || h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Access-Control-Allow-Headers") != "x-their-key" {
		t.Error(w.Code, h)
	}
	if h := f.get("/v1/prices", "Origin", "https://a.example").Header(); h.Get("Access-Control-Allow-Origin") != "" {
		t.Error(h)
	}
}

func TestTwoFacesCannotHaveOnePath(t *testing.T) {
	f := newFixture(t, nil)
	opt := f.opt
	opt.Mounts = []Mount{foreign(), foreign()}
	if _, err := New(opt); fault.Of(err) != fault.Invalid {
		t.Error(err)
	}
}
