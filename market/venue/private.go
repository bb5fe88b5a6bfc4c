package venue

import (
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/assayhq/assay/access/secret"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/trading"
)

// Private is an exchange's interface to an account, as data and pure functions. It never
// reads a clock, makes no random number and holds no key: the caller brings the time, the
// nonce and the credentials, so that the same call is signed to the same bytes and every
// signature can be tested. It only reads; Orders is the place of what writes.
type Private struct {
	// Needs names the fields of its credentials, in the order in which people are asked.
	Needs []string
	// Rights says which rights the key needs for what is read here, in the venue's words,
	// and that it needs no others.
	Rights string
	// Base is the address of its private REST interface where that is not Spec.Base.
	Base string
	// Window is how old a signed request may be when the venue receives it, and Ahead how
	// far its time may lie in the venue's future. 0: the venue looks at the nonce alone.
	Window, Ahead time.Duration
	// Sign turns a call into what is sent. It adds what proves who asks, and changes
	// nothing else. Calls that need no proof it gives back as they are.
	Sign func(Call, Credentials, Moment) (Signed, error)
	// Request gives the call that answers an ask, or fault.Invalid with a sentence when
	// the venue cannot, such as fills of all pairs at once.
	Request func(AccountAsk) (Call, error)
	// Decode reads an answer with status 2xx into out. Errors that the venue hides in one
	// come back as *fault.Error.
	Decode func(a AccountAsk, body []byte, t *Table, out *trading.Account) error
	// Failure turns another status into a *fault.Error; nil judges by status alone.
	Failure func(status int, body []byte) error
	// Next gives the ask for the page after got; false when there is none. nil: never.
	Next func(a AccountAsk, got *trading.Account) (AccountAsk, bool)
	// Stream is nil where the account's own stream is not read.
	Stream *PrivateStream
	// Orders is nil: Assay places no orders yet.
	Orders *OrderEntry
}

// The fields that credentials can have. What a venue calls them stands in its Rights.
const (
	FieldKey        = "key"        // what names the key to the venue; no secret to it, one to us
	FieldSecret     = "secret"     // what signs: a text, base64, a PEM file or a private key
	FieldPassphrase = "passphrase" // chosen when the key was made
	FieldAccount    = "account"    // whose account: an address or a user's number
)

// Credentials are the fields of one key of one account. They print, log and encode as
// "secret"; only Reveal gives a text.
type Credentials struct {
	fields map[string]secret.Value
}

// NewCredentials keeps the fields by name.
func NewCredentials(fields map[string]secret.Value) Credentials {
	c := Credentials{fields: make(map[string]secret.Value, len(fields))}
	for k, v := range fields {
		c.fields[k] = v
	}
	return c
}

// Reveal gives the text of a field, "" when there is none.
func (c Credentials) Reveal(field string) string { return c.fields[field].Reveal() }

// Check gives fault.Unauthentic when a field is missing, and fault.Invalid when one holds
// what no header can: the sentence names the field and never its text.
func (c Credentials) Check(needs []string) error {
	for _, n := range needs {
		v := c.Reveal(n)
		if v == "" {
			return fault.At(fault.Unauthentic, n, "the credentials have no %s; they need: %s", n, strings.Join(needs, ", "))
		}
		if n != FieldSecret && strings.IndexFunc(v, func(r rune) bool { return r < ' ' || r > '~' }) >= 0 {
			return fault.At(fault.Invalid, n, "the %s holds a line end or another character that no request can carry", n)
		}
	}
	return nil
}

// String is "secret".
func (Credentials) String() string { return "secret" }

// Format prints "secret" for every verb and flag.
func (Credentials) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("secret")) }

// LogValue is "secret".
func (Credentials) LogValue() slog.Value { return slog.StringValue("secret") }

// MarshalText gives "secret", in JSON too.
func (Credentials) MarshalText() ([]byte, error) { return []byte("secret"), nil }

// Moment is what a signature needs beside the call. It is the caller's, so that signing
// stays pure.
type Moment struct {
	// Time is by the venue's clock: ours, corrected by the offset that was measured.
	Time time.Time
	// Nonce is greater than that of any call before with the same key: milliseconds since
	// 1970, or the last one and one.
	Nonce int64
	// Random is new for each call. Venues want it as a UUID or as hexadecimal digits.
	Random [16]byte
}

// Millis is Time in milliseconds since 1970.
func (m Moment) Millis() string { return MS(m.Time) }

// Seconds is Time in whole seconds since 1970.
func (m Moment) Seconds() string { return fmt.Sprint(m.Time.Unix()) }

