package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/netip"
	"net/smtp"
	"net/textproto"
	"time"

	"github.com/assayhq/assay/fault"
)

// Config says through which server mail goes and from whom.
type Config struct {
	Addr     string        // host:port of the server, 587 as a rule
	From     string        // sender, such as Assay <assay@example.com>
	Username string        // "" does not log in
	Password func() string // asked at each login, so that it can change; nil with no Username
	// AllowPlain gives up the requirement of TLS, so that anybody on the way can read
	// mail. Without it a server that offers no STARTTLS is refused, unless it is on
	// loopback. A login is refused without TLS in any case, loopback excepted.
	AllowPlain bool
	Roots      *x509.CertPool // authorities for the server's certificate; nil is the system's
	Timeout    time.Duration  // of a whole message; 0 is 30 s
	Hello      string         // own name in EHLO; "" is localhost
}

// Sender hands messages to one server, with a connection for each.
type Sender struct {
	c                        Config
	host                     string
	fromEnvelope, fromHeader string
}

// maxReplies is the most bytes a server may say during one message.
const maxReplies = 1 << 20

// New checks the configuration. It does not connect.
func New(c Config) (*Sender, error) {
	host, _, err := net.SplitHostPort(c.Addr)
	if err != nil || host == "" {
		return nil, fault.At(fault.Invalid, "mail.addr", "the mail server must be host:port, such as mail.example.com:587")
	}
	envelope, header, err := address("mail.from", c.From)
	if err != nil {
		return nil, err
	}
	if c.Username != "" && c.Password == nil {
		return nil, fault.At(fault.Invalid, "mail.password", "a user name for the mail server needs a password")
	}
	if c.Timeout <= 0 {
		c.Timeout = 30 * time.Second
	}
	if c.Hello == "" {
		c.Hello = "localhost"
	}
	return &Sender{c: c, host: host, fromEnvelope: envelope, fromHeader: header}, nil
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.Unmap().IsLoopback()
}

// Send hands over one message. fault.Invalid means that the message or a recipient was
// refused for good, fault.Unavailable that it may be tried again, fault.Denied that the
// server may not be used as it is configured.
func (s *Sender) Send(ctx context.Context, m Message) error {
	text, to, err := m.compose(s.fromEnvelope, s.fromHeader)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.c.Timeout)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", s.c.Addr)
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "the mail server cannot be reached")
	}
	defer conn.Close()
	// Closing the connection is what ends a read or write when ctx ends.
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	c, err := smtp.NewClient(&bounded{Conn: conn, left: maxReplies}, s.host)
	if err != nil {
		return judge(err, "the mail server did not greet")
	}
	if err := c.Hello(s.c.Hello); err != nil {
		return judge(err, "the mail server refused EHLO")
	}
	if err := s.secure(c); err != nil {
		return err
	}
	if err := c.Mail(s.fromEnvelope); err != nil {
		return judge(err, "the mail server refused the sender")
	}
	for _, r := range to {
		if err := c.Rcpt(r); err != nil {
			return judge(err, "the mail server refused a recipient")
		}
	}
	w, err := c.Data()
	if err != nil {
		return judge(err, "the mail server refused the message")
	}
	if _, err := w.Write(text); err != nil {
		return judge(err, "the message could not be sent")
	}
	if err := w.Close(); err != nil {
		return judge(err, "the mail server refused the message")
	}
	// It is theirs now; what QUIT answers changes nothing.
	_ = c.Quit()
	return nil
}

// secure switches to TLS and logs in.
func (s *Sender) secure(c *smtp.Client) error {
	ok, _ := c.Extension("STARTTLS")
	switch {
	case ok:
		if err := c.StartTLS(&tls.Config{ServerName: s.host, RootCAs: s.c.Roots, MinVersion: tls.VersionTLS12}); err != nil {
			return judge(err, "the mail server's TLS failed")
		}
	case !s.c.AllowPlain && !loopback(s.host):
		return fault.New(fault.Denied, "the mail server offers no STARTTLS; use one that does, or allow plain mail in the configuration")
	}
	if s.c.Username == "" {
		return nil
	}
	if !ok && !loopback(s.host) {
		return fault.New(fault.Denied, "the mail server offers no STARTTLS, and a password is never sent without it")
	}
	if err := c.Auth(smtp.PlainAuth("", s.c.Username, s.c.Password(), s.host)); err != nil {
		return judge(err, "the mail server refused the login")
	}
	return nil
}

// judge maps a reply: 5xx is for good, everything else may pass (RFC 5321 4.2.1). What
// the server said is for the log.
func judge(err error, what string) error {
	kind := fault.Unavailable
	if e, ok := errors.AsType[*textproto.Error](err); ok && e.Code >= 500 && e.Code <= 599 {
		kind = fault.Invalid
	}
	return fault.Wrap(kind, err, "%s", what)
}

// bounded ends a connection whose server talks without end.
type bounded struct {
	net.Conn
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
