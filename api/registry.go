package api

import (
	"context"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/fault"
)

// Operation is one thing that can be asked. The registry of them is the source of the
// routes, the OpenAPI document and the reference page.
type Operation struct {
	ID      string // stable, kebab-case
	Method  string
	Path    string
	Scope   access.Scope // that the caller must have; "" for none
	Cost    int          // units of the caller's limit; 0 without a scope: no caller is asked for
	Tag     string       // group on the reference page
	Summary string       // a few words
	Doc     string       // what to know before using it
	// Signed says whether requests must be signed, and Idempotent whether they may or must
	// have an Idempotency-Key. Never is filled in where the operation changes something.
	Signed, Idempotent Demand

	keep   time.Duration           // how long answers are kept for retries; 0 is 24 h
	secret bool                    // its answer holds something that is shown once
	status int                     // of success; 0 is 200
	file   bool                    // the answer is a file, of formats of its own
	also   access.Scope            // does instead of Scope; "" for none
	weigh  func(*http.Request) int // what a request costs by what it asks; nil: Cost
	query  []string                // names of its query parameters, sorted
}

// Operations lists the registry in the order of the reference page.
func (s *Server) Operations() []Operation { return slices.Clone(s.ops) }

// register is the registry.
func (s *Server) register() {
	get := func(id, path, tag string, cost int, summary, doc string) Operation {
		return Operation{ID: id, Method: http.MethodGet, Path: path, Scope: access.MarketRead, Cost: cost, Tag: tag, Summary: summary, Doc: doc}
	}

	add(s, get("list-prices", "/v1/prices", "Prices", 2, "Prices of many assets",
		"One fair price per asset over all venues. Without `assets`, every price there is. An asset that has no price now is listed with a null price."), s.prices)
	add(s, get("get-price", "/v1/prices/{asset}", "Prices", 1, "One price with its sources",
		"The price, its bounds, and what each venue contributed, including those that were left out and why. The asset may be given by code, name, CoinGecko id or contract address."), s.price)
	add(s, get("list-quotes", "/v1/quotes/{pair}", "Prices", 1, "Best bid and ask at every venue", ""), s.quotes)

	addHot[candlesIn, []Candle](s, get("list-candles", "/v1/candles/{pair}", "History", 2, "Candles",
		"With `start`, the first `limit` candles from there on, and a cursor to go on. Without it, the newest `limit` candles before `end`. Always oldest first. The last candle may still be open: `complete` is false. With `known_at`, what was given at that moment: earlier versions of candles that were corrected since, and none that was open then."), s.candles)
	addHot[tradesIn, []Trade](s, get("list-trades", "/v1/trades/{pair}", "History", 2, "Trades",
		"With `start`, the first `limit` trades of one venue from there on, and a cursor to go on. Without it, the newest `limit` trades, of all venues if none is named. Always oldest first. With `known_at`, without those that were received later."), s.trades)
	add(s, get("list-corrections", "/v1/corrections", "History", 2, "Candles that were corrected",
		"From what to what, when and why: late trades, trades that were fetched after a gap, the venue's own bar, an import. `start` and `end` are of the candles' opening times. `known_at` of /v1/candles gives the bars as they were."), s.corrections)
	addHot[bookIn, Book](s, get("get-book", "/v1/books/{pair}", "Prices", 2, "Order book of one venue",
		"Bids and asks, best first. A book that is being joined again after a loss is answered with `valid` false and no levels, never with stale ones."), s.book)

	s.registerDerivatives()
	add(s, get("get-depth", "/v1/depth/{pair}", "Liquidity", 3, "What rests near the middle",
		"Per venue the size and value within distances of the middle of its book, exact sums of its levels."), s.depth)
	add(s, get("get-slippage", "/v1/slippage/{pair}", "Liquidity", 3, "What a size would cost at each venue",
		"Takes the size from each venue's book of this moment, best level first: average and worst price, and how far the average is from the middle. Best venue first. Fees are not in it."), s.slippage)
	add(s, get("get-route", "/v1/route/{pair}", "Liquidity", 5, "How to split a size over the venues",
		"The split over the books of this moment that costs least (or brings most), with your fees and, if you wish, with pairs in other currencies and stablecoins converted by their consensus rates. Exact for takers: every level is an offer of its own. It places no order, and a book can change before you do."), s.route)

	s.registerIndicators()

	add(s, get("list-assets", "/v1/assets", "Reference", 1, "Assets",
		"The catalogue: coins, tokens and currencies with their classes. `q` searches names, tickers and ids, best match first."), s.assets)
	add(s, get("get-asset", "/v1/assets/{id}", "Reference", 1, "One asset",
		"By code, other ticker, name, `coingecko:` id, `tm:` id, or `chain:address`. When several assets are meant the answer is 409 and lists them."), s.asset)
	add(s, get("list-venues", "/v1/venues", "Reference", 1, "Venues and how they are doing", ""), s.venues)
	add(s, get("get-venue", "/v1/venues/{venue}", "Reference", 1, "One venue", ""), s.venue)
	add(s, get("list-instruments", "/v1/instruments", "Reference", 1, "What the venues trade", ""), s.instruments)

	add(s, get("list-quality", "/v1/quality", "Quality", 2, "State of the data per venue, pair and channel",
		"How fresh each channel is, what was marked in it, and how many gaps it had."), s.quality)
	add(s, get("list-scores", "/v1/scores", "Quality", 2, "How venues behaved",
		"Measured over the last day at most: uptime, lag, clock, gaps and repairs, spread, depth, distance from the consensus, prints far off, sides against the book, candles against the venue's own, and what may hint at wash trading. Of venues as wholes; with `pair`, of that pair at each venue, which is how to compare them. Facts, no verdict."), s.scores)
	add(s, get("list-drift", "/v1/drift", "Quality", 2, "What changed in what venues send",
		"Members of messages that are new or gone, values the decoders do not know, and messages they could not read, each with a count and a sample. A part of the messages is looked at. `assay doctor --venue NAME` explains it."), s.drift)
	add(s, Operation{ID: "accept-drift", Method: http.MethodPost, Path: "/v1/venues/{venue}/drift/accept", Scope: access.Admin, Cost: 5, Tag: "Quality",
		Summary: "Note that the changes were seen", Doc: "What is news of a venue's messages counts as known from now on, and the counts of the rest begin anew."}, s.acceptDrift)
	add(s, get("list-gaps", "/v1/gaps", "Quality", 2, "Gaps in the data",
		"When data was missing or in doubt, why, and whether it was filled later. Without `start`, of the last 24 hours."), s.gaps)

	add(s, get("summarize-gaps", "/v1/gaps/summary", "Quality", 2, "Gaps in sum, per venue",
		"How many are open, over and repaired, how long something was missing, and what was restored. Parts of a lost connection count with it. Without `start`, of the last 24 hours."), s.gapSummary)
	add(s, Operation{ID: "repair-gap", Method: http.MethodPost, Path: "/v1/gaps/{id}/repair", Scope: access.Admin, Cost: 5, Tag: "Quality",
		Summary: "Try again to fill a gap of trades", Doc: "Asks the venue now for the trades that are missing; of a lost connection, for those of each pair. Where it does not reach back that far, its one-minute candles take the place of our incomplete ones. `repaired_by` says what came of it."}, s.repairGap)
	s.registerBackfills()

	add(s, Operation{ID: "create-stream-ticket", Method: http.MethodPost, Path: "/v1/stream/tickets", Scope: access.StreamRead, Cost: 1, Tag: "Streams", status: http.StatusCreated,
		Summary: "A ticket that opens one stream",
		Doc:     "For browsers, which cannot send headers when they open a WebSocket: connect to `/v1/stream?ticket=...`. A ticket works once, within 30 seconds."}, s.ticket)

	add(s, Operation{ID: "get-me", Method: http.MethodGet, Path: "/v1/me", Cost: 1, Tag: "Keys",
		Summary: "Who the caller is", Doc: "The key's public part, owner, scopes, bounds and dates, and the app's plan with what is left of it. It is what a new key is tested with: a staged key is confirmed by it. Without a key, what everyone may do here."}, s.me)
	add(s, Operation{ID: "list-keys", Method: http.MethodGet, Path: "/v1/keys", Scope: access.KeysRead, Cost: 5, Tag: "Keys",
		Summary: "Keys, without their secrets", Doc: "The keys of the caller's organisation, rings made last first."}, s.keys)
	change := func(id, method, path string, status int, summary, doc string) Operation {
		return Operation{ID: id, Method: method, Path: path, Scope: access.KeysWrite, Cost: 5, Tag: "Keys", status: status, Summary: summary, Doc: doc}
	}
	add(s, change(createKeyOp, http.MethodPost, "/v1/keys", http.StatusCreated, "Make a ring with its first key",
		"The token is in this answer and nowhere else. A key can give scopes that it has itself; more needs keys:grant."), s.createKey)
	add(s, change("revoke-key", http.MethodDelete, "/v1/keys/{id}", 0, "Revoke a key or a ring",
		"At once and for ever. The answer is a receipt: every node has acknowledged, or has fenced itself. If it is not complete it names the nodes that may still accept the key, and for how long at most."), s.revokeKey)
	add(s, change("retire-key", http.MethodPost, "/v1/keys/{id}/retire", 0, "Suspend a key",
		"It is refused from now on, which can be undone for a while. Only when a successor was seen working, or with force."), s.retireKey)
	add(s, change("undo-key", http.MethodPost, "/v1/keys/{id}/undo", 0, "Bring a suspended key back", "Within the time in `undo_until`."), s.undoKey)
	add(s, Operation{ID: "list-rings", Method: http.MethodGet, Path: "/v1/rings", Scope: access.KeysRead, Cost: 5, Tag: "Keys",
		Summary: "Rings with their keys", Doc: ""}, s.rings)
	add(s, Operation{ID: "get-ring", Method: http.MethodGet, Path: "/v1/rings/{id}", Scope: access.KeysRead, Cost: 1, Tag: "Keys",
		Summary: "One ring with its keys and rotation", Doc: ""}, s.ring)
	add(s, Operation{ID: "get-stragglers", Method: http.MethodGet, Path: "/v1/rings/{id}/stragglers", Scope: access.KeysRead, Cost: 2, Tag: "Keys",
		Summary: "Who still uses an old key", Doc: "By network, client and part of the API, with rate, last use, and a forecast of when all will have moved."}, s.stragglers)
	rotate := change(rotateRingOp, http.MethodPost, "/v1/rings/{id}/rotate", http.StatusCreated, "Make a successor",
		"Both keys are accepted. The first use of the new one confirms it, and sets the date from which the old one is refused. A key with keys:rotate:self may rotate its own ring. With `push` the new key is delivered to its keeper of secrets, proved there, and not shown; when that fails it is withdrawn.")
	rotate.Scope, rotate.also = access.KeysRotate, access.KeysWrite
	add(s, rotate, s.rotate)
	confirm := change("confirm-ring", http.MethodPost, "/v1/rings/{id}/confirm", 0, "Confirm a successor without waiting for its first use", "")
	confirm.Scope, confirm.also = access.KeysRotate, access.KeysWrite
	add(s, confirm, s.confirmRing)
	back := change("rollback-ring", http.MethodPost, "/v1/rings/{id}/rollback", 0, "Give a rotation up",
		"The old key is the one to use again. A successor that nobody has used ends; one in use gets a date.")
	back.Scope, back.also = access.KeysRotate, access.KeysWrite
	add(s, back, s.rollbackRing)
	add(s, change("push-ring", http.MethodPost, "/v1/rings/{id}/push", 0, "Say where new keys of a ring are delivered",
		"To a keeper of secrets that the settings of this installation name; an empty destination is nowhere. With a schedule the server then rotates and delivers by itself."), s.pushRing)
	add(s, change("extend-ring", http.MethodPost, "/v1/rings/{id}/extend", 0, "Move the date on which old keys are refused", ""), s.extendRing)
	add(s, change("open-incident", http.MethodPost, "/v1/incidents", 0, "Revoke many keys at once",
		"All keys that fit everything given, with one receipt. docs/operate/incidents.md has the playbook."), s.incident)
	add(s, Operation{ID: "list-audit", Method: http.MethodGet, Path: "/v1/audit", Scope: access.AuditRead, Cost: 5, Tag: "Keys",
		Summary: "What happened to keys", Doc: "The organisation's entries of the audit log, oldest first. `assay audit export` and `assay audit verify` check the log without trusting the server."}, s.audit)
	add(s, Operation{ID: "get-checkpoint", Method: http.MethodGet, Path: "/v1/audit/checkpoint", Scope: access.AuditRead, Cost: 5, Tag: "Keys",
		Summary: "The audit log's signature", Doc: "A signed note over the size and root of the log (golang.org/x/mod/sumdb/note). Keep it elsewhere: it proves later what the log was."}, s.checkpoint)
	s.registerEvidence()
	add(s, Operation{ID: "list-nodes", Method: http.MethodGet, Path: "/v1/nodes", Scope: access.Ops, Cost: 1, Tag: "Keys",
		Summary: "Processes that decide by the same keys", Doc: "With the change each decides by, and what is left of its lease."}, s.nodes)

	if s.opt.Tickers != nil {
		s.registerTickers(s.opt.Tickers)
	}
	if s.opt.Market != nil {
		s.registerFigures(s.opt.Market)
	}
	s.registerExports()
	if s.opt.Grades != nil {
		s.registerGrades(s.opt.Grades)
	}
	s.registerPlans()
	s.registerClientKeys(s.opt.ClientKeys)
	if s.opt.Accounts != nil {
		s.registerAccounts(accountFace{s.opt.Accounts, s})
	}

	add(s, Operation{ID: "get-usage", Method: http.MethodGet, Path: "/v1/usage", Scope: access.UsageRead, Cost: 5, Tag: "Keys",
		Summary: "What the organisation's apps have used", Doc: "Requests, units and bytes by app and hour, day or month (UTC), as of the last minute. With several servers, of all of them: `meta.as_of` says until when."}, usageOf(s.opt.Meter, s.opt.Gate.Now))

	s.registerAlerts()
	s.registerWebhooks(s.opt.Webhooks)
	s.registerSigning()
	s.registerRisk()

	open := func(id, path, summary, doc string) Operation {
		return Operation{ID: id, Method: http.MethodGet, Path: path, Tag: "Health", Summary: summary, Doc: doc}
	}
	add(s, open("get-health", "/healthz", "Whether the process lives", ""), s.health)
	add(s, open("get-readiness", "/readyz", "Whether it can serve", "503 while something it needs is missing."), s.ready)
	add(s, open("get-version", "/version", "What runs here", ""), s.version)
}

