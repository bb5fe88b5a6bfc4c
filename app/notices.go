package app

import (
	"context"
	"log/slog"
	netmail "net/mail"
	"strings"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/notify"
	"github.com/assayhq/assay/notify/box"
	"github.com/assayhq/assay/notify/mail"
	"github.com/assayhq/assay/notify/webhook"
)

// Webhooks says what endpoints may be.
type Webhooks struct {
	Off     bool     `koanf:"off" doc:"deliver nothing from this process; another one that shares the control plane does"`
	HTTP    bool     `koanf:"http" doc:"allow endpoints that are http://; what is sent can be read on the way"`
	Private bool     `koanf:"private" doc:"allow endpoints in private networks and on this machine; whoever may register one can then call services there"`
	Ports   []uint16 `koanf:"ports" doc:"ports that endpoints may have; empty is 443 and 8443"`
	Mail    []string `koanf:"mail" doc:"addresses, or domains such as @example.com, that endpoints like mailto:ops@example.com may write to; empty allows none. Needs mail.addr"`
}

func (w Webhooks) guard() *webhook.Guard {
	return &webhook.Guard{AllowHTTP: w.HTTP, AllowPrivate: w.Private, Ports: w.Ports}
}

// check gives the form of an endpoint's address to keep, or refuses it. Letters go only
// where the settings allow it: whoever registers endpoints must not be able to write to
// strangers.
func (w Webhooks) check(post Mail) func(string) (string, error) {
	guard := w.guard()
	return func(raw string) (string, error) {
		if len(raw) < len(webhook.MailScheme) || !strings.EqualFold(raw[:len(webhook.MailScheme)], webhook.MailScheme) {
			return guard.CheckURL(raw)
		}
		if post.Addr == "" {
			return "", fault.At(fault.Invalid, "body.url", "no letters are sent here: the settings mail.addr, mail.from and webhooks.mail allow it")
		}
		a, err := netmail.ParseAddress(raw[len(webhook.MailScheme):])
		if err != nil || a.Name != "" || strings.ContainsAny(a.Address, "?&%\" \t<>") || len(a.Address) > 320 {
			return "", fault.At(fault.Invalid, "body.url", "this is not a mail address: write mailto:name@example.com, and nothing after it")
		}
		_, domain, _ := strings.Cut(a.Address, "@")
		for _, allowed := range w.Mail {
			if strings.EqualFold(allowed, a.Address) || strings.EqualFold(allowed, "@"+domain) {
				return webhook.MailScheme + a.Address, nil
			}
		}
		return "", fault.At(fault.Denied, "body.url", "letters to %s are not allowed here: the setting webhooks.mail names addresses and domains that may be written to", domain)
	}
}

// events gives what writes events to people, or nil when there is no mail server.
func (m Mail) events() (func(context.Context, notify.Event, string) error, error) {
	if m.Addr == "" {
		return nil, nil
	}
	s, err := mail.New(mail.Config{Addr: m.Addr, From: m.From, Username: m.Username, Password: func() string { return m.Password }})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, e notify.Event, to string) error {
		l, err := mail.Letter(e, to)
		if err != nil {
			return err
		}
		return s.Send(ctx, l)
	}, nil
}

// openNotices makes the box of notices. gate gives the gate that seals, which is made
// after the box because it publishes into it.
func openNotices(store access.Store, cfg Config, gate func() *gate.Gate) (*box.Box, error) {
	return box.New(store, box.Options{
		CheckURL: cfg.Webhooks.check(cfg.Mail),
		Seal:     func(about string, b []byte) ([]byte, error) { return gate().Seal(about, b) },
		Open:     func(about string, b []byte) ([]byte, error) { return gate().Open(about, b) },
		Journal:  journalHooks(gate),
	})
}

// openDelivery makes what sends the notices in the box.
func (a *App) openDelivery() (*webhook.Engine, error) {
	post, err := a.cfg.Mail.events()
	if err != nil {
		return nil, err
	}
	if post != nil {
		post = rationed(a.cfg.Webhooks.check(a.cfg.Mail), time.Now, post)
	}
	return webhook.New(a.Notices, a.Notices, a.Notices, webhook.Options{Guard: a.cfg.Webhooks.guard(), Agent: "assay-webhook/" + a.version, Mail: post, Log: a.log}), nil
}

// waking is a store whose changes, once they are durable, wake the delivery of what they
// published. Notices of other processes are found by asking each second.
type waking struct {
	access.Store
	wake func()
}

// Unwrap gives the store itself, for what else it can do.
func (w waking) Unwrap() access.Store { return w.Store }

// Change is access.Store's.
func (w waking) Change(ctx context.Context, f func(access.Tx) error) (int64, error) {
	var published bool
	epoch, err := w.Store.Change(ctx, func(tx access.Tx) error {
		published = false // it may be tried again
		return f(marked{tx, &published})
	})
	if err == nil && published {
		w.wake()
	}
	return epoch, err
}

// marked is a transaction that remembers whether something was published in it.
type marked struct {
	access.Tx
	published *bool
}

// marking is a box's Publish that says so to the transaction.
func marking(publish func(access.Tx, notify.Event) error) func(access.Tx, notify.Event) error {
	return func(tx access.Tx, e notify.Event) error {
		if m, ok := tx.(marked); ok {
			*m.published = true
		}
		return publish(tx, e)
	}
}

// sweepNotices forgets old events and attempts once an hour. Another process may do the same.
func sweepNotices(ctx context.Context, b *box.Box, log *slog.Logger) error {
	return every(ctx, time.Hour, func() {
		if n, err := b.Sweep(ctx); err != nil && ctx.Err() == nil {
			log.Error("old notices could not be deleted", "err", err)
		} else if n > 0 {
			log.Info("old notices deleted", "records", n)
		}
	})
}
