package app_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/assayhq/assay/app"
)

// post office is a mail server on loopback that keeps what it gets.
type postOffice struct {
	addr    string
	letters chan string
}

func newPostOffice(t *testing.T) *postOffice {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &postOffice{addr: l.Addr().String(), letters: make(chan string, 20)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.talk(c)
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return p
}

func (p *postOffice) talk(c net.Conn) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	r := bufio.NewReader(c)
	fmt.Fprint(c, "220 loopback\r\n")
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		switch verb := strings.ToUpper(strings.Fields(line + " x")[0]); verb {
		case "DATA":
			fmt.Fprint(c, "354 go on\r\n")
			var b strings.Builder
			for line, err = r.ReadString('\n'); err == nil && line != ".\r\n"; line, err = r.ReadString('\n') {
				b.WriteString(line)
			}
			p.letters <- strings.NewReplacer("=\r\n", "", "=3D", "=").Replace(b.String())
			fmt.Fprint(c, "250 kept\r\n")
		case "QUIT":
			fmt.Fprint(c, "221 bye\r\n")
			return
		default:
			fmt.Fprint(c, "250 ok\r\n")
		}
	}
}

var indented = regexp.MustCompile(`(?m)^  (\S{20,})\r?$`)

// next gives the secret in the next letter, which must be to an address and have a subject.
func (p *postOffice) next(t *testing.T, to, subject string) string {
	t.Helper()
	select {
	case l := <-p.letters:
		m := indented.FindAllStringSubmatch(l, -1)
		if !strings.Contains(l, "To: <"+to+">") && !strings.Contains(l, "To: "+to) || !strings.Contains(l, "Subject: "+subject) {
			t.Fatalf("another letter came:\n%s", l)
		}
		if len(m) == 0 {
			return ""
		}
		return m[len(m)-1][1]
	case <-time.After(20 * time.Second):
		t.Fatal("no letter came")
	}
	return ""
}

type town struct {
	*app.App
	url string
}

