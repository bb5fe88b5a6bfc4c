// Package mail writes to people about their keys: it makes plain-text messages of events
// and hands them to one SMTP server.
//
// It never sends HTML, never puts text from outside into a header unencoded, and never
// gives a password to a connection without TLS, loopback excepted. What always holds: a
// message that Send accepted was taken over by the server; the same event gives the same
// Message-ID, so a repetition is known as one. It has no queue and does not retry: the
// caller has an outbox.
//
// The app's notifier calls Letter and Send.
package mail

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/assayhq/assay/fault"
)

// Bounds of a message.
const (
	MaxRecipients = 50
	MaxSubject    = 600       // bytes
	MaxText       = 256 << 10 // bytes
	maxAddress    = 320       // RFC 5321 4.5.3.1: 64, @, 255
)

// Message is a letter in plain text.
type Message struct {
	ID      string // becomes the Message-ID; letters, digits, - and _; "" is random
	To      []string
	Subject string // one line
	Text    string // lines end in \n
	At      time.Time
}

// address reads a bare or named address and gives it in both forms: for the envelope and,
// encoded, for a header.
func address(field, s string) (envelope, header string, err error) {
	wrong := func() (string, string, error) {
		return "", "", fault.At(fault.Invalid, field, "not a mail address: write name@example.com or Name <name@example.com>")
	}
	if strings.ContainsAny(s, "\r\n\x00") || len(s) > 2*maxAddress {
		return wrong()
	}
	a, err := mail.ParseAddress(s)
	if err != nil || len(a.Address) > maxAddress || strings.ContainsAny(a.Address, " \t\r\n<>\"\\") || strings.Count(a.Address, "@") != 1 {
		return wrong()
	}
	// Addresses outside ASCII need SMTPUTF8, which this client does not speak.
	for _, c := range []byte(a.Address) {
		if c <= ' ' || c >= 0x7f {
			return wrong()
		}
	}
	return a.Address, a.String(), nil
}

// compose gives the message as it is sent (RFC 5322) and the recipients of its envelope.
func (m *Message) compose(fromEnvelope, fromHeader string) (text []byte, to []string, err error) {
	if len(m.To) == 0 || len(m.To) > MaxRecipients {
		return nil, nil, fault.At(fault.Invalid, "to", "a message needs 1 to %d recipients", MaxRecipients)
	}
	var heads []string
	for _, s := range m.To {
		envelope, head, err := address("to", s)
		if err != nil {
			return nil, nil, err
		}
		to, heads = append(to, envelope), append(heads, head)
	}
	switch {
	case m.Subject == "" || len(m.Subject) > MaxSubject || !utf8.ValidString(m.Subject) || strings.ContainsFunc(m.Subject, func(c rune) bool { return c < ' ' || c == 0x7f }):
		return nil, nil, fault.At(fault.Invalid, "subject", "a subject is one line of 1 to %d bytes without control characters", MaxSubject)
	case len(m.Text) > MaxText:
		return nil, nil, fault.At(fault.TooLarge, "text", "a message has at most %d bytes of text", MaxText)
	case !utf8.ValidString(m.Text) || strings.ContainsRune(m.Text, 0):
		return nil, nil, fault.At(fault.Invalid, "text", "the text of a message must be UTF-8 without zero bytes")
	case m.At.IsZero():
		return nil, nil, fault.At(fault.Invalid, "at", "a message needs a time")
	}
	id := m.ID
	if id == "" {
		id = strings.ToLower(rand.Text())
	}
	if len(id) > 128 || strings.Trim(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
		return nil, nil, fault.At(fault.Invalid, "id", "a message id has letters, digits, - and _ only")
	}
	_, domain, _ := strings.Cut(fromEnvelope, "@")
	var b bytes.Buffer
	fmt.Fprintf(&b, "From: %s\r\n", fromHeader)
	fmt.Fprintf(&b, "To: %s\r\n", strings.Join(heads, ",\r\n "))
	fmt.Fprintf(&b, "Subject: %s\r\n", fold(mime.QEncoding.Encode("utf-8", m.Subject)))
	fmt.Fprintf(&b, "Date: %s\r\n", m.At.UTC().Format(time.RFC1123Z))
	fmt.Fprintf(&b, "Message-ID: <%s@%s>\r\n", id, domain)
	// RFC 3834: no vacation notices in return.
	b.WriteString("Auto-Submitted: auto-generated\r\n")
	b.WriteString("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n")
	w := quotedprintable.NewWriter(&b)
	_, _ = w.Write([]byte(strings.ReplaceAll(m.Text, "\r\n", "\n"))) // to a buffer: cannot fail
	_ = w.Close()
	// A bare \r or \n is what lets a second message be smuggled behind the end of the first.
	out := bytes.ReplaceAll(bytes.ReplaceAll(b.Bytes(), []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
	return out, to, nil
}

// fold breaks between encoded words, which are at most 75 bytes each (RFC 2047).
func fold(s string) string { return strings.ReplaceAll(s, "?= =?", "?=\r\n =?") }
