package mail

import (
	"context"
	"encoding/json"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/notify"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func sender(t *testing.T, s *server, change func(*Config)) *Sender {
	t.Helper()
	c := Config{Addr: s.addr, From: "Assay Wächter <assay@example.com>", Roots: s.roots}
	if change != nil {
		change(&c)
	}
	out, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func hello() Message {
	return Message{ID: "msg_1", To: []string{"ann@example.org", "Bob Ü <bob@example.org>"}, Subject: "Grüße", Text: "Hello\n.\n.hidden\nüber = " + strings.Repeat("long ", 300) + "\n", At: noon}
}

func read(t *testing.T, data string) (*mail.Message, string) {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil {
		t.Fatal(err)
	}
	return m, strings.ReplaceAll(string(b), "\r\n", "\n")
}

func TestALetterArrivesWholeOverTLS(t *testing.T) {
	s := newServer(t, func(s *server) { s.auth = true })
	out := sender(t, s, func(c *Config) { c.Username, c.Password = "assay", func() string { return "pässword" } })
	if err := out.Send(t.Context(), hello()); err != nil {
		t.Fatal(err)
	}
	l := s.only(t)
	if !l.secure || l.username != "assay" || l.password != "pässword" || l.from != "assay@example.com" || strings.Join(l.to, " ") != "ann@example.org bob@example.org" {
		t.Errorf("envelope %+v", l)
	}
	m, body := read(t, l.data)
	if body != hello().Text {
		t.Errorf("body %q", body)
	}
	subject, _ := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	from, err := m.Header.AddressList("From")
	if err != nil || subject != "Grüße" || from[0].Name != "Assay Wächter" {
		t.Errorf("headers %v, %v", m.Header, err)
	}
	to, err := m.Header.AddressList("To")
	if err != nil || len(to) != 2 || to[1].Name != "Bob Ü" {
		t.Errorf("to %v, %v", to, err)
	}
	if d, err := m.Header.Date(); err != nil || !d.Equal(noon) {
		t.Errorf("date %v, %v", d, err)
	}
	if id := m.Header.Get("Message-ID"); id != "<msg_1@example.com>" {
		t.Errorf("message id %s", id)
	}
}

func TestLoopbackMayBePlainAndOthersMayNot(t *testing.T) {
	plain := newServer(t, func(s *server) { s.tls, s.auth = nil, true })
	if err := sender(t, plain, func(c *Config) { c.Username, c.Password = "u", func() string { return "p" } }).Send(t.Context(), hello()); err != nil {
		t.Fatal(err)
	}
	if l := plain.only(t); l.secure || l.password != "p" {
		t.Errorf("%+v", l)
	}
	// The same server under a name that is not loopback's. Send would have to resolve it,
	// so the rule is asked directly.
	for _, host := range []string{"mail.example.com", "10.0.0.1", "::2", "localhost.example.com"} {
		if loopback(host) {
			t.Errorf("%s is loopback", host)
		}
	}
	for _, host := range []string{"localhost", "127.0.0.1", "127.9.9.9", "::1"} {
		if !loopback(host) {
			t.Errorf("%s is not loopback", host)
		}
	}
}

func TestAForeignServerWithoutTLSGetsNothing(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"required":              nil,
		"allowed, with a login": func(c *Config) { c.AllowPlain, c.Username, c.Password = true, "u", func() string { return "p" } },
	} {
		s := newServer(t, func(s *server) { s.tls, s.auth = nil, true })
		out := sender(t, s, change)
		out.host = "mail.example.com" // connected to loopback, but known under another name
		if err := out.Send(t.Context(), hello()); fault.Of(err) != fault.Denied {
			t.Errorf("%s: %v", name, err)
		}
		if len(s.letters) != 0 {
			t.Errorf("%s: a letter was sent", name)
		}
	}
	s := newServer(t, func(s *server) { s.tls = nil })
	out := sender(t, s, func(c *Config) { c.AllowPlain = true })
	out.host = "mail.example.com"
	if err := out.Send(t.Context(), hello()); err != nil {
		t.Errorf("allowed, without a login: %v", err)
	}
}