// UUID is Random as a UUID of version 4.
func (m Moment) UUID() string {
	b := m.Random
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// Hex is Random in hexadecimal.
func (m Moment) Hex() string { return hex.EncodeToString(m.Random[:]) }

// Call is one request before it is signed.
type Call struct {
	Method string // "" is GET, or POST where Body is set
	// Host is where it will be sent, without scheme. The caller sets it: some venues sign it.
	Host  string
	Path  string // without query
	Query string // as it is sent: encoded, in this order
	Body  string // as it is sent: JSON, or a form where Form is set
	Form  bool   // Body is a form
	// Open calls prove nothing: they are sent without a signature.
	Open   bool
	Weight int    // 0 counts as 1
	Budget string // of Spec.Budgets; "" is the first
}

// Verb is the method in effect.
func (c Call) Verb() string {
	switch {
	case c.Method != "":
		return c.Method
	case c.Body != "":
		return "POST"
	}
	return "GET"
}

// Target is the path with the query.
func (c Call) Target() string {
	if c.Query == "" {
		return c.Path
	}
	return c.Path + "?" + c.Query
}

// Unsigned gives the call as it is.
func (c Call) Unsigned() Signed {
	s := Signed{Method: c.Verb(), Path: c.Target(), Body: c.Body, Header: map[string]string{}}
	switch {
	case c.Body == "":
	case c.Form:
		s.Header["Content-Type"] = "application/x-www-form-urlencoded"
	default:
		s.Header["Content-Type"] = "application/json"
	}
	return s
}

// Signed is a request as it is sent. It carries what the venue believes, so it prints and
// logs without query, headers and body.
type Signed struct {
	Method string
	Path   string // with query
	Body   string
	Header map[string]string
}

// String is the method and the path.
func (s Signed) String() string {
	path, _, _ := strings.Cut(s.Path, "?")
	return s.Method + " " + path
}

// Format prints String for every verb and flag.
func (s Signed) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// LogValue is String.
func (s Signed) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText is String, in JSON too.
func (s Signed) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// AccountWhat is the kind of an AccountAsk.
type AccountWhat uint8

// The kinds of AccountAsk.
const (
	AskBalances AccountWhat = iota
	AskOrders               // open orders
	AskFills
)

// String is the kind as a word.
func (w AccountWhat) String() string {
	return [...]string{"balances", "orders", "fills"}[min(w, AskFills)]
}

// AccountAsk is a question about an account.
type AccountAsk struct {
	What       AccountWhat
	Instrument *market.Instrument // nil: of all
	// Account is the field of that name of the credentials, for venues whose questions
	// name the account.
	Account string
	From    time.Time // fills since; zero: the most recent
	// To bounds fills, exclusive; zero: now. Venues that tell a span at a time go on to the
	// next one up to it, so give it with From.
	To      time.Time
	Limit   int    // rows wanted, 0 the most a page gives
	Cursor  string // where the next page starts; set by Next
	Section int    // for venues that tell an account in parts: which, from 0; set by Next
	Wallet  string // for venues that have to be asked for the account's number first; set by Next
}

// Unanswered is the error of a Request for an ask that a venue does not answer so.
func (a AccountAsk) Unanswered(name, why string) error {
	return fault.At(fault.Invalid, "what", "%s does not tell %s so: %s", name, a.What, why)
}

// Symbol gives the instrument's symbol, "" without one.
func (a AccountAsk) Symbol() string {
	if a.Instrument == nil {
		return ""
	}
	return a.Instrument.Symbol
}

// Form writes names and values in turn as a query or form; pairs with an empty value are
// left out.
func Form(pairs ...string) string {
	var b strings.Builder
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		b.WriteString(pairs[i] + "=" + url.QueryEscape(pairs[i+1]))
	}
	return b.String()
}

// PrivateStream is how an account's own stream is entered and read. The connection goes
// through these in order: Ticket (if any), connect with Header, Login, Admitted until it
// says in, Subscribe; Keep is sent on its interval.
type PrivateStream struct {
	// Stream is the base address where that is not Spec.Stream; Path follows it.
	Stream, Path string
	// Ticket is a call to make before each connection: its answer says where to connect,
	// or what to show there.
	Ticket *PrivateTicket
	// Keep is a call that keeps the ticket alive.
	Keep *Keep
	// Header gives the headers of the handshake, for venues that look at those.
	Header func(Credentials, Moment) (map[string]string, error)
	// Login writes the first frames; nil where the ticket or the header was enough.
	Login func(Pass) ([][]byte, error)
	// Admitted reads a frame while the login is not answered: ok is set when we are in,
	// challenge when the venue asks for proof of something, which Subscribe then gets. A
	// refusal is an error. nil: Subscribe may follow at once.
	Admitted func(frame []byte) (challenge string, ok bool, err error)
	// Subscribe writes the frames that ask for orders, fills and balances.
	Subscribe func(Pass) ([][]byte, error)
	// Ping is sent so often; nil: protocol pings, or none.
	Ping      []byte
	PingEvery time.Duration
	// Open makes the decoder of one connection; nil where the stream is entered but not
	// read yet.
	Open func(t *Table) AccountFeed
}

// PrivateTicket is a call whose answer opens the stream.
type PrivateTicket struct {
	Call Call
	// Read gives the ticket that Login and Subscribe get, and where to connect: a whole
	// address, a path behind that of the stream's base, or "" for the stream's own.
	Read func(answer []byte) (addr, ticket string, err error)
}

// Keep is a call that is repeated while the stream is open.
type Keep struct {
	Every time.Duration
	Call  func(ticket string) Call
}

// Pass is what frames of the login and the subscription are written from.
type Pass struct {
	Credentials
	Moment
	Host        string // where we are connected, for venues that sign it
	Ticket      string
	Challenge   string
	Account     string
	Instruments []*market.Instrument // for venues that subscribe by instrument
}

// AccountFeed reads the frames of one connection.
type AccountFeed interface {
	// Decode appends what one frame says to out. An error means that the frame could not
	// be read; nothing of it is used then.
	Decode(frame []byte, out *trading.Account) error
}

// OrderEntry is how orders are asked for at one venue. No venue has it yet. See
// trading.Entry for what whoever sends these has to keep to.
type OrderEntry struct {
	Place  func(trading.NewOrder, *market.Instrument) (Call, error)
	Cancel func(trading.Cancel, *market.Instrument) (Call, error)
	// Find asks for an order by its client id.
	Find func(clientID string, in *market.Instrument) (Call, error)
	// Outcome judges an answer. status 0 is no answer at all. It gives Refused only where
	// the venue says that nothing was done.
	Outcome func(status int, body []byte, t *Table) trading.Outcome
}
