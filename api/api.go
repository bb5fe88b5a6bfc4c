// Package api is how Assay is told over HTTP: one registry of operations, from which
// come the routes, the OpenAPI document, and the reference page.
//
// It translates and does not think: an operation reads its parameters, asks the board,
// the history or the catalogue, and writes what they say, in JSON, JSON lines, XML, CSV
// or columns. Every answer says how old it is, where it comes from, and what is wrong
// with it. Every failure is an RFC 9457 problem made from a fault.Kind; this is the only
// place where kinds become HTTP statuses.
//
// What always holds: decimals are written with the digits they have, as strings unless
// the caller asks for numbers; unknown is null, zero is zero; start is inclusive and end
// exclusive; an answer is complete or a problem, never half of both; nothing is served
// before the caller was admitted (admit.go); no answer, log line or page holds a key,
// save the one that makes it. It keeps no state besides its parts and reads no clock:
// the board knows the time of the data, the gate the time of the request.
//
// app makes a Server and listens with it. Streams are a handler of their own, mounted
// and admitted here.
package api

import (
	"iter"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/access/idem"
	"github.com/assayhq/assay/access/watch"
	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/insight"
	"github.com/assayhq/assay/insight/indicator"
	"github.com/assayhq/assay/market"
)

// Assets is what the api needs of the catalogue.
type Assets interface {
	Get(asset.Code) (asset.Asset, bool)
	All() iter.Seq[asset.Asset]
	Resolve(q string) (asset.Asset, error)
	Search(q string, limit int) []asset.Asset
	Normalize(venue, symbol string) asset.Code
	IsFiat(asset.Code) bool
	IsStable(asset.Code) (peg asset.Code, ok bool)
}

// Check is one thing that must be well for the installation to be ready.
type Check struct {
	Name   string `json:"name" doc:"What was looked at"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty" doc:"One sentence for people"`
}

// Options are the parts of a server. Board, History, Candles, Assets and Gate must be given.
type Options struct {
	Board   market.Board
	History market.History
	Candles market.CandleReader
	Assets  Assets
	Gate    *gate.Gate
	// Webhooks keeps the endpoints that are told what happens; nil: there are none.
	Webhooks Webhooks
	// Stream serves /v1/stream and below, after admission: the caller is in the
	// request's context (gate.Caller). Nil: there are no streams.
	Stream http.Handler
	// Meter counts every request of a caller when it has been answered. Nil: nobody does.
	Meter Meter
	// Watch is told of every request of a key. Nil: nobody is.
	Watch Watch
	// Alerts are what looks like abuse; nil: there are none.
	Alerts *watch.Desk
	// Mounts are other faces over the same server, such as compatible APIs.
	Mounts []Mount
	// Open are faces that prove and limit their callers themselves, such as the lending of
	// tokens; of a Mount only Pattern and Handler count.
	Open []Mount
	// Repeats remembers what requests with an Idempotency-Key were answered. Nil: this
	// process does, until it ends.
	Repeats Repeats
	// Accounts are people with passwords; nil: there are none.
	Accounts Accounts
	// ClientKeys sets public keys of clients; nil: there are none.
	ClientKeys ClientKeys
	// Market tells figures; nil: there are none.
	Market insight.Market
	// Tickers tells what pairs did in the last hours; nil: nothing does.
	Tickers insight.Tickers
	// Grades tells grades; nil: there are none.
	Grades insight.Grades
	// Backfills has history of venues fetched; nil: nobody does.
	Backfills Backfills
	// Repairs tries to fill gaps; nil: nobody does.
	Repairs Repairs
	// Home replaces the page at /, such as by the web dashboard. It gets every path
	// that no operation has and that does not begin with /v1/.
	Home    http.Handler
	Version string
	// MaxExports is how many files are sent at the same time; default 4.
	MaxExports int
	// MaxBody bounds a request's body in bytes; default 64 KiB.
	MaxBody int64
	Logger  *slog.Logger
	// Ready tells what /readyz shows; nil is always ready.
	Ready func() []Check
	// Origins are the web origins that browsers may call from; "*" is all. Default none.
	Origins []string
}

// Server answers HTTP requests. It is safe for many at once.
type Server struct {
	opt   Options
	log   *slog.Logger
	mux   *http.ServeMux
	huma  huma.API
	ops   []Operation
	paths []string // every route's path, for suggestions
	spec  []byte   // OpenAPI 3.1
	spec0 []byte   // OpenAPI 3.0
	pages pages
	pools pools

	exports exports

	problem    *shape
	bookShape  *shape
	candleForm *rowForm[market.Candle, Candle]
	tradeForm  *rowForm[market.Trade, Trade]

	functions      []indicator.Function
	indicatorShape *shape
}

// New makes a server of its parts.
func New(opt Options) (*Server, error) {
	if opt.Board == nil || opt.History == nil || opt.Candles == nil || opt.Assets == nil || opt.Gate == nil {
		return nil, fault.New(fault.Invalid, "the api needs a board, a history, a reader of candles, assets and a gate")
	}
	if opt.MaxBody <= 0 {
		opt.MaxBody = 64 << 10
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	if opt.Repeats == nil {
		opt.Repeats = idem.NewMemory(0, 0)
	}
	if opt.Version == "" {
		opt.Version = "dev"
	}
	s := &Server{
		opt: opt, log: opt.Logger, mux: http.NewServeMux(),
		problem: shapeOf[Problem](), bookShape: shapeOf[Answer[Book]](), candleForm: newCandleForm(), tradeForm: newTradeForm(),
	}
	s.huma = s.newHuma()
	s.register()
	if err := s.document(); err != nil {
		return nil, err
	}
	if err := s.mount(); err != nil {
		return nil, err
	}
	return s, nil
}

// Handler is the server as a handler.
func (s *Server) Handler() http.Handler { return s }

// HTTP gives an http.Server with the limits this api is meant to run under. Streams
// take their connection over, so the time to write bounds ordinary answers only.
func (s *Server) HTTP() *http.Server {
	return &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
}
