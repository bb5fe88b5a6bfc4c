// Package app is the roof: it turns settings into parts, connects them, and runs
// them as one group. It is the only package that knows everyone. It decides nothing
// about markets. It always stops what it started, in reverse order: streams are
// told to reconnect, venues are let go, what is pending is stored. cmd calls it.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/access/idem"
	"github.com/assayhq/assay/access/meter"
	"github.com/assayhq/assay/access/signing"
	"github.com/assayhq/assay/access/watch"
	"github.com/assayhq/assay/api"
	"github.com/assayhq/assay/api/stream"
	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/bus"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/insight/figures"
	"github.com/assayhq/assay/insight/grades"
	"github.com/assayhq/assay/insight/tickers"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/backfill"
	"github.com/assayhq/assay/market/feed"
	"github.com/assayhq/assay/market/venue/all"
	"github.com/assayhq/assay/notify/box"
	"github.com/assayhq/assay/notify/webhook"
	"github.com/assayhq/assay/store/pebble"
	"github.com/assayhq/assay/store/postgres"
	"github.com/assayhq/assay/store/sqlite"
)

// App is one installation of Assay in this process.
type App struct {
	cfg     Config
	log     *slog.Logger
	version string

	Catalogue *asset.Catalogue
	Control   access.Store
	Gate      *gate.Gate
	Meter     *meter.Meter
	History   *pebble.Store
	Bus       *bus.Local
	Writer    *feed.Writer
	Core      *feed.Core
	Reader    *feed.Reader
	Hub       *stream.Hub
	Figures   *figures.Engine
	Tickers   *tickers.Desk
	Grades    *grades.Engine
	Backfills *backfill.Desk
	API       *api.Server

	frames   *frameWriter
	Notices  *box.Box
	delivery *webhook.Engine
	repeats  *idem.Records
	lent     lender
	secrets  *ownSecrets
	people   *accounts
	watcher  *watch.Watcher // nil: nobody watches
	shared   *meter.Share   // nil: no other server counts
	begun    time.Time
	live     []*feed.Live
	pasts    map[market.VenueID]*feed.Past // of what is followed; filled before Run
	stations []*feed.Station
	crew     *crew
}