// Answer is what an operation says: the data, and what is known about it.
type Answer[T any] struct {
	Data T    `json:"data" xml:"data"`
	Meta Meta `json:"meta"`
	// status overrides the operation's.
	status int
}

// out is huma's view of an answer: it is written by us, not by huma.
type out struct{ Body func(huma.Context) }

// add registers an operation whose answer is encoded by its type.
func add[I, T any](s *Server, op Operation, handle func(context.Context, *I) (Answer[T], error)) {
	shape := shapeOf[Answer[T]]()
	serve[I, T](s, op, func(ctx context.Context, in *I, x *exchange) {
		a, err := handle(ctx, in)
		if err != nil {
			x.fail(err)
			return
		}
		x.send(orOK(a.status, x.op.status), &a.Meta, &cold[T]{&a, shape})
	})
}

// hot is an answer that encodes itself, because it is long and asked for often.
type hot interface {
	body
	meta() *Meta
	// free gives its memory back; it is not used afterwards.
	free()
}

// addHot registers an operation whose answer encodes itself. T is what it looks like.
func addHot[I, T any, H hot](s *Server, op Operation, handle func(context.Context, *I) (H, error)) {
	serve[I, T](s, op, func(ctx context.Context, in *I, x *exchange) {
		a, err := handle(ctx, in)
		if err != nil {
			x.fail(err)
			return
		}
		x.send(http.StatusOK, a.meta(), a)
		a.free()
	})
}

