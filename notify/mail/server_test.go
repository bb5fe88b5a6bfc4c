package mail

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// server is a strict SMTP server on loopback: commands out of order, lines that do not end
// in CRLF or are too long, and logins without TLS are violations.
type server struct {
	addr       string
	roots      *x509.CertPool
	tls        *tls.Config // nil offers no STARTTLS
	auth       bool
	refuse     map[string]string // command prefix: reply
	onHello    func(net.Conn)    // hangs or misbehaves instead of greeting
	mu         sync.Mutex
	letters    []letter
	violations []string
}

type letter struct {
	from     string
	to       []string
	data     string
	secure   bool
	username string
	password string
}

func newServer(t *testing.T, change func(*server)) *server {
	t.Helper()
	s := &server{refuse: map[string]string{}}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	s.roots = x509.NewCertPool()
	s.roots.AddCert(cert)
	s.tls = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	if change != nil {
		change(s)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().String()
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(10 * time.Second))
				s.talk(c)
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		wg.Wait()
		for _, v := range s.violations {
			t.Errorf("protocol violation: %s", v)
		}
	})
	return s
}

func (s *server) violation(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.violations = append(s.violations, fmt.Sprintf(format, args...))
}

func (s *server) line(r *bufio.Reader) (string, bool) {
	l, err := r.ReadString('\n')
	if err != nil {
		return "", false
	}
	if !strings.HasSuffix(l, "\r\n") || strings.Count(l, "\r") != 1 {
		s.violation("line %q does not end in CRLF alone", l)
	}
	if len(l) > 1000 {
		s.violation("a line of %d bytes", len(l))
	}
	return strings.TrimSuffix(l, "\r\n"), true
}

func (s *server) talk(c net.Conn) {
	if s.onHello != nil {
		s.onHello(c)
		return
	}
	r := bufio.NewReader(c)
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(c, format+"\r\n", args...) }
	say("220 test ESMTP")
	var m letter
	stage, username, password, secure := "new", "", "", false
	for {
		l, ok := s.line(r)
		if !ok {
			return
		}
		refused := false
		for prefix, reply := range s.refuse {
			if strings.HasPrefix(l, prefix) {
				say("%s", reply)
				refused = true
			}
		}
		verb, rest, _ := strings.Cut(l, " ")
		switch {
		case refused:
			stage = map[bool]string{true: "no login", false: stage}[verb == "AUTH"]
		case l == "*" && stage == "no login":
			// net/smtp gives up a refused login so; harmless, the exchange is over.
			say("501 ok")
		case verb == "EHLO" && rest != "":
			say("250-test")
			if s.tls != nil && !secure {
				say("250-STARTTLS")
			}
			if s.auth {
				say("250-AUTH PLAIN")
			}
			say("250 8BITMIME")
			stage = "ready"
		case verb == "STARTTLS" && stage == "ready" && s.tls != nil && !secure:
			say("220 go")
			if r.Buffered() > 0 {
				s.violation("commands before the TLS handshake")
			}
			t := tls.Server(c, s.tls)
			if t.Handshake() != nil {
				return
			}
			c, r, stage, secure = t, bufio.NewReader(t), "new", true
		case verb == "AUTH" && stage == "ready" && strings.HasPrefix(rest, "PLAIN "):
			b, err := base64.StdEncoding.DecodeString(rest[6:])
			parts := strings.Split(string(b), "\x00")
			if err != nil || len(parts) != 3 {
				s.violation("AUTH %q", b)
				return
			}
			username, password = parts[1], parts[2]
			say("235 welcome")
		case verb == "MAIL" && stage == "ready" && strings.HasPrefix(rest, "FROM:<"):
			m = letter{from: strings.SplitN(rest[6:], ">", 2)[0], secure: secure, username: username, password: password}
			say("250 ok")
			stage = "mail"
		case verb == "RCPT" && (stage == "mail" || stage == "rcpt") && strings.HasPrefix(rest, "TO:<") && strings.HasSuffix(rest, ">"):
			m.to = append(m.to, rest[4:len(rest)-1])
			say("250 ok")
			stage = "rcpt"
		case l == "DATA" && stage == "rcpt":
			say("354 go on")
			var b strings.Builder
			for {
				l, ok := s.line(r)
				if !ok {
					return
				}
				if l == "." {
					break
				}
				b.WriteString(strings.TrimPrefix(l, ".") + "\r\n")
			}
			m.data = b.String()
			if reply, no := s.refuse["."]; no {
				say("%s", reply)
				break
			}
			s.mu.Lock()
			s.letters = append(s.letters, m)
			s.mu.Unlock()
			say("250 taken")
			stage = "ready"
		case l == "QUIT":
			say("221 bye")
			return
		default:
			s.violation("%q at stage %s", l, stage)
			say("503 bad sequence")
		}
	}
}

func (s *server) only(t *testing.T) letter {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.letters) != 1 {
		t.Fatalf("%d letters arrived", len(s.letters))
	}
	return s.letters[0]
}
