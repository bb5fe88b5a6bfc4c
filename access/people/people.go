// Package people knows who sits in front of the console: accounts, their second
// factor, their sessions, and what each may do in an organisation.
//
// Somebody signs up with e-mail and password, proves the e-mail with a token, and has
// an account, an organisation, an app and a first key. Passwords are kept as Argon2id
// (RFC 9106), second factors are TOTP (RFC 6238), passkeys (WebAuthn) take the place of both, sessions are 256 random bits of
// which only the SHA-256 is stored.
//
// It never sends mail itself, never makes API keys itself and never writes a log
// line with what a person typed. What always holds: whether an account exists is not
// told to strangers, neither by the answer nor by the work done; a code, a recovery
// code and a confirmation work once; an organisation has an owner; failed log-ins slow
// down who fails, and never the owner on a network the account was used from.
//
// It reads the clock through Options.Now. api calls it for the console, app builds it.
package people

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/mail"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/assayhq/assay/fault"
)

// Store keeps JSON documents by kind and id. Every method is atomic, and durable
// when it returns.
type Store interface {
	// Get gives a document and its version (from 1), or fault.Unknown.
	Get(ctx context.Context, kind, id string) (doc []byte, version int64, err error)
	// Put writes version+1 if the stored version is version, 0 meaning that there
	// is none; else it gives fault.Conflict. What was done goes into the audit log in
	// the same step.
	Put(ctx context.Context, kind, id string, doc []byte, version int64, done ...Event) error
	// Delete removes the document if its version is version; else fault.Conflict.
	Delete(ctx context.Context, kind, id string, version int64, done ...Event) error
}

// Event is something that was done, for the audit log. It has ids and never addresses:
// the log is not edited when a person leaves.
type Event struct {
	Action  string // such as member.joined
	Actor   string // account that did it
	Org     string // "" when it is of no organisation
	Subject string // account, invitation or organisation that it was done to
	Detail  map[string]string
}

// Letter is a mail to be sent.
type Letter struct {
	To string
	// Kind is "confirm", "reset" or "invite", with Token; "known": somebody signed up
	// with an address that has an account; "nobody": not to be sent, it only takes the
	// place of one, so that work tells nothing.
	Kind  string
	Token string // secret
	Org   string // id of the organisation that invites
}

// String hides the token.
func (l Letter) String() string { return l.Kind + " letter" }

// GoString hides the token.
func (l Letter) GoString() string { return l.String() }

// Options of People. Store, Mail, FreeKey, Seal and Open are needed.
type Options struct {
	Store Store
	// Mail takes a letter into a queue. It must return before the letter is sent,
	// else its time tells which addresses are known.
	Mail func(ctx context.Context, l Letter) error
	// FreeKey makes the first key of a new app. It may be called again for the same
	// app when a confirmation was broken off.
	FreeKey func(ctx context.Context, org, app string) (token string, err error)
	// EndOrg takes away what an organisation has that is no more, such as its keys. It may
	// be called again. Nil: nothing.
	EndOrg func(ctx context.Context, org string) error
	// Seal and Open protect TOTP secrets; id is to be bound as additional data.
	Seal func(id string, secret []byte) ([]byte, error)
	Open func(id string, sealed []byte) ([]byte, error)

	// Origin of the pages on which people use passkeys, such as
	// https://console.example.com. "": there are no passkeys.
	Origin string

	Issuer   string           // name shown by authenticator apps, default "Assay"
	Password *argon2id.Params // default Passwords()
	Hashes   int              // password hashes computed at a time, default 2: each takes Password.Memory
	Idle     time.Duration    // a session unused for so long ends, default 1 h
	Absolute time.Duration    // a session ends after so long, default 24 h
	Confirm  time.Duration    // a confirmation token lives so long, default 24 h
	Reset    time.Duration    // a token that sets a new password lives so long, default 1 h
	Invite   time.Duration    // an invitation lives so long, default 7 d
	Now      func() time.Time
}

// Passwords are the parameters of new hashes: 64 MiB, 2 passes, 1 lane, 16 bytes of
// salt, 32 of hash. That is above the minimum of the OWASP password storage cheat
// sheet (19 MiB, 2 passes, 1 lane). Hashes with other parameters are made anew at
// the next log-in.
func Passwords() *argon2id.Params {
	return &argon2id.Params{Memory: 64 << 10, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}
}

const (
	minPassword = 12  // characters
	maxPassword = 256 // bytes
	maxEmail    = 254 // bytes, RFC 5321
	maxQueue    = 64  // requests that wait for a hash
	maxName     = 80
)

// The kinds of documents.
const (
	kindAccount = "account"
	kindEmail   = "email" // id: digest of the address; says whose it is
	kindPending = "pending"
	kindReset   = "reset"
	kindRite    = "ceremony" // of a passkey, begun and not ended
	kindSession = "session"
	kindOrg     = "org"
)

// People is the engine.
type People struct {
	o     Options
	dummy string        // a hash nobody has the password of
	slots chan struct{} // hashes at a time
	queue chan struct{} // who waits for a slot or has one

	accounts, prefixes, pairs *throttle

	passkeys *webauthn.WebAuthn // nil: none
}

