// Package coingecko is a face of Assay for clients of the CoinGecko API v3: they change
// the base URL and go on.
//
// It translates and does not think. What it answers comes from insight.Market, the board,
// the candles and the catalogue, the same rows that our own API shows; it asks nobody else
// and holds no texts or pictures of another provider. Paths that Assay has no data for are
// refused by name, never answered with made-up rows.
//
// What always holds: every answer and every failure has the form of that API; numbers are
// JSON numbers written from exact decimals, without a float on the way (shares and changes
// are statistics in float64); what is unknown is null and its key stays; the fields that
// API does not have come only when they are asked for (x_quality, x_volume). It reads no
// clock: the board has the time of the data. Its only state is bounded: which coins were
// asked for, and sums of volumes for ten seconds.
//
// app mounts it behind the admission of package api; the caller is in the context of its
// requests. docs/compat/coingecko.md lists paths, depth and differences.
package coingecko

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/access/limit"
	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/insight"
	"github.com/assayhq/assay/internal/crowd"
	"github.com/assayhq/assay/market"
)

// Assets is what the face needs of the catalogue.
type Assets interface {
	Get(asset.Code) (asset.Asset, bool)
	All() iter.Seq[asset.Asset]
	Search(q string, limit int) []asset.Asset
}

// Options are the parts of a face. Market, Board, Candles, Tickers and Assets must be given.
type Options struct {
	Market  insight.Market
	Board   market.Board
	Candles market.CandleReader
	Tickers insight.Tickers
	Assets  Assets
	// Standing tells how a caller with a key stands against its plan, for /key. Nil: there
	// are no plans.
	Standing func(context.Context, *access.Caller) (Standing, error)
	// Plan tells how far back a caller with a key may read; it answers from memory. Nil: as
	// far as there is anything.
	Plan func(*access.Caller) limit.Plan
	// Gate counts streams, and Go runs each beside its request until the server ends. A nil
	// Gate has no streams; a nil Go runs them within their requests.
	Gate Gate
	Go   func(func(context.Context))
	// Shared says that everybody may ask, so that caches between us and the clients may
	// keep answers too.
	Shared bool
}

// Standing is a caller's plan and what it has used of this month.
type Standing struct {
	Plan limit.Plan
	Used int64 // units of this calendar month, UTC
}

// Face answers requests whose path begins after /api/v3. It is safe for many at once.
type Face struct {
	opt     Options
	coins   map[string]asset.Asset // by CoinGecko id
	numbers map[string]int         // the coin_id of the answers: the place in the catalogue
	asked   popular
	volume  volumes
	crowd   crowd.Crowd
}

// New makes a face over its parts.
func New(o Options) (*Face, error) {
	if o.Market == nil || o.Board == nil || o.Candles == nil || o.Tickers == nil || o.Assets == nil {
		return nil, fault.New(fault.Invalid, "this face needs figures, a board, candles, tickers and assets")
	}
	f := &Face{opt: o, crowd: crowd.Crowd{All: maxOpen, Each: maxPerKey}, coins: map[string]asset.Asset{}, numbers: map[string]int{}}
	for a := range o.Assets.All() {
		if a.CoinGecko != "" && a.IsCrypto() {
			f.coins[a.CoinGecko] = a
			f.numbers[a.CoinGecko] = len(f.numbers) + 1
		}
	}
	return f, nil
}

// request is one question, read.
type request struct {
	ctx    context.Context
	caller *access.Caller // nil where nobody was admitted, as in tests
	path   []string       // what stands for the {} of the route
	query  url.Values
	now    time.Time   // of the data
	header http.Header // of the answer
}

// route is a path with {} for what varies, who answers it, and for how many seconds an
// answer may be kept; 0: not at all.
type route struct {
	path string
	do   func(*Face, *request) (any, error)
	keep int
}

