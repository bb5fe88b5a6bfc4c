package app

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/access/people"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/notify/mail"
)

// People says how people get accounts.
type People struct {
	Page   string `koanf:"page" doc:"page on which an e-mail address is confirmed, such as https://console.example.com/confirm; the token stands behind #, where no server sees it"`
	Origin string `koanf:"origin" doc:"origin of the pages on which people use passkeys, such as https://console.example.com; empty: there are no passkeys"`
	Plan   string `koanf:"plan" doc:"plan of a new app; empty is free"`
	Rate   int    `koanf:"rate" doc:"requests per second of a new app; 0 is the plan's"`
	Burst  int    `koanf:"burst" doc:"requests at once of a new app; 0 is the plan's, or twice the rate when that is given"`
}

// Mail says through which server letters are sent.
type Mail struct {
	Addr     string `koanf:"addr" doc:"mail server as host:port, 587 as a rule; empty: no letters are sent, and nobody can sign up"`
	From     string `koanf:"from" doc:"sender, such as Assay <assay@example.com>"`
	Username string `koanf:"username" doc:"for the mail server; empty does not log in"`
	Password string `koanf:"password" doc:"for the mail server: give it as ASSAY_MAIL_PASSWORD"`
}

// accounts are the people of this installation, and the letters to them.
type accounts struct {
	*people.People
	store   persons
	letters *letters // nil: sign-up is closed
	log     *slog.Logger
}

func newAccounts(cfg People, post Mail, g *gate.Gate, store access.Store, log *slog.Logger) (*accounts, error) {
	a := &accounts{store: persons{store, g}, log: log}
	send := func(context.Context, people.Letter) error { return closed() }
	if post.Addr != "" {
		s, err := mail.New(mail.Config{Addr: post.Addr, From: post.From, Username: post.Username, Password: func() string { return post.Password }})
		if err != nil {
			return nil, err
		}
		a.letters = newLetters(s.Send, cfg.Page, g.Now, log)
		send = a.letters.add
	}
	free := &freeKeys{gate: g, plan: cfg.Plan, rate: cfg.Rate, burst: cfg.Burst, turn: make(chan struct{}, 1)}
	var err error
	a.People, err = people.New(people.Options{
		Store: a.store, Mail: send, FreeKey: free.key, EndOrg: a.endOrg, Origin: cfg.Origin, Now: g.Now,
		Seal: func(id string, b []byte) ([]byte, error) { return g.Seal("totp/"+id, b) },
		Open: func(id string, b []byte) ([]byte, error) { return g.Open("totp/"+id, b) },
	})
	return a, err
}

func closed() error {
	return fault.New(fault.Unavailable, "sign-up is closed here, because no letters can be sent: the settings mail.addr and mail.from open it")
}

// SignUp begins an account where letters can be sent. Elsewhere nothing is done, so
// that no sign-up waits for a letter that never comes.
func (a *accounts) SignUp(ctx context.Context, from netip.Addr, email, password, org string) error {
	if a.letters == nil {
		return closed()
	}
	return a.People.SignUp(ctx, from, email, password, org)
}

// ForgotPassword sends a letter where letters can be sent.
func (a *accounts) ForgotPassword(ctx context.Context, from netip.Addr, email string) error {
	if a.letters == nil {
		return closed()
	}
	return a.People.ForgotPassword(ctx, from, email)
}

// Invite makes an invitation; one by letter only where letters can be sent.
func (a *accounts) Invite(ctx context.Context, by, org, email string, r people.Role) (people.Invitation, error) {
	if email != "" && a.letters == nil {
		return people.Invitation{}, fault.At(fault.Unavailable, "email", "no letters can be sent here: leave the address out and hand the code over yourself")
	}
	return a.People.Invite(ctx, by, org, email, r)
}

// endOrg revokes the keys of an organisation that is no more.
func (a *accounts) endOrg(ctx context.Context, org string) error {
	_, err := a.store.gate.Revoke(ctx, gate.By{Name: "people"}, gate.Target{Org: org}, "organisation ended", gate.WaitNone)
	if fault.Of(err) == fault.Unknown {
		return nil // it had none
	}
	return err
}

// run sends letters, and forgets sessions and sign-ups that are over, until ctx ends.
func (a *accounts) run(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		if a.letters != nil {
			a.letters.run(ctx)
		}
	}()
	defer func() { <-done }()
	return every(ctx, time.Hour, func() {
		if err := a.store.sweep(ctx, a.store.gate.Now()); err != nil && ctx.Err() == nil {
			a.log.Warn("sessions and sign-ups that are over could not be deleted; the next hour tries again", "err", err)
		}
	})
}

// freeKeys makes the first key of a new app.
type freeKeys struct {
	gate        *gate.Gate
	plan        string
	rate, burst int
	turn        chan struct{} // whoever makes one holds its place
}