func newTown(t *testing.T, office *postOffice) *town {
	t.Helper()
	cfg := app.Defaults()
	cfg.Data, cfg.Listen = t.TempDir(), "127.0.0.1:0"
	cfg.Mail = app.Mail{Addr: office.addr, From: "Assay <assay@example.com>"}
	cfg.Webhooks.Mail = []string{"@example.org"}
	cfg.OAuth.Issuer = "https://api.example.com"
	a, err := app.New(cfg, "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	l, err := a.Listen()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx, l) }()
	t.Cleanup(func() { cancel(); <-done })
	return &town{a, "http://" + l.Addr().String()}
}

// answer is what came back.
type answer struct {
	status int
	head   http.Header
	text   string
	data   map[string]any
}

func (a answer) get(name string) string { s, _ := a.data[name].(string); return s }

// ask sends a request; credential is a session or a key. Where the network's limit is
// used up it waits.
func (w *town) ask(t *testing.T, method, path, credential string, body any) answer {
	t.Helper()
	for try := 0; ; try++ {
		var in io.Reader
		if body != nil {
			b, err := json.Marshal(body)
			if err != nil {
				t.Fatal(err)
			}
			in = bytes.NewReader(b)
		}
		req, err := http.NewRequestWithContext(t.Context(), method, w.url+path, in)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		if strings.HasPrefix(credential, "asy_") {
			req.Header.Set("Authorization", "Bearer "+credential)
		} else if credential != "" {
			req.Header.Set("Assay-Session", credential)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode == http.StatusTooManyRequests && try < 20 {
			time.Sleep(150 * time.Millisecond)
			continue
		}
		out := answer{status: res.StatusCode, head: res.Header, text: string(b)}
		var doc struct{ Data json.RawMessage }
		_ = json.Unmarshal(b, &doc)
		_ = json.Unmarshal(doc.Data, &out.data)
		return out
	}
}

func (w *town) must(t *testing.T, status int, method, path, credential string, body any) answer {
	t.Helper()
	a := w.ask(t, method, path, credential, body)
	if a.status != status {
		t.Fatalf("%s %s: %d, not %d: %s", method, path, a.status, status, a.text)
	}
	return a
}

type form map[string]string

func TestFromASignUpToAFreeKeyAndToTheEndOfTheAccount(t *testing.T) {
	office := newPostOffice(t)
	w := newTown(t, office)
	const ada, bob, pass = "ada@example.com", "bob@example.com", "correct horse battery"
	join := func(mail string) (key, org, session string) {
		t.Helper()
		w.must(t, 202, "POST", "/v1/account/signup", "", form{"email": mail, "password": pass, "org": "Engines"})
		a := w.must(t, 201, "POST", "/v1/account/confirm", "", form{"token": office.next(t, mail, "Confirm")})
		s := w.must(t, 201, "POST", "/v1/account/login", "", form{"email": mail, "password": pass})
		return a.get("token"), a.get("org"), s.get("session")
	}
	key, org, session := join(ada)

	// The key works, within the limits of the free plan.
	a := w.must(t, 200, "GET", "/v1/assets?limit=1", key, nil)
	if p := a.head.Get("RateLimit-Policy"); !strings.Contains(p, `"burst";q=20`) || !strings.Contains(p, "q=10000;") {
		t.Error("these are not the limits of the free plan:", p)
	}
	if a := w.ask(t, "POST", "/v1/keys", key, form{"name": "x"}); a.status != 403 && a.status != 400 {
		t.Error("a free key makes keys:", a.status)
	}

	// A second factor.
	e := w.must(t, 201, "POST", "/v1/account/totp/begin", session, form{"password": pass})
	code := func(later time.Duration) string {
		c, err := totp.GenerateCode(e.get("secret"), time.Now().Add(later))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	r := w.must(t, 200, "POST", "/v1/account/totp/enable", session, form{"code": code(0)})
	codes, _ := r.data["recovery_codes"].([]any)
	if len(codes) != 10 {
		t.Fatal(r.text)
	}
	if a := w.must(t, 401, "POST", "/v1/account/login", "", form{"email": ada, "password": pass}); !strings.Contains(a.text, "body.code") {
		t.Error(a.text)
	}
	spent, _ := codes[0].(string)
	session = w.must(t, 201, "POST", "/v1/account/login", "", form{"email": ada, "password": pass, "code": spent}).get("session")
	w.must(t, 401, "POST", "/v1/account/login", "", form{"email": ada, "password": pass, "code": spent})
	w.must(t, 201, "POST", "/v1/account/login", "", form{"email": ada, "password": pass, "code": code(30 * time.Second)})
	if a := w.must(t, 200, "GET", "/v1/account/sessions", session, nil); strings.Count(a.text, `"network"`) != 3 || strings.Count(a.text, `"current":true`) != 1 {
		t.Error(a.text)
	}
	if a := w.must(t, 200, "GET", "/v1/account", session, nil); a.data["recovery_codes_left"] != 9.0 || a.data["totp"] != true {
		t.Error(a.text)
	}

	// Somebody joins by letter, makes a key, and goes; the key stays.
	_, _, his := join(bob)
	w.must(t, 404, "GET", "/v1/orgs/"+org+"/members", his, nil)
	w.must(t, 201, "POST", "/v1/orgs/"+org+"/invitations", session, form{"email": bob, "role": "developer"})
	invitation := office.next(t, bob, "You are invited")
	w.must(t, 401, "POST", "/v1/account/join", session, form{"code": invitation}) // it is Bob's
	w.must(t, 201, "POST", "/v1/account/join", his, form{"code": invitation})
	w.must(t, 401, "POST", "/v1/account/join", his, form{"code": invitation})
	w.must(t, 403, "POST", "/v1/orgs/"+org+"/keys", his, map[string]any{"name": "too much", "scopes": []string{"keys:write"}})
	made := w.must(t, 201, "POST", "/v1/orgs/"+org+"/keys", his, map[string]any{"name": "bob's", "scopes": []string{"market:read"}})
	w.must(t, 403, "POST", "/v1/orgs/"+org+"/invitations", his, form{"role": "viewer"})
	me := w.must(t, 200, "GET", "/v1/account", his, nil).get("account")
	w.must(t, 200, "DELETE", "/v1/orgs/"+org+"/members/"+me, session, nil)
	w.must(t, 404, "GET", "/v1/orgs/"+org+"/keys", his, nil)
	w.must(t, 200, "GET", "/v1/assets?limit=1", made.get("token"), nil)

	// A forgotten password: the same answer for nobody, and a letter only to somebody.
	one := w.must(t, 202, "POST", "/v1/account/reset", "", form{"email": "nobody@example.com"})
	two := w.must(t, 202, "POST", "/v1/account/reset", "", form{"email": bob})
	if one.get("next") != two.get("next") {
		t.Error(one.text, two.text)
	}
	token := office.next(t, bob, "Set a new password") // and nothing came for nobody before it
	w.must(t, 200, "POST", "/v1/account/reset/confirm", "", form{"token": token, "password": "another password"})
	w.must(t, 401, "POST", "/v1/account/reset/confirm", "", form{"token": token, "password": "a third password"})
	w.must(t, 401, "GET", "/v1/account", his, nil)
	w.must(t, 401, "POST", "/v1/account/login", "", form{"email": bob, "password": pass})
	w.must(t, 201, "POST", "/v1/account/login", "", form{"email": bob, "password": "another password"})

	// The end: the organisation ends with the only one in it, and its keys.
	second, _ := codes[1].(string)
	w.must(t, 401, "POST", "/v1/account/delete", session, form{"password": pass})
	w.must(t, 200, "POST", "/v1/account/delete", session, form{"password": pass, "code": second})
	w.must(t, 401, "GET", "/v1/account", session, nil)
	w.must(t, 401, "GET", "/v1/assets?limit=1", key, nil)
	w.must(t, 401, "GET", "/v1/assets?limit=1", made.get("token"), nil)
	w.must(t, 401, "POST", "/v1/account/login", "", form{"email": ada, "password": pass})

	// All of it is in the audit log, without an address.
	log, _, err := w.Gate.Audit(t.Context(), "", 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, e := range log {
		seen[e.Action]++
		if strings.Contains(string(e.Leaf), "@") {
			t.Error("an address is in the log:", string(e.Leaf))
		}
	}
	for action, n := range map[string]int{"account.created": 2, "org.created": 2, "account.totp_enabled": 1, "member.invited": 1, "member.joined": 1,
		"member.removed": 1, "account.password_reset": 1, "account.deleted": 1, "org.deleted": 1} {
		if seen[action] != n {
			t.Errorf("%s is in the audit log %d times, not %d", action, seen[action], n)
		}
	}
}

func TestDocumentsOfTheTokensAreServedAndCached(t *testing.T) {
	w := newTown(t, newPostOffice(t))
	for path, want := range map[string]string{
		"/.well-known/oauth-authorization-server": `"private_key_jwt"`,
		"/.well-known/oauth-protected-resource":   `"authorization_servers":["https://api.example.com"]`,
		"/.well-known/jwks.json":                  `"kty":"OKP"`,
	} {
		a := w.must(t, 200, "GET", path, "", nil)
		if !strings.Contains(a.text, want) || a.head.Get("Cache-Control") != "public, max-age=3600" {
			t.Error(path, a.head.Get("Cache-Control"), a.text)
		}
		if strings.Contains(a.text, `"d"`) {
			t.Error("a private key is served")
		}
	}
}
