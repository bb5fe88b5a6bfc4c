package api

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/accesstest"
	"github.com/assayhq/assay/access/anomaly"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/access/watch"
	"github.com/assayhq/assay/notify"
	"github.com/assayhq/assay/notify/box"
	"github.com/assayhq/assay/notify/webhook"
)

// The matrix asks every route as everybody who must not be let in, and as the two who
// must: the owner, and another app of the same organisation. Its routes are the
// registry's, so a new one is in it by itself, and fails until it says here what it
// answers. The things of organisation A bear marks; no answer to anybody else may hold
// one, nor anything that A's keys or secrets are made of.

// ask is one request; {names} in it are ids of A's things.
type asked struct {
	target, body string
	status       int // for a stranger with every scope; 0: as the owner
}

// expected says how to ask a route so that its owner succeeds.
type expected struct {
	ask     asked
	prepare func(t *testing.T, m *matrix) // before the owner asks
	also    []asked                       // other ways for a stranger to reach A's things
	open    int                           // status where no key is asked for; 0: one is
	needs   access.Scope                  // that none of the askers has, the owner neither
}

func at(target string) expected { return expected{ask: asked{target: target}} }

// theirs is a route to a thing of A: for a stranger it does not exist.
func theirs(target, body string, prepare func(*testing.T, *matrix)) expected {
	return expected{ask: asked{target, body, 404}, prepare: prepare}
}