// New makes the engine.
func New(o Options) (*People, error) {
	if o.Store == nil || o.Mail == nil || o.FreeKey == nil || o.Seal == nil || o.Open == nil {
		return nil, fault.New(fault.Invalid, "people need Store, Mail, FreeKey, Seal and Open")
	}
	if o.Password == nil {
		o.Password = Passwords()
	}
	if o.Hashes <= 0 {
		o.Hashes = 2
	}
	for p, def := range map[*time.Duration]time.Duration{&o.Idle: time.Hour, &o.Absolute: 24 * time.Hour, &o.Confirm: 24 * time.Hour, &o.Reset: time.Hour, &o.Invite: 7 * 24 * time.Hour} {
		if *p <= 0 {
			*p = def
		}
	}
	if o.Issuer == "" {
		o.Issuer = "Assay"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	passkeys, err := relyingParty(o.Origin, o.Issuer)
	if err != nil {
		return nil, err
	}
	dummy, err := argon2id.CreateHash(rand.Text(), o.Password)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "no password hash could be made")
	}
	return &People{
		o: o, dummy: dummy, passkeys: passkeys,
		slots: make(chan struct{}, o.Hashes), queue: make(chan struct{}, maxQueue),
		// An account's delay stays short, because its owner may be a stranger too,
		// on a new network; a network's delay may grow long.
		accounts: newThrottle(10, time.Minute), prefixes: newThrottle(20, 15*time.Minute), pairs: newThrottle(5, 15*time.Minute),
	}, nil
}

// account is a person as stored.
type account struct {
	ID         string    `json:"id"`
	Email      string    `json:"email"`
	Hash       string    `json:"hash"` // Argon2id in PHC form
	Created    time.Time `json:"created"`
	Generation int       `json:"generation"` // sessions of an older one have ended
	Known      []string  `json:"known"`      // networks it was used from, newest first
	TOTP       totpState `json:"totp"`
	Passkeys   []passkey `json:"passkeys,omitempty"`
	Sessions   []seat    `json:"sessions,omitempty"` // newest first
	Orgs       []string  `json:"orgs,omitempty"`     // where it may be a member; the organisation decides
}

var errWrong = errors.New("unknown account or wrong password")

// wrong is the one answer to a failed log-in.
func wrong() error {
	return fault.Wrap(fault.Unauthentic, errWrong, "the e-mail or the password is wrong")
}

// hashing runs f when there is memory for one more hash.
func (p *People) hashing(ctx context.Context, f func()) error {
	select {
	case p.queue <- struct{}{}:
	default:
		return fault.New(fault.Exhausted, "too many people log in at the moment: try again in a few seconds")
	}
	defer func() { <-p.queue }()
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return fault.Wrap(fault.Unavailable, ctx.Err(), "the request was given up")
	}
	defer func() { <-p.slots }()
	f()
	return nil
}

func (p *People) hash(ctx context.Context, password string) (hash string, err error) {
	if e := p.hashing(ctx, func() { hash, err = argon2id.CreateHash(password, p.o.Password) }); e != nil {
		return "", e
	}
	if err != nil {
		return "", fault.Wrap(fault.Internal, err, "the password could not be hashed")
	}
	return hash, nil
}

// matches compares a password; stale tells that the hash has old parameters.
func (p *People) matches(ctx context.Context, password, hash string) (ok, stale bool, err error) {
	var par *argon2id.Params
	if e := p.hashing(ctx, func() { ok, par, err = argon2id.CheckHash(password, hash) }); e != nil {
		return false, false, e
	}
	if err != nil {
		return false, false, fault.New(fault.Internal, "a stored password hash cannot be read")
	}
	return ok, *par != *p.o.Password, nil
}

// address brings an e-mail address to its one spelling.
func address(s string) (string, error) {
	a, err := mail.ParseAddress(s)
	if err != nil || len(s) > maxEmail || a.Address != s || !strings.Contains(s[strings.LastIndexByte(s, '@')+1:], ".") {
		return "", fault.At(fault.Invalid, "email", "this is not an e-mail address such as name@example.com")
	}
	return strings.ToLower(s), nil
}

func acceptable(password, email string) error {
	n := utf8.RuneCountInString(password)
	if n < minPassword || len(password) > maxPassword || !utf8.ValidString(password) {
		return fault.At(fault.Invalid, "password", "the password must have %d characters or more and at most %d bytes", minPassword, maxPassword)
	}
	if strings.EqualFold(password, email) {
		return fault.At(fault.Invalid, "password", "the password must not be the e-mail address")
	}
	return nil
}

// digest names a secret or an address in the store.
func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// secret draws 256 bits as text.
func secret() string { return rand.Text() + rand.Text() } // 2 x 130 bits

func read[T any](ctx context.Context, s Store, kind, id string) (v T, version int64, err error) {
	doc, version, err := s.Get(ctx, kind, id)
	if err != nil {
		return v, 0, err
	}
	if err := json.Unmarshal(doc, &v); err != nil {
		return v, 0, fault.Wrap(fault.Internal, err, "a stored %s cannot be read", kind)
	}
	return v, version, nil
}

func write(ctx context.Context, s Store, kind, id string, v any, version int64, done ...Event) error {
	doc, err := json.Marshal(v)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "a %s cannot be written", kind)
	}
	return s.Put(ctx, kind, id, doc, version, done...)
}

// update changes a document; when somebody else was faster it begins again.
func update[T any](ctx context.Context, s Store, kind, id string, f func(*T) error, done ...Event) (T, error) {
	for try := 0; ; try++ {
		v, version, err := read[T](ctx, s, kind, id)
		if err != nil {
			return v, err
		}
		if err := f(&v); err != nil {
			return v, err
		}
		err = write(ctx, s, kind, id, v, version, done...)
		if err == nil || fault.Of(err) != fault.Conflict || try == 7 {
			return v, err
		}
	}
}