// New opens the stores and connects the parts. Close it, or Run it, which closes it.
func New(cfg Config, version string, log *slog.Logger) (*App, error) {
	a := &App{cfg: cfg, log: log, version: version, begun: time.Now(), crew: newCrew(), pasts: map[market.VenueID]*feed.Past{}}
	ok := false
	defer func() {
		if !ok {
			a.Close() //nolint:errcheck // the first error is the one to tell
		}
	}()
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "the data folder %s cannot be made; choose another with --data", cfg.Data)
	}
	var err error
	if a.Catalogue, err = asset.Load(); err != nil {
		return nil, err
	}
	if a.Control, err = OpenControl(cfg, log); err != nil {
		return nil, err
	}
	if a.History, err = pebble.Open(filepath.Join(cfg.Data, "history"), pebble.Options{Logger: log, FrameBytes: cfg.Frames.MaxBytes, FrameKeep: cfg.Frames.MaxAge}); err != nil {
		return nil, err
	}
	if a.Meter, err = meter.Open(meter.Options{Dir: filepath.Join(cfg.Data, "usage"), Node: nodeName(cfg), Relaxed: !cfg.Usage.Durable, Log: log}); err != nil {
		return nil, err
	}
	a.shared = shareUsage(cfg, a.Meter, a.Control, log)
	used := api.UsedOf(api.Summed(a.Meter, a.shared))
	control := waking{a.Control, func() {
		if a.delivery != nil {
			a.delivery.Wake()
		}
	}}
	if a.watcher, err = cfg.Anomalies.watcher(a.Control, filepath.Join(cfg.Data, "habits"), nodeName(cfg), func() *gate.Gate { return a.Gate }, log); err != nil {
		return nil, err
	}
	if a.Gate, a.secrets, err = openGate(control, cfg, nodeName(cfg), log, func(o *gate.Options) { o.Tokens, o.Used = a.lent.verify, used }, a.watched); err != nil {
		return nil, err
	}
	if a.Notices, err = openNotices(a.Control, cfg, func() *gate.Gate { return a.Gate }); err != nil {
		return nil, err
	}
	if a.delivery, err = a.openDelivery(); err != nil {
		return nil, err
	}
	a.lent.lease = max(cfg.Control.Lease, cfg.Control.Static)
	if cfg.Control.URL == "" && cfg.Control.Static == 0 {
		a.lent.lease = 0 // nobody else writes to a file that cannot be read
	}
	if err := a.lent.open(context.Background(), cfg.OAuth, a.Gate, a.Control, log); err != nil {
		return nil, err
	}
	if a.people, err = newAccounts(cfg.People, cfg.Mail, a.Gate, a.Control, log); err != nil {
		return nil, err
	}
	if a.repeats, err = openRepeats(a.Control, a.Gate); err != nil {
		return nil, err
	}
	var open []api.Mount
	for _, p := range a.lent.paths() {
		open = append(open, api.Mount{Pattern: p, Handler: a.lent.handler()})
	}
	a.Bus = bus.NewLocal()
	a.Writer = feed.NewWriter(a.remembering(), 200*time.Millisecond, 200_000, log)
	a.Core = feed.NewCore(a.Catalogue, a.Bus, a.Writer, log)
	stored, err := a.History.Series(context.Background())
	if err != nil {
		return nil, err
	}
	a.Core.Remember(stored)
	a.Reader = feed.NewReader(a.History, a.Core.OpenCandle, a.Catalogue.IsStable, a.Core.Now)
	if a.Hub, err = stream.New(stream.Options{Board: a.Core, Bus: a.Bus, Auth: streamAuth{a.Gate}, Candles: a.Reader, Logger: log, Origins: cfg.Origins}); err != nil {
		return nil, err
	}
	if a.Figures, err = a.openFigures(); err != nil {
		return nil, err
	}
	if a.Grades, err = a.openGrades(); err != nil {
		return nil, err
	}
	a.Tickers = tickers.New(a.Core, a.History)
	if a.Backfills, err = a.openBackfills(); err != nil {
		return nil, err
	}
	mounts, err := a.faces()
	if err != nil {
		return nil, err
	}
	opt := api.Options{
		Market: a.Figures, Tickers: a.Tickers, Grades: a.Grades, Backfills: a.Backfills, Repairs: a.Backfills,
		Board: a.Core, History: a.History, Candles: a.Reader, Assets: a.Catalogue, Gate: a.Gate, Webhooks: a.Notices, Meter: api.Metered(a.Meter, a.shared, log),
		Stream: admitted(a.Hub.Handler()), Version: version, Logger: log, Ready: a.checks, Origins: cfg.Origins,
		Open: open, Accounts: a.people, ClientKeys: &a.lent, Repeats: a.repeats, Alerts: &watch.Desk{Store: a.Control, Gate: a.Gate}, Mounts: mounts,
	}
	if a.watcher != nil {
		opt.Watch = a.watcher
	}
	agents, err := a.mcpMount()
	if err != nil {
		return nil, err
	}
	opt.Mounts = append(opt.Mounts, agents...)
	if a.API, err = api.New(opt); err != nil {
		return nil, err
	}
	if cfg.Frames.Keep {
		a.frames = newFrameWriter(a.History, log)
	}
	ok = true
	return a, nil
}

// OpenControl opens the control plane's store: a file in the data folder, or a
// PostgreSQL database that several servers share.
func OpenControl(cfg Config, log *slog.Logger) (access.Store, error) {
	if u := cfg.Control.URL; u != "" {
		if !strings.HasPrefix(u, "postgres://") && !strings.HasPrefix(u, "postgresql://") {
			return nil, fault.At(fault.Invalid, "control.url", "the control plane is in a file (leave it empty) or in PostgreSQL (postgres://user@host/database)")
		}
		store, err := postgres.Open(context.Background(), postgres.Options{URL: u, Logger: log})
		if err != nil {
			return nil, err
		}
		return hinted(store, cfg.Control, log)
	}
	if cfg.Control.NATS != "" {
		return nil, fault.At(fault.Invalid, "control.nats", "NATS tells servers of each other's changes; that needs a control plane that they share: set control.url")
	}
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "the data folder %s cannot be made; choose another with --data", cfg.Data)
	}
	return sqlite.Open(filepath.Join(cfg.Data, "control.db"), sqlite.Options{Logger: log})
}