func expectations() map[string]expected {
	newKey := func(app string) string {
		return `{"name":"new","scopes":["market:read"],"app":"` + app + `"}`
	}
	rotated := func(t *testing.T, m *matrix) { m.rotate(t) }
	confirmed := func(t *testing.T, m *matrix) {
		m.rotate(t)
		m.do(t, "POST", "/v1/rings/{ring}/confirm", "")
	}
	e := map[string]expected{
		"list-prices": at("/v1/prices"), "get-price": at("/v1/prices/BTC"), "list-quotes": at("/v1/quotes/BTC-USD"),
		"list-candles": at("/v1/candles/BTC-USD?interval=1h"), "list-trades": at("/v1/trades/BTC-USD"), "get-book": at("/v1/books/BTC-USD?venue=kraken"),
		"list-indicators": at("/v1/indicators"), "get-indicator": at("/v1/indicators/RSI"), "get-indicator-values": at("/v1/indicators/values/BTC-USD?functions=SMA(2)"),
		"list-assets": at("/v1/assets"), "get-asset": at("/v1/assets/BTC"), "list-venues": at("/v1/venues"), "get-venue": at("/v1/venues/kraken"),
		"list-instruments": at("/v1/instruments"), "list-derivatives": at("/v1/derivatives"), "list-derivative-history": at("/v1/derivatives/history?venue=kraken&pair=BTC-USD-PERP"),
		"list-corrections": at("/v1/corrections?venue=kraken&pair=BTC-USD"), "list-funding": at("/v1/funding?pair=BTC-USD-PERP"), "list-liquidations": at("/v1/liquidations"), "list-quality": at("/v1/quality"), "list-gaps": at("/v1/gaps?start=2026-02-01"),
		"list-grades": at("/v1/grades"), "list-grade-formulas": at("/v1/grades/formulas"), "get-grade-record": at("/v1/grades/record"), "get-grades": at("/v1/grades/BTC"), "list-grade-history": at("/v1/grades/BTC/history"),
		"list-figures": at("/v1/figures"), "get-figures": at("/v1/figures/BTC"), "get-global": at("/v1/global"), "list-categories": at("/v1/categories"), "list-movers": at("/v1/movers"), "list-screener": at("/v1/screener"),
		"list-tickers": at("/v1/tickers"),
		"get-depth":    at("/v1/depth/BTC-USD"), "get-slippage": at("/v1/slippage/BTC-USD?side=buy&qty=1"), "get-route": at("/v1/route/BTC-USD?side=buy&qty=1"),
		"list-scores": at("/v1/scores"), "list-drift": at("/v1/drift"),
		"accept-drift":         {ask: asked{"/v1/venues/kraken/drift/accept", "", 403}, needs: access.Admin},
		"create-stream-ticket": at("/v1/stream/tickets"), "get-me": at("/v1/me"),
		"list-keys":  {ask: asked{target: "/v1/keys"}, also: []asked{{target: "/v1/keys?app={app}"}}},
		"list-rings": {ask: asked{target: "/v1/rings"}, also: []asked{{target: "/v1/rings?app={app}"}}},
		"create-key": {ask: asked{"/v1/keys", newKey("fresh-app"), 201}, also: []asked{{"/v1/keys", `{"name":"n","scopes":["market:read"],"org":"{org}"}`, 400}}},
		"revoke-key": {ask: asked{"/v1/keys/{key}?wait=none", "", 404}, also: []asked{{"/v1/keys/{ring}?wait=none", "", 404}}},
		"retire-key": theirs("/v1/keys/{key}/retire?force=true", "", confirmed),
		"undo-key": {ask: asked{"/v1/keys/{key}/undo", "", 404}, prepare: func(t *testing.T, m *matrix) {
			confirmed(t, m)
			m.do(t, "POST", "/v1/keys/{key}/retire?force=true", "")
		}},
		"get-ring":              {ask: asked{"/v1/rings/{ring}", "", 404}, also: []asked{{"/v1/rings/{key}", "", 404}}},
		"get-stragglers":        theirs("/v1/rings/{ring}/stragglers", "", nil),
		"rotate-ring":           theirs("/v1/rings/{ring}/rotate", "{}", nil),
		"confirm-ring":          theirs("/v1/rings/{ring}/confirm", "", rotated),
		"rollback-ring":         theirs("/v1/rings/{ring}/rollback", "", rotated),
		"extend-ring":           theirs("/v1/rings/{ring}/extend", `{"retire_at":"{later}"}`, confirmed),
		"open-incident":         {ask: asked{"/v1/incidents", `{"org":"{org}","app":"{app}"}`, 404}, also: []asked{{"/v1/incidents", `{"keys":["{key}"]}`, 404}, {"/v1/incidents", `{"ring":"{ring}"}`, 404}, {"/v1/incidents", `{"app":"{app}"}`, 404}}},
		"list-audit":            {ask: asked{target: "/v1/audit?limit=1000"}, also: []asked{{target: "/v1/audit?from=1"}}},
		"get-checkpoint":        at("/v1/audit/checkpoint"),
		"get-compliance":        at("/v1/compliance"),
		"list-nodes":            at("/v1/nodes"),
		"get-usage":             {ask: asked{target: "/v1/usage"}, also: []asked{{target: "/v1/usage?app={app}"}}},
		"create-webhook":        at("/v1/webhooks"),
		"list-webhooks":         at("/v1/webhooks"),
		"delete-webhook":        theirs("/v1/webhooks/{hook}", "", nil),
		"enable-webhook":        theirs("/v1/webhooks/{hook}/enable", "", nil),
		"rotate-webhook":        theirs("/v1/webhooks/{hook}/rotate", "{}", nil),
		"list-deliveries":       theirs("/v1/webhooks/{hook}/deliveries", "", nil),
		"test-webhook":          theirs("/v1/webhooks/{hook}/test", "", nil),
		"replay-webhook":        theirs("/v1/webhooks/{hook}/replay", `{"since":"1999-12-01T00:00:00Z"}`, nil),
		"get-consistency-proof": {ask: asked{target: "/v1/audit/proofs/consistency?from=1&to=2"}},
		"get-inclusion-proof":   theirs("/v1/audit/proofs/inclusion?entry={entry}", "", nil),

		"sign-up":         {ask: asked{target: "/v1/account/signup", body: `{"email":"x@example.com","password":"a long password","org":"x"}`}, open: 202},
		"confirm-account": {ask: asked{target: "/v1/account/confirm", body: `{"token":"nonsense"}`}, open: 401},
		"log-in":          {ask: asked{target: "/v1/account/login", body: `{"email":"x@example.com","password":"wrong"}`}, open: 401},
		"log-out":         {ask: asked{target: "/v1/account/logout"}, open: 401},
		"change-password": {ask: asked{target: "/v1/account/password", body: `{"old":"x","new":"y"}`}, open: 401},
		"begin-totp":      {ask: asked{target: "/v1/account/totp/begin", body: `{"password":"x"}`}, open: 401},
		"enable-totp":     {ask: asked{target: "/v1/account/totp/enable", body: `{"code":"123456"}`}, open: 401},
		"get-account":     {ask: asked{target: "/v1/account"}, open: 401},
		"delete-account":  {ask: asked{target: "/v1/account/delete", body: `{"password":"x"}`}, open: 401},
		"list-sessions":   {ask: asked{target: "/v1/account/sessions"}, open: 401},
		"end-session":     {ask: asked{target: "/v1/account/sessions/x"}, open: 401},

		"log-out-everywhere":   {ask: asked{target: "/v1/account/logout/everywhere"}, open: 401},
		"forgot-password":      {ask: asked{target: "/v1/account/reset", body: `{"email":"x@example.com"}`}, open: 202},
		"reset-password":       {ask: asked{target: "/v1/account/reset/confirm", body: `{"token":"nonsense","password":"a long password"}`}, open: 401},
		"disable-totp":         {ask: asked{target: "/v1/account/totp/disable", body: `{"password":"x","code":"123456"}`}, open: 401},
		"renew-recovery-codes": {ask: asked{target: "/v1/account/totp/recovery", body: `{"password":"x","code":"123456"}`}, open: 401},
		"begin-passkey":        {ask: asked{target: "/v1/account/passkeys/begin", body: `{"password":"x"}`}, open: 401},
		"add-passkey":          {ask: asked{target: "/v1/account/passkeys", body: `{"ceremony":"x","name":"x","response":"{}"}`}, open: 401},
		"remove-passkey":       {ask: asked{target: "/v1/account/passkeys/x/remove", body: `{"password":"x"}`}, open: 401},
		"begin-passkey-log-in": {ask: asked{target: "/v1/account/passkeys/login/begin"}, open: 201},
		"log-in-passkey":       {ask: asked{target: "/v1/account/passkeys/login", body: `{"ceremony":"x","response":"{}"}`}, open: 401},
		"join-org":             {ask: asked{target: "/v1/account/join", body: `{"code":"x"}`}, open: 401},
		"list-members":         {ask: asked{target: "/v1/orgs/{org}/members"}, open: 401},
		"set-role":             {ask: asked{target: "/v1/orgs/{org}/members/x", body: `{"role":"admin"}`}, open: 401},
		"remove-member":        {ask: asked{target: "/v1/orgs/{org}/members/x"}, open: 401},
		"invite-member":        {ask: asked{target: "/v1/orgs/{org}/invitations", body: `{"role":"viewer"}`}, open: 401},
		"list-invitations":     {ask: asked{target: "/v1/orgs/{org}/invitations"}, open: 401},
		"withdraw-invitation":  {ask: asked{target: "/v1/orgs/{org}/invitations/x"}, open: 401},
		"create-org-key":       {ask: asked{target: "/v1/orgs/{org}/keys", body: `{"name":"x","scopes":["market:read"]}`}, open: 401},
		"list-org-keys":        {ask: asked{target: "/v1/orgs/{org}/keys"}, open: 401},
		"revoke-org-key":       {ask: asked{target: "/v1/orgs/{org}/keys/{key}"}, open: 401},

		"push-ring":         theirs("/v1/rings/{ring}/push", `{"to":"","name":""}`, nil),
		"list-plans":        at("/v1/plans"),
		"get-plan":          at("/v1/plans/free"),
		"set-plan":          {ask: asked{"/v1/plans/free", `{"version":99,"rate":1,"burst":1,"daily":0,"monthly":0,"concurrency":0,"connections":0,"subscriptions":0}`, 403}, needs: access.Admin},
		"list-apps":         {ask: asked{target: "/v1/apps"}, also: []asked{{target: "/v1/apps?org={org}", status: 404}}},
		"get-app":           theirs("/v1/apps/{app}", "", nil),
		"set-app":           {ask: asked{"/v1/apps/{app}", `{"plan":"","rate":65536,"burst":131072}`, 404}, also: []asked{{"/v1/apps/{app}?org={org}", `{"plan":"","rate":5,"burst":5}`, 404}}},
		"list-alerts":       at("/v1/alerts"),
		"get-alert":         theirs("/v1/alerts/{alert}", "", nil),
		"acknowledge-alert": theirs("/v1/alerts/{alert}/acknowledge", "", nil),
		"dismiss-alert":     theirs("/v1/alerts/{alert}/dismiss", "", nil),
		"check-signature":   {ask: asked{target: "/v1/signing/check", body: `{}`, status: 403}, needs: "a signer"},

		"export-candles":    at("/v1/exports/candles?pair=BTC-USD&interval=1h&estimate=true"),
		"export-trades":     at("/v1/exports/trades?pair=BTC-USD&venue=kraken&estimate=true"),
		"list-exports":      at("/v1/exports"),
		"create-backfill":   {ask: asked{"/v1/backfills", `{"venue":"kraken","pair":"BTC-USD","what":"trades","start":"2026-02-01"}`, 403}, needs: access.Admin},
		"list-backfills":    {ask: asked{"/v1/backfills", "", 403}, needs: access.Admin},
		"get-backfill":      {ask: asked{"/v1/backfills/bf_1", "", 403}, needs: access.Admin},
		"cancel-backfill":   {ask: asked{"/v1/backfills/bf_1", "", 403}, needs: access.Admin},
		"repair-gap":        {ask: asked{"/v1/gaps/g1/repair", "", 403}, needs: access.Admin},
		"summarize-gaps":    at("/v1/gaps/summary?start=2026-02-01"),
		"cancel-export":     {ask: asked{"/v1/exports/jobs/exp_000000000000", "", 404}, needs: "an export"},
		"list-risk-metrics": at("/v1/risk"),
		"get-risk":          at("/v1/risk/BTC"),
		"list-drawdowns":    at("/v1/risk/BTC/drawdowns"),
		"list-rolling-risk": at("/v1/risk/BTC/rolling?metric=volatility"),
		"get-levels":        at("/v1/risk/BTC/levels"),
		"get-cone":          at("/v1/risk/BTC/cone"),
		"list-pumps":        at("/v1/risk/BTC/pumps"),
		"list-scenarios":    at("/v1/risk/BTC/scenarios?caps=2e12&shares=0.5&supply=19000000"),
		"list-correlations": at("/v1/correlation?assets=BTC,ETH"),
		"compare-assets":    at("/v1/compare?a=BTC&b=ETH"),

		"get-health":    {ask: asked{target: "/healthz"}, open: 200},
		"get-readiness": {ask: asked{target: "/readyz"}, open: 200},
		"get-version":   {ask: asked{target: "/version"}, open: 200},

		// Routes outside the registry: streams, and whatever is mounted.
		"stream": at("/v1/stream"), "stream-rest": at("/v1/stream/sse"), "/compat/x/": at("/compat/x/ping"),
	}
	w := e["create-webhook"]
	w.ask.body = `{"url":"https://new.example.org/in","events":["*"]}`
	e["create-webhook"] = w
	return e
}