const (
	freeRing = "first"
	// A confirmation that is sent twice at once must not end the key that the first
	// one has just shown.
	freePause = time.Minute
)

// key makes the key, once for each app: a ring that an interrupted confirmation left
// behind, whose token nobody has seen, is revoked first.
func (f *freeKeys) key(ctx context.Context, org, app string) (string, error) {
	select {
	case f.turn <- struct{}{}:
		defer func() { <-f.turn }()
	case <-ctx.Done():
		return "", fault.Wrap(fault.Unavailable, ctx.Err(), "the request was given up")
	}
	by := gate.By{Name: "signup"}
	rings, err := f.gate.Rings(ctx, org, app)
	if err != nil {
		return "", err
	}
	now := f.gate.Now()
	for i := range rings {
		r := &rings[i]
		if r.Name != freeRing || r.Accepting(now) == 0 {
			continue
		}
		if now.Sub(r.Created) < freePause {
			return "", fault.New(fault.Conflict, "the first key was made a moment ago by the same confirmation: look at its answer")
		}
		if _, err := f.gate.Revoke(ctx, by, gate.Target{Ring: r.ID}, "unseen", gate.WaitNone); err != nil {
			return "", err
		}
	}
	own := gate.App{Org: org, Name: app, Plan: f.plan, Rate: f.rate, Burst: f.burst}
	if own.Plan == "" {
		own.Plan = "free"
	}
	if err := f.gate.SetApp(ctx, by, own); err != nil {
		return "", err
	}
	made, err := f.gate.Create(ctx, by, gate.Spec{Name: freeRing, Org: org, App: app, Scopes: access.Presets()["agent"]})
	return made.Token, err
}

// persons keeps people's documents in the control plane. A body is: version and time
// of writing, 8 bytes each, and the sealed document; the seal covers all of it and
// where it stands. Addresses and digests of sessions are not readable in a backup.
type persons struct {
	store access.Store
	gate  *gate.Gate
}

const (
	personHead = 16
	personKind = "person."
	// stalePerson is when sessions and sign-ups that nobody has written to are over for
	// certain: both live a day.
	stalePerson = 25 * time.Hour
)

func aboutPerson(kind, id string, head []byte) string {
	return fmt.Sprintf("person/%d/%s/%d/%s/%x", len(kind), kind, len(id), id, head)
}

// Get is of people.Store.
func (p persons) Get(ctx context.Context, kind, id string) (doc []byte, version int64, err error) {
	var body []byte
	err = p.store.View(ctx, func(tx access.Tx) error {
		rec, err := tx.Get(personKind+kind, id)
		body = rec.Body
		return err
	})
	if err != nil {
		if fault.Of(err) == fault.Unknown {
			return nil, 0, fault.New(fault.Unknown, "there is no such %s", kind) // without the id, which may be a digest
		}
		return nil, 0, outOfReach(err)
	}
	if len(body) < personHead {
		return nil, 0, fault.New(fault.Internal, "a stored %s is cut short", kind)
	}
	doc, err = p.gate.Open(aboutPerson(kind, id, body[:personHead]), body[personHead:])
	return doc, int64(binary.BigEndian.Uint64(body)), err
}

// Put is of people.Store.
func (p persons) Put(ctx context.Context, kind, id string, doc []byte, version int64, done ...people.Event) error {
	head := binary.BigEndian.AppendUint64(nil, uint64(version)+1)
	head = binary.BigEndian.AppendUint64(head, uint64(p.gate.Now().Unix()))
	sealed, err := p.gate.Seal(aboutPerson(kind, id, head), doc)
	if err != nil {
		return err
	}
	body := append(head[:personHead:personHead], sealed...)
	return p.change(ctx, kind, id, version, done, func(tx access.Tx) error { return tx.Put(personKind+kind, id, body) })
}

// Delete is of people.Store.
func (p persons) Delete(ctx context.Context, kind, id string, version int64, done ...people.Event) error {
	if version == 0 {
		return fault.New(fault.Conflict, "the %s was changed by somebody else", kind)
	}
	return p.change(ctx, kind, id, version, done, func(tx access.Tx) error { return tx.Delete(personKind+kind, id) })
}