// OpenGate makes the gate over a control plane. node is the name of a process that
// serves; "" is one that only changes keys.
func OpenGate(store access.Store, cfg Config, node string, log *slog.Logger, more ...func(*gate.Options)) (*gate.Gate, error) {
	g, _, err := openGate(store, cfg, node, log, more...)
	return g, err
}

func openGate(store access.Store, cfg Config, node string, log *slog.Logger, more ...func(*gate.Options)) (*gate.Gate, *ownSecrets, error) {
	secrets, err := openSecrets(context.Background(), cfg, store, log)
	if err != nil {
		return nil, nil, err
	}
	to, err := destinations(cfg)
	if err != nil {
		return nil, nil, err
	}
	var public []access.Scope
	for _, s := range cfg.Public {
		public = append(public, access.Scope(s))
	}
	opt := gate.Options{Node: node, Public: public, Logger: log, Lease: cfg.Control.Lease, Static: cfg.Control.Static, Window: cfg.Control.Window, Destinations: to, Lender: sharedLimits(store)}
	if opt.Window < 0 || opt.Window > signing.MaxWindow {
		return nil, nil, fault.At(fault.Invalid, "control.window", "signed requests are accepted within %s at most, not %s", signing.MaxWindow, opt.Window)
	}
	secrets.options(&opt)
	if opt.Static == 0 && cfg.Control.URL == "" {
		opt.Static = 15 * time.Minute // nobody else writes to a file that cannot be read
	}
	for _, t := range cfg.Control.Proxies {
		p, err := netip.ParsePrefix(t)
		if err != nil {
			return nil, nil, fault.At(fault.Invalid, "control.proxies", "%q is no network; write 10.0.0.0/8", t)
		}
		opt.Proxies = append(opt.Proxies, p)
	}
	for _, f := range more {
		f(&opt)
	}
	var g *gate.Gate
	notices, err := openNotices(store, cfg, func() *gate.Gate { return g })
	if err != nil {
		return nil, nil, err
	}
	opt.Publish = marking(notices.Publish)
	if g, err = gate.New(store, opt); err != nil {
		return nil, nil, err
	}
	secrets.serve(g)
	return g, secrets, nil
}

// nodeName is the process's name for people.
func nodeName(cfg Config) string {
	if cfg.Control.Node != "" {
		return cfg.Control.Node
	}
	host, err := os.Hostname()
	if err != nil {
		host = "assay"
	}
	return host + "/" + cfg.Listen
}

// recorder leaves quotes out when they are not to be stored.
func (a *App) recorder() market.Recorder {
	if a.cfg.Retention.QuotesKept {
		return a.History
	}
	return withoutQuotes{a.History}
}

type withoutQuotes struct{ market.Recorder }

// Append stores all but quotes.
func (w withoutQuotes) Append(ctx context.Context, b *market.Batch) error {
	c := *b
	c.Quotes = nil
	return w.Recorder.Append(ctx, &c)
}

// streamAuth lets the hub take over the caller that api has admitted already.
type streamAuth struct{ *gate.Gate }

// Authenticate gives the admitted caller.
func (s streamAuth) Authenticate(r *http.Request) (*access.Caller, error) {
	if c := gate.Caller(r.Context()); c != nil {
		return c, nil
	}
	return s.Gate.Authenticate(r)
}