func orOK(status ...int) int {
	for _, x := range status {
		if x != 0 {
			return x
		}
	}
	return http.StatusOK
}

// serve registers an operation with huma, which reads and checks the parameters.
func serve[I, T any](s *Server, op Operation, do func(context.Context, *I, *exchange)) {
	op.secret = holdsSecret(reflect.TypeFor[T]())
	h := s.describe(&op)
	responses[T](s, h, orOK(op.status))
	huma.Register(s.huma, *h, func(ctx context.Context, in *I) (*out, error) {
		return &out{Body: func(v huma.Context) { do(ctx, in, v.(*view).x) }}, nil
	})
}

// router is huma's way to our routes: each operation is admitted before huma sees it.
type router struct{ s *Server }

// Handle adds a route.
func (a router) Handle(h *huma.Operation, enter func(huma.Context)) {
	s := a.s
	op := h.Metadata["operation"].(*Operation)
	for _, p := range h.Parameters {
		if p.In == "query" {
			op.query = append(op.query, p.Name)
		}
	}
	slices.Sort(op.query)
	s.ops = append(s.ops, *op)
	s.paths = append(s.paths, op.Path)
	s.mux.HandleFunc(op.Method+" "+op.Path, s.admit(op, func(x *exchange) {
		enter(&view{humaContext: humago.NewContext(h, x.r, x), x: x, ctx: x.context()})
	}))
}

