package app

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/audit"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/access/secret"
	"github.com/assayhq/assay/api"
	"github.com/assayhq/assay/fault"
)

// Secrets says where this installation's own secrets come from, and where new keys of
// clients may be delivered.
type Secrets struct {
	From         string            `koanf:"from" doc:"where the pepper of the keys and the signing key of the audit log are kept: file:PATH?identity=PATH, env:, vault:https://HOST:8200/MOUNT/PREFIX, awssm:REGION/PREFIX, or store: in the control plane itself; empty is a file in the data folder, and must be chosen with PostgreSQL"`
	Refresh      time.Duration     `koanf:"refresh" doc:"how often they are read again; SIGHUP does it at once"`
	Destinations map[string]string `koanf:"destinations" doc:"names and addresses of keepers that new keys may be pushed to, in the form of secrets.from; a policy can name only these"`
}

// The names of our own secrets.
const (
	PepperSecret = "pepper"
	SignerSecret = "audit-signer"
)

// inStore is the address of the control plane itself.
const inStore = "store"

var destinationName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,39}$`)

// from gives the address of our own secrets.
func (c *Config) from() (string, error) {
	switch f := c.Secrets.From; {
	case f == "" && c.Control.URL != "":
		return "", fault.At(fault.Invalid, "secrets.from", "several servers share the control plane, so they have to share the pepper: say where it is kept with secrets.from (file:, env:, vault:, awssm:), or write `store` to keep it in the database beside the digests, where whoever reads the database has both")
	case f == "":
		return "file:", nil
	case f == inStore+":":
		return inStore, nil
	default:
		return f, nil
	}
}

// OpenKeeper opens the keeper of our own secrets, or the destination that is named.
func OpenKeeper(cfg Config, destination string) (Keeper, error) {
	if destination != "" {
		address, ok := cfg.Secrets.Destinations[destination]
		if !ok {
			return Keeper{}, fault.At(fault.Unknown, "to", "the settings name no destination %q under secrets.destinations; they name: %s", clipped(destination), strings.Join(slices.Sorted(maps.Keys(cfg.Secrets.Destinations)), ", "))
		}
		return openKeeper("secrets.destinations."+destination, address, cfg.Data)
	}
	address, err := cfg.from()
	if err != nil {
		return Keeper{}, err
	}
	if address == inStore {
		return Keeper{Kind: inStore}, nil
	}
	return openKeeper("secrets.from", address, cfg.Data)
}

// destinations opens every place that keys may be pushed to.
func destinations(cfg Config) (map[string]secret.Writer, error) {
	out := map[string]secret.Writer{}
	for _, name := range slices.Sorted(maps.Keys(cfg.Secrets.Destinations)) {
		if !destinationName.MatchString(name) {
			return nil, fault.At(fault.Invalid, "secrets.destinations", "a destination is named with a-z, 0-9, _ and -; %q is not", clipped(name))
		}
		k, err := OpenKeeper(cfg, name)
		if err != nil {
			return nil, err
		}
		if k.Writer == nil {
			return nil, fault.At(fault.Invalid, "secrets.destinations."+name, "a keeper of the kind %s can only be read, so nothing can be pushed there", k.Kind)
		}
		out[name] = k.Writer
	}
	return out, nil
}

// ownSecrets reads our own secrets, at the start and again while we run. When they cannot
// be read later on, what is known goes on.
type ownSecrets struct {
	Keeper
	store   access.Store
	refresh time.Duration
	log     *slog.Logger

	turn chan struct{} // holds one while somebody reads

	mu    sync.Mutex
	ring  keyring // nil with the kind store
	gate  *gate.Gate
	read  time.Time // when it was last tried
	since time.Time // it has failed since, zero: it has not
	why   error
}

// leadTime is the least time between writing a pepper and using it: a server that cannot
// read its secrets for some minutes does not fall behind.
const leadTime = 10 * time.Minute

// readAtLeast is the least time between two readings that a lagging node asks for.
const readAtLeast = time.Second

// openSecrets reads the secrets, moves those that lie in the control plane, and makes the
// first ones where there are none.
func openSecrets(ctx context.Context, cfg Config, store access.Store, log *slog.Logger) (*ownSecrets, error) {
	k, err := OpenKeeper(cfg, "")
	if err != nil {
		return nil, err
	}
	o := &ownSecrets{Keeper: k, store: store, refresh: cfg.Secrets.Refresh, log: log, turn: make(chan struct{}, 1), read: time.Now()}
	if o.refresh <= 0 {
		o.refresh = time.Minute
	}
	inside, kept, away := gate.StoredPeppers(ctx, store)
	if k.Kind == inStore {
		if away == nil && kept != nil && len(inside) == 0 {
			return nil, fault.At(fault.Conflict, "secrets.from", "the pepper of this control plane was moved out of it (%s), so it cannot be `store`: say where it is", kept.Where)
		}
		return o, nil
	}
	ring, err := o.settle(ctx, inside, kept, away)
	if err != nil {
		return nil, err
	}
	o.ring = ring
	return o, nil
}

// settle gives the keyring: the keeper's, with what lies in the control plane.
func (o *ownSecrets) settle(ctx context.Context, inside map[int][]byte, kept *gate.Kept, away error) (keyring, error) {
	for try := 0; ; try++ {
		ring, was, err := o.keyring(ctx)
		if err != nil && fault.Of(err) != fault.Unknown {
			return nil, err
		}
		if ring == nil && away != nil {
			return nil, fault.Wrap(fault.Unavailable, away, "%s has no pepper, and whether the control plane has one cannot be seen", o.Kind)
		}
		next := maps.Clone(ring)
		if next == nil {
			next = keyring{}
		}
		for v, p := range inside {
			if _, there := next[v]; !there {
				next[v] = pepper{key: p}
			}
		}
		switch {
		case len(next) == 0 && kept != nil:
			return nil, fault.New(fault.Conflict, "the keeper %s has no secret %q, and the keys of this control plane were made with one that was kept in %s: bring it back; a new one would end every key", o.Kind, PepperSecret, kept.Where)
		case len(next) == 0 && o.Writer == nil:
			return nil, fault.New(fault.Invalid, "there is no pepper: set ASSAY_SECRET_PEPPER, or ASSAY_SECRET_PEPPER_FILE, to what `openssl rand -base64 32` prints")
		case len(next) == 0:
			if next, _, err = next.next(time.Time{}); err != nil {
				return nil, err
			}
		}
		if err := kept.Fits(next.keys()); err != nil {
			return nil, err
		}
		if len(next) > len(ring) {
			if o.Writer == nil {
				o.log.Warn("a pepper lies in the control plane and cannot be moved to where secrets come from, which can only be read; it goes on verifying", "keeper", o.Kind, "inside", len(inside))
				return next, nil
			}
			err := replaceSecret(ctx, o.Writer, PepperSecret, was, next.text())
			if err != nil && try < 20 && fault.Of(err) == fault.Conflict { // another server is at it
				select {
				case <-ctx.Done():
					return nil, err
				case <-time.After(250 * time.Millisecond):
				}
				continue
			}
			if err != nil {
				return nil, err
			}
		}
		if away != nil {
			return next, nil
		}
		moved, err := gate.KeepPeppers(ctx, o.store, o.Kind, next.keys())
		if err != nil {
			return nil, err
		}
		if moved > 0 {
			o.log.Info("the pepper was moved out of the control plane; older copies of it still hold the pepper: `assay secret rotate pepper` makes a new one", "to", o.Kind, "versions", moved)
		}
		return next, nil
	}
}

// keyring reads the secret; was is its text.
func (o *ownSecrets) keyring(ctx context.Context) (ring keyring, was secret.Value, err error) {
	v, err := o.Read(ctx, PepperSecret)
	if err != nil {
		return nil, was, err
	}
	if !v.Current.Present() {
		return nil, was, fault.New(fault.Unknown, "the secret %q has no current version", PepperSecret)
	}
	ring, err = parseKeyring(v.Current.Value.Reveal())
	return ring, v.Current.Value, err
}

// replaceSecret writes a secret unless somebody else has changed it since was was read;
// an empty was is a secret that is not there.
func replaceSecret(ctx context.Context, w secret.Writer, name string, was, next secret.Value) error {
	_, err := secret.Push(ctx, w, name, next, func(ctx context.Context, v secret.Value) error {
		now, err := w.Read(ctx, name)
		if err != nil {
			return err
		}
		if !now.Current.Value.Equal(was) && !now.Current.Value.Equal(v) {
			return fault.New(fault.Conflict, "somebody else has changed the secret %s meanwhile", name)
		}
		if !now.Pending.Value.Equal(v) && !now.Current.Value.Equal(v) {
			return fault.New(fault.Conflict, "the keeper gives another text of the secret %s back than was written", name)
		}
		return nil
	})
	return err
}

// options tells the gate what was read, and how to read it again.
func (o *ownSecrets) options(opt *gate.Options) {
	if o.Kind == inStore {
		return
	}
	opt.Peppers, opt.Pepper = o.ring.keys(), o.ring.newest(time.Now())
	opt.Reload = func(ctx context.Context) error { return o.reload(ctx, false) }
	opt.Signer = o.signer
}

// serve names the gate that is told of new peppers.
func (o *ownSecrets) serve(g *gate.Gate) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.gate = g
}

// reload reads the secrets again. Unless now is set it does nothing when they were read a
// moment ago.
func (o *ownSecrets) reload(ctx context.Context, now bool) error {
	if o.Kind == inStore {
		return nil
	}
	select {
	case o.turn <- struct{}{}:
	case <-ctx.Done():
		return fault.Wrap(fault.Unavailable, ctx.Err(), "the secrets are being read")
	}
	defer func() { <-o.turn }()
	o.mu.Lock()
	g, old, fresh := o.gate, o.ring, time.Since(o.read) < readAtLeast
	o.mu.Unlock()
	if g == nil || fresh && !now {
		return nil
	}
	ring, err := o.again(ctx, g, old)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.read = time.Now()
	switch {
	case err != nil && o.since.IsZero():
		o.since = o.read
		o.log.Error("the secrets cannot be read; what is known of them goes on", "keeper", o.Kind, "err", err)
	case err == nil && !o.since.IsZero():
		o.since = time.Time{}
		o.log.Info("the secrets can be read again", "keeper", o.Kind)
	}
	if o.why = err; err == nil {
		o.ring = ring
	}
	return err
}

// again reads the keyring and gives it to the gate. What is new is known to the control
// plane before anything is made with it.
func (o *ownSecrets) again(ctx context.Context, g *gate.Gate, old keyring) (keyring, error) {
	ctx, stop := context.WithTimeout(ctx, 15*time.Second)
	defer stop()
	ring, _, err := o.keyring(ctx)
	if err != nil {
		// A version whose time has come is used even so.
		if e := g.SetPeppers(old.keys(), old.newest(time.Now())); e != nil {
			return nil, e
		}
		return nil, err
	}
	if o.Writer == nil { // what still lies in the control plane goes on verifying
		for v, p := range old {
			if _, there := ring[v]; !there {
				ring[v] = p
			}
		}
	}
	newest := ring.newest(time.Now())
	if maps.EqualFunc(ring, old, func(a, b pepper) bool { return string(a.key) == string(b.key) && a.from.Equal(b.from) }) && newest == g.Pepper() {
		return ring, nil
	}
	if o.Writer != nil {
		if _, err := gate.KeepPeppers(ctx, o.store, o.Kind, ring.keys()); err != nil {
			return nil, err
		}
	}
	was := g.Pepper()
	if err := g.SetPeppers(ring.keys(), newest); err != nil {
		return nil, err
	}
	o.log.Info("peppers were read", "versions", len(ring), "new_digests_with", newest, "before", was)
	return ring, nil
}

// signer is the gate's Options.Signer.
func (o *ownSecrets) signer(ctx context.Context, stored string) (string, error) {
	v, err := o.Read(ctx, SignerSecret)
	switch {
	case err == nil && v.Current.Present():
		return v.Current.Value.Reveal(), nil
	case err != nil && fault.Of(err) != fault.Unknown:
		return "", err
	case o.Writer == nil:
		return "", nil // it stays in the control plane, encrypted under the pepper
	}
	text := stored
	if text == "" {
		if text, _, err = audit.NewSigner("assay/" + secret.NewID()[:12]); err != nil {
			return "", err
		}
	}
	return text, replaceSecret(ctx, o.Writer, SignerSecret, secret.Value{}, secret.Of(text))
}

// run reads the secrets again on an interval and on SIGHUP until ctx ends.
func (o *ownSecrets) run(ctx context.Context) error {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	t := time.NewTicker(o.refresh)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		case <-hup:
			o.log.Info("SIGHUP: the secrets are read again")
		}
		_ = o.reload(ctx, true) // logged and told by check
	}
}

// check is what /readyz tells. Secrets that cannot be read again are no reason to stop.
func (o *ownSecrets) check() api.Check {
	c := api.Check{Name: "secrets", OK: true}
	if o.Kind == inStore {
		c.Detail = "the pepper lies in the control plane beside the digests"
		return c
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.since.IsZero() {
		c.Detail = fmt.Sprintf("cannot be read from %s since %s; what is known of them goes on", o.Kind, o.since.UTC().Format(time.RFC3339))
	}
	return c
}

// RotatePepper adds a version to the keyring. Servers learn of it when they read their
// secrets again, and make digests with it from the given time on. It never gives a value.
func RotatePepper(ctx context.Context, cfg Config, store access.Store, now time.Time) (version int, from time.Time, err error) {
	o, err := openSecrets(ctx, cfg, store, slog.New(slog.DiscardHandler))
	switch {
	case err != nil:
		return 0, from, err
	case o.Kind == inStore:
		return 0, from, fault.At(fault.Conflict, "secrets.from", "the pepper lies in the control plane: choose a keeper with secrets.from first, it is moved there at the next start")
	case o.Writer == nil:
		return 0, from, fault.New(fault.Conflict, "the keeper %s can only be read: add `,N:BASE64@UNIXTIME` to the secret %q where it is made, see docs/operate/secrets.md", o.Kind, PepperSecret)
	}
	ring, was, err := o.keyring(ctx)
	if err != nil {
		return 0, from, err
	}
	from = now.Add(max(3*o.refresh, leadTime)).UTC().Truncate(time.Second)
	next, version, err := ring.next(from)
	if err != nil {
		return 0, from, err
	}
	return version, from, replaceSecret(ctx, o.Writer, PepperSecret, was, next.text())
}

// SecretRow tells about a secret, and nothing of its value.
type SecretRow struct {
	Name     string `json:"name"`
	Keeper   string `json:"keeper"`
	Current  string `json:"current"`  // the keeper's id of the version, or ""
	Previous string `json:"previous"` // likewise
	Pending  string `json:"pending"`
	Note     string `json:"note"`
}

// OwnSecrets lists our own secrets.
func OwnSecrets(ctx context.Context, cfg Config) ([]SecretRow, error) {
	k, err := OpenKeeper(cfg, "")
	if err != nil {
		return nil, err
	}
	var out []SecretRow
	for _, name := range []string{PepperSecret, SignerSecret} {
		row := SecretRow{Name: name, Keeper: k.Kind}
		if k.Kind == inStore {
			row.Note = "in the control plane"
			out = append(out, row)
			continue
		}
		v, err := k.Read(ctx, name)
		switch {
		case err != nil && fault.Of(err) != fault.Unknown:
			return out, err
		case err != nil && name == PepperSecret:
			row.Note = "made at the first start"
		case err != nil:
			row.Note = "made when it is first needed"
		default:
			row.Current, row.Previous, row.Pending = v.Current.ID, v.Previous.ID, v.Pending.ID
		}
		if err == nil && name == PepperSecret {
			ring, err := parseKeyring(v.Current.Value.Reveal())
			if err != nil {
				return out, err
			}
			now := time.Now()
			row.Note = fmt.Sprintf("versions: %d; new digests are made with %d", len(ring), ring.newest(now))
			for n, p := range ring {
				if now.Before(p.from) {
					row.Note += fmt.Sprintf(", with %d from %s", n, p.from.Format(time.RFC3339))
				}
			}
		}
		out = append(out, row)
	}
	return out, nil
}