// routes are tried in this order.
var routes = []route{
	{"ping", (*Face).ping, 60},
	{"key", (*Face).key, 0},
	{"simple/price", (*Face).simplePrice, 1},
	{"simple/supported_vs_currencies", (*Face).supported, 60},
	{"simple/token_price/{}", (*Face).tokenPrice, 1},
	{"coins/list", (*Face).list, 60},
	{"coins/markets", (*Face).markets, 2},
	{"coins/categories/list", (*Face).categoryNames, 60},
	{"coins/categories", (*Face).categories, 60},
	{"coins/top_gainers_losers", (*Face).movers, 5},
	{"coins/{}/tickers", (*Face).coinTickers, 2},
	{"coins/{}/history", (*Face).history, 60},
	{"coins/{}/market_chart", (*Face).chart, 5},
	{"coins/{}/market_chart/range", (*Face).chartRange, 5},
	{"coins/{}/ohlc", (*Face).ohlc, 5},
	{"coins/{}/ohlc/range", (*Face).ohlcRange, 5},
	{"coins/{}/contract/{}", (*Face).contract, 5},
	{"coins/{}/contract/{}/market_chart", (*Face).contractChart, 5},
	{"coins/{}/contract/{}/market_chart/range", (*Face).contractChartRange, 5},
	{"coins/{}", (*Face).coin, 5},
	{"asset_platforms", (*Face).platforms, 60},
	{"token_lists/{}/all.json", (*Face).tokenList, 60},
	{"exchanges/list", (*Face).exchangeNames, 60},
	{"exchanges/{}/tickers", (*Face).exchangeTickers, 2},
	{"exchanges/{}", (*Face).exchange, 2},
	{"exchanges", (*Face).exchanges, 10},
	{"exchange_rates", (*Face).rates, 60},
	{"search/trending", (*Face).trending, 60},
	{"search", (*Face).search, 60},
	{"global", (*Face).global, 10},
}

// ServeHTTP answers GET and HEAD.
func (f *Face) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodOptions:
		w.Header()["Allow"] = []string{"GET, HEAD, OPTIONS"}
		w.WriteHeader(http.StatusNoContent)
		return
	default:
		w.Header()["Allow"] = []string{"GET, HEAD, OPTIONS"}
		f.refuse(w, r, http.StatusMethodNotAllowed, fault.New(fault.Invalid, "only GET is answered here"))
		return
	}
	parts, ok := segments(r.URL)
	if !ok {
		f.refuse(w, r, http.StatusBadRequest, fault.New(fault.Invalid, "the path is not well encoded"))
		return
	}
	q := &request{ctx: r.Context(), caller: gate.Caller(r.Context()), query: query(r.URL.RawQuery), now: f.opt.Board.Now(), header: w.Header()}
	for i := range routes {
		if q.path, ok = match(routes[i].path, parts); ok {
			answer, err := routes[i].do(f, q)
			if err != nil {
				f.refuse(w, r, 0, err)
				return
			}
			f.send(w, r, answer, routes[i].keep)
			return
		}
	}
	f.refuse(w, r, 0, refused(parts))
}

// segments are the parts of a path without slashes at its ends, decoded.
func segments(u *url.URL) ([]string, bool) {
	parts := strings.Split(strings.Trim(u.EscapedPath(), "/"), "/")
	for i, p := range parts {
		s, err := url.PathUnescape(p)
		if err != nil || len(s) > 200 || len(parts) > 12 {
			return nil, false
		}
		parts[i] = s
	}
	return parts, true
}

// match gives what stands for the {} of a pattern.
func match(pattern string, parts []string) (vars []string, ok bool) {
	for _, p := range parts {
		var want string
		want, pattern, _ = strings.Cut(pattern, "/")
		switch {
		case want == "{}" && p != "":
			vars = append(vars, p)
		case want != p:
			return nil, false
		}
	}
	return vars, pattern == ""
}

// query reads parameters leniently: what is not well encoded is taken as it stands.
func query(raw string) url.Values {
	v := url.Values{}
	for n := 0; raw != "" && n < 100; n++ {
		var part string
		part, raw, _ = strings.Cut(raw, "&")
		name, value, _ := strings.Cut(part, "=")
		if name != "" {
			v.Add(decoded(name), decoded(value))
		}
	}
	return v
}

func decoded(s string) string {
	if u, err := url.QueryUnescape(s); err == nil {
		return strings.ToValidUTF8(u, "\uFFFD")
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

func (f *Face) ping(*request) (any, error) {
	return object{{"gecko_says", "Assay answers."}}, nil
}