// admitted takes the ticket out of the address: api used it up when it admitted the caller.
func admitted(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if q := r.URL.Query(); q.Has("ticket") {
			q.Del("ticket")
			u := *r.URL
			u.RawQuery = q.Encode()
			r = r.Clone(r.Context())
			r.URL = &u
		}
		h.ServeHTTP(w, r)
	})
}

// Close lets go of the stores.
func (a *App) Close() error {
	var errs []error
	if a.Meter != nil {
		errs = append(errs, a.Meter.Close())
	}
	if a.History != nil {
		errs = append(errs, a.History.Close())
	}
	if a.Control != nil {
		errs = append(errs, a.Control.Close())
	}
	return errors.Join(errs...)
}

// Follow adds a venue to be followed when Run starts.
func (a *App) Follow(id market.VenueID, l feed.Link) error {
	d, ok := all.Driver(id)
	if !ok {
		return fault.At(fault.Unknown, "venue", "there is no venue %q; known are %s", id, venueList())
	}
	if l.Log == nil {
		l.Log = a.log
	}
	if a.frames != nil {
		l.Keep = a.frames.add
	}
	for _, ch := range a.cfg.Channels {
		l.Channels = append(l.Channels, market.Channel(ch))
	}
	l.Backfill, l.Bars = a.cfg.Backfill, a.Reader
	s := a.Core.NewStation(d)
	if err := a.interrupted(s, id); err != nil {
		return err
	}
	a.recallDrift(s)
	a.stations = append(a.stations, s)
	live := feed.NewLive(s, l)
	a.live = append(a.live, live)
	a.pasts[id] = live.Past()
	return nil
}

// interrupted tells a station what is stored of its venue's trades, so that the time
// since then is disclosed as a gap and filled.
func (a *App) interrupted(s *feed.Station, id market.VenueID) error {
	ctx := context.Background()
	stored, err := a.History.Series(ctx)
	if err != nil {
		return err
	}
	var from time.Time
	last := map[market.Pair]market.Trade{}
	for _, r := range stored {
		if r.Venue != id || r.Channel != market.Trades {
			continue
		}
		for t, err := range a.History.Trades(ctx, r.Series, market.Range{Reverse: true, Limit: 1}) {
			if err != nil {
				return err
			}
			last[r.Pair] = t
			if t.At.After(from) {
				from = t.At
			}
		}
	}
	if !from.IsZero() {
		s.Interrupted(from, last)
	}
	return nil
}

// FollowAll adds the venues that the settings name, at their real addresses unless
// the settings override them.
func (a *App) FollowAll() error {
	for _, id := range a.cfg.venueIDs() {
		e := a.cfg.Endpoints[string(id)]
		if err := a.Follow(id, feed.Link{Stream: e.Stream, Base: e.REST, Pick: a.cfg.pick}); err != nil {
			return err
		}
	}
	return nil
}

// Listen opens the API's address, or says who has it.
func (a *App) Listen() (net.Listener, error) {
	l, err := net.Listen("tcp", a.cfg.Listen)
	if err != nil {
		return nil, fault.Wrap(fault.Conflict, err, "cannot listen on %s: %v; choose another address with --listen, such as 127.0.0.1:0 for any free port", a.cfg.Listen, err)
	}
	return l, nil
}