// matrix is a server with two organisations, and everybody who asks.
type matrix struct {
	*Server
	gate    *gate.Gate
	box     *box.Box
	store   *accesstest.Link
	actors  map[string]string // name -> what is sent as the key
	names   map[string]string // of A's things
	marks   []string          // must be in no answer to a stranger
	secrets []string          // must be in no answer at all
	owner   string
	app2    string
	stop    func()
}

const (
	orgA, appA = "orga-7f3e9d", "appa-c81b22"
	orgB       = "orgb"
)

// ofOrg counts what names its organisation, so that a wrong one shows.
type ofOrg struct{ fixedMeter }

func (ofOrg) Usage(org, _ string, start, _ time.Time, by string) []Usage {
	return []Usage{{Start: period(by, start), App: "used by " + org, Requests: 1}}
}

func everything() []access.Scope {
	all := slices.Collect(maps.Keys(access.Scopes()))
	return slices.DeleteFunc(all, func(s access.Scope) bool { return s == access.Admin || s == access.OrdersPlace })
}

// newMatrix makes the world. It must be called inside a synctest bubble.
func newMatrix(t *testing.T) *matrix {
	t.Helper()
	m := &matrix{actors: map[string]string{}, names: map[string]string{"org": orgA, "app": appA}}
	m.store = accesstest.NewMemory().Link()
	var err error
	if m.gate, err = gate.New(m.store, gate.Options{Node: "n1", Static: time.Hour}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = m.gate.Run(ctx) }()
	m.stop = func() { cancel(); <-done }
	if m.box, err = box.New(m.store, box.Options{CheckURL: new(webhook.Guard).CheckURL, Seal: m.gate.Seal, Open: m.gate.Open, Now: m.gate.Now}); err != nil {
		t.Fatal(err)
	}
	// A's things, each with a mark.
	alerts := &watch.Desk{Store: m.store, Gate: m.gate}
	a := m.make(t, gate.Spec{Name: "ringa-5d02aa", Org: orgA, App: appA, Scopes: everything()})
	a2 := m.make(t, gate.Spec{Name: "ringb-61f0c4", Org: orgA, App: "appb-99e4d1", Scopes: everything()})
	hook, secret, err := m.box.Register(t.Context(), box.Spec{Org: orgA, URL: "https://hooka-2b7d.example.org/in", Events: []string{"*"}, Description: "worda-e1a9"})
	if err != nil {
		t.Fatal(err)
	}
	e := notify.Event{ID: "msg_marka", Type: notify.KeyRevoked, At: m.gate.Now().UTC(), Org: orgA, App: appA}
	if err := m.box.Enqueue(t.Context(), notify.Delivery{Event: e, Endpoint: hook.ID, N: 1, Due: e.At}); err != nil {
		t.Fatal(err)
	}
	failed := notify.Attempt{Event: e.ID, Type: e.Type, Endpoint: hook.ID, N: 1, At: e.At, Status: 503, Outcome: notify.Exhausted, Error: "errora-55", Response: "saida-77"}
	if err := m.box.Record(t.Context(), failed, time.Time{}); err != nil {
		t.Fatal(err)
	}
	entries, _, err := m.gate.Audit(t.Context(), orgA, 0, 100)
	if err != nil || len(entries) == 0 {
		t.Fatal("no entry of A in the audit log", err)
	}
	own := m.make(t, gate.Spec{Name: "ringc-08bd3e", Org: orgA, App: appA, Scopes: everything()})
	m.owner, m.app2 = own.Token, a2.Token
	m.names["key"], m.names["ring"], m.names["hook"] = a.Key.ID, a.Ring.ID, hook.ID
	m.names["entry"] = fmt.Sprint(entries[0].Seq)
	m.names["later"] = m.gate.Now().Add(20 * 24 * time.Hour).UTC().Format(time.RFC3339)
	m.marks = []string{orgA, appA, "ringa-5d02aa", "ringb-61f0c4", "ringc-08bd3e", "appb-99e4d1", own.Key.ID, own.Ring.ID, a.Key.ID, a2.Key.ID, a.Ring.ID, a2.Ring.ID, hook.ID, "hooka-2b7d", "worda-e1a9", "msg_marka", "errora-55", "saida-77"}
	m.secrets = []string{a.Token[20:], a2.Token[20:], own.Token[20:], secret[6:]}

	watcher, err := watch.New(watch.Options{Store: m.store, Gate: func() *gate.Gate { return m.gate }, Canaries: []string{a.Key.ID}})
	if err != nil {
		t.Fatal(err)
	}
	watcher.Refused(anomaly.Refusal{At: m.gate.Now(), Why: anomaly.Expired, Key: a.Key.ID, Ring: a.Ring.ID, App: appA, Prefix: netip.MustParsePrefix("203.0.113.0/24"), Agent: "agenta-4f", Checksum: true})
	watching, enough := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func() { defer close(watched); _ = watcher.Run(watching) }()
	time.Sleep(30 * time.Second)
	enough()
	<-watched
	found, err := alerts.List(t.Context(), watch.Filter{Org: orgA})
	if err != nil || len(found) != 1 {
		t.Fatalf("%d alerts of A: %v", len(found), err)
	}
	m.names["alert"] = found[0].ID
	m.marks = append(m.marks, found[0].ID, "agenta-4f")

	m.Server, err = New(Options{Market: plainMarket{}, Tickers: worldTickers(t, newWorld()), Grades: plainGrades{}, Backfills: plainBackfills{}, Repairs: plainRepairs{}, Alerts: alerts, Accounts: anna{}, Board: newWorld(), History: worldHistory(t, newWorld()), Candles: worldHistory(t, newWorld()), Assets: catalogue(t), Gate: m.gate,
		Meter: ofOrg{}, Webhooks: m.box,
		Stream: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "open for "+gate.Caller(r.Context()).Org) }),
		Mounts: []Mount{{Pattern: "/compat/x/", Scope: access.MarketRead, Cost: 1, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, "compat for "+gate.Caller(r.Context()).Org)
		})}}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (m *matrix) make(t *testing.T, s gate.Spec) gate.Made {
	t.Helper()
	s.Rate = 1 << 16
	made, err := m.gate.Create(t.Context(), gate.By{Name: "test"}, s)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// strangers makes everybody of B, in every state that a key can have.
func (m *matrix) strangers(t *testing.T) {
	t.Helper()
	ctx, by, now := t.Context(), gate.By{Name: "test"}, m.gate.Now()
	spec := func(name string) gate.Spec {
		return gate.Spec{Name: name, Org: orgB, App: "b", Scopes: everything(), Policy: access.Policy{Undo: time.Minute}}
	}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	m.actors["no key"] = ""
	m.actors["malformed"] = "asy_live_short"
	m.actors["another scheme"] = "Basic dXNlcjpwYXNz"
	m.actors["other organisation"] = m.make(t, spec("whole")).Token
	test := spec("test")
	test.Env = "test"
	m.actors["other organisation, test key"] = m.make(t, test).Token
	lower := spec("lower")
	lower.Scopes = []access.Scope{access.AnalyticsRead}
	m.actors["lower scope"] = m.make(t, lower).Token
	// A key of A that may rotate itself rotates nothing else.
	m.actors["self-rotating"] = m.make(t, gate.Spec{Name: "selfa-3c", Org: orgA, App: appA, Scopes: []access.Scope{access.KeysRotate}}).Token
	unknown := m.make(t, spec("unknown"))
	other := m.make(t, gate.Spec{Name: "elsewhere", Scopes: everything()})
	// A key that this installation has never made: another's, with a checksum that fits.
	m.actors["unknown key"] = foreignToken(t)
	m.actors["forged secret"] = graft(m.owner, other.Token)
	m.actors["forged secret of B"] = graft(unknown.Token, other.Token)
	short := spec("short")
	short.Expires = now.Add(30 * time.Second)
	m.actors["expired"] = m.make(t, short).Token
	net := spec("net")
	net.Bounds.Networks, _ = networks([]string{"203.0.113.0/24"})
	m.actors["wrong network"] = m.make(t, net).Token
	hours := spec("hours")
	minute := now.UTC().Hour()*60 + now.UTC().Minute()
	hours.Bounds.Hours = []access.Hours{{From: (minute + 600) % 1440, To: (minute + 660) % 1440}}
	m.actors["outside hours"] = m.make(t, hours).Token
	revoked := m.make(t, spec("revoked"))
	m.actors["revoked"] = revoked.Token
	_, err := m.gate.Revoke(ctx, by, gate.Target{Keys: []string{revoked.Key.ID}}, "test", gate.WaitAll)
	check(err)
	ended := func(name string, undo time.Duration) {
		s := spec(name)
		s.Policy.Undo = undo
		made := m.make(t, s)
		m.actors[name] = made.Token
		_, err := m.gate.Rotate(ctx, by, made.Ring.ID, gate.RotateSpec{})
		check(err)
		_, err = m.gate.Confirm(ctx, by, made.Ring.ID)
		check(err)
		_, err = m.gate.Retire(ctx, by, made.Key.ID, true)
		check(err)
	}
	ended("retired", time.Minute)
	ended("suspended", 72*time.Hour)
	back := m.make(t, spec("withdrawn"))
	next, err := m.gate.Rotate(ctx, by, back.Ring.ID, gate.RotateSpec{})
	check(err)
	m.actors["withdrawn"] = next.Token
	_, err = m.gate.Rollback(ctx, by, back.Ring.ID)
	check(err)
	time.Sleep(3 * time.Minute) // the supervisor retires, expiry passes
	for name, want := range map[string]string{"expired": "expired", "revoked": "revoked", "retired": "retired", "suspended": "suspended", "withdrawn": "withdrawn"} {
		r, err := m.gate.Ring(ctx, "", m.actors[name][9:20])
		check(err)
		if got := r.Key(m.actors[name][9:20]).Standing(m.gate.Now()); got != want {
			t.Fatalf("the key that is to be %s is %s", want, got)
		}
	}
}

// foreignToken is one of another installation: well formed, and unknown here.
func foreignToken(t *testing.T) string {
	g, err := gate.New(accesstest.NewMemory().Link(), gate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	made, err := g.Create(t.Context(), gate.By{Name: "test"}, gate.Spec{Name: "x", Scopes: everything()})
	if err != nil {
		t.Fatal(err)
	}
	return made.Token
}

// graft is a well-formed token with the public part of one and the secret of another.
func graft(kid, secret string) string {
	body := kid[:20] + secret[20:63]
	return body + crc62(body)
}

// want is what a stranger gets of a route that asks for a key.
func want(actor string, op *Operation, owner, stranger int) (status int, code string) {
	switch actor {
	case "no key", "malformed", "another scheme", "unknown key", "forged secret", "forged secret of B", "expired", "revoked", "retired", "suspended", "withdrawn":
		return 401, "unauthentic"
	case "wrong network", "outside hours":
		return 403, "denied"
	case "lower scope":
		if op.Scope != "" {
			return 403, "denied"
		}
		return owner, ""
	case "self-rotating":
		if op.Scope != "" { // with the scope of rotate, but of another ring: refused all the same
			return 403, "denied"
		}
		return owner, ""
	}
	if stranger == 0 {
		stranger = owner
	}
	return stranger, map[int]string{404: "unknown", 400: "invalid"}[stranger]
}

// send asks as somebody.
func (m *matrix) send(method, key string, a asked) *httptest.ResponseRecorder {
	target, body := m.fill(a.target), m.fill(a.body)
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if body == "" {
		r = httptest.NewRequest(method, target, nil)
	} else {
		r.Header.Set("Content-Type", "application/json")
	}
	switch {
	case strings.HasPrefix(key, "Basic "):
		r.Header.Set("Authorization", key)
	case key != "":
		r.Header.Set("Authorization", "Bearer "+key)
	}
	w := httptest.NewRecorder()
	m.ServeHTTP(w, r)
	return w
}

func (m *matrix) fill(s string) string {
	for k, v := range m.names {
		s = strings.ReplaceAll(s, "{"+k+"}", v)
	}
	return s
}

func (m *matrix) do(t *testing.T, method, target, body string) *httptest.ResponseRecorder {
	t.Helper()
	w := m.send(method, m.owner, asked{target: target, body: body})
	if w.Code/100 != 2 {
		t.Fatalf("%s %s: %d %s", method, target, w.Code, w.Body)
	}
	return w
}

func (m *matrix) rotate(t *testing.T) {
	t.Helper()
	m.do(t, "POST", "/v1/rings/{ring}/rotate", "{}")
}

// leaks finds marks of A in a whole answer that the request itself did not hold.
func (m *matrix) leaks(w *httptest.ResponseRecorder, a asked) (out []string) {
	text := dump(w)
	own := m.fill(a.target) + m.fill(a.body)
	for _, mark := range append(slices.Clone(m.marks), m.secrets...) {
		if strings.Contains(text, mark) && !strings.Contains(own, mark) {
			out = append(out, mark)
		}
	}
	return out
}

// dump is an answer with its headers, but for random ids.
func dump(w *httptest.ResponseRecorder) string {
	var b strings.Builder
	_ = w.Header().Write(&b)
	return b.String() + "\n" + w.Body.String()
}

// state is everything of A that a change would show in.
func (m *matrix) state(t *testing.T) string {
	t.Helper()
	rings, err := m.gate.Rings(t.Context(), orgA, "")
	if err != nil {
		t.Fatal(err)
	}
	hooks, err := m.box.List(t.Context(), orgA)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal([]any{rings, hooks})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// routes are the registry's, and those beside it.
func (m *matrix) routes() []Operation {
	out := append(m.Operations(),
		Operation{ID: "stream", Method: "GET", Path: "/v1/stream", Scope: access.StreamRead, Cost: 1},
		Operation{ID: "stream-rest", Method: "GET", Path: "/v1/stream/{rest...}", Scope: access.StreamRead, Cost: 1})
	for _, x := range m.opt.Mounts {
		out = append(out, Operation{ID: x.Pattern, Method: "GET", Path: x.Pattern, Scope: x.Scope, Cost: x.Cost})
	}
	return out
}

func TestEveryRouteRefusesEverybodyWhoMayNot(t *testing.T) {
	table := expectations()
	synctest.Test(t, func(t *testing.T) {
		m := newMatrix(t)
		defer m.stop()
		m.strangers(t)
		before := m.state(t)
		cells, refused, routes := 0, 0, 0
		seen := map[string]bool{}
		for _, op := range m.routes() {
			e, ok := table[op.ID]
			if !ok {
				t.Errorf("%s %s (%s) has no expectation in the matrix: say in expectations() how its owner asks it and what a stranger gets", op.Method, op.Path, op.ID)
				continue
			}
			seen[op.ID] = true
			routes++
			owner := orOK(op.status)
			for name, key := range m.actors {
				for _, a := range append([]asked{e.ask}, e.also...) {
					status, code := want(name, &op, owner, a.status)
					if e.needs != "" && status < 400 {
						status, code = 403, "denied"
					}
					if e.open != 0 {
						status, code = e.open, ""
						time.Sleep(100 * time.Millisecond) // one network asks all this
					}
					w := m.send(op.Method, key, a)
					cells++
					if w.Code >= 400 {
						refused++
					}
					if w.Code != status {
						t.Errorf("%s as %s: %d, want %d\n%s", op.ID, name, w.Code, status, w.Body)
						continue
					}
					if code != "" && status >= 400 {
						if p := problemOf(t, w); p.Code != code || p.Status != status {
							t.Errorf("%s as %s: the problem is %s %d, want %s %d", op.ID, name, p.Code, p.Status, code, status)
						}
					}
					if found := m.leaks(w, a); found != nil && name != "self-rotating" {
						t.Errorf("%s as %s tells of A: %q in\n%s", op.ID, name, found, dump(w))
					}
				}
			}
		}
		for id := range table {
			if !seen[id] {
				t.Errorf("the matrix expects %s, which is no route", id)
			}
		}
		if after := m.state(t); after != before {
			t.Errorf("a stranger changed A\nbefore %s\nafter  %s", before, after)
		}
		t.Logf("matrix: %d routes, %d askers, %d cells, %d of them refused", routes, len(m.actors), cells, refused)
	})
}

// The same requests, asked by their owner, succeed: so each refusal above was for who
// asked. Another app of the organisation may too: the organisation is the boundary.
func TestEveryRouteLetsItsOwnersIn(t *testing.T) {
	table := expectations()
	var ops []Operation
	synctest.Test(t, func(t *testing.T) { m := newMatrix(t); ops = m.routes(); m.stop() })
	cells := 0
	cell := func(t *testing.T, m *matrix, op *Operation, who string) {
		key := m.owner
		if who == "other app" {
			key = m.app2
		}
		w := m.send(op.Method, key, table[op.ID].ask)
		cells++
		if w.Code != orOK(op.status) {
			t.Errorf("%s as %s: %d, want %d\n%s", op.ID, who, w.Code, orOK(op.status), w.Body)
		}
		for _, s := range m.secrets {
			if strings.Contains(dump(w), s) {
				t.Errorf("%s as %s tells a secret again", op.ID, who)
			}
		}
	}
	for _, who := range []string{"owner", "other app"} {
		var changing []Operation
		synctest.Test(t, func(t *testing.T) {
			m := newMatrix(t)
			defer m.stop()
			for _, op := range ops {
				e := table[op.ID]
				switch {
				case e.open != 0 || e.ask.target == "" || e.needs != "":
				case op.Method == "GET" || e.ask.status == 0:
					cell(t, m, &op, who)
				default:
					changing = append(changing, op)
				}
			}
		})
		for _, op := range changing { // each has a world of its own
			synctest.Test(t, func(t *testing.T) {
				m := newMatrix(t)
				defer m.stop()
				if p := table[op.ID].prepare; p != nil {
					p(t, m)
				}
				cell(t, m, &op, who)
			})
		}
	}
	t.Logf("matrix: %d cells of owners", cells)
}

// Who guesses learns nothing: an unknown key and a known key with a wrong secret get
// answers of one length, with the same headers, and the same text.
func TestAForgedKeyLooksLikeAnUnknownOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMatrix(t)
		defer m.stop()
		m.strangers(t)
		random := regexp.MustCompile(`req_[0-9a-z]+`)
		answer := func(key string) (string, http.Header) {
			w := m.send("GET", key, asked{target: "/v1/keys"})
			h := w.Header().Clone()
			h.Del("X-Request-Id")
			return random.ReplaceAllString(w.Body.String(), "req_x"), h
		}
		want, headers := answer(m.actors["unknown key"])
		for _, name := range []string{"forged secret", "forged secret of B"} {
			got, h := answer(m.actors[name])
			if got != want || fmt.Sprint(h) != fmt.Sprint(headers) {
				t.Errorf("%s\n%s %v\nunknown\n%s %v", name, got, h, want, headers)
			}
		}
		dead := graft(m.actors["revoked"], m.owner)
		if got, _ := answer(dead); got != want {
			t.Errorf("the state of a key is told to whoever has not proved it: %s", got)
		}
	})
}

