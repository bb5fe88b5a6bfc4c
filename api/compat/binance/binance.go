// Package binance answers as the public market data of Binance spot does, REST and
// streams, so that clients made for it work with another base URL.
//
// It translates and does not think: symbols are our pairs without the dash, the data is
// that of one venue (Options.Venue) or of the consensus, and what the format has no place
// for is left out. It has no orders and no accounts, follows no exchange, and stores
// nothing. What differs from the original is in docs/compat/binance.md.
//
// What always holds: a failure has the original's shape, {"code":-1121,"msg":"..."};
// unknown, repeated and malformed parameters are refused; update ids of books rise with
// each change of our book, and a change that was missed shows as a jump in them, as in the
// original; a stream counts against the caller's plan and ends with its key; one that
// cannot keep up is closed. Callers were admitted before (api.Mount).
//
// Protocol: https://developers.binance.com/docs/binance-spot-api-docs. app mounts it.
package binance

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/access/limit"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/internal/crowd"
	"github.com/assayhq/assay/market"
)

// Gate is what it needs of the gate for streams and limits.
type Gate interface {
	Connect(c *access.Caller) (*gate.Connection, error)
	Live(c *access.Caller) error
	Plan(c *access.Caller) limit.Plan
	// Used notes that an open stream is a use of its key.
	Used(c *access.Caller, r *http.Request)
}

// Options are the parts. All but Origins and Logger must be given.
type Options struct {
	Board   market.Board
	History market.History
	Candles market.CandleReader
	Bus     market.Bus
	Gate    Gate
	Venue   market.VenueID // whose data is shown; market.ConsensusVenue for that of all
	// Go runs a stream to its end. Its context ends when the server stops, and who gives
	// Go waits for what it runs.
	Go      func(func(context.Context))
	Now     func() time.Time // for limits and caches; nil: the wall clock
	Origins []string         // of pages, besides those of this host, that may open a stream
	Logger  *slog.Logger
}

// Prefix is where it is always served; paths without it are the original's.
const prefix = "/compat/binance"

type face struct {
	opt      Options
	used     weights
	crowd    crowd.Crowd
	listed   memo[struct{}, *listing]
	stored   memo[struct{}, map[market.Pair]bool]
	windows  memo[span, *figures]
	newest   memo[barKey, []market.Candle]
	routes   map[string]route
	accounts map[string]bool
}

// route is one operation: the parameters it knows, and what answers.
type route struct {
	params string
	answer func(*face, context.Context, *query) (any, error)
}

// New makes the handler of everything under /compat/binance/ and of the original paths
// /api/v3/, /ws, /ws/ and /stream.
func New(opt Options) http.Handler {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	f := &face{opt: opt, crowd: crowd.Crowd{All: maxOpen, Each: maxPerKey}}
	f.listed.ttl, f.stored.ttl, f.windows.ttl, f.newest.ttl = time.Second, time.Minute, time.Second, time.Second
	f.routes = map[string]route{
		"ping":              {"", func(*face, context.Context, *query) (any, error) { return struct{}{}, nil }},
		"time":              {"", (*face).time},
		"exchangeInfo":      {"symbol symbols permissions showPermissionSets symbolStatus", (*face).exchangeInfo},
		"depth":             {"symbol limit symbolStatus", (*face).depth},
		"trades":            {"symbol limit", (*face).trades},
		"historicalTrades":  {"symbol limit fromId", (*face).historicalTrades},
		"aggTrades":         {"symbol limit fromId startTime endTime", (*face).aggTrades},
		"klines":            {"symbol interval startTime endTime timeZone limit", (*face).klines},
		"uiKlines":          {"symbol interval startTime endTime timeZone limit", (*face).klines},
		"avgPrice":          {"symbol", (*face).avgPrice},
		"ticker/24hr":       {"symbol symbols type symbolStatus", (*face).ticker24},
		"ticker":            {"symbol symbols type windowSize symbolStatus", (*face).ticker},
		"ticker/tradingDay": {"symbol symbols type timeZone symbolStatus", (*face).tradingDay},
		"ticker/price":      {"symbol symbols symbolStatus", (*face).tickerPrice},
		"ticker/bookTicker": {"symbol symbols symbolStatus", (*face).bookTicker},
	}
	f.accounts = map[string]bool{}
	for _, p := range strings.Fields("order order/test order/cancelReplace order/amend/keepPriority openOrders allOrders orderList orderList/oco orderList/oto orderList/otoco allOrderList openOrderList sor/order sor/order/test account account/commission myTrades myPreventedMatches myAllocations myFilters rateLimit/order order/amendments userDataStream") {
		f.accounts[p] = true
	}
	return f
}

func (f *face) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, prefix)
	w.Header().Set("X-MBX-USED-WEIGHT-1M", strconv.Itoa(f.used.add(gate.Caller(r.Context()).Party(), f.opt.Now())))
	switch {
	case path == "/ws" || path == "/ws/" || path == "/stream" || path == "/stream/" || strings.HasPrefix(path, "/ws/"):
		f.serveStream(w, r, path)
		return
	case strings.HasPrefix(path, "/sapi/"), strings.HasPrefix(path, "/wapi/"), strings.HasPrefix(path, "/fapi/"), strings.HasPrefix(path, "/dapi/"):
		send(w, http.StatusBadRequest, unsupported("there are spot market data only here, no %s", path))
		return
	}
	name, ok := strings.CutPrefix(path, "/api/v3/")
	op, known := f.routes[name]
	switch {
	case ok && f.accounts[name]:
		send(w, http.StatusBadRequest, unsupported("there are no orders and accounts here, only market data"))
	case !ok || !known:
		send(w, http.StatusNotFound, unsupported("there is nothing at this path"))
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		send(w, http.StatusMethodNotAllowed, unsupported("market data is asked for with GET"))
	default:
		f.answer(w, r, op)
	}
}

func (f *face) answer(w http.ResponseWriter, r *http.Request, op route) {
	q, err := parse(r, op.params)
	if err == nil {
		var v any
		if v, err = op.answer(f, r.Context(), q); err == nil {
			send(w, http.StatusOK, v)
			return
		}
	}
	if _, ours := err.(*apiError); !ours && fault.Of(err) == fault.Internal {
		f.opt.Logger.Error("a request failed", "path", r.URL.Path, "err", err)
	}
	status, e := apiErrorOf(err)
	send(w, status, e)
}

// sender is api.Sender, which compresses.
type sender interface {
	Send(status int, media string, body []byte)
}

func send(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		status, b = http.StatusInternalServerError, []byte(`{"code":-1000,"msg":"An unknown error occurred while processing the request."}`)
	}
	const media = "application/json;charset=UTF-8"
	if s, ok := w.(sender); ok {
		s.Send(status, media, b)
		return
	}
	w.Header().Set("Content-Type", media)
	w.WriteHeader(status)
	w.Write(b)
}

func (f *face) time(context.Context, *query) (any, error) {
	return struct {
		ServerTime int64 `json:"serverTime"`
	}{f.opt.Board.Now().UnixMilli()}, nil
}