// change does something to a document that has a version, 0 being none, and writes what
// was done into the audit log in the same transaction.
func (p persons) change(ctx context.Context, kind, id string, version int64, done []people.Event, f func(access.Tx) error) error {
	_, err := p.store.Change(ctx, func(tx access.Tx) error {
		var stored uint64
		rec, err := tx.Get(personKind+kind, id)
		switch {
		case err == nil && len(rec.Body) >= personHead:
			stored = binary.BigEndian.Uint64(rec.Body)
		case err != nil && fault.Of(err) != fault.Unknown:
			return err
		}
		if stored != uint64(version) {
			return fault.New(fault.Conflict, "the %s was changed by somebody else", kind)
		}
		for _, e := range done {
			by := gate.By{Name: e.Actor, Request: gate.ByOf(ctx).Request}
			if err := p.gate.Note(tx, by, gate.Deed{Org: e.Org, Subject: e.Subject, Action: e.Action, Detail: e.Detail}); err != nil {
				return err
			}
		}
		return f(tx)
	})
	return outOfReach(err)
}

// sweep deletes sessions and sign-ups that are over, some hundred at a time.
func (p persons) sweep(ctx context.Context, now time.Time) error {
	for _, kind := range []string{personKind + "session", personKind + "pending", personKind + "reset", personKind + "ceremony"} {
		for after := ""; ; {
			var list []access.Record
			_, err := p.store.Change(ctx, func(tx access.Tx) error {
				var err error
				if list, err = tx.List(kind, after, 200); err != nil {
					return err
				}
				for i := range list {
					b := list[i].Body
					if len(b) >= personHead && now.Sub(time.Unix(int64(binary.BigEndian.Uint64(b[8:])), 0)) < stalePerson {
						continue
					}
					if err := tx.Delete(kind, list[i].ID); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
			if len(list) < 200 {
				break
			}
			after = list[len(list)-1].ID
		}
	}
	return nil
}

// letters is the queue of mails to people. It is in memory: who gets no letter after a
// restart signs up again.
type letters struct {
	send  func(context.Context, mail.Message) error
	page  string
	now   func() time.Time
	log   *slog.Logger
	queue chan people.Letter
}

const maxLetters = 1000

func newLetters(send func(context.Context, mail.Message) error, page string, now func() time.Time, log *slog.Logger) *letters {
	return &letters{send: send, page: page, now: now, log: log, queue: make(chan people.Letter, maxLetters)}
}

// add takes a letter without waiting for it to be sent: the time would tell which
// addresses are known.
func (l *letters) add(_ context.Context, x people.Letter) error {
	select {
	case l.queue <- x:
		return nil
	default:
		return fault.New(fault.Unavailable, "too many letters wait to be sent: try again in some minutes")
	}
}

// run sends until ctx ends. A letter is tried three times. What is logged has neither
// address nor token: only which kind of letter, and why.
func (l *letters) run(ctx context.Context) {
	for {
		select {
		case x := <-l.queue:
			l.deliver(ctx, x)
		case <-ctx.Done():
			return
		}
	}
}

func (l *letters) deliver(ctx context.Context, x people.Letter) {
	if x.Kind == "nobody" {
		return
	}
	for wait := 2 * time.Second; ; wait *= 5 {
		err := l.send(ctx, l.message(x))
		if err == nil || ctx.Err() != nil {
			return
		}
		if fault.Of(err) != fault.Unavailable || wait > 10*time.Second {
			l.log.Warn("a letter could not be sent", "letter", x.Kind, "kind", fault.Of(err).String())
			return
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

func (l *letters) message(x people.Letter) mail.Message {
	m := mail.Message{To: []string{x.To}, At: l.now()}
	if x.Kind == "known" {
		m.Subject = "You have an account already"
		m.Text = "Somebody, perhaps you, tried to sign up with this address. It has an account already:\nlog in with it. If it was not you, there is nothing to do.\n"
		return m
	}
	switch x.Kind {
	case "reset":
		m.Subject = "Set a new password"
		m.Text = "Somebody, perhaps you, asked for a new password for the account with this address. To set\none within an hour, send this token and the password to POST /v1/account/reset/confirm:\n\n  " +
			x.Token + "\n\nIf it was not you, there is nothing to do: the password stays as it is.\n"
		return m
	case "invite":
		m.Subject = "You are invited to an organisation"
		m.Text = "You are invited to the organisation " + x.Org + ". To join it within a week, log in, or sign up\nwith this address and log in, and send this code to POST /v1/account/join:\n\n  " +
			x.Token + "\n\nIf you do not know who invites you, there is nothing to do.\n"
		return m
	}
	m.Subject = "Confirm your address"
	var b strings.Builder
	b.WriteString("Somebody, perhaps you, signed up with this address. To confirm it within a day, ")
	if l.page != "" {
		fmt.Fprintf(&b, "open\n\n  %s#token=%s\n\nor ", l.page, x.Token)
	}
	fmt.Fprintf(&b, "send this token to\nPOST /v1/account/confirm:\n\n  %s\n\nThe answer holds your first key, and shows it once.\nIf it was not you, there is nothing to do: nothing is made without the token.\n", x.Token)
	m.Text = b.String()
	return m
}