func TestAServerWithAStrangersCertificateGetsNothing(t *testing.T) {
	s := newServer(t, nil)
	other := newServer(t, nil)
	for name, change := range map[string]func(*Sender){
		"another authority": func(out *Sender) { out.c.Roots = other.roots },
		"another name":      func(out *Sender) { out.host = "mail.example.com" },
	} {
		out := sender(t, s, nil)
		change(out)
		if err := out.Send(t.Context(), hello()); fault.Of(err) != fault.Unavailable || len(s.letters) != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRefusalsAreForGoodOrForNow(t *testing.T) {
	for command, codes := range map[string]map[string]fault.Kind{
		"EHLO": {"421 4.3.2 later": fault.Unavailable}, "MAIL": {"451 4.3.0 later": fault.Unavailable, "550 5.7.1 no": fault.Invalid},
		"RCPT": {"450 4.2.1 later": fault.Unavailable, "550 5.1.1 no such user": fault.Invalid},
		"DATA": {"452 4.3.1 full": fault.Unavailable, "554 5.6.0 no": fault.Invalid}, ".": {"451 4.3.0 later": fault.Unavailable, "554 5.7.1 spam": fault.Invalid},
		"AUTH": {"454 4.7.0 later": fault.Unavailable, "535 5.7.8 wrong password hunter2": fault.Invalid},
	} {
		for reply, want := range codes {
			s := newServer(t, func(s *server) {
				s.auth = true
				s.refuse[command] = reply
				if command == "EHLO" {
					s.refuse["HELO"] = reply // the client falls back to it
				}
			})
			err := sender(t, s, func(c *Config) { c.Username, c.Password = "u", func() string { return "hunter2" } }).Send(t.Context(), hello())
			if err == nil || fault.Of(err) != want || strings.Contains(fault.Public(err), "hunter2") {
				t.Errorf("%s %s: %v (%v)", command, reply, err, fault.Of(err))
			}
			// A client that gives up just closes, which is no violation.
		}
	}
}

func TestAServerThatHangsOrTalksWithoutEndIsLeft(t *testing.T) {
	wait := make(chan struct{})
	hangs := newServer(t, func(s *server) { s.onHello = func(net.Conn) { <-wait } })
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if err := sender(t, hangs, nil).Send(ctx, hello()); fault.Of(err) != fault.Unavailable {
		t.Errorf("hangs: %v", err)
	}
	close(wait)
	talks := newServer(t, func(s *server) {
		s.onHello = func(c net.Conn) {
			for {
				if _, err := io.WriteString(c, "220-"+strings.Repeat("x", 1000)); err != nil {
					return
				}
			}
		}
	})
	if err := sender(t, talks, nil).Send(t.Context(), hello()); fault.Of(err) != fault.Unavailable {
		t.Errorf("talks: %v", err)
	}
	gone := sender(t, talks, func(c *Config) { c.Addr = "127.0.0.1:1" })
	if err := gone.Send(t.Context(), hello()); fault.Of(err) != fault.Unavailable {
		t.Errorf("gone: %v", err)
	}
}

func TestNothingGetsIntoTheHeaders(t *testing.T) {
	for name, change := range map[string]func(*Message){
		"subject with lines":   func(m *Message) { m.Subject = "a\r\nBcc: eve@example.org" },
		"subject with newline": func(m *Message) { m.Subject = "a\nb" },
		"subject with return":  func(m *Message) { m.Subject = "a\rb" },
		"no subject":           func(m *Message) { m.Subject = "" },
		"long subject":         func(m *Message) { m.Subject = strings.Repeat("a", MaxSubject+1) },
		"not UTF-8":            func(m *Message) { m.Text = "\xff" },
		"recipient with lines": func(m *Message) { m.To = []string{"ann@example.org>\r\nRCPT TO:<eve@example.org"} },
		"name with lines":      func(m *Message) { m.To = []string{"\"a\r\nBcc: x\" <ann@example.org>"} },
		"quoted local part":    func(m *Message) { m.To = []string{`"a b>"@example.org`} },
		"two in one":           func(m *Message) { m.To = []string{"ann@example.org, eve@example.org"} },
		"no address":           func(m *Message) { m.To = []string{"ann"} },
		"not ASCII":            func(m *Message) { m.To = []string{"änn@example.org"} },
		"nobody":               func(m *Message) { m.To = nil },
		"too many":             func(m *Message) { m.To = strings.Split(strings.Repeat("a@b.c,", MaxRecipients)+"a@b.c", ",") },
		"id":                   func(m *Message) { m.ID = "a>\r\nX: y" },
		"no time":              func(m *Message) { m.At = time.Time{} },
		"too long":             func(m *Message) { m.Text = strings.Repeat("a", MaxText+1) },
	} {
		m := hello()
		change(&m)
		if _, _, err := m.compose("a@example.com", "<a@example.com>"); err == nil || (fault.Of(err) != fault.Invalid && fault.Of(err) != fault.TooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, c := range []Config{
		{}, {Addr: "mail.example.com", From: "a@example.com"}, {Addr: ":25", From: "a@example.com"}, {Addr: "mail.example.com:25", From: "x"}, {Addr: "mail.example.com:25", From: "a@example.com\r\n"},
		{Addr: "mail.example.com:25", From: "a@example.com", Username: "u"},
	} {
		if _, err := New(c); fault.Of(err) != fault.Invalid {
			t.Errorf("%+v: %v", c.Addr, err)
		}
	}
}

func FuzzCompose(f *testing.F) {
	f.Add("Grüße", "Hello\n.\n", "Bob Ü <bob@example.org>", "msg_1")
	f.Add("a\r\nBcc: x", "\r\n.\r\nMAIL FROM:<x>", "a@b.c", "")
	f.Fuzz(func(t *testing.T, subject, text, to, id string) {
		m := Message{ID: id, To: []string{to}, Subject: subject, Text: text, At: noon}
		b, rcpt, err := m.compose("assay@example.com", "<assay@example.com>")
		if err != nil {
			return
		}
		s := string(b)
		if strings.Count(s, "\r") != strings.Count(s, "\r\n") || strings.Count(s, "\n") != strings.Count(s, "\r\n") || strings.ContainsAny(rcpt[0], "\r\n<> ") {
			t.Fatalf("bare line breaks in %q for %q", s, rcpt)
		}
		got, err := mail.ReadMessage(strings.NewReader(s))
		if err != nil || len(got.Header) != 9 {
			t.Fatalf("headers %v, %v", got, err)
		}
		if back, err := new(mime.WordDecoder).DecodeHeader(got.Header.Get("Subject")); err != nil || strings.TrimSpace(back) != strings.TrimSpace(subject) {
			t.Fatalf("subject %q became %q, %v", subject, back, err)
		}
		for _, l := range strings.Split(s, "\r\n") {
			if len(l) > 998 {
				t.Fatalf("a line of %d bytes", len(l))
			}
		}
	})
}

func TestLettersSayWhatHappenedAndWhatToDo(t *testing.T) {
	data := json.RawMessage(`{"ring":"trading bot","key":"k1","successor":"k2","retire_at":"2026-03-09T12:00:00Z","undo_until":"2026-03-16T12:00:00Z","last_used":"2026-03-02T11:59:00Z","client":"203.0.113.0/24 python","cause":"compromise","detail":"a new country","other":[1]}`)
	for typ, want := range map[string][]string{
		notify.KeyRotationStarted: {"trading bot", "k1", "k2", "put the new key"},
		notify.KeyStraggler:       {"k1", "python", "2026-03-09", "find the program"},
		notify.KeySuspended:       {"k1", "2026-03-16", "brought back"},
		notify.KeyRevoked:         {"k1", "compromise", "audit log"},
		notify.AnomalyDetected:    {"k1", "a new country", "revoke the key"},
	} {
		for _, d := range []json.RawMessage{data, json.RawMessage(`{"key":"k1"}`)} {
			m, err := Letter(notify.Event{ID: "msg_1", Type: typ, At: noon, Org: "acme", App: "books", Data: d}, "ann@example.org")
			if err != nil {
				t.Fatalf("%s: %v", typ, err)
			}
			t.Logf("%s\n%s", m.Subject, m.Text)
			all := m.Subject + "\n" + m.Text
			for _, w := range want {
				if len(d) == len(data) && !strings.Contains(all, w) {
					t.Errorf("%s does not say %q:\n%s", typ, w, all)
				}
			}
			if !strings.Contains(all, "What to do:") || strings.Contains(all, "<no value>") || strings.Contains(all, "\n\n\n") || strings.Contains(all, "  .") {
				t.Errorf("%s:\n%s", typ, all)
			}
			if _, _, err := m.compose("a@example.com", "<a@example.com>"); err != nil {
				t.Errorf("%s: %v", typ, err)
			}
		}
	}
	// What the gate tells has its facts in a list; an event without words of its own says what it knows.
	m, err := Letter(notify.Event{ID: "msg_1", Type: notify.KeyConfirmed, At: noon, Org: "acme", App: "books",
		Data: json.RawMessage(`{"ring":"ring_1","key":"k2","version":2,"detail":{"retire_at":"2026-03-09T12:00:00Z","by":"first use"}}`)})
	if err != nil || m.Subject != notify.KeyConfirmed || !strings.Contains(m.Text, "Ends:    2026-03-09T12:00:00Z") || !strings.Contains(m.Text, "More:    by first use") {
		t.Errorf("%v\n%s\n%s", err, m.Subject, m.Text)
	}
}

func TestFactsCannotWriteParagraphs(t *testing.T) {
	d, _ := json.Marshal(map[string]string{"key": "k1\r\n\r\nDear customer,\u2028pay {{.Ring}}" + strings.Repeat("💰", 500), "ring": "{{.Key}}"})
	m, err := Letter(notify.Event{ID: "msg_1", Type: notify.KeyRevoked, At: noon, Org: "acme", Data: d}, "ann@example.org")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(m.Text, "\nDear") || !strings.Contains(m.Text, "pay {{.Ring}}") || strings.Count(m.Text, "💰") > maxFact {
		t.Errorf("%s", m.Text)
	}
	if _, _, err := m.compose("a@example.com", "<a@example.com>"); err != nil {
		t.Error(err)
	}
}
