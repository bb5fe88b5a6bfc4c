package api

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"

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
	status  int          // of success; 0 is 200
	query   []string     // names of its query parameters, sorted
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
		"With `start`, the first `limit` candles from there on, and a cursor to go on. Without it, the newest `limit` candles before `end`. Always oldest first. The last candle may still be open: `complete` is false."), s.candles)
	addHot[tradesIn, []Trade](s, get("list-trades", "/v1/trades/{pair}", "History", 2, "Trades",
		"With `start`, the first `limit` trades of one venue from there on, and a cursor to go on. Without it, the newest `limit` trades, of all venues if none is named. Always oldest first."), s.trades)
	addHot[bookIn, Book](s, get("get-book", "/v1/books/{pair}", "Prices", 2, "Order book of one venue",
		"Bids and asks, best first. A book that is being joined again after a loss is answered with `valid` false and no levels, never with stale ones."), s.book)

	add(s, get("list-assets", "/v1/assets", "Reference", 1, "Assets",
		"The catalogue: coins, tokens and currencies with their classes. `q` searches names, tickers and ids, best match first."), s.assets)
	add(s, get("get-asset", "/v1/assets/{id}", "Reference", 1, "One asset",
		"By code, other ticker, name, `coingecko:` id, `tm:` id, or `chain:address`. When several assets are meant the answer is 409 and lists them."), s.asset)
	add(s, get("list-venues", "/v1/venues", "Reference", 1, "Venues and how they are doing", ""), s.venues)
	add(s, get("get-venue", "/v1/venues/{venue}", "Reference", 1, "One venue", ""), s.venue)
	add(s, get("list-instruments", "/v1/instruments", "Reference", 1, "What the venues trade", ""), s.instruments)

	add(s, get("list-quality", "/v1/quality", "Quality", 2, "State of the data per venue, pair and channel",
		"How fresh each channel is, what was marked in it, and how many gaps it had."), s.quality)
	add(s, get("list-gaps", "/v1/gaps", "Quality", 2, "Gaps in the data",
		"When data was missing or in doubt, why, and whether it was filled later. Without `start`, of the last 24 hours."), s.gaps)

	add(s, Operation{ID: "create-stream-ticket", Method: http.MethodPost, Path: "/v1/stream/tickets", Scope: access.StreamRead, Cost: 1, Tag: "Streams", status: http.StatusCreated,
		Summary: "A ticket that opens one stream",
		Doc:     "For browsers, which cannot send headers when they open a WebSocket: connect to `/v1/stream?ticket=...`. A ticket works once, within 30 seconds."}, s.ticket)

	add(s, Operation{ID: "get-me", Method: http.MethodGet, Path: "/v1/me", Cost: 1, Tag: "Keys",
		Summary: "Who the caller is", Doc: "The key's public part, its owner and scopes. Without a key, what everyone may do here."}, s.me)
	add(s, Operation{ID: "list-keys", Method: http.MethodGet, Path: "/v1/keys", Scope: access.KeysWrite, Cost: 5, Tag: "Keys",
		Summary: "Keys, without their secrets", Doc: "The keys of the caller's organisation, newest first."}, s.keys)
	add(s, Operation{ID: "create-key", Method: http.MethodPost, Path: "/v1/keys", Scope: access.KeysWrite, Cost: 5, Tag: "Keys", status: http.StatusCreated,
		Summary: "Make a key", Doc: "The token is in this answer and never shown again. A key can grant only scopes that the caller's key has, in the caller's organisation."}, s.createKey)
	add(s, Operation{ID: "revoke-key", Method: http.MethodDelete, Path: "/v1/keys/{id}", Scope: access.KeysWrite, Cost: 5, Tag: "Keys",
		Summary: "Revoke a key", Doc: "It opens nothing from the moment the answer is there."}, s.revokeKey)

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