// Others' things do not exist: a stranger cannot tell an id of A from one that nobody has.
func TestAStrangerCannotTellWhatExists(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMatrix(t)
		defer m.stop()
		b := m.make(t, gate.Spec{Name: "b", Org: orgB, Scopes: everything()}).Token
		real := maps.Clone(m.names)
		none := map[string]string{"key": "0a0b0c0d0e0", "ring": "ring_9z9y9x9w9v9u", "hook": "hook_" + strings.Repeat("a", 26), "entry": "999", "org": "orgz-000000", "app": "appz-000000", "alert": "alr_" + strings.Repeat("0", 24), "later": real["later"]}
		random := regexp.MustCompile(`req_[0-9a-z]+`)
		answer := func(method string, a asked, names map[string]string) string {
			m.names = names
			w := m.send(method, b, a)
			text := fmt.Sprint(w.Code, random.ReplaceAllString(w.Body.String(), "req_x"))
			for k, v := range names {
				if k != "entry" {
					text = strings.ReplaceAll(text, v, "{"+k+"}")
				}
			}
			return text
		}
		compared := 0
		for _, op := range m.routes() {
			e := expectations()[op.ID]
			for _, a := range append([]asked{e.ask}, e.also...) {
				if a.status != 404 || op.ID == "get-inclusion-proof" { // its number is in more words than the id's
					continue
				}
				compared++
				if got, want := answer(op.Method, a, real), answer(op.Method, a, none); got != want {
					t.Errorf("%s %s tells that it exists\nA's   %s\nnone  %s", op.ID, a.target, got, want)
				}
			}
		}
		if compared < 20 {
			t.Errorf("only %d requests were compared", compared)
		}
	})
}

// A cursor of one organisation opens no page of another.
func TestACursorIsOfItsOrganisation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMatrix(t)
		defer m.stop()
		b := m.make(t, gate.Spec{Name: "b", Org: orgB, Scopes: everything()}).Token
		w := m.do(t, "GET", "/v1/keys?limit=1", "")
		cursor := w.Header().Get("Assay-Next-Cursor")
		if cursor == "" {
			t.Fatal("no cursor")
		}
		got := m.send("GET", b, asked{target: "/v1/keys?limit=1&cursor=" + cursor})
		if got.Code != 400 {
			t.Errorf("%d %s", got.Code, got.Body)
		}
		if found := m.leaks(got, asked{}); found != nil {
			t.Errorf("it tells %q", found)
		}
	})
}

// crc62 is a token's checksum: the CRC-32 of the rest in six base62 digits.
func crc62(body string) string {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	sum := crc32.ChecksumIEEE([]byte(body))
	var out [6]byte
	for i := 5; i >= 0; i-- {
		out[i] = digits[sum%62]
		sum /= 62
	}
	return string(out[:])
}