// ServeHTTP is there for huma's interface.
func (a router) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.s.ServeHTTP(w, r) }

// newHuma makes a huma that only reads: its one format hands errors over to us.
func (s *Server) newHuma() huma.API {
	refuse := huma.Format{
		Marshal: func(w io.Writer, v any) error {
			m, ok := v.(*huma.ErrorModel)
			if !ok {
				return fault.New(fault.Internal, "huma wrote a %T", v)
			}
			w.(refusal).x.fail(refused(m))
			return nil
		},
		Unmarshal: huma.DefaultJSONFormat.Unmarshal,
	}
	cfg := huma.Config{
		OpenAPI:       s.blankDocument(),
		DefaultFormat: "application/json",
		Formats:       map[string]huma.Format{"application/json": refuse, "json": refuse},
	}
	return huma.NewAPI(cfg, router{s})
}

// refused turns what huma found wrong into a problem.
func refused(m *huma.ErrorModel) error {
	p := &problemError{}
	for _, e := range m.Errors {
		d := detail{Location: e.Location, Message: e.Message}
		if e.Value != nil && !strings.HasPrefix(e.Location, "body") {
			if s, ok := e.Value.(string); ok {
				d.Value = clip(s, 100)
			}
		}
		p.details = append(p.details, d)
	}
	text := m.Detail
	if len(p.details) > 0 {
		text = p.details[0].Message
		if p.details[0].Location != "" {
			text = p.details[0].Location + ": " + text
		}
	}
	kind := fault.Invalid
	switch m.Status {
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
	case http.StatusRequestEntityTooLarge:
		kind = fault.TooLarge
	case http.StatusUnsupportedMediaType:
		p.status, text, p.details = m.Status, "send the body as application/json", nil
	case http.StatusRequestTimeout:
		p.status = m.Status
	default:
		kind = fault.Internal
	}
	p.error = fault.New(kind, "%s", text)
	return p
}