// Run serves on l until ctx ends, then drains and stops everything. background
// functions run beside it; one that fails stops the rest.
func (a *App) Run(ctx context.Context, l net.Listener, background ...func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// The parts that others lean on end later than those that use them.
	base, stopBase := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBase()
	var early, late sync.WaitGroup
	start := func(wg *sync.WaitGroup, ctx context.Context, name string, f func(context.Context) error) {
		wg.Go(func() {
			if err := f(ctx); err != nil && ctx.Err() == nil {
				a.log.Error("a part failed; stopping", "part", name, "err", err)
				cancel(fmt.Errorf("%s: %w", name, err))
			}
		})
	}
	start(&late, base, "writer", a.Writer.Run)
	start(&late, base, "keys", a.Gate.Run)
	if a.shared != nil {
		start(&late, base, "usage", a.shared.Run)
	}
	if a.frames != nil {
		start(&late, base, "frames", a.frames.run)
	}
	start(&early, ctx, "ticker", a.tick)
	start(&early, ctx, "figures", a.Figures.Run)
	start(&early, ctx, "grades", a.Grades.Run)
	start(&early, ctx, "supplies", a.followSupply)
	start(&early, ctx, "compatible streams", a.crew.wait)
	start(&early, ctx, "secrets", a.secrets.run)
	start(&early, ctx, "signing keys", a.lent.run)
	start(&early, ctx, "accounts", a.people.run)
	if a.watcher != nil {
		start(&early, ctx, "watcher", a.watcher.Run)
	}
	if !a.cfg.Webhooks.Off {
		start(&early, ctx, "webhooks", a.delivery.Run)
		start(&early, ctx, "notices", func(ctx context.Context) error { return sweepNotices(ctx, a.Notices, a.log) })
	}
	start(&early, ctx, "evidence", a.evidence)
	start(&early, ctx, "housekeeping", a.housekeeping)
	start(&early, ctx, "backfills", a.Backfills.Run)
	start(&early, ctx, "drift", a.keepDrift)
	start(&early, ctx, "retries", func(ctx context.Context) error { return sweepRepeats(ctx, a.repeats, a.log, a.Gate.Now) })
	for _, v := range a.live {
		start(&early, ctx, "venue", v.Run)
	}
	for _, f := range background {
		start(&early, ctx, "background", f)
	}
	hub, stopHub := context.WithCancel(context.WithoutCancel(ctx))
	defer stopHub()
	start(&late, hub, "streams", a.Hub.Run)
	srv := a.API.HTTP()
	start(&late, base, "api", func(context.Context) error {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	<-ctx.Done()
	drain, done := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer done()
	if err := a.Hub.Drain(drain); err != nil {
		a.log.Warn("some streams did not close in time", "err", err)
	}
	if err := srv.Shutdown(drain); err != nil {
		srv.Close() //nolint:errcheck // whatever is left is cut
	}
	stopHub()
	early.Wait()
	stopBase()
	late.Wait()
	err := a.Close()
	if c := context.Cause(ctx); c != nil && !errors.Is(c, context.Canceled) {
		return errors.Join(c, err)
	}
	return err
}

// tick is the pulse of live data: prices are computed and bars closed ten times a second.
func (a *App) tick(ctx context.Context) error {
	if len(a.live) == 0 {
		return nil // a replay ticks by the recording's time
	}
	t := time.NewTicker(100 * time.Millisecond)
	defer t.Stop()
	for {
		select {
		case now := <-t.C:
			a.Core.Tick(now.UTC())
		case <-ctx.Done():
			return nil
		}
	}
}

// checks is what /readyz tells: stores, and venues that are followed.
func (a *App) checks() []api.Check {
	out := []api.Check{{Name: "storage", OK: true}}
	if h := a.Gate.Health(); h.Fenced {
		out = append(out, api.Check{Name: "keys", Detail: fmt.Sprintf("the control plane has not answered for %s; callers with keys are told to come back", h.Stale.Round(time.Second))})
	} else {
		out = append(out, api.Check{Name: "keys", OK: true})
	}
	out = append(out, a.secrets.check())
	if s := a.Writer.Stats(); s.Failed > 0 && s.Pending > 50_000 {
		out[0] = api.Check{Name: "storage", Detail: fmt.Sprintf("%d rows wait to be stored", s.Pending)}
	}
	states := a.Core.Venues()
	if len(states) == 0 {
		return out
	}
	c := api.Check{Name: "venues"}
	for _, v := range states {
		if v.State == "live" {
			c.OK = true
			c.Detail += string(v.ID) + " "
		}
	}
	if !c.OK {
		c.Detail = "no venue is live"
		for _, v := range states {
			c.Detail += fmt.Sprintf("; %s: %s (%s)", v.ID, v.State, v.Reason)
		}
	} else {
		c.Detail = "live: " + c.Detail[:len(c.Detail)-1]
	}
	return append(out, c)
}
